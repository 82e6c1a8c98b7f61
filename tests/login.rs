//! Signing in, as it should go.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

mod support;

use support::{Document, Story};

#[tokio::test]
async fn whoever_signs_in_is_known_to_the_application() {
    let mut story = Story::new();

    let answer = story.try_sign_in("alice").await;

    assert_eq!(answer.location(), "https://app.example/.auth/login/done");
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
    use Document::{Keys, Metadata, Token, Userinfo};
    assert_eq!(story.provider.take_asked(), [Metadata, Token, Keys, Userinfo]);
}
