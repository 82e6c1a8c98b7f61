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

use crate::store::TokenStore;

mod expiry;
mod races;
mod steps;
mod writes;

pub use self::expiry::{
    any_expiry_is_accepted, sweep_keeps_a_renewed_record,
    sweep_removes_expired_records_and_no_others,
};
pub use self::races::{
    a_dropped_write_leaves_the_old_record_or_the_new_one, of_a_replacer_and_a_deleter_one_wins,
    of_many_creators_one_wins, of_many_replacers_one_wins,
    sweep_loses_to_a_renewal_at_the_same_time,
};
pub use self::writes::{
    a_record_comes_back_as_it_was_filed, a_record_filed_anew_refuses_its_predecessors_versions,
    an_oversized_record_is_refused_and_harms_nothing, an_unknown_key_has_no_record,
    create_refuses_to_overwrite, delete_of_a_missing_record_is_done_already,
    delete_refuses_a_stale_version, delete_removes_the_record_for_good, keys_do_not_interfere,
    replace_makes_a_new_version, replace_refuses_a_missing_record, replace_refuses_a_stale_version,
};

/// Checks every claim.
///
/// # Panics
///
/// If one does not hold.
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
