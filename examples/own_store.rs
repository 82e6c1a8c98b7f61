//! A token store of one's own, and the proof that it is one: `cargo run --example own_store`.
//!
//! This one stands around another and counts, as one would for a page of figures. `conformance::all`
//! checks every claim that the layer relies on, and panics at the first that does not hold; in a
//! project of yours it is the body of a test.

#![allow(clippy::print_stdout, reason = "it says what it found")]

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use easyauth::clock::Timestamp;
use easyauth::store::{
    BoxFuture, Entry, MemoryStore, Scope, StoreError, TokenStore, UserKey, Version, conformance,
};

#[tokio::main]
async fn main() {
    let store = Counting::new(MemoryStore::new());

    conformance::all(&store).await;

    let [calls, conflicts] = [&store.calls, &store.conflicts].map(|n| n.load(Ordering::Relaxed));
    println!("the store conforms: {calls} calls, {conflicts} of them refused as a conflict");
}

/// A store that counts what is asked of it.
#[derive(Debug)]
struct Counting<S> {
    inner: S,
    calls: AtomicU64,
    conflicts: AtomicU64,
}

impl<S: TokenStore> Counting<S> {
    fn new(inner: S) -> Self {
        Self { inner, calls: AtomicU64::new(0), conflicts: AtomicU64::new(0) }
    }

    fn count<'a, T>(
        &'a self,
        call: BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>>
    where
        T: 'a,
    {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            let outcome = call.await;
            if matches!(outcome, Err(StoreError::Conflict)) {
                self.conflicts.fetch_add(1, Ordering::Relaxed);
            }
            outcome
        })
    }
}

impl<S: TokenStore> TokenStore for Counting<S> {
    fn scope(&self) -> Scope {
        self.inner.scope()
    }

    fn load<'a>(&'a self, key: &'a UserKey) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        self.count(self.inner.load(key))
    }

    fn create<'a>(
        &'a self,
        key: &'a UserKey,
        expires_at: Timestamp,
        sealed: Bytes,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        self.count(self.inner.create(key, expires_at, sealed))
    }

    fn replace<'a>(
        &'a self,
        key: &'a UserKey,
        version: &'a Version,
        expires_at: Timestamp,
        sealed: Bytes,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        self.count(self.inner.replace(key, version, expires_at, sealed))
    }

    fn delete<'a>(
        &'a self,
        key: &'a UserKey,
        version: &'a Version,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.count(self.inner.delete(key, version))
    }

    fn sweep(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.count(self.inner.sweep(now))
    }
}
