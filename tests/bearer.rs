//! Callers with a provider's token in `Authorization: Bearer`, and what clients are told of how to
//! get one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_imports,
    reason = "these are tests"
)]

mod support;

use std::time::Duration;

use bytes::Bytes;
use easyauth::provider::{AuthorizationPolicy, OpenIdConnect};
use easyauth::{ConfigBuilder, Unauthenticated};
use http::{Request, header};
use http_body_util::Full;
use serde_json::{Value, json};
use support::Document::*;
use support::*;

const AUDIENCE: &str = "api://orders";

fn accepting(provider: OpenIdConnect) -> OpenIdConnect {
    provider.accept_bearer_tokens([AUDIENCE])
}

fn story() -> Story {
    Story::with_provider(accepting)
}

/// A story in which bearer tokens are accepted and the rest is configured a little differently.
fn story_with(
    provider: impl FnOnce(OpenIdConnect) -> OpenIdConnect,
    change: impl FnOnce(ConfigBuilder) -> ConfigBuilder,
) -> Story {
    let mut story = Story::new();
    let config = config(&[], &story.store, &story.clock)
        .http_client(network(std::slice::from_ref(&story.provider)))
        .provider(provider(accepting(story.provider.settings())));
    story.app = App::new(change(config).build().unwrap(), &story.clock);
    story.browser = Browser::new(&story.app);
    story
}

fn request(path: &str, headers: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let request = Request::get(path).header(header::HOST, "app.example");
    let add = |request: http::request::Builder, (name, value): &(&str, &str)| {
        request.header(*name, *value)
    };
    headers.iter().fold(request, add).body(Full::default()).unwrap()
}

async fn ask(story: &Story, path: &str, token: &str) -> Answer {
    story.app.send(request(path, &[("authorization", &format!("Bearer {token}"))])).await
}

fn token(story: &Story, user: &str) -> String {
    story.provider.access_token(user, AUDIENCE, |_| {})
}

#[tokio::test]
async fn an_access_token_says_who_asks() {
    let story = story();
    let token = token(&story, "alice");

    let answer = ask(&story, "/orders", &token).await;

    assert_eq!(answer.user().as_deref(), Some("alice"));
    assert_eq!(answer.principal()["name"], "Alice");
    assert_eq!(answer.principal()["has_tokens"], false);
    assert_eq!(answer.seen("x-ms-client-principal-id"), ["alice"]);
    assert_eq!(answer.seen("x-ms-client-principal-idp"), ["op"]);
    assert_eq!(answer.seen("authorization"), [format!("Bearer {token}")]);
    let headers = answer.app()["headers"].to_string();
    assert!(!headers.contains("x-ms-token-"), "{headers}");
    assert_eq!(answer.header("cache-control"), Some("private"));
    assert_eq!(answer.header("vary"), Some("authorization"));
    assert!(answer.set_cookies().is_empty());
    assert_eq!(story.store.writes(), 0);
}

#[tokio::test]
async fn a_program_may_hold_one_and_a_user_an_id_token() {
    let story = story();
    let program = story.provider.access_token("0001", AUDIENCE, |claims| {
        claims["appid"] = json!("daemon");
        claims["idtyp"] = json!("app");
        claims["roles"] = json!(["Orders.Read"]);
    });
    let answer = ask(&story, "/", &program).await;
    assert_eq!(answer.user().as_deref(), Some("0001"));
    let role = json!({"typ": "roles", "val": "Orders.Read"});
    assert!(answer.principal()["claims"].as_array().unwrap().contains(&role));

    let mut signed_in = Story::with_provider(accepting);
    signed_in.sign_in("alice").await;
    let me = signed_in.browser.fetch("/.auth/me").await.json();
    let id_token = me[0]["id_token"].as_str().unwrap();
    assert_eq!(ask(&signed_in, "/", id_token).await.user().as_deref(), Some("alice"));
}

#[tokio::test]
async fn me_shows_claims_and_no_tokens() {
    let story = story();
    let token = token(&story, "alice");

    let me = ask(&story, "/.auth/me", &token).await.json();

    assert_eq!(me[0]["provider_name"], "op");
    assert_eq!(me[0]["user_id"], "Alice");
    let scope = json!({"typ": "http://schemas.microsoft.com/identity/claims/scope", "val": "read"});
    assert!(me[0]["user_claims"].as_array().unwrap().contains(&scope));
    let members: Vec<_> = me[0].as_object().unwrap().keys().collect();
    assert_eq!(members, ["provider_name", "user_claims", "user_id"]);
    let one = ask(&story, "/.auth/me?provider=op", &token).await.json();
    assert_eq!(one, me[0]);
}

