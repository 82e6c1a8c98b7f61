//! Azure App Service's Easy Auth as one tower layer.

pub mod clock;
mod oauth;
mod pending_login;
mod principal;
mod record;
mod return_to;
mod secret;
mod session;
pub mod store;
mod token;
