//! Refresh: a grant is replaced by a newer one, by one caller for all, and never by accident lost.
//!
//! The rule is "replace generation *g*, unless somebody already has". In this process callers join
//! one [flight](super::flight). Among processes the flight holds a lease, which is state in the
//! record: whoever took it by compare-and-swap calls the provider; the others watch. The lease is
//! renewed while the provider is slow, and taken over if it has not changed for its whole length on
//! the watcher's own clock.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use tokio::time::{Instant, sleep, timeout};

use super::flight::Flight;
use super::records::{CachedRecord, Change, Records};
use super::{Known, Provider, RelyingParty, Unknown};
use crate::clock::Timestamp;
use crate::error::{Error, Kind};
use crate::http_client;
use crate::oauth::discovery::Metadata;
use crate::oauth::id_token::{IdToken, IdTokenError, refreshed};
use crate::oauth::token::{self, TokenError, TokenResponse};
use crate::provider::Stated;
use crate::record::{Grant, Lease, Record};
use crate::seal::random;
use crate::session::{SessionHandle, SessionId, UserKey};
use crate::store::StoreError;
use crate::token::TokenSet;
use crate::wire;
use crate::wire::session::SessionCookie;

/// Why a grant was not refreshed. Shared by all who waited for it.
#[derive(Clone, Debug)]
pub(crate) enum NotRefreshed {
    /// There is no record any more: the user has signed out.
    Ended,
    /// The provider has issued no refresh token.
    NoRefreshToken,
    /// The provider refuses the refresh token, with this error code: withdrawn, expired, or used
    /// by somebody else.
    Refused(String),
    /// Something failed. The old tokens are kept.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for NotRefreshed {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// What a flight brings: the record with the newer grant.
pub(super) type Landed = Result<Arc<CachedRecord>, NotRefreshed>;

/// A session with fresh tokens.
#[derive(Debug)]
pub(crate) struct Refreshed {
    pub(crate) known: Known,
    pub(crate) cookies: Vec<HeaderValue>,
}

impl RelyingParty {
    /// Refreshes the grant of the session that `request` proves, also one that ended less than the
    /// refresh window ago, and renews the session.
    pub(crate) async fn refresh(
        &self,
        request: &HeaderMap,
    ) -> Result<Result<Refreshed, NotRefreshed>, Unknown> {
        let handle = match self.present(request).await {
            Ok(handle) => handle?,
            Err(error) => return Ok(Err(NotRefreshed::Failed(error))),
        };
        Ok(self.refresh_session(handle, request).await)
    }

    /// The session that may be refreshed.
    async fn present(&self, request: &HeaderMap) -> Result<Result<SessionHandle, Unknown>, Error> {
        let Some(records) = self.records().await? else { return Ok(Err(Unknown::Nobody)) };
        let opened = self.config.opened().await?;
        let window = self.settings().session.window;
        let session = match self.open_session(request, opened, window) {
            Ok(session) => session,
            Err(unknown) => return Ok(Err(unknown)),
        };
        let handle = session.handle;
        let now = self.now();
        let lives = |cached: &CachedRecord| {
            let session = cached.record().and_then(|record| record.session(handle.session));
            session.is_some_and(|session| session.expires_at.after(window) > now)
        };
        let known = records.cached_for(&handle).is_some_and(|cached| lives(&cached));
        let lives = known || lives(&*records.load(&handle.user).await?);
        Ok(if lives { Ok(handle) } else { Err(Unknown::Ended) })
    }

    async fn refresh_session(
        &self,
        handle: SessionHandle,
        request: &HeaderMap,
    ) -> Result<Refreshed, NotRefreshed> {
        let flight = self.fly(handle.user, handle.generation, Some(handle.session)).await?;
        let landed = flight.result().await.ok_or(NotRefreshed::from(broken_off()))??;
        let renewed = self.renew_session(&handle, landed).await?;
        let known = self.find(handle, &renewed).ok_or(NotRefreshed::Ended)?;
        let cookies = self.reissue(&known, &renewed, request).await?;
        Ok(Refreshed { known, cookies })
    }

    /// The flight that replaces generation `seen` of `user`'s grant, and renews `session` with it.
    async fn fly(
        &self,
        user: UserKey,
        seen: u64,
        session: Option<SessionId>,
    ) -> Result<Flight<Landed>, Error> {
        let Some(records) = self.records().await?.cloned() else {
            return Err(StoreError::Conflict.into());
        };
        let this = self.clone();
        Ok(self.flights.join(user, || async move {
            let landed = this.replace_grant(&records, user, seen, session).await;
            this.note(user, &landed);
            landed
        }))
    }

