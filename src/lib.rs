//! Azure App Service's Easy Auth as one tower layer.

pub mod clock;
pub mod http_client;
mod oauth;
mod pending_login;
mod principal;
pub mod provider;
mod record;
mod return_to;
mod seal;
mod secret;
mod session;
pub mod store;
mod token;
mod wire;
