//! Encrypted `.json` files, one per user and provider, as Easy Auth itself keeps them.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use self::envelope::Envelope;
use self::name::{RecordName, ShardName};
use self::shard::Shard;
use crate::clock::Timestamp;
use crate::directory::Directory;
use crate::session::UserKey;
use crate::store::{BoxFuture, Entry, Scope, StoreError, TokenStore, Version, refuse_oversized};

mod envelope;
mod name;
mod shard;

/// A token store in a directory of one machine: the default.
///
/// It outlives restarts and serves any number of processes on the same directory. Choose a store
/// with a server of its own for several machines, and [`MemoryStore`](crate::store::MemoryStore)
/// where nothing needs to last.
///
/// # Durability
///
/// A write is acknowledged when the record and its name are on the disk (`fsync` of the file and of
/// its directory). Killed or unplugged at any point before, the process leaves the earlier record or
/// the new one, whole. If only the last step fails, syncing the directory, the caller is told
/// [`StoreError::Unavailable`] although the new record may be in place.
///
/// # Several processes
///
/// Loads take no lock. Writes prepare a file first and hold a lock of the operating system for the
/// moment of comparing and renaming only, so a process that dies leaves nothing locked. A lock that
/// another process does not give back in ten seconds is [`StoreError::Unavailable`]. The lock also
/// works over network file systems that forward locks to their server; where files cannot be locked
/// at all, [`open`](Self::open) refuses.
///
/// # Layout
///
/// ```text
/// <root>/                                            0700
/// ├── 00/ … fe/                                      0700, always there
/// └── ff/
///     ├── ff3c…(32 hexadecimal digits).json          a record, 0600
///     ├── ff3c….corrupt                              a record that could not be read, set aside
///     ├── 9a41….tmp                                  a write that is going on, or was killed
///     └── .lock                                      held for the moment of a write
/// ```
///
/// A record is `{"version":1,"revision":"…","expires_at":unix seconds,"sealed":"base64"}`. Its name
/// is the user key, a keyed hash: nothing of the user is in it.
///
/// # What an operator may delete, at any time
///
/// * a `.json`: that user's sessions end and their tokens are forgotten;
/// * everything below the root: so for all users;
/// * `.corrupt` files, once somebody has looked at what damaged them;
/// * `.tmp` files: those of the last hour may belong to a write, which then fails and leaves the
///   earlier record; older ones are removed by the sweep.
///
/// Not `.lock` files alone while a process uses the store: of two writers in that moment both could
/// win. Replacing the root itself needs a restart. A record with a second hard link, as some backup
/// programs make, is refused; copy instead.
///
/// # Sweeping
///
/// Expired records are removed where they lie, a directory at a time. ext4 makes new files slowly for
/// some minutes after tens of thousands were deleted, so sweep often, such as hourly, rather than
/// much at once.
///
/// # Security
///
/// The directory must belong to the user the process runs as; access for others is taken away. Its
/// own path may lead through symbolic links and is followed once, when the store is opened. Below it,
/// on Unix, no symbolic link, hard link, device, pipe or foreign file is ever followed, read or
/// written. Elsewhere the directory's own access rules are all there is.
#[derive(Clone)]
pub struct FileStore {
    path: Arc<Path>,
    root: Arc<Directory>,
    writers: Arc<Semaphore>,
}

impl FileStore {
    /// Opens the store in the directory `root`, which is made if there is none.
    ///
    /// # Errors
    ///
    /// If the directory cannot be made or written, belongs to another user, holds something other
    /// than our directories under their names, or lies where files cannot be locked.
    pub async fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let path = root.into();
        spawn_blocking(move || {
            let root = Directory::root(&path)?;
            shard::prepare_all(&root)?;
            Ok(Self {
                path: path.into(),
                root: Arc::new(root),
                writers: Arc::new(Semaphore::new(MAX_WRITERS)),
            })
        })
        .await
        .map_err(io::Error::other)?
    }

    /// Does `work` where it may wait for the disk. It goes on to its end even if nobody waits for it
    /// any more.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Directory) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let root = Arc::clone(&self.root);
        spawn_blocking(move || work(&root)).await.map_err(StoreError::unavailable)?
    }

    /// Does `work` when it is this writer's turn.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Directory) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let writers = Arc::clone(&self.writers);
        let turn = writers.acquire_owned().await.map_err(StoreError::unavailable)?;
        // The turn goes along: a caller who hangs up does not end the write that it stands for.
        self.on_disk(move |root| {
            let result = work(root);
            drop(turn);
            result
        })
        .await
    }

    async fn put(
        &self,
        key: UserKey,
        seen: Option<Version>,
        expires_at: Timestamp,
        sealed: Bytes,
    ) -> Result<Version, StoreError> {
        refuse_oversized(&sealed)?;
        self.in_turn(move |root| {
            let name = RecordName::of(key);
            let envelope = Envelope::seal(expires_at, sealed)?;
            Shard::make(root, name.shard())?.put(&name, seen.as_ref(), &envelope)
        })
        .await
    }
}

impl TokenStore for FileStore {
    fn scope(&self) -> Scope {
        Scope::Machine
    }

    fn load<'a>(&'a self, key: &'a UserKey) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        let name = RecordName::of(*key);
        Box::pin(self.on_disk(move |root| {
            let Some(shard) = Shard::find(root, name.shard())? else { return Ok(None) };
            Ok(shard.load(&name)?.map(Envelope::into_entry))
        }))
    }

    fn create<'a>(
        &'a self,
        key: &'a UserKey,
        expires_at: Timestamp,
        sealed: Bytes,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(self.put(*key, None, expires_at, sealed))
    }

    fn replace<'a>(
        &'a self,
        key: &'a UserKey,
        version: &'a Version,
        expires_at: Timestamp,
        sealed: Bytes,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(self.put(*key, Some(version.clone()), expires_at, sealed))
    }

    fn delete<'a>(
        &'a self,
        key: &'a UserKey,
        version: &'a Version,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let (name, version) = (RecordName::of(*key), version.clone());
        Box::pin(self.in_turn(move |root| {
            let Some(shard) = Shard::find(root, name.shard())? else { return Ok(()) };
            shard.delete(&name, &version)
        }))
    }

    fn sweep(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            let mut removed = 0;
            // One piece of work a shard: a sweep that nobody waits for any more ends soon.
            for name in ShardName::all() {
                removed += self
                    .in_turn(move |root| {
                        Shard::find(root, name)?.map_or(Ok(0), |shard| shard.sweep(now))
                    })
                    .await?;
            }
            Ok(removed)
        })
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Writers that may wait for the disk at once. More gain nothing there, and would take the threads
/// of the runtime's blocking pool (512 by default) and file descriptors from others.
const MAX_WRITERS: usize = 128;
