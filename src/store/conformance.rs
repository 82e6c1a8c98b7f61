//! What every token store must do, one claim a function: for authors of stores.
//!
//! ```no_run
//! # async fn prove() -> std::io::Result<()> {
//! let store = easyauth::store::FileStore::open("tokens").await?;
//! easyauth::store::conformance::all(&store).await;
//! # Ok(())
//! # }
//! ```
//!
//! A claim that does not hold panics and says what it saw. The suite needs no clock and does not
//! wait; its keys are random and its records are removed at the end, so it may run on a store that
//! is in use. Sweeps are told a moment in 1970. Stores that forget expired records by themselves
//! pass as well.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a suite of tests says by a panic what does not hold"
)]

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::clock::Timestamp;
use crate::session::UserKey;
use crate::store::{BoxFuture, Entry, MAX_RECORD, StoreError, TokenStore, Version};

/// Checks every claim.
pub async fn all(store: &dyn TokenStore) {
    an_unknown_key_has_no_record(store).await;
    a_record_comes_back_as_it_was_filed(store).await;
    keys_do_not_interfere(store).await;
    create_refuses_to_overwrite(store).await;
    replace_makes_a_new_version(store).await;
    replace_refuses_a_stale_version(store).await;
    replace_refuses_a_missing_record(store).await;
    delete_removes_the_record_for_good(store).await;
    delete_refuses_a_stale_version(store).await;
    delete_of_a_missing_record_is_done_already(store).await;
    a_record_filed_anew_refuses_its_predecessors_versions(store).await;
    of_many_creators_one_wins(store).await;
    of_many_replacers_one_wins(store).await;
    of_a_replacer_and_a_deleter_one_wins(store).await;
    an_oversized_record_is_refused_and_harms_nothing(store).await;
    a_dropped_write_leaves_the_old_record_or_the_new_one(store).await;
    any_expiry_is_accepted(store).await;
    sweep_removes_expired_records_and_no_others(store).await;
    sweep_keeps_a_renewed_record(store).await;
    sweep_loses_to_a_renewal_at_the_same_time(store).await;
}

/// A key that nothing was filed under.
pub async fn an_unknown_key_has_no_record(store: &dyn TokenStore) {
    assert!(load(store, &random_key()).await.is_none(), "there is a record under a random key");
}

/// Any bytes, none at all and [`MAX_RECORD`] of them, by `create` and by `replace`.
pub async fn a_record_comes_back_as_it_was_filed(store: &dyn TokenStore) {
    let every_byte: Vec<u8> = (0..=u8::MAX).cycle().take(3 * 256 + 1).collect();
    let values = [Vec::new(), vec![0], every_byte, vec![0xff; MAX_RECORD - 1], longest()];
    for value in values.map(Bytes::from) {
        let key = random_key();

        let created = create(store, &key, value.clone()).await;
        expect_record(store, &key, &value, &created).await;
        let replaced = replace(store, &key, &created, value.clone()).await;
        expect_record(store, &key, &value, &replaced).await;

        remove(store, &key).await;
    }
}

/// Neighbouring keys, which differ in the first or in the last bit.
pub async fn keys_do_not_interfere(store: &dyn TokenStore) {
    let key = random_key();
    let neighbours = [1_u128 << 127, 1]
        .map(|bit| UserKey::new((u128::from_be_bytes(*key.as_bytes()) ^ bit).to_be_bytes()));
    let version = create(store, &key, bytes("mine")).await;

    for neighbour in &neighbours {
        let theirs = create(store, neighbour, bytes("theirs")).await;
        replace(store, neighbour, &theirs, bytes("changed")).await;
    }
    expect_record(store, &key, b"mine", &version).await;
    for neighbour in &neighbours {
        remove(store, neighbour).await;
    }
    expect_record(store, &key, b"mine", &version).await;

    remove(store, &key).await;
}

/// Two sign-ins of one user: the second must find the first.
pub async fn create_refuses_to_overwrite(store: &dyn TokenStore) {
    let key = random_key();
    let version = create(store, &key, bytes("first")).await;

    let second = store.create(&key, FAR, bytes("second")).await;

    expect_conflict(second, "create on a record");
    expect_record(store, &key, b"first", &version).await;
    remove(store, &key).await;
}

/// Also when nothing but the version changes.
pub async fn replace_makes_a_new_version(store: &dyn TokenStore) {
    let key = random_key();
    let first = create(store, &key, bytes("same")).await;

    let second = replace(store, &key, &first, bytes("same")).await;
    let third = replace(store, &key, &second, bytes("same")).await;

    assert!(first != second && second != third && first != third, "a version came twice");
    expect_record(store, &key, b"same", &third).await;
    remove(store, &key).await;
}

