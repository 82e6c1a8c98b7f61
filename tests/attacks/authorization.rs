//! What applications behind us could believe that read `Authorization` and only decode it, as the
//! Azure Mobile Apps SDK for Node.js does.

use base64::prelude::*;
use easyauth::Unauthenticated;
use http::Request;
use serde_json::json;

use crate::support::*;

const AUDIENCE: &str = "api://orders";

fn forged(claims: &str) -> String {
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.anybodys", encode(r#"{"typ":"JWT","alg":"HS256"}"#), encode(claims))
}

/// Values by which an attacker claims to be a victim, as the session tokens of ours do.
fn forgeries() -> Vec<String> {
    let ours = forged(r#"{"sub":"sid:victim","iss":"https://app.example/","ver":"3"}"#);
    let twice = r#"{"sub":"victim","iss":"https://x","iss":"https://app.example/"}"#;
    vec![
        format!("Bearer {ours}"),
        format!("bearer  {ours}"),
        format!("Bearer\t{ours}"),
        ours.clone(),
        format!("JWT {ours}"),
        format!("Basic eDp5, Bearer {ours}"),
        format!("Bearer {ours}.AAAA.AAAA"),
        forged(twice),
        // Who only decodes does not look at the issuer either.
        forged(r#"{"sub":"sid:victim","iss":"https://evil.example/"}"#),
        forged(r#"{"sub":"sid:victim"}"#),
    ]
}

fn open_to_all() -> Story {
    Story::with(|config| config.unauthenticated(Unauthenticated::Allow))
}

fn with_bearer(action: Unauthenticated) -> Story {
    let mut story = Story::new();
    let provider = story.provider.settings().accept_bearer_tokens([AUDIENCE]);
    let config = config(&[], &story.store, &story.clock)
        .http_client(network(std::slice::from_ref(&story.provider)))
        .provider(provider)
        .excluded_paths(["/open"])
        .unauthenticated(action);
    story.app = App::new(config.build().unwrap(), &story.clock);
    story.browser = Browser::new(&story.app);
    story
}

fn with(value: &str) -> http::request::Builder {
    Request::get("/").header("authorization", value).header("accept", "application/json")
}

#[tokio::test]
async fn t_01_no_application_finds_a_session_token_in_authorization_that_we_have_not_seen() {
    for story in [open_to_all(), with_bearer(Unauthenticated::Allow)] {
        for forgery in forgeries() {
            let answer = story.another_browser().send_raw(with(&forgery)).await;
            assert_eq!(answer.user(), None, "{forgery}");
            assert_eq!(answer.seen("authorization"), [""; 0], "{forgery}");

            let behind = with("Basic dTpw").header("authorization", &forgery);
            let answer = story.another_browser().send_raw(behind).await;
            assert_eq!(answer.seen("authorization"), [""; 0], "{forgery}");
        }
    }
}

#[tokio::test]
async fn t_01_nor_beside_a_session_of_the_attackers_own() {
    for mut story in [open_to_all(), with_bearer(Unauthenticated::RedirectToLogin)] {
        story.sign_in("mallory").await;
        let mut phone = story.phone();
        phone.sign_in(&story.provider, "mallory").await;
        for forgery in forgeries() {
            // As it is remembered, as it is looked up, and where a closer look is taken.
            for (age, method) in [(0, "GET"), (60, "GET"), (0, "POST")] {
                story.clock.age(std::time::Duration::from_secs(age));
                let answer = story.browser.send_raw(with(&forgery).method(method)).await;
                assert_eq!(answer.user().as_deref(), Some("mallory"), "{forgery}");
                assert_eq!(answer.seen("authorization"), [""; 0], "{forgery}");
            }
            let token = phone.token.clone().unwrap();
            let answer =
                story.another_browser().send_raw(with(&forgery).header("x-zumo-auth", token)).await;
            assert_eq!(answer.user().as_deref(), Some("mallory"), "{forgery}");
            assert_eq!(answer.seen("authorization"), [""; 0], "{forgery}");
        }
    }
}

/// A token of the provider that was never good, as only a lenient reader could read it.
fn unreadable(story: &Story) -> Vec<String> {
    let token = story.provider.access_token("root", AUDIENCE, |claims| claims["x"] = json!("??>>"));
    let (header, rest) = token.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let claims = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let rewritten = |claims: &str| {
        format!("Bearer {header}.{}.{signature}", BASE64_URL_SAFE_NO_PAD.encode(claims))
    };
    let twice = claims.replacen('{', r#"{"iss":"https://other.example","#, 1);
    let array = claims.replace(r#""https://op.example""#, r#"["https://op.example"]"#);
    let long = claims.replacen('{', &format!(r#"{{"y":"{}","#, "y".repeat(17 << 10)), 1);
    assert!(twice != claims && array != claims && long != claims);
    vec![
        format!("Bearer {header}.{}.{signature}", BASE64_STANDARD.encode(format!("{claims}  "))),
        format!("Bearer {header}.{payload}==.{signature}"),
        format!("Bearer {token}.AAAA.AAAA"),
        format!("Bearer {header}.{payload}"),
        format!("Bearer\t{token}"),
        format!("Basic dTpw, Bearer {token}"),
        format!("Token {token}"),
        token.clone(),
        rewritten(&twice),
        rewritten(&array),
        rewritten(&long),
    ]
}

#[tokio::test]
async fn t_51_a_token_that_only_the_lenient_can_read_proves_nothing_and_reaches_nobody() {
    let mut closed = with_bearer(Unauthenticated::RedirectToLogin);
    let open = with_bearer(Unauthenticated::Allow);
    closed.sign_in("mallory").await;
    for token in unreadable(&closed) {
        let calls = closed.app.calls();
        let refused = closed.another_browser().send_raw(with(&token)).await;
        assert_eq!(refused.sub_status(), "401.83", "{token}");
        assert_eq!(closed.app.calls(), calls, "{token}");

        let excluded = with(&token).uri("/open");
        for (story, request) in [(&open, with(&token)), (&closed, excluded)] {
            let answer = story.another_browser().send_raw(request).await;
            assert_eq!(answer.user(), None, "{token}");
            assert_eq!(answer.seen("authorization"), [""; 0], "{token}");
        }
        let answer = closed.browser.send_raw(with(&token)).await;
        assert_eq!(answer.user().as_deref(), Some("mallory"), "{token}");
        assert_eq!(answer.seen("authorization"), [""; 0], "{token}");
    }
    assert_eq!(open.provider.take_asked(), []);
}

#[tokio::test]
async fn what_others_put_into_authorization_reaches_the_application_as_it_is() {
    let foreign = forged(r#"{"iss":"https://other.example","sub":"alice"}"#);
    let values = [
        "Basic dTpw".to_owned(),
        "Bearer an-api-key.with.dots".to_owned(),
        format!("Bearer {foreign}"),
        format!("JWT {foreign}"),
    ];
    for mut story in [open_to_all(), with_bearer(Unauthenticated::Allow)] {
        story.sign_in("alice").await;
        for value in &values {
            let stranger = story.another_browser().send_raw(with(value)).await;
            assert_eq!(stranger.seen("authorization"), [value.as_str()]);
            let alice = story.browser.send_raw(with(value)).await;
            assert_eq!(alice.user().as_deref(), Some("alice"));
            assert_eq!(alice.seen("authorization"), [value.as_str()]);
        }
    }
    // One that names no issuer can only be taken for a provider's where those are taken.
    let own = format!("Bearer {}", forged(r#"{"user":5}"#));
    let answer = open_to_all().browser.send_raw(with(&own)).await;
    assert_eq!(answer.seen("authorization"), [own]);
}
