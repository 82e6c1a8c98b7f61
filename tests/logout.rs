//! Signing out: what ends, what goes on, and where the browser ends up.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_imports,
    reason = "these are tests"
)]

mod support;

use std::time::Duration;

use http::Request;
use support::*;

#[tokio::test]
async fn whoever_signs_out_is_nobody_and_the_browser_keeps_nothing() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    story.browser.begin(&story.provider).await;

    let answer = story.browser.visit("/.auth/logout").await;

    assert_eq!(answer.location(), "https://app.example/.auth/logout/complete");
    assert_eq!(story.browser.cookies(), []);
    assert_eq!(story.browser.user().await, None);
    let page = story.browser.visit("/.auth/logout/complete").await;
    assert!(page.text().contains("You have been signed out"));
}

#[tokio::test]
async fn t_35_a_cookie_that_was_kept_proves_nothing_after_the_logout() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    let mut thief = story.browser.clone();

    story.browser.visit("/.auth/logout").await;

    assert_eq!(thief.fetch("/").await.sub_status(), "401.70");
    assert!(!thief.has_session(), "what proves nothing is not sent for ever");
}

#[tokio::test]
async fn t_35_a_session_that_has_expired_is_not_left_to_be_refreshed_after_the_logout() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    let mut thief = story.browser.clone();
    story.clock.advance(Duration::from_secs(9 * 3_600));

    story.browser.visit("/.auth/logout").await;

    assert_eq!(story.store.count(Verb::Delete), 1, "the tokens went with the last session");
    assert_eq!(thief.fetch("/.auth/refresh").await.sub_status(), "401.70");
}

#[tokio::test]
async fn a_flood_of_pending_logins_makes_no_flood_of_an_answer() {
    let story = Story::new();
    let pairs: Vec<_> = (0..25_000).map(|n| format!("__Host-EasyAuthLogin-{n:026x}=x")).collect();
    let request = Request::get("/.auth/logout").header("cookie", pairs.join("; "));

    let answer = story.app.send(request.body(Default::default()).unwrap()).await;

    assert_eq!(answer.status, 302);
    assert!(answer.set_cookies().len() < 100);
}

#[tokio::test]
async fn only_the_callers_session_ends_and_the_tokens_go_with_the_last() {
    let story = Story::new();
    let (mut phone, mut laptop) = (story.another_browser(), story.another_browser());
    phone.sign_in(&story.provider, "alice").await;
    laptop.sign_in(&story.provider, "alice").await;

    phone.visit("/.auth/logout").await;
    assert_eq!(phone.user().await, None);
    assert_eq!(laptop.user().await.as_deref(), Some("alice"));
    assert!(laptop.fetch("/.auth/me").await.json()[0]["refresh_token"].is_string());
    assert_eq!(story.store.count(Verb::Delete), 0);

    laptop.visit("/.auth/logout").await;
    assert_eq!(story.store.count(Verb::Delete), 1);
}

#[tokio::test]
async fn others_sessions_go_on() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    let mut bob = story.another_browser();
    bob.sign_in(&story.provider, "bob").await;

    story.browser.visit("/.auth/logout").await;

    assert_eq!(bob.user().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn a_form_may_sign_out_too() {
    let mut story = Story::new();
    story.sign_in("alice").await;

    let answer = story.browser.post("/.auth/logout", "").await;

    assert_eq!(answer.status, 302);
    assert_eq!(story.browser.user().await, None);
}

#[tokio::test]
async fn signing_out_without_a_session_is_no_error() {
    let mut story = Story::new();

    let answer = story.browser.visit("/.auth/logout").await;

    assert_eq!(answer.status, 302);
    assert_eq!(story.store.writes(), 0);
}

#[tokio::test]
async fn a_configured_path_signs_out_as_well() {
    let mut story = Story::with(|config| config.logout_path("/signout"));
    story.sign_in("alice").await;

    assert_eq!(story.browser.visit("/signout").await.status, 302);

    assert_eq!(story.browser.user().await, None);
}

#[tokio::test]
async fn a_store_that_fails_signs_nobody_out_and_says_so() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    story.store.fail(&[Verb::Delete, Verb::Replace]);

    let answer = story.browser.visit("/.auth/logout").await;

    assert_eq!(answer.sub_status(), "503.79");
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
    story.store.fail(&[]);
    story.browser.visit("/.auth/logout").await;
    assert_eq!(story.browser.user().await, None);
}

#[tokio::test]
async fn the_browser_goes_where_it_is_allowed_to() {
    let landing = "https://app.example/.auth/logout/complete";
    for (target, expected) in [
        ("/bye?x=1", "https://app.example/bye?x=1"),
        ("https%3A%2F%2Fapp.example%2Fbye", "https://app.example/bye"),
        ("https%3A%2F%2Fspa.example%2Fapp", "https://spa.example/app"),
        ("https%3A%2F%2Fevil.example%2F", landing),
        ("%2F%2Fevil.example", landing),
        ("/.auth/logout", landing),
        ("/%5Cevil.example", landing),
        ("/a&post_logout_redirect_uri=/b", landing),
        ("", landing),
    ] {
        let mut story = Story::with(|config| {
            config.allowed_external_redirect_urls(["https://spa.example/app"])
        });
        story.sign_in("alice").await;
        let url = format!("/.auth/logout?post_logout_redirect_uri={target}");

        assert_eq!(story.browser.visit(&url).await.location(), expected, "{target}");
        assert_eq!(story.browser.user().await, None);
    }
}

#[tokio::test]
async fn every_chunk_of_a_large_cookie_is_deleted() {
    let mut story = Story::with(easyauth::ConfigBuilder::without_token_store);
    let groups = vec!["a group of some length"; 150];
    story.provider.set(Document::IdToken, "groups", groups);
    story.sign_in("alice").await;
    assert!(story.browser.cookies().len() > 3);

    story.browser.visit("/.auth/logout").await;

    assert_eq!(story.browser.cookies(), []);
}

#[tokio::test]
async fn t_16_a_logout_by_another_method_is_refused_and_names_those_there_are() {
    let mut story = Story::new();
    story.sign_in("alice").await;

    let answer = story.browser.send_raw(Request::delete("/.auth/logout")).await;

    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), Some("GET, HEAD, POST"));
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
}
