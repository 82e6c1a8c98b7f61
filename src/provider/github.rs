//! GitHub, and GitHub Enterprise: OAuth 2.0 without OpenID
//! ([authorizing OAuth apps](https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps),
//! [user access tokens of GitHub Apps](https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-user-access-token-for-a-github-app),
//! [refreshing them](https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/refreshing-user-access-tokens),
//! [the user](https://docs.github.com/en/rest/users/users#get-the-authenticated-user),
//! [their e-mail addresses](https://docs.github.com/en/rest/users/emails#list-email-addresses-for-the-authenticated-user)).

use super::oauth2::Question;
use super::profile::{self, EMAIL_ADDRESS, NAME, NAME_IDENTIFIER, Profile};
use super::registration::{Refreshing, Registration};
use super::{OAuth2, Provider};
use crate::oauth::authorization::Style;
use crate::oauth::json::{Object, Value};
use crate::oauth::token::ClientAuthentication;
use crate::principal::Claim;
use crate::secret::Secret;

#[doc = include_str!("github.md")]
#[derive(Clone, Debug)]
pub struct GitHub {
    pub(crate) registration: Registration,
    web: String,
    api: String,
    emails: bool,
}

impl GitHub {
    /// GitHub, to whom we are the OAuth app or GitHub App `client_id`.
    #[must_use]
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        let setting = "identityProviders.gitHub".to_owned();
        let mut registration = Registration::new(setting, "github".to_owned(), client_id.into())
            .visitor_parameters(VISITOR_PARAMETERS);
        registration.client_secret = Some(Secret::new(client_secret.into()));
        // GitHub documents this way only.
        registration.client_authentication = Some(ClientAuthentication::ClientSecretPost);
        Self { registration, web: WEB.to_owned(), api: API.to_owned(), emails: false }
    }

    /// GitHub Enterprise at these addresses, of its pages and of its API:
    /// `https://github.example` and `https://github.example/api/v3` for one's own server,
    /// `https://octocorp.ghe.com` and `https://api.octocorp.ghe.com` with data residency.
    #[must_use]
    pub fn enterprise(mut self, web: impl Into<String>, api: impl Into<String>) -> Self {
        self.web = web.into().trim_end_matches('/').to_owned();
        self.api = api.into().trim_end_matches('/').to_owned();
        self
    }

    /// What an OAuth app asks for. Nothing unless set: the public profile. With `user` or
    /// `user:email` the e-mail address is asked for, too. GitHub Apps have permissions instead.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.registration = self.registration.scopes(scopes);
        self
    }

    /// Asks for the user's e-mail addresses, whatever the scopes: for a GitHub App that has the
    /// permission to read them. Where GitHub refuses, there is no such claim.
    #[must_use]
    pub fn emails(mut self) -> Self {
        self.emails = true;
        self
    }

    /// A further parameter of every authorization request, such as `allow_signup` = `false`. It
    /// cannot replace one that the protocol sets.
    #[must_use]
    pub fn login_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.registration.login_parameters.push((name.into(), value.into()));
        self
    }
}

impl From<GitHub> for Provider {
    fn from(github: GitHub) -> Self {
        let GitHub { registration, web, api, emails } = github;
        let scoped = registration.scopes.iter().any(|s| s == "user" || s == "user:email");
        let [authorize, token] =
            ["authorize", "access_token"].map(|at| format!("{web}/login/oauth/{at}"));
        let mut settings = OAuth2::registered(registration, authorize, token)
            .issuer(format!("{web}/login/oauth"))
            .question(Question::required(format!("{api}/user")));
        if scoped || emails {
            settings = settings.question(Question::optional(format!("{api}/user/emails")));
        }
        settings.refreshing = Refreshing::IfGiven(REFRESH_HINT);
        settings.style = Style { response_type: false, pkce: true, nonce: false };
        settings.mapping = |_, answers| profile_of(answers);
        settings.into()
    }
}

/// What the user and their e-mail addresses say.
fn profile_of(answers: &[Option<Value>]) -> Option<Profile> {
    let user = answers.first()?.as_ref()?.as_object()?;
    let subject = profile::identifier(user.get("id")?)?;
    let login = profile::scalar(user, "login")?;
    let name = profile::scalar(user, "name").unwrap_or(login);
    let mut claims = vec![Claim::new(NAME_IDENTIFIER, &subject), Claim::new(NAME, &name)];
    claims.extend(profile::claims(user, &FIRST));
    claims.extend(further(user));
    let emails = answers.get(1).and_then(Option::as_ref).and_then(Value::as_array);
    let email = emails.unwrap_or_default().iter().find_map(primary);
    claims.extend(email.map(|email| Claim::new(EMAIL_ADDRESS, email)));
    Some(Profile { subject, name, name_typ: NAME.to_owned(), claims })
}

/// Whatever else the user's document says, in its order.
fn further(user: &Object) -> impl Iterator<Item = Claim> {
    let known = |name: &str| name == "name" || FIRST.iter().any(|(member, _)| *member == name);
    user.iter().filter(move |(name, _)| !known(name)).filter_map(|(name, _)| {
        Some(Claim::new(format!("urn:github:{name}"), profile::scalar(user, name)?))
    })
}

/// The address, if it is the one that the user is written to and has proved to be theirs.
fn primary(email: &Value) -> Option<&str> {
    let email = email.as_object()?;
    let says = |name| email.get(name).and_then(Value::as_bool) == Some(true);
    email.text("email").filter(|_| says("primary") && says("verified"))
}

const WEB: &str = "https://github.com";
const API: &str = "https://api.github.com";
const VISITOR_PARAMETERS: [&str; 3] = ["login", "allow_signup", "prompt"];
const FIRST: [(&str, &str); 4] = [
    ("login", "urn:github:login"),
    ("id", "urn:github:id"),
    ("type", "urn:github:type"),
    ("avatar_url", "urn:github:avatar_url"),
];
const REFRESH_HINT: &str = "GitHub issued no refresh token. It does so for GitHub Apps whose user \
                            tokens expire (Optional features, User-to-server token expiration), \
                            never for OAuth apps, whose tokens do not expire.";
