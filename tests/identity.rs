//! What the application learns of who is signed in, and what nobody can make it believe.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_imports,
    reason = "these are tests"
)]

mod support;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use easyauth::{Claim, Unauthenticated};
use http::request::Builder;
use http::{HeaderName, Method, Request};
use serde_json::{Value, json};
use support::Document::*;
use support::*;

/// The decoded `X-MS-CLIENT-PRINCIPAL` that the application saw.
fn document(answer: &Answer) -> Value {
    let [header] = &answer.seen("x-ms-client-principal")[..] else { panic!("{answer:?}") };
    serde_json::from_slice(&BASE64_STANDARD.decode(header).unwrap()).unwrap()
}

fn claims(answer: &Answer, typ: &str) -> Vec<String> {
    let claims: Vec<Claim> = serde_json::from_value(answer.principal()["claims"].clone()).unwrap();
    claims.into_iter().filter(|claim| claim.typ == typ).map(|claim| claim.val).collect()
}

/// Every spelling that an application could take for one of ours.
fn forged(request: Builder) -> Builder {
    FORGED.iter().fold(request, |request, name| request.header(*name, "forged"))
}

const FORGED: [&str; 12] = [
    "x-ms-client-principal",
    "x-ms-client-principal-id",
    "X-MS-CLIENT-PRINCIPAL-NAME",
    "x-ms-client-principal-idp",
    "x-ms-token-op-access-token",
    "x-ms-token-aad-id-token",
    "x-ms-auth-token",
    "x_ms_client_principal",
    "X.MS.CLIENT.PRINCIPAL",
    "x-MS_client.principal-ID",
    "X!MS~CLIENT^PRINCIPAL|NAME",
    "x-ms-client-principal-anything",
];

fn has_forged(answer: &Answer) -> bool {
    answer.app()["headers"].to_string().contains("forged")
}

#[tokio::test]
async fn t_01_nobody_can_send_identity_headers_wherever_they_go() {
    let mut story = Story::with(|config| {
        config.unauthenticated(Unauthenticated::Allow).excluded_paths(["/public/*"])
    });
    for method in [Method::GET, Method::POST, Method::OPTIONS, Method::HEAD] {
        for path in ["/", "/public/x", "/a/b?c"] {
            let request = forged(Request::builder().method(method.clone()).uri(path));
            let answer = story.another_browser().send_raw(request).await;
            assert!(!has_forged(&answer), "{method} {path}");
            assert_eq!(answer.user(), None);
        }
    }
    story.sign_in("alice").await;
    let answer = story.browser.send_raw(forged(Request::get("/"))).await;
    assert!(!has_forged(&answer));
    assert_eq!(answer.seen("x-ms-client-principal-id"), ["alice"]);
    assert_eq!(answer.seen("x-ms-token-op-access-token").len(), 1);
}

#[tokio::test]
async fn t_02_however_often_a_header_is_sent_there_is_one_and_it_is_ours() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    for count in [2, 100] {
        let mut request = Request::get("/");
        for number in 0..count {
            request = request
                .header("x-ms-client-principal-id", format!("forged{number}"))
                .header("X-MS-CLIENT-PRINCIPAL-ID", "forged, alice");
        }
        let answer = story.browser.send_raw(request).await;
        assert_eq!(answer.seen("x-ms-client-principal-id"), ["alice"]);
        assert!(!has_forged(&answer));
    }
}

#[tokio::test]
async fn t_03_no_legal_spelling_of_a_name_gets_through() {
    let story = Story::with(|config| config.unauthenticated(Unauthenticated::Allow));
    let legal = (0..=255u8).filter(|byte| HeaderName::from_bytes(&[*byte]).is_ok());
    for byte in legal.filter(|byte| !byte.is_ascii_alphanumeric()) {
        for name in ["x-ms-client-principal", "X-MS-CLIENT-PRINCIPAL-IDP", "x-ms-token-op-id-token"]
        {
            let spelled = name.replace('-', &char::from(byte).to_string());
            let request = Request::get("/").header(spelled.as_str(), "forged");
            let answer = story.another_browser().send_raw(request).await;
            assert!(!has_forged(&answer), "{spelled}");
        }
    }
}

