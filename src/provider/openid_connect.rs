//! Any OpenID Connect provider: Azure's `customOpenIdConnectProviders`
//! ([OpenID Connect Core](https://openid.net/specs/openid-connect-core-1_0.html),
//! [Azure's documentation](https://learn.microsoft.com/azure/app-service/configure-authentication-provider-openid-connect)).

use std::time::Duration;

use super::admission::Admission;
use super::authorization_policy::AuthorizationPolicy;
use super::claims::ClaimNames;
use super::endpoints::{Endpoint, EndpointOverrides};
use super::habits::{self, Habits};
use super::issuer_source::IssuerSource;
use super::private_key::PrivateKey;
use super::registration::{Audience, Registration, Signing};
use crate::oauth::authorization::{ResponseMode, ResponseType};
use crate::oauth::id_token::{DEFAULT_SKEW, MAX_SKEW};
use crate::oauth::jws::{JwsError, SharedSecret};
use crate::oauth::token::ClientAuthentication;
use crate::secret::Secret;

/// An OpenID Connect provider.
///
/// ```
/// use easyauth::provider::OpenIdConnect;
///
/// let provider = OpenIdConnect::new("auth0", "https://example.eu.auth0.com/", "client-id", "client-secret")
///     .scopes(["openid", "profile", "email", "offline_access"])
///     .name_claim("email");
/// ```
///
/// Register `<origin>/.auth/login/<name>/callback` as the redirect URI at the provider.
#[derive(Clone, Debug)]
pub struct OpenIdConnect {
    pub(crate) registration: Registration,
    pub(crate) source: IssuerSource,
    pub(crate) endpoints: EndpointOverrides,
    pub(crate) response_type: ResponseType,
    pub(crate) response_mode: ResponseMode,
    pub(crate) name_claim: Option<String>,
    pub(crate) claim_names: ClaimNames,
    pub(crate) habits: Habits,
    pub(crate) admission: Admission,
    /// Where the groups are asked for that did not fit into an Entra ID token.
    pub(crate) groups: Option<String>,
    pub(crate) signed_userinfo: bool,
    pub(crate) trusted_audiences: Vec<String>,
    pub(crate) clock_skew: Duration,
    pub(crate) id_tokens_signed_with_secret: bool,
    pub(crate) bearer_audiences: Option<Vec<String>>,
    pub(crate) policy: AuthorizationPolicy,
}

