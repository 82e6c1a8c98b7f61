//! Who is asking? The way of every request: without waiting if we have met them lately.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use http::{Extensions, HeaderMap, Request};

use super::RelyingParty;
use super::opened_cookies::Opened as OpenedCookie;
use super::records::{Age, CachedRecord, Records};
use crate::clock::Timestamp;
use crate::config::Opened;
use crate::error::Error;
use crate::principal::Principal;
use crate::session::SessionHandle;
use crate::wire;
use crate::wire::header::IdentityHeaders;
use crate::wire::session::Presented;

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
    headers: IdentityHeaders,
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

impl Known {
    /// Tells the application who asks.
    pub(crate) fn introduce<B>(&self, request: &mut Request<B>) {
        self.prepared.headers.set(request.headers_mut());
        let extensions = request.extensions_mut();
        if extensions.is_empty() {
            *extensions = ROOM.clone();
        }
        extensions.insert(self.prepared.principal.clone());
    }
}

/// Extensions with room for a principal and for what a router puts beside it: a clone has the same
/// room, so that the request's table is not made once here and again there.
static ROOM: LazyLock<Extensions> = LazyLock::new(|| {
    let mut room = Extensions::new();
    room.insert(Place::<0>);
    room.insert(Place::<1>);
    room.insert(Place::<2>);
    room.insert(Place::<3>);
    room.clear();
    room
});

#[derive(Clone)]
struct Place<const N: u8>;

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
        let Some(opened) = self.config.opened_already() else {
            let sent = wire::cookie::has_session(request);
            return if sent { Recognised::Unsettled } else { Recognised::Unknown(Unknown::Nobody) };
        };
        let now = self.now();
        let (handle, prepared) = match self.open_session(request, opened, now, Duration::ZERO) {
            Ok(session) => session,
            Err(unknown) => return Recognised::Unknown(unknown),
        };
        match (prepared, self.records.get()) {
            (Some(prepared), Some(None)) => Recognised::Known(Known { handle, prepared }),
            (None, Some(Some(records))) => self.recall(handle, records, now),
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
        let session = self.open_session(request, opened, self.now(), Duration::ZERO);
        let handle = match session {
            Ok((handle, _)) => handle,
            Err(unknown) => return Ok(Err(unknown)),
        };
        let Some(records) = records else { return Ok(Err(Unknown::Ended)) };
        Ok(self.look_up(handle, records).await?.ok_or(Unknown::Ended))
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
        now: Timestamp,
        grace: Duration,
    ) -> Result<OpenedCookie, Unknown> {
        let settings = &self.settings().session;
        let open = |value: &[u8]| {
            let decode = || wire::session::decode(value, &opened.keys, now, settings.max_days());
            self.opened_cookies.open(value, now, decode)
        };
        let (handle, prepared) = match wire::session::find(request, open) {
            Presented::Session(handle, prepared) => (handle, prepared),
            Presented::Unreadable => return Err(Unknown::Unreadable),
            Presented::Nothing => return Err(Unknown::Nobody),
        };
        let SessionHandle { created_at, expires_at, .. } = handle;
        if now >= expires_at.after(grace) || now >= created_at.after(settings.absolute) {
            return Err(Unknown::Expired);
        }
        Ok((handle, prepared))
    }

    fn recall(&self, handle: SessionHandle, records: &Records, now: Timestamp) -> Recognised {
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
        let Some(prepared) = cached.prepared(handle.session, now) else {
            return Recognised::Unsettled;
        };
        let known = Known { handle, prepared: Arc::clone(prepared) };
        if age == Age::Aging {
            records.revalidate(handle.user, &cached);
        }
        if self.settings().session.refresh_ahead && cached.is_due(now) {
            if record.is_overdue(now) && !self.backing_off(&handle.user, record.grant.generation) {
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
