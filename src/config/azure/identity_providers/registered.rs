//! The members that the sections of Google and of Microsoft accounts share.

use super::{LITERAL_SECRET, read_login_parameters, read_scopes, read_secret};
use crate::config::ConfigError;
use crate::config::azure::provider_extension::ProviderExtension;
use crate::config::azure::section::Section;
use crate::config::env::Environment;
use crate::secret::Secret;

/// What such a section says.
pub(super) struct Registered {
    pub(super) client_id: String,
    pub(super) secret: Secret<String>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) login_parameters: Vec<(String, String)>,
    pub(super) audiences: Vec<String>,
}

/// Reads it. The secret is in the variable `default_secret` unless another is named.
pub(super) fn read(
    section: &mut Section<'_>,
    extension: &ProviderExtension<'_>,
    default_secret: &str,
    environment: Environment<'_>,
) -> Result<Registered, ConfigError> {
    extension.only(&["issuer", "endpoints"])?;
    section.truth("enabled")?;
    let (client_id, secret) = section.section("registration", |registration| {
        registration.refuse("clientSecret", LITERAL_SECRET)?;
        let Some(client_id) = registration.text("clientId")? else {
            let problem = "is not set; set it to the id that the provider gave you";
            return Err(registration.error("clientId", problem));
        };
        let secret = read_secret(registration, default_secret, false, environment)?;
        Ok((client_id.to_owned(), secret.unwrap_or_else(|| Secret::new(String::new()))))
    })?;
    let (mut scopes, login_parameters) = section
        .section("login", |login| Ok((read_scopes(login)?, read_login_parameters(login)?)))?;
    let (chosen, login_parameters): (Vec<_>, Vec<_>) =
        login_parameters.into_iter().partition(|(name, _)| name == "scope");
    if let Some((_, chosen)) = chosen.first() {
        scopes = Some(chosen.split_whitespace().map(str::to_owned).collect());
    }
    let audiences = section.section("validation", |validation| {
        Ok(validation.texts("allowedAudiences")?.unwrap_or_default())
    })?;
    let audiences = audiences.into_iter().map(str::to_owned).collect();
    Ok(Registered { client_id, secret, scopes, login_parameters, audiences })
}
