//! Bearer tokens that are not what they should be, and those that come beside other credentials.

use std::time::Duration;

use bytes::Bytes;
use easyauth::Unauthenticated;
use http::{Method, Request, header};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::support::Document::*;
use crate::support::*;

const AUDIENCE: &str = "api://orders";

fn story() -> Story {
    Story::with_provider(|provider| provider.accept_bearer_tokens([AUDIENCE]))
}

fn good(story: &Story) -> String {
    story.provider.access_token("alice", AUDIENCE, |_| {})
}

fn request(path: &str, lines: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let request = Request::get(path).header(header::HOST, "app.example");
    let request =
        lines.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Full::default()).unwrap()
}

async fn ask(story: &Story, token: &str) -> Answer {
    story.app.send(request("/", &[("authorization", &format!("Bearer {token}"))])).await
}

/// The token is refused, and nothing of it reaches the application.
async fn refuse(story: &Story, token: &str, case: &str) {
    let before = story.app.calls();
    let answer = ask(story, token).await;
    assert_eq!(answer.sub_status(), "401.83", "{case}: {answer:?}");
    assert!(answer.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
    assert_eq!(story.app.calls(), before, "{case}");
    assert_eq!(story.provider.strays(), [""; 0], "{case}");
}

#[tokio::test]
async fn jw_06_jw_07_what_a_token_says_must_all_be_right() {
    let story = story();
    let now = story.clock.unix();
    for (member, value) in [
        ("iss", json!("https://op.example/")),
        ("iss", json!("https://evil.example")),
        ("iss", json!(["https://op.example"])),
        ("aud", json!("other")),
        ("aud", json!([])),
        ("aud", json!(AUDIENCE.to_uppercase())),
        ("aud", Value::Null),
        ("exp", json!(now - 60)),
        ("exp", json!("4000000000")),
        ("exp", json!(1e300)),
        ("exp", Value::Null),
        ("nbf", json!(now + 61)),
        ("iat", json!(now + 61)),
        ("sub", json!("")),
        ("sub", json!(1)),
        ("cnf", json!({"x5t#S256": "abc"})),
        ("events", json!({"http://schemas.openid.net/event/backchannel-logout": {}})),
    ] {
        let token =
            story.provider.access_token("alice", AUDIENCE, |claims| claims[member] = value.clone());
        refuse(&story, &token, &format!("{member} {value}")).await;
    }
    for member in ["iss", "aud", "exp", "sub"] {
        let token = story.provider.access_token("alice", AUDIENCE, |claims| {
            claims.as_object_mut().unwrap().remove(member);
        });
        refuse(&story, &token, &format!("no {member}")).await;
    }
}

#[tokio::test]
async fn t_51_a_token_that_the_provider_has_not_signed_is_refused_without_a_look_elsewhere() {
    let story = story();
    let token = good(&story);
    assert_eq!(ask(&story, &token).await.status, 200);
    let key = SigningKey::rs256("k1");
    let other = SigningKey::other_rs256("k1");
    let rewrite = |key: &SigningKey, header: Value| {
        key.resign(&token, |_, claims| (header.to_string(), claims.to_owned()))
    };
    let (body, _) = token.rsplit_once('.').unwrap();
    let rest = body.split_once('.').unwrap().1;
    let secret = SigningKey::hs256("k1", key.jwk().to_string().as_bytes());
    let cases = [
        ("another key", rewrite(&other, json!({"alg": "RS256", "kid": "k1"}))),
        ("no name, another key", rewrite(&other, json!({"alg": "RS256"}))),
        ("its own key", rewrite(&other, json!({"alg": "RS256", "kid": "k1", "jwk": other.jwk()}))),
        (
            "a key elsewhere",
            rewrite(&other, json!({"alg": "RS256", "kid": "k1", "jku": "https://evil.example/k"})),
        ),
        ("a public key as a secret", rewrite(&secret, json!({"alg": "HS256", "kid": "k1"}))),
        ("another algorithm", rewrite(&key, json!({"alg": "ES256", "kid": "k1"}))),
        ("crit", rewrite(&key, json!({"alg": "RS256", "kid": "k1", "crit": ["exp"]}))),
        ("a traversing name", rewrite(&other, json!({"alg": "RS256", "kid": "../../dev/null"}))),
        ("another type", rewrite(&key, json!({"alg": "RS256", "kid": "k1", "typ": "logout+jwt"}))),
        ("unsigned", format!("eyJhbGciOiJub25lIn0.{rest}.")),
        ("unsigned, with something", format!("eyJhbGciOiJub25lIn0.{rest}.AAAA")),
        ("no signature", format!("{body}.")),
        ("two segments", body.to_owned()),
        ("a segment more", format!("{token}.AAAA")),
        ("a changed end", format!("{}A", &token[..token.len() - 1])),
    ];
    for (case, forged) in cases {
        if forged != token {
            refuse(&story, &forged, case).await;
        }
    }
    assert_eq!(ask(&story, &token).await.status, 200);
}

#[tokio::test]
async fn a_token_that_differs_from_a_good_one_in_a_byte_is_another() {
    let story = story();
    let token = good(&story);
    assert_eq!(ask(&story, &token).await.status, 200);

    for position in (0..token.len()).step_by(7) {
        let mut forged = token.clone().into_bytes();
        forged[position] = if forged[position] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        if forged != token {
            let answer = ask(&story, &forged).await;
            assert_eq!(answer.sub_status(), "401.83", "{position}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn t_50_made_up_keys_make_no_flood_and_good_tokens_do_not_feel_it() {
    let story = story();
    let token = good(&story);
    assert_eq!(ask(&story, &token).await.status, 200);
    let forger = SigningKey::other_rs256("?");
    let forged = |number: usize| {
        let header = json!({"alg": "RS256", "kid": format!("made-up-{number}")}).to_string();
        forger.resign(&token, |_, claims| (header.clone(), claims.to_owned()))
    };
    story.provider.take_asked();
    for number in 0..200 {
        assert_eq!(ask(&story, &forged(number)).await.status, 401);
    }
    assert_eq!(story.provider.take_asked(), [Keys]);

    // Not even while the provider does not answer.
    story.provider.reply(Keys, Reply::Never);
    story.clock.age(Duration::from_secs(31));
    let hanging = ask(&story, &forged(1_000)).await;
    assert_eq!(hanging.status, 401);
    for number in 1_001..1_050 {
        assert_eq!(ask(&story, &forged(number)).await.status, 401);
    }
    assert_eq!(story.provider.take_asked(), [Keys]);
    assert_eq!(ask(&story, &token).await.user().as_deref(), Some("alice"));
}

#[tokio::test]
async fn t_50_posted_tokens_of_made_up_keys_make_no_flood_either() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    let forger = SigningKey::other_rs256("?");
    let honest = story.provider.hand_out("alice")["id_token"].as_str().unwrap().to_owned();
    story.provider.take_asked();
    for second in 0..20 {
        let header = json!({"alg": "RS256", "kid": format!("made-up-{second}")}).to_string();
        let forged = forger.resign(&honest, |_, claims| (header.clone(), claims.to_owned()));
        let answer = story.phone().post(&story.provider, &json!({"id_token": forged})).await;
        assert_eq!(answer.sub_status(), "401.83");
        story.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(story.provider.take_asked(), [Keys]);
}

#[tokio::test]
async fn t_50_a_provider_that_is_away_from_the_start_is_asked_twice_a_minute() {
    let story = story();
    story.provider.reply(Metadata, Reply::Unreachable);
    let token = good(&story);
    for second in 0..60 {
        assert_eq!(ask(&story, &token).await.status, 503, "{second}");
        story.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(story.provider.take_asked(), [Metadata; 2]);
}

#[tokio::test]
async fn what_names_none_of_our_providers_makes_nobody_ask() {
    let story = story();
    for token in ["", "x", "a.b.c", "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2V2aWwifQ.AAAA"] {
        refuse(&story, token, token).await;
    }
    let long = format!("a.{}.b", "x".repeat(100_000));
    refuse(&story, &long, "long").await;
    refuse(&story, &".".repeat(100_000), "dots").await;
    assert_eq!(story.provider.take_asked(), []);
}

#[tokio::test]
async fn oa_05_a_token_comes_in_one_header_and_no_other_way() {
    let story = story();
    let token = good(&story);
    let bearer = format!("Bearer {token}");
    for lines in [
        [("authorization", bearer.as_str()), ("authorization", bearer.as_str())],
        [("authorization", "Basic dTpw"), ("authorization", bearer.as_str())],
    ] {
        let answer = story.app.send(request("/", &lines)).await;
        assert_eq!(answer.sub_status(), "400.73");
        assert_eq!(answer.json()["error"], "invalid_request");
        assert_eq!(
            answer.header("www-authenticate"),
            Some(
                "Bearer realm=\"app.example\", error=\"invalid_request\", \
                 error_description=\"Authorization is there more than once. Send one access token.\""
            )
        );
    }
    let query = format!("/?access_token={token}");
    let in_query = story.app.send(request(&query, &[("accept", "application/json")])).await;
    assert_eq!(in_query.sub_status(), "401.71");
    let mut form = request("/", &[("content-type", "application/x-www-form-urlencoded")]);
    *form.method_mut() = Method::POST;
    *form.body_mut() = Full::from(format!("access_token={token}"));
    assert_eq!(story.app.send(form).await.sub_status(), "401.71");
    assert_eq!(story.app.calls(), 0);
}

#[tokio::test]
async fn t_10_a_bearer_token_outranks_another_users_cookie_and_nothing_is_merged() {
    let mut story = story();
    story.sign_in("bob").await;
    let token = format!("Bearer {}", good(&story));

    let answer = story.browser.send_raw(Request::get("/").header("authorization", &token)).await;
    assert_eq!(answer.user().as_deref(), Some("alice"));
    assert!(!answer.app()["headers"].to_string().contains("x-ms-token-"));

    // A bad one does not fall back to the cookie.
    let bad = story.provider.access_token("alice", "other", |_| {});
    let bad = Request::get("/").header("authorization", format!("Bearer {bad}"));
    assert_eq!(story.browser.send_raw(bad).await.sub_status(), "401.83");
    // One of somebody else's is none to us.
    let foreign = Request::get("/").header("authorization", "Bearer of-the-application");
    assert_eq!(story.browser.send_raw(foreign).await.user().as_deref(), Some("bob"));
}

#[tokio::test]
async fn t_10_a_session_token_and_a_bearer_token_must_be_one_users() {
    let story = story();
    let mut phone = story.phone();
    phone.sign_in(&story.provider, "bob").await;
    let session_token = phone.token.clone().unwrap();
    let bearer = |user: &str, audience: &str| {
        format!("Bearer {}", story.provider.access_token(user, audience, |_| {}))
    };
    let both = async |session_token: &str, bearer: &str| {
        let lines = [("x-zumo-auth", session_token), ("authorization", bearer)];
        story.app.send(request("/", &lines)).await
    };

    let one = both(&session_token, &bearer("bob", AUDIENCE)).await;
    assert_eq!(one.user().as_deref(), Some("bob"));
    assert_eq!(one.seen("x-ms-token-op-access-token").len(), 1);
    assert_eq!(one.header("vary"), Some("x-zumo-auth"));
    let foreign = both(&session_token, "Bearer of-the-application").await;
    assert_eq!(foreign.user().as_deref(), Some("bob"));
    let calls = story.app.calls();
    for (session_token, bearer) in [
        (session_token.as_str(), bearer("alice", AUDIENCE)),
        (session_token.as_str(), bearer("bob", "other")),
        ("a.b.c", bearer("bob", AUDIENCE)),
    ] {
        let answer = both(session_token, &bearer).await;
        assert_eq!(answer.sub_status(), "401.83", "{answer:?}");
    }
    assert_eq!(story.app.calls(), calls);
}

#[tokio::test]
async fn t_60_no_site_can_have_a_browser_send_a_bearer_token_and_a_cookie_beside_it_does_not_count()
{
    let mut story = story();
    story.sign_in("bob").await;
    let token = format!("Bearer {}", good(&story));
    let cross_site = |request: http::request::Builder| {
        request.header("origin", "https://spa.example").header("sec-fetch-site", "cross-site")
    };

    let with_token = cross_site(Request::post("/").header("authorization", &token));
    assert_eq!(story.browser.send_raw(with_token).await.user().as_deref(), Some("alice"));
    let with_cookie = cross_site(Request::post("/").header("authorization", "Bearer x"));
    assert_eq!(story.browser.send_raw(with_cookie).await.sub_status(), "403.60");
}

#[tokio::test]
async fn an_application_that_is_open_to_all_does_not_find_a_token_that_nobody_has_proved() {
    let base = story();
    let config = config(&[], &base.store, &base.clock)
        .http_client(network(std::slice::from_ref(&base.provider)))
        .provider(base.provider.settings().accept_bearer_tokens([AUDIENCE]))
        .unauthenticated(Unauthenticated::Allow);
    let app = App::new(config.build().unwrap(), &base.clock);
    let ask = async |value: &str| app.send(request("/", &[("authorization", value)])).await;

    let forged = base.provider.access_token("root", "other", |_| {});
    let answer = ask(&format!("Bearer {forged}")).await;
    assert_eq!(answer.user(), None);
    assert_eq!(answer.seen("authorization"), [""; 0]);
    let bearer = format!("Bearer {}", good(&base));
    let lines = [("authorization", bearer.as_str()), ("authorization", bearer.as_str())];
    let several = app.send(request("/", &lines)).await;
    assert_eq!(several.user(), None);
    assert_eq!(several.seen("authorization"), [""; 0]);
    // What it does itself with the header goes on working.
    for own in ["Basic dTpw", "Bearer an-api-key"] {
        assert_eq!(ask(own).await.seen("authorization"), [own]);
    }
    assert_eq!(ask(&bearer).await.user().as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_client_that_brings_a_token_is_told_so_and_not_sent_to_sign_in() {
    for action in
        [Unauthenticated::RedirectToLogin, Unauthenticated::Reject403, Unauthenticated::Reject404]
    {
        let base = story();
        let config = config(&[], &base.store, &base.clock)
            .http_client(network(std::slice::from_ref(&base.provider)))
            .provider(base.provider.settings().accept_bearer_tokens([AUDIENCE]))
            .unauthenticated(action);
        let app = App::new(config.build().unwrap(), &base.clock);
        let expired =
            base.provider.access_token("alice", AUDIENCE, |claims| claims["exp"] = json!(1));
        let expired = format!("Bearer {expired}");

        let answer = app.send(request("/", &[("authorization", &expired)])).await;
        assert_eq!(answer.sub_status(), "401.83", "{action:?}");
    }
}

#[tokio::test]
async fn t_105_no_bearer_token_reaches_the_log() {
    let log = Log::listen();
    let story = story();
    let tokens = [
        good(&story),
        story.provider.access_token("mallory-the-claim", "other", |_| {}),
        SigningKey::other_rs256("k1").resign(&good(&story), |h, c| (h.to_owned(), c.to_owned())),
    ];
    for token in &tokens {
        ask(&story, token).await;
        ask(&story, &token.replacen('.', "%", 1)).await;
    }

    let text = log.text();
    assert!(text.contains("a bearer token is refused"), "{text}");
    for token in &tokens {
        for part in token.split('.').skip(1) {
            assert!(!text.contains(&part[..24]), "{text}");
        }
    }
    assert!(!text.contains("mallory-the-claim"), "{text}");
}
