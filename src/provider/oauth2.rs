//! Any plain OAuth 2.0 provider: one that gives access tokens and answers questions about their
//! user, but makes no signed statement ([RFC 6749](https://www.rfc-editor.org/rfc/rfc6749),
//! [RFC 7636](https://www.rfc-editor.org/rfc/rfc7636)).

use url::Url;

use super::claims::{self, ClaimNames};
use super::endpoints::{Endpoint, at};
use super::profile::{self, Profile};
use super::registration;
use super::registration::{Refreshing, Registration};
use crate::oauth::authorization::Style;
use crate::oauth::discovery::{
    Capabilities, DiscoveryError, Endpoints, IssParameter, Metadata, configured_url,
};
use crate::oauth::json::Value;
use crate::oauth::token::ClientAuthentication;
use crate::principal::Issuer;
use crate::secret::Secret;

#[doc = include_str!("oauth2.md")]
#[derive(Clone, Debug)]
pub struct OAuth2 {
    pub(crate) registration: Registration,
    /// Who signs in there is somebody under this name; `None`: the origin of the login page.
    pub(crate) issuer: Option<String>,
    pub(crate) authorization_endpoint: String,
    pub(crate) token_endpoint: String,
    pub(crate) style: Style,
    /// The extension grant by which a new access token is exchanged for one that lives longer.
    pub(crate) exchange: Option<&'static str>,
    pub(crate) questions: Vec<Question>,
    pub(crate) refreshing: Refreshing,
    /// What the answers to the questions say; `None` if not who the user is.
    pub(crate) mapping: fn(&Self, &[Option<Value>]) -> Option<Profile>,
    pub(crate) id_claim: Option<String>,
    pub(crate) name_claim: Option<String>,
    pub(crate) claim_types: Vec<(String, String)>,
}

/// One question about the user of an access token.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) url: String,
    /// Whether nobody is signed in without an answer. Where not, 403 and 404 are none.
    pub(crate) required: bool,
    /// Whether it carries Facebook's `appsecret_proof`.
    pub(crate) proof: bool,
}

impl Question {
    pub(super) const fn required(url: String) -> Self {
        Self { url, required: true, proof: false }
    }

    pub(super) const fn optional(url: String) -> Self {
        Self { url, required: false, proof: false }
    }
}

