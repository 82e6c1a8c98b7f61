//! `/.auth/refresh` by a session token, also by one that has expired.

use futures_util::future::join_all;

use super::*;

fn calls(story: &Story) -> usize {
    story.provider.take_asked().iter().filter(|asked| **asked == Token).count()
}

#[tokio::test]
async fn a_refresh_brings_a_new_token_that_lasts_as_long_as_the_new_access_token() {
    let (story, mut phone) = signed_in().await;
    let before = (phone.claims(), phone.get("/.auth/me").await.json());
    story.clock.advance(HOUR / 2);

    assert_eq!(phone.refresh().await.status, 200);

    let after = (phone.claims(), phone.get("/.auth/me").await.json());
    assert_eq!(before.0["session_id"], after.0["session_id"]);
    assert_eq!(before.0["sub"], after.0["sub"]);
    assert!(before.0["session_generation"].as_u64() < after.0["session_generation"].as_u64());
    assert_eq!(after.0["exp"], story.clock.unix() + 3_600);
    assert_ne!(before.1[0]["access_token"], after.1[0]["access_token"]);
}

#[tokio::test]
async fn t_82_an_expired_token_is_refreshed_for_the_window_to_the_second_and_there_only() {
    let second = SECOND;
    for (window, late, expected) in [
        (72 * HOUR, 72 * HOUR - second, 200),
        (72 * HOUR, 72 * HOUR, 401),
        (72 * HOUR, 72 * HOUR + second, 401),
        (HOUR / 2, HOUR / 2 - second, 200),
        (HOUR / 2, HOUR / 2, 401),
        (Duration::ZERO, Duration::ZERO, 401),
        (240 * HOUR, 200 * HOUR, 200),
    ] {
        let (story, mut phone) = signed_in_with(|config| config.refresh_window(window)).await;
        story.clock.advance(HOUR + late);
        for path in ["/", "/.auth/me"] {
            assert_eq!(phone.get(path).await.sub_status(), "401.83", "{path}: only a refresh");
        }

        let answer = phone.refresh().await;

        assert_eq!(answer.status, expected, "{window:?} {late:?} {answer:?}");
        assert_eq!(phone.user().await.is_some(), expected == 200, "{window:?} {late:?}");
        assert_eq!(calls(&story), usize::from(expected == 200), "{window:?} {late:?}");
    }
}

#[tokio::test]
async fn t_84_no_chain_of_refreshes_outlives_the_absolute_lifetime() {
    let (story, mut phone) = signed_in_with(|config| config.absolute_lifetime(100 * HOUR)).await;
    story.clock.advance(71 * HOUR);
    assert_eq!(phone.refresh().await.status, 200);
    story.clock.advance(28 * HOUR + HOUR / 2);
    assert_eq!(phone.refresh().await.status, 200);
    let absolute = story.clock.unix() + 1_800;
    assert_eq!(phone.claims()["exp"], absolute, "the token ends with the session");

    story.clock.advance(HOUR / 2 - SECOND);
    assert_eq!(phone.user().await.as_deref(), Some("alice"));
    story.clock.advance(SECOND);
    assert_eq!(phone.user().await, None);
    assert_eq!(phone.refresh().await.status, 401);
}

