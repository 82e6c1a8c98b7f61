//! Where the signed-in user is kept between two starts of the program.

mod file;
mod memory;

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

pub use self::file::FileUserStore;
pub use self::memory::MemoryUserStore;
use super::user::{NotAUser, User};

/// Keeps one signed-in user, for this and other processes.
///
/// # Contract
///
/// * What [`load`](Self::load) gives is what [`replace`](Self::replace) put there last, whole. Where
///   several processes share a store, each sees the others' writes.
/// * `replace` compares and writes in one step.
/// * At most one [`Turn`] is out at a time. It is a right to ask the application for a new token, not
///   a lock on the data: `load` and `replace` work while somebody else has it. It may be kept for
///   minutes, while somebody signs in, and ends with its owner's process at the latest.
/// * What is kept lets anyone act as the user. Nobody else may read it.
/// * Futures may be dropped at any time, and then have done all or nothing.
pub trait UserStore: fmt::Debug + Send + Sync + 'static {
    /// Who is signed in.
    fn load(&self) -> BoxFuture<'_, Result<Option<User>, UserStoreError>>;

    /// Puts `user` in the place of `seen` (`None`: nobody), and says whether it did: it does not if
    /// somebody else is there.
    fn replace<'a>(
        &'a self,
        seen: Option<&'a User>,
        user: Option<&'a User>,
    ) -> BoxFuture<'a, Result<bool, UserStoreError>>;

    /// Waits, as long as it takes, until nobody else is asking for a new token.
    fn turn(&self) -> BoxFuture<'_, Result<Turn, UserStoreError>>;
}

/// The right to ask for a new token. Dropped, it is given back.
pub struct Turn(#[expect(dead_code, reason = "it is there to be dropped")] Box<dyn Send>);

impl Turn {
    /// A turn that lasts until `guard` is dropped.
    #[must_use]
    pub fn new(guard: impl Send + 'static) -> Self {
        Self(Box::new(guard))
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn")
    }
}

/// Why the user could not be read or kept. Never contains a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserStoreError {
    /// What is in the user's place is something else, and is left alone.
    #[error("what is in the place of the signed-in user is left alone, and may be deleted: {0}")]
    Foreign(&'static str),
    /// The backend did not do it; trying again may help.
    #[error("the user store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl UserStoreError {
    /// The backend did not do it, because of `cause`.
    pub fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(cause.into())
    }
}

impl From<io::Error> for UserStoreError {
    fn from(cause: io::Error) -> Self {
        Self::unavailable(cause)
    }
}

impl From<NotAUser> for UserStoreError {
    fn from(cause: NotAUser) -> Self {
        Self::Foreign(cause.0)
    }
}

impl<S: UserStore + ?Sized> UserStore for Arc<S> {
    fn load(&self) -> BoxFuture<'_, Result<Option<User>, UserStoreError>> {
        (**self).load()
    }

    fn replace<'a>(
        &'a self,
        seen: Option<&'a User>,
        user: Option<&'a User>,
    ) -> BoxFuture<'a, Result<bool, UserStoreError>> {
        (**self).replace(seen, user)
    }

    fn turn(&self) -> BoxFuture<'_, Result<Turn, UserStoreError>> {
        (**self).turn()
    }
}

/// A future of a user store, in a box.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