/// Two refreshes of one grant: the second to write must not undo the first.
pub async fn replace_refuses_a_stale_version(store: &dyn TokenStore) {
    let key = random_key();
    let stale = create(store, &key, bytes("first")).await;
    let current = replace(store, &key, &stale, bytes("second")).await;

    let late = store.replace(&key, &stale, FAR, bytes("third")).await;
    expect_conflict(late, "replace of a stale version");
    let invented = Version::new("invented");
    let guess = store.replace(&key, &invented, FAR, bytes("third")).await;
    expect_conflict(guess, "replace of an invented version");

    expect_record(store, &key, b"second", &current).await;
    remove(store, &key).await;
}

/// A refresh that returns after a logout must not sign the user in again.
pub async fn replace_refuses_a_missing_record(store: &dyn TokenStore) {
    let key = random_key();
    let version = create(store, &key, bytes("first")).await;
    store.delete(&key, &version).await.expect("delete of the current version");

    let late = store.replace(&key, &version, FAR, bytes("second")).await;

    expect_conflict(late, "replace of a deleted record");
    assert!(load(store, &key).await.is_none(), "a deleted record came back");
}

/// What a logout relies on.
pub async fn delete_removes_the_record_for_good(store: &dyn TokenStore) {
    let key = random_key();
    let version = create(store, &key, bytes("first")).await;

    store.delete(&key, &version).await.expect("delete of the current version");

    assert!(load(store, &key).await.is_none(), "a deleted record is still there");
    let next = create(store, &key, bytes("second")).await;
    expect_record(store, &key, b"second", &next).await;
    remove(store, &key).await;
}

/// A logout must not take a session with it that it has not seen.
pub async fn delete_refuses_a_stale_version(store: &dyn TokenStore) {
    let key = random_key();
    let stale = create(store, &key, bytes("first")).await;
    let current = replace(store, &key, &stale, bytes("second")).await;

    expect_conflict(store.delete(&key, &stale).await, "delete of a stale version");

    expect_record(store, &key, b"second", &current).await;
    remove(store, &key).await;
}

/// A logout that is tried again.
pub async fn delete_of_a_missing_record_is_done_already(store: &dyn TokenStore) {
    let key = random_key();
    let version = create(store, &key, bytes("first")).await;

    for attempt in ["first", "second"] {
        let outcome = store.delete(&key, &version).await;
        assert!(outcome.is_ok(), "the {attempt} delete of one version: {outcome:?}");
    }
}

/// Logout and a new sign-in while somebody holds a version of before.
pub async fn a_record_filed_anew_refuses_its_predecessors_versions(store: &dyn TokenStore) {
    let key = random_key();
    let mut stale = Vec::new();
    for _ in 0..3 {
        let first = create(store, &key, bytes("same")).await;
        let second = replace(store, &key, &first, bytes("same")).await;
        store.delete(&key, &second).await.expect("delete of the current version");
        stale.extend([first, second]);
    }
    let current = create(store, &key, bytes("same")).await;

    for version in &stale {
        let late = store.replace(&key, version, FAR, bytes("late")).await;
        expect_conflict(late, "replace of a predecessor's version");
        expect_conflict(store.delete(&key, version).await, "delete of a predecessor's version");
    }

    expect_record(store, &key, b"same", &current).await;
    remove(store, &key).await;
}

/// A user who signs in on several devices at once.
pub async fn of_many_creators_one_wins(store: &dyn TokenStore) {
    for _ in 0..ROUNDS {
        let key = random_key();

        let outcomes =
            together((0..WRITERS).map(|writer| store.create(&key, FAR, numbered(writer)))).await;

        let (winner, version) = only_winner(outcomes);
        expect_record(store, &key, &numbered(winner), &version).await;
        remove(store, &key).await;
    }
}

/// Nodes that refresh one grant at once.
pub async fn of_many_replacers_one_wins(store: &dyn TokenStore) {
    let key = random_key();
    let mut seen = create(store, &key, bytes("first")).await;
    for _ in 0..ROUNDS {
        let outcomes =
            together((0..WRITERS).map(|writer| store.replace(&key, &seen, FAR, numbered(writer))))
                .await;

        let (winner, version) = only_winner(outcomes);
        expect_record(store, &key, &numbered(winner), &version).await;
        seen = version;
    }
    remove(store, &key).await;
}

