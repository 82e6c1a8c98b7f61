//! What a request gets that nobody has signed in for: through, off to sign in, or refused.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_imports,
    reason = "these are tests"
)]

mod support;

use bytes::Bytes;
use easyauth::{ConnectionScheme, Unauthenticated};
use http::{Method, Request, Uri, header};
use http_body_util::Full;
use proptest::prelude::*;
use support::*;

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(path).header(header::HOST, "app.example");
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Full::default()).unwrap()
}

#[tokio::test]
async fn a_navigation_is_sent_to_sign_in_and_everything_else_gets_a_401() {
    let story = Story::new();
    for (method, headers, status) in [
        ("GET", &[("sec-fetch-mode", "navigate"), ("sec-fetch-site", "none")][..], 302),
        ("HEAD", &[("sec-fetch-mode", "navigate")], 302),
        ("GET", &[("sec-fetch-mode", "cors"), ("accept", "text/html")], 401),
        ("GET", &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")], 401),
        ("GET", &[("sec-fetch-site", "same-origin")], 401),
        ("POST", &[("sec-fetch-mode", "navigate"), ("accept", "text/html")], 401),
        ("OPTIONS", &[("origin", "https://spa.example")], 401),
        ("GET", &[("accept", "text/html,*/*;q=0.8")], 302),
        ("GET", &[("accept", "*/*")], 302),
        ("GET", &[], 302),
        ("GET", &[("accept", "application/json")], 401),
        ("GET", &[("accept", "text/html"), ("x-requested-with", "XMLHttpRequest")], 401),
        ("GET", &[("accept", "text/html"), ("x-zumo-version", "3.0")], 401),
        ("GET", &[("accept", "text/html"), ("authorization", "Bearer x")], 401),
        ("PROPFIND", &[], 401),
    ] {
        let answer = story.app.send(request(method, "/orders", headers)).await;
        assert_eq!(answer.status, status, "{method} {headers:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        if status == 401 {
            assert_eq!(answer.sub_status(), "401.71");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"app.example\""));
        } else {
            assert!(answer.location().starts_with("https://op.example/authorize?"));
        }
    }
    assert_eq!(story.app.calls(), 0);
}

#[tokio::test]
async fn a_script_is_answered_in_json_and_a_person_by_a_page() {
    let story = Story::with(|config| config.unauthenticated(Unauthenticated::Reject401));

    let json = story.app.send(request("GET", "/", &[("accept", "application/json")])).await;
    let page = story.app.send(request("GET", "/", &[("sec-fetch-mode", "navigate")])).await;

    assert_eq!(json.json()["error"], "unauthorized");
    assert!(json.json()["reference"].as_str().unwrap().starts_with("401.71 · "));
    assert!(page.text().contains("<h1>You need to sign in</h1>"));
    assert_eq!(page.sub_status(), "401.71");
}

#[tokio::test]
async fn the_application_decides_where_everybody_is_allowed() {
    let mut story = Story::with(|config| config.unauthenticated(Unauthenticated::Allow));

    assert_eq!(story.browser.visit("/").await.user(), None);
    story.sign_in("alice").await;

    assert_eq!(story.browser.visit("/").await.user().as_deref(), Some("alice"));
    assert_eq!(story.browser.visit("/.auth/me").await.status, 200);
}

#[tokio::test]
async fn a_bad_cookie_makes_nobody_where_everybody_is_allowed() {
    let mut story = Story::with(|config| config.unauthenticated(Unauthenticated::Allow));
    story.browser.plant("AppServiceAuthSession", "1garbage");

    assert_eq!(story.browser.visit("/").await.user(), None);
}

#[tokio::test]
async fn strangers_are_refused_as_configured() {
    for (action, expected) in [
        (Unauthenticated::Reject401, "401.71"),
        (Unauthenticated::Reject403, "403.71"),
        (Unauthenticated::Reject404, "404.71"),
    ] {
        let mut story = Story::with(|config| config.unauthenticated(action));

        assert_eq!(story.browser.visit("/").await.sub_status(), expected);
        assert_eq!(story.browser.fetch("/x").await.sub_status(), expected);
        story.sign_in("alice").await;
        assert_eq!(story.browser.visit("/").await.user().as_deref(), Some("alice"));
    }
}

#[tokio::test]
async fn with_several_providers_somebody_has_to_choose() {
    let clock = ManualClock::new();
    let providers = [FakeProvider::new("op", &clock), FakeProvider::new("other", &clock)];
    let config = || config(&providers, &TestStore::new(), &clock);
    let undecided = App::new(config().build().unwrap(), &clock);
    let decided = config().redirect_to_provider("other").build().unwrap();
    let decided = App::new(decided, &clock);

    let answer = Browser::new(&undecided).visit("/").await;
    assert!(answer.location().starts_with("https://app.example/.auth/login?"));
    let answer = Browser::new(&decided).visit("/").await;
    assert!(answer.location().starts_with("https://other.example/authorize?"));
}

