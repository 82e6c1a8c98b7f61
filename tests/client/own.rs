//! Against our own server: its tokens expire, its keys are replaced, and programs go on.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use easyauth::client::{ClientError, EasyAuthClient, MemoryUserStore, ProviderToken};
use easyauth::http_client::HttpClient;
use easyauth::{Config, ConfigBuilder, EasyAuthLayer, Unauthenticated};
use futures_util::future::join_all;
use http::{Request, Response, Version, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer as _, ServiceExt as _, service_fn};

use crate::bodies::of_all_kinds;
use crate::fake::{Answer, AnyBody, full};
use crate::support::{
    App, Browser, Document, FakeProvider, ManualClock, Story, TestStore, config, key,
};

const HOUR: Duration = Duration::from_secs(3_600);

/// What a program gets that signs `user` in by itself.
fn provider_token(provider: &FakeProvider, user: &str) -> ProviderToken {
    let tokens = provider.hand_out(user);
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    ProviderToken::id(text("id_token"))
        .with("access_token", text("access_token"))
        .with("refresh_token", text("refresh_token"))
        .expires_in(HOUR)
}

/// An application on a port of loopback that says who asks, and what was sent. Its layer can be
/// replaced, as by a restart with other settings.
#[derive(Clone)]
struct Server {
    origin: String,
    layer: Arc<Mutex<EasyAuthLayer>>,
    provider: FakeProvider,
    store: TestStore,
    clock: ManualClock,
}

impl Server {
    async fn start(change: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let clock = ManualClock::new();
        let (store, provider) = (TestStore::new(), FakeProvider::new("op", &clock));
        let config = config(std::slice::from_ref(&provider), &store, &clock);
        let config = change(config.public_origin(&origin)).build().unwrap();
        let layer = Arc::new(Mutex::new(EasyAuthLayer::new(config)));
        let server = Self { origin, layer, provider, store, clock };
        tokio::spawn(server.clone().serve(listener));
        server
    }

