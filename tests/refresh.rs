//! Refresh: fresh tokens for who asks, once for all of them, and never a session lost by it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_imports,
    reason = "these are tests"
)]

mod support;

use std::path::Path;
use std::time::Duration;

use easyauth::ConfigBuilder;
use easyauth::store::FileStore;
use futures_util::future::join_all;
use serde_json::{Value, json};
use support::Document::*;
use support::*;

const HOUR: Duration = Duration::from_secs(3_600);
const SECOND: Duration = Duration::from_secs(1);

async fn signed_in() -> Story {
    signed_in_with(|config| config).await
}

async fn signed_in_with(change: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Story {
    let mut story = Story::with(change);
    story.sign_in("alice").await;
    story.provider.take_asked();
    story
}

async fn me(browser: &mut Browser) -> Value {
    browser.fetch("/.auth/me").await.json()[0].clone()
}

fn calls(story: &Story) -> usize {
    story.provider.take_asked().iter().filter(|asked| **asked == Token).count()
}

#[tokio::test]
async fn a_refresh_brings_new_tokens_and_a_longer_session() {
    let mut story = signed_in().await;
    let before = me(&mut story.browser).await;
    let cookie = story.browser.cookie("AppServiceAuthSession").unwrap().to_owned();
    story.clock.advance(HOUR / 2);

    let answer = story.browser.fetch("/.auth/refresh").await;

    assert_eq!((answer.status.as_u16(), answer.text()), (200, "{}"));
    assert_ne!(story.browser.cookie("AppServiceAuthSession").unwrap(), cookie);
    let after = me(&mut story.browser).await;
    for token in ["access_token", "refresh_token", "id_token", "expires_on"] {
        assert_ne!(before[token], after[token], "{token}");
    }
    let seen = story.browser.visit("/").await.seen("x-ms-token-op-access-token");
    assert_eq!(seen, [after["access_token"].as_str().unwrap()]);
    story.clock.advance(8 * HOUR - SECOND);
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn who_holds_an_older_generation_is_answered_with_what_is_stored() {
    let mut story = signed_in().await;
    let mut copy = story.browser.clone();
    story.browser.fetch("/.auth/refresh").await;
    assert_eq!(calls(&story), 1);

    assert_eq!(copy.fetch("/.auth/refresh").await.status, 200);

    assert_eq!(calls(&story), 0);
    assert_eq!(me(&mut copy).await, me(&mut story.browser).await);
}

#[tokio::test]
async fn oa_04_an_earlier_refresh_token_is_kept_when_none_comes() {
    let mut story = signed_in().await;
    let before = me(&mut story.browser).await;
    story.provider.remove(Token, "refresh_token");

    assert_eq!(story.browser.fetch("/.auth/refresh").await.status, 200);

    let after = me(&mut story.browser).await;
    assert_ne!(before["access_token"], after["access_token"]);
    assert_eq!(before["refresh_token"], after["refresh_token"]);
}

#[tokio::test]
async fn each_failure_has_its_status_and_leaves_the_old_tokens() {
    let refused = json!({"error": "invalid_grant"}).to_string();
    for (reply, expected) in [
        (Reply::Raw(400, "application/json", refused.into()), "403.81"),
        (Reply::Unreachable, "503.73"),
        (Reply::status(503), "503.73"),
        (Reply::status(404), "502.73"),
        (Reply::json("[]"), "502.73"),
        (Reply::json(r#"{"error":"invalid_client"}"#), "500.74"),
        (Reply::Redirect("https://elsewhere.example/"), "502.73"),
    ] {
        let mut story = signed_in().await;
        let before = me(&mut story.browser).await;
        story.provider.reply(Token, reply);

        let answer = story.browser.fetch("/.auth/refresh").await;

        assert_eq!(answer.sub_status(), expected, "{answer:?}");
        assert_eq!(calls(&story), 1, "{expected}");
        assert_eq!(me(&mut story.browser).await, before, "{expected}");
        assert_eq!(story.provider.strays(), [""; 0], "{expected}");
    }
}

#[tokio::test]
async fn without_a_refresh_token_the_answer_says_what_would_bring_one() {
    let mut story = Story::new();
    story.provider.remove(Token, "refresh_token");
    story.sign_in("alice").await;

    let answer = story.browser.fetch("/.auth/refresh").await;

    assert_eq!(answer.sub_status(), "400.80");
    assert!(answer.text().contains("offline_access"), "{answer:?}");
}

#[tokio::test]
async fn without_a_store_or_a_session_there_is_nothing_to_refresh() {
    let mut storeless = signed_in_with(ConfigBuilder::without_token_store).await;
    let answer = storeless.browser.fetch("/.auth/refresh").await;
    assert_eq!(answer.sub_status(), "400.82");
    assert!(answer.text().contains("login.tokenStore.enabled"), "{answer:?}");

    let mut stranger = Story::new();
    let answer = stranger.browser.visit("/.auth/refresh").await;
    assert_eq!(answer.sub_status(), "401.71", "never a redirect");
}

#[tokio::test]
async fn t_90_a_thousand_at_once_cost_one_call_and_get_equal_answers() {
    let mut story = signed_in().await;
    for round in 0..100 {
        story.clock.advance(Duration::from_secs(60));
        let browsers: Vec<_> = (0..1_000).map(|_| story.browser.clone()).collect();

        let answers = join_all(browsers.into_iter().map(|mut browser| async move {
            let answer = browser.fetch("/.auth/refresh").await;
            (answer.status.as_u16(), answer.text().to_owned(), me(&mut browser).await)
        }));
        let answers = answers.await;

        assert_eq!(calls(&story), 1, "round {round}");
        assert_eq!(answers[0].0, 200);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "round {round}");
        story.browser.fetch("/.auth/refresh").await;
        story.provider.take_asked();
    }
}

#[tokio::test]
async fn a_failure_is_shared_too() {
    let story = signed_in().await;
    story.provider.reply(Token, Reply::status(503));
    let browsers: Vec<_> = (0..100).map(|_| story.browser.clone()).collect();

    let answers = join_all(
        browsers
            .into_iter()
            .map(|mut browser| async move { browser.fetch("/.auth/refresh").await.sub_status() }),
    );

    assert!(answers.await.iter().all(|answer| answer == "503.73"));
    assert_eq!(calls(&story), 1);
}

#[tokio::test(start_paused = true)]
async fn t_95_a_caller_who_hangs_up_loses_nothing() {
    let mut story = signed_in().await;
    story.provider.reply(Token, Reply::Late(5 * SECOND));
    let mut impatient = story.browser.clone();
    let gone = tokio::time::timeout(SECOND, impatient.fetch("/.auth/refresh")).await;
    assert!(gone.is_err(), "it is gone before there is an answer");

    assert_eq!(story.browser.fetch("/.auth/refresh").await.status, 200);

    assert_eq!(calls(&story), 1);
}

#[tokio::test]
async fn t_82_an_expired_session_can_be_refreshed_for_the_window_to_the_second() {
    for (window, late, expected) in [
        (72 * HOUR, 72 * HOUR - SECOND, 200),
        (72 * HOUR, 72 * HOUR, 401),
        (HOUR / 2, HOUR / 2 - SECOND, 200),
        (HOUR / 2, HOUR / 2, 401),
        (Duration::ZERO, Duration::ZERO, 401),
    ] {
        let mut story = signed_in_with(|config| config.refresh_window(window)).await;
        story.clock.advance(8 * HOUR + late);
        assert_eq!(story.browser.clone().fetch("/.auth/me").await.status, 401, "only a refresh");

        let answer = story.browser.fetch("/.auth/refresh").await;

        assert_eq!(answer.status, expected, "{window:?} {late:?} {answer:?}");
        assert_eq!(story.browser.user().await.is_some(), expected == 200, "{window:?} {late:?}");
    }
}

#[tokio::test]
async fn no_refresh_makes_a_session_outlive_the_absolute_lifetime() {
    let mut story = signed_in_with(|config| config.absolute_lifetime(10 * HOUR)).await;
    story.clock.advance(7 * HOUR);
    assert_eq!(story.browser.fetch("/.auth/refresh").await.status, 200);

    story.clock.advance(3 * HOUR - SECOND);
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
    story.clock.advance(SECOND);
    assert_eq!(story.browser.user().await, None);
    assert_eq!(story.browser.fetch("/.auth/refresh").await.status, 401);
}

#[tokio::test]
async fn oc_20_an_id_token_of_another_sign_in_is_refused_and_the_old_tokens_stay() {
    for (claim, value) in [
        ("iss", json!("https://evil.example")),
        ("aud", json!("other")),
        ("aud", json!(["web", "other"])),
        ("azp", json!("other")),
        ("auth_time", json!(1)),
        ("nonce", json!("another")),
        ("exp", json!("soon")),
    ] {
        let mut story = signed_in().await;
        let before = me(&mut story.browser).await;
        story.provider.set(IdToken, claim, value.clone());

        let answer = story.browser.fetch("/.auth/refresh").await;

        assert_eq!(answer.sub_status(), "502.83", "{claim} {value}");
        assert_eq!(me(&mut story.browser).await, before, "{claim} {value}");
    }
}

#[tokio::test]
async fn t_97_an_id_token_about_somebody_else_ends_the_session() {
    let mut story = signed_in().await;
    story.provider.set(IdToken, "sub", "mallory");

    let answer = story.browser.fetch("/.auth/refresh").await;

    assert_eq!(answer.sub_status(), "502.83", "{answer:?}");
    assert_eq!(story.browser.user().await, None);
}

#[tokio::test]
async fn claims_are_refreshed_and_what_userinfo_told_is_kept() {
    let mut story = signed_in().await;
    story.provider.set(IdToken, "name", "Alice Renamed");

    story.browser.fetch("/.auth/refresh").await;

    let entry = me(&mut story.browser).await;
    let claim = |typ: &str| {
        let claims = entry["user_claims"].as_array().unwrap();
        claims.iter().find(|claim| claim["typ"] == typ).map(|claim| claim["val"].clone())
    };
    assert_eq!(claim("name"), Some(json!("Alice Renamed")));
    assert_eq!(claim("locale"), Some(json!("en-NZ")));
}

#[tokio::test]
async fn an_active_users_tokens_are_refreshed_ahead_once_however_many_requests_come() {
    let mut story = signed_in().await;
    story.clock.advance(HOUR - Duration::from_secs(300) - SECOND);
    story.browser.user().await;
    tokio::task::yield_now().await;
    assert_eq!(calls(&story), 0, "not before the last minutes");
    story.clock.advance(SECOND);

    let before = me(&mut story.browser).await["access_token"].clone();
    let browsers: Vec<_> = (0..100).map(|_| story.browser.clone()).collect();
    join_all(browsers.into_iter().map(|mut browser| async move {
        assert_eq!(browser.user().await.as_deref(), Some("alice"));
    }))
    .await;
    while me(&mut story.browser).await["access_token"] == before {
        tokio::task::yield_now().await;
    }

    assert_eq!(calls(&story), 1);
    story.clock.advance(7 * HOUR + Duration::from_secs(300));
    assert_eq!(story.browser.user().await, None, "it does not make the session longer");
}

#[tokio::test]
async fn nothing_is_refreshed_ahead_if_that_is_switched_off() {
    let mut story = signed_in_with(|config| config.refresh_ahead(false)).await;

    for late in [HOUR - SECOND, 2 * SECOND] {
        story.clock.advance(late);
        assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
        tokio::task::yield_now().await;
    }

    assert_eq!(calls(&story), 0);
}

#[tokio::test]
async fn a_request_with_an_expired_token_waits_for_a_fresh_one() {
    let mut story = signed_in().await;
    let before = me(&mut story.browser).await["access_token"].clone();
    story.clock.advance(HOUR);

    let seen = story.browser.visit("/").await.seen("x-ms-token-op-access-token");

    assert_ne!(json!(seen[0]), before);
    assert_eq!(calls(&story), 1);
}

#[tokio::test(start_paused = true)]
async fn it_waits_two_seconds_and_goes_on_with_what_there_is() {
    let mut story = signed_in().await;
    let before = me(&mut story.browser).await["access_token"].clone();
    story.clock.advance(HOUR);
    story.provider.reply(Token, Reply::Late(8 * SECOND));
    let begun = tokio::time::Instant::now();

    let seen = story.browser.visit("/").await.seen("x-ms-token-op-access-token");

    assert_eq!(json!(seen[0]), before);
    assert_eq!(begun.elapsed(), 2 * SECOND);
}

#[tokio::test]
async fn a_provider_that_is_down_is_not_asked_with_every_request() {
    let mut story = signed_in().await;
    story.clock.advance(HOUR);
    story.provider.reply(Token, Reply::Unreachable);

    for _ in 0..50 {
        assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
    }

    assert_eq!(calls(&story), 1);
    story.provider.be_honest();
    story.clock.advance(6 * SECOND);
    story.browser.user().await;
    assert_eq!(calls(&story), 1, "after a pause it is asked again");
}

#[tokio::test]
async fn two_nodes_refresh_one_grant_with_one_call_and_agree() {
    let mut story = signed_in().await;
    let providers = std::slice::from_ref(&story.provider);
    let other =
        App::new(config(providers, &story.store, &story.clock).build().unwrap(), &story.clock);
    let (mut here, mut there) = (story.browser.clone(), story.browser.clone().at(&other));
    assert_eq!(there.user().await.as_deref(), Some("alice"));

    let (one, two) = tokio::join!(here.fetch("/.auth/refresh"), there.fetch("/.auth/refresh"));

    assert_eq!((one.status.as_u16(), two.status.as_u16()), (200, 200));
    assert_eq!(calls(&story), 1);
    assert_eq!(me(&mut here).await, me(&mut there).await);
    story.browser.fetch("/.auth/refresh").await;
    let mut reader = story.browser.clone().at(&other);
    assert_eq!(me(&mut reader).await, me(&mut story.browser).await, "who refreshed reads it");
}

#[tokio::test]
async fn t_98_the_tokens_of_a_backup_are_not_sent_to_the_provider() {
    let (root, backup) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = FileStore::open(root.path()).await.unwrap();
    let mut story = signed_in_with(|config| config.token_store(store)).await;
    copy_folder(root.path(), backup.path());
    story.browser.fetch("/.auth/refresh").await;
    assert_eq!(calls(&story), 1);
    let put_back = TestStore::over(FileStore::open(backup.path()).await.unwrap());
    let providers = std::slice::from_ref(&story.provider);
    let restored =
        App::new(config(providers, &put_back, &story.clock).build().unwrap(), &story.clock);

    let answer = story.browser.clone().at(&restored).fetch("/.auth/refresh").await;

    assert_eq!(answer.status, 401);
    assert_eq!(calls(&story), 0, "spent tokens would cost the whole grant");
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn signing_out_while_the_provider_is_asked_ends_the_session_for_good() {
    let story = signed_in().await;
    let held = story.store.hold_next_load();
    let mut refreshing = story.browser.clone();
    let mut leaving = story.browser.clone();

    let refresh = async {
        let answer = refreshing.fetch("/.auth/refresh").await;
        answer.status.as_u16()
    };
    let leave = async {
        held.notify_one();
        leaving.visit("/.auth/logout").await;
    };
    let (status, ()) = tokio::join!(refresh, leave);

    assert!([200, 401].contains(&status), "{status}");
    assert_eq!(story.browser.clone().user().await, None);
    assert_eq!(story.browser.clone().fetch("/.auth/refresh").await.status, 401);
}
