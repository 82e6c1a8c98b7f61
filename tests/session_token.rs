//! Session tokens: how they are got, what they prove, how long, and how they are renewed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_imports,
    reason = "these are tests"
)]

#[path = "session_token/app_code.rs"]
mod app_code;
#[path = "session_token/client_login.rs"]
mod client_login;
#[path = "session_token/keys.rs"]
mod keys;
#[path = "session_token/posted_tokens.rs"]
mod posted_tokens;
#[path = "session_token/refresh.rs"]
mod refresh;
mod support;
#[path = "session_token/token_mode.rs"]
mod token_mode;

use std::time::Duration;

use easyauth::{ConfigBuilder, Unauthenticated};
use http::Request;
use serde_json::json;
use support::Document::*;
use support::*;

const HOUR: Duration = Duration::from_secs(3_600);
const SECOND: Duration = Duration::from_secs(1);

/// Somebody's telephone, signed in.
async fn signed_in() -> (Story, Phone) {
    signed_in_with(|config| config).await
}

async fn signed_in_with(change: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> (Story, Phone) {
    let story = Story::with(change);
    let mut phone = story.phone();
    phone.sign_in(&story.provider, "alice").await;
    story.provider.take_asked();
    (story, phone)
}

/// The same application on another machine, configured a little differently.
fn another_node(story: &Story, change: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> App {
    let providers = std::slice::from_ref(&story.provider);
    let config = change(config(providers, &story.store, &story.clock)).build().unwrap();
    App::new(config, &story.clock)
}

#[tokio::test]
async fn a_token_has_the_originals_claims_and_ends_with_the_access_token() {
    let (story, phone) = signed_in().await;

    let claims = phone.claims();
    let sid = claims["sub"].as_str().unwrap();

    assert!(sid.len() == 36 && sid.starts_with("sid:"), "{sid}");
    assert_eq!(claims["stable_sid"], sid);
    assert_eq!((&claims["idp"], &claims["ver"]), (&json!("op"), &json!("3")));
    assert_eq!(claims["iss"], "https://app.example/");
    assert_eq!(claims["aud"], "https://app.example/");
    assert_eq!(claims["exp"], story.clock.unix() + 3_600);
    assert_eq!(claims["nbf"], story.clock.unix() - 60);
    let header = phone.token.as_ref().unwrap().split('.').next().unwrap();
    assert_eq!(header, "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9");
}

#[tokio::test]
async fn the_application_sees_who_it_is_the_tokens_of_the_provider_and_the_token_itself() {
    let (story, phone) = signed_in().await;

    let answer = phone.get("/").await;

    assert_eq!(answer.user().as_deref(), Some("alice"));
    assert_eq!(answer.seen("x-ms-client-principal-idp"), ["op"]);
    assert_eq!(answer.seen("x-ms-token-op-access-token").len(), 1);
    assert_eq!(answer.seen("x-zumo-auth"), [phone.token.clone().unwrap()]);
    assert_eq!(answer.header("cache-control"), Some("private"));
    assert_eq!(story.store.count(Verb::Load), 1, "only the sign-in looked");
}

#[tokio::test]
async fn a_thousand_calls_of_me_with_one_token_leave_it_valid() {
    let (_, phone) = signed_in().await;
    let first = phone.get("/.auth/me").await;
    assert_eq!(first.json()[0]["provider_name"], "op");

    for _ in 0..1_000 {
        let answer = phone.get("/.auth/me").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, first.body);
    }

    assert_eq!(phone.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn t_81_a_token_ends_to_the_second() {
    let (story, phone) = signed_in_with(|config| config.refresh_ahead(false)).await;
    story.clock.advance(HOUR - SECOND);
    assert_eq!(phone.user().await.as_deref(), Some("alice"));

    story.clock.advance(SECOND);
    for path in ["/", "/.auth/me"] {
        let answer = phone.get(path).await;
        assert_eq!(answer.sub_status(), "401.83", "{path}");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"), "{path}");
    }
}

#[tokio::test]
async fn a_provider_that_names_no_end_gives_thirty_days_and_the_absolute_lifetime_stands_above() {
    for (absolute, days) in [(90, 30), (10, 10)] {
        let change = |config: ConfigBuilder| config.absolute_lifetime(24 * absolute * HOUR);
        let mut story = Story::with(change);
        story.provider.remove(Token, "expires_in");
        let mut phone = story.phone();

        let callback = story.browser.visit("/.auth/login/op?session_mode=token").await;
        let there = callback.location().parse().unwrap();
        let answer = story.browser.come_back(&story.provider.authorize(&there, "alice")).await;
        phone.keep_fragment(answer.location());

        assert_eq!(phone.claims()["exp"], story.clock.unix() + days * 86_400);
    }
}

#[tokio::test]
async fn tokens_that_are_born_expired_make_a_session_token_that_is_not() {
    let story = Story::new();
    story.provider.set(Token, "expires_in", 0);
    let mut phone = story.phone();

    phone.sign_in(&story.provider, "alice").await;

    let claims = phone.claims();
    assert!(claims["exp"].as_i64() > claims["nbf"].as_i64());
    assert_eq!(claims["exp"], story.clock.unix() + 60);
}

#[tokio::test]
async fn a_token_decides_before_a_cookie_and_both_are_logged_if_they_are_two_peoples() {
    let log = Log::listen();
    let (mut story, phone) = signed_in().await;
    story.sign_in("bob").await;
    let token = phone.token.clone().unwrap();

    let request = || Request::get("/").header("accept", "application/json");
    let answer = story.browser.send_raw(request().header("x-zumo-auth", &token)).await;

    assert_eq!(answer.user().as_deref(), Some("alice"));
    assert!(log.text().contains("X-ZUMO-AUTH outranks the cookie of another user"));
    let forged = request().header("x-zumo-auth", format!("{token}x"));
    let answer = story.browser.send_raw(forged).await;
    assert_eq!(answer.sub_status(), "401.83", "no cookie takes its place");
    assert!(story.browser.has_session(), "and the cookie is left alone");
    assert_eq!(story.browser.user().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn where_anybody_may_come_a_token_that_does_not_do_is_taken_out_of_the_request() {
    let (story, phone) = signed_in_with(|config| {
        config.unauthenticated(Unauthenticated::Allow).refresh_ahead(false)
    })
    .await;
    let token = phone.token.clone().unwrap();
    for bad in [format!("{token}x"), "x".to_owned(), String::new()] {
        let answer = phone.clone().holding(&bad).get("/").await;
        assert_eq!((answer.user(), answer.seen("x-zumo-auth").len()), (None, 0), "{bad}");
    }
    let twice = Request::get("/").header("x-zumo-auth", &token);
    let answer = phone.send(twice, "").await;
    assert_eq!((answer.user(), answer.seen("x-zumo-auth").len()), (None, 0));

    story.clock.advance(HOUR);
    let answer = phone.get("/").await;
    assert_eq!((answer.user(), answer.seen("x-zumo-auth").len()), (None, 0), "expired");
}

#[tokio::test]
async fn on_open_paths_and_in_every_mode_a_bad_token_stays_outside() {
    for (action, expected) in [
        (Unauthenticated::RedirectToLogin, 401),
        (Unauthenticated::Reject401, 401),
        (Unauthenticated::Reject403, 401),
        (Unauthenticated::Reject404, 401),
        (Unauthenticated::Allow, 200),
    ] {
        let story = Story::with(|config| config.unauthenticated(action).excluded_paths(["/open"]));
        let phone = story.phone().holding("a.b.c");
        let navigates = Request::get("/").header("sec-fetch-mode", "navigate");

        assert_eq!(phone.get("/").await.status, expected, "{action:?}");
        assert_eq!(phone.send(navigates, "").await.status, expected, "{action:?}");
        assert_eq!(phone.get("/open").await.seen("x-zumo-auth").len(), 0, "{action:?}");
    }
}

#[tokio::test]
async fn a_store_that_is_away_opens_nothing_to_a_token() {
    let (story, phone) = signed_in().await;
    let node = another_node(&story, |config| config.excluded_paths(["/open"]));
    story.store.fail(&[Verb::Load]);
    let phone = phone.at(&node);

    assert_eq!(phone.get("/").await.status, 503);
    let answer = phone.get("/open").await;
    assert_eq!((answer.user(), answer.seen("x-zumo-auth").len()), (None, 0));
}

#[tokio::test]
async fn t_60_no_site_can_forge_a_request_with_a_token() {
    let (_, phone) = signed_in().await;
    for path in ["/orders", "/.auth/refresh", "/.auth/logout"] {
        let request = Request::post(path)
            .header("sec-fetch-site", "cross-site")
            .header("origin", "https://elsewhere.example");

        let answer = phone.send(request, "").await;

        assert_ne!(answer.status, 403, "{path}");
    }
}

#[tokio::test]
async fn signing_out_ends_the_tokens_session_and_leaves_the_cookies_alone() {
    let (mut story, phone) = signed_in().await;
    story.sign_in("alice").await;
    let token = phone.token.clone().unwrap();

    let request = Request::get("/.auth/logout").header("x-zumo-auth", &token);
    let answer = story.browser.send_raw(request).await;

    assert_eq!(answer.location(), "https://app.example/.auth/logout/complete");
    assert_eq!(phone.get("/").await.sub_status(), "401.70");
    assert_eq!(phone.get("/.auth/refresh").await.sub_status(), "401.70");
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
    let forged = Request::get("/.auth/logout").header("x-zumo-auth", format!("{token}x"));
    story.browser.send_raw(forged).await;
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"), "nor does a bad one sign out");
}

#[tokio::test]
async fn t_83_an_expired_token_still_signs_out_and_does_nothing_else() {
    let (story, phone) = signed_in_with(|config| config.refresh_ahead(false)).await;
    story.clock.advance(HOUR + SECOND);
    assert_eq!(phone.get("/.auth/me").await.status, 401);

    assert_eq!(phone.get("/.auth/logout").await.status, 302);

    assert_eq!(story.store.count(Verb::Delete), 1, "the tokens went with the last session");
    assert_eq!(phone.get("/.auth/refresh").await.sub_status(), "401.70");
}

#[tokio::test]
async fn the_login_itself_looks_at_no_token() {
    let (mut story, phone) = signed_in_with(|config| config.refresh_ahead(false)).await;
    let token = phone.token.clone().unwrap();
    for token in [token.as_str(), "a.b.c", ""] {
        let request = Request::get("/.auth/login/op").header("x-zumo-auth", token);
        let there = story.browser.send_raw(request).await.location().parse().unwrap();
        let answer = story.browser.come_back(&story.provider.authorize(&there, "bob")).await;
        assert_eq!(answer.status, 302, "{token}");

        let again = phone.clone().holding(token);
        let answer = again.post(&story.provider, &story.provider.hand_out("alice")).await;
        assert_eq!(answer.status, 200, "{token}");
    }
    assert_eq!(phone.user().await.as_deref(), Some("alice"), "none of them ended its session");
}

#[tokio::test]
async fn without_a_store_there_are_no_tokens_and_the_answer_says_why() {
    let story = Story::with(ConfigBuilder::without_token_store);
    let mut browser = story.browser.clone();
    for query in [
        "session_mode=token",
        "session_mode=token&completion_type=postMessage&completion_origin=https%3A%2F%2Fapp.example",
        "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
    ] {
        let answer = browser.fetch(&format!("/.auth/login/op?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().contains("login.tokenStore.enabled"), "{query}");
    }
    let phone = story.phone();
    for answer in [
        phone.post(&story.provider, &story.provider.hand_out("alice")).await,
        phone.clone().holding("a.b.c").get("/.auth/refresh").await,
    ] {
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains("login.tokenStore.enabled"));
    }
}
