//! Callbacks that are not what this browser was sent away for.

use easyauth::provider::ResponseMode;
use tokio::task::JoinSet;

use crate::support::Document::*;
use crate::support::*;

/// A story at the provider's door: the browser has begun, and alice has signed in there.
async fn at_the_door() -> (Story, Callback) {
    let mut story = Story::new();
    let there = story.browser.begin(&story.provider).await;
    let callback = story.provider.authorize(&there, "alice");
    story.provider.take_asked();
    (story, callback)
}

/// A story whose provider answers by a form.
async fn at_the_door_with_a_form() -> (Browser, FakeProvider, Callback) {
    let Story { mut browser, provider, .. } =
        Story::with_provider(|provider| provider.response_mode(ResponseMode::FormPost));
    let there = browser.begin(&provider).await;
    let callback = provider.authorize(&there, "alice");
    (browser, provider, callback)
}

#[tokio::test]
async fn oa_09_a_login_begun_under_an_earlier_configuration_does_not_end_at_another_issuer() {
    let (story, callback) = at_the_door().await;
    let mut later = FakeProvider::new("op", &story.clock);
    later.issuer = "https://later.example".to_owned();
    later.remove(Metadata, "authorization_response_iss_parameter_supported");
    let settings = config(std::slice::from_ref(&later), &story.store, &story.clock);
    let app = App::new(settings.build().unwrap(), &story.clock);
    let callback = callback.without("iss");

    let answer = story.browser.clone().at(&app).come_back(&callback).await;

    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(later.take_asked(), [Metadata], "the code is not for its eyes");
}

#[tokio::test]
async fn t_40_a_link_with_somebody_elses_code_and_state_signs_nobody_in() {
    let (story, callback) = at_the_door().await;
    let mut victim = story.another_browser();

    let answer = victim.come_back(&callback).await;

    story.assert_refused_for(&victim, &answer, 400, &[]);
    assert_eq!(answer.set_cookies(), [""; 0]);
}

