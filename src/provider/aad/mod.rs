//! Microsoft Entra ID, Azure's `azureActiveDirectory` and `/.auth/login/aad`.
//!
//! Documented by Microsoft: [Azure's own sign-in with Entra ID], the [OpenID Connect protocol], the
//! [claims of ID tokens], [certificate credentials], [group overage] and [Azure AD B2C].
//!
//! [Azure's own sign-in with Entra ID]: https://learn.microsoft.com/azure/app-service/configure-authentication-provider-aad
//! [OpenID Connect protocol]: https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc
//! [claims of ID tokens]: https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
//! [certificate credentials]: https://learn.microsoft.com/entra/identity-platform/certificate-credentials
//! [group overage]: https://learn.microsoft.com/security/zero-trust/develop/configure-tokens-group-claims-app-roles#group-overages
//! [Azure AD B2C]: https://learn.microsoft.com/azure/active-directory-b2c/openid-connect

mod authority;
pub(crate) mod groups;

pub(crate) use self::authority::{Authority, TENANT_ID, Tenancy, is_guid, is_key_of};
use super::claims::{self, ClaimNames};
use super::endpoints::Endpoint;
use super::habits::{self, Habits};
use super::issuer_source::IssuerSource;
use super::private_key::PrivateKey;
use super::registration::{Audience, Registration, Signing};
use super::{AuthorizationPolicy, OpenIdConnect, Provider};
use crate::oauth::authorization::ResponseType;
use crate::oauth::json::Object;
use crate::oauth::token::ClientAuthentication;
use crate::principal::Claim;
use crate::secret::Secret;

/// Microsoft Entra ID, at `/.auth/login/aad`.
///
/// ```
/// use easyauth::provider::EntraId;
///
/// let issuer = "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0";
/// let provider = EntraId::new(issuer, "client-id", "client-secret")
///     .scopes(["openid", "profile", "email", "offline_access"]);
/// ```
///
/// The same in `auth.json`, with the secret in the environment variable that is named:
///
/// ```json
/// {"identityProviders": {"azureActiveDirectory": {
///     "registration": {
///         "openIdIssuer": "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0",
///         "clientId": "client-id",
///         "clientSecretSettingName": "MICROSOFT_PROVIDER_AUTHENTICATION_SECRET"},
///     "login": {"loginParameters": ["scope=openid profile email offline_access"]}}}}
/// ```
///
/// # At Entra ID
///
/// Register an application of the platform *Web* with the redirect URI
/// `<origin>/.auth/login/aad/callback`, and switch *ID tokens* on under *Implicit grant and hybrid
/// flows*: as in the original an ID token comes beside the code and vouches for it. With
/// [`ResponseType::Code`] it does not, and that switch can stay off. Make a client secret, or upload a
/// certificate.
///
/// # What arrives
///
/// Every claim of the ID token under Easy Auth's name, in the token's order.
/// `X-MS-CLIENT-PRINCIPAL-ID` is the user's object id (`oid`), and `-NAME` the first there is of
/// `email`, `upn`, `unique_name`, `preferred_username` and `name`. Tokens are in
/// `X-MS-TOKEN-AAD-ID-TOKEN`, `-ACCESS-TOKEN`, `-EXPIRES-ON` and `-REFRESH-TOKEN`.
///
/// # Refreshing
///
/// A refresh token comes if the scopes have `offline_access`.
///
/// # Bearer tokens
///
/// Programs come in with an access token for this application
/// ([`accept_bearer_tokens`](Self::accept_bearer_tokens)):
///
/// ```
/// use easyauth::provider::{AuthorizationPolicy, EntraId};
///
/// let issuer = "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0";
/// let provider = EntraId::new(issuer, "client-id", "client-secret")
///     .accept_bearer_tokens(["api://client-id"])
///     .authorization_policy(
///         AuthorizationPolicy::new().allowed_applications(["client-id", "client-id-of-a-program"]),
///     );
/// ```
///
/// In `auth.json` they are always taken:
///
/// ```json
/// "azureActiveDirectory": {"validation": {
///     "allowedAudiences": ["api://client-id"],
///     "defaultAuthorizationPolicy": {"allowedApplications": ["client-id", "client-id-of-a-program"]}}}
/// ```
///
/// # Version 1
///
/// The token endpoint of version 1 does not sign its ID tokens, so with such an issuer the one beside
/// the code counts, and the application gets it, too; a plain code signs nobody in there.
///
/// # Several tenants
///
/// With `common`, `organizations` or `{tenantid}` in the issuer's place for the tenant, everybody who
/// has an account in *any* tenant could sign in. Such an issuer is refused unless
/// [`allowed_tenants`](Self::allowed_tenants) says whose users are meant.
#[derive(Clone, Debug)]
pub struct EntraId(OpenIdConnect);

