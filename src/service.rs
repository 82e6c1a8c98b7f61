//! The door: each request is for one of our routes, from somebody known, or from a stranger.

use std::mem;
use std::task::{Context, Poll};

use http::request::Parts;
use http::uri::Scheme;
use http::{Extensions, Request, Response, Uri, header};
use http_body::Body;
use tower::BoxError;
use tower_service::Service;

use crate::future::{ResponseBody, ResponseFuture, Waiting, take_ready};
use crate::principal::Principal;
use crate::relying_party::{Known, Recognised, RelyingParty};
use crate::routes::{self, Route, Verdict};
use crate::wire;

/// Easy Auth around a service. See the [crate's documentation](crate).
///
/// The service's errors and both bodies' types stay as they are; what we refuse is a response, with
/// a [`Refusal`](crate::Refusal) in its extensions.
#[derive(Clone, Debug)]
pub struct EasyAuth<S> {
    inner: S,
    relying_party: RelyingParty,
}

impl<S> EasyAuth<S> {
    pub(crate) const fn new(inner: S, relying_party: RelyingParty) -> Self {
        Self { inner, relying_party }
    }

    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for EasyAuth<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    ReqBody: Body + Send + 'static,
    ReqBody::Data: Send,
    ReqBody::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, ReqBody>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        // Only a layer around this one can have put it there: it has decided already.
        if request.extensions().get::<Principal>().is_some() {
            return ResponseFuture::inner(self.inner.call(request));
        }
        wire::header::scrub(request.headers_mut());
        if !self.relying_party.settings().enabled {
            return ResponseFuture::inner(self.inner.call(request));
        }
        let path = original_uri(&request).path();
        if let Some(route) = Route::of(&self.relying_party, path) {
            return self.answer(route, request);
        }
        match self.relying_party.recognise(request.headers()) {
            Recognised::Known(known) if !is_suspicious(&request) => {
                self.introduce(&known, &mut request);
                ResponseFuture::vouched(self.inner.call(request), known.vouched_by())
            }
            recognised => self.look_closer(recognised, request),
        }
    }
}

impl<S> EasyAuth<S> {
    fn answer<ReqBody>(
        &mut self,
        route: Route,
        request: Request<ReqBody>,
    ) -> ResponseFuture<S, ReqBody>
    where
        S: Service<Request<ReqBody>> + Clone,
        ReqBody: Body + Send + 'static,
        ReqBody::Data: Send,
        ReqBody::Error: Into<BoxError>,
    {
        self.release();
        let (mut parts, body) = request.into_parts();
        if let Some(response) = self.insist_on_https(&parts) {
            return ResponseFuture::answer(response);
        }
        parts.uri = uri_of(&parts).clone();
        let relying_party = self.relying_party.clone();
        let request = Request::from_parts(parts, body);
        ResponseFuture::route(Box::pin(async move {
            routes::answer(&relying_party, route, request).await
        }))
    }

