//! The checks that every provider passes.

mod oauth2;
mod openid_connect;

use super::ConfigError;
use crate::origin::PublicOrigin;
use crate::principal::ProviderId;
use crate::provider::{Protocol, Provider, Registration, max_age};

/// Checks each provider, and that their names differ.
pub(super) fn check_providers(
    providers: Vec<Provider>,
    origin: &PublicOrigin,
) -> Result<Vec<(ProviderId, Provider)>, ConfigError> {
    let mut checked: Vec<(ProviderId, Provider)> = Vec::with_capacity(providers.len());
    for provider in providers {
        let id = check_provider(&provider, origin)?;
        if let Some((other, _)) = checked.iter().find(|(other, _)| other.is_named(id.as_str())) {
            let problem = format!(
                "{other} and {id} are one name, whose case does not count in addresses; choose \
                 another for one of them"
            );
            return Err(ConfigError::new(shown(&provider.registration().setting), problem));
        }
        checked.push((id, provider));
    }
    Ok(checked)
}

fn check_provider(provider: &Provider, origin: &PublicOrigin) -> Result<ProviderId, ConfigError> {
    let registration = provider.registration();
    let id = check_name(&registration.setting, &registration.name)?;
    let checked = check_registration(registration).and_then(|()| match &provider.0 {
        Protocol::OpenIdConnect(settings) => openid_connect::check(settings, origin),
        Protocol::OAuth2(settings) => oauth2::check(settings),
        Protocol::OAuth1(settings) => match settings.unsafe_address() {
            Some(member) => Err(Wrong(member, "must be an https address, or http on loopback")),
            None => Ok(()),
        },
    });
    let wrong = |place: &str, Wrong(member, problem): Wrong| {
        ConfigError::new(format!("{place}.{member}"), problem)
    };
    checked.map_err(|error| wrong(&registration.setting, error))?;
    if let Protocol::OpenIdConnect(settings) = &provider.0 {
        let place = if openid_connect::is_entra(settings) {
            registration.setting.clone()
        } else {
            format!("easyauth.providers.{}", id.as_str())
        };
        openid_connect::check_bearer(settings).map_err(|error| wrong(&place, error))?;
    }
    Ok(id)
}

/// A member of a provider's settings, and what is wrong with it.
struct Wrong(&'static str, &'static str);

fn check_registration(registration: &Registration) -> Result<(), Wrong> {
    if registration.client_id.is_empty() {
        let problem = "is empty; set it to the id that the provider gave you";
        return Err(Wrong(registration.client_id_member, problem));
    }
    if registration.client_secret.as_ref().is_some_and(|secret| secret.expose().is_empty()) {
        return Err(Wrong(registration.secret_member, "the secret is empty; set it"));
    }
    if max_age(&registration.login_parameters) == Some(None) {
        let problem = "max_age must be a number of seconds";
        return Err(Wrong("login.loginParameterNames", problem));
    }
    Ok(())
}

/// Reads the name of the provider at `setting`.
pub(super) fn check_name(setting: &str, name: &str) -> Result<ProviderId, ConfigError> {
    let Some(id) = ProviderId::parse(name) else {
        let problem = "a provider's name has 1 to 64 letters, digits or _; choose another";
        return Err(ConfigError::new(shown(setting), problem));
    };
    if FIXED_WORDS.contains(&name.to_ascii_lowercase().as_str()) {
        let problem = "this name is one of our own routes; choose another";
        return Err(ConfigError::new(shown(setting), problem));
    }
    Ok(id)
}

/// A setting as it may stand in a log, for a name that was refused may be anything.
fn shown(setting: &str) -> String {
    setting.chars().filter(|c| !c.is_control()).take(128).collect()
}

/// What follows `/.auth/login/` beside providers' names.
const FIXED_WORDS: [&str; 3] = ["done", "complete", "iframereceiver"];
