//! Requests that another site has a signed-in browser send.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_imports,
    reason = "these are tests"
)]

mod support;

use std::convert::Infallible;

use bytes::Bytes;
use easyauth::EasyAuthLayer;
use http::{Method, Request, Response};
use http_body_util::Full;
use support::*;
use tower::{Layer, ServiceExt};

/// Headers by which a request shows that another site sent it.
const FOREIGN: [&[(&str, &str)]; 14] = [
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "cross-site"), ("origin", "https://app.example")],
    &[("origin", "https://evil.example")],
    &[("origin", "null")],
    &[("origin", "https://app.example.evil.example")],
    &[("origin", "http://app.example")],
    &[("origin", "https://app.example:8443")],
    &[("referer", "https://evil.example/https://app.example/")],
    &[("origin", ""), ("referer", "https://app.example/")],
    &[("origin", "https://app.example"), ("origin", "https://evil.example")],
    &[("referer", "https://app.example/"), ("referer", "https://evil.example/")],
    &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[("sec-fetch-site", "same-site"), ("referer", "https://blog.app.example/")],
];

/// Headers of requests that nobody can take for another site's.
const OWN: [&[(&str, &str)]; 8] = [
    &[],
    &[("sec-fetch-site", "same-origin"), ("origin", "https://app.example")],
    &[("sec-fetch-site", "none")],
    &[("origin", "https://APP.example:443")],
    &[("referer", "https://app.example/form?x=1")],
    &[("origin", "https://spa.example")],
    &[("sec-fetch-site", "same-origin")],
    &[("sec-fetch-site", "same-site"), ("referer", "https://spa.example/app")],
];

async fn signed_in() -> Story {
    let mut story =
        Story::with(|config| config.allowed_external_redirect_urls(["https://spa.example/app"]));
    story.sign_in("alice").await;
    story
}

fn request(method: &Method, path: &str, headers: &[(&str, &str)]) -> http::request::Builder {
    let request = Request::builder().method(method).uri(path);
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

#[tokio::test]
async fn t_60_another_site_changes_nothing() {
    let mut story = signed_in().await;
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        for headers in FOREIGN {
            let answer = story.browser.send_raw(request(&method, "/orders", headers)).await;
            assert_eq!(answer.status, 403, "{method} {headers:?}");
            assert_eq!(answer.sub_status(), "403.60");
            assert!(answer.text().contains("another website"), "it says why");
        }
    }
    assert_eq!(story.app.calls(), 0);
}

#[tokio::test]
async fn t_60_it_is_the_same_where_the_session_has_to_be_looked_up() {
    let mut story = signed_in().await;
    for headers in FOREIGN {
        story.clock.age(std::time::Duration::from_secs(60));
        let answer = story.browser.send_raw(request(&Method::POST, "/orders", headers)).await;
        assert_eq!(answer.status, 403, "{headers:?}");
    }
    assert_eq!(story.app.calls(), 0);
}

#[tokio::test]
async fn our_own_pages_listed_sites_and_programs_change_things() {
    let mut story = signed_in().await;
    for headers in OWN {
        let answer = story.browser.send_raw(request(&Method::POST, "/orders", headers)).await;
        assert_eq!(answer.user().as_deref(), Some("alice"), "{headers:?}");
    }
}

#[tokio::test]
async fn reading_is_not_changing() {
    let mut story = signed_in().await;
    for headers in FOREIGN {
        let answer = story.browser.send_raw(request(&Method::GET, "/orders", headers)).await;
        assert_eq!(answer.user().as_deref(), Some("alice"), "{headers:?}");
    }
}

#[tokio::test]
async fn t_18_another_site_opens_no_connection() {
    let mut story = signed_in().await;
    let upgrade = [("connection", "upgrade"), ("upgrade", "websocket")];
    let open = |origin: &'static str| {
        let headers = [upgrade[0], upgrade[1], ("origin", origin)];
        request(&Method::GET, "/socket", &headers)
    };

    let foreign = story.browser.send_raw(open("https://evil.example")).await;
    let own = story.browser.send_raw(open("https://app.example")).await;
    let anybody = open("https://app.example").header("sec-fetch-mode", "websocket");
    let anybody = story.another_browser().send_raw(anybody).await;

    assert_eq!(foreign.sub_status(), "403.60");
    assert_eq!(own.user().as_deref(), Some("alice"));
    assert_eq!(anybody.sub_status(), "401.71");
}

#[tokio::test]
async fn t_62_another_site_refreshes_nothing() {
    let mut story = signed_in().await;
    for headers in FOREIGN {
        let answer = story.browser.send_raw(request(&Method::GET, "/.auth/refresh", headers)).await;
        assert_eq!(answer.status, 403, "{headers:?}");
    }
    assert_eq!(story.provider.requests(Document::Token).len(), 1);
}