#[tokio::test]
async fn no_token_store_is_needed_for_it_nor_asked() {
    let away = story();
    away.store.fail(&[Verb::Load, Verb::Create, Verb::Replace, Verb::Delete]);
    let without = story_with(|provider| provider, ConfigBuilder::without_token_store);
    for story in [&away, &without] {
        let token = token(story, "alice");
        for _ in 0..2 {
            assert_eq!(ask(story, "/", &token).await.user().as_deref(), Some("alice"));
        }
    }
}

#[tokio::test]
async fn there_is_no_session_to_refresh_or_to_end_and_signing_in_heeds_no_token() {
    let story = story();
    let token = token(&story, "alice");

    assert_eq!(ask(&story, "/.auth/refresh", &token).await.status, 401);
    assert_eq!(ask(&story, "/.auth/logout", &token).await.status, 302);
    assert_eq!(ask(&story, "/", &token).await.user().as_deref(), Some("alice"));
    let garbage = ask(&story, "/.auth/login/op", "garbage").await;
    assert!(garbage.location().starts_with("https://op.example/authorize?"));
}

#[tokio::test]
async fn without_audiences_authorization_is_the_applications_business() {
    let mut story = Story::with(|config| config.unauthenticated(Unauthenticated::Allow));
    let token = token(&story, "alice");
    story.provider.take_asked();
    for value in [format!("Bearer {token}"), "Bearer x".to_owned(), "Basic dTpw".to_owned()] {
        let answer = story.app.send(request("/", &[("authorization", &value)])).await;
        assert_eq!(answer.user(), None);
        assert_eq!(answer.seen("authorization"), [value.as_str()]);
    }
    assert_eq!(story.provider.take_asked(), []);

    story.sign_in("bob").await;
    let request = Request::get("/").header("authorization", format!("Bearer {token}"));
    assert_eq!(story.browser.send_raw(request).await.user().as_deref(), Some("bob"));
}

#[tokio::test]
async fn a_refusal_says_why_as_rfc_6750_has_it() {
    let story = story();
    let token = story.provider.access_token("alice", "api://other", |_| {});

    let answer = ask(&story, "/", &token).await;

    assert_eq!(answer.sub_status(), "401.83");
    assert_eq!(answer.json()["error"], "invalid_token");
    assert_eq!(
        answer.header("www-authenticate"),
        Some(
            "Bearer realm=\"app.example\", error=\"invalid_token\", error_description=\"The access \
             token has expired, or is not for this application. Get a new one and try again.\""
        )
    );
    // To those who brought none, no error is told of.
    let nobody = story.app.send(request("/", &[("accept", "application/json")])).await;
    assert_eq!(nobody.sub_status(), "401.71");
    assert_eq!(nobody.header("www-authenticate"), Some("Bearer realm=\"app.example\""));
    let foreign = ask(&story, "/", "an-opaque-token").await;
    assert_eq!(foreign.sub_status(), "401.83");
    assert_eq!(foreign.json()["error"], "invalid_token");
}

