//! Session tokens that are not ours, and places where ours must not get to.

use easyauth::Unauthenticated;
use http::{HeaderValue, Request};
use proptest::prelude::*;
use url::Url;

use crate::support::*;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Goes through a login with this query; where it ends.
async fn end_of(story: &mut Story, query: &str) -> Answer {
    let begun = story.browser.visit(&format!("/.auth/login/op?{query}")).await;
    let there = Url::parse(begun.location()).unwrap();
    story.browser.come_back(&story.provider.authorize(&there, "alice")).await
}

#[tokio::test]
async fn t_01_t_03_no_spelling_of_the_header_gets_a_token_past_us() {
    let story = Story::with(|config| config.unauthenticated(Unauthenticated::Allow));
    for name in ["x-zumo-auth", "X-ZUMO-AUTH", "x_zumo_auth", "x.zumo.auth", "X-Zumo_Auth"] {
        let answer = story.phone().send(Request::get("/").header(name, "a.b.c"), "").await;

        let headers = answer.app()["headers"].to_string();
        assert!(!headers.contains("a.b.c"), "{name}: {headers}");
    }
}

#[tokio::test]
async fn t_11_a_token_counts_in_its_header_and_nowhere_else() {
    let story = Story::new();
    let mut phone = story.phone();
    phone.sign_in(&story.provider, "alice").await;
    let token = phone.token.clone().unwrap();
    let stranger = story.phone();
    for path in [
        format!("/?x-zumo-auth={token}"),
        format!("/?authenticationToken={token}"),
        format!("/?access_token={token}"),
        format!("/?token={token}"),
    ] {
        assert_eq!(stranger.get(&path).await.status, 401, "{path}");
    }
    for (name, value) in [
        ("authorization", format!("Bearer {token}")),
        ("x-zumo-token", token.clone()),
        ("cookie", format!("X-ZUMO-AUTH={token}; AppServiceAuthSession={token}")),
    ] {
        let request = Request::get("/").header("accept", "application/json").header(name, value);
        assert_eq!(stranger.send(request, "").await.status, 401, "{name}");
    }
}

#[tokio::test]
async fn t_36_a_token_is_sent_to_no_provider_and_to_no_store_as_it_is() {
    let story = Story::new();
    let mut phone = story.phone();
    phone.sign_in(&story.provider, "alice").await;
    phone.refresh().await;
    let token = phone.token.clone().unwrap();

    for document in [Document::Metadata, Document::Keys, Document::Token, Document::Userinfo] {
        for asked in story.provider.requests(document) {
            assert!(!format!("{asked:?}").contains(&token));
            assert!(!asked.headers.contains_key("x-zumo-auth"));
        }
    }
}

#[tokio::test]
async fn t_42_an_answer_of_a_login_with_a_token_is_used_once() {
    let mut story = Story::new();
    let begun = story.browser.visit("/.auth/login/op?session_mode=token").await;
    let there = Url::parse(begun.location()).unwrap();
    let callback = story.provider.authorize(&there, "alice");
    let mut copy = story.browser.clone();
    assert!(story.browser.come_back(&callback).await.location().contains("#token="));

    let again = copy.come_back(&callback).await;

    assert_eq!(again.status, 400);
    let mut thief = story.another_browser();
    assert_eq!(thief.come_back(&callback).await.status, 400);
}

#[tokio::test]
async fn t_105_no_token_code_or_verifier_reaches_the_log() {
    let log = Log::listen();
    let callback = "myapp://easyauth.callback";
    let mut story = Story::with(|config| config.allowed_external_redirect_urls([callback]));
    let mut secrets = Vec::new();
    let mut phone = story.phone();

    phone.keep_fragment(end_of(&mut story, "session_mode=token").await.location());
    secrets.push(phone.token.clone().unwrap());
    phone.refresh().await;
    secrets.push(phone.token.clone().unwrap());
    phone.sign_in(&story.provider, "alice").await;
    secrets.push(phone.token.clone().unwrap());
    let query = format!(
        "post_login_redirect_url=myapp%3A%2F%2Feasyauth.callback&code_challenge={CHALLENGE}\
         &code_challenge_method=S256"
    );
    let end = end_of(&mut story, &query).await.location().to_owned();
    let code = end.split_once("#authorization_code=").unwrap().1.to_owned();
    for verifier in ["wrong-verifier-0123456789", VERIFIER] {
        let path =
            format!("/.auth/login/op/token?authorization_code={code}&code_verifier={verifier}");
        phone.get(&path).await;
        secrets.push(verifier.to_owned());
    }
    secrets.push(code);
    phone.clone().holding("forged.token.value").get("/").await;
    secrets.push("forged.token.value".to_owned());
    let tokens = serde_json::json!({"id_token": "posted.token.value"});
    phone.post(&story.provider, &tokens).await;
    secrets.push("posted.token.value".to_owned());
    secrets.extend(story.provider.secrets());

    let text = log.text();
    assert!(text.contains("signed in") && text.contains("a posted token is refused"));
    for secret in secrets.iter().filter(|secret| secret.len() >= 8) {
        assert!(!text.contains(secret.as_str()), "{secret}:\n{text}");
    }
    for claim in ["alice", "Alice", "sid:"] {
        assert!(!text.contains(claim), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_in_the_header_sign_anybody_in_or_crash(
        values in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(0x20_u8..=0xff, 0..200),
                r"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9\.[A-Za-z0-9_-]{0,300}\.[A-Za-z0-9_-]{43}"
                    .prop_map(String::into_bytes),
                r"[A-Za-z0-9_.=-]{0,400}".prop_map(String::into_bytes),
            ],
            1..3,
        ),
    ) {
        let values: Vec<_> =
            values.iter().filter_map(|value| HeaderValue::from_bytes(value).ok()).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let story = Story::with(|config| config.unauthenticated(Unauthenticated::Allow));
        let request = values.iter().fold(Request::get("/"), |request, value| {
            request.header("x-zumo-auth", value)
        });
        let answer = runtime.block_on(story.phone().send(request, ""));
        prop_assert_eq!(answer.user(), None);
        prop_assert!(answer.seen("x-zumo-auth").is_empty());
    }
}