impl EntraId {
    /// The tenant of `issuer`, to whom we are `client_id`: Azure's `openIdIssuer`, which may also be
    /// the address of a metadata document, as for Azure AD B2C
    /// (`https://<name>.b2clogin.com/<name>.onmicrosoft.com/v2.0/.well-known/openid-configuration?p=<policy>`).
    #[must_use]
    pub fn new(
        issuer: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
    ) -> Self {
        let mut this = Self::public_client(issuer, client_id);
        this.0 = this.0.client_secret(Secret::new(client_secret.into()));
        this.response_type(ResponseType::CodeIdToken)
    }

    /// The same with a certificate in the place of a secret (`private_key_jwt` by `PS256`): `key` is
    /// its private key, read from PEM text in which the certificate is, too.
    #[must_use]
    pub fn with_certificate(
        issuer: impl Into<String>,
        client_id: impl Into<String>,
        key: PrivateKey,
    ) -> Self {
        Self::public_client(issuer, client_id)
            .certificate(key)
            .response_type(ResponseType::CodeIdToken)
    }

    /// A public client, of the platform *Mobile and desktop applications*: there is no secret, only
    /// PKCE, and never an ID token beside the code.
    #[must_use]
    pub fn public_client(issuer: impl Into<String>, client_id: impl Into<String>) -> Self {
        let setting = "identityProviders.azureActiveDirectory".to_owned();
        let registration = Registration::new(setting, "aad".to_owned(), client_id.into())
            .visitor_parameters(["prompt", "login_hint", "domain_hint", "max_age", "ui_locales"]);
        let source = IssuerSource::Entra(issuer.into());
        let provider = OpenIdConnect::from_registration(registration, source, HABITS);
        // Entra says that it takes both, and documents this one.
        Self(provider.client_authentication(ClientAuthentication::ClientSecretPost))
    }

    pub(crate) fn certificate(mut self, key: PrivateKey) -> Self {
        let signing = Signing::Assertion(key, Audience::TokenEndpoint);
        self.0.registration.signing = Some(signing);
        self.0.registration.client_authentication = Some(ClientAuthentication::PrivateKeyJwt);
        self
    }

    /// What comes back through the browser: a code, and unless set an ID token that vouches for it.
    #[must_use]
    pub fn response_type(mut self, response_type: ResponseType) -> Self {
        self.0 = self.0.response_type(response_type);
        self
    }

    /// The tenants whose users may sign in or come in by a bearer token, by their ids. All that the issuer admits unless set;
    /// required where that would be everybody.
    ///
    /// A user of another tenant is refused with 403.76. Also `WEBSITE_AUTH_AAD_ALLOWED_TENANTS`.
    #[must_use]
    pub fn allowed_tenants<S: Into<String>>(mut self, ids: impl IntoIterator<Item = S>) -> Self {
        self.0.admission.tenants = ids.into_iter().map(Into::into).collect();
        self
    }

    /// A further audience of tokens, beside our client id: Azure's `allowedAudiences`.
    #[must_use]
    pub fn allowed_audience(mut self, audience: impl Into<String>) -> Self {
        self.0 = self.0.trusted_audience(audience);
        self
    }

    /// Takes the tenant's tokens in `Authorization: Bearer` for a proof of who asks: access tokens of
    /// users and of programs, and ID tokens, that are for one of `audiences` (such as
    /// `api://client-id`, the *Application ID URI*) or for our client id. Not unless set; in `auth.json`
    /// always, as in the original, with `validation.allowedAudiences`.
    ///
    /// Holders are known by their object id (`oid`), programs by that of their service principal. A
    /// token must be of the version that the issuer names: `requestedAccessTokenVersion` in the
    /// application's manifest is `2` for one that ends in `/v2.0`, else `null`. With a list of [allowed
    /// tenants](Self::allowed_tenants), one of another is refused with 403.76. See
    /// [`OpenIdConnect::accept_bearer_tokens`] for what arrives, and for how long.
    ///
    /// # Security
    ///
    /// Every program of the tenant can get a token for this application, unless *Assignment required*
    /// is on at Entra ID: have an [`AuthorizationPolicy`] name those that may come in, or let the
    /// application look at the claim `roles`. See also [`OpenIdConnect::accept_bearer_tokens`].
    #[must_use]
    pub fn accept_bearer_tokens<S: Into<String>>(
        mut self,
        audiences: impl IntoIterator<Item = S>,
    ) -> Self {
        self.0 = self.0.accept_bearer_tokens(audiences);
        self
    }