    /// Replaces generation `seen`, unless somebody already has.
    async fn replace_grant(
        &self,
        records: &Records,
        user: UserKey,
        seen: u64,
        session: Option<SessionId>,
    ) -> Landed {
        let holder = random().map_err(Error::from)?;
        let mut watched: Option<(Lease, Instant)> = None;
        loop {
            let lapsed =
                watched.filter(|(_, since)| since.elapsed() >= LEASE).map(|(lease, _)| lease);
            let (turn, cached) = self.take_turn(records, &user, seen, holder, lapsed).await?;
            match turn {
                Turn::Ours(lease) => {
                    return self.ask_under_lease(records, user, cached, lease, session).await;
                }
                Turn::NotNeeded => return Ok(cached),
                Turn::Ended => return Err(NotRefreshed::Ended),
                Turn::NoRefreshToken => return Err(NotRefreshed::NoRefreshToken),
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
        // In a store of this process nobody else can be refreshing: the flight is lease enough.
        let alone = records.is_private();
        let mut turn = Turn::Ended;
        let cached = records
            .update(user, |record| {
                let Some(mut record) = record else {
                    turn = Turn::Ended;
                    return Change::Keep(None);
                };
                turn = Turn::of(&record, seen, now, holder, lapsed.as_ref());
                match turn {
                    Turn::Ours(lease) if !alone => {
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
        session: Option<SessionId>,
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
            Ok(grant) => {
                self.keep_grant(records, user, record.grant.generation, grant, session).await
            }
            Err(refused) => {
                self.release(records, &user, lease, &refused).await;
                Err(refused)
            }
        }
    }

    /// Asks the provider for a newer grant than that of `record`.
    async fn ask(&self, record: &Record) -> Result<Grant, NotRefreshed> {
        let refresh_token =
            record.grant.tokens.refresh_token.as_ref().ok_or(NotRefreshed::NoRefreshToken)?;
        let name = record.grant.identity.provider.as_str();
        let provider = self.provider(name).ok_or(NotRefreshed::NoRefreshToken)?;
        let _turn = provider.refreshing.acquire().await.map_err(|_| broken_off())?;
        let metadata = self.metadata(provider).await?;
        let client = provider.client(&metadata);
        let request = token::refresh(&metadata.endpoints.token, client, refresh_token)
            .ok_or(NotRefreshed::NoRefreshToken)?;
        let answer = http_client::send(self.http_client()?, request).await?;
        let tokens = self.read_answer(&answer)?;
        self.next_grant(provider, &metadata, record, tokens).await
    }

    fn read_answer(&self, answer: &Response<Bytes>) -> Result<TokenSet, NotRefreshed> {
        match TokenResponse::parse(answer, self.now()) {
            Ok(response) => Ok(response.tokens),
            Err(TokenError::Refused(code)) if is_about_the_token(&code) => {
                Err(NotRefreshed::Refused(code))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The grant that follows `record`'s: what came anew, and what did not come is kept.
    async fn next_grant(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        record: &Record,
        mut tokens: TokenSet,
    ) -> Result<Grant, NotRefreshed> {
        let earlier = &record.grant;
        let id_token = self.verify_refreshed(provider, metadata, record, &tokens).await?;
        let stated = id_token.as_ref().map(|id_token| {
            let told = earlier.identity.claims.get(earlier.told_from..).unwrap_or_default();
            let subject = id_token.subject().as_str();
            provider.settings.identity(&provider.id, subject, id_token.claims(), told)
        });
        if stated.is_none() {
            tokens.id_token = earlier.tokens.id_token.clone();
        }
        let Stated { identity, told_from } = stated.unwrap_or_else(|| Stated {
            identity: earlier.identity.clone(),
            told_from: earlier.told_from,
        });
        tokens.refresh_token =
            tokens.refresh_token.or_else(|| earlier.tokens.refresh_token.clone());
        tokens.scope = tokens.scope.or_else(|| earlier.tokens.scope.clone());
        Ok(Grant {
            generation: earlier.generation.saturating_add(1),
            issued_at: self.now(),
            tokens: Arc::new(tokens),
            identity,
            told_from,
            original: earlier.original.clone(),
        })
    }

    /// Checks an ID token that came with a refresh (OpenID Connect Core §12.2). None need come, and
    /// one that is only an old one again says nothing new.
    async fn verify_refreshed(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        record: &Record,
        tokens: &TokenSet,
    ) -> Result<Option<IdToken>, Error> {
        let (Some(token), Some(original)) = (&tokens.id_token, &record.grant.original) else {
            return Ok(None);
        };
        let expected = self.expected(provider, metadata, tokens);
        let verified = self.verified(provider, metadata, |keys, algorithms| {
            refreshed::verify(token.expose(), keys, algorithms, &expected, original)
        });
        match verified.await {
            Ok(id_token) => Ok(Some(id_token)),
            Err(error) if is_old(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts `grant` in the place of generation `base`, and ends the lease with the same write.
    ///
    /// The provider has answered, and may have made the old refresh token worthless: this is tried
    /// again until it is done, or not to be done, and never by asking the provider again.
    async fn keep_grant(
        &self,
        records: &Records,
        user: UserKey,
        base: u64,
        grant: Grant,
        session: Option<SessionId>,
    ) -> Landed {
        let mut pause = FIRST_PAUSE;
        loop {
            let now = self.now();
            let kept = records.update(&user, |record| match record {
                Some(mut record) if record.grant.generation == base => {
                    record.grant = grant.clone();
                    record.lease = None;
                    if let Some(session) = session {
                        self.extend(&mut record, session, now);
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
        if records.is_private() {
            return held;
        }
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
        user: &UserKey,
        lease: Lease,
        failure: &NotRefreshed,
    ) {
        let foreign = matches!(failure, NotRefreshed::Failed(error)
            if matches!(error.kind(), Kind::IdToken(IdTokenError::SubjectChanged)));
        let update = records.update(user, |record| match record {
            Some(_) if foreign => Change::Delete,
            Some(mut record) if record.lease.is_some_and(|held| held.fence == lease.fence) => {
                record.lease = None;
                Change::Put(record)
            }
            other => Change::Keep(other),
        });
        if let Err(error) = update.await {
            tracing::warn!(cause = error.chain(), "a refresh lease was not given back");
        }
    }

    /// Renews the caller's session where the flight has not.
    async fn renew_session(
        &self,
        handle: &SessionHandle,
        landed: Arc<CachedRecord>,
    ) -> Result<Arc<CachedRecord>, NotRefreshed> {
        let now = self.now();
        let session = landed.record().and_then(|record| record.session(handle.session));
        let session = session.ok_or(NotRefreshed::Ended)?;
        if session.renewed_at.after(JUST_NOW) > now {
            return Ok(landed);
        }
        let records = self.records().await.map_err(Error::from)?;
        let Some(records) = records else { return Err(NotRefreshed::Ended) };
        let renewed = records
            .update(&handle.user, |record| match record {
                Some(mut record) if record.session(handle.session).is_some() => {
                    self.extend(&mut record, handle.session, now);
                    Change::Put(record)
                }
                other => Change::Keep(other),
            })
            .await?;
        Ok(renewed)
    }

    /// Renews `session` in `record`, as far as its absolute lifetime allows.
    fn extend(&self, record: &mut Record, session: SessionId, now: Timestamp) {
        let settings = &self.settings().session;
        let expiry = settings.expiry(now, record.grant.tokens.expires_at);
        if let Some(session) = record.sessions.iter_mut().find(|held| held.id == session) {
            session.renewed_at = now;
            session.expires_at = expiry.min(session.created_at.after(settings.absolute));
        }
    }

    /// The cookies of a renewed session.
    async fn reissue(
        &self,
        known: &Known,
        cached: &CachedRecord,
        request: &HeaderMap,
    ) -> Result<Vec<HeaderValue>, Error> {
        let record = cached.record().ok_or(StoreError::Conflict)?;
        let session = record.session(known.handle.session).ok_or(StoreError::Conflict)?;
        let handle = SessionHandle {
            generation: record.grant.generation,
            expires_at: session.expires_at,
            ..known.handle
        };
        self.session_cookies(&SessionCookie { handle, identity: None }, request).await
    }

    pub(super) async fn session_cookies(
        &self,
        content: &SessionCookie,
        request: &HeaderMap,
    ) -> Result<Vec<HeaderValue>, Error> {
        let keys = &self.config.opened().await?.keys;
        let value = wire::session::encode(content, keys, self.now())?;
        let until = content.handle.expires_at.after(self.settings().session.window);
        Ok(self.cookies.set_session(&value, Some(until), request))
    }

    /// Starts a refresh ahead of expiry in the background, if that is no burden on anybody.
    pub(super) fn refresh_ahead(&self, user: UserKey, seen: u64, provider: &str) {
        let free = self.provider(provider).is_some_and(|p| p.refreshing.available_permits() > 0);
        if !free || self.backing_off(&user) {
            return;
        }
        let this = self.clone();
        tokio::spawn(async move {
            // What becomes of it is noted by the flight.
            let _ = this.fly(user, seen, None).await;
        });
    }

    /// Refreshes a grant whose access token has expired, for a request that would like it fresh
    /// and waits a moment, but not longer.
    pub(super) async fn refresh_overdue(
        &self,
        user: UserKey,
        seen: u64,
    ) -> Option<Arc<CachedRecord>> {
        if self.backing_off(&user) {
            return None;
        }
        let flight = self.fly(user, seen, None).await.ok()?;
        timeout(PATIENCE, flight.result()).await.ok()??.ok()
    }

    /// Whether refreshing `user`'s grant failed so lately that only an explicit call tries again.
    pub(super) fn backing_off(&self, user: &UserKey) -> bool {
        let elapsed = self.settings().clock.monotonic();
        self.failures.get(user).is_some_and(|failure| elapsed < failure.until)
    }

    fn note(&self, user: UserKey, landed: &Landed) {
        match landed {
            Ok(_) => {
                self.failures.remove(&user);
                tracing::debug!(%user, "tokens are fresh");
            }
            Err(failure) => {
                let elapsed = self.settings().clock.monotonic();
                let pause = match (failure, self.failures.get(&user)) {
                    (NotRefreshed::Failed(_), Some(last)) => (last.pause * 2).min(LONGEST_BACK_OFF),
                    (NotRefreshed::Failed(_), None) => FIRST_BACK_OFF,
                    // Only a new sign-in changes that.
                    _ => LONGEST_BACK_OFF,
                };
                self.failures.insert(user, Failure { until: elapsed.saturating_add(pause), pause });
                tracing::warn!(%user, cause = failure.reason(), "tokens were not refreshed");
            }
        }
    }

    /// Waits for refreshes that are under way.
    pub(crate) async fn drain(&self) {
        self.flights.drain().await;
    }
}

impl NotRefreshed {
    /// Why, in one line, for logs.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Ended => "the session was ended meanwhile".to_owned(),
            Self::NoRefreshToken => {
                "the provider issued no refresh token; ask for one at sign-in: the scope \
                 offline_access, or the login parameter access_type=offline"
                    .to_owned()
            }
            Self::Refused(code) => {
                format!("the provider refuses the refresh token ({code}); only a new sign-in helps")
            }
            Self::Failed(error) => error.chain(),
        }
    }
}

/// A refresh that failed, for those that nobody asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    until: Duration,
    pause: Duration,
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

/// The error codes by which a provider refuses the refresh token itself; the others are about us
/// or about the provider.
fn is_about_the_token(code: &str) -> bool {
    matches!(
        code,
        "invalid_grant"
            | "access_denied"
            | "interaction_required"
            | "login_required"
            | "consent_required"
    )
}

/// Whether an ID token is refused only because it is an earlier one, sent again.
fn is_old(error: &Error) -> bool {
    let Kind::IdToken(error) = error.kind() else { return false };
    matches!(error, IdTokenError::IssuedTooLongAgo | IdTokenError::Expired)
}

fn broken_off() -> Error {
    StoreError::unavailable("the refresh broke off").into()
}

/// How long a lease lasts that is not renewed: longer than any call to a provider.
const LEASE: Duration = Duration::from_secs(15);
/// How often a lease is renewed.
const BEAT: Duration = Duration::from_secs(4);
/// How often a lease of another process is looked at.
const POLL: Duration = Duration::from_millis(100);
/// How long a request waits for fresh tokens that it has not asked for.
const PATIENCE: Duration = Duration::from_secs(2);
/// A session renewed less than this ago counts as renewed now: a thousand refreshes at once are
/// one write.
const JUST_NOW: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(3);
const FIRST_BACK_OFF: Duration = Duration::from_secs(5);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(300);
