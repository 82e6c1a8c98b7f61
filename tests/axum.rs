//! The layer in axum: wherever a layer can stand in a router, and among other middlewares.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "these are tests")]

mod parts;

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{Path, Request};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;
use axum::routing::{any, get, get_service};
use axum::{Json, Router};
use bytes::Bytes;
use easyauth::{EasyAuthLayer, Principal, Unauthenticated};
use http_body_util::BodyExt as _;
use hyper::client::conn::http2;
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer as _, Service, ServiceBuilder, ServiceExt as _, service_fn};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::map_response_body::MapResponseBodyLayer;
use tower_http::normalize_path::NormalizePathLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use self::parts::{Bed, location};

/// Says who asks, by the header and by the extractor.
async fn whoami(principal: Option<Principal>, headers: HeaderMap) -> String {
    let named = headers.get("x-ms-client-principal-name");
    let named = named.map_or("nobody", |name| name.to_str().unwrap());
    let extracted = principal.as_ref().map_or("nobody", Principal::name);
    assert_eq!(named, extracted);
    extracted.to_owned()
}

fn app() -> Router {
    Router::new().route("/", get(whoami)).route("/page", get(whoami))
}

async fn bed(unauthenticated: Unauthenticated) -> Bed {
    Bed::new(|builder| {
        builder.unauthenticated(unauthenticated).excluded_paths(["/public/*", "/health"])
    })
    .await
}

/// The answer to `GET path` with these cookies.
async fn ask<S, B>(service: &S, path: &str, cookie: &str) -> (StatusCode, String)
where
    S: Service<Request, Response = http::Response<B>> + Clone,
    S::Error: std::fmt::Debug,
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    let request = Request::get(path).header(header::COOKIE, cookie).header("accept", "text/plain");
    let request = request.body(Body::empty()).unwrap();
    let response = service.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

const ALICE: (StatusCode, &str) = (StatusCode::OK, "Alice Archer");
const NOBODY: (StatusCode, &str) = (StatusCode::OK, "nobody");

