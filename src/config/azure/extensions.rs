//! `easyauth`: what Azure's schema lacks.

use std::path::PathBuf;

use super::env;
use super::owned;
use super::provider_extension::ProviderExtension;
use super::section::Section;
use super::token_store::{self, Kind};
use crate::config::env::Environment;
use crate::config::{ConfigBuilder, ConfigError};
use crate::seal::Key;

/// What other parts of the file need to know of ours.
#[derive(Debug)]
pub(super) struct Extensions<'a> {
    pub(super) kind: Option<Kind>,
    pub(super) providers: Vec<ProviderExtension<'a>>,
}

pub(super) fn read<'a>(
    section: &mut Section<'a>,
    environment: Environment<'_>,
    builder: &mut ConfigBuilder,
) -> Result<Extensions<'a>, ConfigError> {
    builder.public_origin = match section.text("publicOrigin")? {
        Some(origin) => Some(origin.to_owned()),
        None => environment.origin()?,
    };
    let state = section.text("stateDirectory")?.map(str::to_owned);
    builder.state_directory =
        state.or_else(|| environment.text(env::STATE_DIRECTORY)).map(PathBuf::from);
    if let Some(id) = section.text("appId")? {
        builder.app_id = id.to_owned();
    }
    section.section("keys", |keys| read_keys(keys, environment, builder))?;
    let kind = section.section("tokenStore", |store| token_store::read_kind(store, builder))?;
    section.section("session", |session| read_session(session, builder))?;
    builder.resource_scopes = section.section("protectedResource", |resource| {
        let scopes = resource.texts("scopes")?.map(owned);
        Ok(scopes.or_else(|| environment.list(env::RESOURCE_SCOPES)))
    })?;
    let mut providers = Vec::new();
    section.each("providers", |name, provider| {
        providers.push(ProviderExtension::read(name, provider, environment)?);
        Ok(())
    })?;
    Ok(Extensions { kind, providers })
}

fn read_keys(
    section: &mut Section<'_>,
    environment: Environment<'_>,
    builder: &mut ConfigBuilder,
) -> Result<(), ConfigError> {
    let keys = &mut builder.keys;
    keys.encryption =
        named_keys(section, "encryptionSettingNames", env::ENCRYPTION_KEY, environment)?;
    keys.signing = named_keys(section, "signingSettingNames", env::SIGNING_KEY, environment)?;
    keys.user_id = match section.text("userIdKeySettingName")? {
        Some(name) => Some(environment.named_key(&section.place("userIdKeySettingName"), name)?),
        None => environment.key(env::USER_ID_KEY)?,
    };
    Ok(())
}

/// The keys in the variables that the file names, else the one in `default` if it is set.
fn named_keys(
    section: &mut Section<'_>,
    setting: &'static str,
    default: &str,
    environment: Environment<'_>,
) -> Result<Vec<Key>, ConfigError> {
    let Some(names) = section.texts(setting)? else {
        return Ok(environment.key(default)?.into_iter().collect());
    };
    if names.is_empty() {
        let problem = "is empty; name an environment variable, or leave it out";
        return Err(section.error(setting, problem));
    }
    let place = section.place(setting);
    names.into_iter().map(|name| environment.named_key(&place, name)).collect()
}

fn read_session(section: &mut Section<'_>, builder: &mut ConfigBuilder) -> Result<(), ConfigError> {
    let session = &mut builder.session;
    if let Some(lifetime) = section.time_span("absoluteLifetime")? {
        session.absolute = lifetime;
    }
    section.refuse("idleTimeout", "is not in this version; leave it out")?;
    if let Some(most) = section.whole_number("maxPerUser")? {
        session.most_per_user = usize::try_from(most).unwrap_or(usize::MAX);
    }
    if let Some(ahead) = section.truth("refreshAhead")? {
        session.refresh_ahead = ahead;
    }
    if let Some(strict) = section.truth("strictRotation")? {
        session.strict_rotation = strict;
    }
    Ok(())
}
