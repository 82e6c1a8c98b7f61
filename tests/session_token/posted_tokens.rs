//! What the tokens are good for that an application posts: no more than the provider has signed.

use easyauth::provider::AuthorizationPolicy;
use serde_json::Value;

use super::*;

async fn post(story: &Story, tokens: &Value) -> Answer {
    story.phone().post(&story.provider, tokens).await
}

#[tokio::test]
async fn t_52_no_caller_chooses_how_long_its_session_lasts() {
    let century = json!(3_155_760_000_u64);
    let minutes = json!(300);
    for (access_token, expires_in, left, expected) in [
        (false, &century, 60, 60),
        (false, &minutes, 3_600, 3_600),
        (true, &century, 1_200, 1_200),
        (true, &minutes, 1_200, 300),
        (true, &Value::Null, 1_200, 1_200),
    ] {
        let story = Story::new();
        story.provider.set(IdToken, "exp", story.clock.unix() + left);
        let tokens = story.provider.hand_out("alice");
        let mut posted = json!({"id_token": tokens["id_token"], "expires_in": expires_in});
        if access_token {
            posted["access_token"] = tokens["access_token"].clone();
        }
        let mut phone = story.phone();
        let case = format!("{access_token} {expires_in} {left}");

        phone.keep(&phone.post(&story.provider, &posted).await);
        assert_eq!(phone.claims()["exp"], story.clock.unix() + expected, "{case}");

        // A second sign-in is no refresh, though it makes the first look behind.
        posted["refresh_token"] = tokens["refresh_token"].clone();
        phone.post(&story.provider, &posted).await;
        story.provider.take_asked();
        assert_eq!(phone.refresh().await.status, 200, "{case}");
        assert!(!story.provider.take_asked().contains(&Token), "{case}");
        assert_eq!(phone.claims()["exp"], story.clock.unix() + expected, "{case}");
    }
}

#[tokio::test]
async fn t_52_access_tokens_and_logout_tokens_are_no_id_tokens() {
    for (member, value) in [
        ("events", json!({"http://schemas.openid.net/event/backchannel-logout": {}})),
        ("events", json!(null)),
        ("cnf", json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})),
        ("appid", json!("another-app")),
        ("appid", json!(["web"])),
    ] {
        let story = Story::new();
        story.provider.set(IdToken, member, value.clone());

        let answer = post(&story, &story.provider.hand_out("alice")).await;

        assert_eq!(answer.sub_status(), "401.83", "{member} {value}");
        assert_eq!(story.store.writes(), 0, "{member} {value}");
    }
}

#[tokio::test]
async fn t_52_a_posted_token_is_judged_by_the_application_that_it_was_issued_to() {
    let phone = || json!("phone-app");
    for (allowed, claims, expected) in [
        ("web", vec![], 200),
        ("web", vec![("azp", phone())], 403),
        ("web", vec![("appid", phone())], 403),
        ("web", vec![("aud", phone())], 403),
        ("web", vec![("aud", phone()), ("azp", json!("web"))], 200),
        ("web", vec![("azp", json!("web")), ("appid", phone())], 403),
        ("phone-app", vec![], 403),
        ("phone-app", vec![("azp", phone())], 200),
        ("phone-app", vec![("appid", phone())], 200),
        ("phone-app", vec![("aud", phone())], 200),
    ] {
        let policy = AuthorizationPolicy::new().allowed_applications([allowed]);
        let story = Story::with_provider(|provider| {
            provider.trusted_audience("phone-app").authorization_policy(policy)
        });
        for (name, value) in &claims {
            story.provider.set(IdToken, name, value.clone());
        }

        let answer = post(&story, &story.provider.hand_out("alice")).await;

        assert_eq!(answer.status, expected, "{allowed} {claims:?}");
    }
}

#[tokio::test]
async fn t_52_a_refresh_token_that_was_issued_to_another_application_is_not_kept() {
    for (aud, azp, kept) in [
        ("web", None, true),
        ("web", Some("web"), true),
        ("web", Some("phone-app"), false),
        ("phone-app", None, false),
        ("phone-app", Some("web"), false),
    ] {
        let story = Story::with_provider(|provider| provider.trusted_audience("phone-app"));
        story.provider.set(IdToken, "aud", aud);
        if let Some(party) = azp {
            story.provider.set(IdToken, "azp", party);
        }
        let mut phone = story.phone();

        phone.sign_in(&story.provider, "alice").await;

        let me = phone.get("/.auth/me").await.json();
        assert_eq!(me[0].get("refresh_token").is_some(), kept, "{aud} {azp:?}");
    }
}

#[tokio::test]
async fn a_token_for_an_audience_of_bearer_tokens_signs_in_too() {
    for (audience, party, expected) in [
        ("api://orders", None, 200),
        ("api://orders", Some("web"), 200),
        ("phone-app", Some("api://orders"), 200),
        ("api://orders", Some("another-app"), 401),
        ("another-app", None, 401),
    ] {
        let story = Story::with_provider(|provider| {
            provider.trusted_audience("phone-app").accept_bearer_tokens(["api://orders"])
        });
        story.provider.set(IdToken, "aud", audience);
        if let Some(party) = party {
            story.provider.set(IdToken, "azp", party);
        }

        let answer = post(&story, &story.provider.hand_out("alice")).await;

        assert_eq!(answer.status, expected, "{audience} {party:?}");
    }
}
