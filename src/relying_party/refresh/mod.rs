//! Refresh: a grant is replaced by a newer one, by one caller for all, and never by accident lost.
//!
//! The rule is "replace generation *g*, unless somebody already has". In this process callers join
//! one [flight](crate::flight). Among processes the flight holds a lease, which is state in the
//! record: whoever took it by compare-and-swap calls the provider; the others watch. The lease is
//! renewed while the provider is slow, and taken over if it has not changed for its whole length on
//! the watcher's own clock.

mod ahead;
mod lease;
mod next_grant;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};

pub(super) use self::ahead::Failure;
use super::credential::Credential;
use super::records::{CachedRecord, Change, Records};
use super::{Refused, RelyingParty, Unknown};
use crate::clock::Timestamp;
use crate::error::{Error, Fault};
use crate::flight::Flight;
use crate::provider::NotAdmitted;
use crate::record::Record;
use crate::session::{Session, SessionHandle, UserKey};
use crate::store::StoreError;
use crate::wire;
use crate::wire::login_result::LoginResult;
use crate::wire::session::SessionCookie;

/// Why a grant was not refreshed. Shared by all who waited for it.
#[derive(Clone, Debug)]
pub(crate) enum NotRefreshed {
    /// There is no record any more: the user has signed out.
    Ended,
    /// The provider has issued no refresh token, for this reason.
    NoRefreshToken(&'static str),
    /// The provider has no refresh tokens; this is done instead.
    NotSupported(&'static str),
    /// The provider is no longer configured.
    NoProvider,
    /// The provider refuses the refresh token, with this error code: withdrawn, expired, or used
    /// by somebody else.
    Refused(String),
    /// The provider's authorization policy does not admit the user any more.
    NotAdmitted(NotAdmitted),
    /// The refresh token was posted, and nothing shows that what came for it is this user's.
    Stray,
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

/// A renewed session, as who asked for it holds it.
#[derive(Debug)]
pub(crate) enum Renewed {
    Cookies(Vec<HeaderValue>),
    Token(LoginResult),
}

impl RelyingParty {
    /// Refreshes the grant of the session that `request` proves, also one that ended less than the
    /// refresh window ago, and renews the session.
    pub(crate) async fn refresh(
        &self,
        request: &HeaderMap,
    ) -> Result<Result<Renewed, NotRefreshed>, Unknown> {
        let credential = match self.present(request).await {
            Ok(credential) => credential?,
            Err(error) => return Ok(Err(NotRefreshed::Failed(error))),
        };
        match self.refresh_session(&credential, request).await {
            Err(NotRefreshed::Ended) => Err(credential.refused(Refused::Ended)),
            refreshed => Ok(refreshed),
        }
    }

    /// The credential of a session that may be refreshed.
    async fn present(&self, request: &HeaderMap) -> Result<Result<Credential, Unknown>, Error> {
        let Some(records) = self.records().await? else { return Ok(Err(Unknown::Nobody)) };
        let opened = self.config.opened().await?;
        let window = self.settings().session.window;
        let now = self.now();
        let credential = match self.open_credential(request, opened, now, window) {
            Ok((credential, _)) => credential,
            Err(unknown) => return Ok(Err(unknown)),
        };
        let handle = credential.session();
        let lives = |cached: &CachedRecord| {
            // The tokens of a generation before the caller's are spent: a provider that detects
            // reuse would revoke the grant for them (T-98).
            let record = cached.record().filter(|r| r.grant.generation >= handle.generation);
            let session = record.and_then(|record| record.session(handle.session));
            session.is_some_and(|session| session.expires_at.after(window) > now)
        };
        let cached = match records.cached_for(handle).filter(|cached| lives(cached)) {
            Some(cached) => cached,
            None => records.load(&handle.user).await?,
        };
        if !lives(&cached) {
            return Ok(Err(credential.refused(Refused::Ended)));
        }
        Ok(self.check_rotation(&credential, &cached).map(|()| credential))
    }

    async fn refresh_session(
        &self,
        credential: &Credential,
        request: &HeaderMap,
    ) -> Result<Renewed, NotRefreshed> {
        let landed = self.land(credential).await?;
        let renewed = self.renew_session(credential, landed).await?;
        let handle = credential.session();
        let record = renewed.record().ok_or(NotRefreshed::Ended)?;
        let session = record.session(handle.session).ok_or(NotRefreshed::Ended)?;
        if session.expires_at <= self.now() {
            return Err(NotRefreshed::Ended);
        }
        let generation = record.grant.generation;
        match credential {
            Credential::Cookie(_) => {
                let expires_at = session.expires_at;
                let handle = SessionHandle { generation, expires_at, ..*handle };
                let cookie = SessionCookie { handle, identity: None };
                Ok(Renewed::Cookies(self.session_cookies(&cookie, request).await?))
            }
            Credential::SessionToken(_) => {
                // The session may last longer: as long as an earlier token.
                let tokens_expire_at = record.grant.tokens.expires_at;
                let expiry = self.settings().session.token_expiry(self.now(), tokens_expire_at);
                let expires_at = expiry.min(session.expires_at);
                let handle = SessionHandle { generation, expires_at, ..*handle };
                let provider = &record.grant.identity.provider;
                Ok(Renewed::Token(self.session_token(&handle, provider).await?))
            }
        }
    }

    /// The record with a newer grant than the holder of `credential` has seen.
    async fn land(&self, credential: &Credential) -> Landed {
        let SessionHandle { user, session, generation, .. } = *credential.session();
        let Some(records) = self.records().await.map_err(Error::from)? else {
            return Err(NotRefreshed::Ended);
        };
        let mut flights = 0;
        loop {
            let flight = self.fly(records, user, generation, Some(*credential));
            let landed = flight.result().await.ok_or_else(broken_off)??;
            flights += 1;
            // A flight that was under way may have begun for somebody who had seen less.
            let behind = landed.record().is_some_and(|record| {
                record.grant.generation <= generation && record.session(session).is_some()
            });
            if !behind || flights == MOST_FLIGHTS {
                return Ok(landed);
            }
        }
    }

    /// The flight that replaces generation `seen` of `user`'s grant, and renews the session of
    /// `credential` with it.
    pub(super) fn fly(
        &self,
        records: &Records,
        user: UserKey,
        seen: u64,
        credential: Option<Credential>,
    ) -> Flight<Landed> {
        let (this, records) = (self.clone(), records.clone());
        self.flights.join(user, || async move {
            let landed = this.replace_grant(&records, user, seen, credential).await;
            this.note(user, seen, &landed);
            landed
        })
    }

    /// Renews the caller's session where the flight has not.
    async fn renew_session(
        &self,
        credential: &Credential,
        landed: Arc<CachedRecord>,
    ) -> Result<Arc<CachedRecord>, NotRefreshed> {
        let now = self.now();
        let handle = credential.session();
        let record = landed.record().ok_or(NotRefreshed::Ended)?;
        let session = record.session(handle.session).ok_or(NotRefreshed::Ended)?;
        let noted = match credential {
            Credential::Cookie(_) => true,
            Credential::SessionToken(_) => {
                session.token_generation == Some(record.grant.generation)
            }
        };
        if noted && session.renewed_at.after(JUST_NOW) > now && session.expires_at > now {
            return Ok(landed);
        }
        let records = self.records().await.map_err(Error::from)?;
        let Some(records) = records else { return Err(NotRefreshed::Ended) };
        let renewed = records
            .update(&handle.user, |record| match record {
                Some(mut record) if record.session(handle.session).is_some() => {
                    self.extend(&mut record, credential, now);
                    Change::Put(record)
                }
                other => Change::Keep(other),
            })
            .await?;
        Ok(renewed)
    }

    /// Renews the session of `credential` in `record`, as far as its absolute lifetime allows.
    pub(super) fn extend(&self, record: &mut Record, credential: &Credential, now: Timestamp) {
        let settings = &self.settings().session;
        let tokens_expire_at = record.grant.tokens.expires_at;
        let generation = record.grant.generation;
        let held = |session: &&mut Session| session.id == credential.session().session;
        let Some(session) = record.sessions.iter_mut().find(held) else { return };
        let expiry = match credential {
            Credential::Cookie(_) => settings.expiry(now, tokens_expire_at),
            Credential::SessionToken(_) => {
                session.note_token(generation, now);
                // Earlier tokens are good until their own end.
                settings.token_expiry(now, tokens_expire_at).max(session.expires_at)
            }
        };
        session.renewed_at = now;
        session.expires_at = expiry.min(session.created_at.after(settings.absolute));
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

    /// Waits for refreshes that are under way.
    pub(crate) async fn drain(&self) {
        self.flights.drain().await;
    }
}

impl NotRefreshed {
    /// Why, in one line, for logs.
    fn reason(&self) -> String {
        match self {
            Self::Ended => "the session was ended meanwhile".to_owned(),
            Self::NoRefreshToken(_) => "the provider issued no refresh token".to_owned(),
            Self::NotSupported(_) => "the provider has no refresh tokens".to_owned(),
            Self::NoProvider => "the provider is no longer configured".to_owned(),
            Self::Refused(code) => format!("the provider refuses the refresh token ({code})"),
            Self::NotAdmitted(why) => why.to_string(),
            Self::Stray => {
                "neither an ID token nor userinfo shows whose the posted refresh token is"
                    .to_owned()
            }
            Self::Failed(error) => error.chain(),
        }
    }

    /// What would change it, for logs.
    fn remedy(&self) -> &'static str {
        match self {
            Self::Ended => "none is needed",
            Self::NoRefreshToken(why) => why,
            Self::NotSupported(instead) => instead,
            Self::NoProvider => "configure it again, or sign in at another",
            Self::Refused(_) | Self::Stray => "only a new sign-in helps",
            Self::NotAdmitted(_) => "the user or the policy has to be changed",
            Self::Failed(error) => match error.fault() {
                Fault::Setup => "correct the client's settings, here or at the provider",
                Fault::Provider => "it is for the provider to answer correctly",
                Fault::Unavailable | Fault::User | Fault::UserAgent => "it is tried again",
            },
        }
    }
}

fn broken_off() -> Error {
    StoreError::unavailable("the refresh broke off").into()
}

/// A session renewed less than this ago counts as renewed now: a thousand refreshes at once are
/// one write.
const JUST_NOW: Duration = Duration::from_secs(5);
/// How many flights a caller boards until one goes far enough.
const MOST_FLIGHTS: usize = 3;
