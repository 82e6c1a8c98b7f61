//! Records in the memory of this process.

use std::collections::HashMap;
use std::collections::hash_map;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::session::UserKey;
use crate::store::{BoxFuture, Entry, Scope, StoreError, TokenStore, Version, refuse_oversized};

/// A token store that forgets everything when the process ends.
///
/// For tests, and for applications whose users may have to sign in again after a restart. Nothing
/// is shared with other processes. It holds what was filed and not yet deleted or swept, so its
/// memory is bounded by the number of users and [`sweep`](TokenStore::sweep). Choose
/// [`FileStore`](crate::store::FileStore) for anything that should last.
#[derive(Default)]
pub struct MemoryStore {
    shelf: Mutex<Shelf>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // No change is ever half made while the lock is held, so a panic elsewhere harms nothing.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn create(
        &self,
        key: UserKey,
        expires_at: Timestamp,
        sealed: Bytes,
    ) -> Result<Version, StoreError> {
        refuse_oversized(&sealed)?;
        let mut shelf = self.shelf();
        let version = shelf.next_version();
        let hash_map::Entry::Vacant(place) = shelf.records.entry(key) else {
            return Err(StoreError::Conflict);
        };
        place.insert(Entry::new(sealed, version.clone(), expires_at));
        Ok(version)
    }

    fn replace(
        &self,
        key: UserKey,
        seen: &Version,
        expires_at: Timestamp,
        sealed: Bytes,
    ) -> Result<Version, StoreError> {
        refuse_oversized(&sealed)?;
        let mut shelf = self.shelf();
        let version = shelf.next_version();
        let Some(record) = shelf.records.get_mut(&key).filter(|held| held.version == *seen) else {
            return Err(StoreError::Conflict);
        };
        *record = Entry::new(sealed, version.clone(), expires_at);
        Ok(version)
    }

    fn delete(&self, key: UserKey, seen: &Version) -> Result<(), StoreError> {
        let mut shelf = self.shelf();
        match shelf.records.get(&key) {
            Some(held) if held.version != *seen => return Err(StoreError::Conflict),
            _ => shelf.records.remove(&key),
        };
        Ok(())
    }

    fn sweep(&self, now: Timestamp) -> u64 {
        let mut shelf = self.shelf();
        let before = shelf.records.len();
        shelf.records.retain(|_, record| record.expires_at >= now);
        (before - shelf.records.len()) as u64
    }
}

impl TokenStore for MemoryStore {
    fn scope(&self) -> Scope {
        Scope::Process
    }

    fn load<'a>(&'a self, key: &'a UserKey) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        Box::pin(async move { Ok(self.shelf().records.get(key).cloned()) })
    }

    fn create<'a>(
        &'a self,
        key: &'a UserKey,
        expires_at: Timestamp,
        sealed: Bytes,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move { self.create(*key, expires_at, sealed) })
    }

    fn replace<'a>(
        &'a self,
        key: &'a UserKey,
        version: &'a Version,
        expires_at: Timestamp,
        sealed: Bytes,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move { self.replace(*key, version, expires_at, sealed) })
    }

    fn delete<'a>(
        &'a self,
        key: &'a UserKey,
        version: &'a Version,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.delete(*key, version) })
    }

    fn sweep(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move { Ok(self.sweep(now)) })
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("records", &self.shelf().records.len()).finish()
    }
}

#[derive(Default)]
struct Shelf {
    records: HashMap<UserKey, Entry>,
    /// Counts the writes to all records, so that no record ever sees a version twice.
    writes: u64,
}

impl Shelf {
    fn next_version(&mut self) -> Version {
        self.writes += 1;
        Version::new(self.writes.to_be_bytes().to_vec())
    }
}
