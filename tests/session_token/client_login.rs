//! `POST /.auth/login/<provider>`: an application brings the provider's token.

use easyauth::EasyAuthLayer;
use serde_json::Value;
use tower::{Layer, ServiceExt};

use super::*;

async fn post(story: &Story, tokens: &Value) -> Answer {
    story.phone().post(&story.provider, tokens).await
}

#[tokio::test]
async fn an_id_token_alone_signs_in_until_it_ends() {
    let story = Story::new();
    let id_token = story.provider.hand_out("alice")["id_token"].clone();
    let mut phone = story.phone();

    let answer = phone.post(&story.provider, &json!({"id_token": id_token})).await;
    phone.keep(&answer);

    assert_eq!(phone.user().await.as_deref(), Some("alice"));
    assert_eq!(phone.claims()["exp"], story.clock.unix() + 3_600);
    let me = phone.get("/.auth/me").await.json();
    assert_eq!(me[0]["id_token"], id_token);
    assert_eq!(me[0].get("access_token"), None);
    assert_eq!(story.provider.take_asked(), [Metadata, Keys]);
    assert_eq!(phone.get("/.auth/refresh").await.sub_status(), "400.80");
}

#[tokio::test]
async fn what_comes_with_it_is_kept_and_the_claims_are_those_of_any_other_sign_in() {
    let (mut story, phone) = signed_in().await;
    story.sign_in("alice").await;

    let phones = phone.get("/.auth/me").await.json();
    let browsers = story.browser.fetch("/.auth/me").await.json();

    assert!(phones[0]["refresh_token"].is_string());
    assert_eq!(phones[0]["user_id"], browsers[0]["user_id"]);
    let types = |me: &Value| -> Vec<Value> {
        me[0]["user_claims"].as_array().unwrap().iter().map(|claim| claim["typ"].clone()).collect()
    };
    assert_eq!(types(&phones), types(&browsers));
}

#[tokio::test]
async fn a_phone_and_a_browser_are_one_user_with_two_sessions() {
    let (mut story, phone) = signed_in().await;
    let sid = phone.claims()["sub"].clone();
    story.sign_in("alice").await;
    let mut again = story.phone();
    again.sign_in(&story.provider, "alice").await;

    assert_eq!(again.claims()["sub"], sid);
    story.browser.visit("/.auth/logout").await;
    assert_eq!(phone.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn an_id_token_of_the_phone_does_not_cost_the_browser_its_tokens() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    let before = story.browser.fetch("/.auth/me").await.json();
    let id_token = story.provider.hand_out("alice")["id_token"].clone();

    post(&story, &json!({"id_token": id_token})).await;

    let after = story.browser.fetch("/.auth/me").await.json();
    for token in ["access_token", "refresh_token", "expires_on"] {
        assert_eq!(before[0][token], after[0][token], "{token}");
    }
    assert_eq!(story.browser.fetch("/.auth/refresh").await.status, 200);
}

#[tokio::test]
async fn t_52_a_token_for_somebody_else_signs_nobody_in() {
    let header = |name: &'static str, value: Value| (IdTokenHeader, name, value);
    let claim = |name: &'static str, value: Value| (IdToken, name, value);
    let past = json!(1_760_000_000 - 61);
    for (document, member, value) in [
        claim("aud", json!("another-app")),
        claim("aud", json!(["web", "another-app"])),
        claim("aud", json!([])),
        claim("aud", json!(null)),
        claim("azp", json!("another-app")),
        claim("iss", json!("https://other.example")),
        claim("iss", json!("https://op.example/")),
        claim("exp", past),
        claim("exp", json!("1760003600")),
        claim("nbf", json!(1_760_000_061)),
        claim("iat", json!(1_760_000_061)),
        claim("sub", json!("")),
        claim("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA")),
        header("alg", json!("none")),
        header("alg", json!("HS256")),
        header("kid", json!("k9")),
        header("typ", json!("at+jwt")),
        header("typ", json!("logout+jwt")),
        header("crit", json!(["exp"])),
    ] {
        let story = Story::new();
        story.provider.set(document, member, value.clone());

        let answer = post(&story, &story.provider.hand_out("alice")).await;

        assert_eq!(answer.sub_status(), "401.83", "{member} {value}: {answer:?}");
        assert_eq!(answer.json()["error"], "invalid_token");
        assert_eq!(story.store.writes(), 0, "{member} {value}");
        assert!(answer.set_cookies().is_empty());
    }
}

#[tokio::test]
async fn t_52_members_that_are_missing_sign_nobody_in() {
    for claim in ["aud", "iss", "exp", "iat", "sub"] {
        let story = Story::new();
        story.provider.remove(IdToken, claim);

        let answer = post(&story, &story.provider.hand_out("alice")).await;

        assert_eq!(answer.status, 401, "{claim}");
        assert_eq!(story.store.writes(), 0, "{claim}");
    }
}

#[tokio::test]
async fn t_52_an_old_token_is_good_as_long_as_it_lasts_and_its_replay_is_another_session() {
    let story = Story::new();
    story.provider.set(IdToken, "exp", story.clock.unix() + 3_600);
    let id_token = story.provider.hand_out("alice")["id_token"].clone();
    let posted = json!({"id_token": id_token});
    story.clock.advance(HOUR / 2);
    let (mut one, mut two) = (story.phone(), story.phone());

    for phone in [&mut one, &mut two] {
        let answer = phone.post(&story.provider, &posted).await;
        phone.keep(&answer);
    }

    assert_ne!(one.claims()["session_id"], two.claims()["session_id"]);
    story.clock.advance(HOUR / 2 + 61 * SECOND);
    assert_eq!(post(&story, &posted).await.status, 401);
}

