//! The layer as a citizen of tower: what `Service` and `Body` demand, behind every way that a
//! request can take.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "these are tests")]

mod parts;

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, Ready, ready};
use std::marker::PhantomPinned;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::Body as AxumBody;
use bytes::Bytes;
use easyauth::{
    Config, EasyAuth, EasyAuthLayer, Principal, Refusal, ResponseBody, ResponseFuture,
    Unauthenticated,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use tower::buffer::Buffer;
use tower::limit::ConcurrencyLimit;
use tower::load_shed::LoadShed;
use tower::{BoxError, Layer as _, Service, ServiceExt, service_fn};

use self::parts::{Bed, MoodyStore};

/// A service that panics where a caller breaks tower's contract, and counts.
#[derive(Debug, Default)]
struct Strict {
    ready: bool,
    count: Arc<Count>,
}

#[derive(Debug, Default)]
struct Count {
    polled: AtomicUsize,
    called: AtomicUsize,
    cloned: AtomicUsize,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        self.count.cloned.fetch_add(1, SeqCst);
        Self { ready: false, count: Arc::clone(&self.count) }
    }
}

impl<B> Service<Request<B>> for Strict {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    /// Ready at the second time.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.ready || self.count.polled.fetch_add(1, SeqCst) % 2 == 1 {
            self.ready = true;
            return Poll::Ready(Ok(()));
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        assert!(mem::take(&mut self.ready), "called before it was ready");
        self.count.called.fetch_add(1, SeqCst);
        let name = request.extensions().get::<Principal>().map(Principal::name);
        ready(Ok(Response::new(name.unwrap_or("nobody").to_owned())))
    }
}

/// The ways of a request, and who answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    /// Known at first sight.
    Known,
    /// Unknown, and let through: the path is open.
    Open,
    /// Refused on the spot.
    Refused,
    /// One of our routes.
    Route,
    /// Known after a look into the store.
    Settled,
    /// Not known after a look into the store.
    Ended,
    /// The store does not answer.
    Failed,
}

const WAYS: [Way; 7] =
    [Way::Known, Way::Open, Way::Refused, Way::Route, Way::Settled, Way::Ended, Way::Failed];