    /// For those who are not known at first sight.
    fn look_closer<ReqBody>(
        &mut self,
        recognised: Recognised,
        request: Request<ReqBody>,
    ) -> ResponseFuture<S, ReqBody>
    where
        S: Service<Request<ReqBody>> + Clone,
        ReqBody: Body + Send + 'static,
        ReqBody::Data: Send,
    {
        let (mut parts, body) = request.into_parts();
        if let Some(response) = self.insist_on_https(&parts) {
            self.release();
            return ResponseFuture::refuse(response, Request::from_parts(parts, body));
        }
        let path = uri_of(&parts).path().to_owned();
        let unsettled = matches!(recognised, Recognised::Unsettled);
        let verdict = match recognised {
            Recognised::Known(known) => routes::authenticated(&self.relying_party, &parts, known),
            Recognised::Unsettled => Verdict::SignIn,
            // It comes before a request that is looked at when it comes.
            Recognised::Unknown(_) if routes::is_preflight(&parts, &body) => Verdict::Admit(None),
            Recognised::Unknown(unknown) => {
                let original = uri_of(&parts).clone();
                let nested = mem::replace(&mut parts.uri, original);
                let verdict = routes::unauthenticated(&self.relying_party, &parts, &path, unknown);
                parts.uri = nested;
                verdict
            }
        };
        match verdict {
            Verdict::Admit(None) => {
                wire::session_token::strip(&mut parts.headers);
                if self.relying_party.claims_by_bearer(&parts.headers) {
                    parts.headers.remove(header::AUTHORIZATION);
                }
                ResponseFuture::inner(self.inner.call(Request::from_parts(parts, body)))
            }
            Verdict::Admit(Some(known)) => {
                let mut request = Request::from_parts(parts, body);
                self.introduce(&known, &mut request);
                ResponseFuture::vouched(self.inner.call(request), known.vouched_by())
            }
            Verdict::Answer(response) => {
                self.release();
                ResponseFuture::refuse(response, Request::from_parts(parts, body))
            }
            Verdict::SignIn if !unsettled => {
                // The provider may take its time, and will not make a stranger known.
                self.release();
                let copy = copy_of(&mut parts);
                let relying_party = self.relying_party.clone();
                let request = Request::from_parts(parts, body);
                ResponseFuture::route(Box::pin(async move {
                    let response = routes::sign_in(&relying_party, &copy).await;
                    match routes::after_body(response, request) {
                        Ok(response) => response,
                        Err(response) => response.await,
                    }
                }))
            }
            Verdict::SignIn => {
                let copy = copy_of(&mut parts);
                self.relying_party.strip_unclear(&mut parts.headers);
                let relying_party = self.relying_party.clone();
                let waiting = Waiting {
                    unproven: self.relying_party.claims_by_bearer(&parts.headers),
                    service: take_ready(&mut self.inner),
                    request: Request::from_parts(parts, body),
                };
                let future =
                    Box::pin(async move { routes::settle(&relying_party, &copy, &path).await });
                ResponseFuture::settle(future, waiting)
            }
        }
    }

    /// Tells the application who asks, and leaves it nothing that would tell it otherwise.
    fn introduce<ReqBody>(&self, known: &Known, request: &mut Request<ReqBody>) {
        // A bearer token is alone in its header, and proved.
        if known.session.is_some() {
            self.relying_party.strip_unclear(request.headers_mut());
        }
        known.introduce(request);
    }

    /// Gives back what the service has reserved for a call that will not come, such as a permit:
    /// whoever holds us may be idle for long.
    fn release(&mut self)
    where
        S: Clone,
    {
        drop(take_ready(&mut self.inner));
    }

    fn insist_on_https(&self, parts: &Parts) -> Option<Response<bytes::Bytes>> {
        let scheme = parts.extensions.get::<ConnectionScheme>().map(ConnectionScheme::scheme);
        let path = uri_of(parts).path();
        routes::insist_on_https(self.relying_party.settings(), parts, path, scheme)
    }
}

/// What a server knows of the connection that a request came by. Put it into the request's
/// extensions if the same service is reached by http and by https; otherwise every request counts
/// as what the public origin is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConnectionScheme(Scheme);

impl ConnectionScheme {
    /// The request came in clear.
    #[must_use]
    pub const fn http() -> Self {
        Self(Scheme::HTTP)
    }

    /// The request came by TLS.
    #[must_use]
    pub const fn https() -> Self {
        Self(Scheme::HTTPS)
    }

    const fn scheme(&self) -> &Scheme {
        &self.0
    }
}

/// Whether a request is worth a second look although it has a session: it may have been sent by
/// another site, or come in clear.
fn is_suspicious<B>(request: &Request<B>) -> bool {
    let plain = |scheme: &ConnectionScheme| *scheme.scheme() == Scheme::HTTP;
    routes::changes(request.method(), request.headers())
        || request.extensions().get::<ConnectionScheme>().is_some_and(plain)
}

/// The address that was asked for, before a router took a prefix off.
fn original_uri<B>(request: &Request<B>) -> &Uri {
    original(request.extensions()).unwrap_or_else(|| request.uri())
}

fn uri_of(parts: &Parts) -> &Uri {
    original(&parts.extensions).unwrap_or(&parts.uri)
}

#[cfg(feature = "axum")]
fn original(extensions: &Extensions) -> Option<&Uri> {
    extensions.get::<axum::extract::OriginalUri>().map(|original| &original.0)
}

#[cfg(not(feature = "axum"))]
fn original(_: &Extensions) -> Option<&Uri> {
    None
}

/// What deciding needs of a request, while the request itself waits.
fn copy_of(parts: &mut Parts) -> Parts {
    let (mut copy, ()) = Request::new(()).into_parts();
    copy.method = parts.method.clone();
    copy.uri = uri_of(parts).clone();
    copy.version = parts.version;
    copy.headers = parts.headers.clone();
    copy
}
