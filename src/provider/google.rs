//! Google, Azure's `google` and `/.auth/login/google`.
//!
//! Documented by Google: [OpenID Connect] with the claims of ID tokens and `hd`, and [OAuth 2.0 for
//! web servers] with `access_type` and `prompt`; by Microsoft: [Azure's own sign-in with Google].
//!
//! [OpenID Connect]: https://developers.google.com/identity/openid-connect/openid-connect
//! [OAuth 2.0 for web servers]: https://developers.google.com/identity/protocols/oauth2/web-server
//! [Azure's own sign-in with Google]: https://learn.microsoft.com/azure/app-service/configure-authentication-provider-google

use super::endpoints::Endpoint;
use super::habits::{self, Habits};
use super::issuer_source::IssuerSource;
use super::registration::Registration;
use super::{OpenIdConnect, Provider};
use crate::oauth::token::ClientAuthentication;
use crate::secret::Secret;

/// Google, at `/.auth/login/google`.
///
/// ```
/// use easyauth::provider::Google;
///
/// let provider = Google::new("client-id.apps.googleusercontent.com", "client-secret")
///     .offline_access()
///     .hosted_domain("example.com");
/// ```
///
/// The same in `auth.json`, with the secret in the environment variable that is named:
///
/// ```json
/// {"identityProviders": {"google": {
///     "registration": {
///         "clientId": "client-id.apps.googleusercontent.com",
///         "clientSecretSettingName": "GOOGLE_PROVIDER_AUTHENTICATION_SECRET"},
///     "login": {"loginParameters": ["access_type=offline", "hd=example.com"]}}}}
/// ```
///
/// # At Google
///
/// Make an OAuth client of the type *Web application* with the authorized redirect URI
/// `<origin>/.auth/login/google/callback`.
///
/// # What arrives
///
/// Every claim of the ID token under Easy Auth's name, in the token's order.
/// `X-MS-CLIENT-PRINCIPAL-ID` is Google's `sub`, and `-NAME` the e-mail address. Tokens are in
/// `X-MS-TOKEN-GOOGLE-ID-TOKEN`, `-ACCESS-TOKEN`, `-EXPIRES-ON` and, where there is one,
/// `-REFRESH-TOKEN`.
///
/// # Refreshing
///
/// Google issues a refresh token only for `access_type=offline`, and only when the user consents,
/// which is mostly once. It is kept when a later sign-in brings none. For somebody who consented
/// before, ask again by `prompt=consent`.
#[derive(Clone, Debug)]
pub struct Google(OpenIdConnect);

impl Google {
    /// Google, to whom we are `client_id`.
    #[must_use]
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        let setting = "identityProviders.google".to_owned();
        let registration = Registration::new(setting, "google".to_owned(), client_id.into())
            .visitor_parameters(["prompt", "login_hint", "access_type", "hd", "hl"]);
        let source = IssuerSource::Issuer(ISSUER.to_owned());
        let provider = OpenIdConnect::from_registration(registration, source, HABITS)
            .client_authentication(ClientAuthentication::ClientSecretPost)
            .client_secret(Secret::new(client_secret.into()));
        Self(provider)
    }

    /// Asks for a refresh token (`access_type=offline`).
    #[must_use]
    pub fn offline_access(self) -> Self {
        self.login_parameter("access_type", "offline")
    }

    /// Only accounts of this Google Workspace domain may sign in; of several, each is called. `*` is
    /// any Workspace domain, and no private account.
    ///
    /// The domain is asked for (`hd`), so that Google offers the right accounts, and checked in the
    /// ID token: others are refused with 403.76. A visitor cannot choose another one then.
    #[must_use]
    pub fn hosted_domain(mut self, domain: impl Into<String>) -> Self {
        let domain = domain.into();
        self.0.admission.hosted_domains.push(domain.clone());
        self.0.registration.visitor_parameters.retain(|name| name != HD);
        self.0.registration.login_parameters.retain(|(name, _)| name != HD);
        // Of several Google can be told only that it is any of a Workspace.
        let one = self.0.admission.hosted_domains.len() == 1;
        let asked = if one { domain } else { "*".to_owned() };
        self.0 = self.0.login_parameter(HD, asked);
        self
    }

    /// What to ask for. `openid profile email` unless set.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.0 = self.0.scopes(scopes);
        self
    }

    /// A further parameter of every authorization request, such as `prompt`. One called `hd` is a
    /// [hosted domain](Self::hosted_domain).
    #[must_use]
    pub fn login_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        if name == HD {
            return self.hosted_domain(value);
        }
        self.0 = self.0.login_parameter(name, value);
        self
    }

    /// Which parameters of `/.auth/login/google` are passed on. Unless set: `prompt`, `login_hint`,
    /// `access_type`, `hd` (unless a domain is set), `hl`.
    ///
    /// # Security
    ///
    /// See [`OpenIdConnect::visitor_parameters`].
    #[must_use]
    pub fn visitor_parameters<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Self {
        self.0 = self.0.visitor_parameters(names);
        if !self.0.admission.hosted_domains.is_empty() {
            self.0.registration.visitor_parameters.retain(|name| name != HD);
        }
        self
    }

    /// A further audience of ID tokens, beside our client id: Azure's `allowedAudiences`.
    #[must_use]
    pub fn allowed_audience(mut self, audience: impl Into<String>) -> Self {
        self.0 = self.0.trusted_audience(audience);
        self
    }

    /// Somebody who speaks as Google does, under another issuer.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.0.habits.alias = None;
        self.0 = self.0.issuer(issuer);
        self
    }

    /// The address of an endpoint, which counts before the one in the metadata.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint, url: impl Into<String>) -> Self {
        self.0 = self.0.endpoint(endpoint, url);
        self
    }
}

impl From<Google> for Provider {
    fn from(provider: Google) -> Self {
        provider.0.into()
    }
}

const HD: &str = "hd";
const ISSUER: &str = "https://accounts.google.com";
const HABITS: Habits = Habits {
    names: &["email", "name"],
    // Google documents both spellings.
    alias: Some("accounts.google.com"),
    // The ID token has all that userinfo would tell.
    asks_userinfo: false,
    told: habits::nothing,
    refresh: "Google issues a refresh token if it is asked by access_type=offline (loginParameters, \
              or in the sign-in link), and to somebody who consented before only with \
              prompt=consent.",
    ..habits::STANDARD
};