impl Way {
    const fn is_admitted(self) -> bool {
        matches!(self, Self::Known | Self::Open | Self::Settled)
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::Known | Self::Open | Self::Settled | Self::Route => StatusCode::OK,
            Self::Refused | Self::Ended => StatusCode::UNAUTHORIZED,
            Self::Failed => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// A bed in which every way can be gone.
struct Ways {
    bed: Bed,
    store: MoodyStore,
    cookie: String,
    ended: String,
}

impl Ways {
    async fn new() -> Self {
        let store = MoodyStore::new();
        let bed = Bed::new(|builder| {
            builder
                .token_store(store.clone())
                .unauthenticated(Unauthenticated::Reject401)
                .excluded_paths(["/open"])
        })
        .await;
        let cookie = bed.cookie().await;
        let ended = bed.cookie().await;
        let logout = Request::get("/.auth/logout").header(header::COOKIE, &ended);
        let logout = logout.body(String::new()).unwrap();
        bed.layer.layer(Strict::default()).oneshot(logout).await.unwrap();
        Self { bed, store, cookie, ended }
    }

    /// The layer for `way`; the store is in the mood for it.
    fn layer(&self, way: Way) -> EasyAuthLayer {
        self.store.fail(way == Way::Failed);
        match way {
            Way::Known => self.bed.layer.clone(),
            _ => self.bed.cold(),
        }
    }

    fn request<B: Default>(&self, way: Way) -> Request<B> {
        let (path, cookie) = match way {
            Way::Known | Way::Settled | Way::Failed => ("/", &self.cookie),
            Way::Ended => ("/", &self.ended),
            Way::Open => ("/open", &String::new()),
            Way::Refused => ("/", &String::new()),
            Way::Route => ("/.auth/version", &String::new()),
        };
        Request::get(path).header(header::COOKIE, cookie).body(B::default()).unwrap()
    }
}

fn poll_now<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn is_ready_now<S: Service<Request<String>>>(service: &mut S) -> bool {
    poll_now(pin!(service.ready())).is_ready()
}

async fn send<S, B>(service: &mut S, request: Request<B>) -> Result<S::Response, S::Error>
where
    S: Service<Request<B>>,
{
    service.ready().await?.call(request).await
}

async fn text<B>(response: Response<B>) -> String
where
    B: Body,
    B::Error: fmt::Debug,
{
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn the_inner_service_is_called_once_when_it_is_ready_and_only_for_whom_we_admit() {
    let ways = Ways::new().await;
    for way in WAYS {
        let strict = Strict::default();
        let count = Arc::clone(&strict.count);
        let mut service = ways.layer(way).layer(strict);
        for round in 1..=3 {
            let response = send(&mut service, ways.request::<String>(way)).await.unwrap();

            assert_eq!(response.status(), way.status(), "{way:?}");
            let called = if way.is_admitted() { round } else { 0 };
            assert_eq!(count.called.load(SeqCst), called, "{way:?}");
            if way.is_admitted() {
                let name = if way == Way::Open { "nobody" } else { "Alice Archer" };
                assert_eq!(text(response).await, name, "{way:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_request_that_is_decided_at_first_sight_and_admitted_clones_no_service() {
    let ways = Ways::new().await;
    for way in [Way::Known, Way::Open] {
        let strict = Strict::default();
        let count = Arc::clone(&strict.count);
        let mut service = ways.layer(way).layer(strict);

        send(&mut service, ways.request::<String>(way)).await.unwrap();

        assert_eq!(count.cloned.load(SeqCst), 0, "{way:?}");
    }
}

#[tokio::test]
async fn readiness_is_the_inner_services() {
    let bed = Bed::new(|builder| builder).await;
    let mut service = bed.layer.layer(Strict::default());
    let mut context = Context::from_waker(Waker::noop());

    assert!(Service::<Request<String>>::poll_ready(&mut service, &mut context).is_pending());
    assert!(Service::<Request<String>>::poll_ready(&mut service, &mut context).is_ready());
    assert!(service.get_ref().ready && service.get_mut().ready && service.into_inner().ready);
}

#[tokio::test]
async fn an_error_of_readiness_is_passed_on() {
    #[derive(Clone, Debug)]
    struct Broken;
    impl Service<Request<String>> for Broken {
        type Response = Response<String>;
        type Error = Custom;
        type Future = Ready<Result<Response<String>, Custom>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Custom>> {
            Poll::Ready(Err(Custom(7)))
        }
        fn call(&mut self, _: Request<String>) -> Self::Future {
            unreachable!("it is never ready")
        }
    }
    let bed = Bed::new(|builder| builder).await;

    assert_eq!(bed.layer.layer(Broken).ready().await.unwrap_err(), Custom(7));
}

#[tokio::test]
async fn a_service_and_its_clone_serve_at_once() {
    let ways = Ways::new().await;
    for way in WAYS {
        let mut one = ways.layer(way).layer(Strict::default());
        let mut other = one.clone();
        ServiceExt::<Request<String>>::ready(&mut one).await.unwrap();
        ServiceExt::<Request<String>>::ready(&mut other).await.unwrap();

        let first = one.call(ways.request::<String>(way));
        let second = other.call(ways.request::<String>(way));
        let (first, second) = tokio::join!(first, second);

        assert_eq!(first.unwrap().status(), way.status(), "{way:?}");
        assert_eq!(second.unwrap().status(), way.status(), "{way:?}");
    }
}

#[tokio::test]
async fn a_reserved_permit_is_given_back_when_we_answer_ourselves() {
    let ways = Ways::new().await;
    for way in WAYS {
        let limited = ConcurrencyLimit::new(Strict::default(), 1);
        let mut service = ways.layer(way).layer(limited);
        let mut other = service.clone();

        ServiceExt::<Request<String>>::ready(&mut service).await.unwrap();
        let response = service.call(ways.request::<String>(way)).await.unwrap();

        assert_eq!(response.status(), way.status(), "{way:?}");
        // `service` lives on, and may be idle for long.
        ServiceExt::<Request<String>>::ready(&mut other).now_or_never(way);
        drop(service);
    }
}

/// What has to happen without anybody's doing anything else first.
trait NowOrNever: Future + Sized {
    fn now_or_never(self, way: Way) {
        let mut future = pin!(self);
        // `Strict` is ready at the second time.
        let ready = (0..2).any(|_| poll_now(future.as_mut()).is_ready());
        assert!(ready, "{way:?}: the permit is kept");
    }
}

impl<F: Future> NowOrNever for F {}

#[tokio::test]
async fn our_own_routes_hold_no_permit_while_they_answer() {
    let ways = Ways::new().await;
    let service = ways.bed.layer.layer(ConcurrencyLimit::new(Strict::default(), 1));
    let (mut mine, mut other) = (service.clone(), service);
    let request = Request::post("/.auth/login/dev/callback")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Hanging)
        .unwrap();

    ServiceExt::<Request<Hanging>>::ready(&mut mine).await.unwrap();
    let mut callback = pin!(mine.call(request));
    assert!(poll_now(callback.as_mut()).is_pending());

    ServiceExt::<Request<Hanging>>::ready(&mut other).now_or_never(Way::Route);
}

#[tokio::test]
async fn who_is_being_sent_to_sign_in_holds_no_permit_while_the_provider_is_asked() {
    let bed = Bed::new(|builder| builder).await;
    let service = bed.layer.layer(ConcurrencyLimit::new(Strict::default(), 1));
    let (mut mine, mut other) = (service.clone(), service);
    let request = Request::get("/orders").body(String::new()).unwrap();

    ServiceExt::<Request<String>>::ready(&mut mine).await.unwrap();
    let mut response = pin!(mine.call(request));
    assert!(poll_now(response.as_mut()).is_pending());

    assert!(is_ready_now(&mut other) || is_ready_now(&mut other), "the permit is kept");
    assert_eq!(response.await.unwrap().status(), StatusCode::FOUND);
}

#[tokio::test]
async fn who_is_being_looked_up_keeps_the_permit_and_calls_the_service_that_is_ready() {
    let ways = Ways::new().await;
    let limited = ConcurrencyLimit::new(Strict::default(), 1);
    let mut service = ways.layer(Way::Settled).layer(limited);
    let mut other = service.clone();

    ServiceExt::<Request<String>>::ready(&mut service).await.unwrap();
    let settling = service.call(ways.request::<String>(Way::Settled));
    assert!(!is_ready_now(&mut other) && !is_ready_now(&mut other));
    // What stays behind is a fresh clone, which has to get ready on its own.
    assert!(!is_ready_now(&mut service) && !is_ready_now(&mut service));

    assert_eq!(text(settling.await.unwrap()).await, "Alice Archer");
    ServiceExt::<Request<String>>::ready(&mut other).now_or_never(Way::Settled);
}

#[tokio::test]
async fn a_response_that_is_given_up_half_way_leaves_nothing_stuck() {
    let ways = Ways::new().await;
    let layer = ways.bed.cold();
    let mut service = layer.layer(ConcurrencyLimit::new(Strict::default(), 1));
    let mut other = service.clone();

    ways.store.hang(true);
    ServiceExt::<Request<String>>::ready(&mut service).await.unwrap();
    {
        let mut settling = pin!(service.call(ways.request::<String>(Way::Settled)));
        for _ in 0..10 {
            assert!(poll_now(settling.as_mut()).is_pending());
            tokio::task::yield_now().await;
        }
    }
    ways.store.hang(false);

    ServiceExt::<Request<String>>::ready(&mut other).now_or_never(Way::Settled);
    let response = other.call(ways.request::<String>(Way::Settled));
    let response = tokio::time::timeout(Duration::from_secs(10), response).await;
    assert_eq!(text(response.expect("it is not stuck").unwrap()).await, "Alice Archer");
}

#[tokio::test]
async fn buffers_limits_and_load_shedding_work_inside() {
    let ways = Ways::new().await;
    for way in WAYS {
        let inner = Buffer::new(ConcurrencyLimit::new(Strict::default(), 1), 1);
        let service = ways.layer(way).layer(LoadShed::new(inner));
        for _ in 0..5 {
            let mut service = service.clone();
            let response = send(&mut service, ways.request::<String>(way)).await.unwrap();
            assert_eq!(response.status(), way.status(), "{way:?}");
        }
    }
}

#[tokio::test]
async fn buffers_limits_and_load_shedding_work_outside() {
    let ways = Ways::new().await;
    for way in WAYS {
        let limited = ConcurrencyLimit::new(ways.layer(way).layer(Strict::default()), 1);
        let service = LoadShed::new(Buffer::new(limited, 1));
        for _ in 0..5 {
            let mut service = service.clone();
            let response = send(&mut service, ways.request::<String>(way)).await.unwrap();
            assert_eq!(response.status(), way.status(), "{way:?}");
        }
    }
}

#[tokio::test]
async fn an_overloaded_service_is_the_inner_services_error_and_never_an_open_door() {
    #[derive(Clone)]
    struct Full;
    impl Service<Request<String>> for Full {
        type Response = Response<String>;
        type Error = Infallible;
        type Future = Ready<Result<Response<String>, Infallible>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Pending
        }
        fn call(&mut self, _: Request<String>) -> Self::Future {
            unreachable!("it is never ready")
        }
    }
    let ways = Ways::new().await;

    let mut service = ways.layer(Way::Settled).layer(LoadShed::new(Full));
    let settled = send(&mut service, ways.request(Way::Settled)).await;
    assert!(settled.unwrap_err().is::<tower::load_shed::error::Overloaded>());

    let refused = send(&mut service, ways.request(Way::Refused)).await;
    assert_eq!(refused.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Custom(u8);

impl fmt::Display for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "custom {}", self.0)
    }
}

impl std::error::Error for Custom {}

#[tokio::test]
async fn errors_of_the_inner_service_pass_unchanged() {
    let ways = Ways::new().await;
    for way in WAYS.into_iter().filter(|way| way.is_admitted()) {
        let custom =
            service_fn(|_: Request<String>| async move { Err::<Response<String>, _>(Custom(3)) });
        let error: Custom =
            ways.layer(way).layer(custom).oneshot(ways.request(way)).await.unwrap_err();
        assert_eq!(error, Custom(3), "{way:?}");

        let boxed = service_fn(|_: Request<String>| async move {
            Err::<Response<String>, BoxError>(Custom(4).into())
        });
        let error = ways.layer(way).layer(boxed).oneshot(ways.request(way)).await.unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Custom(4)), "{way:?}");
    }
}

/// A request body that never ends and never comes.
struct Hanging;

impl Body for Hanging {
    type Data = Bytes;
    type Error = Infallible;
    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// A body that must not be moved, whose chunks are no `Bytes`, and which may break.
#[derive(Default)]
struct Odd {
    chunks: Vec<&'static [u8]>,
    breaks: bool,
    _pinned: PhantomPinned,
}

impl Body for Odd {
    type Data = &'static [u8];
    type Error = Custom;
    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<&'static [u8]>, Custom>>> {
        let chunk = self.chunks.first().copied();
        match chunk {
            Some(chunk) if !self.breaks => Poll::Ready(Some(Ok(Frame::data(chunk)))),
            Some(_) => Poll::Ready(Some(Err(Custom(9)))),
            None => Poll::Ready(None),
        }
    }
}

async fn every_way<B>(ways: &Ways)
where
    B: Body + Default + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    for way in WAYS {
        let service = ways.layer(way).layer(Strict::default());
        let response = service.oneshot(ways.request::<B>(way)).await.unwrap();
        assert_eq!(response.status(), way.status(), "{way:?}");
    }
}

#[tokio::test]
async fn request_bodies_of_any_type_will_do() {
    let ways = Ways::new().await;
    every_way::<String>(&ways).await;
    every_way::<Empty<Bytes>>(&ways).await;
    every_way::<Full<Bytes>>(&ways).await;
    every_way::<AxumBody>(&ways).await;
    every_way::<Odd>(&ways).await;
}

#[tokio::test]
async fn a_request_body_reaches_the_inner_service_as_it_is() {
    let ways = Ways::new().await;
    for way in WAYS.into_iter().filter(|way| way.is_admitted()) {
        let echo = service_fn(|request: Request<AxumBody>| async move {
            let collected = request.into_body().collect().await.unwrap();
            let trailer = collected.trailers().and_then(|trailers| trailers.get("x-check"));
            assert_eq!(trailer, Some(&HeaderValue::from_static("1")));
            Ok::<_, Infallible>(Response::new(Full::new(collected.to_bytes())))
        });
        let frames = ["one ", "two"].map(|text| Ok(Frame::data(Bytes::from(text))));
        let trailers = HeaderMap::from_iter([("x-check".parse().unwrap(), "1".parse().unwrap())]);
        let frames = frames.into_iter().chain([Ok::<_, Infallible>(Frame::trailers(trailers))]);
        let body = AxumBody::new(StreamBody::new(stream(frames)));
        let request = ways.request::<String>(way).map(|_| body);

        let response = ways.layer(way).layer(echo).oneshot(request).await.unwrap();

        assert_eq!(text(response).await, "one two", "{way:?}");
    }
}

fn stream<I: Iterator + Unpin>(items: I) -> impl futures_core::Stream<Item = I::Item> {
    struct Items<I>(I);
    impl<I: Iterator + Unpin> futures_core::Stream for Items<I> {
        type Item = I::Item;
        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
            Poll::Ready(self.0.next())
        }
    }
    Items(items)
}

