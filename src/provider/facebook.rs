//! Facebook Login, over the Graph API
//! ([the login flow](https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow),
//! [long-lived tokens](https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived),
//! [`appsecret_proof`](https://developers.facebook.com/docs/graph-api/guides/secure-requests),
//! [the user](https://developers.facebook.com/docs/graph-api/reference/user)).

use super::oauth2::Question;
use super::profile::{
    self, EMAIL_ADDRESS, GENDER, GIVEN_NAME, NAME, NAME_IDENTIFIER, Profile, SURNAME,
};
use super::registration::{Refreshing, Registration};
use super::{OAuth2, Provider};
use crate::oauth::json::{Object, Value};
use crate::oauth::token::ClientAuthentication;
use crate::principal::Claim;
use crate::secret::Secret;

#[doc = include_str!("facebook.md")]
#[derive(Clone, Debug)]
pub struct Facebook {
    pub(crate) registration: Registration,
    version: String,
    fields: Vec<String>,
    web: String,
    graph: String,
}

impl Facebook {
    /// Facebook, to whom we are the app `app_id`.
    #[must_use]
    pub fn new(app_id: impl Into<String>, app_secret: impl Into<String>) -> Self {
        let setting = "identityProviders.facebook".to_owned();
        let mut registration = Registration::new(setting, "facebook".to_owned(), app_id.into())
            .scopes(["public_profile"])
            .visitor_parameters(VISITOR_PARAMETERS);
        registration.client_id_member = "registration.appId";
        registration.secret_member = "registration.appSecretSettingName";
        registration.client_secret = Some(Secret::new(app_secret.into()));
        registration.client_authentication = Some(ClientAuthentication::ClientSecretPost);
        Self {
            registration,
            version: VERSION.to_owned(),
            fields: FIELDS.map(str::to_owned).to_vec(),
            web: WEB.to_owned(),
            graph: GRAPH.to_owned(),
        }
    }

    /// The version of the Graph API, Azure's `graphApiVersion`: `v23.0` unless set. Facebook serves
    /// one for about two years, and answers as the oldest that it still serves afterwards.
    #[must_use]
    pub fn graph_api_version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// What to ask for. `public_profile` unless set. Facebook refuses whoever asks for a permission,
    /// `email` included, that the app has not been given.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.registration = self.registration.scopes(scopes);
        self
    }

    /// Which fields of the user to read. `id`, `name`, `first_name`, `last_name` and `email` unless
    /// set; `id` is always read. Those that the user has not shared are left out.
    #[must_use]
    pub fn fields<S: Into<String>>(mut self, fields: impl IntoIterator<Item = S>) -> Self {
        self.fields = fields.into_iter().map(Into::into).collect();
        if !self.fields.iter().any(|field| field == "id") {
            self.fields.insert(0, "id".to_owned());
        }
        self
    }

    /// Other addresses than `https://www.facebook.com` and `https://graph.facebook.com`, without
    /// the version: for tests, and for who is behind a proxy.
    #[must_use]
    pub fn endpoints(mut self, web: impl Into<String>, graph: impl Into<String>) -> Self {
        self.web = web.into().trim_end_matches('/').to_owned();
        self.graph = graph.into().trim_end_matches('/').to_owned();
        self
    }

    /// A further parameter of every authorization request, such as `auth_type` = `rerequest`. It
    /// cannot replace one that the protocol sets.
    #[must_use]
    pub fn login_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.registration.login_parameters.push((name.into(), value.into()));
        self
    }
}

impl From<Facebook> for Provider {
    fn from(facebook: Facebook) -> Self {
        let Facebook { registration, version, fields, web, graph } = facebook;
        let dialog = format!("{web}/{version}/dialog/oauth");
        let token = format!("{graph}/{version}/oauth/access_token");
        let user = format!("{graph}/{version}/me?fields={}", fields.join(","));
        let mut settings = OAuth2::registered(registration, dialog, token)
            .question(Question { proof: true, ..Question::required(user) })
            // Its documentation knows code challenges only where it is asked for an ID token.
            .without_pkce();
        settings.refreshing = Refreshing::Never(NO_REFRESH);
        settings.exchange = Some("fb_exchange_token");
        settings.mapping = |_, answers| profile_of(answers);
        settings.into()
    }
}

/// What the user's document says.
fn profile_of(answers: &[Option<Value>]) -> Option<Profile> {
    let user = answers.first()?.as_ref()?.as_object()?;
    let subject = profile::identifier(user.get("id")?)?;
    let mut claims = vec![Claim::new(NAME_IDENTIFIER, &subject)];
    claims.extend(profile::claims(user, &TYPES));
    claims.extend(picture(user).map(|url| Claim::new("urn:facebook:picture", url)));
    let name = profile::scalar(user, "name");
    let name_typ = if name.is_some() { NAME } else { NAME_IDENTIFIER };
    let name = name.unwrap_or_else(|| subject.clone());
    Some(Profile { subject, name, name_typ: name_typ.to_owned(), claims })
}

/// Pictures come two objects deep.
fn picture(user: &Object) -> Option<&str> {
    user.get("picture")?.as_object()?.get("data")?.as_object()?.text("url")
}

const WEB: &str = "https://www.facebook.com";
const GRAPH: &str = "https://graph.facebook.com";
const VERSION: &str = "v23.0";
const FIELDS: [&str; 5] = ["id", "name", "first_name", "last_name", "email"];
const VISITOR_PARAMETERS: [&str; 2] = ["auth_type", "display"];
const TYPES: [(&str, &str); 9] = [
    ("name", NAME),
    ("link", "urn:facebook:link"),
    ("first_name", GIVEN_NAME),
    ("middle_name", "urn:facebook:middle_name"),
    ("last_name", SURNAME),
    ("gender", GENDER),
    ("locale", "urn:facebook:locale"),
    ("timezone", "urn:facebook:timezone"),
    ("email", EMAIL_ADDRESS),
];
const NO_REFRESH: &str = "Facebook has no refresh tokens. Its access tokens last about 60 days; \
                          sign in again for a new one.";