#[tokio::test]
async fn without_a_provider_everybody_gets_through() {
    let clock = ManualClock::new();
    let app = App::new(config(&[], &TestStore::new(), &clock).build().unwrap(), &clock);

    let answer = app.send(request("GET", "/", &[("x-ms-client-principal-id", "root")])).await;

    assert_eq!(answer.user(), None);
    assert_eq!(answer.seen("x-ms-client-principal-id"), [""; 0]);
}

#[tokio::test]
async fn t_13_only_canonical_paths_are_open() {
    let story = Story::with(|config| config.excluded_paths(["/public/*", "/health"]));
    for path in ["/public/", "/public/x", "/public/x.css?v=1", "/public/a/b", "/health"] {
        let answer = story.app.send(request("GET", path, &[])).await;
        assert_eq!(answer.user(), None, "{path}");
        assert_eq!(answer.status, 200, "{path}");
    }
    let open = story.app.calls();
    for path in [
        "/public",
        "/public/../admin",
        "/public/%2e%2e/admin",
        "//public/x",
        "/public;/../admin",
        "/PUBLIC/x",
        "/public%2f..%2fadmin",
        "/public/..%5cadmin",
        "/public/x%00",
        "/public/x;jsessionid=1",
        "/health/",
        "/admin?x=/health",
        "/admin?/public/x",
        "/",
    ] {
        let answer = story.app.send(request("GET", path, &[])).await;
        assert_eq!(answer.status, 302, "{path}");
    }
    assert_eq!(story.app.calls(), open);
}

#[tokio::test]
async fn whoever_is_signed_in_is_so_on_open_paths_too() {
    let mut story = Story::with(|config| config.excluded_paths(["/public/*"]));
    story.sign_in("alice").await;

    assert_eq!(story.browser.visit("/public/x").await.user().as_deref(), Some("alice"));
}

#[tokio::test]
async fn t_14_an_absolute_target_counts_by_its_path_and_an_asterisk_opens_nothing() {
    let story = Story::with(|config| config.excluded_paths(["/public/*"]));
    for (method, target, status) in [
        ("GET", "https://evil.example/public/x", 200),
        ("GET", "https://evil.example/private", 302),
        ("GET", "https://app.example@evil.example/private", 302),
        ("OPTIONS", "*", 200),
        ("GET", "*", 302),
        ("DELETE", "*", 401),
    ] {
        let answer = story.app.send(request(method, target, &[])).await;
        assert_eq!(answer.status, status, "{method} {target}: {answer:?}");
        if status == 302 {
            assert!(!answer.location().contains("evil"), "{}", answer.location());
        }
    }
    let mut connect = request("GET", "/", &[]);
    *connect.method_mut() = Method::CONNECT;
    *connect.uri_mut() = Uri::from_static("evil.example:443");
    assert_eq!(story.app.send(connect).await.status, 401);
}

#[tokio::test]
async fn a_cors_preflight_is_the_applications_to_answer_and_nobodys() {
    let preflight = [
        ("origin", "https://spa.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,x-zumo-auth,zumo-api-version"),
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-site", "cross-site"),
    ];
    for action in [
        Unauthenticated::Allow,
        Unauthenticated::RedirectToLogin,
        Unauthenticated::Reject401,
        Unauthenticated::Reject403,
        Unauthenticated::Reject404,
    ] {
        let story = Story::with(|config| config.unauthenticated(action));
        let forged = [("x-ms-client-principal-id", "root"), ("x_ms_token.aad-id-token", "x")];
        let headers = [&preflight[..], &forged].concat();

        let answer = story.app.send(request("OPTIONS", "/api/orders", &headers)).await;

        assert_eq!(answer.user(), None, "{action:?}");
        for (name, _) in forged {
            assert_eq!(answer.seen(name), [""; 0]);
        }
    }
}

