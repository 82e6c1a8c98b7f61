//! Who is asking? The way of every request: without waiting if we have met them lately.

use std::sync::Arc;

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
        let session = match self.open_session(request, opened) {
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
        let session = match self.open_session(request, opened) {
            Ok(session) => session,
            Err(unknown) => return Ok(Err(unknown)),
        };
        let Some(records) = records else { return Ok(Err(Unknown::Ended)) };
        let loaded = records.load(&session.handle.user).await?;
        Ok(self.find(session.handle, &loaded).ok_or(Unknown::Ended))
    }

    fn open_session(&self, request: &HeaderMap, opened: &Opened) -> Result<SessionCookie, Unknown> {
        let now = self.now();
        let settings = &self.settings().session;
        let session = wire::session::find(request, &opened.keys, now, settings.max_days())
            .ok_or(Unknown::Unreadable)?;
        let SessionHandle { created_at, expires_at, .. } = session.handle;
        if now >= expires_at || now >= created_at.after(settings.absolute) {
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
        let seen =
            cached.record().is_some_and(|record| record.grant.generation >= handle.generation);
        let Some(known) = self.find(handle, &cached).filter(|_| seen) else {
            return Recognised::Unsettled;
        };
        if age == Age::Aging {
            records.revalidate(handle.user, &cached);
        }
        Recognised::Known(known)
    }

    fn find(&self, handle: SessionHandle, cached: &CachedRecord) -> Option<Known> {
        let prepared = cached.prepared(handle.session, self.now())?;
        Some(Known { handle, prepared: Arc::clone(prepared) })
    }
}
