//! One writer at a time: what comes back, and which writes are refused.

use bytes::Bytes;

use super::steps::{
    FAR, bytes, create, expect_conflict, expect_corrupt, expect_record, load, random_key, remove,
    replace,
};
use crate::session::UserKey;
use crate::store::{MAX_RECORD, TokenStore, Version};

/// A key that nothing was filed under.
pub async fn an_unknown_key_has_no_record(store: &dyn TokenStore) {
    assert!(load(store, &random_key()).await.is_none(), "there is a record under a random key");
}

/// Any bytes, none at all and [`MAX_RECORD`] of them, by `create` and by `replace`.
pub async fn a_record_comes_back_as_it_was_filed(store: &dyn TokenStore) {
    let every_byte: Vec<u8> = (0..=u8::MAX).cycle().take(3 * 256 + 1).collect();
    let values =
        [Vec::new(), vec![0], every_byte, vec![0xff; MAX_RECORD - 1], vec![0x80; MAX_RECORD]];
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

    expect_conflict(&second, "create on a record");
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
    expect_conflict(&late, "replace of a stale version");
    let invented = Version::new("invented");
    let guess = store.replace(&key, &invented, FAR, bytes("third")).await;
    expect_conflict(&guess, "replace of an invented version");

    expect_record(store, &key, b"second", &current).await;
    remove(store, &key).await;
}

/// A refresh that returns after a logout must not sign the user in again.
pub async fn replace_refuses_a_missing_record(store: &dyn TokenStore) {
    let key = random_key();
    let version = create(store, &key, bytes("first")).await;
    store.delete(&key, &version).await.expect("delete of the current version");

    let late = store.replace(&key, &version, FAR, bytes("second")).await;

    expect_conflict(&late, "replace of a deleted record");
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

    expect_conflict(&store.delete(&key, &stale).await, "delete of a stale version");

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
        expect_conflict(&late, "replace of a predecessor's version");
        expect_conflict(&store.delete(&key, version).await, "delete of a predecessor's version");
    }

    expect_record(store, &key, b"same", &current).await;
    remove(store, &key).await;
}

/// One byte more than [`MAX_RECORD`].
pub async fn an_oversized_record_is_refused_and_harms_nothing(store: &dyn TokenStore) {
    let oversized = Bytes::from(vec![0; MAX_RECORD + 1]);
    let key = random_key();

    expect_corrupt(&store.create(&key, FAR, oversized.clone()).await, "create");
    assert!(load(store, &key).await.is_none(), "something is left of an oversized record");

    let version = create(store, &key, bytes("first")).await;
    expect_corrupt(&store.replace(&key, &version, FAR, oversized).await, "replace");
    expect_record(store, &key, b"first", &version).await;
    remove(store, &key).await;
}
