//! Azure App Service's Easy Auth as one tower layer.

pub mod clock;
mod pending_login;
mod principal;
mod record;
mod return_to;
mod seal;
mod secret;
mod session;
pub mod store;
mod token;
mod wire;