#[tokio::test]
async fn t_06_nobody_can_have_our_headers_deleted_by_a_proxy_behind_us() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    let request = Request::get("/").header("connection", "x-ms-client-principal, close");

    let answer = story.browser.send_raw(request).await;

    assert_eq!(answer.seen("connection"), ["close"]);
}

#[tokio::test]
async fn headers_that_are_not_ours_pass() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    let request = Request::get("/")
        .header("authorization", "Bearer of something else")
        .header("x-ms-version", "2021-08-06")
        .header("x-ms-client", "y");

    let answer = story.browser.send_raw(request).await;

    assert_eq!(answer.seen("authorization"), ["Bearer of something else"]);
    assert_eq!(answer.seen("x-ms-version"), ["2021-08-06"]);
    assert_eq!(answer.seen("x-ms-client"), ["y"]);
}

#[tokio::test]
async fn t_11_12_15_no_other_header_changes_the_decision() {
    let mut story = Story::with(|config| config.excluded_paths(["/public/*"]));
    for (name, value) in [
        ("x-original-url", "/public/x"),
        ("x-rewrite-url", "/public/x"),
        ("x-forwarded-uri", "/public/x"),
        ("x-forwarded-prefix", "/public"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "host=evil.example;proto=http"),
        ("x-http-method-override", "OPTIONS"),
        ("x-method-override", "GET"),
        ("x-middleware-subrequest", "1"),
        ("user-agent", "GoogleHC/1.0"),
        ("x-easyauth-skip", "1"),
        ("x-arr-ssl", "1"),
    ] {
        let answer = story.browser.send_raw(Request::get("/admin").header(name, value)).await;
        assert!(answer.location().starts_with("https://op.example/authorize?"), "{name}");
        assert!(!answer.location().contains("evil"), "{name}");
        let answer = story.browser.send_raw(Request::post("/admin").header(name, value)).await;
        assert_eq!(answer.status, 401, "{name}");
    }
    assert_eq!(story.app.calls(), 0);
}

#[tokio::test]
async fn the_application_gets_headers_and_a_typed_principal_that_agree() {
    let mut story = Story::new();
    story.sign_in("alice").await;

    let answer = story.browser.visit("/").await;

    assert_eq!(answer.seen("x-ms-client-principal-id"), ["alice"]);
    assert_eq!(answer.seen("x-ms-client-principal-name"), ["Alice"]);
    assert_eq!(answer.seen("x-ms-client-principal-idp"), ["op"]);
    let principal = answer.principal();
    assert_eq!(principal["user_id"], "alice");
    assert_eq!(principal["name"], "Alice");
    assert_eq!(principal["provider"], "op");
    let document = document(&answer);
    assert_eq!(document["claims"], principal["claims"]);
    assert_eq!(document["auth_typ"], "op");
    assert_eq!(document["name_typ"], "name");
    assert_eq!(claims(&answer, "locale"), ["en-NZ"]);
    assert_eq!(claims(&answer, EMAIL), ["alice@op.example"]);
}

#[tokio::test]
async fn the_application_gets_the_tokens_under_the_providers_name() {
    let mut story = Story::new();
    story.sign_in("alice").await;

    let answer = story.browser.visit("/").await;

    assert!(answer.seen("x-ms-token-op-access-token")[0].starts_with("ACCESS-"));
    assert!(answer.seen("x-ms-token-op-refresh-token")[0].starts_with("REFRESH-"));
    assert!(answer.seen("x-ms-token-op-id-token")[0].starts_with("eyJ"));
    assert_eq!(answer.seen("x-ms-token-op-expires-on"), ["2025-10-09T09:53:20.0000000Z"]);
}

