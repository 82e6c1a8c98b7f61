//! The original's own SDKs, as far as they cannot run here: their requests byte for byte, and what
//! they do with the answers. (Those that can run do, in `tests/suites`.)
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_imports,
    reason = "these are tests"
)]

mod support;

use std::time::Duration;

use easyauth::ConfigBuilder;
use http::Request;
use http_body_util::Full;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use support::Document::*;
use support::*;
use url::{Url, form_urlencoded};

const DOT_NET: &str = "\
    User-Agent: ZUMO/4.2 (lang=Managed; os=Windows Store; os_version=--; arch=X64; version=4.2.0.0)\r\n\
    X-ZUMO-VERSION: ZUMO/4.2 (lang=Managed; os=Windows Store; os_version=--; arch=X64; version=4.2.0.0)\r\n\
    X-ZUMO-INSTALLATION-ID: 7c1b52a4-93be-4a4c-b7a5-6a4fa4c7d0b2\r\n\
    Accept: application/json\r\n";
const ANDROID: &str = "\
    User-Agent: ZUMO/1.0 (lang=Java; os=Android; os_version=9; arch=x86; version=3.5.1)\r\n\
    X-ZUMO-VERSION: ZUMO/1.0 (lang=Java; os=Android; os_version=9; arch=x86; version=3.5.1)\r\n\
    X-ZUMO-INSTALLATION-ID: 0f4ad5f6-19a2-4f1c-9a83-1ad35f0cb0f2\r\n\
    ZUMO-API-VERSION: 2.0.0\r\n\
    Accept: application/json\r\n\
    Accept-Encoding: gzip\r\n";
const IOS: &str = "\
    User-Agent: ZUMO/3.4 (lang=objective-c; os=iOS; os_version=12.1; arch=iPhone; version=3.4.0)\r\n\
    X-ZUMO-VERSION: ZUMO/3.4 (lang=objective-c; os=iOS; os_version=12.1; arch=iPhone; version=3.4.0)\r\n\
    X-ZUMO-INSTALLATION-ID: 9b0ce1b5-6e0d-4a5c-90f6-7f2c1b2b6b7a\r\n\
    Accept: application/json\r\n";
const JAVASCRIPT: &str = "\
    X-ZUMO-INSTALLATION-ID: b0c7cb1e-6f0c-8a9d-4fd3-6a1f6f5b6a57\r\n\
    X-ZUMO-VERSION: ZUMO/2.0 (lang=Web; os=--; os_version=--; arch=--; version=2.0.1)\r\n\
    Accept: application/json\r\n\
    Sec-Fetch-Mode: cors\r\n\
    Sec-Fetch-Site: cross-site\r\n\
    Origin: https://spa.example\r\n";
/// What a browser on a telephone sends for a page.
const WEB_VIEW: &str = "\
    User-Agent: Mozilla/5.0 (Linux; Android 9; wv) AppleWebKit/537.36 Mobile Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n";
const CALLBACK: &str = "zumoe2etestapp://easyauth.callback";
const SDK_VERIFIER: &str = "4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8=";
const EXPIRED: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.e30.AAAA";

/// An application whose users sign in at `google`.
fn story() -> Story {
    let clock = ManualClock::new();
    let store = TestStore::new();
    let provider = FakeProvider::new("google", &clock);
    let change = |config: ConfigBuilder| {
        config.allowed_external_redirect_urls([CALLBACK, "https://spa.example/"])
    };
    let config = change(config(std::slice::from_ref(&provider), &store, &clock));
    let app = App::new(config.build().unwrap(), &clock);
    let browser = Browser::new(&app);
    Story { clock, store, provider, app, browser }
}

/// Sends these bytes.
async fn send(story: &Story, line: &str, headers: &str, body: &str) -> Answer {
    let mut words = line.split(' ');
    let request = Request::builder().method(words.next().unwrap()).uri(words.next().unwrap());
    assert_eq!(words.next(), Some("HTTP/1.1"));
    let lines = headers.split("\r\n").filter(|line| !line.is_empty());
    let request = lines.fold(request.header("Host", "app.example"), |request, line| {
        let (name, value) = line.split_once(": ").unwrap();
        request.header(name, value)
    });
    story.app.send(request.body(Full::from(body.to_owned())).unwrap()).await
}

