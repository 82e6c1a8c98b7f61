//! Identity providers: one a file, each data and a pure mapping to claims.
//!
//! A provider declares what to ask for and says what the answers mean; the relying party sends and
//! receives. So every provider can be tested with recorded bytes.

mod authorization_policy;
mod claims;
mod openid_connect;

pub use authorization_policy::AuthorizationPolicy;
pub use openid_connect::{IssuerSource, OpenIdConnect};
pub(crate) use openid_connect::{Stated, max_age};

pub use crate::oauth::authorization::ResponseMode;
pub use crate::oauth::token::ClientAuthentication;
