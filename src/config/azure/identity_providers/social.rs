//! `gitHub`, `facebook` and `twitter`: providers that Azure knows, and that do not speak OpenID
//! Connect.

use super::{read_login_parameters, read_scopes, refuse_literal_secret};
use crate::config::ConfigError;
use crate::config::azure::provider_extension::{ProviderExtension, Spoken};
use crate::config::azure::section::Section;
use crate::config::env::Environment;
use crate::provider::{Facebook, GitHub, Provider, Registration, X};
use crate::secret::Secret;

/// The names of our identifier and of our secret's variable in a `registration`, and which variable
/// it is unless it is named.
struct Names {
    id: &'static str,
    secret: &'static str,
    default: &'static str,
}

pub(super) fn github<'a>(
    section: &mut Section<'a>,
    extension: &ProviderExtension<'a>,
    environment: Environment<'_>,
) -> Result<Provider, ConfigError> {
    const NAMES: Names = Names {
        id: "clientId",
        secret: "clientSecretSettingName",
        default: "GITHUB_PROVIDER_AUTHENTICATION_SECRET",
    };
    section.truth("enabled")?;
    extension.only(&["endpoints", "endpoints.web", "endpoints.api"])?;
    let (id, secret) = read_registration(section, &NAMES, environment)?;
    let mut github = GitHub::new(id, secret.expose().as_str());
    read_login(section, &mut github.registration)?;
    if let Some((web, api)) = bases(extension)? {
        github = github.enterprise(web, api);
    }
    move_endpoints(github.into(), extension)
}

pub(super) fn facebook<'a>(
    section: &mut Section<'a>,
    extension: &ProviderExtension<'a>,
    environment: Environment<'_>,
) -> Result<Provider, ConfigError> {
    const NAMES: Names = Names {
        id: "appId",
        secret: "appSecretSettingName",
        default: "FACEBOOK_PROVIDER_AUTHENTICATION_SECRET",
    };
    section.truth("enabled")?;
    extension.only(&["endpoints", "endpoints.web", "endpoints.api"])?;
    let (id, secret) = read_registration(section, &NAMES, environment)?;
    let mut facebook = Facebook::new(id, secret.expose().as_str());
    if let Some(version) = section.text("graphApiVersion")? {
        facebook = facebook.graph_api_version(version);
    }
    read_login(section, &mut facebook.registration)?;
    if let Some((web, graph)) = bases(extension)? {
        facebook = facebook.endpoints(web, graph);
    }
    move_endpoints(facebook.into(), extension)
}

pub(super) fn twitter<'a>(
    section: &mut Section<'a>,
    extension: &ProviderExtension<'a>,
    environment: Environment<'_>,
) -> Result<Provider, ConfigError> {
    const NAMES: Names = Names {
        id: "consumerKey",
        secret: "consumerSecretSettingName",
        default: "TWITTER_PROVIDER_AUTHENTICATION_SECRET",
    };
    section.truth("enabled")?;
    extension.only(&["protocol", "endpoints", "endpoints.web", "endpoints.api"])?;
    let (id, secret) = read_registration(section, &NAMES, environment)?;
    let secret = secret.expose().as_str();
    let mut x = match extension.protocol {
        Some(Spoken::OAuth2) => X::oauth2(id, secret),
        Some(Spoken::OAuth1) | None => X::oauth1(id, secret),
    };
    read_login(section, &mut x.registration)?;
    if let Some((web, api)) = bases(extension)? {
        x = x.endpoints(web, api);
    }
    move_endpoints(x.into(), extension)
}

fn read_registration<'a>(
    section: &mut Section<'a>,
    names: &Names,
    environment: Environment<'_>,
) -> Result<(&'a str, Secret<String>), ConfigError> {
    section.section("registration", |registration| {
        refuse_literal_secret(registration)?;
        let Some(id) = registration.text(names.id)? else {
            let problem = "is not set; set it to the id that the provider gave you";
            return Err(registration.error(names.id, problem));
        };
        let variable = registration.text(names.secret)?.unwrap_or(names.default);
        let place = registration.place(names.secret);
        Ok((id, environment.named_secret(&place, variable)?))
    })
}

fn read_login(
    section: &mut Section<'_>,
    registration: &mut Registration,
) -> Result<(), ConfigError> {
    section.section("login", |login| {
        if let Some(scopes) = read_scopes(login)? {
            registration.scopes = scopes;
        }
        registration.login_parameters = read_login_parameters(login)?;
        Ok(())
    })
}

/// Both addresses, or neither: one alone would send secrets to where the other belongs.
fn bases<'a>(extension: &ProviderExtension<'a>) -> Result<Option<(&'a str, &'a str)>, ConfigError> {
    match extension.bases {
        (None, None) => Ok(None),
        (Some(web), Some(api)) => Ok(Some((web, api))),
        _ => {
            let problem = "web and api belong together; set both, or neither";
            Err(ConfigError::new(format!("{}.endpoints", extension.path), problem))
        }
    }
}

/// Endpoints that are named one by one count before those that follow from the bases.
fn move_endpoints(
    provider: Provider,
    extension: &ProviderExtension<'_>,
) -> Result<Provider, ConfigError> {
    extension.endpoints.iter().try_fold(provider, |provider, (endpoint, url)| {
        let error = || {
            let problem =
                format!("has no effect: this provider has no such endpoint ({endpoint:?})");
            ConfigError::new(format!("{}.endpoints", extension.path), problem)
        };
        provider.with_endpoint(*endpoint, url).ok_or_else(error)
    })
}
