//! Secrets, looked for wherever they must not be.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use easyauth::EasyAuthLayer;
use http::Request;
use tower::{Layer, ServiceExt};

use crate::support::Document::*;
use crate::support::*;

/// `secret` as it may be written by accident.
fn spellings(secret: &str) -> [String; 4] {
    [
        secret.to_owned(),
        BASE64_STANDARD.encode(secret).trim_end_matches('=').to_owned(),
        BASE64_URL_SAFE_NO_PAD.encode(secret),
        secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
    ]
}

fn assert_silent(place: &str, text: &str, secrets: &[String]) {
    for secret in secrets.iter().filter(|secret| secret.len() >= 8) {
        for spelling in spellings(secret) {
            assert!(!text.contains(&spelling), "{place} tells {secret}:\n{text}");
        }
    }
}

/// The keys, as text.
fn keys() -> Vec<String> {
    let bytes = |number: u8| (0..32).map(move |step: u8| step.wrapping_mul(37) ^ number);
    (1..=3).map(|number| bytes(number).map(|byte| format!("{byte:02x}")).collect()).collect()
}

fn secrets(story: &Story) -> Vec<String> {
    let mut secrets = story.provider.secrets();
    secrets.extend(story.browser.cookies().into_iter().map(|(_, value)| value));
    secrets.extend(keys());
    // Each part of a state is looked for by itself too.
    let parts: Vec<_> = secrets.iter().filter_map(|s| s.split_once('.')).collect();
    let parts: Vec<_> = parts.into_iter().map(|(_, rest)| rest.to_owned()).collect();
    secrets.extend(parts);
    secrets
}

#[tokio::test]
async fn t_105_no_secret_reaches_the_log_when_all_goes_well() {
    let log = Log::listen();
    let mut story = Story::new();
    story.sign_in("alice").await;
    let mut all = secrets(&story);
    story.browser.visit("/").await;
    story.browser.fetch("/.auth/me").await;
    story.sign_in("bob").await;
    all.extend(secrets(&story));
    story.browser.visit("/.auth/logout").await;

    assert!(log.text().contains("signed in") && log.text().contains("signed out"));
    assert_silent("the log", &log.text(), &all);
    for claim in ["alice", "Alice", "bob"] {
        assert!(!log.text().contains(claim), "{}", log.text());
    }
}

#[tokio::test]
async fn t_105_no_secret_reaches_the_log_or_a_page_when_anything_fails() {
    let replies = [
        Reply::json("[]"),
        Reply::status(500),
        Reply::Unreachable,
        Reply::Redirect("https://evil.example/"),
        Reply::json(r#"{"error":"invalid_grant","error_description":"no"}"#),
    ];
    for document in [Token, Keys, Userinfo] {
        for reply in &replies {
            let log = Log::listen();
            let mut story = Story::new();
            story.provider.reply(document, reply.clone());
            let answer = story.try_sign_in("alice").await;
            let all = secrets(&story);

            assert!(log.text().contains("refused") || log.text().contains("failed"));
            assert_silent("the log", &log.text(), &all);
            assert_silent("the page", answer.text(), &all);
            assert_silent("the refusal", &format!("{:?}", answer.refusal), &all);
        }
    }
}

#[tokio::test]
async fn t_105_of_a_providers_refusal_its_code_is_logged_and_none_of_its_words() {
    let log = Log::listen();
    let mut story = Story::new();
    let words = "AADSTS50105: CANARY-alice@op.example is not assigned to a role";
    story.provider.refuse_with("access_denied", words);
    story.try_sign_in("alice").await;

    let text = log.text();
    assert!(text.contains("access_denied") && text.contains("50105"), "{text}");
    assert!(!text.contains("CANARY"), "{text}");
}

#[tokio::test]
async fn t_105_no_secret_reaches_the_log_when_a_token_is_refused() {
    for claim in ["nonce", "iss", "aud", "sub", "exp", "at_hash"] {
        let log = Log::listen();
        let mut story = Story::new();
        story.provider.set(IdToken, claim, "CLAIM-CANARY-0123456789");
        let answer = story.try_sign_in("alice").await;
        let mut all = secrets(&story);
        all.push("CLAIM-CANARY-0123456789".to_owned());
        if claim == "sub" {
            all.clear();
        }
        assert_silent("the log", &log.text(), &all);
        assert_silent("the answer", answer.text(), &all);
    }
}

#[tokio::test]
async fn t_105_no_secret_reaches_the_log_when_the_store_fails() {
    let log = Log::listen();
    let mut story = Story::new();
    story.store.fail(&[Verb::Create]);
    let answer = story.try_sign_in("alice").await;
    let all = secrets(&story);

    assert!(log.text().contains("the token store"));
    assert_silent("the log", &log.text(), &all);
    assert_silent("the page", answer.text(), &all);
}

#[tokio::test]
async fn t_105_nothing_that_can_be_printed_prints_a_secret() {
    let clock = ManualClock::new();
    let provider = FakeProvider::new("op", &clock);
    let store = TestStore::new();
    let config = config(std::slice::from_ref(&provider), &store, &clock);
    let builder = format!("{config:?}");
    let config = config.build().unwrap();
    let layer = EasyAuthLayer::new(config.clone());
    let app = App::behind(&layer, &clock);
    let mut browser = Browser::new(&app);
    browser.sign_in(&provider, "alice").await;
    browser.begin(&provider).await;
    let cookie = browser.cookie("AppServiceAuthSession").unwrap().to_owned();
    let principal = {
        let service =
            layer.layer(tower::service_fn(|request: Request<http_body_util::Full<_>>| {
                let principal = format!("{:?}", request.extensions().get::<easyauth::Principal>());
                async { Ok::<_, std::convert::Infallible>(http::Response::new(principal)) }
            }));
        let request = Request::get("/").header("cookie", format!("AppServiceAuthSession={cookie}"));
        let body = http_body_util::Full::new(bytes::Bytes::new());
        let response = service.oneshot(request.body(body).unwrap()).await.unwrap();
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
        String::from_utf8(body.to_bytes().to_vec()).unwrap()
    };
    let mut all = provider.secrets();
    all.extend(browser.cookies().into_iter().map(|(_, value)| value));
    all.extend(keys());

    assert!(principal.contains("Principal") && principal.contains("alice"));
    for (place, text) in [
        ("ConfigBuilder", builder),
        ("Config", format!("{config:?} {config:#?}")),
        ("EasyAuthLayer", format!("{layer:?} {layer:#?}")),
        ("Principal", principal),
        ("the provider's settings", format!("{:?}", provider.settings())),
    ] {
        assert_silent(place, &text, &all);
    }
}

#[tokio::test]
async fn oa_06_oa_13_no_token_is_in_a_cookie_or_in_an_address() {
    for store in [true, false] {
        let mut story =
            Story::with(|config| if store { config } else { config.without_token_store() });
        let answer = story.try_sign_in("alice").await;
        let tokens = story.provider.secrets();
        let text = format!("{:?}", answer.headers);
        assert_silent("the callback's answer", &text, &tokens);
        for asked in [Metadata, Keys, Token, Userinfo] {
            for request in story.provider.requests(asked) {
                assert_silent("an address", &request.uri, &tokens);
            }
        }
    }
}
