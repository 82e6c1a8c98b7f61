//! What every measurement shares: an application, the layer around it, and a browser's request.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "each measurement needs a part, and one that goes wrong says so by a panic"
)]

#[path = "../../tests/support/mod.rs"]
mod cast;

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::BytesMut;
use easyauth::clock::{Clock, SystemClock};
use easyauth::store::{FileStore, MemoryStore};
use easyauth::{ConfigBuilder, EasyAuthLayer, Unauthenticated};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use tokio::runtime::Runtime;
use tower::{Layer, Service, ServiceExt};

use self::cast::{App, Browser, FakeProvider, ManualClock, SigningKey, TestStore, network};

/// Something that is done to every case.
pub trait Measure {
    /// `service` answers `request` with `status`.
    fn case<S, B>(
        &mut self,
        runtime: &Runtime,
        name: &'static str,
        service: S,
        request: &Template,
        status: StatusCode,
    ) where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible>;

    /// As [`case`](Self::case), with the layer around the application as the outermost service.
    fn layered(
        &mut self,
        runtime: &Runtime,
        name: &'static str,
        layer: &EasyAuthLayer,
        request: &Template,
        status: StatusCode,
    ) {
        self.case(runtime, name, layer.layer(application()), request, status);
    }
}

/// Everything that is measured of a request.
pub fn all(measure: &mut impl Measure) {
    let runtime = runtime();
    let ok = StatusCode::OK;
    let warm = session(&runtime, |config| config.token_store(MemoryStore::new()));
    let bare = warm.request.clone();
    measure.case(&runtime, "bare", application(), &bare, ok);
    measure.layered(&runtime, "nobody", &warm.layer, &Template::new(None), ok);
    measure.layered(&runtime, "signed in", &warm.layer, &warm.request, ok);
    let boxed = application().layer(warm.layer.clone());
    measure.case(&runtime, "signed in, by Router::layer", boxed, &warm.request, ok);
    measure.layered(&runtime, "six spoofed headers", &warm.layer, &warm.request.spoofed(), ok);

    let storeless = session(&runtime, ConfigBuilder::without_token_store);
    measure.layered(&runtime, "signed in, no store", &storeless.layer, &storeless.request, ok);
    let strict = session(&runtime, |config| {
        config.without_token_store().unauthenticated(Unauthenticated::Reject401)
    });
    let forged = strict.request.forged();
    measure.layered(&runtime, "forged", &strict.layer, &forged, StatusCode::UNAUTHORIZED);

    let (layer, request) = bearer();
    measure.layered(&runtime, "bearer", &layer, &request, ok);

    let miss = session(&runtime, |config| {
        config.token_store(MemoryStore::new()).revalidate_after(Duration::ZERO)
    });
    measure.layered(&runtime, "miss, memory store", &miss.layer, &miss.request, ok);
    let directory = tempfile::tempdir().unwrap();
    let files = runtime.block_on(FileStore::open(directory.path())).unwrap();
    let miss =
        session(&runtime, |config| config.token_store(files).revalidate_after(Duration::ZERO));
    measure.layered(&runtime, "miss, file store", &miss.layer, &miss.request, ok);
}

/// A layer, and a request with a session that it gave at a real sign-in.
pub struct Session {
    pub layer: EasyAuthLayer,
    pub request: Template,
}

