//! Azure App Service's Easy Auth as one tower layer.

pub mod clock;
#[cfg(feature = "dev-idp")]
pub mod dev_idp;
mod pending_login;
mod principal;
mod record;
mod return_to;
mod routes;
mod secret;
mod session;
pub mod store;
mod token;
