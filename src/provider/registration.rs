//! What we are at a provider, and what we ask it for.

use ring::hmac;

use super::private_key::PrivateKey;
use crate::oauth::token::ClientAuthentication;
use crate::secret::Secret;

/// Our registration at one provider, and what a login there asks for.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    /// Where it stands in `auth.json`, for messages.
    pub(crate) setting: String,
    /// The `<provider>` of `/.auth/login/<provider>`.
    pub(crate) name: String,
    /// What `client_id` is called there.
    pub(crate) client_id_member: &'static str,
    /// What names the secret there.
    pub(crate) secret_member: &'static str,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<Secret<String>>,
    pub(crate) client_authentication: Option<ClientAuthentication>,
    /// What signs in the place of the secret.
    pub(crate) signing: Option<Signing>,
    pub(crate) scopes: Vec<String>,
    /// Further parameters of every authorization request.
    pub(crate) login_parameters: Vec<(String, String)>,
    /// Which parameters of our login route are passed on.
    pub(crate) visitor_parameters: Vec<String>,
    /// Another name that leads to the same login.
    pub(crate) alias: Option<&'static str>,
}

/// Whether tokens can be had anew, and what to tell somebody whose cannot.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refreshing {
    /// With a refresh token; why there may be none.
    IfGiven(&'static str),
    /// Never; what is done instead.
    Never(&'static str),
}

/// How a key of ours proves who we are.
#[derive(Clone, Debug)]
pub(crate) enum Signing {
    /// By a client assertion (`private_key_jwt`).
    Assertion(PrivateKey, Audience),
    /// By a client secret that is made with it, and that names the team of this id: Apple's way.
    ClientSecret { key: PrivateKey, team_id: String },
}

/// Whom a client assertion is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Audience {
    /// The issuer and nobody else, as later drafts of RFC 7523 demand.
    Issuer,
    /// The token endpoint, which is what Entra takes.
    TokenEndpoint,
}

impl Registration {
    pub(super) fn new(setting: String, name: String, client_id: String) -> Self {
        Self {
            setting,
            name,
            client_id_member: "registration.clientId",
            secret_member: "registration.clientSecretSettingName",
            client_id,
            client_secret: None,
            client_authentication: None,
            signing: None,
            scopes: Vec::new(),
            login_parameters: Vec::new(),
            visitor_parameters: Vec::new(),
            alias: None,
        }
    }

    pub(super) fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    pub(super) fn visitor_parameters<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Self {
        self.visitor_parameters = names.into_iter().map(Into::into).collect();
        self
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
        let settled = SETTLED.contains(&name.as_str())
            && self.login_parameters.iter().any(|(configured, _)| configured == name);
        allowed && !settled && (name != MAX_AGE || self.may_choose_max_age(value))
    }

    /// What the provider might read otherwise than we do would be asked for and not checked; and a
    /// visitor may want a more recent sign-in than the configuration, never an older one.
    fn may_choose_max_age(&self, value: &str) -> bool {
        let configured = max_age(&self.login_parameters).flatten();
        let chosen = seconds(value);
        chosen.is_some_and(|chosen| configured.is_none_or(|configured| chosen <= configured))
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

/// HMAC-SHA256 of `message` under `key`, in hexadecimal.
pub(super) fn hex_hmac(key: &Secret<String>, message: &Secret<String>) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes());
    let tag = hmac::sign(&key, message.expose().as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

const MAX_AGE: &str = "max_age";
/// What says who may sign in and how: where it is configured, a link must not ask for less.
const SETTLED: [&str; 3] = ["acr_values", "hd", "prompt"];

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn oc_22_a_visitor_passes_only_what_is_allowed_and_never_scopes() {
        let mut registration = Registration::new("op".into(), "op".into(), "web".into())
            .visitor_parameters(["prompt", "scope", "login_hint"]);
        registration.login_parameters = pairs(&[("prompt", "consent")]);
        let visitor = pairs(&[("scope", "admin"), ("login_hint", "a"), ("x", "y")]);

        let further = registration.further_parameters(&visitor);
        let names: Vec<_> = further.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["login_hint", "prompt"]);
    }
}
