//! An application behind the layer. It answers every request with what it received.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use easyauth::{Config, ConfigBuilder, EasyAuth, EasyAuthLayer, Key, Principal, Refusal};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceExt};

use super::{FakeProvider, Log, ManualClock, TestStore, network};

/// The application behind the layer. Clones are the same one.
#[derive(Clone)]
pub struct App {
    service: EasyAuth<Echo>,
    pub clock: ManualClock,
}

impl App {
    /// An application of this configuration.
    pub fn new(config: Config, clock: &ManualClock) -> Self {
        Self::behind(&EasyAuthLayer::new(config), clock)
    }

    /// An application behind this layer.
    pub fn behind(layer: &EasyAuthLayer, clock: &ManualClock) -> Self {
        Self { service: layer.layer(Echo::default()), clock: clock.clone() }
    }

    /// How many requests have got through the layer.
    pub fn calls(&self) -> usize {
        self.service.get_ref().calls.load(Ordering::Relaxed)
    }

    pub async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let response = self.service.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let refusal = parts.extensions.get::<Refusal>().cloned();
        Answer { status: parts.status, headers: parts.headers, body, refusal }
    }
}

/// The configuration that stories start from: `https://app.example`, its keys, `providers`, and
/// records in `store`.
pub fn config(providers: &[FakeProvider], store: &TestStore, clock: &ManualClock) -> ConfigBuilder {
    Log::install();
    let config = Config::builder()
        .public_origin("https://app.example")
        .encryption_keys([key(1)])
        .signing_keys([key(2)])
        .user_id_key(key(3))
        .token_store(store.clone())
        .clock(clock.clone())
        .http_client(network(providers));
    providers.iter().fold(config, |config, provider| config.provider(provider.settings()))
}

/// A key that looks random and is not.
pub fn key(number: u8) -> Key {
    let bytes: Vec<u8> = (0..32).map(|step: u8| step.wrapping_mul(37) ^ number).collect();
    Key::from_bytes(&bytes).unwrap()
}

/// An answer, read whole.
#[derive(Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Why the layer answered and not the application.
    pub refusal: Option<Refusal>,
}

/// What is worth reading when a story goes wrong.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        let words = body.split("</style>").last().unwrap_or_default();
        let words: String = words.chars().take(400).collect();
        write!(f, "{} {:?} {words}", self.status, self.headers)?;
        self.refusal.iter().try_for_each(|refusal| write!(f, " {refusal:?}"))
    }
}

impl Answer {
    pub fn location(&self) -> &str {
        assert!(self.status.is_redirection(), "{self:?}");
        self.header("location").unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// What this answer sets cookies to, as lines.
    pub fn set_cookies(&self) -> Vec<&str> {
        let lines = self.headers.get_all(header::SET_COOKIE).iter();
        lines.map(|line| line.to_str().unwrap()).collect()
    }

    /// Whether this answer gives the browser a session.
    pub fn gives_session(&self) -> bool {
        self.set_cookies()
            .iter()
            .any(|line| line.starts_with("AppServiceAuthSession") && !line.contains("=deleted;"))
    }

    /// The sub-status of a refusal, as the original writes it: `401.71`.
    pub fn sub_status(&self) -> String {
        let refusal = self.refusal.as_ref().expect("a refusal");
        format!("{}.{}", self.status.as_u16(), refusal.sub_status.code())
    }

    /// The application's word for it: who it took the request to come from.
    pub fn principal(&self) -> Value {
        self.app()["principal"].clone()
    }

    /// The user id that the application saw; `None` if nobody.
    pub fn user(&self) -> Option<String> {
        self.principal()["user_id"].as_str().map(str::to_owned)
    }

    /// The values under which the application saw a request header.
    pub fn seen(&self, name: &str) -> Vec<String> {
        let headers = self.app()["headers"].as_array().unwrap().clone();
        let pairs = headers.into_iter().filter(|pair| pair[0] == name);
        pairs.map(|pair| pair[1].as_str().unwrap().to_owned()).collect()
    }

    /// What the application answered.
    pub fn app(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        assert!(self.refusal.is_none(), "{self:?}");
        self.json()
    }
}

/// The application itself.
#[derive(Clone, Default)]
struct Echo {
    calls: Arc<AtomicUsize>,
}

impl Service<Request<Full<Bytes>>> for Echo {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let line = |(name, value): (&HeaderName, &http::HeaderValue)| {
            json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())])
        };
        let principal = request.extensions().get::<Principal>().map(|principal| {
            json!({
                "provider": principal.provider().as_str(),
                "user_id": principal.user_id(),
                "name": principal.name(),
                "name_type": principal.name_type(),
                "claims": principal.claims(),
                "has_tokens": principal.tokens().is_some(),
            })
        });
        let document = json!({
            "method": request.method().as_str(),
            "path": request.uri().to_string(),
            "headers": request.headers().iter().map(line).collect::<Vec<_>>(),
            "principal": principal,
        });
        ready(Ok(Response::new(Full::from(document.to_string()))))
    }
}
