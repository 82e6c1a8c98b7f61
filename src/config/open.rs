//! What a configuration names on this machine: keys and the token store.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{ConfigError, Keys, Settings, StoreChoice};
use crate::seal::{Key, KeyRing, UserIds, random};
use crate::store::{FileStore, Scope, TokenStore};
use crate::wire::session_token::SessionTokens;

/// Keys that are there, and a store that is open.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) keys: KeyRing,
    pub(crate) session_tokens: SessionTokens,
    pub(crate) user_ids: UserIds,
    pub(crate) store: Option<Arc<dyn TokenStore>>,
}

impl Opened {
    /// Opens what `settings` name, keys first: a store whose records no key opens is of no use.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, ConfigError> {
        if let Some(opened) = Self::without_io(settings)? {
            return Ok(opened);
        }
        let state = state_directory(settings);
        let keys = settings.keys.clone();
        let directory = state.as_ref().map(|state| state.join("keys"));
        let keys =
            tokio::task::spawn_blocking(move || embed(keys, directory.as_deref())).await.map_err(
                |error| ConfigError::because(STATE, "the keys could not be read", error),
            )??;
        let store = open_store(&settings.token_store, state.as_deref()).await?;
        Self::new(settings, &keys, store)
    }

    /// Opens what needs no IO: everything is given, or nothing is to outlive this process.
    pub(crate) fn without_io(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        let store = match &settings.token_store {
            StoreChoice::File(_) => return Ok(None),
            StoreChoice::Given(store) => Some(Arc::clone(store)),
            StoreChoice::Off => None,
        };
        let mut keys = settings.keys.clone();
        if store.as_ref().is_some_and(|store| store.scope() == Scope::Process) {
            fill(&mut keys, |_| Key::generate().map_err(no_random))?;
        }
        if keys.encryption.is_empty() || keys.signing.is_empty() || keys.user_id.is_none() {
            return Ok(None);
        }
        Self::new(settings, &keys, store).map(Some)
    }

    fn new(
        settings: &Settings,
        keys: &Keys,
        store: Option<Arc<dyn TokenStore>>,
    ) -> Result<Self, ConfigError> {
        let missing = || ConfigError::new("easyauth.keys", "there is no key; set one");
        Ok(Self {
            keys: KeyRing::new(&keys.encryption, &settings.app_id).ok_or_else(missing)?,
            session_tokens: SessionTokens::new(&keys.signing, &settings.origin.with_slash())
                .ok_or_else(missing)?,
            user_ids: UserIds::new(keys.user_id.as_ref().ok_or_else(missing)?, &settings.app_id),
            store,
        })
    }
}

async fn open_store(
    choice: &StoreChoice,
    state: Option<&Path>,
) -> Result<Option<Arc<dyn TokenStore>>, ConfigError> {
    let directory = match choice {
        StoreChoice::Off => return Ok(None),
        StoreChoice::Given(store) => return Ok(Some(Arc::clone(store))),
        StoreChoice::File(Some(directory)) => directory.clone(),
        StoreChoice::File(None) => state.ok_or_else(no_state_directory)?.join("tokens"),
    };
    let shown = directory.display().to_string();
    let store = FileStore::open(directory).await.map_err(|error| {
        let problem = format!("the token store in {shown} cannot be opened: {error}");
        ConfigError::because("login.tokenStore.fileSystem.directory", problem, error)
    })?;
    Ok(Some(Arc::new(store)))
}

/// `easyauth.stateDirectory`, else `$WEBSITE_AUTH_STATE_DIRECTORY`, else `$HOME/data/.auth`.
fn state_directory(settings: &Settings) -> Option<PathBuf> {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    settings
        .state_directory
        .clone()
        .or_else(|| from("WEBSITE_AUTH_STATE_DIRECTORY").map(PathBuf::from))
        .or_else(|| from("HOME").map(|home| Path::new(&home).join("data/.auth")))
}

fn no_state_directory() -> ConfigError {
    ConfigError::new(STATE, "is not set, and neither is HOME; set it to a directory of your own")
}

/// Completes `keys` with the embedded ones in `directory`, made there at the first start.
fn embed(mut keys: Keys, directory: Option<&Path>) -> Result<Keys, ConfigError> {
    fill(&mut keys, |name| {
        let directory = directory.ok_or_else(no_state_directory)?;
        let path = directory.join(name);
        read_or_make(directory, &path).map_err(|error| {
            let problem = format!("the key {} cannot be used: {error}", path.display());
            ConfigError::because(STATE, problem, error)
        })
    })?;
    Ok(keys)
}

fn fill(
    keys: &mut Keys,
    embedded: impl Fn(&str) -> Result<Key, ConfigError>,
) -> Result<(), ConfigError> {
    if keys.encryption.is_empty() {
        keys.encryption.push(embedded("encryption.key")?);
    }
    if keys.signing.is_empty() {
        keys.signing.push(embedded("signing.key")?);
    }
    if keys.user_id.is_none() {
        keys.user_id = Some(embedded("user-id.key")?);
    }
    Ok(())
}

fn read_or_make(directory: &Path, path: &Path) -> io::Result<Key> {
    match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(directory, path)?;
            // Read back in any case: another process may have been faster, and its key counts.
            read(path)
        }
        result => result,
    }
}

fn read(path: &Path) -> io::Result<Key> {
    let mut file = File::open(path)?;
    check_private(&file)?;
    let mut text = Zeroizing::new(String::new());
    Read::take(&mut file, MAX_KEY_FILE).read_to_string(&mut text)?;
    Key::parse(&text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Writes a new key beside `path` and links it there: it appears whole or not at all, and never in
/// the place of another.
fn make(directory: &Path, path: &Path) -> io::Result<()> {
    create_directory(directory)?;
    let key = Key::generate().map_err(io::Error::other)?;
    let hex: String = key.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let text = Zeroizing::new(format!("{hex}\n"));
    let suffix = u64::from_be_bytes(random().map_err(io::Error::other)?);
    let draft = path.with_extension(format!("{suffix:016x}.tmp"));
    let written = create_private(&draft)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        result => result?,
    }
    removed?;
    sync_directory(directory)?;
    tracing::info!(path = %path.display(), "made a key; keep it, and keep it to yourself");
    Ok(())
}

#[cfg(unix)]
fn create_directory(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

#[cfg(not(unix))]
fn create_directory(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(unix)]
fn check_private(file: &File) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = file.metadata()?;
    let refuse = |problem: &str| Err(io::Error::new(io::ErrorKind::PermissionDenied, problem));
    if !metadata.is_file() || metadata.mode() & 0o077 != 0 {
        return refuse("others can read it; make it a file of your own with `chmod 600`");
    }
    // Whoever put it there knows it.
    if metadata.uid() != rustix::process::geteuid().as_raw() && metadata.uid() != ROOT {
        return refuse("it belongs to another user; make it a file of your own with `chown`");
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_private(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

fn no_random(error: crate::seal::RandomError) -> ConfigError {
    ConfigError::because("easyauth.keys", "no key could be made", error)
}

const STATE: &str = "easyauth.stateDirectory";
#[cfg(unix)]
const ROOT: u32 = 0;
const MAX_KEY_FILE: u64 = 4096;