/// That Alice is served at `path`, anybody else is not, and our routes are there if they are to be.
async fn expect_gate<S, B>(service: &S, bed: &Bed, path: &str, with_routes: bool)
where
    S: Service<Request, Response = http::Response<B>> + Clone,
    S::Error: std::fmt::Debug,
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    let cookie = bed.cookie().await;
    let (status, body) = ask(service, path, &cookie).await;
    assert_eq!((status, body.as_str()), ALICE, "{path}");
    assert_eq!(ask(service, path, "").await.0, StatusCode::UNAUTHORIZED, "{path}");
    let (status, me) = ask(service, "/.auth/me", &cookie).await;
    if with_routes {
        assert_eq!(status, StatusCode::OK, "{me}");
        assert!(me.contains("Alice Archer"), "{me}");
        assert_eq!(ask(service, "/.auth/me", "").await.0, StatusCode::UNAUTHORIZED);
    } else {
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn router_layer_guards_all_and_serves_our_routes_though_none_is_routed() {
    let bed = bed(Unauthenticated::Reject401).await;
    let router = app().layer(bed.layer.clone());

    expect_gate(&router, &bed, "/page", true).await;
    assert_eq!(ask(&router, "/nowhere", "").await.0, StatusCode::UNAUTHORIZED);
    let cookie = bed.cookie().await;
    assert_eq!(ask(&router, "/nowhere", &cookie).await.0, StatusCode::NOT_FOUND);
    assert_eq!(ask(&router, "/.auth/nowhere", &cookie).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_applications_own_fallback_is_guarded_too() {
    let bed = bed(Unauthenticated::Reject401).await;
    let router = app().fallback(whoami).layer(bed.layer.clone());

    expect_gate(&router, &bed, "/nowhere", true).await;
    let (status, body) = ask(&router, "/public/x", "").await;
    assert_eq!((status, body.as_str()), NOBODY);
}

#[tokio::test]
async fn a_route_of_the_application_below_our_prefix_is_never_reached() {
    let bed = bed(Unauthenticated::Allow).await;
    let router =
        app().route("/.auth/{*rest}", any(async || "the application's")).layer(bed.layer.clone());

    for path in ["/.auth/me", "/.auth/x", "/.AUTH/me", "/.auth/%6de", "/.auth/me;x"] {
        let (status, body) = ask(&router, path, "").await;
        assert!(status.is_client_error(), "{path}: {status}");
        assert_ne!(body, "the application's", "{path}");
    }
}

#[tokio::test]
async fn route_layer_only_gates() {
    let bed = bed(Unauthenticated::Reject401).await;
    let router = app().route_layer(bed.layer.clone()).route("/free", get(whoami));

    expect_gate(&router, &bed, "/page", false).await;
    let (status, body) = ask(&router, "/free", "").await;
    assert_eq!((status, body.as_str()), NOBODY);
    // Not ours: there is no layer around it.
    assert_eq!(ask(&router, "/nowhere", "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_handler_gates_itself_where_the_layer_lets_everybody_through() {
    let outer = bed(Unauthenticated::Allow).await;
    let router = Router::new()
        .route("/", get(whoami))
        .route("/page", get(async |principal: Principal| principal.name().to_owned()))
        .layer(outer.layer.clone());
    let cookie = outer.cookie().await;

    assert_eq!(ask(&router, "/", "").await, (NOBODY.0, NOBODY.1.to_owned()));
    assert_eq!(ask(&router, "/page", &cookie).await, (ALICE.0, ALICE.1.to_owned()));
    let (status, body) = ask(&router, "/page", "").await;
    assert_eq!((status, body), (StatusCode::UNAUTHORIZED, "nobody is signed in".to_owned()));
}

#[tokio::test]
async fn method_router_layer_gates_its_route() {
    let bed = bed(Unauthenticated::Reject401).await;
    let gated = get(whoami).layer(bed.layer.clone());
    let router = Router::new().route("/page", gated).route("/free", get(whoami));

    expect_gate(&router, &bed, "/page", false).await;
    assert_eq!(ask(&router, "/free", "").await, (NOBODY.0, NOBODY.1.to_owned()));
}

#[tokio::test]
async fn nested_routers_are_guarded_from_outside() {
    let bed = bed(Unauthenticated::Reject401).await;
    let nested = Router::new().nest("/inner", app()).layer(bed.layer.clone());
    let service = Router::new().nest_service("/inner", app()).layer(bed.layer.clone());

    for router in [nested, service] {
        expect_gate(&router, &bed, "/inner/page", true).await;
    }
}

#[tokio::test]
async fn inside_a_nested_router_the_original_uri_decides() {
    let bed = bed(Unauthenticated::Reject401).await;
    let layered = || app().route("/health", get(whoami)).layer(bed.layer.clone());
    let nested = Router::new().nest("/inner", layered());
    let service = Router::new().nest_service("/inner", layered());
    let public = Router::new().nest("/public", layered());

    for router in [nested, service] {
        expect_gate(&router, &bed, "/inner/page", false).await;
        // `/health` is open, and `/inner/health` is another path.
        assert_eq!(ask(&router, "/inner/health", "").await.0, StatusCode::UNAUTHORIZED);
        // Not at our prefix, whatever the nested router makes of it. (`nest` takes routes over
        // with their layers, and drops the fallback.)
        let (status, _) = ask(&router, "/inner/.auth/version", "").await;
        assert!(matches!(status.as_u16(), 401 | 404), "{status}");
    }
    assert_eq!(ask(&public, "/public/page", "").await, (NOBODY.0, NOBODY.1.to_owned()));
}

#[tokio::test]
async fn inside_a_nested_router_a_prefix_below_its_path_serves_our_routes() {
    let bed = Bed::new(|builder| {
        builder.api_prefix("/inner/.auth").unauthenticated(Unauthenticated::RedirectToLogin)
    })
    .await;
    let router = Router::new().nest_service("/inner", app().layer(bed.layer.clone()));

    assert_eq!(ask(&router, "/inner/.auth/me", "").await.0, StatusCode::UNAUTHORIZED);
    // At another host than the origin, all that leads to the origin keeps the whole path.
    for (path, expected) in [
        ("/inner/.auth/login/dev?x=1", "http://127.0.0.1:8080/inner/.auth/login/dev?x=1&"),
        ("/inner/page", "http://127.0.0.1:8080/inner/.auth/login/dev?"),
    ] {
        let request = Request::get(path).header(header::HOST, "other.example");
        let request = request.body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::FOUND, "{path}");
        let location = location(response.headers());
        assert!(location.starts_with(expected), "{path}: {location}");
    }
}

#[tokio::test]
async fn a_layer_inside_another_keeps_what_the_outer_one_has_decided() {
    let outer = bed(Unauthenticated::Reject401).await;
    let inner = bed(Unauthenticated::Reject401).await;
    let router = app().layer(inner.layer.clone()).layer(outer.layer.clone());
    let (to_outer, to_inner) = (outer.cookie().await, inner.cookie().await);

    assert_eq!(ask(&router, "/page", &to_outer).await, (ALICE.0, ALICE.1.to_owned()));
    assert_eq!(ask(&router, "/page", &to_inner).await.0, StatusCode::UNAUTHORIZED);
    // Whom the outer one lets through unknown, the inner one judges itself.
    let outer = bed(Unauthenticated::Allow).await;
    let router = app().layer(inner.layer.clone()).layer(outer.layer.clone());
    assert_eq!(ask(&router, "/page", "").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&router, "/page", &to_inner).await, (ALICE.0, ALICE.1.to_owned()));
    let forged = Request::get("/page").header("x-ms-client-principal-name", "mallory");
    let forged = router.oneshot(forged.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(forged.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn extractors_give_the_principal_or_refuse() {
    let bed = bed(Unauthenticated::Allow).await;
    let router = Router::new()
        .route("/must", get(async |principal: Principal| Json(!principal.claims().is_empty())))
        .route("/may", get(async |principal: Option<Principal>| Json(principal.is_some())));
    let layered = router.clone().layer(bed.layer.clone());
    let cookie = bed.cookie().await;

    for (router, cookie, path, expected) in [
        (&layered, cookie.as_str(), "/must", (StatusCode::OK, "true")),
        (&layered, &cookie, "/may", (StatusCode::OK, "true")),
        (&layered, "", "/must", (StatusCode::UNAUTHORIZED, "nobody is signed in")),
        (&layered, "", "/may", (StatusCode::OK, "false")),
        (&router, &cookie, "/must", (StatusCode::UNAUTHORIZED, "nobody is signed in")),
        (&router, &cookie, "/may", (StatusCode::OK, "false")),
    ] {
        let (status, body) = ask(router, path, cookie).await;
        assert_eq!((status, body.as_str()), expected, "{path} {cookie}");
    }
}

#[tokio::test]
async fn outside_a_router_the_layer_goes_into_a_fallback_service() {
    let bed = bed(Unauthenticated::Reject401).await;
    let guarded: Router = Router::new().fallback_service(bed.layer.layer(app()));

    expect_gate(&guarded, &bed, "/page", true).await;
}

#[tokio::test]
async fn outside_a_router_the_body_can_be_made_axums() {
    let bed = bed(Unauthenticated::Reject401).await;
    let service = MapResponseBodyLayer::new(Body::new).layer(bed.layer.layer(app()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let make = axum::ServiceExt::<Request>::into_make_service(service);
    tokio::spawn(async move { axum::serve(listener, make).await });

    assert!(exchange(address, "GET /page HTTP/1.0\r\n\r\n").await.starts_with("HTTP/1.0 401"));
}

#[tokio::test]
async fn any_service_can_be_a_route() {
    let bed = bed(Unauthenticated::Reject401).await;
    let service = service_fn(|request: Request| async move {
        let name = request.extensions().get::<Principal>().map(|who| who.name().to_owned());
        Ok::<_, Infallible>(Response::new(Body::from(name.unwrap_or_default())))
    });
    let router = Router::new().route("/page", get_service(bed.layer.layer(service)));

    expect_gate(&router, &bed, "/page", false).await;
}

/// Serves `router` on a free port.
async fn serve(router: Router) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn exchange(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let reading = stream.read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("no answer").unwrap();
    answer
}

#[tokio::test]
async fn t_16_head_over_http_tells_the_length_that_get_would_have() {
    let bed = bed(Unauthenticated::Reject401).await;
    let address = serve(app().layer(bed.layer.clone())).await;
    let cookie = bed.cookie().await;

    for path in ["/page", "/.auth/version", "/.auth/me", "/.auth/nothing"] {
        for cookie in [cookie.as_str(), ""] {
            let ask = async |method: &str| {
                let request = format!(
                    "{method} {path} HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\
                     Connection: close\r\n\r\n"
                );
                exchange(address, &request).await
            };
            let (got, headed) = (ask("GET").await, ask("HEAD").await);
            assert_eq!(got[..12], headed[..12], "{path}");
            assert!(headed.ends_with("\r\n\r\n"), "{path}: {headed}");
            let length = |answer: &str| {
                let line = answer.lines().find(|line| line.starts_with("content-length: "));
                line.map(str::to_owned)
            };
            if let Some(told) = length(&headed) {
                assert_eq!(Some(told), length(&got), "{path} {cookie}: {headed}");
            }
        }
    }
}

#[tokio::test]
async fn t_18_a_web_socket_is_opened_for_whom_we_know_and_for_nobody_else() {
    let bed = bed(Unauthenticated::RedirectToLogin).await;
    let socket = async |upgrade: WebSocketUpgrade, principal: Principal| {
        upgrade.on_upgrade(async move |mut socket| {
            while let Some(Ok(Message::Text(text))) = socket.recv().await {
                let reply = format!("{}: {text}", principal.name());
                socket.send(Message::Text(reply.into())).await.unwrap();
            }
        })
    };
    let cookie = bed.cookie().await;
    // Known at first sight, and after a look into the store.
    for layer in [bed.layer.clone(), bed.cold()] {
        let router = Router::new().route("/socket", any(socket)).layer(layer);
        let address = serve(router).await;

        let (mut stream, head) = open_socket(address, &cookie, "http://127.0.0.1:8080").await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        // RFC 6455: one masked text frame, with a mask of zeros; then the unmasked reply.
        stream.write_all(b"\x81\x82\0\0\0\0hi").await.unwrap();
        let mut frame = [0; 18];
        stream.read_exact(&mut frame).await.unwrap();
        assert_eq!(&frame, b"\x81\x10Alice Archer: hi");

        for (cookie, origin, expected) in [
            ("", "http://127.0.0.1:8080", "401"),
            ("AppServiceAuthSession=forged", "http://127.0.0.1:8080", "401"),
            (&cookie, "https://evil.example", "403"),
            (&cookie, "null", "403"),
        ] {
            let (_, head) = open_socket(address, cookie, origin).await;
            assert_eq!(&head[9..12], expected, "{head}");
            assert!(!head.to_ascii_lowercase().contains("upgrade:"), "{head}");
        }
    }
}

#[tokio::test]
async fn t_18_a_web_socket_over_http2_is_opened_for_whom_we_know_and_for_nobody_else() {
    let bed = bed(Unauthenticated::RedirectToLogin).await;
    let socket = async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(async |_| ());
    let router = Router::new().route("/socket", any(socket)).layer(bed.layer.clone());
    let stream = TcpStream::connect(serve(router).await).await.unwrap();
    let (mut client, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let cookie = bed.cookie().await;
    // Its answer comes after the server's settings, which allow extended CONNECT.
    let first = Request::get("http://x/.auth/version").body(Body::empty()).unwrap();
    assert_eq!(client.send_request(first).await.unwrap().status(), 200);

    for (cookie, origin, expected) in [
        (cookie.as_str(), "http://127.0.0.1:8080", 200),
        (&cookie, "https://evil.example", 403),
        ("", "http://127.0.0.1:8080", 401),
    ] {
        let request = Request::connect("http://x/socket")
            .extension(Protocol::from_static("websocket"))
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::ORIGIN, origin)
            .header(header::COOKIE, cookie)
            .body(Body::empty())
            .unwrap();
        let response = client.send_request(request).await.unwrap();
        assert_eq!(response.status(), expected, "{origin} {cookie}");
    }
}

/// Asks for a web socket as a browser does, and reads the head of the answer.
async fn open_socket(
    address: std::net::SocketAddr,
    cookie: &str,
    origin: &str,
) -> (TcpStream, String) {
    let request = format!(
        "GET /socket HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-Fetch-Mode: websocket\r\nOrigin: {origin}\r\nCookie: {cookie}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    (stream, String::from_utf8(head).unwrap())
}

#[tokio::test]
async fn middlewares_above_and_below_work() {
    let bed = bed(Unauthenticated::Reject401).await;
    let above = || {
        ServiceBuilder::new()
            .layer(TraceLayer::new_for_http())
            .layer(CatchPanicLayer::new())
            .layer(TimeoutLayer::with_status_code(
                StatusCode::GATEWAY_TIMEOUT,
                Duration::from_secs(20),
            ))
            .layer(RequestBodyLimitLayer::new(1 << 20))
    };
    let around_router = app().layer(bed.layer.clone()).layer(above());
    let inside_stack = app().layer(ServiceBuilder::new().layer(above()).layer(bed.layer.clone()));
    let below = app().layer(above()).layer(bed.layer.clone());
    for router in [around_router, inside_stack, below] {
        expect_gate(&router, &bed, "/page", true).await;
    }
}

#[tokio::test]
async fn a_body_limit_above_us_is_a_refusal_of_the_callback() {
    let bed = bed(Unauthenticated::Reject401).await;
    let router = app().layer(bed.layer.clone()).layer(RequestBodyLimitLayer::new(16));
    let callback = Request::post("/.auth/login/dev/callback")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from_stream(Chunks(4)))
        .unwrap();

    let response = router.oneshot(callback).await.unwrap();

    assert!(matches!(response.status().as_u16(), 400 | 413), "{response:?}");
}

/// Eight bytes at a time, of a length that is not told.
struct Chunks(usize);

impl futures_core::Stream for Chunks {
    type Item = Result<Bytes, Infallible>;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let left = self.0.checked_sub(1);
        self.0 = left.unwrap_or_default();
        std::task::Poll::Ready(left.map(|_| Ok(Bytes::from_static(b"state=ab"))))
    }
}

#[tokio::test]
async fn a_panic_of_the_application_is_caught_above_us() {
    let bed = bed(Unauthenticated::Reject401).await;
    let panics = get(async || -> &'static str { panic!("planted") });
    let router =
        Router::new().route("/page", panics).layer(bed.layer.clone()).layer(CatchPanicLayer::new());
    let cookie = bed.cookie().await;

    for cookie in [&cookie, &bed.cookie().await] {
        assert_eq!(ask(&router, "/page", cookie).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    }
    assert_eq!(ask(&router, "/.auth/me", &cookie).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_normalized_path_is_the_one_that_is_judged_and_routed() {
    let bed = bed(Unauthenticated::Reject401).await;
    let router = app().route("/health", get(whoami)).layer(bed.layer.clone());
    let normalized = NormalizePathLayer::trim_trailing_slash().layer(router);

    expect_gate(&normalized, &bed, "/page/", true).await;
    assert_eq!(ask(&normalized, "/health/", "").await, (NOBODY.0, NOBODY.1.to_owned()));
    assert_eq!(ask(&normalized, "/.auth/version/", "").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_rewritten_body_of_ours_has_no_stale_length() {
    let bed = bed(Unauthenticated::Reject401).await;
    let streamed =
        MapResponseBodyLayer::new(|body: Body| Body::from_stream(body.into_data_stream()));
    let address = serve(app().layer(bed.layer.clone()).layer(streamed)).await;

    let answer = exchange(address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;

    assert!(answer.to_ascii_lowercase().contains("transfer-encoding: chunked"), "{answer}");
    assert!(!answer.to_ascii_lowercase().contains("content-length"), "{answer}");
}

/// Paths near an open one: what a client can write to be taken for it.
fn paths() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "/", "/", "public", "health", "admin", "..", ".", "%2e%2e", "%2f", "%5c", "\\", ";",
            ";x", "//", "%00", "%25", "%2", "PUBLIC", "Health", "*", ":", "@", "~", "a", "{rest}",
            "public%2fx", "é", "%c3%a9", "%61", "?", "?x=/public/", "+", "%20",
        ]).prop_map(str::to_owned),
        1 => "[ -~]{1,3}",
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| format!("/{}", pieces.concat()))
}

/// A router of which each route says which it is.
fn told_routes(layer: &EasyAuthLayer) -> Router {
    Router::new()
        .route("/public/", any(async || "open"))
        .route("/public/{*rest}", any(async |Path(rest): Path<String>| format!("open {rest}")))
        .route("/health", any(async || "open"))
        .route("/{*rest}", any(async || "closed"))
        .route("/", any(async || "closed"))
        .fallback(async || "closed")
        .layer(layer.clone())
}

/// T-13, P-4: what we take for open, axum takes to the open route, and to no other.
#[test]
fn t_13_p_4_an_open_path_is_one_that_axum_takes_to_the_open_route() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bed = runtime.block_on(bed(Unauthenticated::Reject401));
    let router = told_routes(&bed.layer);
    let is_literal = |path: &str| {
        path == "/health" || (path.starts_with("/public/") && !path.contains(['%', ';', '\\']))
    };
    let dispatch = |uri: Uri| {
        let path = uri.path().to_owned();
        let request = Request::get(uri).body(Body::empty()).unwrap();
        let answer = runtime.block_on(async {
            let response = router.clone().oneshot(request).await.unwrap();
            let status = response.status();
            (status, response.into_body().collect().await.unwrap().to_bytes())
        });
        (path, answer)
    };

    for (path, expected) in [
        ("/health", true),
        ("/public/", true),
        ("/public/x/y", true),
        ("/public/../admin", false),
        ("/public/%2e%2e/admin", false),
        ("//public/x", false),
        ("/public;/../admin", false),
        ("/PUBLIC/x", false),
        ("/public%2f..%2fadmin", false),
        ("/public/x%00", false),
        ("/public", false),
        ("/health/", false),
        ("/Health", false),
    ] {
        let (_, (status, _)) = dispatch(path.parse().unwrap());
        assert_eq!(status.is_success(), expected, "{path}: {status}");
    }

    proptest!(ProptestConfig::with_cases(2_000), |(path in paths())| {
        let Ok(uri) = path.parse::<Uri>() else { return Ok(()) };
        let (path, (status, body)) = dispatch(uri);
        prop_assert!(status.is_success() || status.is_client_error(), "{}: {}", path, status);
        if status.is_success() {
            prop_assert!(body.starts_with(b"open"), "{} is open and leads elsewhere", path);
            prop_assert!(is_literal(&path), "{} is open", path);
        }
    });
}
