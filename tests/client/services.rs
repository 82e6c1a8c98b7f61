//! Whatever the service inside is: its readiness is honoured, and its places are given back.

use std::time::Duration;

use futures_util::future::join_all;
use http::Request;
use tower::buffer::Buffer;
use tower::limit::ConcurrencyLimit;
use tower::{Layer as _, Service as _, ServiceExt};

use crate::bodies::{assert_intact, of_all_kinds};
use crate::fake::{Answer, AnyBody, Fake, Network, get, post};

#[tokio::test]
async fn behind_a_buffer_all_are_healed() {
    for places in [1, 2, 100] {
        let fake = Fake::new();
        let client = fake.stale();
        let inner = Buffer::new(Network::of(&fake), places);
        let service = client.layer().layer(inner);
        fake.tell(|state| state.refresh_waits_for = 100);

        let requests = (0..100).map(|number| {
            service.clone().oneshot(post(&format!("/{number}"), of_all_kinds(number)))
        });
        let answers =
            tokio::time::timeout(Duration::from_secs(30), join_all(requests)).await.unwrap();

        assert!(answers.into_iter().all(|answer| answer.unwrap().status() == 200), "{places}");
        assert_eq!(fake.refreshes(), 1);
        assert_intact(&fake, 100);
    }
}

#[tokio::test]
async fn around_it_a_buffer_works_as_well() {
    let fake = Fake::new();
    let client = fake.stale();
    let service = Buffer::new(client.layer().layer(Network::of(&fake)), 1);

    let answers = join_all((0..100).map(|_| service.clone().oneshot(get("/")))).await;

    assert!(answers.into_iter().all(|answer| answer.unwrap().status() == 200));
    assert_eq!(fake.refreshes(), 1);
}

#[tokio::test]
async fn a_request_that_waits_for_a_token_holds_no_place() {
    let fake = Fake::new();
    let client = fake.stale();
    client.user().await;
    let inner = ConcurrencyLimit::new(Network::of(&fake), 1);
    let service = client.layer().layer(inner);
    // Not before all have been refused, one after the other, in one place.
    fake.tell(|state| state.refresh_waits_for = 20);

    let requests = (0..20)
        .map(|number| service.clone().oneshot(post(&format!("/{number}"), of_all_kinds(number))));
    let answers = tokio::time::timeout(Duration::from_secs(30), join_all(requests)).await.unwrap();

    for answer in answers {
        assert_eq!(Answer::read(answer.unwrap()).await.status, 200);
    }
    assert_eq!(fake.refreshes(), 1);
}

#[tokio::test]
async fn the_service_can_be_called_again_and_again() {
    let fake = Fake::new();
    let client = fake.stale();
    let mut service = client.layer().layer(Network::of(&fake));
    for _ in 0..3 {
        let first =
            ServiceExt::<Request<AnyBody>>::ready(&mut service).await.unwrap().call(get("/"));
        let second =
            ServiceExt::<Request<AnyBody>>::ready(&mut service).await.unwrap().call(get("/"));
        assert_eq!(second.await.unwrap().status(), 200);
        assert_eq!(first.await.unwrap().status(), 200);
        fake.expire();
    }
    assert_eq!(fake.refreshes(), 3);
}
