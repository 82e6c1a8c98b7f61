//! An application behind an Easy Auth that does what the story wants of it.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use easyauth::PublicOrigin;
use easyauth::client::{EasyAuthClient, EasyAuthClientBuilder, MemoryUserStore, User};
use easyauth::http_client::HttpClient;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, header};
use http_body::Body;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use tokio::sync::watch;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceExt as _, service_fn};

use crate::support::ManualClock;

pub const ORIGIN: &str = "https://app.example";

/// A body of any kind.
pub type AnyBody = UnsyncBoxBody<Bytes, io::Error>;

pub fn full(bytes: impl Into<Bytes>) -> AnyBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// How `/.auth/refresh` answers.
#[derive(Clone, Debug)]
pub enum Refresh {
    /// With a new token; the one before stays good for nothing.
    Rotates,
    /// With a new token that is refused like the one before.
    Misleads,
    /// With this status and text.
    Refuses(u16, &'static str),
    /// With something else than JSON.
    Mumbles,
    /// Not at all.
    Hangs,
}

/// What the application received.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub trailers: Option<HeaderMap>,
}

pub struct State {
    pub origin: String,
    pub refresh: Refresh,
    /// Of a 401; `None`: there is none.
    pub challenge: Option<String>,
    /// What a 401 says.
    pub refusal: Bytes,
    /// Whether a 401 comes before the body has been read.
    pub refuses_early: bool,
    /// Paths of the application that are refused whoever asks, and by whom.
    pub forbidden: BTreeMap<&'static str, Option<&'static str>>,
    /// A refresh is answered when so many requests have been refused.
    pub refresh_waits_for: usize,
    pub good: HashSet<String>,
    pub expires_in: Option<i64>,
    pub issued: usize,
    /// Refreshes that are never answered.
    pub hanging: usize,
    /// What was asked below `/.auth`.
    pub asked: Vec<String>,
    pub served: Vec<Received>,
    pub refused: Vec<Received>,
    /// A code that a sign-in has ended with, and its challenge.
    pub code: Option<(String, String)>,
}

/// The application; clones are the same.
#[derive(Clone)]
pub struct Fake {
    state: Arc<Mutex<State>>,
    refusals: watch::Sender<usize>,
    pub clock: ManualClock,
}

impl Fake {
    pub fn new() -> Self {
        Self::at(ORIGIN)
    }

    pub fn at(origin: &str) -> Self {
        let host = origin.split_once("://").unwrap().1;
        let state = State {
            origin: origin.to_owned(),
            refresh: Refresh::Rotates,
            challenge: Some(format!("Bearer realm=\"{host}\"")),
            refusal: Bytes::from_static(b"{\"error\":\"unauthenticated\"}"),
            refuses_early: false,
            forbidden: BTreeMap::new(),
            refresh_waits_for: 0,
            good: HashSet::new(),
            expires_in: None,
            issued: 0,
            hanging: 0,
            asked: Vec::new(),
            served: Vec::new(),
            refused: Vec::new(),
            code: None,
        };
        let clock = ManualClock::new();
        Self { state: Arc::new(Mutex::new(state)), refusals: watch::channel(0).0, clock }
    }

