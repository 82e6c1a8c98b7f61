//! Sessions: how long they last, what their cookies prove, and how nodes agree about them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_imports,
    reason = "these are tests"
)]

mod support;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use easyauth::clock::Clock;
use easyauth::store::{MemoryStore, TokenStore};
use easyauth::{ConfigBuilder, EasyAuthLayer, SessionLifetime};
use http::Request;
use serde_json::{Value, json};
use support::Document::*;
use support::*;

/// The application twice, on two machines that share a store.
struct Nodes {
    story: Story,
    other: App,
}

impl Nodes {
    fn new() -> Self {
        Self::with(|config| config)
    }

    /// Two nodes of which the second is configured a little differently.
    fn with(change: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        let story = Story::new();
        let providers = std::slice::from_ref(&story.provider);
        let config = change(config(providers, &story.store, &story.clock)).build().unwrap();
        Self { other: App::new(config, &story.clock), story }
    }

    /// The browser of the story, in front of the other node.
    fn elsewhere(&self) -> Browser {
        self.story.browser.clone().at(&self.other)
    }
}

async fn me(browser: &mut Browser) -> Value {
    browser.fetch("/.auth/me").await.json()[0].clone()
}

#[tokio::test]
async fn a_session_lasts_eight_hours_to_the_second() {
    let mut story = Story::new();
    story.sign_in("alice").await;

    story.clock.advance(Duration::from_secs(8 * 3_600 - 1));
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
    story.clock.advance(Duration::from_secs(1));
    let answer = story.browser.fetch("/").await;

    assert_eq!(answer.sub_status(), "401.70");
}

#[tokio::test]
async fn a_session_may_be_as_long_as_the_access_token() {
    let lifetime = SessionLifetime::IdentityProviderDerived;
    let mut story = Story::with(|config| config.session_lifetime(lifetime));
    story.provider.set(Token, "expires_in", 77);
    story.sign_in("alice").await;

    story.clock.advance(Duration::from_secs(76));
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
    story.clock.advance(Duration::from_secs(1));
    assert_eq!(story.browser.user().await, None);
}

#[tokio::test]
async fn no_session_outlives_the_absolute_lifetime() {
    let day = Duration::from_secs(86_400);
    for store in [true, false] {
        let mut story = Story::with(|config| {
            let config = config
                .session_lifetime(SessionLifetime::Fixed(30 * day))
                .absolute_lifetime(2 * day);
            if store { config } else { config.without_token_store() }
        });
        story.sign_in("alice").await;

        story.clock.advance(2 * day - Duration::from_secs(1));
        assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
        story.clock.advance(Duration::from_secs(1));
        assert_eq!(story.browser.user().await, None);
    }
}

#[tokio::test]
async fn an_expired_session_keeps_its_cookie_for_the_refresh_window() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    let until = Duration::from_secs((8 + 72) * 3_600);
    assert_eq!(story.browser.keeps("AppServiceAuthSession"), Some(until));

    story.clock.advance(Duration::from_secs(9 * 3_600));

    for path in ["/", "/.auth/me"] {
        let answer = story.browser.fetch(path).await;
        assert_eq!(answer.sub_status(), "401.70", "{path}");
        assert!(story.browser.has_session(), "{path}: it is what a refresh would be asked with");
    }
}

#[tokio::test]
async fn with_a_store_the_cookie_is_small_and_says_nothing() {
    let mut story = Story::new();
    story.provider.set(Userinfo, "groups", json!(vec!["a group of some length"; 500]));

    let answer = story.try_sign_in("alice").await;

    let lines = answer.set_cookies();
    let line = lines.iter().find(|line| line.starts_with("AppServiceAuthSession=")).unwrap();
    assert!(line.len() < 300, "{} bytes", line.len());
    let entry = me(&mut story.browser).await;
    let claims = entry["user_claims"].as_array().unwrap();
    assert_eq!(claims.iter().filter(|claim| claim["typ"] == "groups").count(), 500);
}

#[tokio::test]
async fn without_a_store_the_cookie_carries_who_the_user_is_and_no_token() {
    let mut story = Story::with(ConfigBuilder::without_token_store);
    story.provider.set(IdToken, "groups", json!(vec!["a group of some length"; 60]));
    story.sign_in("alice").await;

    assert!(story.browser.cookie("AppServiceAuthSession1").is_some(), "more than one chunk");
    let answer = story.browser.visit("/").await;
    assert_eq!(answer.user().as_deref(), Some("alice"));
    assert_eq!(answer.principal()["has_tokens"], false);
    assert!(!answer.text().contains("x-ms-token-"));
    assert_eq!(story.browser.fetch("/.auth/me").await.status, 404);
    assert_eq!(story.store.writes(), 0);

    let answer = story.browser.visit("/.auth/logout").await;
    assert_eq!(answer.status, 302);
    assert_eq!(story.browser.cookies(), []);
}

