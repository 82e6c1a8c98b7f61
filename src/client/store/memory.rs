//! A user who is forgotten with the process.

use std::sync::{Arc, Mutex, PoisonError};

use super::{BoxFuture, Turn, UserStore, UserStoreError};
use crate::client::user::User;

/// Keeps the user for the life of the process. Clones keep the same user.
#[derive(Clone, Debug, Default)]
pub struct MemoryUserStore {
    user: Arc<Mutex<Option<User>>>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl MemoryUserStore {
    /// A store in which nobody is signed in.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A store in which `user` is signed in.
    #[must_use]
    pub fn with(user: User) -> Self {
        Self { user: Arc::new(Mutex::new(Some(user))), turn: Arc::default() }
    }
}

impl UserStore for MemoryUserStore {
    fn load(&self) -> BoxFuture<'_, Result<Option<User>, UserStoreError>> {
        let user = self.user.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async move { Ok(user) })
    }

    fn replace<'a>(
        &'a self,
        seen: Option<&'a User>,
        user: Option<&'a User>,
    ) -> BoxFuture<'a, Result<bool, UserStoreError>> {
        Box::pin(async move {
            let mut kept = self.user.lock().unwrap_or_else(PoisonError::into_inner);
            let as_seen = kept.as_ref() == seen;
            if as_seen {
                *kept = user.cloned();
            }
            Ok(as_seen)
        })
    }

    fn turn(&self) -> BoxFuture<'_, Result<Turn, UserStoreError>> {
        let turn = Arc::clone(&self.turn);
        Box::pin(async move { Ok(Turn::new(turn.lock_owned().await)) })
    }
}
