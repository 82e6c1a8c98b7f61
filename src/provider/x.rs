//! X, once Twitter: by OAuth 1.0a as the original, or by OAuth 2.0
//! ([OAuth 1.0a](https://docs.x.com/fundamentals/authentication/oauth-1-0a/obtaining-user-access-tokens),
//! [OAuth 2.0 with PKCE](https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code),
//! [`account/verify_credentials`](https://developer.x.com/en/docs/x-api/v1/accounts-and-users/manage-account-settings/api-reference/get-account-verify_credentials),
//! [`users/me`](https://docs.x.com/x-api/users/get-my-user)).

use super::oauth1::OAuth1;
use super::oauth2::Question;
use super::profile::{self, NAME, NAME_IDENTIFIER, Profile, UPN, WEB_PAGE};
use super::registration::{Refreshing, Registration};
use super::{OAuth2, Protocol, Provider};
use crate::oauth::json::{Object, Value};
use crate::oauth::oauth1::member;
use crate::oauth::token::ClientAuthentication;
use crate::principal::{Claim, Issuer};
use crate::secret::Secret;

#[doc = include_str!("x.md")]
#[derive(Clone, Debug)]
pub struct X {
    pub(crate) registration: Registration,
    version: Version,
    web: String,
    api: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Version {
    OAuth1,
    OAuth2,
}

impl X {
    /// X by OAuth 1.0a, to whom we are the app of this API key and secret.
    #[must_use]
    pub fn oauth1(consumer_key: impl Into<String>, consumer_secret: impl Into<String>) -> Self {
        let mut x = Self::new(Version::OAuth1, consumer_key.into(), consumer_secret.into());
        x.registration = x.registration.visitor_parameters(["force_login", "screen_name", "lang"]);
        x
    }

    /// X by OAuth 2.0, to whom we are the client of this id and secret.
    #[must_use]
    pub fn oauth2(client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        let mut x = Self::new(Version::OAuth2, client_id.into(), client_secret.into());
        x.registration = x.registration.scopes(["users.read", "tweet.read"]);
        x.registration.client_authentication = Some(ClientAuthentication::ClientSecretBasic);
        x
    }

    fn new(version: Version, id: String, secret: String) -> Self {
        let setting = "identityProviders.twitter".to_owned();
        let mut registration = Registration::new(setting, "twitter".to_owned(), id);
        registration.client_id_member = "registration.consumerKey";
        registration.secret_member = "registration.consumerSecretSettingName";
        registration.client_secret = Some(Secret::new(secret));
        registration.alias = Some("x");
        Self { registration, version, web: WEB.to_owned(), api: API.to_owned() }
    }

    /// What to ask for by OAuth 2.0. `users.read tweet.read` unless set, which X wants for saying
    /// who the user is; `offline.access` brings refresh tokens. OAuth 1.0a has permissions instead,
    /// which are set at X.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.registration = self.registration.scopes(scopes);
        self
    }

    /// A further parameter of every authorization request, such as `force_login` = `true` of OAuth
    /// 1.0a. It cannot replace one that the protocol sets.
    #[must_use]
    pub fn login_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.registration.login_parameters.push((name.into(), value.into()));
        self
    }

    /// Other addresses than `https://x.com` and `https://api.x.com`: for tests, and for who is
    /// behind a proxy.
    #[must_use]
    pub fn endpoints(mut self, web: impl Into<String>, api: impl Into<String>) -> Self {
        self.web = web.into().trim_end_matches('/').to_owned();
        self.api = api.into().trim_end_matches('/').to_owned();
        self
    }
}

