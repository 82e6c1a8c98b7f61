//! What a refresh must not cost when something is wrong: with the provider, the store, the caller.

use std::time::Duration;

use easyauth::{EasyAuthLayer, SessionLifetime};
use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::support::Document::*;
use super::support::*;
use super::{HOUR, SECOND, calls, me, signed_in, signed_in_with};

#[tokio::test]
async fn members_that_do_not_come_leave_what_was_there() {
    for (member, kept) in [("expires_in", None), ("id_token", Some("id_token")), ("scope", None)] {
        let mut story = signed_in().await;
        let before = me(&mut story.browser).await;
        story.provider.remove(Token, member);
        story.clock.advance(SECOND);

        assert_eq!(story.browser.fetch("/.auth/refresh").await.status, 200, "{member}");

        let after = me(&mut story.browser).await;
        assert_ne!(after["access_token"], before["access_token"], "{member}");
        if let Some(kept) = kept {
            assert_eq!(after[kept], before[kept]);
            assert_eq!(after["user_claims"], before["user_claims"]);
        }
        if member == "expires_in" {
            assert!(after["expires_on"].is_null(), "{after}");
            story.clock.advance(7 * HOUR);
            assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
            assert_eq!(calls(&story), 1, "tokens without an end are not overdue");
        }
    }
}

#[tokio::test]
async fn an_earlier_id_token_sent_again_says_nothing_new() {
    let mut story = signed_in().await;
    let before = me(&mut story.browser).await;
    let then = story.clock.unix();
    story.clock.advance(HOUR);
    for (claim, value) in [("iat", then), ("exp", then + 600)] {
        story.provider.set(IdToken, claim, value);
    }
    story.provider.set(IdToken, "name", "Somebody Else");

    assert_eq!(story.browser.fetch("/.auth/refresh").await.status, 200);

    let after = me(&mut story.browser).await;
    assert_ne!(after["access_token"], before["access_token"]);
    assert_eq!(after["id_token"], before["id_token"]);
    assert_eq!(after["user_claims"], before["user_claims"]);
}

#[tokio::test]
async fn oc_20_a_forged_id_token_is_refused_and_its_refresh_token_is_not_used() {
    let unsigned = |token: &str| format!("{}.", token.rsplit_once('.').unwrap().0);
    for what in ["other key", "no signature", "shared secret"] {
        let mut story = signed_in().await;
        let before = me(&mut story.browser).await;
        match what {
            "other key" => story.provider.sign_with(SigningKey::other_rs256("k1")),
            "no signature" => story.provider.forge(unsigned),
            _ => story.provider.sign_with(SigningKey::hs256("k1", CLIENT_SECRET.as_bytes())),
        }

        let answer = story.browser.fetch("/.auth/refresh").await;

        assert_eq!(answer.sub_status(), "502.83", "{what}: {answer:?}");
        assert_eq!(me(&mut story.browser).await, before, "{what}");
        let other = me(&mut story.browser).await["refresh_token"].clone();
        assert_eq!(other, before["refresh_token"], "{what}");
    }
}