#[tokio::test]
async fn a_user_without_a_name_cannot_bring_one_along() {
    let mut story = Story::new();
    for claim in ["name", "email"] {
        story.provider.remove(IdToken, claim);
    }
    story.sign_in("alice").await;

    let answer = story.browser.send_raw(forged(Request::get("/"))).await;

    assert_eq!(answer.seen("x-ms-client-principal-name"), ["alice"]);
    assert!(!has_forged(&answer));
}

#[tokio::test]
async fn t_07_no_claim_breaks_a_header_or_smuggles_one() {
    for (name, expected) in [
        ("Ünï 😀", "%C3%9Cn%C3%AF %F0%9F%98%80"),
        ("a\r\nX-MS-CLIENT-PRINCIPAL-ID: root", "a%0D%0AX-MS-CLIENT-PRINCIPAL-ID: root"),
        ("a\0b", "a%00b"),
        ("100%", "100%25"),
        (" a ", "%20a%20"),
    ] {
        let mut story = Story::new();
        story.provider.set(IdToken, "name", name);
        story.sign_in("alice").await;

        let answer = story.browser.visit("/").await;

        assert_eq!(answer.seen("x-ms-client-principal-name"), [expected], "{name:?}");
        assert_eq!(answer.seen("x-ms-client-principal-id"), ["alice"]);
        assert_eq!(answer.principal()["name"], name);
        assert_eq!(document(&answer)["claims"], answer.principal()["claims"]);
    }
}

#[tokio::test]
async fn t_07_a_name_of_100_kib_signs_in_and_stays_out_of_the_headers() {
    let mut story = Story::new();
    story.provider.remove(IdToken, "name");
    story.provider.set(Userinfo, "name", "x".repeat(100 << 10));
    story.sign_in("alice").await;

    let answer = story.browser.visit("/").await;

    assert_eq!(answer.seen("x-ms-client-principal-name"), [""]);
    assert!(answer.seen("x-ms-client-principal")[0].len() <= 12 << 10);
    assert_eq!(answer.principal()["name"].as_str().unwrap().len(), 100 << 10);
}

