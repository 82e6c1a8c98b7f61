//! Sign in with Apple, Azure's `apple` and `/.auth/login/apple`.
//!
//! Documented by Apple: [requesting an authorization] with the form that it posts, the [client
//! secret], and [what an ID token says]; by Microsoft: [Azure's own sign-in with Apple].
//!
//! [requesting an authorization]: https://developer.apple.com/documentation/signinwithapplerestapi/request-an-authorization-to-the-sign-in-with-apple-server
//! [client secret]: https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret
//! [what an ID token says]: https://developer.apple.com/documentation/signinwithapple/authenticating-users-with-sign-in-with-apple
//! [Azure's own sign-in with Apple]: https://learn.microsoft.com/azure/app-service/configure-authentication-provider-apple

use super::claims::{self, ClaimNames};
use super::endpoints::Endpoint;
use super::habits::{self, Habits, Sources};
use super::issuer_source::IssuerSource;
use super::private_key::PrivateKey;
use super::registration::{Registration, Signing};
use super::{OpenIdConnect, Provider};
use crate::oauth::authorization::ResponseMode;
use crate::oauth::json::{self, Value};
use crate::oauth::token::ClientAuthentication;
use crate::principal::Claim;
use crate::secret::Secret;

/// Sign in with Apple, at `/.auth/login/apple`.
///
/// ```no_run
/// use easyauth::provider::{Apple, PrivateKey};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = PrivateKey::from_pem(&std::fs::read_to_string("AuthKey_ABC123DEFG.p8")?)?;
/// let provider = Apple::new("com.example.web", "TEAM123456", key.key_id("ABC123DEFG"));
/// # Ok(())
/// # }
/// ```
///
/// The same in `auth.json`, with the text of the `.p8` file in the environment variable that is named:
///
/// ```json
/// {"identityProviders": {"apple": {"registration": {"clientId": "com.example.web"}}},
///  "easyauth": {"providers": {"apple": {
///     "teamId": "TEAM123456", "keyId": "ABC123DEFG", "privateKeySettingName": "APPLE_PRIVATE_KEY"}}}}
/// ```
///
/// As on Azure, `registration.clientSecretSettingName` may name a client secret instead that somebody
/// made from the key (a JWT). It lasts six months at most, and then nobody can sign in until it is
/// replaced; one made here from the key renews itself.
///
/// # At Apple
///
/// Make a Services ID (its identifier is the client id) with the return URL
/// `<origin>/.auth/login/apple/callback`, and a key with *Sign in with Apple*. The origin must be
/// https, and not `localhost`.
///
/// # What arrives
///
/// Every claim of the ID token under Easy Auth's name, in the token's order.
/// `X-MS-CLIENT-PRINCIPAL-ID` is Apple's `sub`, and `-NAME` the user's name or else e-mail address.
/// Tokens are in `X-MS-TOKEN-APPLE-ID-TOKEN`, `-ACCESS-TOKEN`, `-EXPIRES-ON` and `-REFRESH-TOKEN`.
///
/// Apple tells the name at the very first sign-in only, beside the ID token. It becomes the claims
/// `name`, `givenname` and `surname`, which later sign-ins keep as long as the user has a record in
/// the token store, that is, a session that has not ended longer ago than the refresh window. An
/// application that wants it for good keeps it itself.
///
/// # Refreshing
///
/// Apple always issues a refresh token.
///
/// # Security
///
/// The name comes through the browser and nobody vouches for it: users can call themselves anything.
/// Apple posts its answer from its own site, so the cookie of a pending login is `SameSite=None`
/// here; the session's stays `Lax`.
#[derive(Clone, Debug)]
pub struct Apple(OpenIdConnect);

impl Apple {
    /// Apple, to whom we are the Services ID `client_id` of the team `team_id`. `key` is one of the
    /// team, with its [id](PrivateKey::key_id).
    #[must_use]
    pub fn new(client_id: impl Into<String>, team_id: impl Into<String>, key: PrivateKey) -> Self {
        let mut this = Self::unproven(client_id.into());
        let team_id = team_id.into();
        this.0.registration.signing = Some(Signing::ClientSecret { key, team_id });
        this
    }

    /// The same with a client secret that was made elsewhere.
    #[must_use]
    pub fn with_client_secret(
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
    ) -> Self {
        let mut this = Self::unproven(client_id.into());
        this.0 = this.0.client_secret(Secret::new(client_secret.into()));
        this
    }

