use easyauth::provider::Facebook;

use super::{IDENTITY, Story, query};

const TOKEN: &str = "POST https://graph.facebook.com/v23.0/oauth/access_token";
const ME: &str = "GET https://graph.facebook.com/v23.0/me";

/// A provider that answers the code and the exchange alike with `token`.
fn story(provider: Facebook, token: &'static str) -> Story {
    let story = Story::new("facebook", provider);
    story.vendor.json(TOKEN, token);
    story.vendor.json(ME, include_str!("../data/facebook/me.json"));
    story
}

fn facebook() -> Facebook {
    Facebook::new("facebook-id", "facebook-secret")
}

const LONG_LIVED: &str = include_str!("../data/facebook/long-lived.json");

#[tokio::test]
async fn the_browser_is_sent_to_the_dialog_of_the_configured_version() {
    let mut story = story(facebook().graph_api_version("v19.0"), LONG_LIVED);
    let there = story.begin_with("?auth_type=reauthenticate&scope=email").await;

    assert!(there.as_str().starts_with("https://www.facebook.com/v19.0/dialog/oauth?"));
    assert_eq!(
        query(&there),
        "response_type=code&redirect_uri=https://app.example/.auth/login/facebook/callback\
         &client_id=facebook-id&scope=public_profile&auth_type=reauthenticate&state=…"
    );
}

#[tokio::test]
async fn the_code_is_redeemed_and_its_token_exchanged_for_the_long_lived_one() {
    let mut story = story(facebook(), include_str!("../data/facebook/token.json"));
    assert_eq!(story.sign_in().await.status, 302);

    let asked = story.vendor.asked("https://graph.facebook.com/v23.0/oauth/access_token");
    let [redeemed, exchanged] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(redeemed.parameter("code").as_deref(), Some("a-code"));
    assert_eq!(redeemed.parameter("code_verifier"), None);
    for (name, value) in [
        ("grant_type", "fb_exchange_token"),
        ("client_id", "facebook-id"),
        ("client_secret", "facebook-secret"),
        ("fb_exchange_token", "EAASYNTHETIC0000SHORTLIVED"),
    ] {
        assert_eq!(exchanged.parameter(name).as_deref(), Some(value));
    }
    // No secret is in an address.
    assert!(redeemed.query.is_empty() && exchanged.query.is_empty());
}

#[tokio::test]
async fn the_long_lived_token_and_its_end_reach_the_application() {
    let mut story = story(facebook(), LONG_LIVED);
    story.sign_in().await;
    let seen = story.seen().await;

    assert_eq!(seen.seen("x-ms-token-facebook-access-token"), ["EAASYNTHETIC0000LONGLIVED"]);
    assert_eq!(seen.seen("x-ms-token-facebook-expires-on").len(), 1);
    let days = story.clock.unix() + 5_183_944;
    let expires_on = time::OffsetDateTime::from_unix_timestamp(days).unwrap();
    let expires_on = format!("{}T", expires_on.date());
    assert!(seen.seen("x-ms-token-facebook-expires-on")[0].starts_with(&expires_on));
    for kind in ["refresh-token", "id-token"] {
        assert!(seen.seen(&format!("x-ms-token-facebook-{kind}")).is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn the_graph_is_asked_with_proof_of_the_secret() {
    let mut story = story(facebook(), LONG_LIVED);
    story.sign_in().await;
    let me = &story.vendor.asked("https://graph.facebook.com/v23.0/me")[0];

    assert_eq!(me.header("authorization"), Some("Bearer EAASYNTHETIC0000LONGLIVED"));
    assert_eq!(me.queried("fields").as_deref(), Some("id,name,first_name,last_name,email"));
    // `printf EAASYNTHETIC0000LONGLIVED | openssl dgst -sha256 -hmac facebook-secret`
    let proof = "e879622581345d091286015a8308c1020032c5c9575d3f57f918704b7234d10b";
    assert_eq!(me.queried("appsecret_proof").as_deref(), Some(proof));
}

#[tokio::test]
async fn the_user_is_told_with_the_originals_claims_in_its_order() {
    let mut story = story(facebook(), LONG_LIVED);
    story.sign_in().await;

    let principal = story.seen().await.principal();
    assert_eq!(principal["user_id"], "10154312468591959");
    assert_eq!(principal["name"], "Joe Bloggs");
    assert_eq!(principal["name_type"], format!("{IDENTITY}/name"));
    assert_eq!(story.me().await["user_id"], "Joe Bloggs");
    assert_eq!(
        story.claims().await,
        [
            format!("{IDENTITY}/nameidentifier=10154312468591959"),
            format!("{IDENTITY}/name=Joe Bloggs"),
            "urn:facebook:link=https://www.facebook.com/app_scoped_user_id/10154312168593959/"
                .to_owned(),
            format!("{IDENTITY}/givenname=Joe"),
            format!("{IDENTITY}/surname=Bloggs"),
            format!("{IDENTITY}/gender=male"),
            "urn:facebook:locale=en_US".to_owned(),
            "urn:facebook:timezone=-7".to_owned(),
        ]
    );
}

#[tokio::test]
async fn the_graphs_errors_sign_nobody_in_and_say_whose_they_are() {
    for (body, status) in [
        (include_str!("../data/facebook/code-used.json"), 400),
        (include_str!("../data/facebook/wrong-secret.json"), 500),
    ] {
        let mut story = story(facebook(), LONG_LIVED);
        story.vendor.answer(TOKEN, 400, "text/javascript; charset=UTF-8", body);
        let answer = story.sign_in().await;
        story.assert_nobody(&answer, status);
        assert!(story.vendor.asked("https://graph.facebook.com/v23.0/me").is_empty());
    }
}

#[tokio::test]
async fn whoever_cancels_at_facebook_is_told_so() {
    let mut story = story(facebook(), LONG_LIVED);
    let there = story.begin().await;
    let answer = story
        .come_back(&there, &[("error_reason", "user_denied"), ("error", "access_denied")])
        .await;

    story.assert_nobody(&answer, 403);
}

#[tokio::test]
async fn facebook_never_refreshes_and_the_answer_says_what_to_do_instead() {
    let mut story = story(facebook(), LONG_LIVED);
    story.sign_in().await;
    let asked = story.vendor.count();
    let answer = story.refresh().await;

    assert_eq!(answer.sub_status(), "400.82");
    assert!(answer.text().contains("60 days"), "{answer:?}");
    assert_eq!(story.vendor.count(), asked);
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let mut story = story(facebook(), LONG_LIVED);
    story.sign_in().await;
    let copy = story.browser.clone();
    assert_eq!(story.browser.visit("/.auth/logout").await.status, 302);

    story.browser = copy;
    assert_eq!(story.browser.user().await, None);
}
