//! Whatever is sent arrives byte for byte, the second time like the first.

use std::convert::Infallible;

use bytes::Bytes;
use easyauth::client::AsIs;
use futures_core::Stream;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Version};
use http_body::Frame;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use proptest::prelude::*;
use tokio::sync::mpsc;

use crate::fake::{AnyBody, Fake, ORIGIN, Received, full, post, send};

/// A body that comes piece by piece, and does not say how long it is.
pub fn stream(pieces: impl Stream<Item = Bytes> + Send + 'static) -> AnyBody {
    let frames = pieces.map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
    StreamBody::new(frames).map_err(|never| match never {}).boxed_unsync()
}

/// Bytes of no text, different for each `number`, none for every seventh.
fn bytes(number: usize) -> Bytes {
    let length = if number.is_multiple_of(7) { 0 } else { number * 37 % 5_000 };
    (0..length).map(|at| (at * 31 + number * 17 + at / 256) as u8).collect::<Vec<u8>>().into()
}

/// One whole, in pieces, with trailers, or empty.
pub fn of_all_kinds(number: usize) -> AnyBody {
    let bytes = bytes(number);
    let pieces = move || {
        let bytes = bytes.clone();
        (0..bytes.len()).step_by(999).map(move |at| bytes.slice(at..(at + 999).min(bytes.len())))
    };
    match number % 4 {
        0 => full(self::bytes(number)),
        1 => stream(stream::iter(pieces())),
        2 => {
            let trailers = HeaderMap::from_iter([(
                HeaderName::from_static("x-number"),
                HeaderValue::from(number),
            )]);
            stream(stream::iter(pieces()))
                .with_trailers(async move { Some(Ok(trailers)) })
                .boxed_unsync()
        }
        // Each piece is waited for.
        _ => stream(stream::iter(pieces()).then(|piece| async {
            tokio::task::yield_now().await;
            piece
        })),
    }
}

/// Of `count` requests with [bodies of all kinds](of_all_kinds), each was served once, as it was
/// sent.
pub fn assert_served(fake: &Fake, count: usize) {
    let served = by_path(fake.served());
    assert_eq!(served.len(), count);
    for (number, (path, served)) in served.into_iter().enumerate() {
        assert_eq!(path, number);
        assert_eq!(served.body, bytes(number), "{number}");
        let trailer = served.trailers.map(|trailers| trailers["x-number"].clone());
        assert_eq!(trailer, (number % 4 == 2).then(|| HeaderValue::from(number)));
    }
}

/// The same, and each was refused once before, as it was served.
pub fn assert_intact(fake: &Fake, count: usize) {
    assert_served(fake, count);
    let refused = by_path(fake.tell(|state| state.refused.clone()));
    assert_eq!(refused.len(), count);
    for ((_, served), (number, refused)) in by_path(fake.served()).into_iter().zip(refused) {
        assert_eq!(refused.body, served.body, "{number}");
        assert_eq!(refused.trailers, served.trailers, "{number}");
    }
}

fn by_path(received: Vec<Received>) -> Vec<(usize, Received)> {
    let number = |received: &Received| received.uri.path()[1..].parse().unwrap();
    let mut received: Vec<_> =
        received.into_iter().map(|received| (number(&received), received)).collect();
    received.sort_by_key(|(number, _)| *number);
    received
}

const KIB: usize = 1024;

#[tokio::test]
async fn t_130_bodies_up_to_the_limit_go_out_again_and_longer_ones_do_not() {
    let binary: Bytes = (0..256 * KIB).map(|at| (at * at) as u8).collect::<Vec<u8>>().into();
    let too_long: Bytes = vec![0xff; 256 * KIB + 1].into();
    let chunks =
        |bytes: &Bytes, size: usize| {
            let bytes = bytes.clone();
            stream::iter((0..bytes.len().div_ceil(size)).map(move |number| {
                bytes.slice(number * size..((number + 1) * size).min(bytes.len()))
            }))
        };
    let endless = Bytes::from(vec![7; 64 * KIB]);
    let huge = |early| {
        (
            early,
            stream(stream::iter((0..1600).map({
                let piece = endless.clone();
                move |_| piece.clone()
            }))),
            None,
        )
    };
    for (early, body, again) in [
        (false, full(binary.clone()), Some(binary.clone())),
        (false, stream(chunks(&binary, 1000)), Some(binary.clone())),
        (false, stream(chunks(&binary, 3)), Some(binary.clone())),
        (false, Empty::new().map_err(|never| match never {}).boxed_unsync(), Some(Bytes::new())),
        (false, full(too_long.clone()), None),
        (false, stream(chunks(&too_long, 1000)), None),
        // 100 MiB.
        huge(false),
        // Refused before it was read: its length decides all the same.
        (true, full(binary.clone()), Some(binary.clone())),
        (true, stream(chunks(&binary, 1000)), Some(binary.clone())),
        (true, full(too_long.clone()), None),
        (true, stream(chunks(&too_long, 1000)), None),
        huge(true),
    ] {
        let fake = Fake::new();
        let client = fake.stale();
        fake.tell(|state| state.refuses_early = early);

        let answer = send(&client, &fake, post("/", body)).await;

        match again {
            Some(expected) => {
                assert_eq!(answer.status, 200);
                assert_eq!(answer.body, expected);
            }
            None => {
                assert_eq!(answer.status, 401);
                assert_eq!(&answer.body[..], b"{\"error\":\"unauthenticated\"}");
                assert!(fake.served().is_empty());
                // The next one is lucky.
                assert_eq!(send(&client, &fake, post("/", full("x"))).await.status, 200);
            }
        }
        assert_eq!((fake.refused(), fake.refreshes()), (1, 1));
    }
}