#[tokio::test]
async fn oa_10_a_state_that_is_missing_or_changed_is_refused() {
    let (_, callback) = at_the_door().await;
    let state = callback.get("state").to_owned();
    let (id, secret) = state.split_once('.').unwrap();
    let states = [
        String::new(),
        id.to_owned(),
        format!("{id}."),
        format!("{id}.{}", "A".repeat(43)),
        format!("{id}.{}", secret.to_uppercase()),
        format!("{state}x"),
        secret.to_owned(),
        format!("{}.{secret}", "0".repeat(26)),
        format!("../{id}.{secret}"),
        "\u{1F36A}".to_owned(),
    ];
    for change in states {
        let (mut story, callback) = at_the_door().await;
        let theirs = callback.get("state").to_owned();
        let change = change.replace(id, theirs.split_once('.').unwrap().0);
        let answer = story.browser.come_back(&callback.with("state", &change)).await;
        story.assert_refused(&answer, 400, &[]);
    }
    let (mut story, callback) = at_the_door().await;
    let answer = story.browser.come_back(&callback.without("state")).await;
    story.assert_refused(&answer, 400, &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t_42_a_callback_replayed_a_hundred_times_at_once_makes_one_session() {
    let (story, callback) = at_the_door().await;
    let mut replays = JoinSet::new();
    for _ in 0..100 {
        let (mut browser, callback) = (story.browser.clone(), callback.clone());
        replays.spawn(async move { browser.come_back(&callback).await });
    }
    let answers = replays.join_all().await;

    assert_eq!(answers.iter().filter(|answer| answer.gives_session()).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 400).count(), 99);
    assert_eq!(story.provider.requests(Token).len(), 1);
    assert_eq!(story.store.writes(), 1);
}

#[tokio::test]
async fn t_42_a_callback_replayed_at_another_node_is_refused_by_the_provider() {
    let (mut story, callback) = at_the_door().await;
    let providers = std::slice::from_ref(&story.provider);
    let config = config(providers, &story.store, &story.clock).build().unwrap();
    let mut elsewhere = story.browser.clone().at(&App::new(config, &story.clock));

    assert_eq!(story.browser.come_back(&callback).await.status, 302);
    let answer = elsewhere.come_back(&callback).await;

    assert_eq!(answer.status, 400);
    assert!(!answer.gives_session());
    assert_eq!(story.store.writes(), 1);
}

#[tokio::test]
async fn oa_10_a_login_that_failed_is_over_and_its_cookie_gone() {
    for (document, status) in [(Token, 502), (Keys, 502), (Userinfo, 502)] {
        let (mut story, callback) = at_the_door().await;
        story.provider.reply(document, Reply::json("[]"));
        let before = story.browser.clone();

        let answer = story.browser.come_back(&callback).await;

        assert_eq!(answer.status, status, "{document:?}");
        assert_eq!(story.browser.logins(), [], "{document:?}");
        story.provider.be_honest();
        story.provider.take_asked();
        let mut again = before;
        assert_eq!(again.come_back(&callback).await.status, 400);
        assert_eq!(story.provider.take_asked(), []);
    }
}

#[tokio::test]
async fn t_44_oa_09_an_answer_of_one_provider_completes_no_login_at_another() {
    let clock = ManualClock::new();
    let providers = [FakeProvider::new("op", &clock), FakeProvider::new("other", &clock)];
    let store = TestStore::new();
    let app = App::new(config(&providers, &store, &clock).build().unwrap(), &clock);
    for (here, there) in [(&providers[0], &providers[1]), (&providers[1], &providers[0])] {
        let mut browser = Browser::new(&app);
        let request = browser.begin(here).await;
        let honest = here.authorize(&request, "alice");
        providers.iter().for_each(|provider| drop(provider.take_asked()));
        let writes = store.writes();
        let redirect_uri = honest.redirect_uri.replace(here.name, there.name);
        let mixed_up = Callback { redirect_uri, ..honest.clone() };

        for callback in [mixed_up.clone(), mixed_up.without("iss")] {
            let answer = browser.come_back(&callback).await;
            assert_eq!(answer.status, 400, "{answer:?}");
        }

        assert!(providers.iter().all(|provider| provider.take_asked().is_empty()));
        assert_eq!(store.writes(), writes);
        // The attempt costs the honest login nothing.
        assert_eq!(browser.come_back(&honest).await.status, 302);
    }
}

#[tokio::test]
async fn oa_08_an_answer_that_names_another_issuer_or_none_is_refused() {
    for issuer in ["https://other.example", "https://op.example/", "", "https%3A%2F%2Fop.example"] {
        let (mut story, callback) = at_the_door().await;
        let answer = story.browser.come_back(&callback.with("iss", issuer)).await;
        story.assert_refused(&answer, 502, &[]);
    }
    let (mut story, callback) = at_the_door().await;
    let answer = story.browser.come_back(&callback.without("iss")).await;
    story.assert_refused(&answer, 502, &[]);

    let (mut story, callback) = at_the_door().await;
    let error = callback.without("code").and("error", "access_denied");
    let answer = story.browser.come_back(&error.with("iss", "https://other.example")).await;
    story.assert_refused(&answer, 502, &[]);
}

#[tokio::test]
async fn oa_08_a_provider_that_promises_no_issuer_may_leave_it_out() {
    let mut story = Story::new();
    story.provider.remove(Metadata, "authorization_response_iss_parameter_supported");
    story.sign_in("alice").await;
}

#[tokio::test]
async fn oc_28_a_parameter_that_is_there_twice_is_refused() {
    for name in ["code", "state", "iss"] {
        let (mut story, callback) = at_the_door().await;
        let same = callback.get(name).to_owned();
        let answer = story.browser.come_back(&callback.and(name, &same)).await;
        story.assert_refused(&answer, 400, &[]);
    }
    let (mut story, callback) = at_the_door().await;
    let errors = callback.and("error", "a").and("error", "b");
    let answer = story.browser.come_back(&errors).await;
    story.assert_refused(&answer, 400, &[]);
}

#[tokio::test]
async fn oc_28_a_form_has_each_parameter_once_and_none_in_the_query() {
    let (mut browser, provider, callback) = at_the_door_with_a_form().await;
    provider.take_asked();
    let same = callback.get("code").to_owned();
    let answer = browser.come_back(&callback.clone().and("code", &same)).await;
    assert_eq!(answer.status, 400);
    let url = format!("{}?state=x", callback.redirect_uri);
    let answer = browser.post(&url, &callback.encoded()).await;
    assert_eq!(answer.status, 400);
    assert_eq!(provider.take_asked(), []);
    assert!(!browser.has_session());
}

#[tokio::test]
async fn t_54_a_form_that_is_none_or_too_long_is_refused() {
    let (mut browser, provider, callback) = at_the_door_with_a_form().await;
    provider.take_asked();
    let long = callback.clone().and("x", &"y".repeat(70_000));
    assert_eq!(browser.come_back(&long).await.status, 413);
    let request =
        http::Request::post("/.auth/login/op/callback").header("content-type", "text/plain");
    assert_eq!(browser.send_raw(request).await.status, 415);
    assert_eq!(provider.take_asked(), []);
}

#[tokio::test]
async fn oa_11_t_45_somebody_elses_code_is_bound_to_their_verifier() {
    let (mut story, callback) = at_the_door().await;
    let there = story.another_browser().begin(&story.provider).await;
    let stolen = story.provider.authorize(&there, "victim").get("code").to_owned();
    story.provider.take_asked();

    let answer = story.browser.come_back(&callback.with("code", &stolen)).await;

    story.assert_refused(&answer, 400, &[Token]);
}

#[tokio::test]
async fn oa_11_t_45_and_to_their_nonce_where_the_provider_forgets_to_check() {
    let (mut story, callback) = at_the_door().await;
    story.provider.forget_pkce();
    let there = story.another_browser().begin(&story.provider).await;
    let stolen = story.provider.authorize(&there, "victim").get("code").to_owned();
    story.provider.take_asked();

    let answer = story.browser.come_back(&callback.with("code", &stolen)).await;

    story.assert_refused(&answer, 502, &[Token, Keys]);
}

#[tokio::test]
async fn t_46_the_verifier_goes_out_whatever_the_metadata_say_by_then() {
    let (mut story, callback) = at_the_door().await;
    story.provider.remove(Metadata, "code_challenge_methods_supported");
    story.clock.advance(std::time::Duration::from_secs(200));

    story.browser.come_back(&callback).await;

    assert!(story.provider.requests(Token)[0].parameter("code_verifier").is_some());
}

#[tokio::test]
async fn t_47_an_id_token_of_an_earlier_login_is_refused() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    let old = story.browser.fetch("/.auth/me").await.json()[0]["id_token"].clone();
    story.provider.set(Token, "id_token", old);
    story.provider.set(Token, "access_token", "");
    let writes = story.store.writes();

    let mut mallory = story.another_browser();
    assert_eq!(mallory.try_sign_in(&story.provider, "mallory").await.status, 502);
    story.provider.be_honest();
    let old = story.browser.fetch("/.auth/me").await.json()[0].clone();
    story.provider.set(Token, "id_token", old["id_token"].clone());
    story.provider.set(Token, "access_token", old["access_token"].clone());
    assert_eq!(mallory.try_sign_in(&story.provider, "mallory").await.sub_status(), "502.83");

    assert!(!mallory.has_session());
    assert_eq!(story.store.writes(), writes);
}

