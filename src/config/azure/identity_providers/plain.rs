//! `easyauth.providers`: plain OAuth 2.0 providers, which Azure's schema has no place for.

use super::{read_login_parameters, read_scopes, read_secret, refuse_literal_secret};
use crate::config::ConfigError;
use crate::config::azure::provider_extension::{ProviderExtension, Spoken};
use crate::config::azure::section::Section;
use crate::config::env::Environment;
use crate::config::providers::check_name;
use crate::provider::{ClientAuthentication, Endpoint, OAuth2};

/// Reads the provider that stands whole in `section`; `None` if Azure's part has the rest of it.
pub(in crate::config::azure) fn read<'a>(
    section: &mut Section<'a>,
    extension: &ProviderExtension<'a>,
    environment: Environment<'_>,
) -> Result<Option<OAuth2>, ConfigError> {
    let registered = section.object("registration")?.is_some();
    if !registered {
        return Ok(None);
    }
    if extension.protocol != Some(Spoken::OAuth2) {
        let problem = "must be oauth2 for a provider that is registered here";
        return Err(section.error("protocol", problem));
    }
    check_name(section.path(), extension.name)?;
    let ours = ["protocol", "issuer", "publicClient", "endpoints"];
    extension.only(&[&ours[..], &["enabled", "registration", "login", "claims"]].concat())?;
    let provider = section.section("registration", |registration| {
        read_registration(registration, extension, environment)
    })?;
    let provider = section.section("login", |login| read_login(provider, login))?;
    let provider = section.section("claims", |claims| read_claims(provider, claims))?;
    Ok(Some(provider))
}

fn read_registration<'a>(
    section: &mut Section<'a>,
    extension: &ProviderExtension<'a>,
    environment: Environment<'_>,
) -> Result<OAuth2, ConfigError> {
    refuse_literal_secret(section)?;
    let Some(client_id) = section.text("clientId")? else {
        let problem = "is not set; set it to the id that the provider gave you";
        return Err(section.error("clientId", problem));
    };
    let endpoint = |name: &str, wanted: Endpoint| {
        let url = extension.endpoints.iter().find(|(endpoint, _)| *endpoint == wanted);
        let problem = "is not set; the provider's documentation names it";
        let error = || ConfigError::new(format!("{}.endpoints.{name}", extension.path), problem);
        url.map(|(_, url)| *url).ok_or_else(error)
    };
    let endpoints = [
        endpoint("authorization", Endpoint::Authorization)?,
        endpoint("token", Endpoint::Token)?,
        endpoint("userInfo", Endpoint::UserInfo)?,
    ];
    let mut provider = OAuth2::new(extension.name, endpoints, client_id, "");
    let default = format!("{}_AUTHENTICATION_SECRET", extension.name.to_ascii_uppercase());
    let methods = [
        ("ClientSecretPost", ClientAuthentication::ClientSecretPost),
        ("ClientSecretBasic", ClientAuthentication::ClientSecretBasic),
    ];
    let ours = &mut provider.registration;
    ours.client_authentication = section.choice("method", &methods)?;
    ours.client_secret = read_secret(section, &default, extension.public_client, environment)?;
    if section.truth("pkce")? == Some(false) {
        provider = provider.without_pkce();
    }
    Ok(match extension.issuer {
        Some(issuer) => provider.issuer(issuer),
        None => provider,
    })
}

fn read_login(mut provider: OAuth2, section: &mut Section<'_>) -> Result<OAuth2, ConfigError> {
    if let Some(scopes) = read_scopes(section)? {
        provider = provider.scopes(scopes);
    }
    for (name, value) in read_login_parameters(section)? {
        provider = provider.login_parameter(name, value);
    }
    if let Some(claim) = section.text("nameClaimType")? {
        provider = provider.name_claim(claim);
    }
    if let Some(member) = section.text("idClaimType")? {
        provider = provider.id_claim(member);
    }
    Ok(provider)
}

/// Members' names are the provider's, and their values the types of claims.
fn read_claims(mut provider: OAuth2, section: &mut Section<'_>) -> Result<OAuth2, ConfigError> {
    for (member, typ) in section.pairs()? {
        provider = provider.claim_type(member, typ);
    }
    Ok(provider)
}
