//! Where sealed tokens rest: one backend a file.
//!
//! Records are sealed above this port. A store sees the [`UserKey`] it files a record under, when
//! the record may go, and ciphertext; it never sees a token and cannot forget to encrypt. A record
//! copied to another key does not open.
//!
//! | store | for | feature |
//! |---|---|---|
//! | [`FileStore`] | one machine, or several processes on one directory; the default | |
//! | [`MemoryStore`] | tests, and applications that may forget everybody when they restart | |
//!
//! A store of your own implements [`TokenStore`] and proves itself with the `conformance` suite
//! (feature `conformance`).

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::directory::NotOpened;

#[cfg(feature = "conformance")]
pub mod conformance;
mod file;
mod memory;

pub use self::file::FileStore;
pub use self::memory::MemoryStore;
pub use crate::session::UserKey;

/// What the methods of a [`TokenStore`] return: a future that is sent between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where sealed records rest between requests.
///
/// # Contract
///
/// * Keys come from cookies that were opened, or from sign-ins. A store may rely on their being 16
///   bytes and on nothing else.
/// * Values are ciphertext of up to [`MAX_RECORD`] bytes. A longer one is refused as
///   [`StoreError::Corrupt`] and harms nothing; one found at rest is treated as unreadable, before
///   it is read whole.
/// * Every write is conditional. [`create`](Self::create) never overwrites;
///   [`replace`](Self::replace) and [`delete`](Self::delete) act only on the version named. Of two
///   writers who saw the same version one wins and one is told [`StoreError::Conflict`]: a refresh
///   token that rotates is lost if both win.
/// * What was acknowledged is durable as far as the backend can make it, and a load begun after the
///   acknowledgement sees it. A write that fails leaves the earlier record in place.
/// * A [`Version`] never names two states, not even of a record that was deleted and filed anew.
/// * A record must not come back after [`delete`](Self::delete).
/// * A store may forget a record once it has expired, never before.
/// * A future dropped half-way leaves either the earlier record or the new one.
pub trait TokenStore: fmt::Debug + Send + Sync + 'static {
    /// Who else reads and writes the same records; it decides where keys may come from.
    fn scope(&self) -> Scope;

    /// The record under `key`, with the version that a later write must name. `None` if there is
    /// none. Expired records may be returned; the caller judges by its own clock.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if the backend does not answer, [`StoreError::Corrupt`] if what it
    /// has is no record of this store.
    fn load<'a>(&'a self, key: &'a UserKey) -> BoxFuture<'a, Result<Option<Entry>, StoreError>>;

    /// Files a first record under `key`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if there is one already.
    fn create<'a>(
        &'a self,
        key: &'a UserKey,
        expires_at: Timestamp,
        sealed: Bytes,
    ) -> BoxFuture<'a, Result<Version, StoreError>>;

    /// Puts a record in the place of the one that has `version`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if the record has another version by now, or is gone.
    fn replace<'a>(
        &'a self,
        key: &'a UserKey,
        version: &'a Version,
        expires_at: Timestamp,
        sealed: Bytes,
    ) -> BoxFuture<'a, Result<Version, StoreError>>;

    /// Removes the record that has `version`. One that is already gone counts as removed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if the record has another version by now.
    fn delete<'a>(
        &'a self,
        key: &'a UserKey,
        version: &'a Version,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Removes records that expired before `now`, and says how many. It races with the other methods
    /// and must lose: a record renewed meanwhile stays. One that cannot be read holds up no other.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if the backend fails; what was removed by then is gone.
    fn sweep(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>>;
}

/// How far the records of a store reach.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Scope {
    /// They end with this process, and keys may do so too.
    Process,
    /// They stay on this machine, and keys are made and kept beside them unless configured.
    Machine,
    /// Other machines have them too, so keys must be configured.
    Shared,
}

/// A record as a store hands it out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// Ciphertext, as it was handed in.
    pub sealed: Bytes,
    /// What a later [`replace`](TokenStore::replace) or [`delete`](TokenStore::delete) must name.
    pub version: Version,
    /// When the record may be forgotten.
    pub expires_at: Timestamp,
}

impl Entry {
    /// The record `sealed` in this `version`.
    #[must_use]
    pub const fn new(sealed: Bytes, version: Version, expires_at: Timestamp) -> Self {
        Self { sealed, version, expires_at }
    }
}

/// Which state of a record a caller has seen: opaque, and equal only for equal states.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Version(Bytes);

impl Version {
    /// The version that a backend calls so, such as an ETag or a row's counter.
    #[must_use]
    pub fn new(name: impl Into<Bytes>) -> Self {
        Self(name.into())
    }

    /// The backend's own name for the version.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The three things that can keep a store from doing what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody else changed the record in between.
    #[error("the record was changed by somebody else")]
    Conflict,
    /// What is stored, or was handed in, cannot be a record of this store: damaged, oversized or
    /// foreign.
    #[error("not a record of this token store: {0}")]
    Corrupt(&'static str),
    /// The backend did not do it; trying again may help. The cause never contains a secret.
    #[error("the token store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// The backend did not do it, because of `cause`.
    pub fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(cause.into())
    }
}

/// A file or a connection that fails is a backend that did not do it.
impl From<io::Error> for StoreError {
    fn from(cause: io::Error) -> Self {
        Self::unavailable(cause)
    }
}

/// What stands in a file's place and is none of ours cannot be a record.
impl From<NotOpened> for StoreError {
    fn from(cause: NotOpened) -> Self {
        match cause {
            NotOpened::Foreign(reason) => Self::Corrupt(reason),
            NotOpened::Io(cause) => cause.into(),
        }
    }
}

impl<S: TokenStore + ?Sized> TokenStore for Arc<S> {
    fn scope(&self) -> Scope {
        (**self).scope()
    }

    fn load<'a>(&'a self, key: &'a UserKey) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        (**self).load(key)
    }

    fn create<'a>(
        &'a self,
        key: &'a UserKey,
        expires_at: Timestamp,
        sealed: Bytes,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        (**self).create(key, expires_at, sealed)
    }

    fn replace<'a>(
        &'a self,
        key: &'a UserKey,
        version: &'a Version,
        expires_at: Timestamp,
        sealed: Bytes,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        (**self).replace(key, version, expires_at, sealed)
    }

    fn delete<'a>(
        &'a self,
        key: &'a UserKey,
        version: &'a Version,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        (**self).delete(key, version)
    }

    fn sweep(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        (**self).sweep(now)
    }
}

fn refuse_oversized(sealed: &[u8]) -> Result<(), StoreError> {
    if sealed.len() > MAX_RECORD {
        return Err(StoreError::Corrupt("longer than MAX_RECORD"));
    }
    Ok(())
}

/// The longest sealed record, in bytes.
pub const MAX_RECORD: usize = 1 << 20;