/// A refresh and a logout at once.
pub async fn of_a_replacer_and_a_deleter_one_wins(store: &dyn TokenStore) {
    for _ in 0..ROUNDS {
        let key = random_key();
        let seen = create(store, &key, bytes("first")).await;
        let replacing: BoxFuture<'_, _> =
            Box::pin(async { store.replace(&key, &seen, FAR, bytes("second")).await.map(Some) });
        let deleting: BoxFuture<'_, _> =
            Box::pin(async { store.delete(&key, &seen).await.map(|()| None) });

        let outcomes = together([replacing, deleting]).await;

        match only_winner(outcomes) {
            (_, Some(version)) => expect_record(store, &key, b"second", &version).await,
            (_, None) => assert!(load(store, &key).await.is_none(), "a deleted record came back"),
        }
        remove(store, &key).await;
    }
}

/// One byte more than [`MAX_RECORD`].
pub async fn an_oversized_record_is_refused_and_harms_nothing(store: &dyn TokenStore) {
    let oversized = Bytes::from(vec![0; MAX_RECORD + 1]);
    let key = random_key();

    expect_corrupt(store.create(&key, FAR, oversized.clone()).await, "create");
    assert!(load(store, &key).await.is_none(), "something is left of an oversized record");

    let version = create(store, &key, bytes("first")).await;
    expect_corrupt(store.replace(&key, &version, FAR, oversized).await, "replace");
    expect_record(store, &key, b"first", &version).await;
    remove(store, &key).await;
}

/// A caller that hangs up: the write may still happen, whole, and wins or loses like any other.
pub async fn a_dropped_write_leaves_the_old_record_or_the_new_one(store: &dyn TokenStore) {
    for _ in 0..ROUNDS {
        let key = random_key();
        let old = create(store, &key, bytes("old")).await;
        start_and_drop(store.replace(&key, &old, FAR, bytes("new"))).await;

        match store.replace(&key, &old, FAR, bytes("mine")).await {
            Ok(mine) => expect_record(store, &key, b"mine", &mine).await,
            Err(StoreError::Conflict) => {
                let found = load(store, &key).await.expect("a dropped write lost the record");
                assert_eq!(found.sealed, bytes("new"), "a dropped write left something else");
            }
            Err(error) => panic!("replace after a dropped write: {error:?}"),
        }
        remove(store, &key).await;
    }
}

/// The ends of the range, and moments long past: a store may forget such a record, not fail.
pub async fn any_expiry_is_accepted(store: &dyn TokenStore) {
    for seconds in [i64::MIN, -1, 0, 1, i64::from(i32::MAX) + 1, 253_402_300_800, i64::MAX] {
        let (key, expires_at) = (random_key(), Timestamp::from_unix(seconds));

        let version = store.create(&key, expires_at, bytes("first")).await;
        let version = version.unwrap_or_else(|error| panic!("expiry {seconds}: {error:?}"));
        let replaced = store.replace(&key, &version, expires_at, bytes("second")).await;

        match load(store, &key).await {
            Some(found) => {
                assert_eq!(found.sealed, bytes("second"), "expiry {seconds}");
                assert_eq!(found.version, replaced.unwrap(), "expiry {seconds}");
            }
            None => assert!(expires_at < FAR, "forgotten before its expiry {seconds}"),
        }
        remove(store, &key).await;
    }
}

/// What expired in the past goes, what will expire stays.
pub async fn sweep_removes_expired_records_and_no_others(store: &dyn TokenStore) {
    let (expired, lasting) = (random_key(), random_key());
    store.create(&expired, PAST, bytes("expired")).await.expect("create");
    let version = create(store, &lasting, bytes("lasting")).await;

    store.sweep(PAST).await.expect("sweep at the moment of expiry");
    store.sweep(AFTER_PAST).await.expect("sweep after the moment of expiry");

    assert!(load(store, &expired).await.is_none(), "an expired record outlived the sweep");
    expect_record(store, &lasting, b"lasting", &version).await;
    remove(store, &lasting).await;
}

/// The last expiry named is the one that counts.
pub async fn sweep_keeps_a_renewed_record(store: &dyn TokenStore) {
    let key = random_key();
    let version = store.create(&key, PAST, bytes("first")).await.expect("create");
    let Ok(renewed) = store.replace(&key, &version, FAR, bytes("renewed")).await else {
        assert!(load(store, &key).await.is_none(), "replace of the current version failed");
        return;
    };

    store.sweep(AFTER_PAST).await.expect("sweep");

    expect_record(store, &key, b"renewed", &renewed).await;
    remove(store, &key).await;
}