#[tokio::test]
async fn t_08_five_hundred_groups_are_marked_in_the_header_and_whole_in_the_extension() {
    let mut story = Story::new();
    let groups: Vec<_> = (0..500).map(|n| format!("00000000-0000-0000-0000-{n:012}")).collect();
    story.provider.set(Userinfo, "groups", groups);
    story.sign_in("alice").await;

    let answer = story.browser.visit("/").await;

    assert!(answer.seen("x-ms-client-principal")[0].len() <= 12 << 10);
    let marked = document(&answer)["claims"].to_string();
    assert!(marked.contains(r#"{"typ":"hasgroups","val":"true"}"#), "{marked}");
    assert_eq!(claims(&answer, "groups").len(), 500);
}

#[tokio::test]
async fn odd_claims_become_text() {
    let mut story = Story::new();
    for (name, value) in [
        ("groups", json!(["a", "b", 3])),
        ("address", json!({"country": "NZ"})),
        ("email_verified", json!(true)),
        ("number", json!(12.5)),
        ("nothing", json!(null)),
        ("empty", json!([])),
        ("", json!("nameless")),
    ] {
        story.provider.set(IdToken, name, value);
    }
    story.sign_in("alice").await;

    let answer = story.browser.visit("/").await;

    assert_eq!(claims(&answer, "groups"), ["a", "b", "3"]);
    assert_eq!(claims(&answer, "address"), [r#"{"country":"NZ"}"#]);
    assert_eq!(claims(&answer, "email_verified"), ["true"]);
    assert_eq!(claims(&answer, "number"), ["12.5"]);
    assert_eq!(claims(&answer, ""), ["nameless"]);
    for absent in ["nothing", "empty"] {
        assert_eq!(claims(&answer, absent), [""; 0], "{absent}");
    }
}

#[tokio::test]
async fn the_configured_claim_names_the_user() {
    let mut story = Story::with_provider(|provider| provider.name_claim("email"));
    story.sign_in("alice").await;

    let answer = story.browser.visit("/").await;

    assert_eq!(answer.seen("x-ms-client-principal-name"), ["alice@op.example"]);
    assert_eq!(answer.principal()["name_type"], EMAIL);
}

#[tokio::test]
async fn oc_21_one_subject_at_two_providers_is_two_users() {
    let clock = ManualClock::new();
    let providers = [FakeProvider::new("op", &clock), FakeProvider::new("other", &clock)];
    let store = TestStore::new();
    let app = App::new(config(&providers, &store, &clock).build().unwrap(), &clock);
    let (mut here, mut there) = (Browser::new(&app), Browser::new(&app));

    here.sign_in(&providers[0], "alice").await;
    there.sign_in(&providers[1], "alice").await;

    assert_eq!(store.count(Verb::Create), 2);
    let seen = async |browser: &mut Browser| {
        let answer = browser.visit("/").await;
        (answer.seen("x-ms-client-principal-idp"), claims(&answer, EMAIL))
    };
    assert_eq!(seen(&mut here).await, (vec!["op".into()], vec!["alice@op.example".into()]));
    assert_eq!(seen(&mut there).await, (vec!["other".into()], vec!["alice@other.example".into()]));
}

#[tokio::test]
async fn oc_21_one_address_of_two_subjects_is_two_users_and_case_counts() {
    let mut story = Story::new();
    story.provider.set(IdToken, "email", "shared@op.example");
    for user in ["alice", "Alice", "bob"] {
        let mut browser = story.another_browser();
        browser.sign_in(&story.provider, user).await;
        assert_eq!(browser.user().await.as_deref(), Some(user));
    }
    assert_eq!(story.store.count(Verb::Create), 3);
    assert_eq!(story.browser.user().await, None);
}

#[tokio::test]
async fn oc_26_addresses_in_claims_are_never_called() {
    let mut story = Story::new();
    story.provider.set(IdToken, "_claim_names", json!({"groups": "src"}));
    let source = json!({"src": {"endpoint": "http://169.254.169.254/latest", "access_token": "x"}});
    story.provider.set(IdToken, "_claim_sources", source);
    story.provider.set(Userinfo, "picture", "http://169.254.169.254/me.png");

    story.sign_in("alice").await;

    assert_eq!(story.provider.take_asked(), [Metadata, Token, Keys, Userinfo]);
    assert_eq!(story.provider.strays(), [""; 0]);
}

#[tokio::test]
async fn an_inner_layer_leaves_the_identity_that_an_outer_one_has_found() {
    use easyauth::EasyAuthLayer;
    use tower::{Layer, ServiceExt};
    let story = Story::new();
    let inner = config(std::slice::from_ref(&story.provider), &story.store, &story.clock);
    let inner = EasyAuthLayer::new(inner.build().unwrap());
    let principal = {
        let mut browser = story.another_browser();
        browser.sign_in(&story.provider, "alice").await;
        browser
    };
    // The application itself stands for the outer layer: its extension is what counts.
    let seen = std::sync::Arc::new(std::sync::Mutex::new(None));
    let outer = {
        let seen = std::sync::Arc::clone(&seen);
        let service =
            tower::service_fn(move |request: Request<http_body_util::Full<bytes::Bytes>>| {
                let found = request.headers().get("x-ms-client-principal-id").cloned();
                *seen.lock().unwrap() = found;
                async { Ok::<_, std::convert::Infallible>(http::Response::new(String::new())) }
            });
        let config = config(std::slice::from_ref(&story.provider), &story.store, &story.clock);
        EasyAuthLayer::new(config.build().unwrap()).layer(inner.layer(service))
    };
    let cookie = principal.cookie("AppServiceAuthSession").unwrap();
    let request = Request::get("/").header("cookie", format!("AppServiceAuthSession={cookie}"));

    outer.oneshot(request.body(<_>::default()).unwrap()).await.unwrap();

    assert_eq!(seen.lock().unwrap().as_ref().unwrap(), "alice");
}

const EMAIL: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
