//! `customOpenIdConnectProviders`: any OpenID provider.

use super::{LITERAL_SECRET, read_login_parameters, read_scopes, read_secret};
use crate::config::ConfigError;
use crate::config::azure::provider_extension::ProviderExtension;
use crate::config::azure::section::Section;
use crate::config::env::{Environment, USE_LEGACY_CLAIMS};
use crate::config::providers::check_name;
use crate::provider::{ClaimNames, ClientAuthentication, Endpoint, IssuerSource, OpenIdConnect};

/// Reads a custom provider; `None` if it is switched off, whatever else is said of it.
pub(super) fn read<'a>(
    name: &'a str,
    section: &mut Section<'a>,
    extension: &ProviderExtension<'a>,
    environment: Environment<'_>,
) -> Result<Option<OpenIdConnect>, ConfigError> {
    if section.truth("enabled")? == Some(false) {
        section.ignore_rest();
        return Ok(None);
    }
    extension.only(&[
        "issuer",
        "endpoints",
        "publicClient",
        "responseMode",
        "responseType",
        "signedUserinfo",
        "privateKeySettingName",
        "keyId",
        "validation",
    ])?;
    check_name(section.path(), name)?;
    let provider = section.section("registration", |registration| {
        read_registration(name, registration, extension, environment)
    })?;
    let mut provider = section.section("login", |login| read_login(provider, login))?;
    if let Some(mode) = extension.response_mode {
        provider = provider.response_mode(mode);
    }
    if let Some(response_type) = extension.response_type {
        provider = provider.response_type(response_type);
    }
    if extension.signed_userinfo {
        provider = provider.signed_userinfo();
    }
    if environment.truth(USE_LEGACY_CLAIMS)? == Some(false) {
        provider = provider.claim_names(ClaimNames::Modern);
    }
    for (endpoint, url) in &extension.endpoints {
        provider = provider.endpoint(*endpoint, *url);
    }
    Ok(Some(extension.validation.apply(provider)))
}

fn read_registration<'a>(
    name: &'a str,
    section: &mut Section<'a>,
    extension: &ProviderExtension<'a>,
    environment: Environment<'_>,
) -> Result<OpenIdConnect, ConfigError> {
    section.refuse("clientSecret", LITERAL_SECRET)?;
    let Some(client_id) = section.text("clientId")? else {
        let problem = "is not set; set it to the id that the provider gave you";
        return Err(section.error("clientId", problem));
    };
    let mut provider = OpenIdConnect::public_client(name, "", client_id);
    provider = section.section("clientCredential", |credential| {
        read_credential(provider, credential, extension, environment)
    })?;
    section.section("openIdConnectConfiguration", |addresses| {
        read_addresses(provider, addresses, extension)
    })
}

fn read_credential(
    mut provider: OpenIdConnect,
    section: &mut Section<'_>,
    extension: &ProviderExtension<'_>,
    environment: Environment<'_>,
) -> Result<OpenIdConnect, ConfigError> {
    let methods = [
        ("ClientSecretPost", ClientAuthentication::ClientSecretPost),
        ("ClientSecretBasic", ClientAuthentication::ClientSecretBasic),
        ("ClientSecretJwt", ClientAuthentication::ClientSecretJwt),
        ("PrivateKeyJwt", ClientAuthentication::PrivateKeyJwt),
    ];
    let azures = [ClientAuthentication::ClientSecretPost];
    let method = section.enumeration("method", &methods, &azures)?;
    if let Some(key) = extension.private_key(environment)? {
        let problem = "a private key is used in its place; leave one of them out";
        section.refuse("clientSecretSettingName", problem)?;
        section.refuse("secretSettingName", problem)?;
        provider = provider.private_key(key);
    } else {
        extension.needs("privateKeySettingName", &["keyId"])?;
        let name = provider.registration.name.to_ascii_uppercase();
        let default = format!("{name}_AUTHENTICATION_SECRET");
        let keyless =
            extension.public_client || method == Some(ClientAuthentication::PrivateKeyJwt);
        let secret = read_secret(section, &default, keyless, environment)?;
        provider.registration.client_secret = secret;
    }
    provider.registration.client_authentication = method;
    Ok(provider)
}

/// As Azure does, the address of the metadata counts before everything beside it. Without it, all
/// endpoints stand for it, or none.
fn read_addresses<'a>(
    mut provider: OpenIdConnect,
    section: &mut Section<'a>,
    extension: &ProviderExtension<'a>,
) -> Result<OpenIdConnect, ConfigError> {
    const WELL_KNOWN: &str = "wellKnownOpenIdConfiguration";
    let metadata = section.text(WELL_KNOWN)?;
    let issuer = extension.issuer.or(section.text("issuer")?);
    let mut endpoints = Vec::new();
    for (name, endpoint) in ENDPOINTS {
        match section.text(name)? {
            Some(url) if metadata.is_none() => endpoints.push((endpoint, url)),
            _ => {}
        }
    }
    let owned = |issuer: &str| issuer.to_owned();
    provider.source = match (metadata, issuer) {
        (Some(url), _) => IssuerSource::MetadataUrl(owned(url), extension.issuer.map(owned)),
        (None, Some(issuer)) if endpoints.is_empty() => IssuerSource::Issuer(owned(issuer)),
        (None, Some(issuer)) => IssuerSource::Configured(owned(issuer)),
        (None, None) => {
            let problem = "is not set, and neither is issuer; set the one that the provider names";
            return Err(section.error(WELL_KNOWN, problem));
        }
    };
    for (endpoint, url) in endpoints {
        provider = provider.endpoint(endpoint, url);
    }
    Ok(provider)
}

fn read_login(
    mut provider: OpenIdConnect,
    section: &mut Section<'_>,
) -> Result<OpenIdConnect, ConfigError> {
    if let Some(claim) = section.text("nameClaimType")? {
        provider = provider.name_claim(claim);
    }
    if let Some(scopes) = read_scopes(section)? {
        provider = provider.scopes(scopes);
    }
    for (name, value) in read_login_parameters(section)? {
        provider = match name.as_str() {
            "scope" => provider.scopes(value.split_whitespace()),
            _ => provider.login_parameter(name, value),
        };
    }
    Ok(provider)
}

const ENDPOINTS: [(&str, Endpoint); 3] = [
    ("authorizationEndpoint", Endpoint::Authorization),
    ("tokenEndpoint", Endpoint::Token),
    ("certificationUri", Endpoint::Jwks),
];