async fn get(story: &Story, target: &str, headers: &str) -> Answer {
    send(story, &format!("GET {target} HTTP/1.1"), headers, "").await
}

fn auth(token: &str) -> String {
    format!("X-ZUMO-AUTH: {token}\r\n")
}

/// The user goes through a login that an SDK begins in a browser. Returns where it ends.
async fn go_through(story: &mut Story, target: &str) -> String {
    let begun = story.browser.visit(target).await;
    assert_eq!(begun.status, 302, "an SDK takes a page here for a provider that is not set up");
    let there = Url::parse(begun.location()).unwrap();
    let answer = story.browser.come_back(&story.provider.authorize(&there, "alice")).await;
    answer.location().to_owned()
}

/// Posts an ID token as an SDK does, and returns the session token as it reads it.
async fn sign_in(story: &Story, target: &str, headers: &str, content_type: &str) -> String {
    let body = json!({"id_token": story.provider.hand_out("alice")["id_token"]}).to_string();
    let headers =
        format!("{headers}Content-Type: {content_type}\r\nContent-Length: {}\r\n", body.len());
    let answer = send(story, &format!("POST {target} HTTP/1.1"), &headers, &body).await;
    both_members(&answer)
}

/// What all of them read in the answer to a login, and most in that to a refresh.
fn both_members(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let document = answer.json();
    assert!(document["user"]["userId"].as_str().unwrap().starts_with("sid:"));
    document["authenticationToken"].as_str().unwrap().to_owned()
}

async fn user(story: &Story, headers: &str, token: &str) -> Option<String> {
    get(story, "/api/values", &format!("{headers}{}", auth(token))).await.user()
}

/// `java.net.URLDecoder.decode`, applied to a whole address as the Android SDK does.
fn url_decoder(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8().unwrap().into_owned()
}

#[tokio::test]
async fn dot_net_signs_in_with_a_token_calls_and_refreshes() {
    let story = story();
    let stale = format!("{DOT_NET}{}", auth(EXPIRED));
    let target = "/.auth/login/google?display=popup&scope=email%2Cbirthday";

    let token = sign_in(&story, target, &stale, "application/json; charset=utf-8").await;

    assert_eq!(user(&story, DOT_NET, &token).await.as_deref(), Some("alice"));
    let headers = format!("{DOT_NET}X-ZUMO-FEATURES: RT\r\n{}", auth(&token));
    let refused = get(&story, "/.auth/refresh", &headers).await;
    assert_eq!(refused.status, 400, "no refresh token: \"does not support refresh\"");
    let unsigned = get(&story, "/.auth/refresh", &format!("{DOT_NET}{}", auth(EXPIRED))).await;
    assert_eq!(unsigned.status, 401, "\"Credentials are no longer valid\"");
}

#[tokio::test]
async fn dot_net_gets_what_it_shows_to_people_when_a_login_fails() {
    let story = story();
    let headers = format!("{DOT_NET}Content-Type: application/json; charset=utf-8\r\n");
    let body = r#"{"authenticationToken":"opaque"}"#;
    let answer = send(&story, "POST /.auth/login/google HTTP/1.1", &headers, body).await;

    assert_eq!(answer.status, 400);
    assert!(answer.json()["error"].is_string());
}

/// An SDK's login in the system's browser; `extra` stands behind the target.
async fn native_login(story: &mut Story, extra: &str) -> String {
    let target = format!(
        "/.auth/login/google?post_login_redirect_url=zumoe2etestapp%3A%2F%2Feasyauth.callback\
         &code_challenge=2FWjqofz%2FovDTAIGiTtymlyMREePmsY%2Bm%2BV6AHaX2ac%3D\
         &code_challenge_method=S256{extra}"
    );
    go_through(story, &target).await
}