#[tokio::test]
async fn a_callback_whose_body_breaks_off_or_is_too_long_is_a_refusal() {
    let ways = Ways::new().await;
    let post = |body: Odd| {
        Request::post("/.auth/login/dev/callback")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body)
            .unwrap()
    };
    // The chunk is never taken off: it comes for ever.
    let endless = Odd { chunks: vec![&[b'a'; 1 << 10]], ..Odd::default() };
    let broken = Odd { chunks: vec![b"a"], breaks: true, ..Odd::default() };
    for (body, expected) in
        [(endless, StatusCode::PAYLOAD_TOO_LARGE), (broken, StatusCode::BAD_REQUEST)]
    {
        let response = ways.bed.layer.layer(Strict::default()).oneshot(post(body)).await.unwrap();
        assert_eq!(response.status(), expected);
        assert!(response.extensions().get::<Refusal>().is_some());
    }
}

/// A response body that says of itself what is asked, and must not be moved.
#[derive(Default)]
struct Told {
    frames: std::sync::Mutex<Vec<Frame<Bytes>>>,
    ended: bool,
    _pinned: PhantomPinned,
}

impl Body for Told {
    type Data = Bytes;
    type Error = Custom;
    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Custom>>> {
        Poll::Ready(Some(self.frames.lock().unwrap().pop().ok_or(Custom(5))))
    }
    fn is_end_stream(&self) -> bool {
        self.ended
    }
    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(3);
        hint.set_upper(11);
        hint
    }
}