    pub fn tell<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap())
    }

    /// A user with a token that is good.
    pub fn user(&self) -> User {
        let token = self.issue();
        self.user_with(&token)
    }

    pub fn user_with(&self, token: &str) -> User {
        let origin = PublicOrigin::parse(&self.tell(|state| state.origin.clone())).unwrap();
        User::new(origin, "sid:alice", token).unwrap()
    }

    /// Every token that was issued is good for nothing now.
    pub fn expire(&self) {
        self.tell(|state| state.good.clear());
    }

    pub fn issue(&self) -> String {
        let now = self.clock.unix();
        self.tell(|state| {
            let token = new_token(state, now);
            state.good.insert(token.clone());
            token
        })
    }

    /// How often a path below `/.auth` was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.tell(|state| state.asked.iter().filter(|asked| *asked == path).count())
    }

    pub fn refreshes(&self) -> usize {
        self.asked("/.auth/refresh")
    }

    pub fn refused(&self) -> usize {
        self.tell(|state| state.refused.len())
    }

    pub fn served(&self) -> Vec<Received> {
        self.tell(|state| state.served.clone())
    }

    /// A client of it, still to be built.
    pub fn builder(&self) -> EasyAuthClientBuilder {
        EasyAuthClient::builder(self.tell(|state| state.origin.clone()))
            .http_client(self.http_client())
            .clock(self.clock.clone())
    }

    /// A client at which somebody is signed in, with a token that has expired.
    pub fn stale(&self) -> EasyAuthClient {
        let user = self.user();
        self.expire();
        self.builder().user_store(MemoryUserStore::with(user)).build().unwrap()
    }

    /// The way to its own routes.
    pub fn http_client(&self) -> HttpClient {
        let fake = self.clone();
        BoxCloneSyncService::new(service_fn(move |request: Request<Bytes>| {
            let fake = fake.clone();
            async move {
                let response = fake.answer(request.map(Full::new)).await;
                let (parts, body) = response.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                Ok::<_, BoxError>(Response::from_parts(parts, body))
            }
        }))
    }

    pub async fn answer<B: Body>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B::Error: std::fmt::Debug,
    {
        let path = request.uri().path().to_owned();
        if path.starts_with("/.auth/") {
            self.tell(|state| state.asked.push(path.clone()));
            return self.easy_auth(&path, request).await;
        }
        self.application(request).await
    }

    async fn easy_auth<B: Body>(&self, path: &str, request: Request<B>) -> Response<Full<Bytes>>
    where
        B::Error: std::fmt::Debug,
    {
        let token = request.headers().get("x-zumo-auth").cloned();
        match path {
            "/.auth/refresh" => {
                let wanted = self.tell(|state| state.refresh_waits_for);
                let mut refusals = self.refusals.subscribe();
                refusals.wait_for(|refusals| *refusals >= wanted).await.unwrap();
                assert!(token.is_some(), "a refresh without a token");
                match self.tell(|state| state.refresh.clone()) {
                    Refresh::Rotates => {
                        self.expire();
                        self.login_result()
                    }
                    Refresh::Misleads => {
                        let answer = self.login_result();
                        self.expire();
                        answer
                    }
                    Refresh::Refuses(status, text) => answer(status, text),
                    Refresh::Mumbles => answer(200, "<html>Welcome to our café</html>"),
                    Refresh::Hangs => {
                        self.tell(|state| state.hanging += 1);
                        std::future::pending().await
                    }
                }
            }
            "/.auth/me" => match token {
                Some(token) if self.is_good(&token) => answer(
                    200,
                    r#"[{"provider_name":"aad","user_id":"alice@example","access_token":"at",
                        "user_claims":[{"typ":"name","val":"Alice"}],"expires_on":"2030-01-01T00:00:00.0000000Z"}]"#,
                ),
                _ => self.refusal(),
            },
            "/.auth/logout" => {
                self.expire();
                answer(302, "")
            }
            "/.auth/login/aad/token" => {
                let query: BTreeMap<_, _> =
                    url::form_urlencoded::parse(request.uri().query().unwrap().as_bytes())
                        .into_owned()
                        .collect();
                let pending = self.tell(|state| state.code.clone());
                let challenge = crate::browser::challenge(&query["code_verifier"]);
                match pending {
                    Some((code, expected))
                        if code == query["authorization_code"] && challenge == expected =>
                    {
                        self.tell(|state| state.code = None);
                        self.login_result()
                    }
                    _ => answer(400, ""),
                }
            }
            "/.auth/login/facebook" => {
                let Ok(body) = request.into_body().collect().await else { return answer(400, "") };
                match &body.to_bytes()[..] {
                    br#"{"access_token":"EAAC"}"# => self.login_result(),
                    _ => {
                        answer(401, r#"{"error":"invalid_token","description":"It has expired."}"#)
                    }
                }
            }
            _ => answer(404, ""),
        }
    }

    async fn application<B: Body>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B::Error: std::fmt::Debug,
    {
        let (parts, body) = request.into_parts();
        let tokens: Vec<_> = parts.headers.get_all("x-zumo-auth").iter().collect();
        assert!(tokens.len() <= 1, "several tokens");
        let good = tokens.first().is_some_and(|token| self.is_good(token));
        let early = self.tell(|state| state.refuses_early && !good);
        let (body, trailers) = if early {
            (Bytes::new(), None)
        } else {
            // A body that breaks off is a request that was taken back.
            match body.collect().await {
                Ok(body) => {
                    let trailers = body.trailers().cloned();
                    (body.to_bytes(), trailers)
                }
                Err(_) => return answer(400, ""),
            }
        };
        let path = parts.uri.path().to_owned();
        let received = Received {
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            body,
            trailers,
        };
        let forbidden = self.tell(|state| state.forbidden.get(path.as_str()).copied());
        if let (true, Some(challenge)) = (good, forbidden) {
            self.tell(|state| state.refused.push(received));
            let mut response = answer(401, "not even you");
            if let Some(challenge) = challenge {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge.parse().unwrap());
            }
            return response;
        }
        if !good {
            self.tell(|state| state.refused.push(received));
            self.refusals.send_modify(|refusals| *refusals += 1);
            return self.refusal();
        }
        let body = received.body.clone();
        self.tell(|state| state.served.push(received));
        Response::new(Full::new(body))
    }

    fn is_good(&self, token: &http::HeaderValue) -> bool {
        self.tell(|state| state.good.contains(token.to_str().unwrap()))
    }

    fn login_result(&self) -> Response<Full<Bytes>> {
        let token = self.issue();
        let body =
            format!(r#"{{"authenticationToken":"{token}","user":{{"userId":"sid:alice"}}}}"#);
        Response::new(Full::new(body.into()))
    }

    fn refusal(&self) -> Response<Full<Bytes>> {
        let (challenge, body) = self.tell(|state| (state.challenge.clone(), state.refusal.clone()));
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        if let Some(challenge) = challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge.parse().unwrap());
        }
        response
    }
}

