//! Several nodes over one store: what becomes of a refresh when one of them dies. A node that is
//! killed is one whose store never answers it again.

use std::future;
use std::sync::Arc;

use bytes::Bytes;
use easyauth::http_client::HttpClient;
use easyauth::store::MemoryStore;
use futures_util::future::join_all;
use http::Request;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use super::support::Document::*;
use super::support::*;
use super::{HOUR, SECOND, calls, me, signed_in};

/// Two nodes, each with its own way to the store.
struct Nodes {
    story: Story,
    first: TestStore,
    /// The first node's browser, and the same one at the second.
    here: Browser,
    there: Browser,
}

impl Nodes {
    /// Alice has signed in, and both have met her.
    async fn new(way_out: fn(HttpClient) -> HttpClient) -> Self {
        let story = Story::new();
        let records = Arc::new(MemoryStore::new());
        let (first, second) =
            (TestStore::over(Arc::clone(&records)), TestStore::over(Arc::clone(&records)));
        let providers = std::slice::from_ref(&story.provider);
        let node = |store: &TestStore, client| {
            let config = config(providers, store, &story.clock).http_client(client);
            App::new(config.build().unwrap(), &story.clock)
        };
        let one = node(&first, way_out(network(providers)));
        let other = node(&second, network(providers));
        let mut here = Browser::new(&one);
        here.sign_in(&story.provider, "alice").await;
        let mut there = here.clone().at(&other);
        assert_eq!(there.user().await.as_deref(), Some("alice"));
        // The second has the provider's documents at hand.
        Browser::new(&other).sign_in(&story.provider, "bob").await;
        story.provider.take_asked();
        Self { story, first, here, there }
    }
}

/// No refresh leaves this node.
fn deaf(network: HttpClient) -> HttpClient {
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let network = network.clone();
        async move {
            if request.body().starts_with(b"grant_type=refresh_token") {
                return future::pending().await;
            }
            network.oneshot(request).await
        }
    }))
}

#[tokio::test(start_paused = true)]
async fn t_93_a_leader_killed_before_it_asks_costs_nothing() {
    let mut nodes = Nodes::new(deaf).await;
    let mut dying = nodes.here.clone();
    let leader = tokio::spawn(async move { dying.fetch("/.auth/refresh").await });
    sleep(SECOND).await;
    nodes.first.freeze();
    let begun = Instant::now();

    let waiting: Vec<_> = (0..64).map(|_| nodes.there.clone()).collect();
    let answers = join_all(
        waiting.into_iter().map(|mut browser| async move { browser.fetch("/.auth/refresh").await }),
    )
    .await;

    assert!(answers.iter().all(|answer| answer.status == 200), "{:?}", answers[0]);
    assert_eq!(calls(&nodes.story), 1);
    assert!(begun.elapsed() < 20 * SECOND, "{:?}", begun.elapsed());
    leader.abort();
    assert_eq!(nodes.there.fetch("/.auth/refresh").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn t_93_a_leader_killed_with_the_answer_costs_one_more_call_and_never_a_loop() {
    let mut nodes = Nodes::new(|network| network).await;
    nodes.story.provider.reply(Token, Reply::Late(2 * SECOND));
    let mut dying = nodes.here.clone();
    let leader = tokio::spawn(async move { dying.fetch("/.auth/refresh").await });
    sleep(SECOND).await;
    nodes.first.freeze();
    nodes.story.provider.be_honest();

    let answer = nodes.there.fetch("/.auth/refresh").await;

    assert_eq!(answer.sub_status(), "403.81", "{answer:?}");
    assert_eq!(calls(&nodes.story), 2);
    leader.abort();
    nodes.story.clock.advance(HOUR + SECOND);
    for _ in 0..50 {
        assert_eq!(nodes.there.user().await.as_deref(), Some("alice"), "the session goes on");
    }
    assert!(calls(&nodes.story) <= 1, "it is not tried with every request");
    let mut there = nodes.there;
    there.sign_in(&nodes.story.provider, "alice").await;
    assert_eq!(there.fetch("/.auth/refresh").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn t_92_a_provider_slower_than_the_lease_is_asked_once() {
    let mut nodes = Nodes::new(|network| network).await;
    let provider = &nodes.story.provider;
    // Both are as slow as they may be, and the keys have to be fetched again.
    provider.rotate_to(SigningKey::es256("k2"));
    provider.reply(Token, Reply::Late(9 * SECOND));
    provider.reply(Keys, Reply::Late(9 * SECOND));
    let begun = Instant::now();

    let (one, other) =
        tokio::join!(nodes.here.fetch("/.auth/refresh"), nodes.there.fetch("/.auth/refresh"));

    assert!(begun.elapsed() > 15 * SECOND, "{:?}", begun.elapsed());
    assert_eq!((one.status.as_u16(), other.status.as_u16()), (200, 200));
    assert_eq!(calls(&nodes.story), 1);
    assert_eq!(me(&mut nodes.here).await, me(&mut nodes.there).await);
}

#[tokio::test]
async fn a_refresh_is_seen_by_other_browsers_at_once_here_and_within_the_bound_elsewhere() {
    let mut story = signed_in().await;
    let providers = std::slice::from_ref(&story.provider);
    let other =
        App::new(config(providers, &story.store, &story.clock).build().unwrap(), &story.clock);
    let mut laptop = story.another_browser();
    laptop.sign_in(&story.provider, "alice").await;
    let mut away = laptop.clone().at(&other);
    let before = me(&mut away).await["access_token"].clone();

    assert_eq!(story.browser.fetch("/.auth/refresh").await.status, 200);

    let fresh = me(&mut story.browser).await["access_token"].clone();
    assert_eq!(me(&mut laptop).await["access_token"], fresh);
    assert_eq!(me(&mut away).await["access_token"], before, "it is within the bound");
    story.clock.age(5 * SECOND);
    assert_eq!(me(&mut away).await["access_token"], fresh);
}
