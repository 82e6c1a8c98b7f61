//! `azureActiveDirectory`: Microsoft Entra ID.

use super::{LITERAL_SECRET, read_login_parameters, read_secret};
use crate::config::ConfigError;
use crate::config::azure::provider_extension::ProviderExtension;
use crate::config::azure::section::Section;
use crate::config::azure::validation::Validation;
use crate::config::env::{AAD_ALLOWED_TENANTS, Environment, USE_LEGACY_CLAIMS};
use crate::oauth::authorization::ResponseType;
use crate::provider::{ClaimNames, EntraId, PrivateKey};

/// Reads the provider.
pub(super) fn read(
    section: &mut Section<'_>,
    extension: &ProviderExtension<'_>,
    environment: Environment<'_>,
) -> Result<EntraId, ConfigError> {
    extension.only(&[
        "issuer",
        "endpoints",
        "publicClient",
        "responseType",
        "allowedTenants",
        "resolveGroups",
        "groupsEndpoint",
        "privateKeySettingName",
    ])?;
    section.truth("enabled")?;
    section.truth("isAutoProvisioned")?;
    let mut provider = section.section("registration", |registration| {
        read_registration(registration, extension, environment)
    })?;
    provider = section.section("login", |login| {
        // There is no challenge for Entra yet that could be switched off.
        login.truth("disableWWWAuthenticate")?;
        read_login(provider, login)
    })?;
    provider = section.section("validation", |validation| read_validation(provider, validation))?;
    provider = match (extension.resolve_groups, extension.groups_endpoint) {
        (true, Some(url)) => provider.resolve_groups_at(url),
        (true, None) => provider.resolve_groups(),
        (false, _) => {
            extension.needs("resolveGroups", &["groupsEndpoint"])?;
            provider
        }
    };
    if let Some(response_type) = extension.response_type {
        provider = provider.response_type(response_type);
    }
    if environment.truth(USE_LEGACY_CLAIMS)? == Some(false) {
        provider = provider.claim_names(ClaimNames::Modern);
    }
    for (endpoint, url) in &extension.endpoints {
        provider = provider.endpoint(*endpoint, *url);
    }
    Ok(provider.allowed_tenants(allowed_tenants(extension, environment)))
}

fn read_registration(
    section: &mut Section<'_>,
    extension: &ProviderExtension<'_>,
    environment: Environment<'_>,
) -> Result<EntraId, ConfigError> {
    section.refuse("clientSecret", LITERAL_SECRET)?;
    let issuer = extension.issuer.or(section.text("openIdIssuer")?);
    let Some(issuer) = issuer else {
        let problem = "is not set; set it to https://login.microsoftonline.com/<tenant id>/v2.0";
        return Err(section.error("openIdIssuer", problem));
    };
    let Some(client_id) = section.text("clientId")? else {
        let problem = "is not set; set it to the application (client) id of the registration";
        return Err(section.error("clientId", problem));
    };
    for name in ["clientSecretCertificateSubjectAlternativeName", "clientSecretCertificateIssuer"] {
        section.refuse(name, CERTIFICATE)?;
    }
    let thumbprint = section.text(THUMBPRINT)?;
    if let Some(key) = extension.private_key(environment)? {
        section.refuse(SECRET, "a certificate is used in its place; leave one of them out")?;
        check_thumbprint(section, &key, thumbprint)?;
        return Ok(EntraId::with_certificate(issuer, client_id, key));
    }
    if thumbprint.is_some() {
        return Err(section.error(THUMBPRINT, CERTIFICATE));
    }
    let secret = read_secret(section, DEFAULT_SECRET, extension.public_client, environment)?;
    Ok(match secret {
        Some(secret) => EntraId::new(issuer, client_id, secret.expose()),
        None => EntraId::public_client(issuer, client_id),
    })
}

fn check_thumbprint(
    section: &Section<'_>,
    key: &PrivateKey,
    thumbprint: Option<&str>,
) -> Result<(), ConfigError> {
    if !key.has_certificate() {
        let problem = "Entra ID knows a key by its certificate; put that into the variable \
                       easyauth.providers.aad.privateKeySettingName names, behind the key";
        return Err(section.error(THUMBPRINT, problem));
    }
    match thumbprint {
        Some(thumbprint) if !key.has_thumbprint(thumbprint) => {
            let problem = "is not the thumbprint of the certificate in the variable that \
                           easyauth.providers.aad.privateKeySettingName names";
            Err(section.error(THUMBPRINT, problem))
        }
        _ => Ok(()),
    }
}

/// Azure's files choose scopes and response type by login parameters, too.
fn read_login(mut provider: EntraId, section: &mut Section<'_>) -> Result<EntraId, ConfigError> {
    for (name, value) in read_login_parameters(section)? {
        provider = match (name.as_str(), value.as_str()) {
            ("scope", scopes) => provider.scopes(scopes.split_whitespace()),
            ("response_type", "code") => provider.response_type(ResponseType::Code),
            ("response_type", "code id_token" | "id_token code") => {
                provider.response_type(ResponseType::CodeIdToken)
            }
            ("response_type", _) => {
                let problem = "response_type must be code, or code id_token: others bring tokens \
                               through the browser, or no code";
                return Err(section.error("loginParameters", problem));
            }
            // It follows from the response type.
            ("response_mode", _) => provider,
            _ => provider.login_parameter(name, value),
        };
    }
    Ok(provider)
}

/// As in the original, bearer tokens are always taken.
fn read_validation(
    mut provider: EntraId,
    section: &mut Section<'_>,
) -> Result<EntraId, ConfigError> {
    let Validation { audiences, policy } = Validation::read_entra(section)?;
    let audiences = audiences.unwrap_or_default();
    for audience in &audiences {
        provider = provider.allowed_audience(audience);
    }
    Ok(provider.accept_bearer_tokens(audiences).authorization_policy(policy))
}

fn allowed_tenants(extension: &ProviderExtension<'_>, environment: Environment<'_>) -> Vec<String> {
    if let Some(tenants) = &extension.allowed_tenants {
        return tenants.iter().map(|tenant| (*tenant).to_owned()).collect();
    }
    let listed = environment.text(AAD_ALLOWED_TENANTS).unwrap_or_default();
    let tenants = listed.split(',').map(str::trim).filter(|tenant| !tenant.is_empty());
    tenants.map(str::to_owned).collect()
}

const SECRET: &str = "clientSecretSettingName";
const THUMBPRINT: &str = "clientSecretCertificateThumbprint";
const DEFAULT_SECRET: &str = "MICROSOFT_PROVIDER_AUTHENTICATION_SECRET";
const CERTIFICATE: &str = "certificates of App Service are not at hand here; put key and certificate \
                           as PEM text into an environment variable, and name that in \
                           easyauth.providers.aad.privateKeySettingName";