/// A renewal that was acknowledged stays, however close the sweep was.
pub async fn sweep_loses_to_a_renewal_at_the_same_time(store: &dyn TokenStore) {
    for _ in 0..ROUNDS {
        let key = random_key();
        let version = store.create(&key, PAST, bytes("first")).await.expect("create");
        let renewing: BoxFuture<'_, _> = Box::pin(async {
            store.replace(&key, &version, FAR, bytes("renewed")).await.map(Some)
        });
        let sweeping: BoxFuture<'_, _> =
            Box::pin(async { store.sweep(AFTER_PAST).await.map(|_| None) });

        for outcome in together([renewing, sweeping]).await {
            match outcome {
                Ok(Some(renewed)) => expect_record(store, &key, b"renewed", &renewed).await,
                Ok(None) | Err(StoreError::Conflict) => {}
                Err(error) => panic!("a renewal or a sweep beside the other: {error:?}"),
            }
        }
        remove(store, &key).await;
    }
}

async fn load(store: &dyn TokenStore, key: &UserKey) -> Option<Entry> {
    store.load(key).await.unwrap_or_else(|error| panic!("load: {error:?}"))
}

async fn create(store: &dyn TokenStore, key: &UserKey, sealed: Bytes) -> Version {
    let outcome = store.create(key, FAR, sealed).await;
    outcome.unwrap_or_else(|error| panic!("create under a new key: {error:?}"))
}

async fn replace(store: &dyn TokenStore, key: &UserKey, seen: &Version, sealed: Bytes) -> Version {
    let outcome = store.replace(key, seen, FAR, sealed).await;
    outcome.unwrap_or_else(|error| panic!("replace of the current version: {error:?}"))
}

/// Leaves nothing behind, whoever else may be writing still.
async fn remove(store: &dyn TokenStore, key: &UserKey) {
    while let Some(found) = load(store, key).await {
        match store.delete(key, &found.version).await {
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(error) => panic!("delete of the current version: {error:?}"),
        }
    }
}

async fn expect_record(store: &dyn TokenStore, key: &UserKey, sealed: &[u8], version: &Version) {
    let found = load(store, key).await.expect("an acknowledged record is not there");
    assert!(found.sealed == sealed, "a record has other bytes than those acknowledged");
    assert_eq!(found.version, *version, "a record has another version than acknowledged");
    assert_eq!(found.expires_at, FAR, "a record has another expiry than acknowledged");
}

fn expect_conflict<T: std::fmt::Debug>(outcome: Result<T, StoreError>, what: &str) {
    assert!(matches!(outcome, Err(StoreError::Conflict)), "{what} is no conflict: {outcome:?}");
}

fn expect_corrupt<T: std::fmt::Debug>(outcome: Result<T, StoreError>, what: &str) {
    assert!(
        matches!(outcome, Err(StoreError::Corrupt(_))),
        "{what} with an oversized record is not refused as corrupt: {outcome:?}"
    );
}

/// Which of the writers won, and with what. All others must have been told of the conflict.
fn only_winner<T>(outcomes: Vec<Result<T, StoreError>>) -> (usize, T) {
    let mut winners = Vec::new();
    for (writer, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Ok(won) => winners.push((writer, won)),
            Err(StoreError::Conflict) => {}
            Err(error) => panic!("writer {writer} among others: {error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "of writers who saw the same, not exactly one won");
    winners.remove(0)
}

/// Runs all of `futures` at once, in this task.
async fn together<'a, T>(futures: impl IntoIterator<Item = BoxFuture<'a, T>>) -> Vec<T> {
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

/// Polls `future` once, which is enough to send a request, and drops it.
async fn start_and_drop<T>(future: BoxFuture<'_, T>) {
    let mut future = pin!(future);
    poll_fn(|context| {
        let _ = future.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
}

fn random_key() -> UserKey {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).expect("random numbers of the system");
    UserKey::new(bytes)
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn numbered(writer: usize) -> Bytes {
    Bytes::from(format!("by writer {writer}"))
}

fn longest() -> Vec<u8> {
    let mut value = vec![0; MAX_RECORD];
    SystemRandom::new().fill(&mut value).expect("random numbers of the system");
    value
}

const WRITERS: usize = 8;
const ROUNDS: usize = 8;
const PAST: Timestamp = Timestamp::from_unix(1_000_000);
const AFTER_PAST: Timestamp = Timestamp::from_unix(1_000_001);
/// The year 2100.
const FAR: Timestamp = Timestamp::from_unix(4_102_444_800);