impl OAuth2 {
    /// The provider with this login page (`authorization`) and token endpoint, that tells who the
    /// user is at `userinfo`.
    ///
    /// `name` is the `<provider>` of `/.auth/login/<provider>`: letters, digits and `_`. Names and
    /// addresses are checked when the configuration is built: https, or http on loopback.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        [authorization, token, userinfo]: [&str; 3],
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
    ) -> Self {
        let secret = Secret::new(client_secret.into());
        let name = name.into();
        let setting = format!("easyauth.providers.{name}");
        let registration = Registration::new(setting, name, client_id.into())
            .visitor_parameters(VISITOR_PARAMETERS);
        Self::registered(registration, authorization.to_owned(), token.to_owned())
            .question(Question::required(userinfo.to_owned()))
            .client_secret(secret)
    }

    /// A provider at which we are registered so, and which is yet to be asked anything.
    pub(super) fn registered(
        registration: Registration,
        authorization_endpoint: String,
        token_endpoint: String,
    ) -> Self {
        Self {
            registration,
            issuer: None,
            authorization_endpoint,
            token_endpoint,
            style: Style { response_type: true, pkce: true, nonce: false },
            exchange: None,
            questions: Vec::new(),
            refreshing: Refreshing::IfGiven(REFRESH_HINT),
            mapping: Self::profile,
            id_claim: None,
            name_claim: None,
            claim_types: Vec::new(),
        }
    }

    pub(super) fn question(mut self, question: Question) -> Self {
        self.questions.push(question);
        self
    }

    /// Our secret at the provider.
    #[must_use]
    pub fn client_secret(mut self, secret: impl Into<Secret<String>>) -> Self {
        self.registration.client_secret = Some(secret.into());
        self
    }

    /// The provider knows us without a secret: there is only PKCE.
    #[must_use]
    pub fn public_client(mut self) -> Self {
        self.registration.client_secret = None;
        self
    }

    /// How we prove who we are to the token endpoint. `client_secret_basic` unless set, which every
    /// provider has to take (RFC 6749 §2.3.1) and not every one does; or `client_secret_post`. A
    /// method that signs makes [`build`](crate::ConfigBuilder::build) fail.
    #[must_use]
    pub fn client_authentication(mut self, method: ClientAuthentication) -> Self {
        self.registration.client_authentication = Some(method);
        self
    }

    /// What to ask for. Nothing unless set: what the provider gives then is up to it.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.registration = self.registration.scopes(scopes);
        self
    }

    /// A further parameter of every authorization request. It cannot replace one that the protocol
    /// sets.
    #[must_use]
    pub fn login_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.registration.login_parameters.push((name.into(), value.into()));
        self
    }

    /// Which parameters of `/.auth/login/<provider>` are passed on to the provider. Unless set:
    /// `prompt`, `login_hint` and `ui_locales`.
    ///
    /// # Security
    ///
    /// Anybody can make a link to the login; what they may choose in it should not change what the
    /// user consents to. `scope` and parameters of the protocol are never passed on.
    #[must_use]
    pub fn visitor_parameters<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Self {
        self.registration = self.registration.visitor_parameters(names);
        self
    }

    /// The issuer by which the provider names itself in its answers (`iss`, RFC 9207). With it set,
    /// an answer that names another is refused. Users are told apart by it: changing it later makes
    /// everybody somebody new.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// The member of the userinfo answer that lastingly identifies the user: a text of 1 to 255
    /// printable ASCII characters or a whole number. Unless set: `sub` if there is one, else `id`.
    ///
    /// # Security
    ///
    /// It must never be given to somebody else, as names and e-mail addresses are. Set it for a
    /// provider that answers with `sub` for some users and with `id` for others.
    #[must_use]
    pub fn id_claim(mut self, member: impl Into<String>) -> Self {
        self.id_claim = Some(member.into());
        self
    }

    /// The claim that names the user for display: as the provider calls it or as it is
    /// [handed out](Self::claim_type). Unless set: the first there is of `name`,
    /// `preferred_username`, `username`, `login` and `email`.
    #[must_use]
    pub fn name_claim(mut self, claim: impl Into<String>) -> Self {
        self.name_claim = Some(claim.into());
        self
    }

    /// Hands out the member `member` of the userinfo answer as a claim of type `typ`. Unless set,
    /// the names of OpenID Connect's claims become Easy Auth's, and others stay.
    #[must_use]
    pub fn claim_type(mut self, member: impl Into<String>, typ: impl Into<String>) -> Self {
        self.claim_types.push((member.into(), typ.into()));
        self
    }

    /// Sends no code challenge (RFC 7636): for a provider that refuses requests that have one.
    ///
    /// # Security
    ///
    /// A code that is caught on its way can then be redeemed by who holds our secret only. A public
    /// client has none, and cannot be without PKCE.
    #[must_use]
    pub fn without_pkce(mut self) -> Self {
        self.style.pkce = false;
        self
    }

    /// Puts `endpoint` elsewhere. False if there is none of this kind.
    pub(super) fn set_endpoint(&mut self, endpoint: Endpoint, url: &str) -> bool {
        match endpoint {
            Endpoint::Authorization => {
                url.clone_into(&mut self.authorization_endpoint);
                // Whoever names themselves elsewhere does so as is usual, or is not asked to.
                if self.issuer.is_some() {
                    self.issuer = url.strip_suffix("/authorize").map(str::to_owned);
                }
            }
            Endpoint::Token => url.clone_into(&mut self.token_endpoint),
            Endpoint::UserInfo => self.move_questions(url),
            Endpoint::Jwks | Endpoint::RequestToken => return false,
        }
        true
    }

    /// Asks the first question at `url`, and those that are asked below it, below.
    fn move_questions(&mut self, url: &str) {
        let Some(first) = self.questions.first() else { return };
        let base = first.url.split('?').next().unwrap_or_default().to_owned();
        for question in &mut self.questions {
            let path = question.url.split('?').next().unwrap_or_default();
            if let Some(below) = path.strip_prefix(&base) {
                let moved = match url.split_once('?') {
                    Some((url, query)) => format!("{url}{below}?{query}"),
                    None => format!("{url}{below}"),
                };
                question.url = at(&question.url, &moved);
            }
        }
    }

    /// What we know of the provider.
    pub(crate) fn metadata(&self) -> Result<Metadata, DiscoveryError> {
        let endpoint =
            |name, text: &str| configured_url(text).map_err(|_| DiscoveryError::Endpoint(name));
        let authorization = endpoint("authorization", &self.authorization_endpoint)?;
        let (issuer, authorization_response_iss) = match &self.issuer {
            Some(issuer) => (issuer.clone(), IssParameter::Possible),
            None => (authorization.origin().ascii_serialization(), IssParameter::Meaningless),
        };
        let endpoints = Endpoints {
            token: endpoint("token", &self.token_endpoint)?,
            authorization,
            jwks: None,
            userinfo: None,
            end_session: None,
            revocation: None,
        };
        let capabilities = Capabilities { authorization_response_iss, ..Capabilities::default() };
        Metadata::assemble(Issuer::new(&issuer), endpoints, capabilities)
    }

    /// The address at which the provider is asked `question` by the holder of `access_token`.
    pub(crate) fn address(
        &self,
        question: &Question,
        access_token: &Secret<String>,
    ) -> Option<Url> {
        let mut url = configured_url(&question.url).ok()?;
        if let (true, Some(secret)) = (question.proof, &self.registration.client_secret) {
            let proof = registration::hex_hmac(secret, access_token);
            url.query_pairs_mut().append_pair("appsecret_proof", &proof);
        }
        Some(url)
    }

    /// What a plain provider's only answer says.
    fn profile(&self, answers: &[Option<Value>]) -> Option<Profile> {
        let document = answers.first()?.as_ref()?.as_object()?;
        let id = match &self.id_claim {
            Some(member) => member.as_str(),
            None => ID_CLAIMS.into_iter().find(|member| document.get(member).is_some())?,
        };
        let subject = profile::identifier(document.get(id)?)?;
        let typ = |name: &str| match self.claim_types.iter().find(|(member, _)| member == name) {
            Some((_, typ)) => typ.clone(),
            None if name == id => claims::typ("sub", NAMES).to_owned(),
            None => claims::typ(name, NAMES).to_owned(),
        };
        let claims = claims::map_as(document, typ);
        let wanted = self.name_claim.as_deref().map(|name| (name.to_owned(), typ(name)));
        let usual = NAME_CLAIMS.map(|name| (name.to_owned(), typ(name)));
        let named = wanted.into_iter().chain(usual).find_map(|(name, typ)| {
            claims
                .iter()
                .find(|claim| (claim.typ == typ || claim.typ == name) && !claim.val.is_empty())
        });
        let (name, name_typ) = match named {
            Some(claim) => (claim.val.clone(), claim.typ.clone()),
            None => (subject.clone(), typ(id)),
        };
        Some(Profile { subject, name, name_typ, claims })
    }
}

