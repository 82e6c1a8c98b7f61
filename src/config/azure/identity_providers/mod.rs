//! `identityProviders`: who may say who a user is.

mod aad;
mod apple;
mod custom;
mod google;
mod microsoft_account;
pub(super) mod plain;
mod registered;
mod social;

use super::extensions::Extensions;
use super::owned;
use super::provider_extension::ProviderExtension;
use super::section::Section;
use crate::config::env::Environment;
use crate::config::{ConfigBuilder, ConfigError};
use crate::oauth::json::{Object, Value};
use crate::provider::Provider;
use crate::secret::Secret;

pub(super) fn read<'a>(
    section: &mut Section<'a>,
    extensions: &Extensions<'a>,
    environment: Environment<'_>,
    builder: &mut ConfigBuilder,
) -> Result<(), ConfigError> {
    for name in UNKNOWN {
        if section.object(name)?.is_some_and(is_configured) {
            let problem = "this provider is not in this version; set its enabled to false, or use \
                           customOpenIdConnectProviders if it speaks OpenID Connect";
            return Err(section.error(name, problem));
        }
    }
    let mut names = Vec::new();
    let none = ProviderExtension::default();
    // What of ours stands beside the provider `name` of Azure's part.
    let beside = |name: &str| {
        let extension = extensions.providers.iter().find(|found| found.name == name);
        match extension {
            Some(ProviderExtension { own: Some(_), path, .. }) => {
                let problem = "is registered in identityProviders, too; leave one out";
                Err(ConfigError::new(format!("{path}.registration"), problem))
            }
            Some(ProviderExtension { off: true, path, .. }) => {
                let problem = "is said in identityProviders for this provider; leave it out here";
                Err(ConfigError::new(format!("{path}.enabled"), problem))
            }
            extension => Ok(extension.unwrap_or(&none)),
        }
    };
    for (member, name) in AZURES {
        if !section.object(member)?.is_some_and(is_configured) {
            continue;
        }
        names.push(name);
        let ours = beside(name)?;
        let provider = section.section(member, |provider| {
            Ok(match name {
                "aad" => aad::read(provider, ours, environment)?.into(),
                "apple" => apple::read(provider, ours, environment)?.into(),
                "facebook" => social::facebook(provider, ours, environment)?,
                "github" => social::github(provider, ours, environment)?,
                "google" => google::read(provider, ours, environment)?.into(),
                "twitter" => social::twitter(provider, ours, environment)?,
                _ => microsoft_account::read(provider, ours, environment)?.into(),
            })
        })?;
        builder.providers.push(provider);
    }
    for spelling in ["customOpenIdConnectProviders", "openIdConnectProviders"] {
        section.each(spelling, |name, provider| {
            names.push(name);
            let provider = custom::read(name, provider, beside(name)?, environment)?;
            builder.providers.extend(provider.map(Provider::from));
            Ok(())
        })?;
    }
    for extension in &extensions.providers {
        if let Some(own) = &extension.own {
            builder.providers.push(own.clone().into());
        } else if !extension.off && !names.contains(&extension.name) {
            let problem = "there is no provider of this name in identityProviders";
            return Err(ConfigError::new(&extension.path, problem));
        }
    }
    Ok(())
}

/// Whether somebody set this provider up.
///
/// Azure exports those that nobody did as enabled too, with an empty `registration`.
fn is_configured(provider: &Object) -> bool {
    let disabled = provider.get("enabled").and_then(Value::as_bool) == Some(false);
    let unregistered = provider.get("registration").is_some_and(is_blank);
    let empty = provider.iter().next().is_none();
    !(disabled || unregistered || empty)
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().all(is_blank),
        Value::Object(object) => object.iter().all(|(_, value)| is_blank(value)),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn refuse_literal_secret(section: &mut Section<'_>) -> Result<(), ConfigError> {
    for name in ["clientSecret", "appSecret", "consumerSecret"] {
        section.refuse(name, LITERAL_SECRET)?;
    }
    Ok(())
}

/// The secret in the variable that `section` names at [`SECRET_SETTING`], or else in `default`;
/// none for a public client.
fn read_secret(
    section: &mut Section<'_>,
    default: &str,
    public: bool,
    environment: Environment<'_>,
) -> Result<Option<Secret<String>>, ConfigError> {
    section.refuse("clientSecret", LITERAL_SECRET)?;
    let variable = section.either([SECRET_SETTING, "secretSettingName"], Section::text)?;
    match (variable, public) {
        (Some(_), true) => {
            let problem = "a public client has no secret; leave one of them out";
            Err(section.error(SECRET_SETTING, problem))
        }
        (None, true) => Ok(None),
        (variable, false) => {
            let variable = variable.unwrap_or(default);
            environment.named_secret(&section.place(SECRET_SETTING), variable).map(Some)
        }
    }
}

/// The scopes; `None` where nothing is wanted but the usual, for which the documentation's examples
/// show an empty list.
fn read_scopes(section: &mut Section<'_>) -> Result<Option<Vec<String>>, ConfigError> {
    let scopes = section.either(["scopes", "scope"], Section::texts)?;
    Ok(scopes.filter(|scopes| !scopes.is_empty()).map(owned))
}

fn read_login_parameters(section: &mut Section<'_>) -> Result<Vec<(String, String)>, ConfigError> {
    let spellings = ["loginParameterNames", "loginParameters"];
    let parameters = section.either(spellings, Section::texts)?.unwrap_or_default();
    let pairs = parameters.iter().map(|parameter| {
        let pair = parameter.split_once('=').filter(|(name, _)| !name.is_empty());
        let (name, value) = pair.ok_or_else(|| {
            let problem = "each must be written name=value, such as prompt=consent";
            section.error("loginParameterNames", problem)
        })?;
        Ok((name.to_owned(), value.to_owned()))
    });
    pairs.collect()
}

const SECRET_SETTING: &str = "clientSecretSettingName";
const LITERAL_SECRET: &str = "a secret does not belong into this file; put it into an environment \
                              variable and name that in clientCredential.clientSecretSettingName";
/// Azure's providers, and the names of their routes.
const AZURES: [(&str, &str); 7] = [
    ("apple", "apple"),
    ("azureActiveDirectory", "aad"),
    ("facebook", "facebook"),
    ("gitHub", "github"),
    ("google", "google"),
    ("legacyMicrosoftAccount", "microsoftaccount"),
    ("twitter", "twitter"),
];
const UNKNOWN: [&str; 1] = ["azureStaticWebApps"];
