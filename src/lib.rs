//! Azure App Service's Easy Auth as one tower layer.

mod api_prefix;
pub mod clock;
mod config;
mod origin;
mod path;
mod pending_login;
mod principal;
mod record;
mod return_to;
mod secret;
mod session;
pub mod store;
mod token;

pub use self::origin::{OriginError, PublicOrigin};
