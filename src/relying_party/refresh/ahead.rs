//! Refreshes that nobody asked for: an active user's tokens are had anew before they expire.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::super::RelyingParty;
use super::super::records::CachedRecord;
use super::{Landed, NotRefreshed};
use crate::session::UserKey;

impl RelyingParty {
    /// Starts a refresh ahead of expiry in the background, if that is no burden on anybody.
    pub(in super::super) fn refresh_ahead(&self, user: UserKey, seen: u64, provider: &str) {
        let free = self.provider(provider).is_some_and(|p| p.refreshing.available_permits() > 0);
        let Some(Some(records)) = self.records.get() else { return };
        if free && !self.backing_off(&user, seen) {
            // What becomes of it is noted by the flight.
            self.fly(records, user, seen, None);
        }
    }

    /// Refreshes a grant whose access token has expired, for a request that would like it fresh
    /// and waits a moment, but not longer.
    pub(in super::super) async fn refresh_overdue(
        &self,
        user: UserKey,
        seen: u64,
    ) -> Option<Arc<CachedRecord>> {
        let Some(Some(records)) = self.records.get() else { return None };
        if self.backing_off(&user, seen) {
            return None;
        }
        let flight = self.fly(records, user, seen, None);
        timeout(PATIENCE, flight.result()).await.ok()??.ok()
    }

    /// Whether refreshing this generation of `user`'s grant failed so lately that only an explicit
    /// call tries again.
    pub(in super::super) fn backing_off(&self, user: &UserKey, generation: u64) -> bool {
        let elapsed = self.settings().clock.monotonic();
        let lately = |failure: Failure| generation <= failure.generation && elapsed < failure.until;
        self.failures.get(user).is_some_and(lately)
    }

    /// Notes what became of the refresh of generation `seen`.
    pub(super) fn note(&self, user: UserKey, seen: u64, landed: &Landed) {
        match landed {
            // A provider that calls its tokens expired at once would be asked with every request.
            Ok(fresh) if fresh.record().is_some_and(|record| record.is_overdue(self.now())) => {
                let generation = fresh.record().map_or(seen, |record| record.grant.generation);
                self.back_off(user, generation, LONGEST_BACK_OFF);
                tracing::warn!(%user, "fresh tokens have expired already");
            }
            Ok(_) => {
                self.failures.remove(&user);
                tracing::debug!(%user, "tokens are fresh");
            }
            Err(failure) => {
                let pause = match (failure, self.failures.get(&user)) {
                    (NotRefreshed::Failed(_), Some(last)) => (last.pause * 2).min(LONGEST_BACK_OFF),
                    (NotRefreshed::Failed(_), None) => FIRST_BACK_OFF,
                    // Only a new sign-in changes that.
                    _ => LONGEST_BACK_OFF,
                };
                self.back_off(user, seen, pause);
                let (cause, remedy) = (failure.reason(), failure.remedy());
                tracing::warn!(%user, cause, remedy, "tokens were not refreshed; the old are kept");
            }
        }
    }

    fn back_off(&self, user: UserKey, generation: u64, pause: Duration) {
        let until = self.settings().clock.monotonic().saturating_add(pause);
        self.failures.insert(user, Failure { generation, until, pause });
    }
}

/// A refresh that failed, for those that nobody asked for.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Failure {
    /// A newer one, such as that of a new sign-in, is tried at once.
    generation: u64,
    until: Duration,
    pause: Duration,
}

/// How long a request waits for fresh tokens that it has not asked for.
const PATIENCE: Duration = Duration::from_secs(2);
const FIRST_BACK_OFF: Duration = Duration::from_secs(5);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(300);
