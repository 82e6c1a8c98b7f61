//! Refreshes that somebody would like to turn against us or against the provider.

use std::time::Duration;

use serde_json::json;

use crate::support::Document::*;
use crate::support::*;

#[tokio::test]
async fn tokens_that_are_born_expired_are_not_asked_for_with_every_request() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    let stillborn = json!({"access_token": "a", "refresh_token": "r", "expires_in": 0});
    story.provider.reply(Token, Reply::json(stillborn.to_string()));
    story.clock.advance(Duration::from_secs(3_601));
    story.provider.take_asked();

    for _ in 0..5 {
        assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
    }

    assert_eq!(story.provider.take_asked(), [Metadata, Keys, Token]);
}
