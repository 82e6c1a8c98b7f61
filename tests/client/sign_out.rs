//! Who signs out is signed out, whatever is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use easyauth::client::{
    BoxFuture, ClientError, EasyAuthClient, MemoryUserStore, Turn, User, UserStore, UserStoreError,
};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::fake::{Answer, Fake, Refresh, get, send};

/// A store in memory that can be told to keep nothing, and to be slow.
#[derive(Clone, Debug)]
struct Moody {
    inner: MemoryUserStore,
    full: Arc<AtomicBool>,
    turns: Arc<Semaphore>,
    loads: Arc<Semaphore>,
}

impl Moody {
    fn new() -> Self {
        let open = || Arc::new(Semaphore::new(100));
        Self { inner: MemoryUserStore::new(), full: Arc::default(), turns: open(), loads: open() }
    }
}

impl UserStore for Moody {
    fn load(&self) -> BoxFuture<'_, Result<Option<User>, UserStoreError>> {
        Box::pin(async move {
            let user = self.inner.load().await;
            let _open = self.loads.acquire().await.unwrap();
            user
        })
    }

    fn replace<'a>(
        &'a self,
        seen: Option<&'a User>,
        user: Option<&'a User>,
    ) -> BoxFuture<'a, Result<bool, UserStoreError>> {
        if self.full.load(SeqCst) && user.is_some() {
            return Box::pin(async { Err(UserStoreError::unavailable("the disk is full")) });
        }
        self.inner.replace(seen, user)
    }

    fn turn(&self) -> BoxFuture<'_, Result<Turn, UserStoreError>> {
        Box::pin(async move {
            let _open = self.turns.acquire().await.unwrap();
            self.inner.turn().await
        })
    }
}

/// A client at which somebody is signed in whom the store could not keep, with an expired token.
async fn unkept(fake: &Fake, store: &Moody) -> EasyAuthClient {
    let client = fake
        .builder()
        .user_store(store.clone())
        .login(|_| async { panic!("who has signed out is not asked to sign in") })
        .build()
        .unwrap();
    store.full.store(true, SeqCst);
    client.set_user(fake.user()).await.unwrap_err();
    store.full.store(false, SeqCst);
    fake.expire();
    client
}

fn begin(client: &EasyAuthClient, fake: &Fake) -> JoinHandle<Answer> {
    let (client, fake) = (client.clone(), fake.clone());
    tokio::spawn(async move { send(&client, &fake, get("/")).await })
}

async fn until(happened: impl Fn() -> bool) {
    while !happened() {
        tokio::task::yield_now().await;
    }
    // And until all that can go on has done so.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

async fn assert_signed_out(client: &EasyAuthClient, store: &Moody, answer: Answer) {
    assert!(matches!(answer.not_healed, Some(ClientError::SignedOut)), "{answer:?}");
    assert_eq!(client.user().await, None);
    assert_eq!(store.inner.load().await.unwrap(), None);
}

#[tokio::test]
async fn a_renewal_that_waits_for_its_turn_finds_the_user_signed_out() {
    let (fake, store) = (Fake::new(), Moody::new());
    let client = unkept(&fake, &store).await;
    let turns = store.turns.acquire_many(100).await.unwrap();
    let waiting = begin(&client, &fake);
    until(|| fake.refused() == 1).await;

    client.logout().await.unwrap();
    drop(turns);

    assert_signed_out(&client, &store, waiting.await.unwrap()).await;
    assert_eq!(fake.refreshes(), 0);
}

#[tokio::test]
async fn a_renewal_that_waits_for_the_store_finds_the_user_signed_out() {
    let (fake, store) = (Fake::new(), Moody::new());
    let client = unkept(&fake, &store).await;
    let loads = store.loads.acquire_many(100).await.unwrap();
    let waiting = begin(&client, &fake);
    until(|| fake.refused() == 1).await;

    let leaving = tokio::spawn({
        let client = client.clone();
        async move { client.logout().await }
    });
    until(|| true).await;
    drop(loads);

    leaving.await.unwrap().unwrap();
    assert_signed_out(&client, &store, waiting.await.unwrap()).await;
    assert_eq!(fake.refreshes(), 0);
}

#[tokio::test]
async fn a_refresh_that_ends_after_a_sign_out_leaves_nobody_in_the_store() {
    let (fake, store) = (Fake::new(), Moody::new());
    let client = unkept(&fake, &store).await;
    fake.tell(|state| state.refresh_waits_for = 2);
    let waiting = begin(&client, &fake);
    until(|| fake.refreshes() == 1).await;

    client.logout().await.unwrap();
    send(&fake.builder().build().unwrap(), &fake, get("/")).await;

    assert_signed_out(&client, &store, waiting.await.unwrap()).await;
}

#[tokio::test]
async fn a_refresh_that_is_refused_after_a_sign_out_asks_nobody_to_sign_in() {
    let (fake, store) = (Fake::new(), Moody::new());
    let client = unkept(&fake, &store).await;
    fake.tell(|state| {
        state.refresh_waits_for = 2;
        state.refresh = Refresh::Refuses(403, "");
    });
    let waiting = begin(&client, &fake);
    until(|| fake.refreshes() == 1).await;

    client.logout().await.unwrap();
    send(&fake.builder().build().unwrap(), &fake, get("/")).await;

    assert_signed_out(&client, &store, waiting.await.unwrap()).await;
}