fn new_token(state: &mut State, now: i64) -> String {
    use base64::Engine as _;
    state.issued += 1;
    let payload = match state.expires_in {
        Some(seconds) => format!(r#"{{"exp":{},"n":{}}}"#, now + seconds, state.issued),
        None => format!(r#"{{"n":{}}}"#, state.issued),
    };
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(payload);
    format!("e30.{payload}.c2ln")
}

pub fn answer(status: u16, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(text.as_bytes())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

/// As a service, for a client to be put around. Calling it before it is ready is an error.
pub struct Network {
    fake: Fake,
    ready: bool,
}

impl Network {
    pub fn of(fake: &Fake) -> Self {
        Self { fake: fake.clone(), ready: false }
    }
}

/// Readiness is of one instance and is not inherited.
impl Clone for Network {
    fn clone(&self) -> Self {
        Self { fake: self.fake.clone(), ready: false }
    }
}

impl<B> Service<Request<B>> for Network
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: std::fmt::Debug + Send,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called before it was ready");
        let fake = self.fake.clone();
        Box::pin(async move { Ok(fake.answer(request).await) })
    }
}

/// Sends `request` through the layer of `client` to `fake`.
pub async fn send(client: &EasyAuthClient, fake: &Fake, request: Request<AnyBody>) -> Answer {
    let service = tower::Layer::layer(&client.layer(), Network::of(fake));
    Answer::read(service.oneshot(request).await.unwrap()).await
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub not_healed: Option<easyauth::client::ClientError>,
}

impl Answer {
    pub async fn read<B: Body>(response: Response<B>) -> Self
    where
        B::Error: std::fmt::Debug,
    {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
            not_healed: parts
                .extensions
                .get::<easyauth::client::NotHealed>()
                .map(|not_healed| not_healed.0.clone()),
        }
    }
}

pub fn get(path: &str) -> Request<AnyBody> {
    Request::get(format!("{ORIGIN}{path}")).body(full("")).unwrap()
}

pub fn post(path: &str, body: AnyBody) -> Request<AnyBody> {
    Request::post(format!("{ORIGIN}{path}")).body(body).unwrap()
}