#[tokio::test]
async fn t_63_another_site_signs_nobody_out() {
    let mut story = signed_in().await;
    for headers in FOREIGN {
        for method in [Method::GET, Method::POST] {
            let headers = [headers, &[("sec-fetch-mode", "no-cors")]].concat();
            let answer = story.browser.send_raw(request(&method, "/.auth/logout", &headers)).await;
            assert_eq!(answer.status, 403, "{method} {headers:?}");
            assert_eq!(answer.set_cookies(), [""; 0]);
        }
    }
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn t_63_who_follows_a_link_to_the_logout_is_asked_and_can_say_yes() {
    let mut story = signed_in().await;
    story.browser.go_to("https://evil.example/");

    let page = story.browser.visit("/.auth/logout?post_logout_redirect_uri=/bye").await;

    assert_eq!(page.status, 200);
    assert!(page.text().contains("Do you want to sign out?"));
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
    // The page is ours, and so is a link on it.
    let answer = story.browser.visit("/.auth/logout?post_logout_redirect_uri=/bye").await;
    assert_eq!(answer.location(), "https://app.example/bye");
    assert_eq!(story.browser.user().await, None);
}

#[tokio::test]
async fn t_63_a_configured_logout_path_is_guarded_alike() {
    let mut story = Story::with(|config| config.logout_path("/signout"));
    story.sign_in("alice").await;
    for headers in FOREIGN {
        let headers = [headers, &[("sec-fetch-mode", "no-cors")]].concat();
        let answer = story.browser.send_raw(request(&Method::GET, "/signout", &headers)).await;
        assert_eq!(answer.status, 403, "{headers:?}");
    }
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn t_64_t_65_no_other_site_reads_who_is_signed_in() {
    let mut story = signed_in().await;
    for origin in ["https://evil.example", "null", "https://app.example.evil.example"] {
        for method in [Method::GET, Method::OPTIONS] {
            let headers = [("origin", origin), ("access-control-request-method", "GET")];
            let answer = story.browser.send_raw(request(&method, "/.auth/me", &headers)).await;
            assert!(answer.header("access-control-allow-origin").is_none(), "{origin}");
            assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"));
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        }
    }
}

#[tokio::test]
async fn a_login_from_another_site_is_only_a_login() {
    let mut story = Story::new();
    story.browser.go_to("https://evil.example/");

    story.sign_in("alice").await;

    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn t_61_a_sibling_site_changes_nothing_unless_it_is_listed() {
    let mut story = signed_in().await;
    for (origin, status) in [("https://blog.app.example", 403), ("https://spa.example", 200)] {
        let headers = [("sec-fetch-site", "same-site"), ("origin", origin)];
        for path in ["/orders", "/.auth/refresh"] {
            let answer = story.browser.send_raw(request(&Method::POST, path, &headers)).await;
            assert_eq!(answer.status, status, "{origin} {path} {answer:?}");
        }
    }
}

#[tokio::test]
async fn t_61_a_sibling_site_that_says_nothing_of_itself_signs_nobody_out() {
    let mut story = signed_in().await;
    let silent = [("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors")];
    for (method, path) in
        [(Method::GET, "/.auth/logout"), (Method::POST, "/.auth/logout"), (Method::POST, "/orders")]
    {
        let answer = story.browser.send_raw(request(&method, path, &silent)).await;
        assert_eq!(answer.sub_status(), "403.60", "{method} {path}");
    }
    let navigation = [("sec-fetch-site", "same-site"), ("sec-fetch-mode", "navigate")];
    let page = story.browser.send_raw(request(&Method::GET, "/.auth/logout", &navigation)).await;
    assert!(page.text().contains("Do you want to sign out?"), "{page:?}");
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn who_has_no_session_is_not_asked_where_they_come_from() {
    let story = Story::with(|config| config.excluded_paths(["/hook"]));
    for headers in FOREIGN {
        let hook = request(&Method::POST, "/hook", headers);
        assert_eq!(story.another_browser().send_raw(hook).await.user(), None, "{headers:?}");
        let closed = request(&Method::POST, "/orders", headers);
        assert_eq!(story.another_browser().send_raw(closed).await.sub_status(), "401.71");
    }
}

#[tokio::test]
async fn t_70_no_shared_cache_keeps_what_a_session_was_shown() {
    let clock = ManualClock::new();
    let provider = FakeProvider::new("op", &clock);
    let config = config(std::slice::from_ref(&provider), &TestStore::new(), &clock);
    let layer = EasyAuthLayer::new(config.excluded_paths(["/style.css"]).build().unwrap());
    let mut browser = Browser::new(&App::behind(&layer, &clock));
    browser.sign_in(&provider, "alice").await;
    let cookie = format!(
        "AppServiceAuthSession={}",
        browser.cookie("AppServiceAuthSession").unwrap().to_owned()
    );
    let application = layer.layer(tower::service_fn(|_: Request<Full<Bytes>>| async {
        let response = Response::builder().header("cache-control", "public, s-maxage=31536000");
        Ok::<_, Infallible>(response.body(Full::<Bytes>::default()).unwrap())
    }));

    for (cookie, path, cached) in
        [(Some(cookie), "/account", "private"), (None, "/style.css", "public, s-maxage=31536000")]
    {
        let request = Request::get(path);
        let request =
            cookie.iter().fold(request, |request, cookie| request.header("cookie", cookie));
        let request = request.body(Full::default()).unwrap();
        let response = application.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["cache-control"], cached, "{path}");
        assert_eq!(response.headers().contains_key("vary"), cookie.is_some(), "{path}");
    }
}

#[tokio::test]
async fn t_72_t_73_what_is_secret_is_neither_compressed_nor_kept_nor_mixed_with_the_query() {
    let mut story = signed_in().await;
    let plain = story.browser.fetch("/.auth/me").await;
    let asked = request(&Method::GET, "/.auth/me?x=REFLECTED", &[("accept-encoding", "gzip, br")]);

    let answer = story.browser.send_raw(asked.header("x-any", "REFLECTED")).await;

    assert_eq!(answer.text(), plain.text());
    assert_eq!(answer.header("content-encoding"), None);
    let left = story.browser.visit("/.auth/logout").await;
    for answer in [plain, answer, left, story.browser.visit("/.auth/me").await] {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    }
}
