//! Google.

use easyauth::provider::Google;

use super::*;

fn story(change: impl FnOnce(Google) -> Google) -> Story {
    Story::at("google", "", |provider| {
        change(Google::new(CLIENT_ID, CLIENT_SECRET).issuer(&provider.issuer))
    })
}

#[tokio::test]
async fn the_authorization_request_is_the_originals() {
    let mut story = story(Google::offline_access);
    let login = "/.auth/login/google?prompt=consent&hd=example.com&include_granted_scopes=true";

    assert_eq!(
        authorization_query(&mut story, login).await,
        "response_type=code&redirect_uri=https://app.example/.auth/login/google/callback\
         &client_id=web&scope=openid profile email&prompt=consent&hd=example.com\
         &access_type=offline&code_challenge=…&code_challenge_method=S256&nonce=…&state=…"
    );
}

#[tokio::test]
async fn a_user_signs_in_with_the_claims_and_headers_of_the_original() {
    let mut story = story(|provider| provider);
    story.provider.state_claims(include_str!("../data/google/id-token.json"));

    story.sign_in("jsmith").await;

    let answer = story.browser.fetch("/").await;
    assert_eq!(answer.seen("x-ms-client-principal-idp"), ["google"]);
    assert_eq!(answer.seen("x-ms-client-principal-id"), ["10769150350006150715113082367"]);
    assert_eq!(answer.seen("x-ms-client-principal-name"), ["jsmith@example.com"]);
    let claims = claims(&mut story).await;
    assert!(claims.contains(&format!("{IDENTITY}/nameidentifier=10769150350006150715113082367")));
    assert!(claims.contains(&format!("{IDENTITY}/emailaddress=jsmith@example.com")));
    assert!(claims.contains(&"email_verified=true".to_owned()));
    assert_eq!(
        token_headers(&mut story).await,
        [
            "x-ms-token-google-access-token",
            "x-ms-token-google-expires-on",
            "x-ms-token-google-id-token",
            "x-ms-token-google-refresh-token",
        ]
    );
    let me = story.browser.fetch("/.auth/me").await.json();
    assert_eq!(me[0]["user_id"], "jsmith@example.com");
    let request = story.provider.requests(Token).remove(0);
    assert_eq!(request.parameter("client_secret").as_deref(), Some(CLIENT_SECRET));
    assert_refreshes(&mut story).await;
    assert_signs_out(&mut story).await;
}

#[tokio::test]
async fn a_later_sign_in_without_a_refresh_token_keeps_the_first_one() {
    let mut story = story(Google::offline_access);
    story.sign_in("alice").await;
    story.provider.remove(Token, "refresh_token");
    story.sign_in("alice").await;

    let me = story.browser.fetch("/.auth/me").await.json();
    assert!(me[0]["refresh_token"].as_str().unwrap().starts_with("REFRESH-"));
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_and_the_answer_says_so() {
    let mut story = story(|provider| provider);
    story.provider.remove(Token, "refresh_token");
    story.sign_in("alice").await;

    assert_asks_for(&mut story, "access_type=offline").await;
}

#[tokio::test]
async fn a_hosted_domain_is_asked_for_and_checked_whatever_the_visitor_asks_for() {
    let mut story = story(|provider| provider.hosted_domain("example.com"));
    let query = authorization_query(&mut story, "/.auth/login/google?hd=evil.example").await;
    assert!(query.contains("&hd=example.com&") && !query.contains("evil"), "{query}");

    for domain in [None, Some("evil.example")] {
        match domain {
            Some(domain) => story.provider.set(IdToken, "hd", domain),
            None => story.provider.remove(IdToken, "hd"),
        }
        story.provider.take_asked();
        let answer = story.try_sign_in("mallory").await;
        assert_eq!(answer.sub_status(), "403.76");
        assert!(answer.text().contains("&amp;prompt=select_account"), "{answer:?}");
        assert!(!story.browser.has_session());
    }
    story.provider.set(IdToken, "hd", "example.com");
    story.sign_in("alice").await;
    // Whoever has left the domain is out at the next refresh.
    story.provider.set(IdToken, "hd", "evil.example");
    story.clock.advance(HOUR / 2);
    assert_eq!(story.browser.fetch("/.auth/refresh").await.sub_status(), "403.76");
}

#[tokio::test]
async fn t_52_a_posted_token_signs_in_who_is_of_the_hosted_domain() {
    let mut story = story(|provider| provider.hosted_domain("example.com"));
    story.provider.set(IdToken, "hd", "evil.example");
    let answer = post_token(&story, &story.phone(), "mallory").await;
    assert_eq!(answer.sub_status(), "403.76");
    story.assert_refused(&answer, 403, &[Metadata, Keys]);

    story.provider.set(IdToken, "hd", "example.com");
    assert_signs_in_by_token(&mut story).await;
}
