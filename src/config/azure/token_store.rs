//! `login.tokenStore`, and which store `easyauth.tokenStore` makes of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::env;
use super::section::Section;
use crate::config::env::Environment;
use crate::config::{ConfigBuilder, ConfigError, StoreChoice};
use crate::store::MemoryStore;

/// The stores of this version.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    File,
    Memory,
}

/// Reads `login.tokenStore`, knowing the `kind` from our own part of the file.
pub(super) fn read(
    section: &mut Section<'_>,
    kind: Option<Kind>,
    environment: Environment<'_>,
    builder: &mut ConfigBuilder,
) -> Result<(), ConfigError> {
    let enabled = section.truth("enabled")?.unwrap_or(true);
    let window = match section.hours("tokenRefreshExtensionHours")? {
        Some(window) => Some(window),
        None => environment.hours(env::REFRESH_HOURS)?,
    };
    builder.session.window = window.unwrap_or(builder.session.window);

    let directory = section.section("fileSystem", |files| files.text("directory"))?;
    let sas_url = section.section("azureBlobStorage", |blob| blob.text("sasUrlSettingName"))?;
    builder.token_store = if enabled {
        let blob = sas_url.map(|_| section.place("azureBlobStorage.sasUrlSettingName"));
        choose(kind, directory, blob, environment)?
    } else {
        StoreChoice::Off
    };
    Ok(())
}

fn choose(
    kind: Option<Kind>,
    directory: Option<&str>,
    blob: Option<String>,
    environment: Environment<'_>,
) -> Result<StoreChoice, ConfigError> {
    if let Some(setting) = blob {
        return Err(ConfigError::new(setting, NO_BLOB));
    }
    match (kind, directory) {
        (Some(Kind::Memory), Some(_)) => {
            let problem = "memory contradicts login.tokenStore.fileSystem.directory; leave one out";
            Err(ConfigError::new(KIND, problem))
        }
        (Some(Kind::Memory), None) => Ok(StoreChoice::Given(Arc::new(MemoryStore::new()))),
        (None, None) if environment.text(env::SAS_URL).is_some() => {
            Err(ConfigError::new(env::SAS_URL, NO_BLOB))
        }
        (_, directory) => Ok(StoreChoice::File(directory.map(PathBuf::from))),
    }
}

/// Reads `easyauth.tokenStore`.
pub(super) fn read_kind(
    section: &mut Section<'_>,
    builder: &mut ConfigBuilder,
) -> Result<Option<Kind>, ConfigError> {
    let kinds = [
        ("file", Some(Kind::File)),
        ("memory", Some(Kind::Memory)),
        ("redb", None),
        ("blob", None),
        ("redis", None),
        ("postgres", None),
    ];
    let kind = section.choice("kind", &kinds)?;
    if kind == Some(None) {
        return Err(section.error("kind", "this store is not in this version; use file or memory"));
    }
    let problem = "is for stores that are not in this version; leave it out";
    section.refuse("urlSettingName", problem)?;
    if let Some(seconds) = section.whole_number("revalidateSeconds")? {
        builder.session.revalidate = Duration::from_secs(seconds.into());
    }
    if let Some(mebibytes) = section.whole_number("cacheMebibytes")? {
        builder.session.cache_capacity = u64::from(mebibytes) << 20;
    }
    Ok(kind.flatten())
}

const KIND: &str = "easyauth.tokenStore.kind";
const NO_BLOB: &str = "the blob store is not in this version; leave it out, or set \
                       easyauth.tokenStore.kind to file and name no blob storage";
