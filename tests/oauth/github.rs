use easyauth::provider::GitHub;

use super::{IDENTITY, Story, query};

const TOKEN: &str = "POST https://github.com/login/oauth/access_token";
const USER: &str = "GET https://api.github.com/user";
const EMAILS: &str = "GET https://api.github.com/user/emails";

fn story(provider: GitHub) -> Story {
    let story = Story::new("github", provider);
    story.vendor.json(TOKEN, include_str!("../data/github/token.json"));
    story.vendor.json(USER, include_str!("../data/github/user.json"));
    story.vendor.json(EMAILS, include_str!("../data/github/emails.json"));
    story
}

fn github() -> GitHub {
    GitHub::new("github-id", "github-secret")
}

#[tokio::test]
async fn the_browser_is_sent_away_as_the_original_does_and_with_pkce() {
    let mut story = story(github());
    let there = story.begin().await;

    assert!(there.as_str().starts_with("https://github.com/login/oauth/authorize?"));
    assert_eq!(
        query(&there),
        "client_id=github-id&redirect_uri=https://app.example/.auth/login/github/callback\
         &code_challenge=…&code_challenge_method=S256&state=…"
    );
}

#[tokio::test]
async fn scopes_and_parameters_come_where_the_original_has_them() {
    let mut story =
        story(github().scopes(["user:email", "repo"]).login_parameter("allow_signup", "false"));
    let there = story.begin_with("?login=octocat&scope=admin&allow_signup=true&x=y").await;

    assert_eq!(
        query(&there),
        "client_id=github-id&redirect_uri=https://app.example/.auth/login/github/callback\
         &scope=user:email repo&login=octocat&allow_signup=true\
         &code_challenge=…&code_challenge_method=S256&state=…"
    );
}

#[tokio::test]
async fn the_code_is_redeemed_with_verifier_and_secret_in_the_form() {
    let mut story = story(github());
    assert_eq!(story.sign_in().await.status, 302);

    let asked = &story.vendor.asked("https://github.com/login/oauth/access_token")[0];
    for (name, value) in [
        ("client_id", "github-id"),
        ("client_secret", "github-secret"),
        ("code", "a-code"),
        ("redirect_uri", "https://app.example/.auth/login/github/callback"),
    ] {
        assert_eq!(asked.parameter(name).as_deref(), Some(value));
    }
    assert_eq!(asked.parameter("code_verifier").unwrap().len(), 43);
    assert_eq!(asked.header("accept"), Some("application/json"));
    let user = &story.vendor.asked("https://api.github.com/user")[0];
    assert_eq!(
        user.header("authorization"),
        Some("Bearer gho_16C7e42F292c6912E7710c838347Ae178B4a")
    );
    assert!(user.header("user-agent").unwrap().starts_with("easyauth/"));
}

#[tokio::test]
async fn the_user_is_told_with_the_originals_claims() {
    let mut story = story(github());
    story.sign_in().await;

    let principal = story.seen().await.principal();
    assert_eq!(principal["provider"], "github");
    assert_eq!(principal["user_id"], "1");
    assert_eq!(principal["name"], "monalisa octocat");
    assert_eq!(principal["name_type"], format!("{IDENTITY}/name"));
    assert_eq!(story.me().await["user_id"], "monalisa octocat");
    let claims = story.claims().await;
    assert_eq!(
        claims[..7],
        [
            format!("{IDENTITY}/nameidentifier=1"),
            format!("{IDENTITY}/name=monalisa octocat"),
            "urn:github:login=octocat".to_owned(),
            "urn:github:id=1".to_owned(),
            "urn:github:type=User".to_owned(),
            "urn:github:avatar_url=https://github.com/images/error/octocat_happy.gif".to_owned(),
            "urn:github:node_id=MDQ6VXNlcjE=".to_owned(),
        ]
    );
    for further in ["urn:github:email=octocat@github.com", "urn:github:site_admin=false"] {
        assert!(claims.iter().any(|claim| claim == further), "{claims:?}");
    }
    // Neither what is empty nor what is no word.
    for left_out in ["urn:github:gravatar_id=", "urn:github:plan=", "urn:github:name="] {
        assert!(!claims.iter().any(|claim| claim.starts_with(left_out)), "{claims:?}");
    }
}

