//! The door to the network: who a request is sent as, and to whom it is sent so.

use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response, Uri};
use http_body::Body;
use tower::BoxError;
use tower_service::Service;

use super::calls::{X_ZUMO_AUTH, X_ZUMO_VERSION, version};
use super::easy_auth_client::EasyAuthClient;
use super::future::ResponseFuture;
use super::request_body::RequestBody;
use super::response_body::ResponseBody;
use super::sent::Sent;
use super::user::User;
use crate::origin::PublicOrigin;

/// A service that sends requests as the user who is signed in. Made by a [`SignedInLayer`].
///
/// See the [module's documentation](super).
///
/// [`SignedInLayer`]: super::SignedInLayer
#[derive(Clone, Debug)]
pub struct SignedIn<S> {
    client: EasyAuthClient,
    inner: S,
}

/// In a request's extensions: the request is sent as it is, and its answer is taken as it comes.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsIs;

/// In a request's extensions: the request is sent as the user, but no second time. If it is refused,
/// its 401 comes back when the token has been renewed.
#[derive(Clone, Copy, Debug, Default)]
pub struct SendOnce;

impl<S> SignedIn<S> {
    pub(super) const fn new(client: EasyAuthClient, inner: S) -> Self {
        Self { client, inner }
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

impl<S, B, R> Service<Request<B>> for SignedIn<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
    R: Body + Send + Unpin + 'static,
    R::Data: Send,
    R::Error: Send,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if request.extensions().get::<AsIs>().is_some() {
            return ResponseFuture::passing(self.inner.call(request.map(RequestBody::once)));
        }
        if !is_at(self.client.origin(), request.uri()) {
            keep_home(&mut request);
            return ResponseFuture::passing(self.inner.call(request.map(RequestBody::once)));
        }
        let Some(user) = self.client.sender() else { return self.call_later(request) };
        let (request, sent) = prepare(&self.client, &self.inner, user, request);
        ResponseFuture::sent(self.inner.call(request), sent)
    }
}

impl<S> SignedIn<S> {
    /// Sends `request` when it is known as whom.
    fn call_later<B, R>(&mut self, request: Request<B>) -> ResponseFuture<S, B, R>
    where
        S: Service<Request<RequestBody<B>>, Response = Response<R>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Send,
        B: Body + Send + 'static,
        B::Error: Into<BoxError>,
        R: Body + Send + Unpin + 'static,
        R::Data: Send,
        R::Error: Send,
    {
        let client = self.client.clone();
        // The one that is ready goes along; its clone has yet to become so.
        let clone = self.inner.clone();
        let mut ready = mem::replace(&mut self.inner, clone);
        ResponseFuture::later(async move {
            let user = client.awaited_sender().await;
            let (request, sent) = prepare(&client, &ready, user, request);
            let response = ready.call(request).await?;
            drop(ready);
            sent.settle(response).await
        })
    }
}

/// In the extensions of a request to the application of this client: the token is for where it goes.
/// It tells other clients' layers further in, which cannot know it.
#[derive(Clone)]
struct For(EasyAuthClient);

/// A token that came along in a request to somebody else, as by a redirect, goes no further. Whose it
/// was, and which of several, nobody can tell.
fn keep_home<B>(request: &mut Request<B>) {
    let addressed = request.extensions().get::<For>();
    if !addressed.is_some_and(|For(client)| is_at(client.origin(), request.uri())) {
        request.headers_mut().remove(&X_ZUMO_AUTH);
    }
}

/// `request` as it is sent for `user`, and what is needed to do it once more.
fn prepare<S: Clone, B>(
    client: &EasyAuthClient,
    inner: &S,
    user: Option<Arc<User>>,
    mut request: Request<B>,
) -> (Request<RequestBody<B>>, Sent<S, B>)
where
    B: Body,
    B::Error: Into<BoxError>,
{
    request.headers_mut().remove(&X_ZUMO_AUTH);
    request.extensions_mut().insert(For(client.clone()));
    let (mut parts, body) = request.into_parts();
    let (body, replay) = if parts.extensions.get::<SendOnce>().is_some() {
        (RequestBody::once(body), None)
    } else {
        RequestBody::kept(body, client.0.body_limit)
    };
    let sent = Sent::new(client, inner, user, &parts, replay);
    authenticate(&mut parts.headers, sent.user());
    (Request::from_parts(parts, body), sent)
}

/// Says who asks, in the place of who else was said to.
pub(super) fn authenticate(headers: &mut HeaderMap, user: Option<&User>) {
    match user {
        Some(user) => {
            headers.insert(X_ZUMO_AUTH, user.header().clone());
        }
        // Otherwise a program that sends no `Accept` is taken for a browser, and sent to a login page.
        None => {
            headers.entry(X_ZUMO_VERSION).or_insert_with(version);
        }
    }
}

/// Whether `uri` leads to `origin`. One that does not say where it leads is anybody's.
fn is_at(origin: &PublicOrigin, uri: &Uri) -> bool {
    let (scheme, port) = if origin.is_https() { ("https", 443) } else { ("http", 80) };
    let (Some(host), true) = (uri.host(), uri.scheme_str() == Some(scheme)) else { return false };
    let Some((ours, rest)) = origin.host().split_at_checked(host.len()) else { return false };
    let asked = uri.port_u16().unwrap_or(port);
    let same_port = match rest.strip_prefix(':') {
        Some(ours) => ours.parse() == Ok(asked),
        None => rest.is_empty() && asked == port,
    };
    ours.eq_ignore_ascii_case(host) && same_port
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t_135_an_origin_is_scheme_host_and_port_and_nothing_less() {
        let at = |origin: &str, uri: &str| {
            is_at(&PublicOrigin::parse(origin).unwrap(), &uri.parse().unwrap())
        };
        for uri in [
            "https://app.example",
            "https://app.example/x?y",
            "https://APP.example:443/",
            "HTTPS://app.example/",
            "https://user:password@app.example/",
        ] {
            assert!(at("https://app.example", uri), "{uri}");
        }
        for uri in [
            "/x",
            "*",
            "app.example:443",
            "http://app.example/",
            "http://app.example:443/",
            "https://app.example:8443/",
            "https://app.example./",
            "https://app.example.evil.example/",
            "https://app.exampl/",
            "https://evil.example/",
            "https://app.example@evil.example/",
            "wss://app.example/",
        ] {
            assert!(!at("https://app.example", uri), "{uri}");
        }
        assert!(at("http://127.0.0.1:8080", "http://127.0.0.1:8080/x"));
        assert!(at("http://[::1]:8080", "http://[::1]:8080/x"));
        assert!(!at("http://127.0.0.1:8080", "http://127.0.0.1/x"));
        assert!(!at("http://127.0.0.1:8080", "http://127.0.0.1:80801/x"));
        assert!(at("http://localhost", "http://localhost:80/x"));
    }
}
