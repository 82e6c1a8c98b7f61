//! What the suites around the layer share: a provider on loopback, and a browser's way through it.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each suite uses some of it, and one that goes wrong says so by a panic"
)]

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use easyauth::clock::Timestamp;
use easyauth::dev_idp::DevIdp;
use easyauth::provider::OpenIdConnect;
use easyauth::store::{
    BoxFuture, Entry, MemoryStore, Scope, StoreError, TokenStore, UserKey, Version,
};
use easyauth::{Config, ConfigBuilder, EasyAuthLayer};
use http::{HeaderMap, Request, Response, Uri, header};
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{Layer as _, ServiceExt as _, service_fn};

/// A layer, and a provider at which everybody is Alice.
pub struct Bed {
    pub config: Config,
    pub layer: EasyAuthLayer,
    idp: DevIdp,
}

impl Bed {
    /// A bed with records in memory; `change` has the last word on its configuration.
    pub async fn new(change: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        Self::at("http://127.0.0.1:8080", change).await
    }

    /// A bed whose application is at `origin`.
    pub async fn at(origin: &str, change: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        let idp = DevIdp::builder().sign_in_automatically_as("alice").start().await.unwrap();
        let provider =
            OpenIdConnect::new("dev", idp.issuer(), idp.client_id(), idp.client_secret());
        let builder = Config::builder()
            .public_origin(origin)
            .token_store(MemoryStore::new())
            .provider(provider);
        Self::of(change(builder).build().unwrap(), idp)
    }

    /// A bed with a configuration of its own, which names the provider `dev`.
    pub fn of(config: Config, idp: DevIdp) -> Self {
        Self { layer: EasyAuthLayer::new(config.clone()), config, idp }
    }

    /// A layer with the same keys and records that remembers nobody.
    pub fn cold(&self) -> EasyAuthLayer {
        EasyAuthLayer::new(self.config.clone())
    }

    /// Signs Alice in, and returns what her browser then sends as `Cookie`.
    pub async fn cookie(&self) -> String {
        let begun = self.get("/.auth/login/dev", "").await;
        let at_idp = fetch(&location(&begun)).await;
        let callback: Uri = location(&at_idp).parse().unwrap();
        let path = callback.path_and_query().unwrap().as_str();
        let finished = self.get(path, &cookies(&begun)).await;
        let cookies = cookies(&finished);
        assert!(cookies.contains("AppServiceAuthSession="), "{finished:?}");
        cookies
    }

    async fn get(&self, path: &str, cookie: &str) -> HeaderMap {
        let service = self.layer.layer(service_fn(async |_: Request<String>| {
            Ok::<_, Infallible>(Response::new(String::new()))
        }));
        let request = Request::get(path).header(header::COOKIE, cookie).body(String::new());
        service.oneshot(request.unwrap()).await.unwrap().into_parts().0.headers
    }
}

/// What a browser sends back of the cookies that `response` sets.
pub fn cookies(response: &HeaderMap) -> String {
    let lines = response.get_all(header::SET_COOKIE).iter().map(|line| line.to_str().unwrap());
    let pairs = lines.map(|line| line.split(';').next().unwrap());
    pairs.filter(|pair| !pair.ends_with('=')).collect::<Vec<_>>().join("; ")
}

/// Where `response` sends a browser.
pub fn location(response: &HeaderMap) -> String {
    response.get(header::LOCATION).expect("a redirect").to_str().unwrap().to_owned()
}

/// Follows a redirect to the provider; what comes back are the headers of its answer.
pub async fn fetch(url: &str) -> HeaderMap {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    client.get(url.parse().unwrap()).await.unwrap().headers().clone()
}

/// A store that hangs, or fails, while it is told to.
#[derive(Clone, Debug)]
pub struct MoodyStore(Arc<Mood>);

#[derive(Debug)]
struct Mood {
    store: MemoryStore,
    hangs: AtomicBool,
    fails: AtomicBool,
}

impl MoodyStore {
    pub fn new() -> Self {
        Self(Arc::new(Mood {
            store: MemoryStore::new(),
            hangs: AtomicBool::new(false),
            fails: AtomicBool::new(false),
        }))
    }

    /// Whether loads begun from now on hang for ever.
    pub fn hang(&self, hangs: bool) {
        self.0.hangs.store(hangs, Ordering::SeqCst);
    }

    /// Whether loads begun from now on fail.
    pub fn fail(&self, fails: bool) {
        self.0.fails.store(fails, Ordering::SeqCst);
    }
}

impl TokenStore for MoodyStore {
    fn scope(&self) -> Scope {
        self.0.store.scope()
    }

    fn load<'a>(&'a self, key: &'a UserKey) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        Box::pin(async move {
            if self.0.hangs.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            if self.0.fails.load(Ordering::SeqCst) {
                return Err(StoreError::unavailable(io::Error::other("out of sorts")));
            }
            self.0.store.load(key).await
        })
    }

    fn create<'a>(
        &'a self,
        key: &'a UserKey,
        expires_at: Timestamp,
        sealed: Bytes,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        self.0.store.create(key, expires_at, sealed)
    }

    fn replace<'a>(
        &'a self,
        key: &'a UserKey,
        version: &'a Version,
        expires_at: Timestamp,
        sealed: Bytes,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        self.0.store.replace(key, version, expires_at, sealed)
    }

    fn delete<'a>(
        &'a self,
        key: &'a UserKey,
        version: &'a Version,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.0.store.delete(key, version)
    }

    fn sweep(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.0.store.sweep(now)
    }
}
