//! Any OpenID Connect provider, by discovery: Azure's `customOpenIdConnectProviders`
//! ([OpenID Connect Core](https://openid.net/specs/openid-connect-core-1_0.html)).

use std::collections::HashSet;
use std::time::Duration;

use url::Url;

use super::{AuthorizationPolicy, claims};
use crate::oauth::authorization::ResponseMode;
use crate::oauth::discovery::{self, DiscoveryError, OPENID_CONFIGURATION};
use crate::oauth::id_token::{DEFAULT_SKEW, MAX_SKEW};
use crate::oauth::json::Object;
use crate::oauth::jws::{JwsError, SharedSecret};
use crate::oauth::token::ClientAuthentication;
use crate::principal::{Claim, Identity, Issuer, ProviderId};
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
    pub(crate) name: String,
    pub(crate) source: IssuerSource,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<Secret<String>>,
    pub(crate) client_authentication: Option<ClientAuthentication>,
    pub(crate) scopes: Vec<String>,
    pub(crate) login_parameters: Vec<(String, String)>,
    pub(crate) visitor_parameters: Vec<String>,
    pub(crate) response_mode: ResponseMode,
    pub(crate) name_claim: Option<String>,
    pub(crate) trusted_audiences: Vec<String>,
    pub(crate) clock_skew: Duration,
    pub(crate) id_tokens_signed_with_secret: bool,
    pub(crate) bearer_audiences: Option<Vec<String>>,
    pub(crate) policy: AuthorizationPolicy,
}

/// Where a provider's metadata come from.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum IssuerSource {
    /// The issuer identifier; the metadata must name exactly it.
    Issuer(String),
    /// The address of the metadata document, which must belong to the issuer that it names.
    MetadataUrl(String),
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
        let source = IssuerSource::MetadataUrl(url.into());
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
        Self {
            name,
            source,
            client_id,
            client_secret: None,
            client_authentication: None,
            scopes: DEFAULT_SCOPES.map(str::to_owned).to_vec(),
            login_parameters: Vec::new(),
            visitor_parameters: VISITOR_PARAMETERS.map(str::to_owned).to_vec(),
            response_mode: ResponseMode::default(),
            name_claim: None,
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
        self.client_secret = Some(secret.into());
        self
    }

    /// How we prove who we are to the token endpoint. Unless set: what the provider's metadata
    /// say, `client_secret_basic` before `client_secret_post`.
    #[must_use]
    pub fn client_authentication(mut self, method: ClientAuthentication) -> Self {
        self.client_authentication = Some(method);
        self
    }

    /// What to ask for. `openid profile email` unless set; `openid` is always asked for. Refresh
    /// tokens usually need `offline_access`.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        if !self.scopes.iter().any(|scope| scope == "openid") {
            self.scopes.insert(0, "openid".to_owned());
        }
        self
    }

    /// A further parameter of every authorization request, such as `prompt` = `consent`. It cannot
    /// replace one that the protocol sets. `max_age` must be a number of seconds; a provider that
    /// does not show so recent a sign-in (`auth_time`) signs nobody in.
    #[must_use]
    pub fn login_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.login_parameters.push((name.into(), value.into()));
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
    /// `max_age` that is no number of seconds or more than the configured.
    #[must_use]
    pub fn visitor_parameters<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Self {
        self.visitor_parameters = names.into_iter().map(Into::into).collect();
        self
    }

    /// How the provider answers. By query unless set.
    #[must_use]
    pub fn response_mode(mut self, mode: ResponseMode) -> Self {
        self.response_mode = mode;
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
    /// session token of ours.
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

    /// The secret that ID tokens are signed with; `None` if that is done with published keys.
    pub(crate) fn id_token_secret(&self) -> Result<Option<SharedSecret>, JwsError> {
        if !self.id_tokens_signed_with_secret {
            return Ok(None);
        }
        let secret = self.client_secret.as_ref().ok_or(JwsError::WeakSecret)?;
        SharedSecret::new(secret).map(Some)
    }

    /// The scopes as the protocol writes them.
    pub(crate) fn scope(&self) -> String {
        self.scopes.join(" ")
    }

    /// The further parameters of one authorization request: the visitor's, then the configured,
    /// for of two with one name the first counts.
    pub(crate) fn further_parameters(&self, visitor: &[(String, String)]) -> Vec<(String, String)> {
        let visitor = visitor.iter().filter(|(name, value)| self.may_choose(name, value));
        visitor.chain(&self.login_parameters).cloned().collect()
    }

    fn may_choose(&self, name: &String, value: &str) -> bool {
        let allowed = name != "scope" && self.visitor_parameters.contains(name);
        allowed && (name != MAX_AGE || self.may_choose_max_age(value))
    }

    /// What the provider might read otherwise than we do would be asked for and not checked; and a
    /// visitor may want a more recent sign-in than the configuration, never an older one.
    fn may_choose_max_age(&self, value: &str) -> bool {
        let configured = max_age(&self.login_parameters).flatten();
        let chosen = seconds(value);
        chosen.is_some_and(|chosen| configured.is_none_or(|configured| chosen <= configured))
    }

    /// Who the user is: by what their ID token states, and for what it leaves open, by what they
    /// were `told` of elsewhere.
    pub(crate) fn identity(
        &self,
        provider: &ProviderId,
        subject: &str,
        id_token: &Object,
        told: &[Claim],
    ) -> Stated {
        let mut claims = claims::map(id_token);
        let told_from = claims.len();
        let stated: HashSet<&str> = claims.iter().map(|claim| claim.typ.as_str()).collect();
        let added = told.iter().filter(|told| !stated.contains(told.typ.as_str()));
        let added: Vec<Claim> = added.cloned().collect();
        claims.extend(added);

        let configured = self.name_claim.as_deref().map(claims::typ);
        let standard = NAME_CLAIMS.map(claims::typ);
        let named = configured
            .into_iter()
            .chain(standard)
            .find_map(|typ| claims.iter().find(|claim| claim.typ == typ && !claim.val.is_empty()));
        let (name, name_typ) = named.map_or_else(
            || (subject.to_owned(), claims::typ("sub").to_owned()),
            |claim| (claim.val.clone(), claim.typ.clone()),
        );
        let user_id = subject.to_owned();
        let identity = Identity { provider: provider.clone(), user_id, name, name_typ, claims };
        Stated { identity, told_from }
    }

    /// What a userinfo answer tells.
    pub(crate) fn told(userinfo: &Object) -> Vec<Claim> {
        claims::map(userinfo)
    }
}

