//! What one user has sent is not sent again as another.

use std::sync::Arc;

use easyauth::PublicOrigin;
use easyauth::client::{ClientError, MemoryUserStore, User};
use tokio::sync::Notify;

use crate::fake::{Fake, ORIGIN, Refresh, full, get, post, send};

/// With a token that is good.
fn user(fake: &Fake, id: &str) -> User {
    User::new(PublicOrigin::parse(ORIGIN).unwrap(), id, &fake.issue()).unwrap()
}

#[tokio::test]
async fn a_request_of_one_user_is_not_replayed_as_another_who_has_signed_in_meanwhile() {
    for (id, status) in [("sid:bob", 401), ("sid:alice", 200), ("", 200)] {
        let fake = Fake::new();
        let client = fake.stale();
        let (under_way, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let body = {
            let (under_way, go) = (Arc::clone(&under_way), Arc::clone(&go));
            crate::bodies::stream(futures_util::stream::once(async move {
                under_way.notify_one();
                go.notified().await;
                "of Alice".into()
            }))
        };
        let (slow, at) = (client.clone(), fake.clone());
        let slow = tokio::spawn(async move { send(&slow, &at, post("/", body)).await });
        under_way.notified().await;

        client.set_user(user(&fake, id)).await.unwrap();
        go.notify_one();

        let answer = slow.await.unwrap();
        assert_eq!(answer.status, status, "{id}");
        if status == 401 {
            assert!(matches!(answer.not_healed, Some(ClientError::AnotherUser)), "{answer:?}");
            assert_eq!(&answer.body[..], b"{\"error\":\"unauthenticated\"}");
            assert!(fake.served().is_empty());
        }
        // What is sent from now on is the other user's.
        assert_eq!(send(&client, &fake, get("/")).await.status, 200);
    }
}

#[tokio::test]
async fn a_request_of_one_user_is_not_replayed_as_another_whom_the_login_returns() {
    let fake = Fake::new();
    let alice = fake.user();
    fake.expire();
    fake.tell(|state| state.refresh = Refresh::Refuses(403, ""));
    let bob = user(&fake, "sid:bob");
    let returned = bob.clone();
    let client = fake
        .builder()
        .user_store(MemoryUserStore::with(alice))
        .login(move |_| {
            let bob = returned.clone();
            async move { Ok(bob) }
        })
        .build()
        .unwrap();

    let answer = send(&client, &fake, post("/", full("of Alice"))).await;

    assert_eq!(answer.status, 401);
    assert!(matches!(answer.not_healed, Some(ClientError::AnotherUser)), "{answer:?}");
    assert!(fake.served().is_empty());
    assert_eq!(client.user().await, Some(bob));
    assert_eq!(send(&client, &fake, post("/", full("of Bob"))).await.status, 200);
}
