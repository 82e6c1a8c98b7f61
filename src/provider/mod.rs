//! Identity providers: one a file, each data and a pure mapping to claims.
//!
//! A provider declares what to ask for and says what the answers mean; the relying party sends and
//! receives. So every provider can be tested with recorded bytes.

pub(crate) mod aad;
mod admission;
mod apple;
mod claims;
mod endpoints;
mod google;
mod habits;
mod identity;
mod issuer_source;
mod microsoft_account;
mod openid_connect;
mod private_key;
mod registration;

pub use aad::EntraId;
pub(crate) use admission::NotAdmitted;
pub use apple::Apple;
pub use claims::ClaimNames;
pub use endpoints::Endpoint;
pub use google::Google;
pub(crate) use habits::Sources;
pub(crate) use issuer_source::IssuerSource;
pub use microsoft_account::MicrosoftAccount;
pub(crate) use microsoft_account::successor;
pub use openid_connect::OpenIdConnect;
pub use private_key::{PrivateKey, PrivateKeyError};
pub(crate) use registration::{Audience, Registration, Signing, max_age};

pub use crate::oauth::authorization::{ResponseMode, ResponseType};
pub use crate::oauth::token::ClientAuthentication;
use crate::principal::Identity;
use crate::token::TokenSet;

/// One identity provider of a [configuration](crate::ConfigBuilder::provider): whichever of those
/// in this module it was made from.
#[derive(Clone, Debug)]
pub struct Provider(pub(crate) Protocol);

/// What is spoken with a provider, and all that it needs. Providers are many; these are few.
#[derive(Clone, Debug)]
pub(crate) enum Protocol {
    OpenIdConnect(OpenIdConnect),
}

impl Provider {
    pub(crate) const fn registration(&self) -> &Registration {
        match &self.0 {
            Protocol::OpenIdConnect(settings) => &settings.registration,
        }
    }

    /// How the provider hands its answers to the browser.
    pub(crate) const fn response_mode(&self) -> ResponseMode {
        match &self.0 {
            Protocol::OpenIdConnect(settings) => {
                settings.response_type.mode(settings.response_mode)
            }
        }
    }

    /// `tokens` as they are kept and handed on.
    pub(crate) fn keep(&self, tokens: TokenSet) -> TokenSet {
        match &self.0 {
            Protocol::OpenIdConnect(settings) => settings.keep(tokens),
        }
    }

    /// Whether what the provider tells beside its ID tokens comes at the first sign-in only.
    pub(crate) const fn tells_once(&self) -> bool {
        match &self.0 {
            Protocol::OpenIdConnect(settings) => settings.habits.tells_once,
        }
    }

    /// What the provider hands to the browser.
    pub(crate) const fn response_type(&self) -> ResponseType {
        match &self.0 {
            Protocol::OpenIdConnect(settings) => settings.response_type,
        }
    }
}

impl From<OpenIdConnect> for Provider {
    fn from(settings: OpenIdConnect) -> Self {
        Self(Protocol::OpenIdConnect(settings))
    }
}

/// An identity, and where in its claims those begin that no ID token stated.
#[derive(Debug)]
pub(crate) struct Stated {
    pub(crate) identity: Identity,
    pub(crate) told_from: usize,
}