#[tokio::test]
async fn errors_are_told_by_whose_fault_they_are() {
    for (error, expected) in [
        ("invalid_grant", "403.81"),
        ("interaction_required", "403.81"),
        ("consent_required", "403.81"),
        ("invalid_client", "500.74"),
        ("unauthorized_client", "500.74"),
        ("invalid_scope", "500.74"),
        ("temporarily_unavailable", "503.73"),
        ("server_error", "503.73"),
        ("<script>", "502.73"),
    ] {
        let mut story = signed_in().await;
        let body = json!({"error": error, "error_description": "SECRET"}).to_string();
        story.provider.reply(Token, Reply::Raw(400, "application/json", body.into()));

        let answer = story.browser.fetch("/.auth/refresh").await;

        assert_eq!(answer.sub_status(), expected, "{error}");
        assert!(!answer.text().contains("SECRET") && !answer.text().contains("<script>"));
        assert_eq!(answer.set_cookies(), [""; 0], "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_never_answers_is_given_up_after_ten_seconds() {
    let mut story = signed_in().await;
    story.provider.reply(Token, Reply::Never);
    let begun = Instant::now();

    let answer = story.browser.fetch("/.auth/refresh").await;

    assert_eq!(answer.sub_status(), "503.73");
    assert!(begun.elapsed() < 11 * SECOND, "{:?}", begun.elapsed());
    story.provider.be_honest();
    assert_eq!(story.browser.fetch("/.auth/refresh").await.status, 200, "no lease is left behind");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stumbles_after_the_provider_answered_costs_nothing() {
    let story = signed_in().await;
    story.provider.reply(Token, Reply::Late(2 * SECOND));
    let mut refreshing = story.browser.clone();
    let trouble = async {
        tokio::time::sleep(SECOND).await;
        story.store.fail(&[Verb::Load, Verb::Replace]);
        tokio::time::sleep(2 * SECOND).await;
        story.store.fail(&[]);
    };

    let (answer, ()) = tokio::join!(refreshing.fetch("/.auth/refresh"), trouble);

    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(calls(&story), 1);
    story.provider.be_honest();
    assert_eq!(refreshing.fetch("/.auth/refresh").await.status, 200, "with the new refresh token");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_away_is_503_and_never_a_second_call() {
    let story = signed_in().await;
    story.provider.reply(Token, Reply::Late(2 * SECOND));
    let (mut refreshing, mut reading) = (story.browser.clone(), story.browser.clone());
    let trouble = async {
        tokio::time::sleep(SECOND).await;
        story.store.fail(&[Verb::Replace]);
    };

    let (answer, ()) = tokio::join!(refreshing.fetch("/.auth/refresh"), trouble);

    assert_eq!(answer.sub_status(), "503.79", "{answer:?}");
    assert_eq!(calls(&story), 1);
    assert_eq!(reading.user().await.as_deref(), Some("alice"));
}

#[tokio::test(start_paused = true)]
async fn who_signs_out_meanwhile_gets_401_and_the_answer_is_thrown_away() {
    let mut story = signed_in().await;
    let mut elsewhere = story.another_browser();
    elsewhere.sign_in(&story.provider, "alice").await;
    // So that this one has seen the newest tokens too.
    story.browser.fetch("/.auth/refresh").await;
    for remaining in [true, false] {
        story.provider.take_asked();
        story.provider.reply(Token, Reply::Late(2 * SECOND));
        let (mut refreshing, mut leaving) = (story.browser.clone(), story.browser.clone());
        let leave = async {
            tokio::time::sleep(SECOND).await;
            assert_eq!(leaving.visit("/.auth/logout").await.status, 302);
        };

        let (answer, ()) = tokio::join!(refreshing.fetch("/.auth/refresh"), leave);

        assert_eq!(answer.status, 401, "{remaining}: {answer:?}");
        assert!(!answer.gives_session());
        assert_eq!(calls(&story), 1);
        story.provider.be_honest();
        if remaining {
            // The others' session has the fresh tokens, and goes on with them.
            assert_eq!(elsewhere.fetch("/.auth/refresh").await.status, 200);
            story.browser = elsewhere.clone();
        } else {
            assert_eq!(elsewhere.user().await, None);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_signs_in_anew_meanwhile_keeps_what_that_brought() {
    for leaves_first in [false, true] {
        let story = signed_in().await;
        story.provider.reply(Token, Reply::Late(5 * SECOND));
        let (mut refreshing, mut signing_in) = (story.browser.clone(), story.browser.clone());
        let again = async {
            tokio::time::sleep(SECOND).await;
            story.clock.advance(SECOND);
            story.provider.be_honest();
            if leaves_first {
                // The new record begins to count anew, where the one that is refreshed stands.
                signing_in.visit("/.auth/logout").await;
            }
            signing_in.sign_in(&story.provider, "alice").await;
            me(&mut signing_in).await
        };

        let (_, brought) = tokio::join!(refreshing.fetch("/.auth/refresh"), again);

        assert_eq!(me(&mut signing_in).await, brought, "{leaves_first}");
        assert_eq!(signing_in.fetch("/.auth/refresh").await.status, 200);
    }
}

#[tokio::test]
async fn who_asks_for_newer_tokens_gets_newer_ones_whoever_else_asks() {
    let mut story = signed_in().await;
    let mut older = story.browser.clone();
    story.browser.fetch("/.auth/refresh").await;
    let before = me(&mut story.browser).await;
    story.provider.take_asked();
    let held = story.store.hold_next_load();
    let newer = &mut story.browser;
    let join = async {
        let answer = newer.fetch("/.auth/refresh");
        tokio::pin!(answer);
        // It is on board of the other's flight when that goes on.
        assert!(timeout(Duration::ZERO, &mut answer).await.is_err());
        held.notify_one();
        answer.await
    };

    let (one, other) = tokio::join!(older.fetch("/.auth/refresh"), join);

    assert_eq!((one.status.as_u16(), other.status.as_u16()), (200, 200));
    assert_ne!(me(&mut story.browser).await["access_token"], before["access_token"]);
    assert_eq!(calls(&story), 1);
}

#[tokio::test]
async fn a_session_shorter_than_a_moment_can_be_refreshed_after_its_end() {
    let lifetime = SessionLifetime::Fixed(2 * SECOND);
    let mut story = signed_in_with(|config| config.session_lifetime(lifetime)).await;
    let mut copy = story.browser.clone();
    assert_eq!(story.browser.fetch("/.auth/refresh").await.status, 200);
    story.clock.advance(3 * SECOND);

    assert_eq!(copy.fetch("/.auth/refresh").await.status, 200);

    assert_eq!(copy.user().await.as_deref(), Some("alice"));
    assert_eq!(calls(&story), 1);
}

#[tokio::test]
async fn no_refresh_token_is_spent_on_an_answer_that_could_not_be_checked() {
    let long = SessionLifetime::Fixed(72 * HOUR);
    let mut story = signed_in_with(|config| config.session_lifetime(long)).await;
    story.clock.advance(48 * HOUR);
    story.provider.reply(Keys, Reply::Unreachable);

    let answer = story.browser.fetch("/.auth/refresh").await;

    assert_eq!(answer.sub_status(), "503.73");
    assert_eq!(calls(&story), 0);
    story.provider.be_honest();
    story.clock.advance(HOUR / 10);
    assert_eq!(story.browser.fetch("/.auth/refresh").await.status, 200);
}

#[tokio::test]
async fn a_new_sign_in_ends_the_pause_after_a_failure() {
    let mut story = Story::new();
    story.provider.set(Token, "expires_in", 60);
    story.sign_in("alice").await;
    let refused = json!({"error": "invalid_grant"}).to_string();
    story.provider.reply(Token, Reply::Raw(400, "application/json", refused.into()));
    story.clock.advance(61 * SECOND);
    story.browser.user().await;
    story.provider.be_honest();
    story.provider.set(Token, "expires_in", 60);
    story.sign_in("alice").await;
    let before = me(&mut story.browser).await;
    story.provider.take_asked();
    story.clock.advance(61 * SECOND);

    story.browser.user().await;

    assert_eq!(calls(&story), 1);
    assert_ne!(me(&mut story.browser).await["access_token"], before["access_token"]);
}

#[tokio::test(start_paused = true)]
async fn t_96_a_provider_is_asked_for_some_users_at_a_time() {
    let story = signed_in().await;
    let mut browsers = Vec::new();
    for number in 0..100 {
        let mut browser = story.another_browser();
        browser.sign_in(&story.provider, &format!("user{number}")).await;
        browsers.push(browser);
    }
    story.provider.take_asked();
    story.provider.reply(Token, Reply::Late(SECOND));
    let all = join_all(browsers.iter_mut().map(|browser| browser.fetch("/.auth/refresh")));
    tokio::pin!(all);

    assert!(timeout(SECOND / 2, &mut all).await.is_err());
    assert_eq!(calls(&story), 64);

    assert!(all.await.iter().all(|answer| answer.status == 200));
    assert_eq!(calls(&story), 100 - 64);
}

/// A story, and its layer to hold on to.
async fn with_layer() -> (Story, EasyAuthLayer) {
    let mut story = Story::new();
    let providers = std::slice::from_ref(&story.provider);
    let config = config(providers, &story.store, &story.clock).build().unwrap();
    let layer = EasyAuthLayer::new(config);
    story.app = App::behind(&layer, &story.clock);
    story.browser = Browser::new(&story.app);
    story.sign_in("alice").await;
    story.provider.take_asked();
    (story, layer)
}

#[tokio::test(start_paused = true)]
async fn draining_waits_for_what_callers_have_given_up() {
    let (mut story, layer) = with_layer().await;
    let before = me(&mut story.browser).await;
    story.provider.reply(Token, Reply::Late(5 * SECOND));
    let mut gone = story.browser.clone();
    assert!(timeout(SECOND, gone.fetch("/.auth/refresh")).await.is_err());

    layer.drain().await;

    assert_ne!(me(&mut story.browser).await, before, "the fresh tokens are stored");
    assert_eq!(calls(&story), 1);
}

#[tokio::test]
async fn draining_waits_for_a_refresh_that_nobody_asked_for() {
    let (mut story, layer) = with_layer().await;
    story.clock.advance(HOUR - SECOND);
    story.browser.user().await;
    let before = me(&mut story.browser).await;
    assert_eq!(calls(&story), 0);
    // Served from what is cached, which begins a refresh; nothing else has had its turn since.
    story.browser.user().await;

    layer.drain().await;

    assert_eq!(calls(&story), 1);
    assert_ne!(me(&mut story.browser).await, before);
}

#[tokio::test]
async fn the_log_says_why_and_what_would_change_it() {
    let refused = json!({"error": "invalid_grant"}).to_string();
    let refused = Reply::Raw(400, "application/json", refused.into());
    let client = Reply::json(r#"{"error":"invalid_client"}"#);
    for (reply, cause, remedy) in [
        (refused, "(invalid_grant)", "only a new sign-in helps"),
        (client, "invalid_client", "correct the client's settings"),
        (Reply::status(503), "status 503", "it is tried again"),
        (Reply::json("[]"), "neither a JSON object nor a form", "for the provider to answer"),
    ] {
        let mut story = signed_in().await;
        story.provider.reply(Token, reply);
        let log = Log::listen();

        story.browser.fetch("/.auth/refresh").await;

        let text = log.text();
        let lines: Vec<_> = text.lines().filter(|line| line.contains("not refreshed")).collect();
        let [line] = lines[..] else { panic!("{text}") };
        assert!(line.contains("WARN") && line.contains(cause) && line.contains(remedy), "{line}");
        for secret in story.provider.secrets() {
            assert!(!text.contains(&secret), "{secret}");
        }
    }
}

#[tokio::test]
async fn a_refresh_token_is_never_shown_to_another_who_has_the_providers_name_now() {
    for (name, issuer) in [("op", "other"), ("OP", "op")] {
        let story = signed_in().await;
        let mut now = FakeProvider::new(issuer, &story.clock);
        now.name = name;
        let config = config(&[now.clone()], &story.store, &story.clock);
        let mut browser = story.browser.at(&App::new(config.build().unwrap(), &story.clock));

        let answer = browser.fetch("/.auth/refresh").await;

        assert_eq!(answer.sub_status(), "400.80", "{name}: {answer:?}");
        // Nor is it ahead of the tokens' end, or after it.
        for later in [HOUR - 60 * SECOND, 120 * SECOND] {
            story.clock.advance(later);
            browser.visit("/").await;
            tokio::task::yield_now().await;
        }
        assert_eq!(now.requests(Token).len(), 0, "{name}");
    }
}
