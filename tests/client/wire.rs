//! Over real connections, with hyper's own client and server.

use std::net::SocketAddr;

use easyauth::client::{EasyAuthClient, MemoryUserStore};
use futures_util::future::join_all;
use http::{Request, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::{Layer as _, ServiceExt as _};

use crate::bodies::{assert_served, of_all_kinds};
use crate::fake::{Answer, AnyBody, Fake, Network, full};

/// The application on a port of loopback, until the runtime ends.
pub async fn serve() -> Fake {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let fake = Fake::at(&format!("http://{address}"));
    let network = Network::of(&fake);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(network.clone());
            tokio::spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    fake
}

/// A client that goes the whole way, also for its own calls, with a token that has expired.
pub fn stale(fake: &Fake) -> EasyAuthClient {
    let user = fake.user();
    fake.expire();
    EasyAuthClient::builder(fake.tell(|state| state.origin.clone()))
        .user_store(MemoryUserStore::with(user))
        .build()
        .unwrap()
}

async fn all_are_healed(version: Version, count: usize, early: bool) {
    let fake = serve().await;
    let client = stale(&fake);
    let network: Client<_, _> = Client::builder(TokioExecutor::new())
        .http2_only(version == Version::HTTP_2)
        .build::<_, _>(HttpConnector::new());
    let service = client.layer().layer(network);
    fake.tell(|state| {
        // Not for more: on a busy machine they might not have come within a refresh's time.
        state.refresh_waits_for = count.min(50);
        state.refuses_early = early;
    });
    let origin = fake.tell(|state| state.origin.clone());

    let requests = (0..count).map(|number| {
        // Over HTTP/1.1, trailers are announced.
        let request: Request<AnyBody> = Request::post(format!("{origin}/{number}"))
            .header("trailer", "x-number")
            .body(of_all_kinds(number))
            .unwrap();
        service.clone().oneshot(request)
    });
    let answers = join_all(requests).await;

    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!(answer.version(), version);
        let answer = Answer::read(answer).await;
        assert_eq!(answer.status, 200, "{answer:?} {}", fake.refused());
    }
    assert_eq!(fake.refreshes(), 1);
    assert_served(&fake, count);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_over_http_1_are_healed_by_one_refresh() {
    all_are_healed(Version::HTTP_11, 50, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_over_http_2_are_healed_by_one_refresh() {
    all_are_healed(Version::HTTP_2, 1_000, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_that_come_before_the_body_was_read_are_healed_too() {
    // Over HTTP/1.1, a server that does so closes the connection, and its answer may be lost.
    all_are_healed(Version::HTTP_2, 50, true).await;
}

#[tokio::test]
async fn t_138_a_connection_that_breaks_is_no_reason_to_send_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let taken = tokio::spawn(async move {
        let mut requests = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            use tokio::io::AsyncReadExt as _;
            let mut head = [0; 1024];
            let length = stream.read(&mut head).await.unwrap();
            if head[..length].starts_with(b"GET /stop") {
                return requests;
            }
            requests += 1;
        }
        requests
    });
    let fake = Fake::at(&origin);
    let client = fake.builder().build().unwrap();
    client.set_user(fake.user()).await.unwrap();
    let network: Client<_, AnyBody> =
        Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    drop(network);
    let network = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let service = client.layer().layer(network);

    for expect in [false, true] {
        let mut request = Request::post(format!("{origin}/"));
        if expect {
            request = request.header("expect", "100-continue");
        }
        assert!(service.clone().oneshot(request.body(full("money")).unwrap()).await.is_err());
    }
    let stop = Request::get(format!("{origin}/stop")).body(full("")).unwrap();
    assert!(service.oneshot(stop).await.is_err());
    assert_eq!(taken.await.unwrap(), 2);
    assert_eq!(fake.refreshes(), 0);
}
