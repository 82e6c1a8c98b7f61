//! What the client layer adds to a request that needs nothing: in process, and over loopback HTTP/1.1.

#![allow(clippy::unwrap_used, reason = "a measurement that goes wrong says so by a panic")]

use std::convert::Infallible;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use easyauth::PublicOrigin;
use easyauth::client::{EasyAuthClient, MemoryUserStore, User};
use http::{HeaderMap, Request, Response, Uri};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

const TOKEN: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdGFibGVfc2lkIjoic2lkOjAxMjM0NTY3ODlhYm\
                     NkZWYwMTIzNDU2Nzg5YWJjZGVmIiwic3ViIjoic2lkOjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZ\
                     GVmIiwiaWRwIjoiYWFkIiwidmVyIjoiMyIsImV4cCI6NDEwMjQ0NDgwMH0.yhFzbOPYZuRcDfJP51f_VzB_\
                     Dvtf-3HZvSd95ktW2dk";

/// Requests of a program: a few headers, and a body of `length` bytes.
struct Program {
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Program {
    fn new(origin: &str, length: usize) -> Self {
        let headers = [
            ("accept", "application/json"),
            ("content-type", "application/json"),
            ("user-agent", "orders/1.0"),
            ("x-request-id", "0b8a2e6e-7c39-4d1f-9a60-2f4f3c6f9d11"),
        ];
        let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Self {
            uri: format!("{origin}/orders?open=1").parse().unwrap(),
            headers: HeaderMap::from_iter(headers),
            body: vec![b'x'; length].into(),
        }
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = if self.body.is_empty() { "GET" } else { "POST" }.parse().unwrap();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// As `Program` has it sent `times` times, one after the other.
async fn send<S, R>(mut service: S, program: &Program, times: u64) -> Duration
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>>,
    S::Error: std::fmt::Debug,
    R: Body,
    R::Error: std::fmt::Debug,
{
    let started = Instant::now();
    for _ in 0..times {
        let response = service.ready().await.unwrap().call(program.request()).await.unwrap();
        assert_eq!(response.status(), 200);
        black_box(response.into_body().collect().await.unwrap());
    }
    started.elapsed()
}

fn signed_in(origin: &str) -> EasyAuthClient {
    let user = User::new(PublicOrigin::parse(origin).unwrap(), "sid:alice", TOKEN).unwrap();
    EasyAuthClient::builder(origin).user_store(MemoryUserStore::with(user)).build().unwrap()
}

/// Reads the request and says nothing.
async fn accept<B: Body>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    drop(black_box(request.into_body().collect().await));
    Ok(Response::default())
}

async fn serve(listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let service = TowerToHyperService::new(service_fn(accept::<Incoming>));
        let http = hyper::server::conn::http1::Builder::new();
        tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
    }
}

fn in_process(criterion: &mut Criterion, runtime: &Runtime) {
    let origin = "https://app.example";
    let client = signed_in(origin);
    runtime.block_on(client.user());
    for (kind, length) in [("get", 0), ("post 1 KiB", 1 << 10), ("post 1 MiB", 1 << 20)] {
        let program = Program::new(origin, length);
        let mut group = criterion.benchmark_group(format!("in process, {kind}"));
        group.throughput(Throughput::Elements(1));
        group.bench_function("bare", |bencher| {
            bencher.iter_custom(|times| {
                runtime.block_on(send(service_fn(accept::<Full<Bytes>>), &program, times))
            });
        });
        group.bench_function("signed in", |bencher| {
            let service = client.layer().layer(service_fn(accept));
            bencher.iter_custom(|times| runtime.block_on(send(service.clone(), &program, times)));
        });
        group.finish();
    }
}

fn over_loopback(criterion: &mut Criterion, runtime: &Runtime) {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(serve(listener));
    let client = signed_in(&origin);
    runtime.block_on(client.user());
    for (kind, length) in [("get", 0), ("post 1 KiB", 1 << 10)] {
        let program = Program::new(&origin, length);
        let mut group = criterion.benchmark_group(format!("loopback, {kind}"));
        group.bench_function("bare", |bencher| {
            let bare = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
            bencher.iter_custom(|times| runtime.block_on(send(bare.clone(), &program, times)));
        });
        group.bench_function("signed in", |bencher| {
            let network = Client::builder(TokioExecutor::new()).build_http();
            let service = client.layer().layer(network);
            bencher.iter_custom(|times| runtime.block_on(send(service.clone(), &program, times)));
        });
        group.finish();
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut criterion = Criterion::default().configure_from_args();
    in_process(&mut criterion, &runtime);
    over_loopback(&mut criterion, &runtime);
    criterion.final_summary();
}