    fn unproven(client_id: String) -> Self {
        let setting = "identityProviders.apple".to_owned();
        let registration = Registration::new(setting, "apple".to_owned(), client_id);
        let source = IssuerSource::Issuer("https://appleid.apple.com".to_owned());
        let provider = OpenIdConnect::from_registration(registration, source, HABITS)
            .client_authentication(ClientAuthentication::ClientSecretPost)
            .scopes(["openid", "name", "email"])
            // Apple insists on it where it is asked for name or address.
            .response_mode(ResponseMode::FormPost);
        Self(provider)
    }

    /// What to ask for. `openid name email` unless set.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.0 = self.0.scopes(scopes);
        self
    }

    /// A further parameter of every authorization request.
    #[must_use]
    pub fn login_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0 = self.0.login_parameter(name, value);
        self
    }

    /// Which parameters of `/.auth/login/apple` are passed on. None unless set.
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

    /// Somebody who speaks as Apple does, under another issuer.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
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

impl From<Apple> for Provider {
    fn from(provider: Apple) -> Self {
        provider.0.into()
    }
}

const HABITS: Habits = Habits {
    names: &["name", "email"],
    asks_userinfo: false,
    told,
    tells_once: true,
    refresh: "Apple issues a refresh token with every sign-in; sign in again.",
    ..habits::STANDARD
};

/// The name in the form that Apple posts at the first sign-in:
/// `{"name": {"firstName": "…", "lastName": "…"}, "email": "…"}`. The address in it is passed over:
/// the one in the ID token is vouched for.
fn told(sources: &Sources<'_>, names: ClaimNames) -> Vec<Claim> {
    let user = sources.user.filter(|user| user.len() <= MAX_USER);
    let Some(user) = user.and_then(|user| json::object(user.as_bytes()).ok()) else {
        return Vec::new();
    };
    let Some(name) = user.get("name").and_then(Value::as_object) else { return Vec::new() };
    let part = |member: &str| name.text(member).map(plain).filter(|part| !part.is_empty());
    let (given, family) = (part("firstName"), part("lastName"));
    let whole: Vec<&str> = given.iter().chain(&family).map(String::as_str).collect();
    let whole = (!whole.is_empty()).then(|| whole.join(" "));
    [("name", whole), ("given_name", given), ("family_name", family)]
        .into_iter()
        .filter_map(|(name, value)| Some(Claim::new(claims::typ(name, names), value?)))
        .collect()
}

/// A name without what no name has.
fn plain(name: &str) -> String {
    let visible = name.chars().filter(|character| !character.is_control());
    visible.take(MAX_NAME).collect::<String>().trim().to_owned()
}

const MAX_USER: usize = 4096;
const MAX_NAME: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::json::Object;

    fn told_by(user: &str) -> Vec<(String, String)> {
        let id_token = Object::default();
        let sources = Sources { id_token: &id_token, userinfo: None, user: Some(user) };
        let claims = told(&sources, ClaimNames::Legacy);
        claims.into_iter().map(|claim| (claim.typ, claim.val)).collect()
    }

    #[test]
    fn the_first_sign_in_tells_the_name_and_not_the_address() {
        let golden = include_str!("../../tests/data/apple/user.json");
        let identity = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims";

        assert_eq!(
            told_by(golden),
            [
                ("name".to_owned(), "John Appleseed".to_owned()),
                (format!("{identity}/givenname"), "John".to_owned()),
                (format!("{identity}/surname"), "Appleseed".to_owned()),
            ]
        );
    }

    #[test]
    fn what_a_browser_may_have_changed_is_a_plain_name_or_nothing() {
        for user in ["", "[]", "{}", r#"{"name":"x"}"#, r#"{"name":{"firstName":7}}"#, "{\"name\":"]
        {
            assert!(told_by(user).is_empty(), "{user}");
        }
        let long = format!(r#"{{"name":{{"firstName":"{}"}}}}"#, "x".repeat(500));
        assert_eq!(told_by(&long)[0].1.len(), MAX_NAME);
        let too_long = format!(r#"{{"name":{{"firstName":"{}"}}}}"#, "x".repeat(MAX_USER));
        assert!(told_by(&too_long).is_empty());
        let hostile = r#"{"name":{"firstName":"A\r\nSet-Cookie: x","lastName":" "}}"#;
        assert_eq!(told_by(hostile)[0].1, "ASet-Cookie: x");
    }
}
