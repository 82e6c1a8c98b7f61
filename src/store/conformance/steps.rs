//! What the claims are told in: steps that must succeed, and expectations.

use std::fmt::Debug;
use std::future::poll_fn;
use std::task::Poll;

use bytes::Bytes;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::clock::Timestamp;
use crate::session::UserKey;
use crate::store::{BoxFuture, Entry, StoreError, TokenStore, Version};

pub(super) async fn load(store: &dyn TokenStore, key: &UserKey) -> Option<Entry> {
    store.load(key).await.unwrap_or_else(|error| panic!("load: {error:?}"))
}

pub(super) async fn create(store: &dyn TokenStore, key: &UserKey, sealed: Bytes) -> Version {
    let outcome = store.create(key, FAR, sealed).await;
    outcome.unwrap_or_else(|error| panic!("create under a new key: {error:?}"))
}

pub(super) async fn replace(
    store: &dyn TokenStore,
    key: &UserKey,
    seen: &Version,
    sealed: Bytes,
) -> Version {
    let outcome = store.replace(key, seen, FAR, sealed).await;
    outcome.unwrap_or_else(|error| panic!("replace of the current version: {error:?}"))
}

/// Leaves nothing behind, whoever else may be writing still.
pub(super) async fn remove(store: &dyn TokenStore, key: &UserKey) {
    while let Some(found) = load(store, key).await {
        match store.delete(key, &found.version).await {
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(error) => panic!("delete of the current version: {error:?}"),
        }
    }
}

pub(super) async fn expect_record(
    store: &dyn TokenStore,
    key: &UserKey,
    sealed: &[u8],
    version: &Version,
) {
    let found = load(store, key).await.expect("an acknowledged record is not there");
    assert!(found.sealed == sealed, "a record has other bytes than those acknowledged");
    assert_eq!(found.version, *version, "a record has another version than acknowledged");
    assert_eq!(found.expires_at, FAR, "a record has another expiry than acknowledged");
}

pub(super) fn expect_conflict<T: Debug>(outcome: &Result<T, StoreError>, what: &str) {
    assert!(matches!(outcome, Err(StoreError::Conflict)), "{what} is no conflict: {outcome:?}");
}

pub(super) fn expect_corrupt<T: Debug>(outcome: &Result<T, StoreError>, what: &str) {
    assert!(
        matches!(outcome, Err(StoreError::Corrupt(_))),
        "{what} with an oversized record is not refused as corrupt: {outcome:?}"
    );
}

/// Runs all of `futures` at once, in this task.
pub(super) async fn together<'a, T>(futures: impl IntoIterator<Item = BoxFuture<'a, T>>) -> Vec<T> {
    let mut running: Vec<_> = futures.into_iter().map(|future| (future, None)).collect();
    poll_fn(|context| {
        for (future, outcome) in &mut running {
            if outcome.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(context)
            {
                *outcome = Some(value);
            }
        }
        if running.iter().all(|(_, outcome)| outcome.is_some()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    running.into_iter().filter_map(|(_, outcome)| outcome).collect()
}

pub(super) fn random_key() -> UserKey {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).expect("random numbers of the system");
    UserKey::new(bytes)
}

pub(super) fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// Long past, wherever the suite runs.
pub(super) const PAST: Timestamp = Timestamp::from_unix(1_000_000);
pub(super) const AFTER_PAST: Timestamp = Timestamp::from_unix(1_000_001);
/// The year 2100.
pub(super) const FAR: Timestamp = Timestamp::from_unix(4_102_444_800);
