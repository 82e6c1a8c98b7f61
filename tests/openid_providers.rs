//! The OpenID providers people sign in with, each with its quirks: whole sign-ins, what arrives in the
//! application, refresh, and whom they keep out.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_imports,
    reason = "these are tests"
)]

#[path = "openid_providers/aad.rs"]
mod aad;
#[path = "openid_providers/aad_bearer.rs"]
mod aad_bearer;
#[path = "openid_providers/apple.rs"]
mod apple;
#[path = "openid_providers/configured.rs"]
mod configured;
#[path = "openid_providers/custom.rs"]
mod custom;
#[path = "openid_providers/google.rs"]
mod google;
#[path = "openid_providers/microsoft_account.rs"]
mod microsoft_account;
mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::Document::*;
use support::*;
use url::Url;

const HOUR: Duration = Duration::from_secs(3_600);
const IDENTITY: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims";

/// The query that the browser is sent to the provider with; what is drawn at random is cut short.
async fn authorization_query(story: &mut Story, login: &str) -> String {
    let answer = story.browser.visit(login).await;
    let url = Url::parse(answer.location()).unwrap();
    let random = ["code_challenge", "nonce", "state"];
    let pairs = url.query_pairs().map(|(name, value)| {
        let value = if random.contains(&&*name) { "…".into() } else { value };
        format!("{name}={value}")
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// The claims that the application sees, as `type=value`.
async fn claims(story: &mut Story) -> Vec<String> {
    let principal = story.browser.fetch("/").await.principal();
    let claims = principal["claims"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    claims.iter().map(|claim| format!("{}={}", text(&claim["typ"]), text(&claim["val"]))).collect()
}

/// The names of the token headers that the application sees.
async fn token_headers(story: &mut Story) -> Vec<String> {
    let app = story.browser.fetch("/").await.app();
    let headers = app["headers"].as_array().unwrap().clone();
    let names = headers.iter().map(|pair| pair[0].as_str().unwrap().to_owned());
    let mut names: Vec<_> = names.filter(|name| name.starts_with("x-ms-token-")).collect();
    names.sort();
    names
}

/// Signs out, and asserts that nobody is signed in then.
async fn assert_signs_out(story: &mut Story) {
    let answer = story.browser.visit("/.auth/logout").await;
    assert_eq!(answer.status, 302, "{answer:?}");
    assert_eq!(story.browser.user().await, None);
}

/// Asserts that a refresh brings another access token, and that one after the user withdrew their
/// consent is refused.
async fn assert_refreshes(story: &mut Story) {
    assert_refreshes_until(story, r#"{"error":"invalid_grant"}"#).await;
}

/// The same with the answer by which the provider refuses.
async fn assert_refreshes_until(story: &mut Story, refusal: &'static str) {
    let token = async |story: &mut Story| {
        let me = story.browser.fetch("/.auth/me").await.json();
        me[0]["access_token"].as_str().unwrap().to_owned()
    };
    let before = token(story).await;
    story.clock.advance(HOUR / 2);
    let answer = story.browser.fetch("/.auth/refresh").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_ne!(token(story).await, before);

    let revoked = Reply::Raw(400, "application/json; charset=utf-8", refusal.into());
    story.provider.reply(Token, revoked);
    story.clock.advance(HOUR / 2);
    let answer = story.browser.fetch("/.auth/refresh").await;
    assert_eq!(answer.sub_status(), "403.81");
}

/// Asserts that a session without a refresh token says how to get one.
async fn assert_asks_for(story: &mut Story, remedy: &str) {
    let answer = story.browser.fetch("/.auth/refresh").await;
    assert_eq!(answer.sub_status(), "400.80");
    let description = answer.json()["description"].as_str().unwrap().to_owned();
    assert!(description.contains(remedy), "{description}");
}

/// Posts the provider's ID token for `user`, as an application that signs in by itself.
async fn post_token(story: &Story, phone: &Phone, user: &str) -> Answer {
    let id_token = story.provider.hand_out(user)["id_token"].clone();
    phone.post(&story.provider, &json!({"id_token": id_token})).await
}

/// Asserts that an application signs a user in with a token of the provider's, and that it is the one
/// who signs in in a browser.
async fn assert_signs_in_by_token(story: &mut Story) {
    let mut phone = story.phone();
    let answer = post_token(story, &phone, "alice").await;
    phone.keep(&answer);
    story.sign_in("alice").await;

    let (phones, browsers) = (phone.get("/").await, story.browser.fetch("/").await);
    for header in ["x-ms-client-principal-id", "x-ms-client-principal-idp"] {
        assert_eq!(phones.seen(header).len(), 1, "{header}");
        assert_eq!(phones.seen(header), browsers.seen(header), "{header}");
    }
}
