//! Identity providers: one a file, each data and a pure mapping to claims.
//!
//! | people sign in with | is | at |
//! |---|---|---|
//! | Microsoft Entra ID, Azure AD B2C | [`EntraId`] | `/.auth/login/aad` |
//! | Google | [`Google`] | `/.auth/login/google` |
//! | Microsoft accounts | [`MicrosoftAccount`] | `/.auth/login/microsoftaccount` |
//! | Apple | [`Apple`] | `/.auth/login/apple` |
//! | GitHub | [`GitHub`] | `/.auth/login/github` |
//! | Facebook | [`Facebook`] | `/.auth/login/facebook` |
//! | X | [`X`] | `/.auth/login/twitter`, `/.auth/login/x` |
//! | any that speaks OpenID Connect | [`OpenIdConnect`] | `/.auth/login/<name>` |
//! | any that speaks OAuth 2.0 only | [`OAuth2`] | `/.auth/login/<name>` |
//!
//! Each says what to register at the provider, what arrives in headers and claims, how to get refresh
//! tokens, and how it is configured in code and in Azure's `auth.json`, of which
//! [`from_auth_json`](crate::ConfigBuilder::from_auth_json) lists all settings.
//!
//! A provider declares what to ask for and says what the answers mean; the relying party sends and
//! receives. So every provider can be tested with recorded bytes.

pub(crate) mod aad;
mod admission;
mod apple;
mod authorization_policy;
mod claims;
mod endpoints;
mod facebook;
mod github;
mod google;
mod habits;
mod identity;
mod issuer_source;
mod microsoft_account;
mod oauth1;
mod oauth2;
mod openid_connect;
mod private_key;
mod profile;
mod registration;
mod x;

pub use aad::EntraId;
pub(crate) use admission::NotAdmitted;
pub use apple::Apple;
pub use authorization_policy::AuthorizationPolicy;
pub use claims::ClaimNames;
pub use endpoints::Endpoint;
pub use facebook::Facebook;
pub use github::GitHub;
pub use google::Google;
pub(crate) use habits::Sources;
pub(crate) use issuer_source::{IssuerSource, Issuers};
pub use microsoft_account::MicrosoftAccount;
pub(crate) use microsoft_account::successor;
pub(crate) use oauth1::OAuth1;
pub use oauth2::OAuth2;
pub(crate) use oauth2::Question;
pub use openid_connect::OpenIdConnect;
pub use private_key::{PrivateKey, PrivateKeyError};
pub(crate) use registration::{Audience, Refreshing, Registration, Signing, max_age};
pub use x::X;

use crate::oauth::authorization::Style;
pub use crate::oauth::authorization::{ResponseMode, ResponseType};
use crate::oauth::discovery::IssParameter;
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
    OAuth2(OAuth2),
    OAuth1(OAuth1),
}

impl Provider {
    pub(crate) const fn registration(&self) -> &Registration {
        match &self.0 {
            Protocol::OpenIdConnect(settings) => &settings.registration,
            Protocol::OAuth2(settings) => &settings.registration,
            Protocol::OAuth1(settings) => &settings.registration,
        }
    }

    /// How the provider hands its answers to the browser.
    pub(crate) const fn response_mode(&self) -> ResponseMode {
        match &self.0 {
            Protocol::OpenIdConnect(settings) => {
                settings.response_type.mode(settings.response_mode)
            }
            Protocol::OAuth2(_) | Protocol::OAuth1(_) => ResponseMode::Query,
        }
    }

    /// `tokens` as they are kept and handed on.
    pub(crate) fn keep(&self, tokens: TokenSet) -> TokenSet {
        match &self.0 {
            Protocol::OpenIdConnect(settings) => settings.keep(tokens),
            Protocol::OAuth2(_) | Protocol::OAuth1(_) => tokens,
        }
    }

    /// The same provider with `endpoint` elsewhere; `None` if it has none of this kind.
    pub(crate) fn with_endpoint(mut self, endpoint: Endpoint, url: &str) -> Option<Self> {
        let known = match &mut self.0 {
            Protocol::OpenIdConnect(_) => false,
            Protocol::OAuth2(settings) => settings.set_endpoint(endpoint, url),
            Protocol::OAuth1(settings) => settings.set_endpoint(endpoint, url),
        };
        known.then_some(self)
    }

    /// Whether tokens can be had anew, and what to tell somebody whose cannot.
    pub(crate) const fn refreshing(&self) -> Refreshing {
        match &self.0 {
            Protocol::OpenIdConnect(settings) => Refreshing::IfGiven(settings.habits.refresh),
            Protocol::OAuth2(settings) => settings.refreshing,
            Protocol::OAuth1(settings) => Refreshing::Never(settings.no_refresh),
        }
    }

    /// Whether what the provider tells beside its ID tokens comes at the first sign-in only.
    pub(crate) const fn tells_once(&self) -> bool {
        match &self.0 {
            Protocol::OpenIdConnect(settings) => settings.habits.tells_once,
            Protocol::OAuth2(_) | Protocol::OAuth1(_) => false,
        }
    }

    /// What the provider hands to the browser.
    pub(crate) const fn response_type(&self) -> ResponseType {
        match &self.0 {
            Protocol::OpenIdConnect(settings) => settings.response_type,
            Protocol::OAuth2(_) | Protocol::OAuth1(_) => ResponseType::Code,
        }
    }

    /// What its answers say by `iss` where the metadata promise `promised`: with an ID token beside the
    /// code, which is always checked, there need be no parameter.
    pub(crate) const fn iss(&self, promised: IssParameter) -> IssParameter {
        match (promised, self.response_type()) {
            (IssParameter::Promised, ResponseType::CodeIdToken) => IssParameter::OrIdToken,
            _ => promised,
        }
    }

    /// What the provider is sent beside what all are, where codes are spoken of.
    pub(crate) const fn style(&self) -> Style {
        match &self.0 {
            Protocol::OAuth2(settings) => settings.style,
            Protocol::OpenIdConnect(_) | Protocol::OAuth1(_) => Style::OPENID,
        }
    }
}

impl From<OAuth2> for Provider {
    fn from(settings: OAuth2) -> Self {
        Self(Protocol::OAuth2(settings))
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
