//! Who is asking? The way of every request: without waiting if we have met them lately.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use super::RelyingParty;
use super::records::{Age, CachedRecord, Records};
use crate::config::Opened;
use crate::error::Error;
use crate::principal::Principal;
use crate::session::SessionHandle;
use crate::wire;
use crate::wire::header::IdentityHeaders;
use crate::wire::session::SessionCookie;

/// Somebody with a session.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) handle: SessionHandle,
    pub(crate) prepared: Arc<Prepared>,
}

/// What each request of a session gets, made once.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) principal: Principal,
    pub(crate) headers: IdentityHeaders,
}

impl Prepared {
    pub(crate) fn new(principal: Principal) -> Self {
        let headers = IdentityHeaders::new(&principal);
        if !headers.left_out.is_empty() {
            let left_out = headers.left_out.join(", ");
            tracing::warn!(left_out, "identity headers lack what does not fit into them");
        }
        Self { principal, headers }
    }
}

/// What a look at a request's credentials gave.
#[derive(Debug)]
pub(crate) enum Recognised {
    Known(Known),
    Unknown(Unknown),
    /// Only the token store knows, or what is on disk.
    Unsettled,
}

/// Why a request has no session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unknown {
    /// It brought no credential.
    Nobody,
    /// It brought a session cookie that does not open: damaged, forged, or sealed with another key.
    Unreadable,
    /// Its session is past its end.
    Expired,
    /// Its session was ended, here or elsewhere.
    Ended,
}

impl RelyingParty {
    /// Looks at the credentials of a request without waiting for anything.
    pub(crate) fn recognise(&self, request: &HeaderMap) -> Recognised {
        if !wire::cookie::has_session(request) {
            return Recognised::Unknown(Unknown::Nobody);
        }
        let Some(opened) = self.config.opened_already() else { return Recognised::Unsettled };
        let session = match self.open_session(request, opened, Duration::ZERO) {
            Ok(session) => session,
            Err(unknown) => return Recognised::Unknown(unknown),
        };
        match (session.identity, self.records.get()) {
            (Some(identity), Some(None)) => {
                let prepared = Arc::new(Prepared::new(Principal::new(identity, None)));
                Recognised::Known(Known { handle: session.handle, prepared })
            }
            (None, Some(Some(records))) => self.recall(session.handle, records),
            (_, None) => Recognised::Unsettled,
            // The cookie was made when the token store was on and is off now, or the reverse.
            _ => Recognised::Unknown(Unknown::Ended),
        }
    }

    /// Looks at the credentials of a request, and asks the token store where only it knows.
    pub(crate) async fn authenticate(
        &self,
        request: &HeaderMap,
    ) -> Result<Result<Known, Unknown>, Error> {
        let records = self.records().await?;
        match self.recognise(request) {
            Recognised::Known(known) => return Ok(Ok(known)),
            Recognised::Unknown(unknown) => return Ok(Err(unknown)),
            Recognised::Unsettled => {}
        }
        let opened = self.config.opened().await?;
        let session = match self.open_session(request, opened, Duration::ZERO) {
            Ok(session) => session,
            Err(unknown) => return Ok(Err(unknown)),
        };
        let Some(records) = records else { return Ok(Err(Unknown::Ended)) };
        Ok(self.look_up(session.handle, records).await?.ok_or(Unknown::Ended))
    }

    /// Looks `handle` up in the token store, and lets a request whose access token has expired wait
    /// a moment for a fresh one.
    async fn look_up(
        &self,
        handle: SessionHandle,
        records: &Records,
    ) -> Result<Option<Known>, Error> {
        let cached = match records.cached_for(&handle) {
            Some(cached) => cached,
            None => records.load(&handle.user).await?,
        };
        // A record older than its holder has seen was put back from a backup: its tokens are spent.
        let Some(record) = cached.record().filter(|r| r.grant.generation >= handle.generation)
        else {
            return Ok(None);
        };
        let known = self.find(handle, &cached);
        if known.is_none()
            || !self.settings().session.refresh_ahead
            || !record.is_overdue(self.now())
        {
            return Ok(known);
        }
        let fresh = self.refresh_overdue(handle.user, record.grant.generation).await;
        Ok(fresh.and_then(|fresh| self.find(handle, &fresh)).or(known))
    }

    /// The session that the request's cookie proves, unless it ended more than `grace` ago.
    pub(super) fn open_session(
        &self,
        request: &HeaderMap,
        opened: &Opened,
        grace: Duration,
    ) -> Result<SessionCookie, Unknown> {
        let now = self.now();
        let settings = &self.settings().session;
        let session = wire::session::find(request, &opened.keys, now, settings.max_days())
            .ok_or(Unknown::Unreadable)?;
        let SessionHandle { created_at, expires_at, .. } = session.handle;
        if now >= expires_at.after(grace) || now >= created_at.after(settings.absolute) {
            return Err(Unknown::Expired);
        }
        Ok(session)
    }

    fn recall(&self, handle: SessionHandle, records: &Records) -> Recognised {
        let Some((cached, age)) = records.cached(&handle.user) else {
            return Recognised::Unsettled;
        };
        if age == Age::Old {
            return Recognised::Unsettled;
        }
        // Who holds a newer generation has seen a write that this copy has not; who holds a session
        // that it lacks may have signed in elsewhere a moment ago.
        let Some(record) = cached.record().filter(|r| r.grant.generation >= handle.generation)
        else {
            return Recognised::Unsettled;
        };
        let Some(known) = self.find(handle, &cached) else { return Recognised::Unsettled };
        if age == Age::Aging {
            records.revalidate(handle.user, &cached);
        }
        if self.settings().session.refresh_ahead && record.is_due(self.now()) {
            if record.is_overdue(self.now()) && !self.backing_off(&handle.user) {
                return Recognised::Unsettled;
            }
            if cached.first_to_notice() {
                let provider = record.grant.identity.provider.as_str();
                self.refresh_ahead(handle.user, record.grant.generation, provider);
            }
        }
        Recognised::Known(known)
    }

    pub(super) fn find(&self, handle: SessionHandle, cached: &CachedRecord) -> Option<Known> {
        let prepared = cached.prepared(handle.session, self.now())?;
        Some(Known { handle, prepared: Arc::clone(prepared) })
    }
}
