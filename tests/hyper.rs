//! The layer under hyper's own server, over real sockets: what the wire can carry, and what it
//! cannot.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "these are tests")]

mod parts;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use easyauth::{EasyAuthLayer, Principal, Unauthenticated};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tower::{Layer as _, service_fn};

use self::parts::{Bed, cookies, fetch, location};

/// A served application: open below `/public/`, streaming at `/stream`.
struct Server {
    bed: Bed,
    address: SocketAddr,
    calls: Arc<AtomicUsize>,
}

impl Server {
    async fn start(unauthenticated: Unauthenticated) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bed = Bed::at(&format!("http://{address}"), |builder| {
            builder.unauthenticated(unauthenticated).excluded_paths(["/public/*"])
        })
        .await;
        let calls = Arc::new(AtomicUsize::new(0));
        tokio::spawn(serve(listener, bed.layer.clone(), Arc::clone(&calls)));
        Self { bed, address, calls }
    }

    /// Sends `request` as it is, and reads until the server closes.
    async fn raw(&self, request: impl AsRef<[u8]>) -> String {
        let (mut read, mut write) = TcpStream::connect(self.address).await.unwrap().into_split();
        let request = request.as_ref().to_owned();
        let writing = tokio::spawn(async move {
            // A server that has seen enough closes before it has read all.
            let _ = write.write_all(&request).await;
            write
        });
        let mut answer = Vec::new();
        within(async {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = read.read(&mut buffer).await {
                answer.extend_from_slice(&buffer[..length]);
            }
        })
        .await;
        drop(writing.await);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// As [`raw`](Self::raw), for a head of lines.
    async fn lines(&self, lines: &[&str]) -> String {
        self.raw(format!("{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"))).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn serve(listener: TcpListener, layer: EasyAuthLayer, calls: Arc<AtomicUsize>) {
    let service = layer.layer(service_fn(move |request| {
        calls.fetch_add(1, SeqCst);
        app(request)
    }));
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let builder = auto::Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Tells what it was asked, and of what it received which was a trailer.
async fn app(
    request: Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, BodyError>>, Infallible> {
    let (parts, body) = request.into_parts();
    if parts.uri.path() == "/stream" {
        return Ok(Response::new(body.boxed()));
    }
    let principal = parts.extensions.get::<Principal>().map_or("nobody", Principal::name);
    let mut told = format!("{} {}\nprincipal: {principal}\n", parts.method, parts.uri);
    tell(&mut told, "header", &parts.headers);
    if let Ok(body) = body.collect().await {
        tell(&mut told, "trailer", body.trailers().unwrap_or(&HeaderMap::new()));
    }
    Ok(Response::new(Full::from(told).map_err(|never| match never {}).boxed()))
}

type BodyError = hyper::Error;

fn tell(told: &mut String, kind: &str, fields: &HeaderMap) {
    for (name, value) in fields {
        *told += &format!("{kind} {name}: {}\n", String::from_utf8_lossy(value.as_bytes()));
    }
}

async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("no answer")
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default()
}

/// A body that is sent as it is fed.
#[derive(Debug)]
struct Fed(mpsc::Receiver<Frame<Bytes>>);

impl Fed {
    fn empty() -> Self {
        Self::open().1
    }

    fn open() -> (mpsc::Sender<Frame<Bytes>>, Self) {
        let (sender, receiver) = mpsc::channel(1);
        (sender, Self(receiver))
    }
}

impl Body for Fed {
    type Data = Bytes;
    type Error = Infallible;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|frame| frame.map(Ok))
    }
    fn is_end_stream(&self) -> bool {
        self.0.is_closed() && self.0.is_empty()
    }
}

fn client(http2: bool) -> Client<HttpConnector, Fed> {
    Client::builder(TokioExecutor::new()).http2_only(http2).build_http()
}