#[tokio::test]
async fn a_live_body_goes_on_in_the_second_sending() {
    let fake = Fake::new();
    let client = fake.stale();
    fake.tell(|state| state.refuses_early = true);
    let (sender, mut receiver) = mpsc::channel::<Bytes>(1);
    let body = stream(stream::poll_fn(move |cx| receiver.poll_recv(cx)));
    let sending = tokio::spawn({
        let (client, fake) = (client.clone(), fake.clone());
        async move { send(&client, &fake, post("/", body)).await }
    });
    // Refused with nothing sent yet; the rest comes afterwards.
    while fake.refreshes() == 0 {
        tokio::task::yield_now().await;
    }
    for piece in ["one ", "two ", "three"] {
        sender.send(Bytes::from(piece)).await.unwrap();
    }
    drop(sender);

    let answer = sending.await.unwrap();

    assert_eq!((answer.status, &answer.body[..]), (200, &b"one two three"[..]));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_sent_again() {
    let fake = Fake::new();
    let client = fake.stale();
    fake.tell(|state| state.refuses_early = true);
    let frames = stream::iter([
        Ok(Frame::data(Bytes::from("half"))),
        Err(std::io::Error::other("the disk is gone")),
    ]);
    let body = StreamBody::new(frames).boxed_unsync();

    let answer = send(&client, &fake, post("/", body)).await;

    assert_eq!((answer.status, fake.served().len()), (401, 0));
}

#[tokio::test]
async fn what_is_sent_as_it_is_comes_back_as_it_comes() {
    let fake = Fake::new();
    let client = fake.stale();
    let mut request = Request::get(format!("{ORIGIN}/")).header("x-zumo-auth", "mine");
    request.extensions_mut().unwrap().insert(AsIs);

    let answer = send(&client, &fake, request.body(full("")).unwrap()).await;

    assert_eq!((answer.status, fake.refreshes()), (401, 0));
    assert_eq!(fake.tell(|state| state.refused[0].headers["x-zumo-auth"].clone()), "mine");
}

fn any_request() -> impl Strategy<Value = (http::request::Parts, Vec<Vec<u8>>)> {
    let method = prop_oneof!["GET", "PUT", "DELETE", "POST", "PATCH", "REPORT"];
    let target = "/[a-zA-Z0-9%._~-]{0,20}(\\?[a-z0-9=&%;+]{0,20})?";
    let header = ("x-[a-z]{1,3}|content-type|date|signature|digest|te", "[ -~]{0,20}");
    let headers = proptest::collection::vec(header, 0..10);
    let body = proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..20);
    let version = prop_oneof![Just(Version::HTTP_11), Just(Version::HTTP_2)];
    (method, target, headers, body, version).prop_filter_map(
        "a request",
        |(method, target, headers, body, version)| {
            let mut request = Request::builder()
                .method(&*method)
                .uri(format!("{ORIGIN}{target}"))
                .version(version);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            Some((request.body(()).ok()?.into_parts().0, body))
        },
    )
}

proptest! {
    #[test]
    fn t_139_the_second_sending_is_the_first_but_for_the_token((parts, pieces) in any_request()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fake = Fake::new();
            let client = fake.stale();
            let whole: Bytes = pieces.concat().into();
            let body = stream(stream::iter(pieces.into_iter().map(Bytes::from)));
            let request = Request::from_parts(parts.clone(), body);

            let answer = send(&client, &fake, request).await;

            assert_eq!((answer.status, &answer.body), (200, &whole));
            let served = fake.served().remove(0);
            let refused = fake.tell(|state| state.refused.remove(0));
            assert_eq!(served.method, parts.method);
            assert_eq!(served.uri, parts.uri);
            assert_eq!(refused.body, whole);
            for received in [&served.headers, &refused.headers] {
                let mut without = received.clone();
                assert!(without.remove("x-zumo-auth").is_some());
                assert_eq!(without, parts.headers);
            }
        });
    }
}

#[tokio::test]
async fn a_length_that_is_known_stays_known() {
    use http_body::Body as _;
    use tower::{Layer as _, ServiceExt as _, service_fn};
    let fake = Fake::new();
    let client = fake.stale();
    client.user().await;
    let hints = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&hints);
    let at = fake.clone();
    let network =
        service_fn(move |request: Request<easyauth::client::RequestBody<Full<Bytes>>>| {
            seen.lock()
                .unwrap()
                .push((request.body().size_hint().exact(), request.body().is_end_stream()));
            let fake = at.clone();
            async move { Ok::<_, Infallible>(fake.answer(request).await) }
        });
    let request = |body: &'static str| Request::post(format!("{ORIGIN}/")).body(Full::from(body));

    client.layer().layer(network.clone()).oneshot(request("four").unwrap()).await.unwrap();
    fake.expire();
    client.layer().layer(network).oneshot(request("").unwrap()).await.unwrap();

    let four = (Some(4), false);
    let none = (Some(0), true);
    assert_eq!(*hints.lock().unwrap(), [four, four, none, none]);
}
