//! When a record may be forgotten, and when not.

use super::steps::{AFTER_PAST, FAR, PAST, bytes, create, expect_record, load, random_key, remove};
use crate::clock::Timestamp;
use crate::store::TokenStore;

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