impl From<X> for Provider {
    fn from(x: X) -> Self {
        let X { registration, version, web, api } = x;
        match version {
            Version::OAuth1 => Self(Protocol::OAuth1(OAuth1 {
                registration,
                no_refresh: NO_REFRESH,
                issuer: Issuer::new(&web),
                request_token_endpoint: format!("{api}/oauth/request_token"),
                authorization_endpoint: format!("{api}/oauth/authenticate"),
                access_token_endpoint: format!("{api}/oauth/access_token"),
                profile_endpoint: format!("{api}/1.1/account/verify_credentials.json{DETAILS_1}"),
                mapping: signed_profile_of,
            })),
            Version::OAuth2 => {
                let authorize = format!("{web}/i/oauth2/authorize");
                let token = format!("{api}/2/oauth2/token");
                let mut settings = OAuth2::registered(registration, authorize, token)
                    .question(Question::required(format!("{api}/2/users/me{DETAILS_2}")));
                settings.refreshing = Refreshing::IfGiven(REFRESH_HINT);
                settings.mapping = |_, answers| profile_of(answers.first()?.as_ref()?);
                settings.into()
            }
        }
    }
}

/// Who the user is by what came with their access token, and by how X describes them. X describes
/// nobody to apps without access to that; then there are only identifier and screen name.
fn signed_profile_of(told: &[(String, String)], described: Option<&Value>) -> Option<Profile> {
    let (id, screen_name) = (member(told, "user_id")?, member(told, "screen_name")?);
    let Some(described) = described else {
        let claims = vec![Claim::new(NAME_IDENTIFIER, id), Claim::new(UPN, screen_name)];
        return Some(profile(id.to_owned(), screen_name.to_owned(), claims));
    };
    profile_of(described).filter(|profile| profile.subject == id)
}

/// Who the user is by either version of the API.
fn profile_of(answer: &Value) -> Option<Profile> {
    let answer = answer.as_object()?;
    let user = answer.get("data").map_or(Some(answer), Value::as_object)?;
    // Version 1.1 has the identifier as a number, too, which not every reader of JSON keeps.
    let id = profile::identifier(user.get("id_str").or_else(|| user.get("id"))?)?;
    let screen_name =
        ["screen_name", "username"].iter().find_map(|name| profile::scalar(user, name))?;
    let mut claims = vec![Claim::new(NAME_IDENTIFIER, &id), Claim::new(UPN, &screen_name)];
    claims.extend(TYPES.iter().filter_map(|(name, typ)| Some(Claim::new(*typ, say(user, name)?))));
    // Version 1.1 has a picture by http under the name that in version 2 is the only one.
    let picture =
        ["profile_image_url_https", "profile_image_url"].iter().find_map(|n| user.text(n));
    claims.extend(picture.map(|url| Claim::new("urn:twitter:profile_image_url_https", url)));
    Some(profile(id, screen_name, claims))
}

fn profile(subject: String, screen_name: String, claims: Vec<Claim>) -> Profile {
    Profile { subject, name: screen_name, name_typ: UPN.to_owned(), claims }
}

/// A member in one word. The original writes what is true as .NET does.
fn say(user: &Object, name: &str) -> Option<String> {
    match user.get(name)? {
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        _ => profile::scalar(user, name),
    }
}

const WEB: &str = "https://x.com";
const API: &str = "https://api.x.com";
const DETAILS_1: &str = "?include_entities=false&skip_status=true";
const DETAILS_2: &str = "?user.fields=description,location,profile_image_url,url,verified";
const TYPES: [(&str, &str); 7] = [
    ("name", NAME),
    ("url", WEB_PAGE),
    ("description", "urn:twitter:description"),
    ("location", "urn:twitter:location"),
    ("time_zone", "urn:twitter:time_zone"),
    ("lang", "urn:twitter:lang"),
    ("verified", "urn:twitter:verified"),
];
const NO_REFRESH: &str = "X's tokens of OAuth 1.0a do not expire, so there is nothing to refresh. \
                          They end when the user withdraws them; then sign in again.";
const REFRESH_HINT: &str = "X issued no refresh token. It does so for the scope offline.access, \
                            which the sign-in has to ask for (login.scopes).";