impl OpenIdConnect {
    /// The provider that calls itself `issuer`, to whom we are `client_id`.
    ///
    /// `name` is the `<provider>` of `/.auth/login/<provider>`: letters, digits and `_`. Names and
    /// addresses are checked when the configuration is built.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        issuer: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
    ) -> Self {
        let source = IssuerSource::Issuer(issuer.into());
        Self::from_source(name.into(), source, client_id.into())
            .client_secret(Secret::new(client_secret.into()))
    }

    /// A provider found by the address of its metadata document, as Azure configures it.
    #[must_use]
    pub fn with_metadata_url(
        name: impl Into<String>,
        url: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
    ) -> Self {
        let source = IssuerSource::MetadataUrl(url.into(), None);
        Self::from_source(name.into(), source, client_id.into())
            .client_secret(Secret::new(client_secret.into()))
    }

    /// A provider that knows us as a public client: there is no secret, only PKCE.
    #[must_use]
    pub fn public_client(
        name: impl Into<String>,
        issuer: impl Into<String>,
        client_id: impl Into<String>,
    ) -> Self {
        Self::from_source(name.into(), IssuerSource::Issuer(issuer.into()), client_id.into())
    }

    fn from_source(name: String, source: IssuerSource, client_id: String) -> Self {
        let setting = format!("identityProviders.customOpenIdConnectProviders.{name}");
        let registration = Registration {
            secret_member: "registration.clientCredential",
            ..Registration::new(setting, name, client_id).visitor_parameters(VISITOR_PARAMETERS)
        };
        Self::from_registration(registration, source, habits::STANDARD)
    }

    /// A provider with habits of its own.
    pub(super) fn from_registration(
        registration: Registration,
        source: IssuerSource,
        habits: Habits,
    ) -> Self {
        Self {
            registration: registration.scopes(DEFAULT_SCOPES),
            source,
            endpoints: EndpointOverrides::default(),
            response_type: ResponseType::default(),
            response_mode: ResponseMode::default(),
            name_claim: None,
            claim_names: ClaimNames::default(),
            habits,
            admission: Admission::default(),
            groups: None,
            signed_userinfo: false,
            trusted_audiences: Vec::new(),
            clock_skew: DEFAULT_SKEW,
            id_tokens_signed_with_secret: false,
            bearer_audiences: None,
            policy: AuthorizationPolicy::default(),
        }
    }

    /// Our secret at the provider.
    #[must_use]
    pub fn client_secret(mut self, secret: impl Into<Secret<String>>) -> Self {
        self.registration.client_secret = Some(secret.into());
        self
    }

    /// How we prove who we are to the token endpoint. Unless set: what the provider's metadata
    /// say, `client_secret_basic` before `client_secret_post`.
    #[must_use]
    pub fn client_authentication(mut self, method: ClientAuthentication) -> Self {
        self.registration.client_authentication = Some(method);
        self
    }

    /// Our private key at the provider, in the place of a secret (`private_key_jwt`).
    #[must_use]
    pub fn private_key(mut self, key: PrivateKey) -> Self {
        self.registration.signing = Some(Signing::Assertion(key, Audience::Issuer));
        self
    }

    /// The issuer, where the address of the metadata does not show it: they must name exactly it.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        self.source = match self.source {
            IssuerSource::Configured(_) => IssuerSource::Configured(issuer),
            IssuerSource::MetadataUrl(url, _) => IssuerSource::MetadataUrl(url, Some(issuer)),
            IssuerSource::Issuer(_) | IssuerSource::Entra(_) => IssuerSource::Issuer(issuer),
        };
        self
    }

    /// The address of an endpoint, which counts before the one in the provider's metadata.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint, url: impl Into<String>) -> Self {
        self.endpoints.set(endpoint, url.into());
        self
    }

    /// Fetches no metadata: the [endpoints](Self::endpoint) for authorization, tokens and keys are
    /// named here, and nobody is asked about users unless the one for that is, too. ID tokens must be
    /// signed by `RS256` then. Of a provider that is known by the address of its metadata, the
    /// [issuer](Self::issuer) has to be named first.
    #[must_use]
    pub fn without_discovery(mut self) -> Self {
        self.source = IssuerSource::Configured(match self.source {
            IssuerSource::Configured(issuer)
            | IssuerSource::Issuer(issuer)
            | IssuerSource::MetadataUrl(_, Some(issuer)) => issuer,
            // Nobody has said which issuer, and a configuration without one is refused.
            IssuerSource::Entra(_) | IssuerSource::MetadataUrl(_, None) => String::new(),
        });
        self
    }

    /// What to ask for. `openid profile email` unless set; `openid` is always asked for. Refresh
    /// tokens usually need `offline_access`.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.registration = self.registration.scopes(scopes);
        let scopes = &mut self.registration.scopes;
        if !scopes.iter().any(|scope| scope == "openid") {
            scopes.insert(0, "openid".to_owned());
        }
        self
    }

    /// A further parameter of every authorization request, such as `prompt` = `consent`. It cannot
    /// replace one that the protocol sets. `max_age` must be a number of seconds; a provider that
    /// does not show so recent a sign-in (`auth_time`) signs nobody in.
    #[must_use]
    pub fn login_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.registration.login_parameters.push((name.into(), value.into()));
        self
    }

    /// Which parameters of `/.auth/login/<provider>` are passed on to the provider. Unless set:
    /// `prompt`, `login_hint`, `domain_hint`, `access_type`, `acr_values`, `hd`, `max_age`,
    /// `ui_locales`.
    ///
    /// # Security
    ///
    /// Anybody can make a link to the login; what they may choose in it should not change what the
    /// user consents to. `scope` and parameters of the protocol are never passed on, nor is a
    /// `max_age` that is no number of seconds or more than the configured, nor `acr_values`, `hd`
    /// or `prompt` where the configuration has it.
    #[must_use]
    pub fn visitor_parameters<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Self {
        self.registration = self.registration.visitor_parameters(names);
        self
    }

    /// How the provider answers. By query unless set.
    #[must_use]
    pub fn response_mode(mut self, mode: ResponseMode) -> Self {
        self.response_mode = mode;
        self
    }

    /// What comes back through the browser. Only a code unless set.
    #[must_use]
    pub fn response_type(mut self, response_type: ResponseType) -> Self {
        self.response_type = response_type;
        self
    }

    /// The names that claims get. The original's unless set.
    #[must_use]
    pub fn claim_names(mut self, names: ClaimNames) -> Self {
        self.claim_names = names;
        self
    }

    /// The provider signs what it tells about users (`userinfo_signed_response_alg`); an answer that
    /// is not signed is then refused. Plain JSON unless set.
    #[must_use]
    pub fn signed_userinfo(mut self) -> Self {
        self.signed_userinfo = true;
        self
    }

    /// The claim that names the user for display, Azure's `nameClaimType`: as the provider calls it
    /// or as Easy Auth does. Unless set: the first there is of `name`, `preferred_username` and
    /// `email`.
    #[must_use]
    pub fn name_claim(mut self, claim: impl Into<String>) -> Self {
        self.name_claim = Some(claim.into());
        self
    }

    /// An audience that ID tokens may have beside our client id. A token with any other is refused.
    ///
    /// A token that an application posts to `/.auth/login/<name>` may also be for this audience
    /// alone, such as the client id under which the provider knows that application.
    ///
    /// # Security
    ///
    /// Whoever is handed a token for this audience can sign in with it as its user: list no client of
    /// others.
    #[must_use]
    pub fn trusted_audience(mut self, audience: impl Into<String>) -> Self {
        self.trusted_audiences.push(audience.into());
        self
    }

    /// Takes the provider's tokens in `Authorization: Bearer` for a proof of who asks: access tokens
    /// and ID tokens that are for one of `audiences` (Azure's `allowedAudiences`) or for our client
    /// id. Unless set, `Authorization` is the application's business, unless it could be read as a
    /// session token of ours. An ID token that an application posts to `/.auth/login/<name>` may be
    /// for them too, as for a [trusted audience](Self::trusted_audience).
    ///
    /// With it, an application sees in `Authorization` what was proved, what is no JSON Web Token,
    /// and tokens that can be read in one way only and are of another issuer.
    ///
    /// Such a request has the identity headers that a session's has, and no token headers. A token
    /// is good until its `exp` and the [clock skew](Self::clock_skew), and as long as its key is
    /// published: that is looked at once an hour, and stands for a day if the provider is away.
    ///
    /// # Security
    ///
    /// Name only what this application alone is called. A token for somebody else's audience was
    /// given to them, and they could come in here with it. There is no session to end: a token, and
    /// so the ID token that somebody signed in with here, is good until its `exp` whoever has it, also
    /// after they have signed out.
    #[must_use]
    pub fn accept_bearer_tokens<S: Into<String>>(
        mut self,
        audiences: impl IntoIterator<Item = S>,
    ) -> Self {
        self.bearer_audiences = Some(audiences.into_iter().map(Into::into).collect());
        self
    }

    /// Who of those that the provider vouches for may come in, by signing in or by a bearer token.
    /// Everybody unless set.
    #[must_use]
    pub fn authorization_policy(mut self, policy: AuthorizationPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// How far the provider's clock may differ from ours. 60 s unless set, 300 s at most.
    #[must_use]
    pub fn clock_skew(mut self, skew: Duration) -> Self {
        self.clock_skew = skew.min(MAX_SKEW);
        self
    }

    /// The provider signs ID tokens with our client secret (`HS256`, `HS384`, `HS512`). Unless
    /// set: with the keys that it publishes. The secret must then have at least 32 bytes.
    ///
    /// # Security
    ///
    /// It is one or the other: a provider that is set so is believed no token that is signed with a
    /// published key, and every other none that is signed with a secret, or whoever knows a
    /// published key could pass it off as the secret. Whoever holds an ID token can try secrets on
    /// it, and who finds ours can sign in as anybody: let the provider make it, at random. Prefer
    /// published keys where there is a choice.
    #[must_use]
    pub fn id_tokens_signed_with_client_secret(mut self) -> Self {
        self.id_tokens_signed_with_secret = true;
        self
    }

    /// Whom an ID token that an application posts may be for besides us.
    pub(crate) fn posted_audiences(&self) -> Vec<String> {
        let bearer = self.bearer_audiences.iter().flatten();
        self.trusted_audiences.iter().chain(bearer).cloned().collect()
    }

    /// The secret that ID tokens are signed with; `None` if that is done with published keys.
    pub(crate) fn id_token_secret(&self) -> Result<Option<SharedSecret>, JwsError> {
        if !self.id_tokens_signed_with_secret {
            return Ok(None);
        }
        let secret = self.registration.client_secret.as_ref().ok_or(JwsError::WeakSecret)?;
        SharedSecret::new(secret).map(Some)
    }
}

