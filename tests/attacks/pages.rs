//! What our own answers give away, and where they send browsers.

use http::{Request, header};
use url::Url;

use crate::support::*;

const FIRST_PAGES: [&str; 6] = [
    "/.auth/login/done",
    "/.auth/logout/done",
    "/.auth/login/unknown",
    "/.auth/login/op/callback?error=%3Cscript%3E",
    "/.auth/login/op?post_login_redirect_uri=https://evil.example/%3Cscript%3E",
    "/.auth/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
];

#[tokio::test]
async fn t_21_t_22_t_70_no_answer_is_framed_kept_guessed_or_an_echo() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    let rest = ["/.auth/me", "/.auth/version", "/.auth/login/op", "/.auth/logout"];
    for path in FIRST_PAGES.iter().chain(&rest) {
        let answer = story.browser.visit(path).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert!(answer.header("access-control-allow-origin").is_none(), "{path}");
        assert!(!answer.text().contains("<script>"), "{path}");
        assert!(!answer.text().contains("evil"), "{path}");
        if answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            let policy = answer.header("content-security-policy").unwrap();
            assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
            assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        }
    }
}

#[tokio::test]
async fn oa_12_the_corpus_of_redirects_is_judged_the_same_from_end_to_end() {
    let story = Story::new();
    let rows = include_str!("../data/redirects.tsv").lines().skip(1);
    let mut judged = 0;
    for row in rows {
        let columns: Vec<&str> = row.split('\t').collect();
        let value: String = serde_json::from_str(columns[2]).unwrap();
        if columns[1] != "https://app.example" {
            continue;
        }
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("post_login_redirect_uri", &value)
            .finish();
        let path = format!("/.auth/login/op?{query}");
        let Ok(request) =
            Request::get(&path).header(header::HOST, "app.example").body(<_>::default())
        else {
            continue;
        };
        let answer = story.app.send(request).await;
        let expected = if columns[0] == "allow" { 302 } else { 400 };
        assert_eq!(answer.status, expected, "{value:?}: {answer:?}");
        judged += 1;
    }
    assert!(judged > 150, "{judged}");
}

#[tokio::test]
async fn oa_12_a_target_survives_the_login_and_adds_no_parameter() {
    for (target, expected) in [
        ("/x%26prompt%3Dnone", "https://app.example/x&prompt=none"),
        ("/a%3Fb%3Dc%2526d", "https://app.example/a?b=c%26d"),
        ("https%3A%2F%2Fspa.example%2Fapp%2Fsub%23x", "https://spa.example/app/sub#x"),
    ] {
        let mut story = Story::with(|config| {
            config.allowed_external_redirect_urls(["https://spa.example/app/"])
        });
        let path = format!("/.auth/login/op?post_login_redirect_url={target}");
        let there: Url = story.browser.visit(&path).await.location().parse().unwrap();
        assert!(!there.query_pairs().any(|(name, _)| name == "prompt"), "{there}");
        let answer = story.browser.come_back(&story.provider.authorize(&there, "alice")).await;
        assert_eq!(answer.location(), expected);
    }
}

#[tokio::test]
async fn oa_12_two_targets_are_none() {
    let mut story = Story::new();
    for query in [
        "post_login_redirect_uri=/a&post_login_redirect_uri=/a",
        "post_login_redirect_uri=/a&post_login_redirect_url=/b",
    ] {
        let answer = story.browser.visit(&format!("/.auth/login/op?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
    }
}
