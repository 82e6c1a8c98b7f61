//! Providers whose answers are wrong, endless, or not there.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::support::Document::*;
use crate::support::*;

/// What was asked until `document` came.
fn until(document: Document) -> &'static [Document] {
    match document {
        Metadata => &[Metadata],
        Token => &[Metadata, Token],
        Keys => &[Metadata, Token, Keys],
        _ => &[Metadata, Token, Keys, Userinfo],
    }
}

/// Signs in as far as it goes. A login that cannot begin ends with the answer to that.
async fn try_sign_in(story: &mut Story) -> Answer {
    let answer = story.browser.visit("/.auth/login/op").await;
    if answer.status != 302 {
        return answer;
    }
    let there = answer.location().parse().unwrap();
    story.browser.come_back(&story.provider.authorize(&there, "alice")).await
}

async fn refuse(document: Document, reply: Reply, status: u16) {
    let mut story = Story::new();
    story.provider.reply(document, reply.clone());
    let answer = try_sign_in(&mut story).await;
    assert_eq!(answer.status, status, "{document:?} {:.100}: {answer:?}", format!("{reply:?}"));
    story.assert_refused(&answer, status, until(document));
}

async fn refuse_member(document: Document, member: &str, value: Option<Value>) {
    let mut story = Story::new();
    match &value {
        Some(value) => story.provider.set(document, member, value.clone()),
        None => story.provider.remove(document, member),
    }
    let answer = try_sign_in(&mut story).await;
    assert_eq!(answer.status, 502, "{document:?} {member} {value:?}: {answer:?}");
    story.assert_refused(&answer, 502, until(document));
}

const ALL: [Document; 4] = [Metadata, Token, Keys, Userinfo];

#[tokio::test]
async fn t_48_an_answer_that_is_no_document_is_refused() {
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for document in ALL {
        for reply in [
            Reply::json("[]"),
            Reply::json("\"x\""),
            Reply::json("null"),
            Reply::json(""),
            Reply::json("{\"access_token\":\"x\""),
            Reply::json("\u{feff}{}"),
            Reply::json("{}{}"),
            Reply::json(Bytes::from_static(b"\xff\xfe{\0}\0")),
            Reply::json(format!("{{\"a\":{nested}}}")),
            Reply::json("x".repeat((1 << 20) + 1)),
            Reply::Raw(200, "text/html", Bytes::from_static(b"<h1>Sign in</h1>")),
        ] {
            refuse(document, reply, 502).await;
        }
    }
}

#[tokio::test]
async fn t_48_di_04_a_redirect_is_an_answer_and_not_followed() {
    for document in ALL {
        refuse(document, Reply::Redirect("http://169.254.169.254/latest"), 502).await;
        refuse(document, Reply::Redirect("https://op.example/elsewhere"), 502).await;
    }
}

#[tokio::test]
async fn t_48_t_56_a_provider_that_is_away_makes_a_503() {
    for document in ALL {
        for reply in
            [Reply::status(500), Reply::status(503), Reply::status(429), Reply::Unreachable]
        {
            refuse(document, reply, 503).await;
        }
        refuse(document, Reply::status(404), 502).await;
    }
}

#[tokio::test(start_paused = true)]
async fn t_48_a_provider_that_never_answers_is_waited_for_ten_seconds() {
    for document in ALL {
        let begun = tokio::time::Instant::now();
        refuse(document, Reply::Never, 503).await;
        assert_eq!(begun.elapsed().as_secs(), 10, "{document:?}");
        refuse(document, Reply::Late(Duration::from_secs(11)), 503).await;
    }
    let mut story = Story::new();
    ALL.iter().for_each(|at| story.provider.reply(*at, Reply::Late(Duration::from_secs(9))));
    story.sign_in("alice").await;
}

#[tokio::test(start_paused = true)]
async fn t_48_visitors_who_wait_for_the_same_provider_wait_together() {
    let story = Story::new();
    story.provider.reply(Metadata, Reply::Never);
    let begun = tokio::time::Instant::now();
    let mut visitors = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let mut browser = story.another_browser();
        visitors.spawn(async move { browser.visit("/.auth/login/op").await.status });
    }

    assert!(visitors.join_all().await.iter().all(|status| *status == 503));
    assert_eq!(begun.elapsed().as_secs(), 10);
    assert_eq!(story.provider.take_asked(), [Metadata]);
}