#[tokio::test]
async fn a_response_body_passes_as_it_is() {
    let ways = Ways::new().await;
    for way in WAYS.into_iter().filter(|way| way.is_admitted()) {
        for ended in [false, true] {
            let told = service_fn(move |_: Request<String>| {
                let trailers =
                    HeaderMap::from_iter([(header::ETAG, HeaderValue::from_static("x"))]);
                let frames = vec![Frame::trailers(trailers), Frame::data(Bytes::from("data"))];
                let body = Told { frames: frames.into(), ended, ..Told::default() };
                ready(Ok::<_, Infallible>(Response::builder().status(418).body(body).unwrap()))
            });
            let response = ways.layer(way).layer(told).oneshot(ways.request(way)).await.unwrap();

            assert_eq!(response.status(), 418);
            let mut body = Box::pin(response.into_body());
            assert_eq!(body.is_end_stream(), ended);
            assert_eq!((body.size_hint().lower(), body.size_hint().upper()), (3, Some(11)));
            let data = body.frame().await.unwrap().unwrap();
            assert_eq!(data.into_data().unwrap(), "data");
            let trailers = body.frame().await.unwrap().unwrap();
            assert_eq!(trailers.into_trailers().unwrap()[header::ETAG], "x");
            assert_eq!(body.frame().await.unwrap().unwrap_err(), Custom(5));
        }
    }
}

