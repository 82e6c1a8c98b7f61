//! Sign in with Apple.

use easyauth::provider::{Apple, PrivateKey};

use super::*;

const USER: &str = include_str!("../data/apple/user.json");

fn key() -> PrivateKey {
    let pem = include_str!("../data/throwaway-test-key-p256.p8");
    PrivateKey::from_pem(pem).unwrap().key_id("ABC123DEFG")
}

fn story() -> Story {
    let story = Story::at("apple", "", |provider| {
        Apple::new(CLIENT_ID, TEAM_ID, key()).issuer(&provider.issuer)
    });
    story.provider.state_claims(include_str!("../data/apple/id-token.json"));
    story
}

async fn name(story: &mut Story) -> String {
    story.browser.fetch("/").await.seen("x-ms-client-principal-name").remove(0)
}

#[tokio::test]
async fn the_authorization_request_has_the_answer_posted() {
    let mut story = story();

    assert_eq!(
        authorization_query(&mut story, "/.auth/login/apple?prompt=login").await,
        "response_type=code&redirect_uri=https://app.example/.auth/login/apple/callback\
         &client_id=web&scope=openid name email&response_mode=form_post\
         &code_challenge=…&code_challenge_method=S256&nonce=…&state=…"
    );
}

#[tokio::test]
async fn ck_05_only_the_cookie_of_the_pending_login_crosses_sites() {
    let mut story = story();
    let answer = story.browser.visit("/.auth/login/apple").await;
    let [line] = answer.set_cookies()[..] else { panic!("{answer:?}") };
    assert!(line.ends_with("; SameSite=None"), "{line}");

    let there = Url::parse(answer.location()).unwrap();
    let answer = story.browser.come_back(&story.provider.authorize(&there, "alice")).await;
    let session = answer.set_cookies().into_iter().find(|line| line.contains("AuthSession="));
    assert!(session.unwrap().ends_with("; SameSite=Lax"), "{answer:?}");
}

#[tokio::test]
async fn a_user_signs_in_and_has_the_name_that_apple_told_once() {
    let mut story = story();
    story.provider.answer_beside_code("user", USER);

    story.sign_in("alice").await;

    let answer = story.browser.fetch("/").await;
    assert_eq!(answer.seen("x-ms-client-principal-idp"), ["apple"]);
    let id = "001234.5b3a3bdf9c0b4f049c1471cae1cd1d8d.0001";
    assert_eq!(answer.seen("x-ms-client-principal-id"), [id]);
    assert_eq!(answer.seen("x-ms-client-principal-name"), ["John Appleseed"]);
    let claims = claims(&mut story).await;
    for claim in [
        format!("{IDENTITY}/nameidentifier={id}"),
        format!("{IDENTITY}/emailaddress=abc@privaterelay.appleid.com"),
        format!("{IDENTITY}/givenname=John"),
        format!("{IDENTITY}/surname=Appleseed"),
        "is_private_email=true".to_owned(),
    ] {
        assert!(claims.contains(&claim), "{claim}: {claims:?}");
    }
    assert!(!claims.iter().any(|claim| claim.contains("appleseed@example.com")), "{claims:?}");
    assert_eq!(
        token_headers(&mut story).await,
        [
            "x-ms-token-apple-access-token",
            "x-ms-token-apple-expires-on",
            "x-ms-token-apple-id-token",
            "x-ms-token-apple-refresh-token",
        ]
    );
}

#[tokio::test]
async fn the_name_stays_through_refresh_and_later_sign_ins() {
    let mut story = story();
    story.provider.answer_beside_code("user", USER);
    story.sign_in("alice").await;
    story.provider.forget_beside_code();
    story.clock.advance(HOUR / 2);
    assert_eq!(story.browser.fetch("/.auth/refresh").await.status, 200);
    assert_eq!(name(&mut story).await, "John Appleseed");

    story.sign_in("alice").await;
    assert_eq!(name(&mut story).await, "John Appleseed");
    assert_refreshes(&mut story).await;
    assert_eq!(name(&mut story).await, "John Appleseed");
    assert_signs_out(&mut story).await;
}

#[tokio::test]
async fn a_user_of_whom_apple_told_nothing_is_called_by_their_address() {
    let mut story = story();
    story.provider.answer_beside_code("user", "{\"name\": \"<script>\"}");
    story.sign_in("alice").await;

    assert_eq!(name(&mut story).await, "abc@privaterelay.appleid.com");
}

#[tokio::test]
async fn the_client_secret_is_made_anew_for_each_request() {
    let mut story = story();
    story.sign_in("alice").await;
    // More than the six months that Apple lets one live.
    story.clock.advance(HOUR * 24 * 200);
    story.sign_in("alice").await;

    let secrets: Vec<String> = story
        .provider
        .requests(Token)
        .iter()
        .map(|asked| asked.parameter("client_secret").unwrap())
        .collect();
    assert_ne!(secrets[0], secrets[1]);
    let claims = verify_statement(&secrets[1]).unwrap();
    assert_eq!(claims["iss"], TEAM_ID);
    assert_eq!(claims["sub"], CLIENT_ID);
    assert_eq!(claims["aud"], "https://apple.example");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
}

#[tokio::test]
async fn a_pasted_client_secret_is_sent_as_it_is() {
    let mut story = Story::at("apple", "", |provider| {
        Apple::with_client_secret(CLIENT_ID, "eyJhbGciOiJFUzI1NiJ9.e30.c2ln")
            .issuer(&provider.issuer)
    });
    let answer = story.try_sign_in("alice").await;

    // The provider does not know it, and the log says where to look.
    assert_eq!(answer.sub_status(), "500.74");
    let request = story.provider.requests(Token).remove(0);
    let secret = request.parameter("client_secret");
    assert_eq!(secret.as_deref(), Some("eyJhbGciOiJFUzI1NiJ9.e30.c2ln"));
}

#[tokio::test]
async fn a_pasted_client_secret_that_has_expired_is_not_even_sent() {
    // Its `exp` is 1700000000.
    let expired = "eyJhbGciOiJFUzI1NiJ9.eyJleHAiOjE3MDAwMDAwMDB9.c2ln";
    let mut story = Story::at("apple", "", |provider| {
        Apple::with_client_secret(CLIENT_ID, expired).issuer(&provider.issuer)
    });
    let answer = story.try_sign_in("alice").await;

    assert_eq!(answer.sub_status(), "500.74");
    story.assert_refused(&answer, 500, &[Metadata]);
}

#[tokio::test]
async fn an_application_signs_in_with_a_token_of_apples() {
    assert_signs_in_by_token(&mut story()).await;
}
