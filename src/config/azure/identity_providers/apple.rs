//! `apple`: Sign in with Apple.

use super::{LITERAL_SECRET, read_login_parameters, read_scopes, read_secret};
use crate::config::ConfigError;
use crate::config::azure::provider_extension::ProviderExtension;
use crate::config::azure::section::Section;
use crate::config::env::Environment;
use crate::provider::Apple;
use crate::secret::Secret;

/// Reads the provider.
pub(super) fn read(
    section: &mut Section<'_>,
    extension: &ProviderExtension<'_>,
    environment: Environment<'_>,
) -> Result<Apple, ConfigError> {
    extension.only(&["issuer", "endpoints", "teamId", "keyId", "privateKeySettingName"])?;
    section.truth("enabled")?;
    let mut provider = section.section("registration", |registration| {
        read_registration(registration, extension, environment)
    })?;
    if let Some(issuer) = extension.issuer {
        provider = provider.issuer(issuer);
    }
    let (scopes, parameters) = section
        .section("login", |login| Ok((read_scopes(login)?, read_login_parameters(login)?)))?;
    if let Some(scopes) = scopes {
        provider = provider.scopes(scopes);
    }
    for (name, value) in parameters {
        provider = match name.as_str() {
            "scope" => provider.scopes(value.split_whitespace()),
            _ => provider.login_parameter(name, value),
        };
    }
    for (endpoint, url) in &extension.endpoints {
        provider = provider.endpoint(*endpoint, *url);
    }
    Ok(provider)
}

fn read_registration(
    section: &mut Section<'_>,
    extension: &ProviderExtension<'_>,
    environment: Environment<'_>,
) -> Result<Apple, ConfigError> {
    section.refuse("clientSecret", LITERAL_SECRET)?;
    let Some(client_id) = section.text("clientId")? else {
        let problem = "is not set; set it to the identifier of the Services ID";
        return Err(section.error("clientId", problem));
    };
    let Some(key) = extension.private_key(environment)? else {
        extension.needs("privateKeySettingName", &["teamId", "keyId"])?;
        let secret = read_secret(section, DEFAULT_SECRET, false, environment)?;
        let secret = secret.unwrap_or_else(|| Secret::new(String::new()));
        return Ok(Apple::with_client_secret(client_id, secret.expose()));
    };
    let problem = "a secret is made from the private key; leave one of them out";
    section.refuse("clientSecretSettingName", problem)?;
    let missing = |name: &str| {
        let problem = "is not set; Apple shows it beside the key";
        ConfigError::new(format!("{}.{name}", extension.path), problem)
    };
    let team_id = extension.team_id.ok_or_else(|| missing("teamId"))?;
    extension.key_id.ok_or_else(|| missing("keyId"))?;
    Ok(Apple::new(client_id, team_id, key))
}

const DEFAULT_SECRET: &str = "APPLE_GENERATED_CLIENT_SECRET";