#[tokio::test]
async fn t_12_what_no_browser_sends_is_no_preflight() {
    let story = Story::new();
    let origin = ("origin", "https://spa.example");
    let asked = ("access-control-request-method", "DELETE");
    for (method, headers) in [
        ("OPTIONS", &[origin][..]),
        ("OPTIONS", &[asked]),
        ("GET", &[origin, asked, ("accept", "application/json")]),
        ("POST", &[origin, asked]),
        ("OPTIONS", &[origin, asked, ("upgrade", "websocket")]),
        ("OPTIONS", &[origin, asked, ("x-http-method-override", "DELETE")]),
        ("OPTIONS", &[origin, asked, ("X_HTTP_Method_Override", "DELETE")]),
        ("OPTIONS", &[origin, asked, ("x-http-method", "DELETE")]),
        ("OPTIONS", &[origin, asked, ("x-method-override", "DELETE")]),
        ("OPTIONS", &[origin, asked, ("content-type", "application/json")]),
        ("OPTIONS", &[origin, asked, ("content-length", "1")]),
        ("OPTIONS", &[origin, asked, ("transfer-encoding", "chunked")]),
        ("OPTIONS", &[origin, asked, ("cookie", "any=thing")]),
        ("OPTIONS", &[origin, asked, ("authorization", "Basic dTpw")]),
    ] {
        let answer = story.app.send(request(method, "/api/orders", headers)).await;
        assert_eq!(answer.sub_status(), "401.71", "{method} {headers:?}");
    }
    let mut with_body = request("OPTIONS", "/api/orders", &[origin, asked]);
    *with_body.body_mut() = "{}".into();
    assert_eq!(story.app.send(with_body).await.sub_status(), "401.71");
    for credential in [("x-zumo-auth", "a.b.c"), ("cookie", "AppServiceAuthSession=x")] {
        let sent = request("OPTIONS", "/api/orders", &[origin, asked, credential]);
        assert_eq!(story.app.send(sent).await.status, 401, "{credential:?}");
    }
    let ours = story.app.send(request("OPTIONS", "/.auth/me", &[origin, asked])).await;
    assert_eq!(ours.status, 405);
    assert_eq!(ours.header("access-control-allow-origin"), None);
    assert_eq!(story.app.calls(), 0);
}

#[tokio::test]
async fn t_16_our_routes_answer_the_methods_they_have_and_name_them() {
    let story = Story::new();
    for path in ["/.auth/login/op", "/.auth/me", "/.auth/version", "/.auth/logout"] {
        for method in ["TRACE", "CONNECT", "OPTIONS", "PUT", "FOO"] {
            let answer = story.app.send(request(method, path, &[])).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert!(answer.header("allow").unwrap().starts_with("GET, HEAD"), "{path}");
        }
    }
    assert_eq!(story.app.send(request("HEAD", "/.auth/version", &[])).await.text(), "");
    assert_eq!(story.app.calls(), 0);
}

#[tokio::test]
async fn t_17_what_looks_like_ours_never_reaches_the_application() {
    let mut story = Story::with(|config| config.unauthenticated(Unauthenticated::Allow));
    story.sign_in("alice").await;
    assert_eq!(story.browser.fetch("/.AUTH/me").await.status, 200);
    assert_eq!(story.browser.fetch("/.auth/ME").await.status, 200);
    for path in [
        "/.auth",
        "/.auth/",
        "/.auth//me",
        "/.auth/me/",
        "/.auth/%6de",
        "/.auth/me;x",
        "/%2eauth/me",
        "/x/..%2f.auth/me",
        "/.auth/unknown",
    ] {
        let answer = story.app.send(request("GET", path, &[])).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.refusal.is_some(), "{path}");
    }
    assert_eq!(story.app.calls(), 0);
}

#[tokio::test]
async fn t_71_a_suffix_makes_no_cacheable_copy_of_me() {
    let mut story = Story::new();
    story.sign_in("alice").await;

    for path in ["/.auth/me/x.css", "/.auth/me.css", "/.auth/me%2fx.css", "/.auth/me;x.css"] {
        let answer = story.browser.fetch(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.text().contains("alice"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn a_request_in_clear_goes_to_https_first_even_with_a_session() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    for path in ["/orders?x=1", "/.auth/me", "/.auth/login/op"] {
        let request = Request::get(path).extension(ConnectionScheme::http());
        let answer = story.browser.send_raw(request).await;
        assert_eq!(answer.status, 307);
        assert_eq!(answer.location(), format!("https://app.example{path}"));
    }
    let request = Request::get("/orders").extension(ConnectionScheme::https());
    assert_eq!(story.browser.send_raw(request).await.user().as_deref(), Some("alice"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Open is what is literally below `/public/`, made of plain segments; ours is what any reader
    /// could take for `/.auth`.
    #[test]
    fn t_13_any_path_is_open_exactly_if_the_rule_says_so(
        path in r"(/(public|\.auth|me|a|\.|\.\.|%2e|%61|;x|~b|)){1,5}/?",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let story = Story::with(|config| config.excluded_paths(["/public/*"]));
        let answer = runtime.block_on(story.app.send(request("POST", &path, &[])));

        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let (last, before) = segments.split_last().unwrap();
        let plain = |segment: &str| !segment.contains(['%', ';']) && !matches!(segment, "." | "..");
        let canonical = before.iter().all(|segment| plain(segment) && !segment.is_empty())
            && plain(last);
        let open = canonical && path.starts_with("/public/");
        prop_assert_eq!(answer.status == 200, open, "{}: {:?}", path, answer);
        prop_assert_eq!(story.app.calls(), usize::from(open));
    }
}