#[tokio::test]
async fn our_own_response_body_tells_its_length() {
    let ways = Ways::new().await;
    for way in WAYS.into_iter().filter(|way| !way.is_admitted()) {
        let service = ways.layer(way).layer(Strict::default());
        let response = service.oneshot(ways.request::<String>(way)).await.unwrap();
        let told = response.body().size_hint().exact().expect("an exact length");

        assert!(!response.body().is_end_stream(), "{way:?}");
        assert_eq!(u64::try_from(text(response).await.len()).unwrap(), told, "{way:?}");
    }
}

#[test]
fn services_and_futures_go_between_threads() {
    fn is_send_sync_clone<T: Send + Sync + Clone + 'static>() {}
    fn is_send<T: Send + 'static>() {}
    type Inner = tower::util::BoxCloneSyncService<Request<AxumBody>, Response<AxumBody>, BoxError>;

    is_send_sync_clone::<EasyAuthLayer>();
    is_send_sync_clone::<Config>();
    is_send_sync_clone::<EasyAuth<Strict>>();
    is_send_sync_clone::<EasyAuth<Inner>>();
    is_send::<ResponseFuture<Inner, AxumBody>>();
    is_send::<ResponseFuture<Strict, String>>();
    is_send::<ResponseBody<AxumBody>>();
}