#[tokio::test]
async fn a_token_of_thirty_days_keeps_its_window() {
    let mut story = Story::new();
    story.provider.remove(Token, "expires_in");
    let there = story.browser.visit("/.auth/login/op?session_mode=token").await;
    let callback = story.provider.authorize(&there.location().parse().unwrap(), "alice");
    let mut phone = story.phone();
    phone.keep_fragment(story.browser.come_back(&callback).await.location());

    story.clock.advance((30 * 24 + 71) * HOUR);
    assert_eq!(phone.user().await, None);
    assert_eq!(phone.refresh().await.status, 200);
    assert_eq!(phone.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_superseded_token_is_good_until_its_own_end_and_can_be_refreshed() {
    let log = Log::listen();
    let (story, mut phone) = signed_in().await;
    let old = phone.clone();
    story.clock.advance(HOUR / 2);
    phone.refresh().await;
    assert_eq!(calls(&story), 1);
    assert!(!log.text().contains("used again"));

    assert_eq!(old.user().await.as_deref(), Some("alice"), "both are in use for a moment");
    assert!(!log.text().contains("used again"));
    story.clock.advance(60 * SECOND);
    assert_eq!(old.user().await.as_deref(), Some("alice"));
    assert!(log.text().contains("a session token was used again after a newer one was issued"));
    let mut again = old.clone();
    assert_eq!(again.refresh().await.status, 200);
    assert_eq!(calls(&story), 0, "with what is stored");
    assert_eq!(again.claims()["session_generation"], phone.claims()["session_generation"]);

    story.clock.advance(HOUR / 2 - 60 * SECOND);
    assert_eq!(old.get("/").await.sub_status(), "401.83", "its own end");
    assert_eq!(phone.user().await.as_deref(), Some("alice"));
    story.clock.advance(71 * HOUR);
    assert_eq!(old.clone().refresh().await.status, 200, "and its own window");
}

#[tokio::test]
async fn a_shorter_access_token_does_not_shorten_the_token_before() {
    let (story, mut phone) = signed_in().await;
    let old = phone.clone();
    story.provider.set(Token, "expires_in", 600);
    phone.refresh().await;
    assert_eq!(phone.claims()["exp"], story.clock.unix() + 600);

    story.provider.be_honest();
    story.clock.advance(HOUR / 2);
    assert_eq!(old.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn t_85_under_strict_rotation_a_superseded_token_is_refused_after_a_minute() {
    let (story, mut phone) = signed_in_with(|config| config.strict_rotation(true)).await;
    let stolen = phone.clone();
    story.clock.advance(HOUR / 2);
    phone.refresh().await;
    calls(&story);

    story.clock.advance(59 * SECOND);
    assert_eq!(stolen.user().await.as_deref(), Some("alice"));
    assert_eq!(stolen.clone().refresh().await.status, 200);
    assert_eq!(calls(&story), 0);
    story.clock.advance(60 * SECOND);
    assert_eq!(stolen.get("/").await.sub_status(), "401.83");
    assert_eq!(stolen.get("/.auth/me").await.sub_status(), "401.83");
    assert_eq!(stolen.get("/.auth/refresh").await.sub_status(), "401.83");
    assert_eq!(phone.user().await.as_deref(), Some("alice"), "its owner goes on");
    let node = another_node(&story, |config| config.strict_rotation(true));
    assert_eq!(stolen.at(&node).get("/").await.sub_status(), "401.83", "and so on every node");
}

#[tokio::test]
async fn what_the_users_other_devices_do_supersedes_no_token() {
    let (mut story, phone) = signed_in_with(|config| config.strict_rotation(true)).await;
    story.sign_in("alice").await;
    story.browser.fetch("/.auth/refresh").await;
    let mut other = story.phone();
    other.sign_in(&story.provider, "alice").await;
    other.refresh().await;
    story.clock.advance(5 * 60 * SECOND);

    assert_eq!(phone.user().await.as_deref(), Some("alice"));
    assert_eq!(phone.clone().refresh().await.status, 200);
}

#[tokio::test]
async fn a_thousand_at_once_cost_one_call_and_get_equal_answers() {
    let (story, phone) = signed_in().await;
    story.clock.advance(70 * HOUR);
    let node = another_node(&story, |config| config);
    let phones: Vec<_> = (0..1_000)
        .map(|n| if n % 2 == 0 { phone.clone() } else { phone.clone().at(&node) })
        .collect();

    let answers = join_all(phones.iter().map(|phone| phone.get("/.auth/refresh"))).await;

    assert_eq!(calls(&story), 1);
    assert_eq!(answers[0].status, 200, "{:?}", answers[0]);
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
}

#[tokio::test]
async fn t_86_each_failure_has_the_status_and_the_body_that_the_sdks_show() {
    let refused = json!({"error": "invalid_grant"}).to_string();
    for (reply, expected) in [
        (Reply::Raw(400, "application/json", refused.into()), "403.81"),
        (Reply::Unreachable, "503.73"),
        (Reply::status(404), "502.73"),
    ] {
        let (story, phone) = signed_in().await;
        let before = phone.get("/.auth/me").await.json();
        story.provider.reply(Token, reply);

        let answer = phone.get("/.auth/refresh").await;

        assert_eq!(answer.sub_status(), expected);
        let document = answer.json();
        assert!(document["error"].is_string() && document["description"].is_string());
        assert_eq!(phone.get("/.auth/me").await.json(), before, "the old tokens are kept");
        assert_eq!(phone.user().await.as_deref(), Some("alice"));
    }
    let story = Story::new();
    story.provider.remove(Token, "refresh_token");
    let mut phone = story.phone();
    phone.sign_in(&story.provider, "alice").await;
    assert_eq!(phone.get("/.auth/refresh").await.sub_status(), "400.80");
}

#[tokio::test]
async fn a_cookie_beside_a_bad_token_is_not_refreshed() {
    let (mut story, phone) = signed_in().await;
    story.sign_in("bob").await;
    story.provider.take_asked();
    let token = format!("{}x", phone.token.unwrap());

    let request = Request::get("/.auth/refresh").header("x-zumo-auth", token);
    let answer = story.browser.send_raw(request).await;

    assert_eq!(answer.sub_status(), "401.83");
    assert_eq!(calls(&story), 0);
    assert_eq!(story.browser.fetch("/.auth/refresh").await.text(), "{}");
}

#[tokio::test]
async fn a_token_reads_on_every_node_what_its_refresh_has_written() {
    let (story, mut phone) = signed_in().await;
    let node = another_node(&story, |config| config);
    assert_eq!(phone.clone().at(&node).user().await.as_deref(), Some("alice"));
    phone.refresh().await;

    let there = phone.clone().at(&node).get("/.auth/me").await.json();

    assert_eq!(there, phone.get("/.auth/me").await.json());
}

#[tokio::test]
async fn t_98_after_a_rollback_of_the_store_spent_tokens_are_not_sent() {
    let (story, mut phone) = signed_in().await;
    phone.refresh().await;
    calls(&story);
    let empty = TestStore::new();
    let providers = std::slice::from_ref(&story.provider);
    let restored = App::new(config(providers, &empty, &story.clock).build().unwrap(), &story.clock);
    let mut earlier = story.phone().at(&restored);
    earlier.sign_in(&story.provider, "alice").await;

    let phone = phone.at(&restored);
    assert_eq!(phone.get("/").await.sub_status(), "401.70");
    assert_eq!(phone.get("/.auth/refresh").await.sub_status(), "401.70");
    assert_eq!(calls(&story), 0);
}

#[tokio::test]
async fn t_52_a_posted_refresh_token_of_somebody_else_brings_none_of_their_tokens() {
    for (id_token, userinfo, web, expected) in [
        (false, true, false, 403),
        (false, false, false, 403),
        (false, true, true, 403),
        (false, false, true, 403),
        (true, true, false, 502),
    ] {
        let case = format!("{id_token} {userinfo} {web}");
        let mut story = Story::new();
        if !userinfo {
            story.provider.remove(Metadata, "userinfo_endpoint");
        }
        let mut posted = story.provider.hand_out("mallory");
        posted["refresh_token"] = story.provider.hand_out("bob")["refresh_token"].clone();
        let mut phone = story.phone();
        phone.keep(&phone.post(&story.provider, &posted).await);
        if web {
            // A sign-in that brings no refresh token does not make it hers.
            story.provider.remove(Token, "refresh_token");
            story.sign_in("mallory").await;
        }
        if !id_token {
            story.provider.remove(Token, "id_token");
        }
        story.provider.take_asked();

        let answer = match web {
            true => story.browser.fetch("/.auth/refresh").await,
            false => phone.get("/.auth/refresh").await,
        };

        assert_eq!(calls(&story), 1, "{case}");
        assert_eq!(answer.status, expected, "{case} {answer:?}");
        let me = phone.get("/.auth/me").await;
        assert!(!me.text().contains("-bob"), "{case} {me:?}");
    }
}

#[tokio::test]
async fn a_posted_refresh_token_is_shown_to_be_the_users_own_once() {
    let (story, mut phone) = signed_in().await;
    story.provider.remove(Token, "id_token");
    assert_eq!(phone.refresh().await.status, 200);
    assert_eq!(story.provider.take_asked(), [Token, Userinfo]);
    assert_eq!(phone.refresh().await.status, 200);
    assert_eq!(story.provider.take_asked(), [Token], "then it is known");

    let (story, mut phone) = signed_in().await;
    assert_eq!(phone.refresh().await.status, 200);
    assert_eq!(story.provider.take_asked(), [Token], "an ID token shows it");
    story.provider.remove(Token, "id_token");
    assert_eq!(phone.refresh().await.status, 200);
    assert_eq!(story.provider.take_asked(), [Token]);
}

#[tokio::test]
async fn t_85_under_strict_rotation_only_the_token_before_the_newest_has_its_minute() {
    let (story, mut phone) = signed_in_with(|config| config.strict_rotation(true)).await;
    let oldest = phone.clone();
    story.clock.advance(HOUR / 4);
    phone.refresh().await;
    let before = phone.clone();
    story.clock.advance(HOUR / 4);
    phone.refresh().await;

    assert_eq!(oldest.get("/").await.sub_status(), "401.83");
    assert_eq!(oldest.get("/.auth/refresh").await.sub_status(), "401.83");
    assert_eq!(before.user().await.as_deref(), Some("alice"));
    story.clock.advance(50 * SECOND);
    assert_eq!(before.clone().refresh().await.status, 200);
    story.clock.advance(10 * SECOND);
    assert_eq!(before.get("/").await.sub_status(), "401.83", "its use does not lengthen it");
    assert_eq!(phone.user().await.as_deref(), Some("alice"));
}
