//! `legacyMicrosoftAccount`: the Microsoft accounts of private people.

use super::registered;
use crate::config::ConfigError;
use crate::config::azure::provider_extension::ProviderExtension;
use crate::config::azure::section::Section;
use crate::config::env::Environment;
use crate::provider::{MicrosoftAccount, successor};

/// Reads the provider.
pub(super) fn read(
    section: &mut Section<'_>,
    extension: &ProviderExtension<'_>,
    environment: Environment<'_>,
) -> Result<MicrosoftAccount, ConfigError> {
    let read = registered::read(section, extension, DEFAULT_SECRET, environment)?;
    let mut provider = MicrosoftAccount::new(read.client_id, read.secret.expose());
    if let Some(issuer) = extension.issuer {
        provider = provider.issuer(issuer);
    }
    if let Some(scopes) = read.scopes {
        let lost = scopes.iter().find(|s| s.starts_with("wl.") && successor(s).is_none());
        if lost.is_some() {
            let problem = "has a scope of the Live SDK (wl.…) that has no successor; see the \
                           documentation of MicrosoftAccount for those that have one";
            return Err(section.error("login.scopes", problem));
        }
        provider = provider.scopes(scopes);
    }
    for (name, value) in read.login_parameters {
        provider = provider.login_parameter(name, value);
    }
    for audience in read.audiences {
        provider = provider.allowed_audience(audience);
    }
    for (endpoint, url) in &extension.endpoints {
        provider = provider.endpoint(*endpoint, *url);
    }
    Ok(provider)
}

const DEFAULT_SECRET: &str = "MICROSOFTACCOUNT_PROVIDER_AUTHENTICATION_SECRET";