/// A signed-in request from a layer that was made before there was any runtime.
fn sign_in_with(layer: &EasyAuthLayer) -> StatusCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let service = layer.layer(Strict::default());
        let request = Request::get("/").header("accept", "application/json");
        service.oneshot(request.body(String::new()).unwrap()).await.unwrap().status()
    })
}

#[test]
fn a_layer_is_made_outside_any_runtime() {
    let state = tempfile::tempdir().unwrap();
    let config = Config::builder()
        .public_origin("http://127.0.0.1:8080")
        .state_directory(state.path())
        .unauthenticated(Unauthenticated::Reject401)
        .build()
        .unwrap();

    assert_eq!(sign_in_with(&EasyAuthLayer::new(config)), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "current_thread")]
async fn a_file_store_that_nobody_opened_is_opened_by_the_first_request() {
    let state = tempfile::tempdir().unwrap();
    let directory = state.path().join("deep/inside");
    let idp = easyauth::dev_idp::DevIdp::builder()
        .sign_in_automatically_as("alice")
        .start()
        .await
        .unwrap();
    let provider = easyauth::provider::OpenIdConnect::new(
        "dev",
        idp.issuer(),
        idp.client_id(),
        idp.client_secret(),
    );
    let builder = || {
        Config::builder()
            .public_origin("http://127.0.0.1:8080")
            .state_directory(&directory)
            .provider(provider.clone())
            .build()
            .unwrap()
    };
    let bed = Bed::of(builder(), idp);

    let cookie = bed.cookie().await;

    // Another process on the same directory finds keys and records there.
    let service = EasyAuthLayer::new(builder()).layer(Strict::default());
    let request = Request::get("/").header(header::COOKIE, cookie).body(String::new()).unwrap();
    assert_eq!(text(service.oneshot(request).await.unwrap()).await, "Alice Archer");
}