#[tokio::test]
async fn without_a_store_claims_that_fit_no_cookie_are_a_mistake_in_the_set_up() {
    let mut story = Story::with(ConfigBuilder::without_token_store);
    story.provider.set(Userinfo, "groups", json!(vec!["a group of some length"; 1_000]));

    let answer = story.try_sign_in("alice").await;

    assert_eq!(answer.sub_status(), "500.74");
    assert!(!story.browser.has_session());
}

#[tokio::test]
async fn a_store_that_is_switched_on_or_off_ends_sessions_and_crashes_nobody() {
    for first in [true, false] {
        let mut story =
            Story::with(|config| if first { config } else { config.without_token_store() });
        story.sign_in("alice").await;
        let providers = std::slice::from_ref(&story.provider);
        let changed = config(providers, &story.store, &story.clock);
        let changed = if first { changed.without_token_store() } else { changed };
        let app = App::new(changed.build().unwrap(), &story.clock);

        let mut browser = story.browser.clone().at(&app);

        assert_eq!(browser.user().await, None);
        browser.sign_in(&story.provider, "alice").await;
        assert_eq!(browser.user().await.as_deref(), Some("alice"));
    }
}

/// An application that keeps everything in files, as it does unless it is told otherwise.
struct Files {
    directory: tempfile::TempDir,
    clock: ManualClock,
    provider: FakeProvider,
}

impl Files {
    fn new() -> Self {
        let clock = ManualClock::new();
        let provider = FakeProvider::new("op", &clock);
        Self { directory: tempfile::tempdir().unwrap(), clock, provider }
    }

    /// Starts the application, once more or for the first time.
    fn start(&self) -> App {
        let config = easyauth::Config::builder()
            .public_origin("https://app.example")
            .state_directory(self.directory.path())
            .provider(self.provider.settings())
            .http_client(network(std::slice::from_ref(&self.provider)))
            .clock(self.clock.clone());
        App::new(config.build().unwrap(), &self.clock)
    }

    /// The files with records, by name.
    fn records(&self) -> Vec<PathBuf> {
        let shards = fs::read_dir(self.directory.path().join("tokens")).unwrap();
        let shards = shards.filter_map(|shard| fs::read_dir(shard.unwrap().path()).ok());
        let files = shards.flatten().map(|file| file.unwrap().path());
        let mut records: Vec<_> =
            files.filter(|path| path.extension().is_some_and(|kind| kind == "json")).collect();
        records.sort();
        records
    }
}

#[tokio::test]
async fn files_keep_sessions_over_a_restart() {
    let files = Files::new();
    let mut browser = Browser::new(&files.start());
    browser.sign_in(&files.provider, "alice").await;

    let mut browser = browser.at(&files.start());

    assert_eq!(browser.user().await.as_deref(), Some("alice"));
    assert!(me(&mut browser).await["access_token"].is_string());
}

#[tokio::test]
async fn t_117_a_record_that_has_become_garbage_ends_the_session_and_the_next_sign_in_mends_it() {
    for garbage in ["", "{", "null", r#"{"version":1}"#, "\0\0\0"] {
        let files = Files::new();
        let mut browser = Browser::new(&files.start());
        browser.sign_in(&files.provider, "alice").await;
        fs::write(&files.records()[0], garbage).unwrap();
        let mut browser = browser.at(&files.start());

        assert_eq!(browser.user().await, None, "{garbage:?}");
        browser.sign_in(&files.provider, "alice").await;

        assert_eq!(browser.user().await.as_deref(), Some("alice"), "{garbage:?}");
    }
}

#[tokio::test]
async fn t_34_a_record_of_a_later_version_is_left_as_it_is() {
    let later = r#"{"version":9}"#;
    let files = Files::new();
    let mut browser = Browser::new(&files.start());
    browser.sign_in(&files.provider, "alice").await;
    let record = files.records().remove(0);
    fs::write(&record, later).unwrap();
    let mut browser = browser.at(&files.start());

    assert_eq!(browser.fetch("/").await.sub_status(), "503.79");
    assert!(browser.has_session());
    browser.lose("AppServiceAuthSession");
    assert_eq!(browser.try_sign_in(&files.provider, "alice").await.sub_status(), "503.79");

    assert_eq!(fs::read_to_string(record).unwrap(), later);
}