    /// Who of the tenant may come in, by signing in or by a bearer token: Azure's
    /// `defaultAuthorizationPolicy`. Everybody unless set. Who is refused gets 403.76.
    ///
    /// Groups are those in the token: a user who has too many for it is in none here, also where they
    /// are [resolved](Self::resolve_groups).
    #[must_use]
    pub fn authorization_policy(mut self, policy: AuthorizationPolicy) -> Self {
        self.0 = self.0.authorization_policy(policy);
        self
    }

    /// What to ask for. `openid profile email` unless set; refresh tokens need `offline_access`. To be
    /// called before [`resolve_groups`](Self::resolve_groups), which adds one.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.0 = self.0.scopes(scopes);
        self
    }

    /// A further parameter of every authorization request, such as `domain_hint`, or `resource` at an
    /// issuer of version 1.
    #[must_use]
    pub fn login_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0 = self.0.login_parameter(name, value);
        self
    }

    /// Which parameters of `/.auth/login/aad` are passed on. Unless set: `prompt`, `login_hint`,
    /// `domain_hint`, `max_age`, `ui_locales`.
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
        self
    }

    /// The names that claims get. The original's unless set.
    #[must_use]
    pub fn claim_names(mut self, names: ClaimNames) -> Self {
        self.0 = self.0.claim_names(names);
        self
    }

    /// Asks Microsoft Graph for the groups of users who have too many for an ID token, and for
    /// permission to do so (`User.Read`). Unless set, such a user has the claim `hasgroups` and no
    /// `groups`.
    ///
    /// The ids that Graph answers become `groups` claims at sign-in, and stay until the next. If Graph
    /// does not answer, the user is signed in with `hasgroups`, and the log says why.
    #[must_use]
    pub fn resolve_groups(self) -> Self {
        let graph = groups::endpoint(self.graph());
        self.resolve_groups_at(graph)
    }

    /// The same where the address to ask is not Microsoft Graph's `/v1.0/me/getMemberObjects`.
    #[must_use]
    pub fn resolve_groups_at(mut self, url: impl Into<String>) -> Self {
        self.0.groups = Some(url.into());
        let scope = format!("{}/User.Read", self.graph());
        let scopes = &mut self.0.registration.scopes;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
        self
    }

    /// The Microsoft Graph of the tenant's cloud.
    fn graph(&self) -> &'static str {
        groups::graph(match &self.0.source {
            IssuerSource::Entra(issuer) => issuer,
            _ => "",
        })
    }

    /// The address of an endpoint, which counts before the one in the metadata.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint, url: impl Into<String>) -> Self {
        self.0 = self.0.endpoint(endpoint, url);
        self
    }
}

impl From<EntraId> for Provider {
    fn from(provider: EntraId) -> Self {
        provider.0.into()
    }
}

const HABITS: Habits = Habits {
    subject,
    names: &["email", "upn", "unique_name", "preferred_username", "name"],
    // Guests with a personal account, in tokens of version 1.
    name_prefix: "live.com#",
    // It is Microsoft Graph's, and refuses access tokens that are for anything else.
    asks_userinfo: false,
    stated,
    told: habits::nothing,
    refresh: "Entra ID issues a refresh token if the scopes have offline_access (loginParameters \
              \"scope=openid profile email offline_access\").",
    ..habits::STANDARD
};

/// The object id, which is the same in all applications of the tenant.
fn subject(id_token: &Object) -> Option<String> {
    // Azure AD B2C has written this text into every user's token.
    let sub = id_token.text("sub").filter(|sub| !sub.starts_with("Not supported currently"));
    id_token.text("oid").filter(|oid| !oid.is_empty()).or(sub).map(str::to_owned)
}

/// What the ID token states, and that the user has groups if they did not fit into it.
fn stated(id_token: &Object, names: ClaimNames) -> Vec<Claim> {
    let mut claims = claims::map(id_token, names);
    if groups::are_left_out(id_token) && id_token.get("hasgroups").is_none() {
        claims.push(Claim::new("hasgroups", "true"));
    }
    claims
}

#[cfg(test)]
mod tests;