const REFRESH_HINT: &str = "The sign-in service issued no refresh token. Many do for a scope of \
                            their own, such as offline_access; its documentation names it.";
const NAMES: ClaimNames = ClaimNames::Legacy;
const ID_CLAIMS: [&str; 2] = ["sub", "id"];
const NAME_CLAIMS: [&str; 5] = ["name", "preferred_username", "username", "login", "email"];
const VISITOR_PARAMETERS: [&str; 3] = ["prompt", "login_hint", "ui_locales"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::json;

    fn provider() -> OAuth2 {
        let endpoints = ["https://git.example/authorize", "https://git.example/token"];
        OAuth2::new("git", [endpoints[0], endpoints[1], "https://git.example/user"], "web", "s")
    }

    fn read(provider: &OAuth2, answer: &str) -> Option<Profile> {
        (provider.mapping)(provider, &[json::value(answer.as_bytes()).ok()])
    }

    #[test]
    fn the_user_is_identified_by_the_configured_member_and_by_no_other() {
        let subject = |provider: &OAuth2, answer: &str| read(provider, answer).map(|p| p.subject);
        let by_uuid = provider().id_claim("uuid");

        assert_eq!(subject(&provider(), r#"{"id":7,"sub":"a"}"#).as_deref(), Some("a"));
        assert_eq!(subject(&provider(), r#"{"id":7}"#).as_deref(), Some("7"));
        assert_eq!(subject(&by_uuid, r#"{"id":7,"uuid":"u"}"#).as_deref(), Some("u"));
        assert_eq!(subject(&by_uuid, r#"{"id":7}"#), None);
        for no_user in
            ["{}", r#"{"id":""}"#, r#"{"id":1.5}"#, r#"{"id":[1]}"#, r#"{"id":null}"#, "[]"]
        {
            assert_eq!(subject(&provider(), no_user), None, "{no_user}");
        }
    }

    #[test]
    fn an_identifier_is_as_subjects_are_or_identifies_nobody() {
        for (id, accepted) in [
            ("a".repeat(255), true),
            ("a".repeat(256), false),
            ("a b".to_owned(), true),
            ("a\\u0000".to_owned(), false),
            ("a\\n".to_owned(), false),
            ("\u{202e}a".to_owned(), false),
        ] {
            let answer = format!(r#"{{"id":"{id}"}}"#);
            assert_eq!(read(&provider(), &answer).is_some(), accepted, "{id}");
        }
        assert!(read(&provider(), r#"{"sub":null,"id":7}"#).is_none());
    }

    #[test]
    fn a_number_too_large_to_be_told_from_its_neighbour_identifies_nobody() {
        assert!(read(&provider(), r#"{"id":18446744073709551615}"#).is_some());
        assert!(read(&provider(), r#"{"id":18446744073709551616}"#).is_none());
        assert!(read(&provider(), r#"{"id":1e3}"#).is_none());
    }

    #[test]
    fn claims_have_easy_auths_names_or_the_configured_ones() {
        let provider = provider().claim_type("login", "urn:git:login").name_claim("login");
        let profile =
            read(&provider, r#"{"id":7,"login":"alice","email":"a@b","site":"x"}"#).unwrap();
        let lines: Vec<_> = profile.claims.iter().map(|c| format!("{}={}", c.typ, c.val)).collect();
        let identity = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims";

        assert_eq!(
            lines,
            [
                format!("{identity}/nameidentifier=7"),
                "urn:git:login=alice".to_owned(),
                format!("{identity}/emailaddress=a@b"),
                "site=x".to_owned(),
            ]
        );
        assert_eq!((profile.name.as_str(), profile.name_typ.as_str()), ("alice", "urn:git:login"));
    }

    #[test]
    fn without_a_name_the_identifier_is_shown() {
        let profile = read(&provider(), r#"{"id":7,"name":""}"#).unwrap();

        assert_eq!(profile.name, "7");
        assert!(profile.name_typ.ends_with("/nameidentifier"));
    }

    #[test]
    fn questions_move_together_and_keep_what_they_ask() {
        let mut provider = provider()
            .question(Question::optional("https://git.example/user/emails".to_owned()))
            .question(Question::optional("https://other.example/x".to_owned()));
        provider.questions[0].url.push_str("?fields=id");

        assert!(provider.set_endpoint(Endpoint::UserInfo, "https://proxy.example/me?k=v"));
        assert!(!provider.set_endpoint(Endpoint::RequestToken, "https://proxy.example"));
        let urls: Vec<_> = provider.questions.iter().map(|asked| asked.url.as_str()).collect();
        assert_eq!(urls[0], "https://proxy.example/me?k=v&fields=id");
        assert_eq!(urls[1], "https://proxy.example/me/emails?k=v");
        assert_eq!(urls[2], "https://other.example/x");
    }

    #[test]
    fn a_provider_that_names_no_issuer_is_the_origin_of_its_login_page() {
        let metadata = provider().metadata().unwrap();
        assert_eq!(metadata.issuer.as_str(), "https://git.example");
        let iss = |metadata: Metadata| metadata.capabilities.authorization_response_iss;
        assert_eq!(iss(metadata), IssParameter::Meaningless);
        let named = provider().issuer("https://git.example/oauth").metadata().unwrap();
        assert_eq!(iss(named), IssParameter::Possible);
        let plain = OAuth2::new(
            "p",
            ["http://git.example/a", "https://t.example", "https://u.example"],
            "w",
            "s",
        );
        assert!(plain.metadata().is_err());
    }
}
