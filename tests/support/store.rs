//! A token store that counts what it is asked, and fails when told to.

use std::collections::HashMap;
use std::future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use easyauth::clock::Timestamp;
use easyauth::store::{
    BoxFuture, Entry, MemoryStore, Scope, StoreError, TokenStore, UserKey, Version,
};
use tokio::sync::Notify;

/// What a store can be asked.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Verb {
    Load,
    Create,
    Replace,
    Delete,
}

/// Records in memory, shared by all clones: as many machines share one store.
#[derive(Clone, Debug)]
pub struct TestStore {
    inner: Arc<dyn TokenStore>,
    asked: Arc<Mutex<HashMap<Verb, usize>>>,
    failing: Arc<Mutex<Vec<Verb>>>,
    held: Arc<Mutex<Option<Arc<Notify>>>>,
    frozen: Arc<AtomicBool>,
}

impl TestStore {
    pub fn new() -> Self {
        Self::over(MemoryStore::new())
    }

    /// Counts and fails in front of another store.
    pub fn over(inner: impl TokenStore) -> Self {
        let inner = Arc::new(inner);
        Self {
            inner,
            asked: Arc::default(),
            failing: Arc::default(),
            held: Arc::default(),
            frozen: Arc::default(),
        }
    }

    /// From now on the backend refuses these, and only these.
    pub fn fail(&self, verbs: &[Verb]) {
        *self.failing.lock().unwrap() = verbs.to_vec();
    }

    /// The next load reads the record, and brings it only when the gate is notified.
    pub fn hold_next_load(&self) -> Arc<Notify> {
        let gate = Arc::new(Notify::new());
        *self.held.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }

    /// From now on whoever asks gets no answer, ever: as a process that was killed.
    pub fn freeze(&self) {
        self.frozen.store(true, Ordering::Relaxed);
    }

    /// How often it was asked this.
    pub fn count(&self, verb: Verb) -> usize {
        self.asked.lock().unwrap().get(&verb).copied().unwrap_or_default()
    }

    /// How often it was asked to change anything.
    pub fn writes(&self) -> usize {
        [Verb::Create, Verb::Replace, Verb::Delete].map(|verb| self.count(verb)).iter().sum()
    }

    async fn ask(&self, verb: Verb) -> Result<(), StoreError> {
        // Backends take their time: others get theirs.
        tokio::task::yield_now().await;
        if self.frozen.load(Ordering::Relaxed) {
            return future::pending().await;
        }
        *self.asked.lock().unwrap().entry(verb).or_default() += 1;
        if self.failing.lock().unwrap().contains(&verb) {
            return Err(StoreError::unavailable("the backend is away"));
        }
        Ok(())
    }
}

impl TokenStore for TestStore {
    fn scope(&self) -> Scope {
        Scope::Shared
    }

    fn load<'a>(&'a self, key: &'a UserKey) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        Box::pin(async move {
            self.ask(Verb::Load).await?;
            let held = self.held.lock().unwrap().take();
            let entry = self.inner.load(key).await;
            if let Some(gate) = held {
                gate.notified().await;
            }
            entry
        })
    }

    fn create<'a>(
        &'a self,
        key: &'a UserKey,
        expires_at: Timestamp,
        sealed: Bytes,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move {
            self.ask(Verb::Create).await?;
            self.inner.create(key, expires_at, sealed).await
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a UserKey,
        version: &'a Version,
        expires_at: Timestamp,
        sealed: Bytes,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move {
            self.ask(Verb::Replace).await?;
            self.inner.replace(key, version, expires_at, sealed).await
        })
    }

    fn delete<'a>(
        &'a self,
        key: &'a UserKey,
        version: &'a Version,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.ask(Verb::Delete).await?;
            self.inner.delete(key, version).await
        })
    }

    fn sweep(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.inner.sweep(now)
    }
}