const DEFAULT_SCOPES: [&str; 3] = ["openid", "profile", "email"];
const VISITOR_PARAMETERS: [&str; 8] = [
    "prompt",
    "login_hint",
    "domain_hint",
    "access_type",
    "acr_values",
    "hd",
    "max_age",
    "ui_locales",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::json::object;
    use crate::principal::{ProviderId, Subject};
    use crate::provider::habits::Sources;

    fn provider() -> OpenIdConnect {
        OpenIdConnect::new("op", "https://op.example", "web", "secret")
    }

    fn name(provider: &OpenIdConnect, claims: &str) -> (String, String) {
        let claims = object(claims.as_bytes()).unwrap();
        let id = ProviderId::parse("op").unwrap();
        let subject = provider.subject(&claims).unwrap();
        let identity = provider.identity(&id, &subject, &claims, &[]).identity;
        (identity.name, identity.name_typ)
    }

    #[test]
    fn the_user_is_named_by_the_configured_claim_or_the_best_there_is() {
        let email = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
        let all = r#"{"sub":"1","email":"a@b","preferred_username":"alice","name":"Alice"}"#;
        let pair = |name: &str, typ: &str| (name.to_owned(), typ.to_owned());

        assert_eq!(name(&provider(), all), pair("Alice", "name"));
        assert_eq!(name(&provider().name_claim("email"), all), pair("a@b", email));
        assert_eq!(name(&provider().name_claim(email), all), pair("a@b", email));
        assert_eq!(name(&provider().name_claim("missing"), all), pair("Alice", "name"));
        assert_eq!(name(&provider(), r#"{"sub":"1","name":""}"#).0, "1");
    }

    #[test]
    fn what_the_id_token_states_counts_before_what_userinfo_tells() {
        let id_token = object(br#"{"sub":"1","email":"a@b"}"#).unwrap();
        let userinfo = object(br#"{"sub":"1","email":"other@b","name":"Alice"}"#).unwrap();
        let id = ProviderId::parse("op").unwrap();
        let sources = Sources { id_token: &id_token, userinfo: Some(&userinfo), user: None };
        let told = provider().told(&sources);
        let stated = provider().identity(&id, &Subject::new("1"), &id_token, &told);
        let values: Vec<_> = stated.identity.claims.iter().map(|c| c.val.as_str()).collect();

        assert_eq!(values, ["1", "a@b", "Alice"]);
        assert_eq!(stated.told_from, 2);
        assert_eq!(stated.identity.name, "Alice");
    }

    #[test]
    fn openid_is_always_asked_for() {
        assert_eq!(provider().registration.scope(), "openid profile email");
        assert_eq!(provider().scopes(["email"]).registration.scope(), "openid email");
    }
}
