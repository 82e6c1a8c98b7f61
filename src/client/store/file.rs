//! A user in a file.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::{BoxFuture, Turn, UserStore, UserStoreError};
use crate::client::user::User;
use crate::directory::{Directory, NotOpened};

/// Keeps the user in a file, which any number of programs may share.
///
/// The file is JSON, `{"version", "origin", "authenticationToken", "user": {"userId"}}`, with access
/// for its owner alone (0600). It is replaced as a whole, so that a program that is killed leaves the
/// earlier user or the new one. Next to it are `.<name>.lock` and `.<name>.turn`, which are empty and
/// tell programs apart that write at once or renew the token at once.
///
/// # Security
///
/// Who reads the file is the user, until the token expires. On Unix, symbolic links, hard links,
/// pipes and files of other users are neither read nor written. The directory's access rules are left
/// as they are; one that has to be made is open to its owner alone (0700).
#[derive(Clone)]
pub struct FileUserStore {
    path: Arc<Path>,
    place: Arc<Place>,
}

impl FileUserStore {
    /// Opens the file at `path`, which need not be there yet. Its directory is made if there is none.
    ///
    /// # Errors
    ///
    /// If `path` names no file, or the directory cannot be made or opened.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(name) = name.map(str::to_owned) else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the path of the user file must end in a file name that is UTF-8",
            ));
        };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = Directory::shared(parent.unwrap_or(Path::new(".")))?;
        Ok(Self { path: path.into(), place: Arc::new(Place { directory, name }) })
    }

    /// Does `work` where it may wait for the disk. It goes on to its end even if nobody waits for it
    /// any more.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Place) -> Result<T, UserStoreError> + Send + 'static,
    ) -> Result<T, UserStoreError> {
        let place = Arc::clone(&self.place);
        spawn_blocking(move || work(&place)).await.map_err(UserStoreError::unavailable)?
    }
}

impl UserStore for FileUserStore {
    fn load(&self) -> BoxFuture<'_, Result<Option<User>, UserStoreError>> {
        Box::pin(self.on_disk(Place::read))
    }

    fn replace<'a>(
        &'a self,
        seen: Option<&'a User>,
        user: Option<&'a User>,
    ) -> BoxFuture<'a, Result<bool, UserStoreError>> {
        let (seen, user) = (seen.cloned(), user.cloned());
        Box::pin(self.on_disk(move |place| {
            let _lock = place.directory.lock(&place.beside("lock"))?;
            if place.read()? != seen {
                return Ok(false);
            }
            match user {
                Some(user) => place.write(&user)?,
                None => place.remove()?,
            }
            Ok(true)
        }))
    }

    fn turn(&self) -> BoxFuture<'_, Result<Turn, UserStoreError>> {
        Box::pin(async move {
            loop {
                // A look from time to time, and no thread that waits in the kernel: whoever has the
                // turn may wait for somebody to sign in, and whoever waits may be told to stop.
                let look = |place: &Place| Ok(place.directory.try_lock(&place.beside("turn"))?);
                if let Some(lock) = self.on_disk(look).await? {
                    return Ok(Turn::new(lock));
                }
                tokio::time::sleep(TURN_PAUSE).await;
            }
        })
    }
}

impl fmt::Debug for FileUserStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileUserStore").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The file's directory and name.
struct Place {
    directory: Directory,
    name: String,
}

impl Place {
    fn read(&self) -> Result<Option<User>, UserStoreError> {
        let file = match self.directory.open(&self.name) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(None),
            Err(NotOpened::Foreign(reason)) => return Err(UserStoreError::Foreign(reason)),
            Err(NotOpened::Io(error)) => return Err(error.into()),
        };
        let mut json = Vec::new();
        file.take(MAX_FILE).read_to_end(&mut json)?;
        // Made by hand, or by a disk that was full: nobody is lost with it.
        if json.is_empty() {
            return Ok(None);
        }
        Ok(Some(User::from_json(&json)?))
    }

    /// For who holds the lock.
    fn write(&self, user: &User) -> io::Result<()> {
        let draft = self.beside("tmp");
        // Left by a program that was killed: nobody else writes now.
        let _ = self.directory.remove(&draft);
        let mut file = self.directory.create_new(&draft)?;
        let written = file
            .write_all(user.to_json().expose().as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| self.directory.rename(&draft, &self.name));
        if written.is_err() {
            let _ = self.directory.remove(&draft);
        }
        written?;
        self.directory.sync()
    }

    fn remove(&self) -> io::Result<()> {
        match self.directory.remove(&self.name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome.and_then(|()| self.directory.sync()),
        }
    }

    fn beside(&self, what: &str) -> String {
        format!(".{}.{what}", self.name)
    }
}

/// Longest file that is read, in bytes. No server takes a header of that length.
const MAX_FILE: u64 = 64 * 1024;
const TURN_PAUSE: Duration = Duration::from_millis(20);
