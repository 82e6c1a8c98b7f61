//! Signing in: what goes to the provider, what comes back, and where the browser ends up.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_imports,
    reason = "these are tests"
)]

mod support;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::task::Poll;
use std::time::Duration;

use easyauth::provider::{ClientAuthentication, ResponseMode};
use http::{Request, header};
use serde_json::json;
use support::Document::*;
use support::*;
use tokio::task::JoinSet;
use url::Url;

#[tokio::test]
async fn whoever_signs_in_is_known_to_the_application() {
    let mut story = Story::new();

    let answer = story.try_sign_in("alice").await;

    assert_eq!(answer.location(), "https://app.example/.auth/login/done");
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
    assert_eq!(story.provider.take_asked(), [Metadata, Token, Keys, Userinfo]);
}

#[tokio::test]
async fn a_providers_name_is_found_in_any_case_and_stays_as_it_is_configured() {
    let mut story = Story::new();

    let begun = story.browser.visit("/.auth/login/Op").await;
    let there = Url::parse(begun.location()).unwrap();
    let redirect_uri = there.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap().1;
    assert_eq!(redirect_uri, "https://app.example/.auth/login/op/callback");
    story.browser.come_back(&story.provider.authorize(&there, "alice")).await;

    let answer = story.browser.visit("/").await;
    assert_eq!(answer.seen("x-ms-client-principal-idp"), ["op"]);
    let me = story.browser.fetch("/.auth/me?provider=OP").await.json();
    assert_eq!(me["provider_name"], "op");
    assert_eq!(story.browser.fetch("/.auth/me?provider=O").await.text(), "{}");
}

#[tokio::test]
async fn the_layer_calls_nobody_before_somebody_signs_in() {
    let mut story = Story::new();

    assert_eq!(story.browser.user().await, None);

    assert_eq!(story.provider.take_asked(), []);
    assert_eq!(story.store.count(Verb::Load), 0);
}

#[tokio::test]
async fn a_browser_that_asks_for_a_page_comes_back_to_it() {
    let mut story = Story::new();

    let answer = story.browser.visit("/orders?state=open&q={x}#ignored").await;
    let there = Url::parse(answer.location()).unwrap();
    let answer = story.browser.come_back(&story.provider.authorize(&there, "alice")).await;

    assert_eq!(answer.location(), "https://app.example/orders?state=open&q=%7Bx%7D");
    assert_eq!(story.browser.visit("/orders").await.user().as_deref(), Some("alice"));
}

#[tokio::test]
async fn the_landing_page_links_back_to_the_website() {
    let mut story = Story::new();
    story.sign_in("alice").await;

    for path in ["/.auth/login/done", "/.auth/login/complete", "/.AUTH/Login/Done"] {
        let page = story.browser.visit(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text().contains("https://app.example/"), "{path}");
    }
}

