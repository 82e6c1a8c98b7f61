//! What the tokens are good for that an application posts: no more than the provider has signed.

use serde_json::Value;

use super::*;

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
