//! `customOpenIdConnectProviders`: any OpenID provider.

use super::{LITERAL_SECRET, read_login_parameters, read_scopes, read_secret};
use crate::config::ConfigError;
use crate::config::azure::extensions::ProviderExtension;
use crate::config::azure::section::Section;
use crate::config::env::Environment;
use crate::config::providers::check_name;
use crate::provider::{ClientAuthentication, IssuerSource, OpenIdConnect};

/// Reads a custom provider; `None` if it is switched off, whatever else is said of it.
pub(super) fn read<'a>(
    name: &'a str,
    section: &mut Section<'a>,
    extension: Option<&ProviderExtension<'a>>,
    environment: Environment<'_>,
) -> Result<Option<OpenIdConnect>, ConfigError> {
    if section.truth("enabled")? == Some(false) {
        section.ignore_rest();
        return Ok(None);
    }
    check_name(section.path(), name)?;
    let provider = section.section("registration", |registration| {
        read_registration(name, registration, extension, environment)
    })?;
    let mut provider = section.section("login", |login| read_login(provider, login))?;
    if let Some(mode) = extension.and_then(|extension| extension.response_mode) {
        provider = provider.response_mode(mode);
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
        let default = format!("{}_AUTHENTICATION_SECRET", name.to_ascii_uppercase());
        let ours = &mut provider.registration;
        ours.client_authentication = credential.enumeration("method", &methods, &azures)?;
        ours.client_secret = read_secret(credential, &default, public, environment)?;
        Ok(())
    })?;
    provider.source = section.section("openIdConnectConfiguration", |addresses| {
        read_source(addresses, extension.and_then(|extension| extension.issuer))
    })?;
    Ok(provider)
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
    if let Some(scopes) = read_scopes(section)? {
        provider = provider.scopes(scopes);
    }
    for (name, value) in read_login_parameters(section)? {
        provider = provider.login_parameter(name, value);
    }
    Ok(provider)
}