#[tokio::test]
async fn oc_27_a_document_with_a_member_twice_is_refused() {
    for (document, text) in [
        (Metadata, r#"{"issuer":"https://evil.example","issuer":"https://op.example"}"#),
        (Keys, r#"{"keys":[],"keys":[]}"#),
        (Token, r#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#),
        (Userinfo, r#"{"sub":"mallory","sub":"alice"}"#),
    ] {
        refuse(document, Reply::json(text), 502).await;
    }
}

#[tokio::test]
async fn di_02_metadata_of_another_issuer_are_refused_whole() {
    for issuer in ["https://op.example/", "https://OP.example", "https://other.example", ""] {
        refuse_member(Metadata, "issuer", Some(json!(issuer))).await;
    }
    refuse_member(Metadata, "issuer", None).await;
}

#[tokio::test]
async fn di_04_endpoints_are_https_or_nowhere() {
    for member in ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"] {
        for address in [
            "http://op.example/x",
            "http://169.254.169.254/latest",
            "http://localhost/x",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "//op.example/x",
            "https://user:password@op.example/x",
            "",
        ] {
            refuse_member(Metadata, member, Some(json!(address))).await;
        }
    }
    for member in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        refuse_member(Metadata, member, None).await;
    }
}

#[tokio::test]
async fn oa_03_an_answer_without_usable_tokens_is_refused() {
    for (member, value) in [
        ("access_token", None),
        ("access_token", Some(json!(""))),
        ("access_token", Some(json!(7))),
        ("id_token", None),
        ("id_token", Some(json!({"a": 1}))),
        ("refresh_token", Some(json!(7))),
        ("expires_in", Some(json!(-1))),
        ("expires_in", Some(json!(1e18))),
        ("expires_in", Some(json!("soon"))),
        ("expires_in", Some(json!({}))),
    ] {
        refuse_member(Token, member, value).await;
    }
}

#[tokio::test]
async fn oa_03_members_that_nobody_knows_are_ignored() {
    let mut story = Story::new();
    story.provider.set(Token, "foo", json!({"deep": [1]}));
    story.provider.set(Metadata, "foo", json!(null));
    story.provider.set(Keys, "foo", json!("x"));
    story.sign_in("alice").await;
}

#[tokio::test]
async fn oc_17_only_bearer_tokens_are_usable_and_case_does_not_matter() {
    for (kind, good) in [("bearer", true), ("BEARER", true), ("mac", false), ("DPoP", false)] {
        if good {
            let mut story = Story::new();
            story.provider.set(Token, "token_type", kind);
            story.sign_in("alice").await;
        } else {
            refuse_member(Token, "token_type", Some(json!(kind))).await;
        }
    }
}

#[tokio::test]
async fn oc_18_oc_19_userinfo_about_somebody_else_is_refused() {
    for subject in [Some(json!("mallory")), Some(json!("Alice")), Some(json!(1)), None] {
        refuse_member(Userinfo, "sub", subject).await;
    }
    let signed = SigningKey::rs256("k1").token(&json!({"alg": "RS256"}), &json!({"sub": "alice"}));
    refuse(Userinfo, Reply::Raw(200, "application/jwt", signed.into()), 502).await;
    let plain = Bytes::from_static(br#"{"sub":"alice"}"#);
    refuse(Userinfo, Reply::Raw(200, "text/html", plain), 502).await;
}

#[tokio::test]
async fn oa_07_a_refused_code_is_not_tried_again() {
    for (error, status) in [
        ("invalid_grant", 400),
        ("invalid_client", 500),
        ("unauthorized_client", 500),
        ("temporarily_unavailable", 503),
        ("<script>", 502),
    ] {
        let body = json!({"error": error, "error_description": "<script>alert(1)</script>"});
        let reply = Reply::Raw(400, "application/json", body.to_string().into());
        refuse(Token, reply, status).await;
    }
}

#[tokio::test]
async fn a_failure_is_forgotten_after_a_moment() {
    let mut story = Story::new();
    story.provider.reply(Metadata, Reply::status(500));
    assert_eq!(try_sign_in(&mut story).await.status, 503);
    story.provider.be_honest();
    story.clock.advance(Duration::from_secs(1));

    story.sign_in("alice").await;
}
