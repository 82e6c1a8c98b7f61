//! Azure App Service's Easy Auth as one tower layer.

mod api_prefix;
pub mod clock;
mod config;
#[cfg(feature = "dev-idp")]
pub mod dev_idp;
mod error;
#[cfg(feature = "axum")]
mod extract;
mod future;
pub mod http_client;
mod layer;
mod oauth;
mod origin;
mod path;
mod pending_login;
mod principal;
pub mod provider;
mod record;
mod relying_party;
mod return_to;
mod routes;
mod seal;
mod secret;
mod service;
mod session;
pub mod store;
mod token;
mod wire;

pub use config::{Config, ConfigBuilder, ConfigError, SessionLifetime, Unauthenticated};
pub use error::{DecisionId, Error, Fault, Refusal, SubStatus};
#[cfg(feature = "axum")]
pub use extract::NotSignedIn;
pub use future::{ResponseBody, ResponseFuture};
pub use layer::EasyAuthLayer;
pub use origin::{OriginError, PublicOrigin};
pub use principal::{Claim, Principal, ProviderId};
pub use seal::{Key, KeyError, RandomError};
pub use secret::Secret;
pub use service::{ConnectionScheme, EasyAuth};
pub use token::TokenSet;