    async fn serve(self, listener: TcpListener) {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let server = self.clone();
            let service = TowerToHyperService::new(service_fn(move |request| {
                let service = server.layer.lock().unwrap().layer(service_fn(application));
                service.oneshot(request)
            }));
            tokio::spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    fn restart(&self, change: impl FnOnce(ConfigBuilder) -> ConfigBuilder) {
        let config = config(std::slice::from_ref(&self.provider), &self.store, &self.clock);
        let config: Config = change(config.public_origin(&self.origin)).build().unwrap();
        *self.layer.lock().unwrap() = EasyAuthLayer::new(config);
    }

    /// A client at which Alice is signed in.
    async fn client(&self) -> EasyAuthClient {
        let client =
            EasyAuthClient::builder(&self.origin).clock(self.clock.clone()).build().unwrap();
        let user = client.login_with_token("op", &provider_token(&self.provider, "alice")).await;
        assert!(user.unwrap().user_id().starts_with("sid:"));
        self.provider.take_asked();
        client
    }

    /// How often the provider was asked for tokens.
    fn refreshes(&self) -> usize {
        self.provider.take_asked().into_iter().filter(|asked| *asked == Document::Token).count()
    }

    /// `count` posts at once; each must come back as it was sent.
    async fn post(&self, client: &EasyAuthClient, version: Version, count: usize) -> Vec<Answer> {
        // HTTP/2 servers take it ill if hundreds of bodies go on after their answers in one connection.
        let networks: Vec<Client<_, _>> = (0..count.div_ceil(50))
            .map(|_| {
                Client::builder(TokioExecutor::new())
                    .http2_only(version == Version::HTTP_2)
                    .build::<_, _>(HttpConnector::new())
            })
            .collect();
        let requests = (0..count).map(|number| {
            let request: Request<AnyBody> = Request::post(format!("{}/{number}", self.origin))
                .body(of_all_kinds(number))
                .unwrap();
            let network = networks[number % networks.len()].clone();
            let service = client.layer().layer(network);
            async move {
                let answer = service.oneshot(request).await;
                let answer = answer.unwrap_or_else(|error| panic!("{version:?} {count} {error:?}"));
                assert_eq!(answer.version(), version);
                Answer::read(answer).await
            }
        });
        join_all(requests).await
    }
}

async fn application(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let mut response = Response::new(Full::new(body.collect().await.unwrap().to_bytes()));
    if let Some(user) = parts.headers.get("x-ms-client-principal-id") {
        response.headers_mut().insert("x-user", user.clone());
    }
    Ok(response)
}

async fn assert_all_intact(answers: &[Answer]) {
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer.status, 200, "{number} {answer:?}");
        assert_eq!(answer.headers["x-user"], "alice");
        let sent = of_all_kinds(number).collect().await.unwrap().to_bytes();
        assert_eq!(answer.body, sent, "{number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_token_is_refreshed_once_for_all_over_http_1_and_2() {
    for (version, count) in [
        (Version::HTTP_11, 50),
        (Version::HTTP_2, 50),
        (Version::HTTP_11, 1_000),
        (Version::HTTP_2, 1_000),
    ] {
        let server = Server::start(|config| config).await;
        let client = server.client().await;
        let before = client.user().await.unwrap();
        server.clock.advance(HOUR + Duration::from_secs(1));

        let answers = server.post(&client, version, count).await;

        assert_all_intact(&answers).await;
        assert_eq!(server.refreshes(), 1, "{version:?} {count}");
        let after = client.user().await.unwrap();
        assert_eq!(after.user_id(), before.user_id());
        assert!(after.expires_at() > before.expires_at());
        assert_eq!(client.me().await.unwrap()[0].provider_name, "op");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_superseded_tokens_is_asked_once_as_well() {
    let server = Server::start(|config| config.strict_rotation(true)).await;
    let client = server.client().await;
    for _ in 0..3 {
        server.clock.advance(HOUR + Duration::from_secs(1));
        let answers = server.post(&client, Version::HTTP_2, 50).await;
        assert_all_intact(&answers).await;
        assert_eq!(server.refreshes(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_regenerated_key_means_one_login_for_all() {
    let server = Server::start(|config| config).await;
    let logins = Arc::new(AtomicUsize::new(0));
    let (counted, provider) = (Arc::clone(&logins), server.provider.clone());
    let user = server.client().await.user().await.unwrap();
    let client = EasyAuthClient::builder(&server.origin)
        .clock(server.clock.clone())
        .user_store(MemoryUserStore::with(user.clone()))
        .login(move |login| {
            counted.fetch_add(1, SeqCst);
            let token = provider_token(&provider, "alice");
            async move { Ok(login.with_token("op", &token).await?) }
        })
        .build()
        .unwrap();
    assert_all_intact(&server.post(&client, Version::HTTP_11, 3).await).await;
    server.restart(|config| config.signing_keys([key(9)]));

    let answers = server.post(&client, Version::HTTP_11, 50).await;

    assert_all_intact(&answers).await;
    assert_eq!(logins.load(SeqCst), 1);
    assert_ne!(client.user().await.unwrap(), user);
}

#[tokio::test]
async fn strangers_are_told_401_and_not_sent_to_a_login_page() {
    let server = Server::start(|config| config).await;
    let client = EasyAuthClient::builder(&server.origin).build().unwrap();
    let service = client.layer().layer(Client::builder(TokioExecutor::new()).build_http());
    let request = Request::get(format!("{}/", server.origin)).body(full("")).unwrap();

    let answer = Answer::read(service.oneshot(request).await.unwrap()).await;

    assert_eq!(answer.status, 401);
    assert!(matches!(answer.not_healed, Some(ClientError::NotSignedIn)), "{answer:?}");
    let refused = client.login_with_token("op", &ProviderToken::id("forged")).await.unwrap_err();
    assert_eq!(refused.status().unwrap(), 401);
    assert!(refused.to_string().starts_with("The application does not accept these credentials."));
}

#[tokio::test]
async fn signing_out_ends_the_session_there_too() {
    let server = Server::start(|config| config.unauthenticated(Unauthenticated::Reject401)).await;
    let client = server.client().await;
    let user = client.user().await.unwrap();

    client.logout().await.unwrap();

    assert!(client.user().await.is_none());
    client.set_user(user).await.unwrap();
    let refused = client.refresh_user().await.unwrap_err();
    assert_eq!(refused.to_string().split_once(" (").unwrap().0, "Credentials are no longer valid.");
    assert!(client.user().await.is_none());
}

/// The way to `app` without a network.
fn in_process(app: &App) -> HttpClient {
    let app = app.clone();
    BoxCloneSyncService::new(service_fn(move |request: Request<Bytes>| {
        let app = app.clone();
        async move {
            let (mut parts, body) = request.into_parts();
            parts.uri = parts.uri.path_and_query().unwrap().as_str().parse().unwrap();
            parts.headers.insert(header::HOST, header::HeaderValue::from_static("app.example"));
            let answer = app.send(Request::from_parts(parts, Full::new(body))).await;
            let mut response = Response::new(answer.body);
            (*response.status_mut(), *response.headers_mut()) = (answer.status, answer.headers);
            Ok::<_, BoxError>(response)
        }
    }))
}

#[tokio::test]
async fn a_browser_signs_a_program_in_by_a_code_on_loopback() {
    let mut story = Story::with(|config| {
        config.allowed_external_redirect_urls(["http://127.0.0.1/easyauth.callback"])
    });
    let client = EasyAuthClient::builder("https://app.example")
        .http_client(in_process(&story.app))
        .clock(story.clock.clone())
        .build()
        .unwrap();
    let waiting = crate::browser::Waiting::begin_at(&client, "op").await;

    let login = waiting.address.strip_prefix("https://app.example").unwrap().to_owned();
    let there = url::Url::parse(story.browser.visit(&login).await.location()).unwrap();
    let answer = story.browser.come_back(&story.provider.authorize(&there, "alice")).await;
    let (callback, fragment) = answer.location().split_once('#').unwrap();
    assert_eq!(callback, waiting.callback());
    // Whoever saw the code on its way has no verifier.
    let stolen = Browser::new(&story.app)
        .fetch(&format!("/.auth/login/op/token?{fragment}&code_verifier=guessed"))
        .await;
    assert_eq!(stolen.status, 400);
    let told = waiting.bring(fragment).await;

    assert_eq!(told.body(), "You are signed in. You can close this window.", "{told:?}");
    let user = waiting.login.await.unwrap().unwrap();
    assert!(user.user_id().starts_with("sid:"));
    assert_eq!(client.me().await.unwrap()[0].provider_name, "op");
}
