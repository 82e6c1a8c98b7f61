//! `identityProviders`: who may say who a user is.

use super::extensions::{Extensions, ProviderExtension};
use super::owned;
use super::section::Section;
use crate::config::checks::check_name;
use crate::config::env::Environment;
use crate::config::{ConfigBuilder, ConfigError};
use crate::oauth::json::{Object, Value};
use crate::provider::{ClientAuthentication, IssuerSource, OpenIdConnect};
use crate::secret::Secret;

pub(super) fn read<'a>(
    section: &mut Section<'a>,
    extensions: &Extensions<'a>,
    environment: Environment<'_>,
    builder: &mut ConfigBuilder,
) -> Result<(), ConfigError> {
    for name in AZURES {
        if section.object(name)?.is_some_and(is_configured) {
            let problem = "this provider is not in this version; set its enabled to false, or use \
                           customOpenIdConnectProviders if it speaks OpenID Connect";
            return Err(section.error(name, problem));
        }
    }
    let mut names = Vec::new();
    for spelling in ["customOpenIdConnectProviders", "openIdConnectProviders"] {
        section.each(spelling, |name, provider| {
            names.push(name);
            let extension = extensions.providers.iter().find(|provider| provider.name == name);
            builder.providers.extend(read_provider(name, provider, extension, environment)?);
            Ok(())
        })?;
    }
    match extensions.providers.iter().find(|extension| !names.contains(&extension.name)) {
        Some(stray) => {
            let problem = "there is no provider of this name in identityProviders";
            Err(ConfigError::new(&stray.path, problem))
        }
        None => Ok(()),
    }
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

/// Reads a custom provider; `None` if it is switched off, whatever else is said of it.
fn read_provider<'a>(
    name: &'a str,
    section: &mut Section<'a>,
    extension: Option<&ProviderExtension<'a>>,
    environment: Environment<'_>,
) -> Result<Option<OpenIdConnect>, ConfigError> {
    if section.truth("enabled")? == Some(false) {
        section.ignore_rest();
        return Ok(None);
    }
    check_name(name)?;
    let provider = section.section("registration", |registration| {
        read_registration(name, registration, extension, environment)
    })?;
    let mut provider = section.section("login", |login| read_login(provider, login))?;
    if let Some(mode) = extension.and_then(|extension| extension.response_mode) {
        provider = provider.response_mode(mode);
    }
    if let Some(extension) = extension {
        provider = extension.validation.apply(provider);
    }
    Ok(Some(provider))
}

fn read_registration<'a>(
    name: &'a str,
    section: &mut Section<'a>,
    extension: Option<&ProviderExtension<'a>>,
    environment: Environment<'_>,
) -> Result<OpenIdConnect, ConfigError> {
    section.refuse("clientSecret", LITERAL_SECRET)?;
    let Some(client_id) = section.text("clientId")? else {
        let problem = "is not set; set it to the id that the provider gave you";
        return Err(section.error("clientId", problem));
    };
    let mut provider = OpenIdConnect::public_client(name, "", client_id);
    let public = extension.is_some_and(|extension| extension.public_client);
    section.section("clientCredential", |credential| {
        let methods = [
            ("ClientSecretPost", ClientAuthentication::ClientSecretPost),
            ("ClientSecretBasic", ClientAuthentication::ClientSecretBasic),
        ];
        let azures = [ClientAuthentication::ClientSecretPost];
        provider.client_authentication = credential.enumeration("method", &methods, &azures)?;
        provider.client_secret = read_secret(name, credential, public, environment)?;
        Ok(())
    })?;
    provider.source = section.section("openIdConnectConfiguration", |addresses| {
        read_source(addresses, extension.and_then(|extension| extension.issuer))
    })?;
    Ok(provider)
}

fn read_secret(
    name: &str,
    section: &mut Section<'_>,
    public: bool,
    environment: Environment<'_>,
) -> Result<Option<Secret<String>>, ConfigError> {
    const SETTING: &str = "clientSecretSettingName";
    section.refuse("clientSecret", LITERAL_SECRET)?;
    let variable = section.either([SETTING, "secretSettingName"], Section::text)?;
    match (variable, public) {
        (Some(_), true) => {
            Err(section.error(SETTING, "a public client has no secret; leave one of them out"))
        }
        (None, true) => Ok(None),
        (variable, false) => {
            let default = || format!("{}_AUTHENTICATION_SECRET", name.to_ascii_uppercase());
            let variable = variable.map_or_else(default, str::to_owned);
            environment.named_secret(&section.place(SETTING), &variable).map(Some)
        }
    }
}

/// As Azure does, the address of the metadata counts before everything beside it.
fn read_source<'a>(
    section: &mut Section<'a>,
    ours: Option<&'a str>,
) -> Result<IssuerSource, ConfigError> {
    const WELL_KNOWN: &str = "wellKnownOpenIdConfiguration";
    let metadata = section.text(WELL_KNOWN)?;
    let issuer = section.text("issuer")?;
    for name in ["authorizationEndpoint", "tokenEndpoint", "certificationUri"] {
        if section.text(name)?.is_some() && metadata.is_none() {
            let problem = "endpoints without discovery are not in this version; set \
                           wellKnownOpenIdConfiguration, or only the issuer";
            return Err(section.error(name, problem));
        }
    }
    match (ours, metadata, issuer) {
        (Some(issuer), _, _) | (None, None, Some(issuer)) => {
            Ok(IssuerSource::Issuer(issuer.to_owned()))
        }
        (None, Some(url), _) => Ok(IssuerSource::MetadataUrl(url.to_owned())),
        (None, None, None) => {
            let problem = "is not set, and neither is issuer; set the one that the provider names";
            Err(section.error(WELL_KNOWN, problem))
        }
    }
}

fn read_login(
    mut provider: OpenIdConnect,
    section: &mut Section<'_>,
) -> Result<OpenIdConnect, ConfigError> {
    if let Some(claim) = section.text("nameClaimType")? {
        provider = provider.name_claim(claim);
    }
    let scopes = section.either(["scopes", "scope"], Section::texts)?;
    // The documentation's examples show an empty list where nothing is wanted but the usual.
    if let Some(scopes) = scopes.filter(|scopes| !scopes.is_empty()) {
        provider = provider.scopes(owned(scopes));
    }
    let spellings = ["loginParameterNames", "loginParameters"];
    for parameter in section.either(spellings, Section::texts)?.unwrap_or_default() {
        let Some((name, value)) = parameter.split_once('=').filter(|(name, _)| !name.is_empty())
        else {
            let problem = "each must be written name=value, such as prompt=consent";
            return Err(section.error("loginParameterNames", problem));
        };
        provider = provider.login_parameter(name, value);
    }
    Ok(provider)
}

const LITERAL_SECRET: &str = "a secret does not belong into this file; put it into an environment \
                              variable and name that in clientCredential.clientSecretSettingName";
const AZURES: [&str; 8] = [
    "apple",
    "azureActiveDirectory",
    "azureStaticWebApps",
    "facebook",
    "gitHub",
    "google",
    "legacyMicrosoftAccount",
    "twitter",
];
