//! `session_mode=token`: the token travels in a fragment, or in a message between windows.

use serde_json::Value;
use url::Url;

use super::*;

const POPUP: &str = "session_mode=token&completion_type=postMessage";

async fn begin(browser: &mut Browser, query: &str) -> Url {
    let answer = browser.visit(&format!("/.auth/login/op?{query}")).await;
    Url::parse(answer.location()).unwrap()
}

/// Signs in as `alice` by a login with this query. The answer is the callback's.
async fn sign_in(story: &mut Story, query: &str) -> Answer {
    let there = begin(&mut story.browser, query).await;
    story.browser.come_back(&story.provider.authorize(&there, "alice")).await
}

/// What a page tells the window that opened it, and which origin it must be of.
fn told(answer: &Answer) -> (Value, String) {
    let (_, rest) = answer.text().split_once(r#"id="data">"#).unwrap();
    let data: Value = serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap();
    let message = serde_json::from_str(data["message"].as_str().expect("a string")).unwrap();
    (message, data["origin"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn the_token_is_in_the_fragment_of_the_landing_page_and_there_is_no_cookie() {
    let mut story = Story::new();
    let mut phone = story.phone();

    let answer = sign_in(&mut story, "session_mode=token").await;

    let location = answer.location();
    assert!(
        location.starts_with("https://app.example/.auth/login/done#token=%7B%22"),
        "{location}"
    );
    let value = location.split_once("#token=").unwrap().1;
    assert!(!value.contains(['+', '&', '#', ' ']), "{value}");
    phone.keep_fragment(location);
    assert_eq!(phone.user().await.as_deref(), Some("alice"));
    assert_eq!(story.browser.cookies(), []);
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
}

#[tokio::test]
async fn a_login_starts_with_a_redirect_at_once_and_passes_the_providers_parameters_on() {
    let mut story = Story::new();
    let there = begin(&mut story.browser, "access_type=offline&session_mode=token").await;
    let query: Vec<_> = there.query_pairs().collect();

    assert!(query.contains(&("access_type".into(), "offline".into())));
    assert!(!query.iter().any(|(name, _)| name == "session_mode"));
}

#[tokio::test]
async fn the_fragment_goes_to_our_own_page_or_to_where_the_configuration_says() {
    let listed = ["ms-app://s-1-15-2-3/", "https://spa.example/app"];
    for (target, expected) in [
        ("/.auth/login/done", Some("https://app.example/.auth/login/done#token=")),
        ("/.auth/login/complete", Some("https://app.example/.auth/login/complete#token=")),
        ("/.auth/login/done#x", Some("https://app.example/.auth/login/done#token=")),
        ("ms-app://s-1-15-2-3/", Some("ms-app://s-1-15-2-3/#token=")),
        ("https://spa.example/app?a=b#c", Some("https://spa.example/app?a=b#token=")),
        ("/", None),
        ("/redirects?to=elsewhere", None),
        ("https://app.example/page", None),
        ("https://spa.example/other", None),
        ("ms-app://another", None),
        ("evil://x", None),
        ("javascript://x", None),
    ] {
        for name in ["post_login_redirect_uri", "post_login_redirect_url", "sso_end_uri"] {
            let change = |config: ConfigBuilder| config.allowed_external_redirect_urls(listed);
            let mut story = Story::with(change);
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair(name, target)
                .append_pair("session_mode", "token")
                .finish();
            match expected {
                Some(start) => {
                    let answer = sign_in(&mut story, &query).await;
                    assert!(answer.location().starts_with(start), "{target}: {answer:?}");
                }
                None => {
                    let answer = story.browser.visit(&format!("/.auth/login/op?{query}")).await;
                    assert_eq!(answer.status, 400, "{target}");
                    assert_eq!(answer.set_cookies(), [""; 0]);
                }
            }
        }
    }
}

#[tokio::test]
async fn an_applications_scheme_is_for_logins_of_applications_only() {
    let change = |config: ConfigBuilder| {
        config.allowed_external_redirect_urls(["myapp://easyauth.callback"])
    };
    let mut story = Story::with(change);
    let path = "/.auth/login/op?post_login_redirect_url=myapp%3A%2F%2Feasyauth.callback";

    assert_eq!(story.browser.visit(path).await.status, 400);
}

#[tokio::test]
async fn who_is_not_signed_in_is_told_so_in_the_fragment() {
    let mut story = Story::new();
    story.provider.refuse_with("access_denied", "<script>");

    let answer = sign_in(&mut story, "session_mode=token").await;

    let start = "https://app.example/.auth/login/done#error=";
    assert_eq!(answer.location(), format!("{start}You%20have%20not%20been%20signed%20in"));
    assert!(answer.refusal.is_some() && story.browser.cookies().is_empty());
    assert_eq!(story.store.writes(), 0);
}

#[tokio::test]
async fn what_goes_wrong_on_our_side_reaches_the_program_too() {
    let mut story = Story::new();
    story.provider.set(IdToken, "aud", "another-app");
    let answer = sign_in(&mut story, "session_mode=token").await;
    assert!(answer.location().contains("/.auth/login/done#error=Signing%20in%20did"), "{answer:?}");
    assert_eq!(story.store.writes(), 0);

    story.provider.be_honest();
    let query = format!("{POPUP}&completion_origin=https%3A%2F%2Fapp.example");
    story.provider.reply(Token, Reply::status(503));
    let answer = sign_in(&mut story, &query).await;
    assert_eq!(answer.status, 503);
    assert_eq!(told(&answer).0["error"], "Signing in is not possible at the moment");
}

#[tokio::test]
async fn a_stray_callback_gets_a_page_and_never_a_fragment() {
    let mut story = Story::new();
    let there = begin(&mut story.browser, "session_mode=token").await;
    let callback = story.provider.authorize(&there, "alice").with("state", "guessed");

    let answer = story.browser.come_back(&callback).await;

    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("location"), None);
}

#[tokio::test]
async fn a_popup_tells_the_page_that_opened_it_and_no_other() {
    for (listed, origin) in [
        (None, "https://app.example"),
        (Some("https://spa.example/app"), "https://spa.example"),
        (Some("http://localhost:8901/"), "http://localhost:8901"),
    ] {
        let change = |config: ConfigBuilder| config.allowed_external_redirect_urls(listed);
        let mut story = Story::with(change);
        let query = url::form_urlencoded::Serializer::new(POPUP.to_owned())
            .append_pair("completion_origin", origin)
            .finish();

        let answer = sign_in(&mut story, &query).await;

        assert_eq!(answer.status, 200);
        let (message, told) = told(&answer);
        assert_eq!((message["type"].as_str(), told.as_str()), (Some("LoginCompleted"), origin));
        let mut phone = story.phone();
        phone.keep_document(&message["oauth"]);
        assert_eq!(phone.user().await.as_deref(), Some("alice"));
        assert_eq!(answer.header("cross-origin-opener-policy"), None, "it would cut the popup off");
        assert_eq!(story.browser.cookies(), []);
    }
}

#[tokio::test]
async fn an_origin_that_is_not_listed_is_told_nothing() {
    let mut story = Story::new();
    for origin in [
        "https://evil.example",
        "http://app.example",
        "https://app.example.evil.example",
        "https://app.example:8443",
        "https://app.example/page",
        "https://evil.example@app.example",
        "null",
        "*",
        "",
        "app.example",
    ] {
        let query = url::form_urlencoded::Serializer::new(POPUP.to_owned())
            .append_pair("completion_origin", origin)
            .finish();
        let answer = story.browser.visit(&format!("/.auth/login/op?{query}")).await;
        assert_eq!(answer.status, 403, "{origin}");
        assert_eq!(answer.set_cookies(), [""; 0]);
    }
    assert_eq!(story.browser.visit(&format!("/.auth/login/op?{POPUP}")).await.status, 403);
}

#[tokio::test]
async fn a_popup_whose_user_refuses_says_so_to_the_page() {
    let mut story = Story::new();
    story.provider.refuse_with("access_denied", "no");

    let query = format!("{POPUP}&completion_origin=https%3A%2F%2Fapp.example");
    let answer = sign_in(&mut story, &query).await;

    assert_eq!(answer.status, 403);
    let (message, origin) = told(&answer);
    assert_eq!(message, json!({"type": "LoginCompleted", "error": "You have not been signed in"}));
    assert_eq!(origin, "https://app.example");
}

#[tokio::test]
async fn what_is_asked_for_in_words_that_we_do_not_know_is_refused() {
    let mut story = Story::new();
    for query in [
        "session_mode=jwt",
        "session_mode=token&session_mode=token",
        "completion_type=iframe&completion_origin=https%3A%2F%2Fapp.example",
        "completion_type=&session_mode=token",
    ] {
        let answer = story.browser.visit(&format!("/.auth/login/op?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.set_cookies(), [""; 0]);
    }
    assert_eq!(story.browser.visit("/.auth/login?session_mode=token").await.status, 400);
    assert_eq!(story.browser.visit("/.auth/login/op?session_mode=cookie").await.status, 302);
}

#[tokio::test]
async fn a_login_with_a_token_leaves_the_browsers_own_session_alone() {
    let mut story = Story::new();
    story.sign_in("alice").await;

    sign_in(&mut story, "session_mode=token").await;

    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_provider_that_posts_its_answer_is_as_good() {
    let mut story = Story::with_provider(|provider| {
        provider.response_mode(easyauth::provider::ResponseMode::FormPost)
    });

    let answer = sign_in(&mut story, "session_mode=token").await;

    assert!(answer.location().contains("/.auth/login/done#token="));
}

#[tokio::test]
async fn the_landing_page_is_told_of_a_failure_by_a_script_that_copies_nothing() {
    let mut story = Story::new();
    let page = story.browser.visit("/.auth/login/done").await;

    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'sha256-"), "{policy}");
    assert!(page.text().contains(r##"location.hash.startsWith("#error=")"##));
    for sink in ["innerHTML", "decodeURIComponent", "eval", "document.write", "location.hash)"] {
        assert!(!page.text().contains(sink), "{sink}");
    }
}