#[tokio::test]
async fn t_99_a_record_copied_over_another_makes_nobody_somebody_else() {
    let files = Files::new();
    let app = files.start();
    let (mut alice, mut bob) = (Browser::new(&app), Browser::new(&app));
    alice.sign_in(&files.provider, "alice").await;
    let of_alice = files.records();
    bob.sign_in(&files.provider, "bob").await;
    let of_bob = files.records().into_iter().find(|path| !of_alice.contains(path)).unwrap();
    fs::copy(&of_alice[0], of_bob).unwrap();

    let app = files.start();

    assert_eq!(alice.at(&app).user().await.as_deref(), Some("alice"));
    let mut bob = bob.at(&app);
    assert_eq!(bob.user().await, None);
    bob.sign_in(&files.provider, "bob").await;
    assert_eq!(bob.user().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn t_105_nothing_on_disk_tells_who_the_users_are_or_what_they_hold() {
    let files = Files::new();
    let mut browser = Browser::new(&files.start());
    browser.sign_in(&files.provider, "alice").await;

    let [record] = &files.records()[..] else { panic!() };
    let text = format!("{} {}", record.display(), fs::read_to_string(record).unwrap());
    let mut secrets = files.provider.secrets();
    secrets.push("alice".to_owned());
    assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
}

#[tokio::test]
async fn a_user_has_at_most_so_many_sessions_and_the_longest_unrenewed_goes() {
    let story = Story::with(|config| config.max_sessions_per_user(2));
    let mut devices = Vec::new();
    for _ in 0..3 {
        let mut browser = story.another_browser();
        browser.sign_in(&story.provider, "alice").await;
        story.clock.advance(Duration::from_secs(1));
        devices.push(browser);
    }

    let [first, second, third] = &mut devices[..] else { panic!() };
    assert_eq!(first.user().await, None);
    assert_eq!(second.user().await.as_deref(), Some("alice"));
    assert_eq!(third.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn expired_records_go_when_somebody_else_signs_in() {
    for (somebody_comes, left) in [(false, 1), (true, 0)] {
        let mut story = Story::new();
        story.sign_in("alice").await;
        story.clock.advance(Duration::from_secs((8 + 72) * 3_600 + 1));
        if somebody_comes {
            story.another_browser().sign_in(&story.provider, "bob").await;
            tokio::task::yield_now().await;
        }

        assert_eq!(story.store.sweep(story.clock.now()).await.unwrap(), left);
    }
}

#[tokio::test]
async fn one_devices_step_up_lifts_no_other() {
    let story = Story::new();
    let (mut weak, mut strong) = (story.another_browser(), story.another_browser());
    story.provider.set(IdToken, "amr", json!(["pwd"]));
    weak.sign_in(&story.provider, "alice").await;
    story.provider.set(IdToken, "amr", json!(["pwd", "hwk"]));
    strong.sign_in(&story.provider, "alice").await;

    assert!(!weak.fetch("/").await.principal()["claims"].to_string().contains("hwk"));
    assert!(strong.fetch("/").await.principal()["claims"].to_string().contains("hwk"));
}

#[tokio::test]
async fn a_sign_in_on_one_node_counts_on_the_other_at_once() {
    let mut nodes = Nodes::new();
    nodes.story.sign_in("alice").await;

    assert_eq!(nodes.elsewhere().user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn whoever_has_just_signed_in_again_costs_the_other_node_one_load() {
    let mut nodes = Nodes::new();
    nodes.story.sign_in("alice").await;
    assert_eq!(nodes.elsewhere().user().await.as_deref(), Some("alice"));
    nodes.story.sign_in("alice").await;
    let loads = nodes.story.store.count(Verb::Load);

    for _ in 0..3 {
        assert_eq!(nodes.elsewhere().user().await.as_deref(), Some("alice"));
    }

    assert_eq!(nodes.story.store.count(Verb::Load), loads + 1);
}

#[tokio::test]
async fn a_logout_on_one_node_is_seen_on_the_other_within_the_bound() {
    let mut nodes = Nodes::new();
    nodes.story.sign_in("alice").await;
    let mut elsewhere = nodes.elsewhere();
    assert_eq!(elsewhere.user().await.as_deref(), Some("alice"));
    nodes.story.browser.visit("/.auth/logout").await;

    nodes.story.clock.age(Duration::from_secs(5));

    assert_eq!(elsewhere.user().await, None);
}

#[tokio::test]
async fn a_record_that_ages_is_served_and_fetched_again_meanwhile() {
    let mut nodes = Nodes::new();
    nodes.story.sign_in("alice").await;
    let mut elsewhere = nodes.elsewhere();
    assert_eq!(elsewhere.user().await.as_deref(), Some("alice"));
    nodes.story.browser.visit("/.auth/logout").await;

    nodes.story.clock.age(Duration::from_secs(3));
    assert_eq!(elsewhere.user().await.as_deref(), Some("alice"));
    settle().await;

    assert_eq!(elsewhere.user().await, None);
}

#[tokio::test]
async fn a_slow_load_brings_no_session_back_that_was_ended_meanwhile() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    let mut thief = story.browser.clone();
    story.clock.age(Duration::from_secs(3));
    let gate = story.store.hold_next_load();
    assert_eq!(thief.user().await.as_deref(), Some("alice"));
    settle().await;

    story.clock.age(Duration::from_millis(1));
    story.browser.visit("/.auth/logout").await;
    gate.notify_one();
    settle().await;

    assert_eq!(thief.user().await, None);
}

#[tokio::test]
async fn a_request_that_waits_for_the_store_while_its_session_ends_is_refused_or_was_earlier() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    let mut waiting = story.browser.clone();
    story.clock.age(Duration::from_secs(10));
    let gate = story.store.hold_next_load();
    let waits = tokio::spawn(async move { waiting.user().await });
    settle().await;

    story.clock.age(Duration::from_millis(1));
    story.browser.visit("/.auth/logout").await;
    gate.notify_one();

    assert_eq!(waits.await.unwrap(), None);
}

/// Lets what goes on in the background come to rest.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn two_layers_of_one_process_share_a_memory_store_like_two_nodes() {
    let story = Story::new();
    let store = Arc::new(MemoryStore::new());
    let providers = std::slice::from_ref(&story.provider);
    let node = || {
        let config = config(providers, &story.store, &story.clock);
        App::new(config.token_store(Arc::clone(&store)).build().unwrap(), &story.clock)
    };
    let (one, two) = (node(), node());
    let mut browser = Browser::new(&one);
    browser.sign_in(&story.provider, "alice").await;
    let mut elsewhere = browser.clone().at(&two);
    assert_eq!(elsewhere.user().await.as_deref(), Some("alice"));

    browser.visit("/.auth/logout").await;
    story.clock.age(Duration::from_secs(5));

    assert_eq!(elsewhere.user().await, None);
}

#[tokio::test]
async fn clones_of_a_layer_share_sessions_and_logins_under_way() {
    let clock = ManualClock::new();
    let provider = FakeProvider::new("op", &clock);
    let config = config(std::slice::from_ref(&provider), &TestStore::new(), &clock);
    let layer = EasyAuthLayer::new(config.build().unwrap());
    let (one, two) = (App::behind(&layer, &clock), App::behind(&layer.clone(), &clock));
    let mut browser = Browser::new(&one);
    let there = browser.begin(&provider).await;

    let mut browser = browser.at(&two);
    browser.come_back(&provider.authorize(&there, "alice")).await;

    assert_eq!(browser.at(&one).user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn t_38_a_new_first_key_ends_no_session() {
    let mut nodes = Nodes::with(|config| config.encryption_keys([key(9), key(1)]));
    nodes.story.sign_in("alice").await;

    let mut elsewhere = nodes.elsewhere();
    assert_eq!(elsewhere.user().await.as_deref(), Some("alice"));
    elsewhere.sign_in(&nodes.story.provider, "alice").await;

    // The node that does not know the new key yet cannot open what it made.
    assert_eq!(elsewhere.at(&nodes.story.app).user().await, None);
}

#[tokio::test]
async fn t_38_a_retired_key_ends_its_sessions_at_once_and_the_user_signs_in_anew() {
    for keys in [vec![key(9)], vec![key(9), key(8)]] {
        let mut nodes = Nodes::with(|config| config.encryption_keys(keys));
        nodes.story.sign_in("alice").await;
        let mut elsewhere = nodes.elsewhere();

        assert_eq!(elsewhere.fetch("/").await.sub_status(), "401.83");
        elsewhere.sign_in(&nodes.story.provider, "alice").await;

        assert_eq!(elsewhere.user().await.as_deref(), Some("alice"));
    }
}

#[tokio::test]
async fn t_31_a_cookie_of_another_application_with_the_same_keys_does_not_open() {
    let mut nodes = Nodes::with(|config| config.app_id("another"));
    nodes.story.sign_in("alice").await;

    assert_eq!(nodes.elsewhere().user().await, None);
    let there = nodes.story.browser.begin(&nodes.story.provider).await;
    let callback = nodes.story.provider.authorize(&there, "alice");
    assert_eq!(nodes.elsewhere().come_back(&callback).await.status, 400);
}

#[tokio::test]
async fn t_99_applications_that_share_keys_and_store_leave_one_anothers_records_alone() {
    let mut nodes = Nodes::with(|config| config.app_id("another"));
    nodes.story.sign_in("alice").await;

    let mut elsewhere = nodes.story.another_browser().at(&nodes.other);
    elsewhere.sign_in(&nodes.story.provider, "alice").await;
    nodes.story.clock.age(Duration::from_secs(60));

    assert_eq!(nodes.story.browser.user().await.as_deref(), Some("alice"));
    assert_eq!(elsewhere.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_store_that_refuses_the_record_gives_no_session_and_others_go_on() {
    for verbs in [&[Verb::Create][..], &[Verb::Create, Verb::Replace, Verb::Delete]] {
        let mut story = Story::new();
        story.sign_in("alice").await;
        story.store.fail(verbs);
        let mut browser = story.another_browser();

        let answer = browser.try_sign_in(&story.provider, "bob").await;

        assert_eq!(answer.sub_status(), "503.79");
        assert!(!answer.gives_session());
        assert_eq!(browser.user().await, None);
        assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
        story.store.fail(&[]);
        browser.sign_in(&story.provider, "bob").await;
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_asked_leaves_who_is_known_known_for_a_while() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    story.store.fail(&[Verb::Load]);

    story.clock.age(Duration::from_secs(4));
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
    story.clock.age(Duration::from_secs(1));

    let answer = story.browser.fetch("/").await;
    assert_eq!(answer.sub_status(), "503.79");
    assert!(story.browser.has_session(), "the session is not over: {answer:?}");
    story.store.fail(&[]);
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_store_that_cannot_be_asked_does_not_close_what_is_open_to_everybody() {
    let mut story = Story::with(|config| config.excluded_paths(["/public/*"]));
    story.sign_in("alice").await;
    story.store.fail(&[Verb::Load]);
    story.clock.age(Duration::from_secs(60));

    assert_eq!(story.browser.visit("/public/style.css").await.user(), None);
    assert_eq!(story.browser.visit("/private").await.status, 503);
}

#[tokio::test]
async fn a_wall_clock_that_jumps_ends_what_has_expired_by_it_and_nothing_else() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    let start = story.clock.unix();
    let at = |offset| easyauth::clock::Timestamp::from_unix(start + offset);

    story.clock.set(at(-600));
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
    story.clock.set(at(9 * 3_600));
    assert_eq!(story.browser.user().await, None);
    // Back where it was; the browser would have thrown nothing away.
    story.clock.set(at(1));
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn me_tells_who_the_caller_is_and_what_tokens_there_are() {
    let mut story = Story::with(|config| config.refresh_ahead(false));
    assert_eq!(story.browser.visit("/.auth/me").await.status, 401);
    story.sign_in("alice").await;

    let entry = me(&mut story.browser).await;

    assert_eq!(entry["provider_name"], "op");
    assert_eq!(entry["user_id"], "Alice");
    assert!(entry["access_token"].as_str().unwrap().starts_with("ACCESS-"));
    assert!(entry["refresh_token"].as_str().unwrap().starts_with("REFRESH-"));
    let one = story.browser.fetch("/.auth/me?provider=op").await.json();
    assert_eq!(one, entry);
    assert_eq!(story.browser.fetch("/.auth/me?provider=other").await.json(), json!({}));
    assert_eq!(story.browser.fetch("/.auth/me?provider=op&provider=op").await.status, 400);
    story.clock.advance(Duration::from_secs(3_600));
    assert!(me(&mut story.browser).await["access_token"].is_null());
}

#[tokio::test]
async fn a_head_request_of_me_sends_no_body() {
    let mut story = Story::new();
    story.sign_in("alice").await;

    let answer = story.browser.send_raw(Request::head("/.auth/me")).await;

    assert_eq!(answer.status, 200);
    assert_eq!(answer.text(), "");
}

#[tokio::test]
async fn a_sign_in_without_a_refresh_token_keeps_the_earlier_one() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    let before = me(&mut story.browser).await;
    story.provider.remove(Token, "refresh_token");

    story.sign_in("alice").await;

    let after = me(&mut story.browser).await;
    assert_eq!(after["refresh_token"], before["refresh_token"]);
    assert_ne!(after["access_token"], before["access_token"]);
}
