//! The settings that Azure takes from the environment, and the secrets that a file names there.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use super::{ConfigError, time_span};
use crate::origin::PublicOrigin;
use crate::seal::Key;
use crate::secret::Secret;

/// Environment variables, by a look-up that tests and other sources can replace.
#[derive(Clone, Copy)]
pub(super) struct Environment<'a>(&'a dyn Fn(&str) -> Option<String>);

impl<'a> Environment<'a> {
    pub(super) const fn new(look_up: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self(look_up)
    }

    /// The variable `name`; an empty one counts as absent.
    pub(super) fn text(self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// `https://$WEBSITE_HOSTNAME`.
    pub(super) fn origin(self) -> Result<Option<String>, ConfigError> {
        let Some(host) = self.text(HOSTNAME) else { return Ok(None) };
        let origin = format!("https://{host}");
        PublicOrigin::parse(&origin)
            .map_err(|_| ConfigError::new(HOSTNAME, "must be a host name such as app.example"))?;
        Ok(Some(origin))
    }

    pub(super) fn hours(self, name: &str) -> Result<Option<Duration>, ConfigError> {
        self.parsed(name, time_span::parse_hours, time_span::HOURS)
    }

    pub(super) fn time_span(self, name: &str) -> Result<Option<Duration>, ConfigError> {
        self.parsed(name, time_span::parse, time_span::TIME_SPAN)
    }

    pub(super) fn truth(self, name: &str) -> Result<Option<bool>, ConfigError> {
        self.parsed(name, parse_truth, "must be true or false")
    }

    /// The texts in the variable `name`, which commas divide.
    pub(super) fn list(self, name: &str) -> Option<Vec<String>> {
        let texts = self.text(name)?;
        let texts = texts.split(',').map(str::trim).filter(|text| !text.is_empty());
        Some(texts.map(str::to_owned).collect())
    }

    /// The key in the variable `name`.
    pub(super) fn key(self, name: &str) -> Result<Option<Key>, ConfigError> {
        let Some(text) = self.text(name).map(Zeroizing::new) else { return Ok(None) };
        let key = Key::parse(&text).map_err(|error| ConfigError::new(name, error.to_string()))?;
        Ok(Some(key))
    }

    /// The key in the variable `name`, which `setting` names.
    pub(super) fn named_key(self, setting: &str, name: &str) -> Result<Key, ConfigError> {
        self.key(name)?.ok_or_else(|| not_set(setting, name))
    }

    /// The secret in the variable `name`, which `setting` names.
    pub(super) fn named_secret(
        self,
        setting: &str,
        name: &str,
    ) -> Result<Secret<String>, ConfigError> {
        self.text(name).map(Secret::new).ok_or_else(|| not_set(setting, name))
    }

    fn parsed<T>(
        self,
        name: &str,
        parse: impl Fn(&str) -> Option<T>,
        problem: &str,
    ) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        parse(text.trim()).map(Some).ok_or_else(|| ConfigError::new(name, problem))
    }
}

impl fmt::Debug for Environment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment(..)")
    }
}

fn not_set(setting: &str, name: &str) -> ConfigError {
    // People paste secrets where their names belong; those must not get into a log.
    let problem = if is_variable_name(name) {
        format!("{name} is not set in the environment; set it")
    } else {
        "is not the name of a variable in the environment; set one to the secret and name it here"
            .to_owned()
    };
    ConfigError::new(setting, problem)
}

/// Whether `name` is like `AUTH0_SECRET` or `auth_secret`. Secrets mix small letters with others, or
/// are one word.
fn is_variable_name(name: &str) -> bool {
    let all = |allowed: fn(&u8) -> bool| name.bytes().all(|byte| byte == b'_' || allowed(&byte));
    let capitals = all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let words = name.contains('_') && all(u8::is_ascii_lowercase);
    name.len() <= 64 && (capitals || words)
}

fn parse_truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

pub(super) const AAD_ALLOWED_TENANTS: &str = "WEBSITE_AUTH_AAD_ALLOWED_TENANTS";
pub(super) const ENCRYPTION_KEY: &str = "WEBSITE_AUTH_ENCRYPTION_KEY";
pub(super) const LOGOUT_PATH: &str = "WEBSITE_AUTH_LOGOUT_PATH";
pub(super) const NONCE_DURATION: &str = "WEBSITE_AUTH_NONCE_DURATION";
pub(super) const REFRESH_HOURS: &str = "WEBSITE_AUTH_TOKEN_REFRESH_HOURS";
pub(super) const RESOURCE_SCOPES: &str = "WEBSITE_AUTH_PRM_DEFAULT_WITH_SCOPES";
pub(super) const SAS_URL: &str = "WEBSITE_AUTH_TOKEN_CONTAINER_SASURL";
pub(super) const SIGNING_KEY: &str = "WEBSITE_AUTH_SIGNING_KEY";
pub(super) const USE_LEGACY_CLAIMS: &str = "WEBSITE_AUTH_USE_LEGACY_CLAIMS";
pub(super) const STATE_DIRECTORY: &str = "WEBSITE_AUTH_STATE_DIRECTORY";
pub(super) const USER_ID_KEY: &str = "EASYAUTH_USER_ID_KEY";
pub(super) const VALIDATE_NONCE: &str = "WEBSITE_AUTH_VALIDATE_NONCE";
const HOSTNAME: &str = "WEBSITE_HOSTNAME";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_variable_name_could_be_a_secret_and_is_not_shown() {
        for (name, shown) in [
            ("AUTH0_SECRET", true),
            ("auth_secret", true),
            ("correcthorse", false),
            ("9f86d081884c7d65", false),
            ("af86d081884c7d65", false),
            ("sEcr3tV4lue", false),
            ("Zq8~.x-secret", false),
            (&"A".repeat(65), false),
        ] {
            let error = not_set("registration", name).to_string();
            assert_eq!(error.contains(name), shown, "{name}");
        }
    }

    #[test]
    fn truth_is_written_as_azure_and_shells_write_it() {
        let all = ["true", "True", "1", "FALSE", "0", "yes", ""];
        let expected = [Some(true), Some(true), Some(true), Some(false), Some(false), None, None];

        assert_eq!(all.map(parse_truth), expected);
    }
}