/// Somebody signs in at an application that is configured like this.
pub fn session(runtime: &Runtime, change: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Session {
    let node = Node::new(change);
    let cookies = node.sign_in(runtime, "alice");
    Session { layer: node.layer, request: Template::new(Some(&cookies)) }
}

/// A layer that takes bearer tokens, and a request with one.
fn bearer() -> (EasyAuthLayer, Template) {
    let clock = ManualClock::new();
    clock.set(SystemClock::new().now());
    let provider = FakeProvider::new("op", &clock);
    provider.rotate_to(SigningKey::es256("k2"));
    let token = provider.access_token("alice", "api://orders", |_| {});
    let config = cast::config(&[], &TestStore::new(), &clock)
        .clock(SystemClock::new())
        .http_client(network(std::slice::from_ref(&provider)))
        .provider(provider.settings().accept_bearer_tokens(["api://orders"]));
    let request = Template::new(None).with(header::AUTHORIZATION, &format!("Bearer {token}"));
    (EasyAuthLayer::new(config.build().unwrap()), request)
}

/// A layer, an application behind it and the provider of its users.
pub struct Node {
    pub layer: EasyAuthLayer,
    app: App,
    clock: ManualClock,
    provider: FakeProvider,
}

impl Node {
    pub fn new(change: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        let clock = ManualClock::new();
        let provider = FakeProvider::new("op", &clock);
        // It signs faster than with RSA, and nobody else is to be measured.
        provider.rotate_to(SigningKey::es256("k2"));
        let config = cast::config(std::slice::from_ref(&provider), &TestStore::new(), &clock)
            .clock(SystemClock::new())
            .revalidate_after(NEVER)
            .unauthenticated(Unauthenticated::Allow);
        let layer = EasyAuthLayer::new(change(config).build().unwrap());
        let app = App::behind(&layer, &clock);
        Self { layer, app, clock, provider }
    }

    /// The cookies of a browser in which `user` has signed in.
    pub fn sign_in(&self, runtime: &Runtime, user: &str) -> String {
        self.clock.set(SystemClock::new().now());
        let mut browser = Browser::new(&self.app);
        runtime.block_on(browser.sign_in(&self.provider, user));
        self.provider.forget();
        let cookies = browser.cookies();
        let cookies = cookies.iter().map(|(name, value)| format!("{name}={value}"));
        cookies.collect::<Vec<_>>().join("; ")
    }
}

/// The application itself.
pub fn application() -> Router {
    Router::new().route("/", get(async || "hello"))
}

pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Serves one request.
pub async fn ask<S, B>(service: &mut S, request: &Template) -> Response<B>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
{
    let ready = service.ready().await.unwrap_or_else(|never| match never {});
    ready.call(request.build()).await.unwrap_or_else(|never| match never {})
}

/// What a browser sends. The values share one buffer, as those that hyper parsed do.
#[derive(Clone)]
pub struct Template(HeaderMap);

impl Template {
    pub fn new(cookies: Option<&str>) -> Self {
        let cookies = [Some("_ga=GA1.1.1583412345.1760000000"), cookies, Some("theme=dark")];
        let cookies = cookies.into_iter().flatten().collect::<Vec<_>>().join("; ");
        let mut headers: Vec<(HeaderName, &str)> =
            BROWSER.iter().map(|(name, value)| (HeaderName::from_static(name), *value)).collect();
        headers.push((header::COOKIE, &cookies));
        Self(shared(&headers))
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.0.insert(name, value.try_into().unwrap());
        self
    }

    fn spoofed(&self) -> Self {
        let mut spoofed = self.0.clone();
        for name in SPOOFED {
            spoofed.insert(name, HeaderValue::from_static("admin"));
        }
        Self(spoofed)
    }

    /// The same request with a session that does not open.
    fn forged(&self) -> Self {
        let mut forged = self.0.clone();
        let cookies = forged[header::COOKIE].to_str().unwrap();
        let cookies = cookies.replace("AppServiceAuthSession=1", "AppServiceAuthSession=1AAAAAAAA");
        forged.insert(header::COOKIE, cookies.try_into().unwrap());
        Self(forged)
    }

    fn build(&self) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = Uri::from_static("/");
        *request.headers_mut() = self.0.clone();
        request
    }
}

fn shared(headers: &[(HeaderName, &str)]) -> HeaderMap {
    let mut buffer = BytesMut::new();
    headers.iter().for_each(|(_, value)| buffer.extend_from_slice(value.as_bytes()));
    let mut rest = buffer.freeze();
    let mut value = |length| HeaderValue::from_maybe_shared(rest.split_to(length)).unwrap();
    headers.iter().map(|(name, text)| (name.clone(), value(text.len()))).collect()
}

const BROWSER: [(&str, &str); 11] = [
    ("host", "app.example"),
    ("connection", "keep-alive"),
    ("cache-control", "max-age=0"),
    ("upgrade-insecure-requests", "1"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("accept-language", "en-GB,en;q=0.7,mi;q=0.3"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "same-origin"),
];

const SPOOFED: [&str; 6] = [
    "x-ms-client-principal",
    "x-ms-client-principal-id",
    "x-ms-client-principal-name",
    "x-ms-client-principal-idp",
    "x-ms-token-aad-access-token",
    "x-ms-token-aad-id-token",
];

/// So that no count has a revalidation in it.
const NEVER: Duration = Duration::from_secs(3_600);
