//! Who is asking? The way of every request: without waiting if we have met them lately.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use http::{Extensions, HeaderMap, Request};

use super::RelyingParty;
use super::credential::{Credential, Refused, Unknown};
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

/// Somebody whom a credential vouches for.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// What names their session; `None` if they have none, for a bearer token says who they are.
    pub(crate) session: Option<Credential>,
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
    fn in_session(credential: Credential, prepared: &Arc<Prepared>) -> Self {
        Self { session: Some(credential), prepared: Arc::clone(prepared) }
    }

    pub(super) fn by_bearer(prepared: &Arc<Prepared>) -> Self {
        Self { session: None, prepared: Arc::clone(prepared) }
    }

    /// The name of the request header that vouches for them.
    pub(crate) const fn vouched_by(&self) -> &'static str {
        match &self.session {
            Some(credential) => credential.header(),
            None => "authorization",
        }
    }

    /// Whether browsers send what vouches for them by themselves, whichever site has them make the
    /// request.
    pub(crate) fn is_ambient(&self) -> bool {
        self.session.is_some_and(|credential| credential.is_ambient())
    }

    pub(super) fn is_same_user(&self, other: &Self) -> bool {
        let (one, other) = (&self.prepared.principal, &other.prepared.principal);
        one.provider() == other.provider() && one.user_id() == other.user_id()
    }

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

impl RelyingParty {
    /// Looks at the credentials of a request without waiting for anything.
    pub(crate) fn recognise(&self, request: &HeaderMap) -> Recognised {
        if self.accepts_bearer {
            return self.recognise_with_bearer(request);
        }
        self.recognise_session(request)
    }

    pub(super) fn recognise_session(&self, request: &HeaderMap) -> Recognised {
        let Some(opened) = self.config.opened_already() else {
            let sent = Credential::is_sent(request);
            return if sent { Recognised::Unsettled } else { Recognised::Unknown(Unknown::Nobody) };
        };
        let now = self.now();
        match self.open_credential(request, opened, now, Duration::ZERO) {
            Ok((credential, prepared)) => self.recognise_as(credential, prepared, now),
            Err(unknown) => Recognised::Unknown(unknown),
        }
    }

    fn recognise_as(
        &self,
        credential: Credential,
        prepared: Option<Arc<Prepared>>,
        now: Timestamp,
    ) -> Recognised {
        match (prepared, self.records.get()) {
            (Some(prepared), Some(None)) => {
                Recognised::Known(Known::in_session(credential, &prepared))
            }
            (None, Some(Some(records))) => self.recall(credential, records, now),
            (_, None) => Recognised::Unsettled,
            // It was made when the token store was on and is off now, or the reverse.
            _ => Recognised::Unknown(credential.refused(Refused::Ended)),
        }
    }

    /// Looks at the credentials of a request, and asks the token store where only it knows, or the
    /// provider.
    pub(crate) async fn authenticate(
        &self,
        request: &HeaderMap,
    ) -> Result<Result<Known, Unknown>, Error> {
        if self.accepts_bearer {
            return self.authenticate_with_bearer(request).await;
        }
        self.authenticate_session(request).await
    }

    pub(super) async fn authenticate_session(
        &self,
        request: &HeaderMap,
    ) -> Result<Result<Known, Unknown>, Error> {
        let opened = self.config.opened().await?;
        let opened = self.open_credential(request, opened, self.now(), Duration::ZERO);
        self.settle(opened).await
    }

    /// Whose session the request's cookie names, whatever else it brought.
    pub(super) async fn authenticate_by_cookie(
        &self,
        request: &HeaderMap,
    ) -> Result<Result<Known, Unknown>, Error> {
        let opened = self.config.opened().await?;
        let cookie = self.open_cookie(request, opened, self.now(), Duration::ZERO);
        self.settle(cookie).await
    }

    async fn settle(
        &self,
        opened: Result<OpenedCredential, Unknown>,
    ) -> Result<Result<Known, Unknown>, Error> {
        let records = self.records().await?;
        let (credential, prepared) = match opened {
            Ok(opened) => opened,
            Err(unknown) => return Ok(Err(unknown)),
        };
        match self.recognise_as(credential, prepared, self.now()) {
            Recognised::Known(known) => Ok(Ok(known)),
            Recognised::Unknown(unknown) => Ok(Err(unknown)),
            Recognised::Unsettled => match records {
                Some(records) => self.look_up(credential, records).await,
                None => Ok(Err(credential.refused(Refused::Ended))),
            },
        }
    }

