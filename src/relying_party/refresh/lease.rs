//! Among processes: whoever holds the lease asks the provider, the others watch.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::super::RelyingParty;
use super::super::credential::Credential;
use super::super::records::{CachedRecord, Change, Records};
use super::{Landed, NotRefreshed};
use crate::clock::Timestamp;
use crate::error::{Error, Kind};
use crate::oauth::id_token::IdTokenError;
use crate::record::{Grant, Lease, Record};
use crate::seal::random;
use crate::session::UserKey;

impl RelyingParty {
    /// Replaces generation `seen`, unless somebody already has.
    pub(super) async fn replace_grant(
        &self,
        records: &Records,
        user: UserKey,
        seen: u64,
        credential: Option<Credential>,
    ) -> Landed {
        let holder = random().map_err(Error::from)?;
        let mut watched: Option<(Lease, Instant)> = None;
        loop {
            let lapsed =
                watched.filter(|(_, since)| since.elapsed() >= LEASE).map(|(lease, _)| lease);
            let (turn, cached) = self.take_turn(records, &user, seen, holder, lapsed).await?;
            match turn {
                Turn::Ours(lease) => {
                    return self.ask_under_lease(records, user, cached, lease, credential).await;
                }
                Turn::NotNeeded => return Ok(cached),
                Turn::Ended => return Err(NotRefreshed::Ended),
                Turn::NoRefreshToken => {
                    return Err(cached.record().map_or(NotRefreshed::Ended, |r| self.for_good(r)));
                }
                Turn::Theirs(lease) => {
                    if watched.is_none_or(|(watched, _)| watched != lease) {
                        watched = Some((lease, Instant::now()));
                    }
                    sleep(POLL).await;
                }
            }
        }
    }

    /// Looks at the record as it is now, and takes the lease if it is free or has `lapsed`.
    async fn take_turn(
        &self,
        records: &Records,
        user: &UserKey,
        seen: u64,
        holder: [u8; 16],
        lapsed: Option<Lease>,
    ) -> Result<(Turn, Arc<CachedRecord>), Error> {
        let now = self.now();
        let mut turn = Turn::Ended;
        let cached = records
            .update(user, |record| {
                let Some(mut record) = record else {
                    turn = Turn::Ended;
                    return Change::Keep(None);
                };
                turn = Turn::of(&record, seen, now, holder, lapsed.as_ref());
                match turn {
                    Turn::Ours(lease) => {
                        record.lease = Some(lease);
                        Change::Put(record)
                    }
                    _ => Change::Keep(Some(record)),
                }
            })
            .await?;
        Ok((turn, cached))
    }

    async fn ask_under_lease(
        &self,
        records: &Records,
        user: UserKey,
        cached: Arc<CachedRecord>,
        lease: Lease,
        credential: Option<Credential>,
    ) -> Landed {
        let Some(record) = cached.record() else { return Err(NotRefreshed::Ended) };
        let answer = {
            let ask = self.ask(record);
            tokio::pin!(ask);
            let mut held = lease;
            loop {
                match timeout(BEAT, &mut ask).await {
                    Ok(answer) => break answer,
                    // The provider is slow; others must not take it for our death.
                    Err(_) => held = self.renew_lease(records, &user, held).await,
                }
            }
        };
        match answer {
            Ok(grant) => self.keep_grant(records, user, &record.grant, grant, credential).await,
            Err(refused) => {
                self.release(records, record, &user, lease, &refused).await;
                Err(refused)
            }
        }
    }

    /// Puts `grant` in the place of `base`, and ends the lease with the same write.
    ///
    /// The provider has answered, and may have made the old refresh token worthless: this is tried
    /// again until it is done, or not to be done, and never by asking the provider again.
    async fn keep_grant(
        &self,
        records: &Records,
        user: UserKey,
        base: &Grant,
        grant: Grant,
        credential: Option<Credential>,
    ) -> Landed {
        let mut pause = FIRST_PAUSE;
        loop {
            let now = self.now();
            let kept = records.update(&user, |record| match record {
                Some(mut record) if record.grant.is(base) => {
                    record.grant = grant.clone();
                    record.lease = None;
                    if let Some(credential) = &credential {
                        self.extend(&mut record, credential, now);
                    }
                    Change::Put(record)
                }
                // Somebody has moved on: theirs is as good. Or the user has signed out meanwhile.
                other => Change::Keep(other),
            });
            match kept.await {
                Ok(kept) if kept.record().is_none() => return Err(NotRefreshed::Ended),
                Ok(kept) => return Ok(kept),
                Err(error) if pause > LAST_PAUSE => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(cause = error.chain(), "refreshed tokens are not stored yet");
                    sleep(pause).await;
                    pause *= 2;
                }
            }
        }
    }

    async fn renew_lease(&self, records: &Records, user: &UserKey, held: Lease) -> Lease {
        let renewed = Lease { beat: held.beat.saturating_add(1), ..held };
        let update = records.update(user, |record| match record {
            Some(mut record) if record.lease == Some(held) => {
                record.lease = Some(renewed);
                Change::Put(record)
            }
            other => Change::Keep(other),
        });
        match update.await {
            Ok(_) => renewed,
            // It is not lost before its whole length has passed.
            Err(error) => {
                tracing::warn!(cause = error.chain(), "a refresh lease was not renewed");
                held
            }
        }
    }

    /// Gives the lease back after a failure. If the ID token shows that the grant has become
    /// somebody else's, the record goes with it.
    async fn release(
        &self,
        records: &Records,
        asked_for: &Record,
        user: &UserKey,
        lease: Lease,
        failure: &NotRefreshed,
    ) {
        let foreign = matches!(failure, NotRefreshed::Failed(error)
            if matches!(error.kind(), Kind::IdToken(IdTokenError::SubjectChanged)));
        let update = records.update(user, |record| match record {
            // Not if the user has signed in again meanwhile.
            Some(record) if foreign && record.grant.is(&asked_for.grant) => Change::Delete,
            Some(mut record) if record.lease.is_some_and(|held| held.is_turn_of(&lease)) => {
                record.lease = None;
                Change::Put(record)
            }
            other => Change::Keep(other),
        });
        if let Err(error) = update.await {
            tracing::warn!(cause = error.chain(), "a refresh lease was not given back");
        }
    }
}

/// Whose turn it is to ask the provider.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Ours(Lease),
    Theirs(Lease),
    NotNeeded,
    NoRefreshToken,
    Ended,
}

impl Turn {
    fn of(
        record: &Record,
        seen: u64,
        now: Timestamp,
        holder: [u8; 16],
        lapsed: Option<&Lease>,
    ) -> Self {
        let Grant { generation, tokens, .. } = &record.grant;
        if *generation > seen && !tokens.expired(now) {
            return Self::NotNeeded;
        }
        if tokens.refresh_token.is_none() {
            return Self::NoRefreshToken;
        }
        match record.lease {
            Some(lease) if Some(&lease) != lapsed => Self::Theirs(lease),
            held => {
                let fence = held.map_or(0, |lease| lease.fence).saturating_add(1);
                Self::Ours(Lease { holder, fence, beat: 0 })
            }
        }
    }
}

/// How long a lease lasts that is not renewed: longer than any call to a provider.
const LEASE: Duration = Duration::from_secs(15);
/// How often a lease is renewed.
const BEAT: Duration = Duration::from_secs(4);
/// How often a lease of another process is looked at.
const POLL: Duration = Duration::from_millis(100);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(3);