/// An identity, and where in its claims those begin that no ID token stated.
#[derive(Debug)]
pub(crate) struct Stated {
    pub(crate) identity: Identity,
    pub(crate) told_from: usize,
}

impl IssuerSource {
    /// The issuers that a metadata document from here may name, and the document's address.
    pub(crate) fn candidates(&self) -> Result<(Vec<Issuer>, Url), DiscoveryError> {
        match self {
            Self::Issuer(issuer) => {
                let issuer = Issuer::new(issuer);
                let url = discovery::metadata_url(&issuer)?;
                Ok((vec![issuer], url))
            }
            Self::MetadataUrl(url) => {
                let base = url.strip_suffix(OPENID_CONFIGURATION).ok_or(DiscoveryError::Issuer)?;
                // The address does not say whether the issuer ends in a slash.
                let issuers = vec![Issuer::new(base), Issuer::new(&format!("{base}/"))];
                let url = discovery::metadata_url(&Issuer::new(base))?;
                Ok((issuers, url))
            }
        }
    }
}

/// The `max_age` among `parameters` (OpenID Connect Core §3.1.2.1); `Some(None)` if there is one
/// that is no number of seconds.
pub(crate) fn max_age(parameters: &[(String, String)]) -> Option<Option<u64>> {
    parameters.iter().find(|(name, _)| name == MAX_AGE).map(|(_, value)| seconds(value))
}

fn seconds(value: &str) -> Option<u64> {
    // `parse` would take a sign, too.
    value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok()).flatten()
}

const MAX_AGE: &str = "max_age";
const DEFAULT_SCOPES: [&str; 3] = ["openid", "profile", "email"];
const NAME_CLAIMS: [&str; 3] = ["name", "preferred_username", "email"];
const VISITOR_PARAMETERS: [&str; 8] = [
    "prompt",
    "login_hint",
    "domain_hint",
    "access_type",
    "acr_values",
    "hd",
    MAX_AGE,
    "ui_locales",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::json::object;

    fn provider() -> OpenIdConnect {
        OpenIdConnect::new("op", "https://op.example", "web", "secret")
    }

    fn name(provider: &OpenIdConnect, claims: &str) -> (String, String) {
        let claims = object(claims.as_bytes()).unwrap();
        let id = ProviderId::parse("op").unwrap();
        let identity = provider.identity(&id, "1", &claims, &[]).identity;
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
        let told = OpenIdConnect::told(&userinfo);
        let stated = provider().identity(&id, "1", &id_token, &told);
        let values: Vec<_> = stated.identity.claims.iter().map(|c| c.val.as_str()).collect();

        assert_eq!(values, ["1", "a@b", "Alice"]);
        assert_eq!(stated.told_from, 2);
        assert_eq!(stated.identity.name, "Alice");
    }

    #[test]
    fn oc_22_a_visitor_passes_only_what_is_allowed_and_never_scopes() {
        let provider = provider().login_parameter("prompt", "consent").visitor_parameters([
            "prompt",
            "scope",
            "login_hint",
        ]);
        let visitor: Vec<_> = [("scope", "admin"), ("login_hint", "a"), ("x", "y")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();

        let further = provider.further_parameters(&visitor);
        let names: Vec<_> = further.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["login_hint", "prompt"]);
    }

    #[test]
    fn openid_is_always_asked_for() {
        assert_eq!(provider().scope(), "openid profile email");
        assert_eq!(provider().scopes(["email"]).scope(), "openid email");
    }

    #[test]
    fn a_metadata_address_leaves_open_only_a_final_slash() {
        let url = "https://op.example/o/.well-known/openid-configuration";
        let source = IssuerSource::MetadataUrl(url.to_owned());
        let (issuers, found) = source.candidates().unwrap();

        assert_eq!(
            issuers,
            [Issuer::new("https://op.example/o"), Issuer::new("https://op.example/o/")]
        );
        assert_eq!(found.as_str(), url);
        let slashed = IssuerSource::Issuer("https://op.example/o/".to_owned());
        assert_eq!(slashed.candidates().unwrap().1.as_str(), url);
        assert!(IssuerSource::MetadataUrl("https://op.example/".to_owned()).candidates().is_err());
    }
}
