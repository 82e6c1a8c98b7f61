use easyauth::Config;
use easyauth::provider::{ClientAuthentication, OAuth2};

use super::{IDENTITY, Story, query};

const TOKEN: &str = "POST https://git.example/oauth/token";
const USER: &str = "GET https://git.example/api/user";
const TOKENS: &str = r#"{"access_token": "a-1", "token_type": "bearer", "expires_in": 3600,
    "refresh_token": "r-1", "scope": "profile"}"#;

fn git() -> OAuth2 {
    let endpoints = [
        "https://git.example/oauth/authorize",
        "https://git.example/oauth/token",
        "https://git.example/api/user",
    ];
    OAuth2::new("git", endpoints, "git-id", "git-secret").scopes(["profile", "email"])
}

fn story(provider: OAuth2) -> Story {
    let story = Story::new("git", provider);
    story.vendor.json(TOKEN, TOKENS);
    story.vendor.json(USER, r#"{"id": 7, "login": "alice", "email": "alice@git.example"}"#);
    story
}

#[tokio::test]
async fn the_browser_is_sent_away_with_pkce_and_without_a_nonce() {
    let mut story = story(git().login_parameter("audience", "api"));
    let there = story.begin_with("?prompt=login&scope=admin&nonce=n").await;

    assert_eq!(
        query(&there),
        "response_type=code&redirect_uri=https://app.example/.auth/login/git/callback\
         &client_id=git-id&scope=profile email&prompt=login&audience=api\
         &code_challenge=…&code_challenge_method=S256&state=…"
    );
}

#[tokio::test]
async fn whoever_signs_in_is_told_with_claims_headers_and_tokens() {
    let mut story = story(git());
    assert_eq!(story.sign_in().await.status, 302);
    let seen = story.seen().await;

    assert_eq!(seen.principal()["user_id"], "7");
    assert_eq!(seen.principal()["name"], "alice");
    assert_eq!(seen.seen("x-ms-client-principal-idp"), ["git"]);
    assert_eq!(seen.seen("x-ms-token-git-access-token"), ["a-1"]);
    assert_eq!(seen.seen("x-ms-token-git-refresh-token"), ["r-1"]);
    assert_eq!(seen.seen("x-ms-token-git-expires-on").len(), 1);
    assert_eq!(
        story.claims().await,
        [
            format!("{IDENTITY}/nameidentifier=7"),
            "login=alice".to_owned(),
            format!("{IDENTITY}/emailaddress=alice@git.example"),
        ]
    );
}

#[tokio::test]
async fn we_prove_who_we_are_in_the_configured_way() {
    for (method, in_header) in [
        (None, true),
        (Some(ClientAuthentication::ClientSecretBasic), true),
        (Some(ClientAuthentication::ClientSecretPost), false),
    ] {
        let provider = method.into_iter().fold(git(), OAuth2::client_authentication);
        let mut story = story(provider);
        story.sign_in().await;
        let asked = &story.vendor.asked("https://git.example/oauth/token")[0];
        assert_eq!(asked.header("authorization").is_some(), in_header);
        assert_eq!(asked.parameter("client_secret").is_some(), !in_header);
        assert!(asked.parameter("code_verifier").is_some());
    }
    let mut public = story(git().public_client());
    public.sign_in().await;
    let asked = &public.vendor.asked("https://git.example/oauth/token")[0];
    assert_eq!(asked.parameter("client_id").as_deref(), Some("git-id"));
    assert!(asked.header("authorization").is_none() && asked.parameter("client_secret").is_none());
}

#[tokio::test]
async fn a_provider_that_refuses_pkce_gets_none() {
    let mut story = story(git().without_pkce());
    let there = story.begin().await;
    assert!(!there.as_str().contains("code_challenge"));
    assert_eq!(story.come_back(&there, &[("code", "a-code")]).await.status, 302);

    let asked = &story.vendor.asked("https://git.example/oauth/token")[0];
    assert_eq!(asked.parameter("code_verifier"), None);
}

#[tokio::test]
async fn tokens_are_refreshed_where_a_refresh_token_came() {
    let mut story = story(git());
    story.sign_in().await;
    story.vendor.json(TOKEN, r#"{"access_token": "a-2", "expires_in": 3600}"#);

    assert_eq!(story.refresh().await.status, 200);
    let seen = story.seen().await;
    assert_eq!(seen.seen("x-ms-token-git-access-token"), ["a-2"]);
    // One that does not come anew stays.
    assert_eq!(seen.seen("x-ms-token-git-refresh-token"), ["r-1"]);
    assert_eq!(seen.principal()["user_id"], "7");
}

#[tokio::test]
async fn a_withdrawn_refresh_token_is_403_and_none_at_all_400() {
    let mut withdrawn = story(git());
    withdrawn.sign_in().await;
    withdrawn.vendor.answer(TOKEN, 400, "application/json", r#"{"error": "invalid_grant"}"#);
    assert_eq!(withdrawn.refresh().await.sub_status(), "403.81");

    let mut none = story(git());
    none.vendor.json(TOKEN, r#"{"access_token": "a-1"}"#);
    none.sign_in().await;
    let answer = none.refresh().await;
    assert_eq!(answer.sub_status(), "400.80");
    assert!(answer.text().contains("scope of their own"), "{answer:?}");
}

#[tokio::test]
async fn an_id_token_that_nobody_has_checked_is_not_handed_on() {
    let mut story = story(git());
    story.vendor.json(TOKEN, r#"{"access_token": "a-1", "id_token": "e30.e30.e30"}"#);
    story.sign_in().await;

    assert!(story.seen().await.seen("x-ms-token-git-id-token").is_empty());
    assert!(story.me().await["id_token"].is_null());
}

#[tokio::test]
async fn wrong_answers_sign_nobody_in() {
    for (asked, status, body, expected) in [
        (USER, 200, r#"{"login": "alice"}"#, 502),
        (USER, 200, r#"{"id": null}"#, 502),
        (USER, 200, r#"{"id": 7, "id": 8}"#, 502),
        (USER, 200, "<html>", 502),
        (USER, 401, "{}", 502),
        (USER, 404, "{}", 502),
        (USER, 503, "", 503),
        (TOKEN, 200, "{}", 502),
        (TOKEN, 200, r#"{"access_token": "a", "token_type": "mac"}"#, 502),
        (TOKEN, 400, r#"{"error": "invalid_grant"}"#, 400),
        (TOKEN, 401, r#"{"error": "invalid_client"}"#, 500),
    ] {
        let mut story = story(git());
        story.vendor.answer(asked, status, "application/json", body);
        let answer = story.sign_in().await;
        story.assert_nobody(&answer, expected);
    }
}

#[tokio::test]
async fn an_issuer_that_is_configured_is_the_only_one_to_answer() {
    for (provider, iss, signed_in) in [
        (git(), "https://whatever.example", true),
        (git().issuer("https://git.example/oauth"), "https://git.example/oauth", true),
        (git().issuer("https://git.example/oauth"), "https://evil.example", false),
    ] {
        let mut story = story(provider);
        let there = story.begin().await;
        story.come_back(&there, &[("code", "a-code"), ("iss", iss)]).await;
        assert_eq!(story.browser.has_session(), signed_in, "{iss}");
    }
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let mut story = story(git());
    story.sign_in().await;
    let copy = story.browser.clone();
    assert_eq!(story.browser.visit("/.auth/logout").await.status, 302);

    story.browser = copy;
    assert_eq!(story.browser.user().await, None);
}

#[tokio::test]
async fn two_users_of_one_provider_are_two_and_signing_in_again_replaces_the_session() {
    let mut story = story(git());
    story.sign_in().await;
    let first = story.browser.clone();
    story.vendor.json(USER, r#"{"id": 8, "login": "bob"}"#);
    story.sign_in().await;

    assert_eq!(story.browser.user().await.as_deref(), Some("8"));
    story.browser = first;
    assert_eq!(story.browser.user().await, None);
}

#[test]
fn a_secret_that_is_to_stay_here_is_not_sent_in_the_place_of_a_signature() {
    for (method, accepted) in [
        (ClientAuthentication::ClientSecretBasic, true),
        (ClientAuthentication::ClientSecretPost, true),
        (ClientAuthentication::ClientSecretJwt, false),
        (ClientAuthentication::PrivateKeyJwt, false),
    ] {
        let config = Config::builder().public_origin("https://app.example");
        let built = config.provider(git().client_authentication(method)).build();

        assert_eq!(built.is_ok(), accepted, "{method:?}");
        if let Err(error) = built {
            let error = error.to_string();
            assert!(error.contains("git.registration.clientCredential: "), "{error}");
            assert!(error.contains("ClientSecretBasic or ClientSecretPost"), "{error}");
        }
    }
}