#[tokio::test]
async fn oa_17_a_login_that_one_user_began_is_not_finished_by_another() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    let there = story.browser.begin(&story.provider).await;
    story.sign_in("bob").await;
    story.provider.take_asked();

    let answer = story.browser.come_back(&story.provider.authorize(&there, "alice")).await;

    assert_eq!(answer.status, 400);
    assert_eq!(story.provider.take_asked(), []);
    assert_eq!(story.browser.user().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn t_41_a_planted_session_ends_with_the_login_and_its_id_is_not_taken_over() {
    let mut story = Story::new();
    let mut attacker = story.another_browser();
    attacker.sign_in(&story.provider, "mallory").await;
    let planted = attacker.cookie("AppServiceAuthSession").unwrap().to_owned();
    story.browser.plant("AppServiceAuthSession", &planted);

    story.sign_in("alice").await;

    assert_ne!(story.browser.cookie("AppServiceAuthSession"), Some(planted.as_str()));
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
    assert_eq!(attacker.user().await, None);
}

#[tokio::test]
async fn t_41_a_planted_login_needs_its_state_in_this_tab() {
    let (mut story, _) = at_the_door().await;
    let mut attacker = story.another_browser();
    let there = attacker.begin(&story.provider).await;
    let theirs = story.provider.authorize(&there, "mallory");
    let own = story.provider.authorize(&story.browser.begin(&story.provider).await, "alice");
    for (name, value) in attacker.logins() {
        story.browser.plant(&name, &value);
    }

    let answer = story.browser.come_back(&own.with("code", theirs.get("code"))).await;

    assert_eq!(answer.status, 400);
    assert!(!story.browser.has_session());
}

#[tokio::test]
async fn oc_25_an_error_ends_the_login_says_what_to_do_and_echoes_nothing() {
    for (error, status) in [
        ("access_denied", 403),
        ("login_required", 401),
        ("interaction_required", 401),
        ("server_error", 503),
        ("temporarily_unavailable", 503),
        ("invalid_scope", 500),
        ("unheard_of", 401),
        ("<script>alert(1)</script>", 401),
        ("", 401),
    ] {
        let mut story = Story::new();
        let description =
            format!("<script>alert(1)</script>\r\nX: y \u{202e}{}", "z".repeat(9_000));
        story.provider.refuse_with(error, &description);

        let answer = story.try_sign_in("alice").await;

        story.assert_refused(&answer, status, &[Metadata]);
        assert_eq!(story.browser.logins(), [], "{error}");
        for echo in ["<script", "X: y", "zzz", "\u{202e}"] {
            assert!(!answer.text().contains(echo), "{error}: {answer:?}");
            assert!(!format!("{:?}", answer.headers).contains(echo), "{error}");
        }
    }
}

#[tokio::test]
async fn t_58_probing_tells_nothing_but_that_nobody_is_signed_in() {
    let mut story = Story::new();
    story.provider.refuse_with("login_required", "");
    let there = story.browser.visit("/.auth/login/op?prompt=none").await;
    let there = there.location().parse().unwrap();
    let answer = story.browser.come_back(&story.provider.authorize(&there, "alice")).await;

    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    story.assert_refused(&answer, 401, &[Metadata]);
}

#[tokio::test]
async fn a_callback_without_anything_is_refused() {
    for query in ["", "?", "?code=", "?code=x", "?error=x", "?code=%ff&state=x", "?%", "?&&&"] {
        let (mut story, _) = at_the_door().await;
        let answer = story.browser.visit(&format!("/.auth/login/op/callback{query}")).await;
        story.assert_refused(&answer, 400, &[]);
    }
}

#[tokio::test]
async fn t_55_a_provider_that_is_not_configured_is_nowhere() {
    let mut story = Story::new();
    let long = "x".repeat(10_000);
    for name in ["unknown", "OP_", "op%20", "%6fp", "..", "%2e%2e", "op;x", "d%C3%B6", &long] {
        for tail in ["", "/callback", "/callback?code=x&state=y"] {
            let answer = story.browser.visit(&format!("/.auth/login/{name}{tail}")).await;
            assert_eq!(answer.status, 404, "{name}{tail}");
        }
    }
    assert_eq!(story.provider.take_asked(), []);
}
