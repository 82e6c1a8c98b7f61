//! `google`, and `legacyMicrosoftAccount`, which has the same members.

use super::{LITERAL_SECRET, read_login_parameters, read_scopes, read_secret};
use crate::config::ConfigError;
use crate::config::azure::provider_extension::ProviderExtension;
use crate::config::azure::section::Section;
use crate::config::env::Environment;
use crate::provider::{Google, MicrosoftAccount, successor};
use crate::secret::Secret;

/// Reads Google.
pub(super) fn read(
    section: &mut Section<'_>,
    extension: &ProviderExtension<'_>,
    environment: Environment<'_>,
) -> Result<Google, ConfigError> {
    let common = read_common(section, extension, GOOGLES_SECRET, environment)?;
    let mut provider = Google::new(common.client_id, common.secret.expose());
    if let Some(issuer) = extension.issuer {
        provider = provider.issuer(issuer);
    }
    if let Some(scopes) = common.scopes {
        provider = provider.scopes(scopes);
    }
    for (name, value) in common.login_parameters {
        provider = provider.login_parameter(name, value);
    }
    for audience in common.audiences {
        provider = provider.allowed_audience(audience);
    }
    for (endpoint, url) in &extension.endpoints {
        provider = provider.endpoint(*endpoint, *url);
    }
    Ok(provider)
}

/// Reads the Microsoft accounts of private people.
pub(super) fn read_microsoft_account(
    section: &mut Section<'_>,
    extension: &ProviderExtension<'_>,
    environment: Environment<'_>,
) -> Result<MicrosoftAccount, ConfigError> {
    let common = read_common(section, extension, MICROSOFTS_SECRET, environment)?;
    let mut provider = MicrosoftAccount::new(common.client_id, common.secret.expose());
    if let Some(issuer) = extension.issuer {
        provider = provider.issuer(issuer);
    }
    if let Some(scopes) = common.scopes {
        let lost = scopes.iter().find(|s| s.starts_with("wl.") && successor(s).is_none());
        if lost.is_some() {
            let problem = "has a scope of the Live SDK (wl.…) that has no successor; see the \
                           documentation of MicrosoftAccount for those that have one";
            return Err(section.error("login.scopes", problem));
        }
        provider = provider.scopes(scopes);
    }
    for (name, value) in common.login_parameters {
        provider = provider.login_parameter(name, value);
    }
    for audience in common.audiences {
        provider = provider.allowed_audience(audience);
    }
    for (endpoint, url) in &extension.endpoints {
        provider = provider.endpoint(*endpoint, *url);
    }
    Ok(provider)
}

/// What both have.
struct Common {
    client_id: String,
    secret: Secret<String>,
    scopes: Option<Vec<String>>,
    login_parameters: Vec<(String, String)>,
    audiences: Vec<String>,
}

fn read_common(
    section: &mut Section<'_>,
    extension: &ProviderExtension<'_>,
    default_secret: &str,
    environment: Environment<'_>,
) -> Result<Common, ConfigError> {
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
    Ok(Common { client_id, secret, scopes, login_parameters, audiences })
}

const GOOGLES_SECRET: &str = "GOOGLE_PROVIDER_AUTHENTICATION_SECRET";
const MICROSOFTS_SECRET: &str = "MICROSOFTACCOUNT_PROVIDER_AUTHENTICATION_SECRET";
