//! `login`: sessions, the token store, and where a browser may go.

use std::time::Duration;

use super::section::Section;
use super::token_store::{self, Kind};
use super::{env, owned};
use crate::config::env::Environment;
use crate::config::{ConfigBuilder, ConfigError, DEFAULT_LIFETIME, SessionLifetime};

pub(super) fn read(
    section: &mut Section<'_>,
    kind: Option<Kind>,
    environment: Environment<'_>,
    builder: &mut ConfigBuilder,
) -> Result<(), ConfigError> {
    let logout_path = section.section("routes", |routes| routes.text("logoutEndpoint"))?;
    builder.logout_path =
        logout_path.map(str::to_owned).or_else(|| environment.text(env::LOGOUT_PATH));
    section.section("tokenStore", |store| token_store::read(store, kind, environment, builder))?;
    section.only("preserveUrlFragmentsForLogins", false)?;
    if let Some(urls) = section.texts("allowedExternalRedirectUrls")? {
        builder.external_urls = owned(urls);
    }
    builder.session.lifetime = section.section("cookieExpiration", read_lifetime)?;
    section.section("nonce", |nonce| read_nonce(nonce, environment, builder))
}

/// Exports name both the convention and a time; only the convention `FixedTime` has use for it.
fn read_lifetime(expiration: &mut Section<'_>) -> Result<SessionLifetime, ConfigError> {
    let time: Option<Duration> = expiration.time_span("timeToExpiration")?;
    let fixed = SessionLifetime::Fixed(time.unwrap_or(DEFAULT_LIFETIME));
    let derived = SessionLifetime::IdentityProviderDerived;
    let conventions =
        [("FixedTime", fixed), ("IdentityProviderDerived", derived), ("IdentityDerived", derived)];
    let convention = expiration.enumeration("convention", &conventions, &[fixed, derived])?;
    Ok(convention.unwrap_or(fixed))
}

fn read_nonce(
    nonce: &mut Section<'_>,
    environment: Environment<'_>,
    builder: &mut ConfigBuilder,
) -> Result<(), ConfigError> {
    let validate = match nonce.truth("validateNonce")? {
        Some(validate) => Some(validate),
        None => environment.truth(env::VALIDATE_NONCE)?,
    };
    let interval = match nonce.time_span("nonceExpirationInterval")? {
        Some(interval) => Some(interval),
        None => environment.time_span(env::NONCE_DURATION)?,
    };
    builder.validate_nonce = validate.unwrap_or(builder.validate_nonce);
    builder.login_timeout = interval.unwrap_or(builder.login_timeout);
    Ok(())
}