#[tokio::test]
async fn a_token_for_an_allowed_audience_is_for_us_too() {
    for (audience, party, expected) in [
        ("phone-app", None, 200),
        ("phone-app", Some("phone-app"), 200),
        ("web", Some("phone-app"), 200),
        ("web", Some("another-app"), 401),
        ("another-app", None, 401),
    ] {
        let story = Story::with_provider(|provider| provider.trusted_audience("phone-app"));
        story.provider.set(IdToken, "aud", audience);
        if let Some(party) = party {
            story.provider.set(IdToken, "azp", party);
        }

        let answer = post(&story, &story.provider.hand_out("alice")).await;

        assert_eq!(answer.status, expected, "{audience} {party:?}");
    }
}

#[tokio::test]
async fn t_52_an_access_token_that_is_somebody_elses_is_not_kept() {
    let story = Story::new();
    story.provider.remove(IdToken, "at_hash");
    let mut posted = story.provider.hand_out("alice");
    posted["access_token"] = story.provider.hand_out("bob")["access_token"].clone();
    assert_eq!(post(&story, &posted).await.status, 401);
    posted["access_token"] = json!("unknown-to-the-provider");
    assert_eq!(post(&story, &posted).await.status, 401);

    let story = Story::new();
    story.provider.remove(IdToken, "at_hash");
    story.provider.remove(Metadata, "userinfo_endpoint");
    assert_eq!(post(&story, &story.provider.hand_out("alice")).await.status, 401);
    assert_eq!(story.store.writes(), 0, "nothing vouches for it");
}

#[tokio::test]
async fn t_53_only_json_is_read_and_no_form_of_another_site() {
    let story = Story::new();
    let tokens = story.provider.hand_out("alice").to_string();
    for (kind, expected) in [
        (Some("application/json"), 200),
        (Some("Application/JSON; charset=utf-8"), 200),
        (Some("text/plain"), 415),
        (Some("application/x-www-form-urlencoded"), 415),
        (Some("multipart/form-data; boundary=x"), 415),
        (Some("application/json-seq"), 415),
        (None, 415),
    ] {
        let mut request = Request::post("/.auth/login/op");
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let answer = story.phone().send(request, tokens.clone()).await;
        assert_eq!(answer.status, expected, "{kind:?}");
        assert!(answer.set_cookies().is_empty());
    }
    let twice = Request::post("/.auth/login/op")
        .header("content-type", "application/json")
        .header("content-type", "text/plain");
    assert_eq!(story.phone().send(twice, tokens).await.status, 415);
}

#[tokio::test]
async fn t_54_what_has_not_the_shape_is_400_and_what_is_too_long_413() {
    let story = Story::new();
    let nested = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    for (body, expected) in [
        ("", 400),
        ("null", 400),
        ("[]", 400),
        ("{}", 400),
        ("{", 400),
        (r#"{"id_token":1}"#, 400),
        (r#"{"id_token":""}"#, 400),
        (r#"{"id_token":null}"#, 400),
        (r#"{"access_token":"x"}"#, 400),
        (r#"{"id_token":"x","id_token":"y"}"#, 400),
        (r#"{"id_token":"x","access_token":{}}"#, 400),
        (r#"{"id_token":"x","expires_in":"soon"}"#, 400),
        (r#"{"id_token":"x","expires_in":-1}"#, 400),
        (r#"{"id_token":"x"}"#, 401),
        (nested.as_str(), 400),
        (&"x".repeat(10 << 20), 413),
    ] {
        let request = Request::post("/.auth/login/op").header("content-type", "application/json");
        let answer = story.phone().send(request, body.to_owned()).await;
        let shown: String = body.chars().take(40).collect();
        assert_eq!(answer.status, expected, "{shown}");
        let document = answer.json();
        assert!(document["error"].is_string() && document["description"].is_string(), "{shown}");
    }
    assert_eq!(story.store.writes(), 0);
}

#[tokio::test]
async fn a_provider_that_is_away_or_unknown_is_not_the_applications_fault() {
    let story = Story::new();
    story.provider.reply(Keys, Reply::Unreachable);
    assert_eq!(post(&story, &story.provider.hand_out("alice")).await.status, 503);

    let story = Story::new();
    let request = Request::post("/.auth/login/nobody").header("content-type", "application/json");
    assert_eq!(story.phone().send(request, "{}").await.status, 404);
}

#[tokio::test]
async fn the_session_token_is_not_taken_for_the_providers_nor_the_reverse() {
    let (story, phone) = signed_in().await;
    let token = phone.token.clone().unwrap();
    assert_eq!(post(&story, &json!({"id_token": token})).await.status, 401);

    let id_token = story.provider.hand_out("alice")["id_token"].clone();
    let phone = phone.holding(id_token.as_str().unwrap());
    assert_eq!(phone.get("/").await.sub_status(), "401.83");
}

#[tokio::test(start_paused = true)]
async fn t_54_who_sends_a_body_that_never_ends_is_not_waited_for() {
    let story = Story::new();
    let providers = std::slice::from_ref(&story.provider);
    let config = config(providers, &story.store, &story.clock).build().unwrap();
    let service = EasyAuthLayer::new(config).layer(axum::Router::new());
    let begun = tokio::time::Instant::now();

    for (path, kind) in [
        ("/.auth/login/op", "application/json"),
        ("/.auth/login/op/callback", "application/x-www-form-urlencoded"),
    ] {
        let endless = futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
        let request = Request::post(path).header("content-type", kind);
        let request = request.body(axum::body::Body::from_stream(endless)).unwrap();
        assert_eq!(service.clone().oneshot(request).await.unwrap().status(), 408, "{path}");
    }

    assert_eq!(begun.elapsed(), 20 * SECOND);
    assert_eq!(story.provider.take_asked(), []);
}