#[tokio::test]
async fn oc_01_each_parameter_goes_out_once_and_a_link_replaces_none() {
    let mut story = Story::new();

    let answer = story
        .browser
        .visit(
            "/.auth/login/op?scope=admin&client_id=x&redirect_uri=https://evil.example&state=x\
             &nonce=x&response_type=token&code_challenge_method=plain&request=x&request_uri=x\
             &prompt=login&login_hint=alice&login_hint=bob&unknown=1",
        )
        .await;

    let there = Url::parse(answer.location()).unwrap();
    let pairs: Vec<_> = there.query_pairs().into_owned().collect();
    let names: BTreeSet<_> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), pairs.len(), "{there}");
    let query: HashMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(query["response_type"], "code");
    assert_eq!(query["client_id"], CLIENT_ID);
    assert_eq!(query["scope"], "openid profile email");
    assert_eq!(query["redirect_uri"], "https://app.example/.auth/login/op/callback");
    assert_eq!(query["code_challenge_method"], "S256");
    assert_eq!(query["login_hint"], "alice");
    assert_eq!(query["prompt"], "login");
    for (name, value) in [("state", "x"), ("nonce", "x")] {
        assert_ne!(query[name], value);
    }
    for name in ["unknown", "request", "request_uri"] {
        assert!(!query.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn oc_02_state_nonce_and_verifier_are_fresh_and_long() {
    let story = Story::new();
    let mut seen = HashSet::new();

    for _ in 0..200 {
        let there = story.another_browser().begin(&story.provider).await;
        let query: HashMap<_, _> = there.query_pairs().into_owned().collect();
        for name in ["state", "nonce", "code_challenge"] {
            // 43 characters of base64url are 256 bits.
            assert!(query[name].len() >= 43, "{name}");
            assert!(seen.insert(query[name].clone()), "{name} was used before");
        }
    }
}

#[tokio::test]
async fn oa_01_02_07_the_code_is_redeemed_with_one_secret_the_same_address_and_the_verifier() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    let request = story.provider.requests(Token).remove(0);

    assert!(request.headers[header::AUTHORIZATION].to_str().unwrap().starts_with("Basic "));
    assert_eq!(request.parameter("client_secret"), None);
    assert!(!request.uri.contains('?'));
    assert_eq!(
        request.parameter("redirect_uri").unwrap(),
        "https://app.example/.auth/login/op/callback"
    );
    let verifier = request.parameter("code_verifier").unwrap();
    assert!((43..=128).contains(&verifier.len()));
}

#[tokio::test]
async fn oa_01_a_provider_that_wants_the_secret_in_the_form_gets_it_there() {
    for configured in [true, false] {
        let mut story = Story::with_provider(|provider| match configured {
            true => provider.client_authentication(ClientAuthentication::ClientSecretPost),
            false => provider,
        });
        if !configured {
            let only = json!(["client_secret_post"]);
            story.provider.set(Metadata, "token_endpoint_auth_methods_supported", only);
        }

        story.sign_in("alice").await;

        let request = story.provider.requests(Token).remove(0);
        assert!(!request.headers.contains_key(header::AUTHORIZATION));
        assert_eq!(request.parameter("client_secret").unwrap(), CLIENT_SECRET);
    }
}

#[tokio::test]
async fn oa_01_a_secret_is_form_encoded_before_it_goes_into_the_header() {
    use base64::Engine;
    let mut story = Story::with_provider(|provider| provider.client_secret("a:%+ é"));

    let answer = story.try_sign_in("alice").await;

    // The provider does not know this secret: that is a mistake in the set-up.
    assert_eq!(answer.sub_status(), "500.74");
    let request = story.provider.requests(Token).remove(0);
    let header = request.headers[header::AUTHORIZATION].to_str().unwrap();
    let pair = base64::prelude::BASE64_STANDARD.decode(&header["Basic ".len()..]).unwrap();
    assert_eq!(String::from_utf8(pair).unwrap(), "web:a%3A%25%2B+%C3%A9");
}

#[tokio::test]
async fn a_provider_that_answers_by_form_post_signs_in_too() {
    let mut story = Story::with_provider(|provider| provider.response_mode(ResponseMode::FormPost));

    let answer = story.try_sign_in("alice").await;

    // A redirect after a POST must not repeat the POST, and with it the code (oa_15).
    assert_eq!(answer.status, 302);
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn ck_05_only_a_form_post_needs_a_cookie_that_crosses_sites() {
    let mut story = Story::new();
    let answer = story.browser.visit("/.auth/login/op").await;

    let [line] = answer.set_cookies()[..] else { panic!("{answer:?}") };
    assert!(line.starts_with("__Host-EasyAuthLogin-"), "{line}");
    assert!(line.ends_with("; SameSite=Lax"), "{line}");
    let there = Url::parse(answer.location()).unwrap();
    let answer = story.browser.come_back(&story.provider.authorize(&there, "alice")).await;
    let sessions: Vec<_> =
        answer.set_cookies().into_iter().filter(|line| line.contains("AuthSession=")).collect();
    let [line] = sessions[..] else { panic!("{answer:?}") };
    assert!(line.contains("; path=/; secure; HttpOnly; expires="), "{line}");
    assert!(line.ends_with("; SameSite=Lax"), "{line}");
}

#[tokio::test]
async fn on_loopback_cookies_do_without_https() {
    let mut story = Story::with(|config| config.public_origin("http://localhost:8080"));
    story.browser.origin = Url::parse("http://localhost:8080/").unwrap();

    story.sign_in("alice").await;

    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
    let there = story.browser.begin(&story.provider).await;
    assert!(there.as_str().contains("redirect_uri=http%3A%2F%2Flocalhost%3A8080%2F.auth"));
    assert!(story.browser.logins()[0].0.starts_with("EasyAuthLogin-"));
}

#[tokio::test]
async fn several_tabs_sign_in_side_by_side() {
    let mut story = Story::new();
    let one = story.browser.begin(&story.provider).await;
    let two = story.browser.begin(&story.provider).await;

    for there in [two, one] {
        let answer = story.browser.come_back(&story.provider.authorize(&there, "alice")).await;
        assert_eq!(answer.status, 302, "{answer:?}");
        assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
    }
    assert_eq!(story.browser.logins(), []);
}

#[tokio::test]
async fn t_43_of_fifty_tabs_the_last_five_sign_in() {
    let mut story = Story::new();
    let mut tabs = Vec::new();
    for _ in 0..50 {
        story.clock.advance(Duration::from_secs(1));
        tabs.push(story.browser.begin(&story.provider).await);
    }
    assert_eq!(story.browser.logins().len(), 5);

    let (dropped, kept) = tabs.split_at(45);
    for there in kept {
        let answer = story.browser.come_back(&story.provider.authorize(there, "alice")).await;
        assert_eq!(answer.status, 302, "{answer:?}");
    }
    let callback = story.provider.authorize(&dropped[44], "alice");
    assert_eq!(story.browser.come_back(&callback).await.status, 400);
}

#[tokio::test]
async fn a_login_may_take_as_long_as_configured_and_no_second_longer() {
    for (seconds, status) in [(119, 302), (120, 302), (121, 400)] {
        let mut story = Story::with(|config| config.login_timeout(Duration::from_secs(120)));
        story.browser.begin(&story.provider).await;
        let there = story.browser.begin(&story.provider).await;
        let cookies = story.browser.logins();
        story.clock.advance(Duration::from_secs(seconds));
        // A browser whose clock is slow still sends the cookie.
        cookies.iter().for_each(|(name, value)| story.browser.plant(name, value));

        let answer = story.browser.come_back(&story.provider.authorize(&there, "alice")).await;

        assert_eq!(answer.status, status, "after {seconds} s: {answer:?}");
    }
}

#[tokio::test]
async fn t_19_what_host_a_request_names_changes_no_address() {
    let hosts = ["evil.example", "app.example:8443", "APP.EXAMPLE", "app.example.", "localhost"];
    for host in hosts {
        let story = Story::new();
        for path in ["/.auth/login/op?easyauth_moved=1", "/?easyauth_moved=1"] {
            let request = Request::get(path).header(header::HOST, host);
            let answer = story.app.send(request.body(<_>::default()).unwrap()).await;
            let there = Url::parse(answer.location()).unwrap();
            let query: HashMap<_, _> = there.query_pairs().into_owned().collect();
            assert_eq!(
                query["redirect_uri"], "https://app.example/.auth/login/op/callback",
                "{host} {path}"
            );
        }
    }
}

#[tokio::test]
async fn a_login_begun_at_another_host_goes_on_at_the_origin() {
    let mut story = Story::new();

    let answer = story.browser.visit("https://www.app.example/orders?x=1").await;
    let answer = story.browser.visit(answer.location()).await;
    let there = Url::parse(answer.location()).unwrap();
    let answer = story.browser.come_back(&story.provider.authorize(&there, "alice")).await;

    let location = Url::parse(answer.location()).unwrap();
    assert_eq!(location.host_str(), Some("app.example"));
    assert_eq!((location.path(), location.query()), ("/orders", Some("x=1")));
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn below_a_router_the_original_address_counts() {
    use axum::extract::OriginalUri;
    let story = Story::with(|config| config.api_prefix("/api/.auth"));
    let ask = async |host: &str| {
        let original = "/api/.auth/login/op?prompt=login".parse().unwrap();
        let request = Request::get("/.auth/login/op?prompt=login")
            .header(header::HOST, host)
            .extension(OriginalUri(original));
        story.app.send(request.body(<_>::default()).unwrap()).await
    };

    let here = ask("app.example").await;
    assert!(here.location().starts_with("https://op.example/authorize?"));
    assert!(here.location().contains("app.example%2Fapi%2F.auth%2Flogin%2Fop%2Fcallback"));
    assert_eq!(
        ask("www.app.example").await.location(),
        "https://app.example/api/.auth/login/op?prompt=login&easyauth_moved=1"
    );
}

#[tokio::test]
async fn keys_that_changed_are_fetched_once_and_the_login_goes_on() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    story.provider.take_asked();
    story.provider.rotate_to(SigningKey::other_rs256("k2"));

    story.another_browser().sign_in(&story.provider, "bob").await;

    assert_eq!(story.provider.take_asked(), [Token, Keys, Userinfo]);
}

#[tokio::test]
async fn every_kind_of_key_signs_in() {
    for key in [SigningKey::rs256("r"), SigningKey::es256("e"), SigningKey::eddsa("o")] {
        let mut story = Story::new();
        let algorithm = key.algorithm;
        story.provider.rotate_to(key);

        let answer = story.try_sign_in("alice").await;

        assert_eq!(answer.status, 302, "{algorithm}: {answer:?}");
    }
}

#[tokio::test]
async fn oc_09_a_provider_that_signs_with_our_secret_does_so_only_where_configured() {
    for (configured, key, signs_in) in [
        (true, SigningKey::hs256("s", CLIENT_SECRET.as_bytes()), true),
        (true, SigningKey::hs256("s", b"another secret of thirty-two bytes"), false),
        (true, SigningKey::rs256("k1"), false),
        (false, SigningKey::hs256("s", CLIENT_SECRET.as_bytes()), false),
    ] {
        let mut story = Story::with_provider(|provider| match configured {
            true => provider.id_tokens_signed_with_client_secret(),
            false => provider,
        });
        let algorithms = json!(["RS256", "HS256"]);
        story.provider.set(Metadata, "id_token_signing_alg_values_supported", algorithms);
        let algorithm = key.algorithm;
        story.provider.sign_with(key);

        let answer = story.try_sign_in("alice").await;

        assert_eq!(answer.gives_session(), signs_in, "{configured} {algorithm}: {answer:?}");
        assert_eq!(
            story.provider.take_asked().contains(&Keys),
            !configured,
            "{configured} {algorithm}"
        );
    }
}

#[tokio::test]
async fn oc_24_a_token_that_names_no_key_is_tried_with_all() {
    let mut story = Story::new();
    story.provider.publish(&[
        &SigningKey::es256("e"),
        &SigningKey::other_rs256("r2"),
        &SigningKey::rs256("r1"),
    ]);
    story.provider.remove(IdTokenHeader, "kid");

    story.sign_in("alice").await;
}

#[tokio::test]
async fn di_07_while_the_provider_is_away_its_documents_stand_and_unknown_keys_are_refused() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    story.clock.advance(Duration::from_secs(7_200));
    story.provider.reply(Metadata, Reply::Unreachable);
    story.provider.reply(Keys, Reply::status(503));

    story.another_browser().sign_in(&story.provider, "bob").await;

    story.clock.advance(Duration::from_secs(10));
    story.provider.rotate_to(SigningKey::es256("k9"));
    let answer = story.another_browser().try_sign_in(&story.provider, "carol").await;
    assert!(!answer.gives_session());
    assert_eq!(answer.status, 502, "{answer:?}");
}

#[tokio::test]
async fn t_56_with_the_provider_down_a_login_fails_kindly_and_sessions_go_on() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    story.clock.advance(Duration::from_secs(7_200 * 13));
    let mut alice = story.browser.clone();
    story.provider.reply(Metadata, Reply::Unreachable);

    let page = story.another_browser().visit("/.auth/login/op").await;

    assert_eq!(page.sub_status(), "503.73");
    assert!(page.text().contains("Try again in a few"));
    // Her session was eight hours, and she is sent to a provider that is away: one page, no loop.
    assert_eq!(alice.visit("/").await.status, 503);
    story.provider.be_honest();
    story.clock.advance(Duration::from_secs(2));
    alice.sign_in(&story.provider, "alice").await;
    story.provider.reply(Metadata, Reply::Unreachable);
    assert_eq!(alice.visit("/").await.user().as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_visitor_who_leaves_at_any_moment_holds_up_nobody() {
    for polls in 1..20 {
        let mut story = Story::new();
        let there = story.browser.begin(&story.provider).await;
        let callback = story.provider.authorize(&there, "alice");
        let mut leaving = story.browser.clone();

        let answer = leave_after(polls, leaving.come_back(&callback)).await;

        let mut other = story.another_browser();
        other.sign_in(&story.provider, "alice").await;
        assert_eq!(other.user().await.as_deref(), Some("alice"), "{polls}");
        if let Some(answer) = answer {
            assert!(answer.gives_session() && polls > 5, "{polls}");
            return;
        }
        // The code went out at most once; the browser is told so if it asks again.
        assert_eq!(story.browser.come_back(&callback).await.status, 400, "{polls}");
    }
    panic!("twenty steps were not enough");
}

#[tokio::test]
async fn a_visitor_who_leaves_while_documents_are_fetched_leaves_others_theirs() {
    let story = Story::new();
    for polls in 1..4 {
        let mut leaving = story.another_browser();
        leave_after(polls, leaving.visit("/.auth/login/op")).await;
    }

    story.another_browser().sign_in(&story.provider, "alice").await;
}

#[tokio::test]
async fn a_form_post_ends_the_session_that_it_cannot_show() {
    let clock = ManualClock::new();
    let provider = FakeProvider::new("op", &clock);
    let settings = provider.settings().response_mode(ResponseMode::FormPost);
    let config = config(&[], &TestStore::new(), &clock).provider(settings);
    let network = network(std::slice::from_ref(&provider));
    let app = App::new(config.http_client(network).build().unwrap(), &clock);
    let mut browser = Browser::new(&app);
    browser.sign_in(&provider, "alice").await;
    let mut old = browser.clone();

    browser.sign_in(&provider, "alice").await;

    assert_eq!(old.user().await, None);
    assert_eq!(browser.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_sign_in_at_another_provider_ends_the_session_at_the_first() {
    let clock = ManualClock::new();
    let providers = [FakeProvider::new("op", &clock), FakeProvider::new("other", &clock)];
    let app = App::new(config(&providers, &TestStore::new(), &clock).build().unwrap(), &clock);
    let mut browser = Browser::new(&app);
    browser.sign_in(&providers[0], "alice").await;
    let mut old = browser.clone();

    browser.sign_in(&providers[1], "alice").await;

    assert_eq!(browser.fetch("/").await.principal()["provider"], "other");
    assert_eq!(old.user().await, None);
}

/// What comes of `future` if whoever waits for it leaves after so many `polls`.
async fn leave_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    for _ in 0..polls {
        let polled = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context)));
        if let Poll::Ready(output) = polled.await {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

#[tokio::test]
async fn t_57_a_browser_without_a_session_cookie_sees_one_page_and_no_loop() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    story.browser.lose("AppServiceAuthSession");

    let page = story.browser.visit("/").await;

    assert_eq!(page.sub_status(), "401.78");
    assert!(page.text().contains("Allow cookies"));
    // Trying again is allowed.
    assert_eq!(story.browser.visit("/").await.status, 302);
}

#[tokio::test]
async fn a_session_that_is_replaced_by_a_new_login_ends() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    let mut old = story.browser.clone();
    story.clock.advance(Duration::from_secs(60));

    story.sign_in("alice").await;

    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
    assert_eq!(old.user().await, None);
}

#[tokio::test]
async fn a_session_that_is_replaced_by_another_user_ends() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    let mut old = story.browser.clone();

    story.sign_in("bob").await;

    assert_eq!(story.browser.user().await.as_deref(), Some("bob"));
    assert_eq!(old.user().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_users_who_sign_in_at_once_are_who_they_are() {
    let story = Story::new();
    let mut everybody = JoinSet::new();
    for number in 0..1_000 {
        let (mut browser, provider) = (story.another_browser(), story.provider.clone());
        everybody.spawn(async move {
            let name = format!("user{number}");
            let there = browser.begin(&provider).await;
            tokio::task::yield_now().await;
            let callback = provider.authorize(&there, &name);
            tokio::task::yield_now().await;
            browser.come_back(&callback).await;
            let answer = browser.fetch("/").await;
            let email = format!("{name}@op.example");
            assert_eq!(answer.user().as_ref(), Some(&name));
            assert!(answer.principal()["claims"].to_string().contains(&email));
            assert!(answer.seen("x-ms-token-op-access-token")[0].ends_with(&format!("-{name}")));
        });
    }
    while let Some(done) = everybody.join_next().await {
        done.unwrap();
    }
    assert_eq!(story.provider.requests(Token).len(), 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_devices_of_one_user_sign_in_at_once() {
    let story = Story::new();
    let mut devices = JoinSet::new();
    for _ in 0..50 {
        let (mut browser, provider) = (story.another_browser(), story.provider.clone());
        devices.spawn(async move {
            let answer = browser.try_sign_in(&provider, "alice").await;
            assert_eq!(answer.status, 302, "{answer:?}");
            browser
        });
    }
    while let Some(browser) = devices.join_next().await {
        assert_eq!(browser.unwrap().user().await.as_deref(), Some("alice"));
    }
}

#[tokio::test]
async fn of_several_providers_a_visitor_chooses_and_lands_where_they_wanted_to_go() {
    let clock = ManualClock::new();
    let providers = [FakeProvider::new("op", &clock), FakeProvider::new("other", &clock)];
    let config = config(&providers, &TestStore::new(), &clock).build().unwrap();
    let mut browser = Browser::new(&App::new(config, &clock));

    let answer = browser.visit("/orders?x=1").await;
    let choice = "https://app.example/.auth/login?post_login_redirect_uri=%2Forders%3Fx%3D1";
    assert_eq!((answer.status.as_u16(), answer.location()), (302, choice));
    assert_eq!(browser.fetch("/orders").await.status, 401, "programs are not sent there");

    let page = browser.visit(choice).await;
    for provider in ["op", "other"] {
        let link = format!("/.auth/login/{provider}?post_login_redirect_uri=%2Forders%3Fx%3D1");
        assert!(page.text().contains(&link), "{page:?}");
    }
    let evil = browser.visit("/.auth/login?post_login_redirect_uri=//evil.example").await;
    assert_eq!(evil.status, 400, "{evil:?}");
}

#[tokio::test]
async fn a_link_cannot_ask_for_a_weaker_sign_in_than_is_configured() {
    for (name, configured, linked, sent) in [
        ("acr_values", Some("phr"), "pwd", "phr"),
        ("hd", Some("example.org"), "*", "example.org"),
        ("prompt", Some("login"), "none", "login"),
        ("acr_values", None, "pwd", "pwd"),
        ("prompt", None, "none", "none"),
        // Where to sign in, and as whom, says nothing of how.
        ("login_hint", Some("alice"), "bob", "bob"),
        ("domain_hint", Some("example.org"), "example.com", "example.com"),
    ] {
        let Story { mut browser, .. } = Story::with_provider(|provider| {
            configured.into_iter().fold(provider, |it, value| it.login_parameter(name, value))
        });

        let answer = browser.visit(&format!("/.auth/login/op?{name}={linked}")).await;

        let there: url::Url = answer.location().parse().unwrap();
        let asked: Vec<_> = there.query_pairs().filter(|(asked, _)| asked == name).collect();
        let asked: Vec<_> = asked.iter().map(|(_, value)| value.as_ref()).collect();
        assert_eq!(asked, [sent], "{name}, configured {configured:?}");
    }
}
