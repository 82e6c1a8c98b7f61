//! `google`.

use super::registered;
use crate::config::ConfigError;
use crate::config::azure::provider_extension::ProviderExtension;
use crate::config::azure::section::Section;
use crate::config::env::Environment;
use crate::provider::Google;

/// Reads the provider.
pub(super) fn read(
    section: &mut Section<'_>,
    extension: &ProviderExtension<'_>,
    environment: Environment<'_>,
) -> Result<Google, ConfigError> {
    let read = registered::read(section, extension, DEFAULT_SECRET, environment)?;
    let mut provider = Google::new(read.client_id, read.secret.expose());
    if let Some(issuer) = extension.issuer {
        provider = provider.issuer(issuer);
    }
    if let Some(scopes) = read.scopes {
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

const DEFAULT_SECRET: &str = "GOOGLE_PROVIDER_AUTHENTICATION_SECRET";
