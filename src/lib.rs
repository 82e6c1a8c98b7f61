//! Azure App Service's Easy Auth as one tower layer.

mod api_prefix;
pub mod clock;
mod config;
mod error;
pub mod http_client;
mod oauth;
mod origin;
mod path;
mod pending_login;
mod principal;
pub mod provider;
mod record;
mod relying_party;
mod return_to;
mod seal;
mod secret;
mod session;
pub mod store;
mod token;
mod wire;

pub use config::{Config, ConfigBuilder, ConfigError, SessionLifetime, Unauthenticated};
pub use error::{DecisionId, Error, Fault, Refusal, SubStatus};
pub use origin::{OriginError, PublicOrigin};
pub use principal::{Claim, Principal, ProviderId};
pub use seal::{Key, KeyError};
pub use secret::Secret;