    /// Looks `credential` up in the token store, and lets a request whose access token has expired
    /// wait a moment for a fresh one.
    async fn look_up(
        &self,
        credential: Credential,
        records: &Records,
    ) -> Result<Result<Known, Unknown>, Error> {
        let handle = credential.session();
        let ended = credential.refused(Refused::Ended);
        let cached = match records.cached_for(handle) {
            Some(cached) => cached,
            None => records.load(&handle.user).await?,
        };
        // A record older than its holder has seen was put back from a backup: its tokens are spent.
        let Some(record) = cached.record().filter(|r| r.grant.generation >= handle.generation)
        else {
            return Ok(Err(ended));
        };
        if let Err(unknown) = self.check_rotation(&credential, &cached) {
            return Ok(Err(unknown));
        }
        let known = self.find(credential, &cached).ok_or(ended);
        if known.is_err()
            || !self.settings().session.refresh_ahead
            || !record.is_overdue(self.now())
        {
            return Ok(known);
        }
        let fresh = self.refresh_overdue(handle.user, record.grant.generation).await;
        Ok(fresh.and_then(|fresh| self.find(credential, &fresh)).map_or(known, Ok))
    }

    /// What the request's first credential proves, unless it ended more than `grace` ago.
    ///
    /// The first that is there decides, good or bad: who sends a session token does not want to be
    /// whom a cookie names that the browser adds by itself.
    pub(super) fn open_credential(
        &self,
        request: &HeaderMap,
        opened: &Opened,
        now: Timestamp,
        grace: Duration,
    ) -> Result<OpenedCredential, Unknown> {
        if let Some(token) = wire::session_token::find(request) {
            let credential = self.open_token(token, opened, now, grace)?;
            self.note_outranked(credential.session(), request, opened, now);
            return Ok((credential, None));
        }
        self.open_cookie(request, opened, now, grace)
    }

    fn open_token(
        &self,
        token: &[u8],
        opened: &Opened,
        now: Timestamp,
        grace: Duration,
    ) -> Result<Credential, Unknown> {
        let handle = opened.session_tokens.decode(token, now);
        let handle = handle.ok_or(Unknown::SessionToken(Refused::Unreadable))?;
        let credential = Credential::SessionToken(handle);
        self.check_time(&credential, now, grace).map(|()| credential)
    }

    pub(super) fn open_cookie(
        &self,
        request: &HeaderMap,
        opened: &Opened,
        now: Timestamp,
        grace: Duration,
    ) -> Result<OpenedCredential, Unknown> {
        let max_days = self.settings().session.max_days();
        let open = |value: &[u8]| {
            let decode = || wire::session::decode(value, &opened.keys, now, max_days);
            self.opened_cookies.open(value, now, decode)
        };
        let (handle, prepared): OpenedCookie = match wire::session::find(request, open) {
            Presented::Session(handle, prepared) => (handle, prepared),
            Presented::Unreadable => return Err(Unknown::Cookie(Refused::Unreadable)),
            Presented::Nothing => return Err(Unknown::Nobody),
        };
        let credential = Credential::Cookie(handle);
        self.check_time(&credential, now, grace).map(|()| (credential, prepared))
    }

    fn check_time(
        &self,
        credential: &Credential,
        now: Timestamp,
        grace: Duration,
    ) -> Result<(), Unknown> {
        let SessionHandle { created_at, expires_at, .. } = *credential.session();
        let absolute = self.settings().session.absolute;
        if now >= expires_at.after(grace) || now >= created_at.after(absolute) {
            return Err(credential.refused(Refused::Expired));
        }
        Ok(())
    }

    /// Two users in one request are a mistake, or a page that signs its user in for another time.
    fn note_outranked(
        &self,
        handle: &SessionHandle,
        request: &HeaderMap,
        opened: &Opened,
        now: Timestamp,
    ) {
        let Ok((cookie, _)) = self.open_cookie(request, opened, now, Duration::ZERO) else {
            return;
        };
        let (user, outranked) = (handle.user, cookie.session().user);
        if user != outranked {
            tracing::info!(%user, %outranked, "X-ZUMO-AUTH outranks the cookie of another user");
        }
    }

    fn recall(&self, credential: Credential, records: &Records, now: Timestamp) -> Recognised {
        let handle = credential.session();
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
        if let Err(unknown) = self.check_rotation(&credential, &cached) {
            return Recognised::Unknown(unknown);
        }
        let known = Known::in_session(credential, prepared);
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

    /// Notices a session token that has been followed by a newer one: it may be a copy in the wrong
    /// hands. Refuses it if that is configured.
    pub(super) fn check_rotation(
        &self,
        credential: &Credential,
        cached: &CachedRecord,
    ) -> Result<(), Unknown> {
        let Credential::SessionToken(handle) = credential else { return Ok(()) };
        let session = cached.record().and_then(|record| record.session(handle.session));
        if !session.is_some_and(|it| it.has_superseded(handle.generation, self.now())) {
            return Ok(());
        }
        let (user, refused) = (handle.user, self.settings().session.strict_rotation);
        tracing::info!(%user, refused, "a session token was used again after a newer one was issued");
        if refused { Err(credential.refused(Refused::Superseded)) } else { Ok(()) }
    }

    fn find(&self, credential: Credential, cached: &CachedRecord) -> Option<Known> {
        let prepared = cached.prepared(credential.session().session, self.now())?;
        Some(Known::in_session(credential, prepared))
    }
}

/// A credential that is good as far as it says itself, and what its requests get if it says that
/// too.
pub(super) type OpenedCredential = (Credential, Option<Arc<Prepared>>);