async fn get(
    client: &Client<HttpConnector, Fed>,
    url: &str,
    cookie: &str,
) -> (StatusCode, HeaderMap, String) {
    let request = Request::get(url).header(header::COOKIE, cookie).body(Fed::empty()).unwrap();
    let (parts, body) = within(client.request(request)).await.unwrap().into_parts();
    let body = within(body.collect()).await.unwrap().to_bytes();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_session_from_its_beginning_to_its_end() {
    for http2 in [false, true] {
        let server = Server::start(Unauthenticated::RedirectToLogin).await;
        let client = client(http2);

        let (status, begun, _) = get(&client, &server.url("/page?q=1"), "").await;
        assert_eq!(status, StatusCode::FOUND, "http2: {http2}");
        let at_idp = fetch(&location(&begun)).await;
        let (status, finished, _) = get(&client, &location(&at_idp), &cookies(&begun)).await;
        assert_eq!(status, StatusCode::FOUND);
        assert_eq!(location(&finished), server.url("/page?q=1"));

        let session = cookies(&finished);
        let (status, _, told) = get(&client, &location(&finished), &session).await;
        assert_eq!(status, StatusCode::OK);
        assert!(told.contains("principal: Alice Archer\n"), "{told}");
        let (status, _, me) = get(&client, &server.url("/.auth/me"), &session).await;
        assert_eq!(status, StatusCode::OK);
        assert!(me.contains("Alice Archer"), "{me}");

        let (status, ended, _) = get(&client, &server.url("/.auth/logout"), &session).await;
        assert_eq!(status, StatusCode::FOUND);
        assert!(!cookies(&ended).contains("AppServiceAuthSession"), "{ended:?}");
        let (status, ..) = get(&client, &server.url("/.auth/me"), &session).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn bodies_stream_in_both_directions() {
    let server = Server::start(Unauthenticated::Reject401).await;
    let cookie = server.bed.cookie().await;
    for http2 in [false, true] {
        let (feed, body) = Fed::open();
        let request = Request::post(server.url("/stream")).header(header::COOKIE, &cookie);
        let asking = tokio::spawn(client(http2).request(request.body(body).unwrap()));

        feed.send(Frame::data("one".into())).await.unwrap();
        let response = within(asking).await.unwrap().unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut body = response.into_body();
        let first = within(body.frame()).await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first, "one", "the answer begins before the request has ended");

        feed.send(Frame::data("two".into())).await.unwrap();
        drop(feed);
        assert_eq!(within(body.collect()).await.unwrap().to_bytes(), "two");
    }
}

#[tokio::test]
async fn t_02_t_03_forged_headers_are_gone_whatever_their_spelling() {
    let server = Server::start(Unauthenticated::Reject401).await;
    let cookie = format!("Cookie: {}", server.bed.cookie().await);
    let forged = [
        "X-MS-CLIENT-PRINCIPAL-NAME: mallory",
        "x_ms_client_principal_name: mallory",
        "X.MS.CLIENT.PRINCIPAL.NAME: mallory",
        "X-Ms-Client-Principal-Name: mallory, mallory",
        "X-MS-TOKEN-AAD-ACCESS-TOKEN: mallory",
    ];
    for (path, cookie, name) in
        [("/", cookie.as_str(), "Alice Archer"), ("/public/x", "X-A: b", "nobody")]
    {
        let mut lines = vec![];
        let get = format!("GET {path} HTTP/1.1");
        lines.extend([get.as_str(), "Host: x"]);
        lines.extend(forged);
        lines.push(cookie);
        lines.extend(forged);

        let answer = server.lines(&lines).await;

        assert_eq!(status(&answer), 200, "{answer}");
        assert!(!answer.contains("mallory"), "{answer}");
        assert!(answer.contains(&format!("principal: {name}\n")), "{answer}");
        let ours = answer.matches("header x-ms-client-principal-name:").count();
        assert_eq!(ours, usize::from(name != "nobody"), "{answer}");
    }
}

#[tokio::test]
async fn t_04_names_that_are_none_are_refused_by_hyper() {
    let server = Server::start(Unauthenticated::Allow).await;
    assert_eq!(status(&server.lines(&["GET / HTTP/1.1", "Host: x"]).await), 200);
    let before = server.calls.load(SeqCst);
    for line in [
        "X-MS-CLIENT-PRINCIPAL-NAME : mallory",
        "X-MS-CLIENT-PRINCIPAL-NAME\t: mallory",
        " X-MS-CLIENT-PRINCIPAL-NAME: mallory",
        "X-A: b\r\n\tX-MS-CLIENT-PRINCIPAL-NAME: mallory",
        "X-MS-CLIENT-PRINCIPAL-NAME\0: mallory",
        "X-MS-CLIENT-PRINCIPAL-NAME: mal\0lory",
        "X-MS-CLIENT PRINCIPAL-NAME: mallory",
        ": mallory",
    ] {
        let answer = server.lines(&["GET / HTTP/1.1", "Host: x", line]).await;
        assert_eq!(status(&answer), 400, "{line:?}: {answer}");
    }
    assert_eq!(server.calls.load(SeqCst), before);
}

#[tokio::test]
async fn t_05_trailers_of_http1_never_become_headers() {
    let server = Server::start(Unauthenticated::Allow).await;
    for te in ["TE: trailers", "X-A: b"] {
        let answer = server
            .raw(format!(
                "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{te}\r\n\
                 Trailer: X-MS-CLIENT-PRINCIPAL-NAME, X-Check\r\nConnection: close\r\n\r\n\
                 3\r\nabc\r\n0\r\nX-MS-CLIENT-PRINCIPAL-NAME: mallory\r\nX-Check: 1\r\n\r\n"
            ))
            .await;

        assert_eq!(status(&answer), 200, "{answer}");
        assert!(answer.contains("trailer x-check: 1"), "the trailers did not arrive: {answer}");
        assert!(!answer.contains("header x-ms-client-principal"), "{answer}");
        assert!(!answer.contains("header x-check"), "{answer}");
        assert!(answer.contains("principal: nobody"), "{answer}");
    }
}

#[tokio::test]
async fn t_05_trailers_of_http2_never_become_headers() {
    let server = Server::start(Unauthenticated::Allow).await;
    let (feed, body) = Fed::open();
    let request = Request::post(server.url("/")).header("te", "trailers").body(body).unwrap();
    let asking = tokio::spawn(client(true).request(request));
    let forged = HeaderMap::from_iter([
        ("x-ms-client-principal-name".parse().unwrap(), HeaderValue::from_static("mallory")),
        ("x-check".parse().unwrap(), HeaderValue::from_static("1")),
    ]);
    feed.send(Frame::data("abc".into())).await.unwrap();
    feed.send(Frame::trailers(forged)).await.unwrap();
    drop(feed);

    let response = within(asking).await.unwrap().unwrap();
    let told = within(response.into_body().collect()).await.unwrap().to_bytes();
    let told = String::from_utf8(told.to_vec()).unwrap();

    assert!(told.contains("trailer x-check: 1"), "the trailers did not arrive: {told}");
    assert!(!told.contains("header x-ms-client-principal"), "{told}");
    assert!(!told.contains("header x-check"), "{told}");
}

#[tokio::test]
async fn t_05_an_upper_case_or_pseudo_name_is_a_protocol_error_of_http2() {
    let server = Server::start(Unauthenticated::Allow).await;
    assert_eq!(end_of_stream(&server, b"x-a").await.unwrap(), Ended::Answered);
    let before = server.calls.load(SeqCst);
    for name in [&b"X-MS-CLIENT-PRINCIPAL-NAME"[..], b":x-ms-client-principal-name", b"x-a\0"] {
        let ended = end_of_stream(&server, name).await.unwrap();
        assert_eq!(ended, Ended::ProtocolError, "{}", String::from_utf8_lossy(name));
    }
    assert_eq!(server.calls.load(SeqCst), before);
}

#[derive(Debug, Eq, PartialEq)]
enum Ended {
    Answered,
    ProtocolError,
}

/// Sends `GET /` over HTTP/2, frame by frame, with a header of this name.
async fn end_of_stream(server: &Server, name: &[u8]) -> io::Result<Ended> {
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const GOAWAY: u8 = 7;
    let text = |text: &[u8]| [&[u8::try_from(text.len()).unwrap()], text].concat();
    // RFC 7541: `:method: GET`, `:scheme: http`, `:path: /` from the table; two literals.
    let fields =
        [&[0x82, 0x86, 0x84, 0x01][..], &text(b"x"), &[0], &text(name), &text(b"mallory")].concat();
    let length = u8::try_from(fields.len()).unwrap();
    let headers = [&[0, 0, length, HEADERS, 0x5, 0, 0, 0, 1][..], &fields].concat();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let mut stream = TcpStream::connect(server.address).await?;
    stream.write_all(&[preface, SETTINGS, &headers].concat()).await?;
    loop {
        let mut head = [0; 9];
        within(stream.read_exact(&mut head)).await?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        within(stream.read_exact(&mut payload)).await?;
        match head[3] {
            HEADERS => return Ok(Ended::Answered),
            RST_STREAM if payload == [0, 0, 0, 1] => return Ok(Ended::ProtocolError),
            GOAWAY if payload[4..8] == [0, 0, 0, 1] => return Ok(Ended::ProtocolError),
            RST_STREAM | GOAWAY => return Err(io::Error::other(format!("{payload:?}"))),
            _ => {}
        }
    }
}

#[tokio::test]
async fn t_06_connection_cannot_name_our_headers() {
    let server = Server::start(Unauthenticated::Reject401).await;
    let cookie = server.bed.cookie().await;
    let answer = server
        .raw(format!(
            "GET / HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\
             Connection: X-MS-CLIENT-PRINCIPAL, x_ms_client_principal_name, x-other, close\r\n\r\n"
        ))
        .await;

    assert!(answer.contains("header connection: x-other, close\n"), "{answer}");
    assert!(answer.contains("header x-ms-client-principal-name: Alice Archer\n"), "{answer}");
}

#[tokio::test]
async fn t_09_too_many_and_too_large_headers_are_refused_by_hyper() {
    let server = Server::start(Unauthenticated::Allow).await;
    let many = (0..10_000).map(|n| format!("X-{n}: a\r\n")).collect::<String>();
    let just_too_many = (0..101).map(|n| format!("X-{n}: a\r\n")).collect::<String>();
    let large = format!("Cookie: {}\r\n", "a".repeat(1 << 20));
    for lines in [many, just_too_many, large] {
        let answer = server.raw(format!("GET / HTTP/1.1\r\nHost: x\r\n{lines}\r\n")).await;
        assert_eq!(status(&answer), 431, "{} bytes: {answer}", lines.len());
    }
    assert_eq!(server.calls.load(SeqCst), 0);
}

#[tokio::test]
async fn t_09_a_large_cookie_and_many_headers_below_the_limits_are_served() {
    let server = Server::start(Unauthenticated::Reject401).await;
    let session = server.bed.cookie().await;
    let large = format!("Cookie: a={}; {session}", "a".repeat(300 << 10));
    let many = (0..90).map(|n| format!("X-MS-CLIENT-PRINCIPAL-{n}: mallory")).collect::<Vec<_>>();
    let mut lines = vec!["GET / HTTP/1.1", "Host: x", &large];
    lines.extend(many.iter().map(String::as_str));

    let answer = server.lines(&lines).await;

    assert!(answer.contains("principal: Alice Archer\n"), "{}", status(&answer));
    assert!(!answer.contains("mallory"));
}

#[tokio::test]
async fn t_14_other_forms_of_target_are_judged_by_their_path_and_name_no_host() {
    let server = Server::start(Unauthenticated::RedirectToLogin).await;
    for (line, expected) in [
        ("OPTIONS * HTTP/1.1", 200),
        ("GET * HTTP/1.1", 302),
        ("GET http://evil.example/public/x HTTP/1.1", 200),
        ("GET http://evil.example/private HTTP/1.1", 302),
        ("GET http://evil.example HTTP/1.1", 302),
        ("GET http://evil.example/public/../private HTTP/1.1", 302),
        ("GET http://evil.example/.auth/me HTTP/1.1", 401),
        ("POST http://evil.example/private HTTP/1.1", 401),
        ("CONNECT evil.example:443 HTTP/1.1", 401),
        ("CONNECT /.auth/me HTTP/1.1", 405),
        ("TRACE /.auth/me HTTP/1.1", 405),
    ] {
        let before = server.calls.load(SeqCst);
        let answer = server.lines(&[line, "Host: evil.example"]).await;
        let called = server.calls.load(SeqCst) - before;

        assert_eq!(status(&answer), expected, "{line}: {answer}");
        assert_eq!(called, usize::from(expected == 200), "{line}");
        if expected == 200 {
            assert!(answer.contains("principal: nobody"), "{line}: {answer}");
        } else {
            assert!(!answer.contains("evil"), "{line}: {answer}");
        }
    }
}

#[tokio::test]
async fn t_19_hosts_of_the_client_lead_nowhere() {
    let server = Server::start(Unauthenticated::RedirectToLogin).await;
    let own = format!("Host: {}", server.address);
    for hosts in [
        &["Host: evil.example"][..],
        &["Host: evil.example", "Host: evil.example"],
        &[&own, "Host: evil.example"],
        &["Host: evil.example", &own],
        &["Host: evil.example:80@x"],
        &["Host: "],
        &["X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", &own],
    ] {
        for path in ["/private", "/.auth/login/dev"] {
            let get = format!("GET {path} HTTP/1.1");
            let answer = server.lines(&[&[get.as_str()], hosts].concat()).await;
            assert!(matches!(status(&answer), 302 | 400), "{hosts:?}: {answer}");
            assert!(!answer.contains("evil"), "{hosts:?}: {answer}");
        }
    }
}

#[tokio::test]
async fn t_16_head_is_get_without_its_body() {
    let server = Server::start(Unauthenticated::Reject401).await;
    let cookie = format!("Cookie: {}", server.bed.cookie().await);
    for (path, cookie, expected) in [
        ("/.auth/version", "X-A: b", 200),
        ("/.auth/me", cookie.as_str(), 200),
        ("/.auth/me", "X-A: b", 401),
        ("/.auth/nothing", "X-A: b", 404),
        ("/private", "X-A: b", 401),
    ] {
        let [get, head] = ["GET", "HEAD"].map(|method| format!("{method} {path} HTTP/1.1"));
        let got = server.lines(&[&get, "Host: x", cookie]).await;
        let headed = server.lines(&[&head, "Host: x", cookie]).await;

        assert_eq!((status(&got), status(&headed)), (expected, expected), "{path}");
        let (_, body) = headed.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "", "{path}");
        // RFC 9110 §8.6: the length that a GET would have had, or none.
        let length = |answer: &str| {
            let lines = answer.lines().map(str::to_ascii_lowercase);
            lines
                .into_iter()
                .find_map(|line| line.strip_prefix("content-length: ").map(str::to_owned))
        };
        assert!(length(&got).is_some(), "{got}");
        if let Some(told) = length(&headed) {
            assert_eq!(Some(told), length(&got), "{path}: {headed}");
        }
    }
}

#[tokio::test]
async fn pipelined_requests_are_each_their_own() {
    let server = Server::start(Unauthenticated::Reject401).await;
    let cookie = format!("Cookie: {}\r\n", server.bed.cookie().await);
    let request =
        |path: &str, lines: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n");
    let requests = [
        request("/1", &cookie),
        request("/2", ""),
        request("/public/3", "X-MS-CLIENT-PRINCIPAL-NAME: mallory\r\n"),
        request("/.auth/version", ""),
        request("/5", &format!("{cookie}Connection: close\r\n")),
    ];

    let answers = server.raw(requests.concat()).await;

    let answers: Vec<&str> = answers.split("HTTP/1.1 ").skip(1).collect();
    let codes: Vec<&str> = answers.iter().map(|answer| &answer[..3]).collect();
    assert_eq!(codes, ["200", "401", "200", "200", "200"]);
    assert!(answers[0].contains("GET /1\nprincipal: Alice Archer"));
    assert!(answers[2].contains("GET /public/3\nprincipal: nobody"));
    assert!(answers[4].contains("GET /5\nprincipal: Alice Archer"));
    assert!(!answers.concat().contains("mallory"));
}

#[tokio::test]
async fn a_refused_body_spoils_neither_its_answer_nor_the_connection() {
    let server = Server::start(Unauthenticated::Reject401).await;
    let host = server.address;
    let (mut read, mut write) = TcpStream::connect(server.address).await.unwrap().into_split();
    let head = format!("POST /x HTTP/1.1\r\nHost: {host}\r\nContent-Length: 8\r\n\r\nhalf");
    write.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    write.write_all(b"half").await.unwrap();
    let mut answers = vec![0; 4096];
    let length = within(read.read(&mut answers)).await.unwrap();
    let answer = String::from_utf8_lossy(&answers[..length]).into_owned();
    assert_eq!(status(&answer), 401, "{answer}");
    assert!(!answer.contains("connection: close"), "{answer}");

    let next = format!("GET /y HTTP/1.1\r\nHost: {host}\r\n\r\n");
    write.write_all(next.as_bytes()).await.unwrap();
    let length = within(read.read(&mut answers)).await.unwrap();
    assert_eq!(status(&String::from_utf8_lossy(&answers[..length])), 401);

    // One that does not come is not waited for, and neither is one that waits for us.
    let held_back = format!("POST /x HTTP/1.1\r\nHost: {host}\r\nContent-Length: 8\r\n\r\nhalf");
    let answer = server.raw(held_back).await;
    assert_eq!(status(&answer), 401);
    assert!(answer.contains("connection: close"), "{answer}");
    let expecting = format!(
        "POST /x HTTP/1.1\r\nHost: {host}\r\nExpect: 100-continue\r\nContent-Length: 8\r\n\r\n"
    );
    assert_eq!(status(&server.raw(expecting).await), 401);
    assert_eq!(server.calls.load(SeqCst), 0);
}
