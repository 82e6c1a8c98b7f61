//! Any OpenID Connect provider, by discovery: Azure's `customOpenIdConnectProviders`
//! ([OpenID Connect Core](https://openid.net/specs/openid-connect-core-1_0.html)).

use std::collections::HashSet;
use std::time::Duration;

use url::Url;

use super::registration::Registration;
use super::{Stated, claims};
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
    pub(crate) registration: Registration,
    pub(crate) source: IssuerSource,
    pub(crate) response_mode: ResponseMode,
    pub(crate) name_claim: Option<String>,
    pub(crate) trusted_audiences: Vec<String>,
    pub(crate) clock_skew: Duration,
    pub(crate) id_tokens_signed_with_secret: bool,
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
        let setting = format!("identityProviders.customOpenIdConnectProviders.{name}");
        Self {
            registration: Registration::new(setting, name, client_id)
                .scopes(DEFAULT_SCOPES)
                .visitor_parameters(VISITOR_PARAMETERS),
            source,
            response_mode: ResponseMode::default(),
            name_claim: None,
            trusted_audiences: Vec::new(),
            clock_skew: DEFAULT_SKEW,
            id_tokens_signed_with_secret: false,
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
    /// `max_age` that is no number of seconds or more than the configured.
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

    /// The claim that names the user for display, Azure's `nameClaimType`: as the provider calls it
    /// or as Easy Auth does. Unless set: the first there is of `name`, `preferred_username` and
    /// `email`.
    #[must_use]
    pub fn name_claim(mut self, claim: impl Into<String>) -> Self {
        self.name_claim = Some(claim.into());
        self
    }

    /// An audience that ID tokens may have beside our client id. A token with any other is refused.
    #[must_use]
    pub fn trusted_audience(mut self, audience: impl Into<String>) -> Self {
        self.trusted_audiences.push(audience.into());
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
        let secret = self.registration.client_secret.as_ref().ok_or(JwsError::WeakSecret)?;
        SharedSecret::new(secret).map(Some)
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

const DEFAULT_SCOPES: [&str; 3] = ["openid", "profile", "email"];
const NAME_CLAIMS: [&str; 3] = ["name", "preferred_username", "email"];
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
    fn openid_is_always_asked_for() {
        assert_eq!(provider().registration.scope(), "openid profile email");
        assert_eq!(provider().scopes(["email"]).registration.scope(), "openid email");
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
