//! Several at once: one wins, and everybody knows who.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;

use super::steps::{
    AFTER_PAST, FAR, PAST, bytes, create, expect_record, load, random_key, remove, together,
};
use crate::store::{BoxFuture, StoreError, TokenStore};

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

/// Polls `future` once, which is enough to send a request, and drops it.
async fn start_and_drop<T>(future: BoxFuture<'_, T>) {
    let mut future = pin!(future);
    poll_fn(|context| {
        let _ = future.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
}

fn numbered(writer: usize) -> Bytes {
    Bytes::from(format!("by writer {writer}"))
}

const WRITERS: usize = 8;
const ROUNDS: usize = 8;