#[tokio::test]
async fn whom_the_policy_does_not_admit_gets_a_403() {
    let policy =
        AuthorizationPolicy::new().allowed_applications(["cli", "web"]).allowed_groups(["staff"]);
    let mut story = story_with(|provider| provider.authorization_policy(policy), |config| config);
    let token_with = |groups: Value, application: &str| {
        story.provider.access_token("alice", AUDIENCE, |claims| {
            claims["groups"] = groups;
            claims["azp"] = json!(application);
        })
    };

    let admitted = ask(&story, "/", &token_with(json!(["staff"]), "cli")).await;
    assert_eq!(admitted.user().as_deref(), Some("alice"));
    for refused in [token_with(json!(["guests"]), "cli"), token_with(json!(["staff"]), "evil")] {
        for path in ["/", "/.auth/me"] {
            let answer = ask(&story, path, &refused).await;
            assert_eq!(answer.sub_status(), "403.76", "{path}");
            assert_eq!(answer.json()["error"], "access_denied");
            // No error: another token would be refused as well.
            assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"app.example\""));
        }
    }

    let phone = story.phone().post(&story.provider, &story.provider.hand_out("bob")).await;
    assert_eq!(phone.sub_status(), "403.76");
    let there = story.browser.visit("/.auth/login/op?session_mode=token").await;
    let there = url::Url::parse(there.location()).unwrap();
    let token = story.browser.come_back(&story.provider.authorize(&there, "bob")).await;
    assert!(token.location().contains("/.auth/login/done#error="), "{token:?}");
    let refused = story.try_sign_in("bob").await;
    assert_eq!(refused.sub_status(), "403.76");
    assert!(!story.browser.has_session() && story.store.writes() == 0);
    story.provider.set(IdToken, "groups", json!(["staff"]));
    story.sign_in("bob").await;
    assert_eq!(story.browser.user().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn a_user_whom_the_policy_admits_no_longer_gets_no_fresh_tokens() {
    let policy = AuthorizationPolicy::new().allowed_groups(["staff"]);
    let mut story = story_with(|provider| provider.authorization_policy(policy), |config| config);
    story.provider.set(IdToken, "groups", json!(["staff"]));
    story.sign_in("bob").await;
    assert_eq!(story.browser.fetch("/.auth/refresh").await.status, 200);

    story.provider.set(IdToken, "groups", json!([]));

    assert_eq!(story.browser.fetch("/.auth/refresh").await.sub_status(), "403.76");
}

#[tokio::test]
async fn of_two_registrations_at_one_issuer_each_takes_its_own_tokens() {
    let base = Story::new();
    let second = OpenIdConnect::public_client("second", &base.provider.issuer, "second-client")
        .accept_bearer_tokens(["api://second"]);
    let config = config(&[], &base.store, &base.clock)
        .http_client(network(std::slice::from_ref(&base.provider)))
        .provider(accepting(base.provider.settings()))
        .provider(second)
        .unauthenticated(Unauthenticated::Reject401);
    let app = App::new(config.build().unwrap(), &base.clock);
    let ask = async |audience: &str| {
        let token = base.provider.access_token("alice", audience, |_| {});
        app.send(request("/", &[("authorization", &format!("Bearer {token}"))])).await
    };

    for (audience, provider) in [(AUDIENCE, "op"), ("api://second", "second")] {
        assert_eq!(ask(audience).await.principal()["provider"], provider);
    }
    assert_eq!(ask("second-client").await.principal()["provider"], "second");
    assert_eq!(ask("api://third").await.sub_status(), "401.83");

    // A good token whose holder is not admitted is no bad token, whichever registration it is for.
    for first_is_strict in [true, false] {
        let strict = AuthorizationPolicy::new().allowed_groups(["staff"]);
        let second = OpenIdConnect::public_client("second", &base.provider.issuer, "second-client");
        let (first, second) = (accepting(base.provider.settings()), accepting(second));
        let providers = if first_is_strict {
            [first.authorization_policy(strict), second.accept_bearer_tokens(["api://second"])]
        } else {
            [first.accept_bearer_tokens(["api://first"]), second.authorization_policy(strict)]
        };
        let [first, second] = providers;
        let config = support::config(&[], &base.store, &base.clock)
            .http_client(network(std::slice::from_ref(&base.provider)))
            .provider(first)
            .provider(second)
            .unauthenticated(Unauthenticated::Reject401);
        let app = App::new(config.build().unwrap(), &base.clock);
        let token = base.provider.access_token("alice", AUDIENCE, |_| {});
        let token = format!("Bearer {token}");
        let answer = app.send(request("/", &[("authorization", &token)])).await;
        assert_eq!(answer.sub_status(), "403.76", "{first_is_strict}");
    }
}

#[tokio::test]
async fn a_token_is_verified_with_what_was_fetched_once() {
    let story = story();
    let (alice, bob) = (token(&story, "alice"), token(&story, "bob"));
    story.provider.take_asked();

    for _ in 0..10 {
        assert_eq!(ask(&story, "/", &alice).await.user().as_deref(), Some("alice"));
        assert_eq!(ask(&story, "/", &bob).await.user().as_deref(), Some("bob"));
    }
    assert_eq!(story.provider.take_asked(), [Metadata, Keys]);
}

#[tokio::test]
async fn a_token_that_was_good_ends_with_its_exp_and_what_clocks_may_differ() {
    let story = story();
    let token = token(&story, "alice");
    assert_eq!(ask(&story, "/", &token).await.status, 200);

    for (seconds, status) in [(3_600 + 59, 200), (1, 401), (1, 401)] {
        story.clock.advance(Duration::from_secs(seconds));
        assert_eq!(ask(&story, "/", &token).await.status, status);
    }
}

#[tokio::test]
async fn a_new_key_is_fetched_at_once_and_a_dropped_one_is_noticed_within_the_hour() {
    let story = story();
    let endless = |claims: &mut Value| claims["exp"] = json!(4_000_000_000_i64);
    let old = story.provider.access_token("alice", AUDIENCE, endless);
    assert_eq!(ask(&story, "/", &old).await.status, 200);

    story.clock.age(Duration::from_secs(600));
    let key = SigningKey::es256("k2");
    story.provider.sign_with(key.clone());
    story.provider.publish(&[&SigningKey::rs256("k1"), &key]);
    let new = story.provider.access_token("alice", AUDIENCE, endless);
    assert_eq!(ask(&story, "/", &new).await.status, 200);
    assert_eq!(ask(&story, "/", &old).await.status, 200);

    story.provider.publish(&[&key]);
    story.clock.age(Duration::from_secs(3_599));
    story.provider.take_asked();
    assert_eq!(ask(&story, "/", &old).await.status, 200);
    tokio::task::yield_now().await;
    story.clock.age(Duration::from_secs(1));
    assert_eq!(ask(&story, "/", &old).await.sub_status(), "401.83");
    assert_eq!(ask(&story, "/", &new).await.status, 200);
}

#[tokio::test]
async fn a_provider_that_is_away_keeps_nobody_out_for_a_day() {
    let story = story();
    let endless = |claims: &mut Value| claims["exp"] = json!(4_000_000_000_i64);
    let seen = story.provider.access_token("alice", AUDIENCE, endless);
    let unseen = story.provider.access_token("bob", AUDIENCE, endless);
    assert_eq!(ask(&story, "/", &seen).await.status, 200);
    story.provider.reply(Metadata, Reply::Unreachable);
    story.provider.reply(Keys, Reply::Unreachable);

    for _ in 0..23 {
        story.clock.age(Duration::from_secs(3_600));
        assert_eq!(ask(&story, "/", &seen).await.user().as_deref(), Some("alice"));
        assert_eq!(ask(&story, "/", &unseen).await.user().as_deref(), Some("bob"));
    }
    story.clock.age(Duration::from_secs(3_700));
    assert_eq!(ask(&story, "/", &seen).await.status, 503);
}

#[tokio::test]
async fn clients_are_told_where_to_get_a_token() {
    let scopes = ["api://orders/read", "api://orders/write"];
    let story =
        story_with(|provider| provider, |config| config.protected_resource_metadata(scopes));
    for (path, resource) in [("", "https://app.example"), ("/mcp", "https://app.example/mcp")] {
        let path = format!("/.well-known/oauth-protected-resource{path}");
        let answer = story.app.send(request(&path, &[])).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(
            answer.json(),
            json!({
                "resource": resource,
                "authorization_servers": ["https://op.example"],
                "scopes_supported": scopes,
                "bearer_methods_supported": ["header"],
            })
        );
    }
    let challenge = |answer: Answer| answer.header("www-authenticate").unwrap().to_owned();
    let strange = story.app.send(request("/mcp", &[("accept", "application/json")])).await;
    assert_eq!(
        challenge(strange),
        "Bearer realm=\"app.example\", scope=\"api://orders/read api://orders/write\", \
         resource_metadata=\"https://app.example/.well-known/oauth-protected-resource/mcp\""
    );
    let refused = challenge(ask(&story, "/", "garbage").await);
    assert!(refused.contains("error=\"invalid_token\", "), "{refused}");
    let whole = "resource_metadata=\"https://app.example/.well-known/oauth-protected-resource\"";
    assert!(refused.ends_with(whole), "{refused}");
}

#[tokio::test]
async fn where_nobody_is_told_the_address_is_the_applications() {
    let story =
        story_with(|provider| provider, |config| config.unauthenticated(Unauthenticated::Allow));
    let path = "/.well-known/oauth-protected-resource";

    assert_eq!(story.app.send(request(path, &[])).await.app()["path"], path);
}