#[tokio::test]
async fn somebody_without_a_name_is_called_by_their_login() {
    let mut story = story(github());
    story.vendor.json(USER, r#"{"login": "octocat", "id": 1, "name": null}"#);
    story.sign_in().await;

    assert_eq!(story.me().await["user_id"], "octocat");
    assert_eq!(story.claims().await[1], format!("{IDENTITY}/name=octocat"));
}

#[tokio::test]
async fn the_access_token_reaches_the_application_and_no_other_kind() {
    let mut story = story(github());
    story.sign_in().await;
    let seen = story.seen().await;

    let access_token = "gho_16C7e42F292c6912E7710c838347Ae178B4a";
    assert_eq!(seen.seen("x-ms-token-github-access-token"), [access_token]);
    for kind in ["expires-on", "refresh-token", "id-token", "access-token-secret"] {
        assert!(seen.seen(&format!("x-ms-token-github-{kind}")).is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn the_verified_primary_address_is_the_email_claim_where_it_may_be_read() {
    let email = format!("{IDENTITY}/emailaddress=octocat@github.com");
    for (provider, asked) in [
        (github(), false),
        (github().scopes(["user:email"]), true),
        (github().scopes(["user"]), true),
        (github().emails(), true),
    ] {
        let mut story = story(provider);
        story.sign_in().await;
        assert_eq!(story.claims().await.contains(&email), asked);
    }
}

#[tokio::test]
async fn an_address_that_is_not_proved_is_no_claim_and_one_that_is_kept_back_no_failure() {
    let unproved = r#"[{"email": "victim@example.com", "verified": false, "primary": true},
        {"email": "second@example.com", "verified": true, "primary": false}]"#;
    for (status, body) in [(200, unproved), (200, "[]"), (404, "{}"), (403, "{}")] {
        let mut story = story(github().emails());
        story.vendor.answer(EMAILS, status, "application/json", body);
        assert_eq!(story.sign_in().await.status, 302);
        assert!(!story.claims().await.iter().any(|claim| claim.contains("emailaddress")));
    }
    let mut story = story(github().emails());
    story.vendor.answer(EMAILS, 502, "text/html", "<h1>Unicorn!</h1>");
    let answer = story.sign_in().await;
    story.assert_nobody(&answer, 503);
}

#[tokio::test]
async fn an_error_under_status_200_signs_nobody_in() {
    for (body, status) in [
        (include_str!("../data/github/bad-verification-code.json"), 400),
        (include_str!("../data/github/unverified-user-email.json"), 400),
        (include_str!("../data/github/incorrect-client-credentials.json"), 500),
    ] {
        let mut story = story(github());
        story.vendor.json(TOKEN, body);
        let answer = story.sign_in().await;
        story.assert_nobody(&answer, status);
        assert!(story.vendor.asked("https://api.github.com/user").is_empty());
    }
}

#[tokio::test]
async fn what_github_refuses_at_its_login_page_is_explained() {
    for (error, status) in
        [("access_denied", 403), ("redirect_uri_mismatch", 500), ("application_suspended", 500)]
    {
        let mut story = story(github());
        let there = story.begin().await;
        let answer = story.come_back(&there, &[("error", error)]).await;
        story.assert_nobody(&answer, status);
        assert_eq!(story.vendor.count(), 0);
    }
}

#[tokio::test]
async fn oa_08_an_answer_in_another_issuers_name_is_refused() {
    for (iss, signed_in) in
        [("https://github.com/login/oauth", true), ("https://evil.example/login/oauth", false)]
    {
        let mut story = story(github());
        let there = story.begin().await;
        let answer = story.come_back(&there, &[("code", "a-code"), ("iss", iss)]).await;
        assert_eq!(story.browser.has_session(), signed_in, "{answer:?}");
    }
}

#[tokio::test]
async fn t_40_oa_10_a_state_that_is_not_the_browsers_own_signs_nobody_in() {
    let mut story = story(github());
    let there = story.begin().await;
    let mut other = super::Story::new("github", github());
    let theirs = other.begin().await;
    let answer = story.come_back(&theirs, &[("code", "theirs")]).await;

    story.assert_nobody(&answer, 400);
    assert_eq!(story.come_back(&there, &[("code", "mine")]).await.status, 302);
    let again = story.come_back(&there, &[("code", "mine")]).await;
    assert_eq!(again.status, 400);
}

#[tokio::test]
async fn an_answer_that_does_not_say_who_the_user_is_signs_nobody_in() {
    for body in [
        "{}",
        r#"{"login": "octocat"}"#,
        r#"{"id": 1}"#,
        r#"{"id": 1.5, "login": "o"}"#,
        "[]",
        "no",
    ] {
        let mut story = story(github());
        story.vendor.json(USER, body);
        let answer = story.sign_in().await;
        story.assert_nobody(&answer, 502);
    }
    let mut story = story(github());
    story.vendor.answer(USER, 401, "application/json", r#"{"message": "Bad credentials"}"#);
    let answer = story.sign_in().await;
    story.assert_nobody(&answer, 502);
}

#[tokio::test]
async fn expiring_tokens_are_refreshed_and_the_refresh_token_is_exchanged_with_them() {
    let mut story = story(github());
    story.vendor.json(TOKEN, include_str!("../data/github/token-expiring.json"));
    story.sign_in().await;
    let before = story.seen().await;
    assert_eq!(
        before.seen("x-ms-token-github-refresh-token"),
        ["ghr_SYNTHETIC000000000000000000000000000000000000000000000000000000000000001"]
    );
    assert_eq!(before.seen("x-ms-token-github-expires-on").len(), 1);

    story.vendor.json(TOKEN, include_str!("../data/github/token-refreshed.json"));
    assert_eq!(story.refresh().await.status, 200);
    let asked = story.vendor.asked("https://github.com/login/oauth/access_token");
    let refresh = asked.last().unwrap();
    assert_eq!(refresh.parameter("grant_type").as_deref(), Some("refresh_token"));
    assert!(refresh.parameter("refresh_token").unwrap().ends_with("1"));
    let after = story.seen().await;
    assert_eq!(
        after.seen("x-ms-token-github-access-token"),
        ["ghu_SYNTHETIC0000000000000000000000000002"]
    );
    assert_eq!(after.principal(), before.principal());
}

#[tokio::test]
async fn a_refresh_token_that_github_refuses_is_403_and_the_old_tokens_stay() {
    let mut story = story(github());
    story.vendor.json(TOKEN, include_str!("../data/github/token-expiring.json"));
    story.sign_in().await;
    story.vendor.json(TOKEN, include_str!("../data/github/bad-refresh-token.json"));

    assert_eq!(story.refresh().await.sub_status(), "403.81");
    let access_token = story.me().await["access_token"].clone();
    assert_eq!(access_token, "ghu_SYNTHETIC0000000000000000000000000001");
}

#[tokio::test]
async fn without_expiring_tokens_a_refresh_is_400_and_says_what_would_change_that() {
    let mut story = story(github());
    story.sign_in().await;
    let answer = story.refresh().await;

    assert_eq!(answer.sub_status(), "400.80");
    assert!(answer.text().contains("User-to-server token expiration"), "{answer:?}");
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let mut story = story(github());
    story.sign_in().await;
    let copy = story.browser.clone();
    assert_eq!(story.browser.visit("/.auth/logout").await.status, 302);

    story.browser = copy;
    assert_eq!(story.browser.user().await, None);
}

#[tokio::test]
async fn github_enterprise_is_asked_at_its_own_addresses() {
    let provider =
        github().enterprise("https://git.corp.example/", "https://git.corp.example/api/v3");
    let mut story = Story::new("github", provider);
    let vendor = &story.vendor;
    vendor.json(
        "POST https://git.corp.example/login/oauth/access_token",
        include_str!("../data/github/token.json"),
    );
    vendor
        .json("GET https://git.corp.example/api/v3/user", include_str!("../data/github/user.json"));
    let there = story.begin().await;

    assert!(there.as_str().starts_with("https://git.corp.example/login/oauth/authorize?client_id"));
    assert_eq!(story.come_back(&there, &[("code", "a-code")]).await.status, 302);
    assert_eq!(story.me().await["user_id"], "monalisa octocat");
}

#[tokio::test]
async fn a_program_gets_a_session_token_where_it_asks_for_one() {
    let mut story = story(github());
    let there = story.begin_with("?session_mode=token").await;
    let answer = story.come_back(&there, &[("code", "a-code")]).await;

    let (landing, fragment) = answer.location().split_once('#').unwrap();
    assert_eq!(landing, "https://app.example/.auth/login/done");
    assert!(fragment.starts_with("token=") && !story.browser.has_session(), "{answer:?}");
}

#[tokio::test]
async fn t_52_a_token_that_somebody_brings_along_signs_nobody_in() {
    let story = story(github());
    let brought = r#"{"access_token": "gho_of_another_app", "id_token": "e30.e30.e30"}"#;
    let request = http::Request::post("/.auth/login/github")
        .header("host", "app.example")
        .header("content-type", "application/json")
        .body(http_body_util::Full::from(brought));
    let answer = story.app.send(request.unwrap()).await;

    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.refusal.is_some() && !answer.gives_session(), "{answer:?}");
    assert_eq!(story.vendor.count(), 0);
}