#[tokio::test]
async fn dot_net_exchanges_the_code_of_its_own_scheme_and_refreshes_after_the_end() {
    let mut story = story();
    let callback = native_login(&mut story, "&session_mode=token").await;
    let callback = Url::parse(&callback).unwrap();
    assert_eq!(
        (callback.scheme(), callback.host_str()),
        ("zumoe2etestapp", Some("easyauth.callback"))
    );
    let code = callback.fragment().unwrap().strip_prefix("authorization_code=").unwrap();
    // It may unescape twice.
    assert_eq!(percent_decode_str(code).decode_utf8().unwrap(), code);

    let target = format!(
        "/.auth/login/google/token?display=popup&authorization_code={code}\
         &code_verifier=4OHi4%2BTl5ufo6err7O3u7%2FDx8vP09fb3%2BPn6%2B%2Fz9%2Fv8%3D"
    );
    let token = both_members(&get(&story, &target, DOT_NET).await);

    assert_eq!(user(&story, DOT_NET, &token).await.as_deref(), Some("alice"));
    story.clock.advance(Duration::from_secs(70 * 3_600));
    let headers = format!("{DOT_NET}X-ZUMO-FEATURES: RT\r\n{}", auth(&token));
    let fresh = both_members(&get(&story, "/.auth/refresh", &headers).await);
    assert_eq!(user(&story, DOT_NET, &fresh).await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn dot_net_server_code_asks_for_the_entry_of_one_provider() {
    let story = story();
    let token = sign_in(&story, "/.auth/login/google", DOT_NET, "application/json").await;
    let headers = format!("User-Agent: MobileAppNetServerSdk\r\nx-zumo-auth: {token}\r\n");

    let entry = get(&story, "/.auth/me?provider=google", &headers).await.json();
    assert_eq!(entry["provider_name"], "google");
    assert!(entry["user_claims"].is_array() && entry["user_id"].is_string());
    let other = get(&story, "/.auth/me?provider=facebook", &headers).await;
    assert_eq!((other.status.as_u16(), other.text()), (200, "{}"));
}

#[tokio::test]
async fn android_signs_in_in_a_web_view_and_decodes_the_whole_address() {
    let mut story = story();
    let target = "/.auth/login/google?access_type=offline&session_mode=token";
    let begun = get(&story, target, WEB_VIEW).await;
    assert_eq!(begun.status, 302);

    let end = go_through(&mut story, target).await;

    assert!(end.to_lowercase().starts_with("https://app.example/.auth/login/done"), "{end}");
    let decoded = url_decoder(&end);
    let document: Value = serde_json::from_str(decoded.split_once("#token=").unwrap().1).unwrap();
    assert!(document["user"]["userId"].is_string());
    let token = document["authenticationToken"].as_str().unwrap();
    assert_eq!(user(&story, ANDROID, token).await.as_deref(), Some("alice"));
    let headers = format!("{ANDROID}{}", auth(token));
    let fresh = both_members(&get(&story, "/.auth/refresh", &headers).await);
    assert_eq!(user(&story, ANDROID, &fresh).await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn android_exchanges_a_code_that_it_has_decoded_and_encoded_again() {
    let mut story = story();
    let callback = native_login(&mut story, "&session_mode=token").await;
    let code = url_decoder(callback.split_once("#authorization_code=").unwrap().1);

    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("authorization_code", &code)
        .append_pair("code_verifier", SDK_VERIFIER)
        .finish();
    let headers = format!("{ANDROID}{}", auth(EXPIRED));
    let answer = get(&story, &format!("/.auth/login/google/token?{query}"), &headers).await;

    let token = both_members(&answer);
    assert_eq!(user(&story, ANDROID, &token).await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn android_signs_in_with_a_token() {
    let story = story();
    let token = sign_in(&story, "/.auth/login/google", ANDROID, "application/json").await;

    assert_eq!(user(&story, ANDROID, &token).await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn ios_signs_in_in_a_web_view_and_reads_a_failure() {
    let mut story = story();
    let end = go_through(&mut story, "/.auth/login/google?session_mode=token").await;
    let text = percent_decode_str(end.split_once("#token=").unwrap().1).decode_utf8().unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let token = document["authenticationToken"].as_str().unwrap();
    assert_eq!(user(&story, IOS, token).await.as_deref(), Some("alice"));

    story.provider.refuse_with("access_denied", "no");
    let end = go_through(&mut story, "/.auth/login/google?session_mode=token").await;
    let text = percent_decode_str(end.split_once("#error=").unwrap().1).decode_utf8().unwrap();
    assert_eq!(text, "You have not been signed in");
}

#[tokio::test]
async fn ios_omits_session_mode_and_a_wrong_verifier_is_exactly_400() {
    let mut story = story();
    let callback = native_login(&mut story, "").await;
    let code = callback.split_once("#authorization_code=").unwrap().1.to_owned();
    let exchange = |verifier: &str| {
        format!("/.auth/login/google/token?authorization_code={code}&code_verifier={verifier}")
    };
    let stale = format!("{IOS}{}", auth(EXPIRED));

    let hostile = get(&story, &exchange("AAAA"), &stale).await;
    assert_eq!(hostile.status, 400, "the SDK keeps silent and waits");
    let verifier = "4OHi4%2BTl5ufo6err7O3u7%2FDx8vP09fb3%2BPn6%2B%2Fz9%2Fv8%3D";
    let token = both_members(&get(&story, &exchange(verifier), &stale).await);

    assert_eq!(user(&story, IOS, &token).await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn ios_signs_in_with_a_token_and_refreshes() {
    let story = story();
    story.provider.set(Token, "expires_in", 600);
    let body = story.provider.hand_out("alice").to_string();
    let headers = format!("{IOS}Content-Type: application/json\r\n");
    let answer = send(&story, "POST /.auth/login/google HTTP/1.1", &headers, &body).await;
    let token = both_members(&answer);

    story.clock.advance(Duration::from_secs(601));
    let refused = get(&story, "/api/values", &format!("{IOS}{}", auth(&token))).await;
    assert_eq!(refused.status, 401);
    let fresh =
        both_members(&get(&story, "/.auth/refresh", &format!("{IOS}{}", auth(&token))).await);
    assert_eq!(user(&story, IOS, &fresh).await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn javascript_signs_in_in_a_popup_and_from_another_site_calls_refreshes_and_signs_out() {
    let mut story = story();
    let target = "/.auth/login/google?session_mode=token&completion_type=postMessage\
                  &completion_origin=https%3A%2F%2Fspa.example";
    let begun = story.browser.visit(target).await;
    let there = Url::parse(begun.location()).unwrap();
    let page = story.browser.come_back(&story.provider.authorize(&there, "alice")).await;
    let (_, rest) = page.text().split_once(r#"id="data">"#).unwrap();
    let data: Value = serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap();
    let message: Value = serde_json::from_str(data["message"].as_str().unwrap()).unwrap();
    assert_eq!(
        (message["type"].as_str(), &data["origin"]),
        (Some("LoginCompleted"), &json!("https://spa.example"))
    );
    let token = message["oauth"]["authenticationToken"].as_str().unwrap();

    assert_eq!(user(&story, JAVASCRIPT, token).await.as_deref(), Some("alice"));
    let headers = format!("{JAVASCRIPT}X-ZUMO-FEATURES: AJ,QS\r\n{}", auth(token));
    let fresh = both_members(&get(&story, "/.auth/refresh", &headers).await);
    let headers = format!("{JAVASCRIPT}{}", auth(&fresh));
    assert_eq!(get(&story, "/.auth/me", &headers).await.json()[0]["provider_name"], "google");
    assert_eq!(get(&story, "/.auth/logout", &headers).await.status, 302);
    assert_eq!(get(&story, "/api/values", &headers).await.status, 401);
}

#[tokio::test]
async fn javascript_signs_in_with_a_token_while_it_holds_an_expired_one() {
    let story = story();
    let stale = format!("{JAVASCRIPT}{}", auth(EXPIRED));
    let token = sign_in(&story, "/.auth/login/google", &stale, "application/json").await;

    assert_eq!(user(&story, JAVASCRIPT, &token).await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn whoever_sends_an_expired_token_is_told_by_a_plain_401_and_never_redirected() {
    let story = story();
    for headers in [DOT_NET, ANDROID, IOS, JAVASCRIPT, WEB_VIEW] {
        let headers = format!("{headers}{}", auth(EXPIRED));
        let answer = get(&story, "/tables/todoitem", &headers).await;
        assert_eq!(answer.status, 401);
        assert!(answer.header("location").is_none());
    }
}
