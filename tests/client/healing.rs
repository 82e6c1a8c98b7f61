//! A token expires, and nobody notices: one refresh or one login for all, and one replay each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use easyauth::client::{Call, ClientError, EasyAuthClient, ProviderToken, SendOnce};
use futures_util::future::join_all;
use http::{Method, Request};
use tokio::sync::Notify;
use tower::BoxError;

use crate::bodies::{assert_intact, of_all_kinds};
use crate::fake::{Answer, Fake, ORIGIN, Refresh, full, get, post, send};

/// `count` requests with one expired token, with bodies of all kinds, all refused before the one
/// refresh is answered.
async fn many(client: &EasyAuthClient, fake: &Fake, count: usize) -> Vec<Answer> {
    fake.tell(|state| state.refresh_waits_for = count);
    let requests = (0..count).map(|number| {
        let request = post(&format!("/{number}"), of_all_kinds(number));
        let (client, fake) = (client.clone(), fake.clone());
        tokio::spawn(async move { send(&client, &fake, request).await })
    });
    join_all(requests).await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t_133_one_refresh_serves_all_and_every_body_is_intact() {
    for count in [50, 500, 1_000] {
        let fake = Fake::new();
        let client = fake.stale();

        let answers = many(&client, &fake, count).await;

        assert_eq!(fake.refreshes(), 1, "{count}");
        assert_eq!(fake.refused(), count);
        assert!(answers.iter().all(|answer| answer.status == 200), "{count}");
        assert_intact(&fake, count);
        // Who comes later has the fresh token at once.
        assert_eq!(send(&client, &fake, get("/later")).await.status, 200);
        assert_eq!((fake.refused(), fake.refreshes()), (count, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_login_serves_all_where_no_refresh_helps() {
    for (count, status) in [(50, 400), (50, 401), (50, 403), (50, 404), (1_000, 403)] {
        let fake = Fake::new();
        let user = fake.user();
        fake.expire();
        fake.tell(|state| state.refresh = Refresh::Refuses(status, ""));
        let logins = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&logins);
        let client = fake
            .builder()
            .user_store(easyauth::client::MemoryUserStore::with(user))
            .login(move |login| {
                counted.fetch_add(1, SeqCst);
                async move {
                    let before = login.before().map(|user| user.user_id().to_owned());
                    assert_eq!(before.as_deref(), Some("sid:alice"));
                    assert_eq!(login.reason().status().unwrap().as_u16(), status);
                    Ok(login.with_token("facebook", &ProviderToken::access("EAAC")).await?)
                }
            })
            .build()
            .unwrap();

        let answers = many(&client, &fake, count).await;

        assert_eq!((fake.refreshes(), logins.load(SeqCst)), (1, 1), "{status}");
        assert!(answers.iter().all(|answer| answer.status == 200));
        assert_intact(&fake, count);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_rotates_is_asked_once_each_time() {
    let fake = Fake::new();
    let client = fake.stale();
    for round in 1..=20 {
        let count = if round % 10 == 0 { 1_000 } else { 50 };
        let requests = (0..count).map(|number| send(&client, &fake, get(&format!("/{number}"))));
        let answers = join_all(requests).await;

        assert!(answers.iter().all(|answer| answer.status == 200), "{round}");
        assert_eq!(fake.refreshes(), round);
        fake.expire();
    }
}

#[tokio::test]
async fn nobody_signed_in_means_a_login_and_no_refresh() {
    let fake = Fake::new();
    let client = fake
        .builder()
        .login(|login| async move {
            assert!(matches!(login.reason(), ClientError::NotSignedIn));
            assert!(login.before().is_none());
            Ok(login.with_token("facebook", &ProviderToken::access("EAAC")).await?)
        })
        .build()
        .unwrap();

    let answers = join_all((0..50).map(|_| send(&client, &fake, get("/")))).await;

    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!((fake.refreshes(), fake.asked("/.auth/login/facebook")), (0, 1));
    assert_eq!(client.user().await.unwrap().user_id(), "sid:alice");
}

#[tokio::test]
async fn callers_who_hang_up_in_the_middle_take_nothing_along() {
    for count in [50, 1_000] {
        let fake = Fake::new();
        hang_up(&fake, &fake.stale(), count).await;
    }
}

/// Of `count` requests, the first ten are given up while the refresh is going on.
async fn hang_up(fake: &Fake, client: &EasyAuthClient, count: usize) {
    fake.tell(|state| state.refresh_waits_for = count);
    // The first of them begins the refresh.
    let leaving: Vec<_> = (0..10)
        .map(|number| {
            let (client, fake) = (client.clone(), fake.clone());
            let request = post(&format!("/{number}"), of_all_kinds(number));
            tokio::spawn(async move { send(&client, &fake, request).await })
        })
        .collect();
    while fake.refreshes() == 0 || fake.refused() < 10 {
        tokio::task::yield_now().await;
    }

    leaving.iter().for_each(tokio::task::JoinHandle::abort);
    let staying = (10..count)
        .map(|number| send(client, fake, post(&format!("/{number}"), of_all_kinds(number))));
    let answers = join_all(staying).await;

    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(fake.refreshes(), 1);
    assert_eq!(fake.served().len(), count - 10);
}

#[tokio::test]
async fn what_was_issued_is_not_lost_though_nobody_waits_for_it() {
    let fake = Fake::new();
    let client = fake.stale();
    fake.tell(|state| state.refresh_waits_for = 2);
    let (alone, at) = (client.clone(), fake.clone());
    let alone = tokio::spawn(async move { send(&alone, &at, get("/")).await });
    while fake.refreshes() == 0 {
        tokio::task::yield_now().await;
    }

    alone.abort();
    // A refusal of somebody else, for which the refresh has waited.
    send(&fake.builder().build().unwrap(), &fake, get("/")).await;
    client.drain().await;

    assert_eq!(send(&client, &fake, get("/")).await.status, 200);
    assert_eq!(fake.refreshes(), 1);
}

#[tokio::test]
async fn a_refused_refresh_gives_everybody_their_own_401() {
    for (count, length) in [(50, 300_000), (1_000, 3_000)] {
        refuse(count, &vec![b'x'; length]).await;
    }
}

async fn refuse(count: usize, refusal: &[u8]) {
    let fake = Fake::new();
    let client = fake.stale();
    fake.tell(|state| {
        state.refresh = Refresh::Refuses(403, r#"{"description":"Ask for offline_access."}"#);
        state.refusal = refusal.to_vec().into();
    });

    let answers = many(&client, &fake, count).await;

    assert_eq!(fake.refreshes(), 1);
    assert_eq!(fake.refused(), count);
    for answer in answers {
        assert_eq!(answer.status, 401);
        assert_eq!(answer.body, refusal);
        assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"app.example\"");
        let told = answer.not_healed.unwrap();
        assert_eq!(
            told.to_string(),
            "The refresh token was revoked or expired. (Ask for offline_access.)"
        );
        assert!(!told.is_transient());
    }
    // The token is of no use any more, and is sent no more.
    assert!(client.user().await.is_none());
}

#[tokio::test]
async fn t_131_a_request_is_replayed_once_and_no_more() {
    let fake = Fake::new();
    let client = fake.stale();
    fake.tell(|state| state.refresh = Refresh::Misleads);

    let answer = send(&client, &fake, get("/")).await;

    assert_eq!(answer.status, 401);
    assert_eq!((fake.refused(), fake.refreshes()), (2, 1));
    // A server that refuses what it has just issued is not asked for more at once.
    for _ in 0..10 {
        assert_eq!(send(&client, &fake, get("/")).await.status, 401);
    }
    assert_eq!((fake.refused(), fake.refreshes()), (12, 1));
    fake.clock.advance(Duration::from_secs(1));
    send(&client, &fake, get("/")).await;
    assert_eq!((fake.refused(), fake.refreshes()), (14, 2));
    fake.tell(|state| state.refresh = Refresh::Rotates);
    fake.clock.advance(Duration::from_secs(1));
    assert_eq!(send(&client, &fake, get("/")).await.status, 401);
    fake.clock.advance(Duration::from_secs(1));
    assert_eq!(send(&client, &fake, get("/")).await.status, 200);
}

#[tokio::test]
async fn t_132_what_is_not_about_our_token_is_left_alone() {
    for (challenge, status) in
        [(Some("Basic realm=\"app.example\""), 401), (Some("Negotiate"), 401)]
    {
        let fake = Fake::new();
        let client = fake.stale();
        fake.tell(|state| state.challenge = challenge.map(str::to_owned));

        let answer = send(&client, &fake, get("/")).await;

        assert_eq!((answer.status, fake.refreshes(), fake.refused()), (status, 0, 1));
        assert!(answer.not_healed.is_none());
    }
}

#[tokio::test]
async fn t_132_a_page_that_refuses_everybody_signs_nobody_out() {
    let fake = Fake::new();
    let client = fake.builder().build().unwrap();
    client.set_user(fake.user()).await.unwrap();
    fake.tell(|state| {
        state.forbidden.insert("/admin", None);
        state.refresh = Refresh::Refuses(400, "");
    });

    let answer = send(&client, &fake, get("/admin")).await;

    assert_eq!((answer.status, &answer.body[..]), (401, &b"not even you"[..]));
    assert_eq!(send(&client, &fake, get("/")).await.status, 200);
    assert_eq!(fake.refreshes(), 1);
}

#[tokio::test]
async fn t_134_after_a_failure_nothing_is_tried_for_a_while() {
    let fake = Fake::new();
    let client = fake.stale();
    fake.tell(|state| state.refresh = Refresh::Refuses(503, "try later"));

    let mut asked = 0;
    for pause in [1, 2, 4, 8] {
        let answers = join_all((0..50).map(|_| send(&client, &fake, get("/")))).await;
        asked += 1;
        assert!(answers.iter().all(|answer| answer.status == 401));
        assert_eq!(fake.refreshes(), asked);
        fake.clock.advance(Duration::from_secs(pause) - Duration::from_millis(1));
        let answer = send(&client, &fake, get("/")).await;
        assert!(matches!(answer.not_healed, Some(ClientError::Paused)), "{answer:?}");
        assert_eq!(fake.refreshes(), asked);
        fake.clock.advance(Duration::from_millis(1));
    }

    // A failure that may pass signs nobody out.
    fake.tell(|state| state.refresh = Refresh::Rotates);
    assert_eq!(send(&client, &fake, get("/")).await.status, 200);
}

#[tokio::test]
async fn what_may_pass_signs_nobody_out_and_asks_nobody_to_sign_in() {
    for refresh in [
        Refresh::Refuses(500, ""),
        Refresh::Refuses(502, ""),
        Refresh::Refuses(429, ""),
        Refresh::Mumbles,
    ] {
        let fake = Fake::new();
        let user = fake.user();
        fake.expire();
        fake.tell(|state| state.refresh = refresh.clone());
        let client = fake
            .builder()
            .user_store(easyauth::client::MemoryUserStore::with(user.clone()))
            .login(|_| async { panic!("nobody needs to sign in") })
            .build()
            .unwrap();

        let answer = send(&client, &fake, get("/")).await;

        assert_eq!(answer.status, 401);
        assert!(answer.not_healed.unwrap().is_transient(), "{refresh:?}");
        assert_eq!(client.user().await, Some(user));
    }
}

#[tokio::test]
async fn t_136_what_may_have_had_effects_is_not_sent_twice() {
    for method in [Method::POST, Method::PATCH] {
        let fake = Fake::new();
        let client = fake.stale();
        fake.tell(|state| state.challenge = None);
        let request = |body| {
            Request::builder().method(&method).uri(format!("{ORIGIN}/")).body(full(body)).unwrap()
        };

        let answer = send(&client, &fake, request("once")).await;
        assert_eq!((answer.status, fake.refused(), fake.refreshes()), (401, 1, 0));

        // Easy Auth's own words say that the application has not seen it.
        fake.tell(|state| state.challenge = Some("Bearer realm=\"app.example\"".into()));
        let answer = send(&client, &fake, request("again")).await;
        assert_eq!((answer.status, fake.refreshes()), (200, 1));
    }
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let fake = Fake::new();
        let client = fake.stale();
        fake.tell(|state| state.challenge = None);
        let request =
            Request::builder().method(&method).uri(format!("{ORIGIN}/")).body(full("x")).unwrap();

        assert_eq!(send(&client, &fake, request).await.status, 200, "{method}");
    }
}

#[tokio::test]
async fn t_137_a_refresh_that_is_refused_refreshes_nothing() {
    let fake = Fake::new();
    let client = fake.stale();
    fake.tell(|state| state.refresh = Refresh::Refuses(401, ""));

    let answer = send(&client, &fake, get("/")).await;

    assert_eq!((answer.status, fake.refreshes(), fake.refused()), (401, 1, 1));
    let Some(ClientError::Refused { call: Call::Refresh, status, .. }) = answer.not_healed else {
        panic!("{answer:?}");
    };
    assert_eq!(status, 401);
}

#[tokio::test]
async fn a_token_that_changed_meanwhile_is_used_without_a_refresh() {
    let fake = Fake::new();
    let client = fake.stale();
    fake.tell(|state| state.refusal = "late".into());
    let under_way = Arc::new(Notify::new());
    let go = Arc::new(Notify::new());
    let body = {
        let (under_way, go) = (Arc::clone(&under_way), Arc::clone(&go));
        crate::bodies::stream(futures_util::stream::once(async move {
            under_way.notify_one();
            go.notified().await;
            "slow".into()
        }))
    };
    let (slow, at) = (client.clone(), fake.clone());
    let slow = tokio::spawn(async move { send(&slow, &at, post("/slow", body)).await });
    under_way.notified().await;

    client.set_user(fake.user()).await.unwrap();
    go.notify_one();

    assert_eq!(slow.await.unwrap().status, 200);
    assert_eq!((fake.refreshes(), fake.refused()), (0, 1));
    assert_eq!(fake.served()[0].body, "slow");
}

#[tokio::test]
async fn a_cancelled_login_returns_the_original_answer() {
    let fake = Fake::new();
    fake.tell(|state| state.refusal = "who are you?".into());
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let client = fake
        .builder()
        .login(move |_| {
            counted.fetch_add(1, SeqCst);
            async { Err(BoxError::from("the window was closed")) }
        })
        .build()
        .unwrap();

    let answers = join_all((0..50).map(|_| send(&client, &fake, get("/")))).await;

    assert_eq!(asked.load(SeqCst), 1);
    for answer in answers {
        assert_eq!((answer.status, &answer.body[..]), (401, &b"who are you?"[..]));
        assert!(matches!(answer.not_healed, Some(ClientError::Login(_))), "{answer:?}");
    }
    assert_eq!(fake.refused(), 50);
    // Nobody is asked again at once.
    send(&client, &fake, get("/")).await;
    assert_eq!(asked.load(SeqCst), 1);
    fake.clock.advance(Duration::from_secs(1));
    send(&client, &fake, get("/")).await;
    assert_eq!(asked.load(SeqCst), 2);
}

#[tokio::test]
async fn a_login_that_panics_holds_nobody_up() {
    let fake = Fake::new();
    let client = fake.builder().login(|_| async { panic!("on purpose") }).build().unwrap();

    let answers = join_all((0..50).map(|_| send(&client, &fake, get("/")))).await;

    assert!(answers.iter().all(|answer| answer.status == 401));
    let answer = send(&client, &fake, get("/")).await;
    assert!(matches!(answer.not_healed, Some(ClientError::Paused)), "{answer:?}");
    client.set_user(fake.user()).await.unwrap();
    assert_eq!(send(&client, &fake, get("/")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_goes_through_the_layer_does_not_wait_for_itself() {
    let fake = Fake::new();
    let at = fake.clone();
    let itself: Arc<std::sync::OnceLock<EasyAuthClient>> = Arc::default();
    let own = Arc::clone(&itself);
    let client = fake
        .builder()
        .login(move |login| {
            let (client, fake) = (own.get().unwrap().clone(), at.clone());
            async move {
                let answer = send(&client, &fake, get("/captcha")).await;
                assert_eq!(answer.status, 401);
                assert!(matches!(answer.not_healed, Some(ClientError::WithinLogin)), "{answer:?}");
                Ok(login.with_token("facebook", &ProviderToken::access("EAAC")).await?)
            }
        })
        .build()
        .unwrap();
    itself.set(client.clone()).unwrap();
    let began = tokio::time::Instant::now();

    assert_eq!(send(&client, &fake, get("/")).await.status, 200);

    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_finds_its_token_expired_does_not_wait_for_itself() {
    let fake = Fake::new();
    fake.tell(|state| {
        state.expires_in = Some(3_600);
        state.refresh = Refresh::Refuses(403, "");
    });
    let at = fake.clone();
    let itself: Arc<std::sync::OnceLock<EasyAuthClient>> = Arc::default();
    let own = Arc::clone(&itself);
    let client = fake
        .builder()
        .refresh_ahead(Duration::from_secs(60))
        .login(move |login| {
            let (client, fake) = (own.get().unwrap().clone(), at.clone());
            async move {
                // When a failed refresh no longer keeps it from waiting for another.
                fake.clock.advance(Duration::from_secs(1));
                let answer = send(&client, &fake, get("/captcha")).await;
                assert!(matches!(answer.not_healed, Some(ClientError::WithinLogin)), "{answer:?}");
                let refreshed = client.refresh_user().await;
                assert!(matches!(refreshed, Err(ClientError::WithinLogin)), "{refreshed:?}");
                Ok(login.with_token("facebook", &ProviderToken::access("EAAC")).await?)
            }
        })
        .build()
        .unwrap();
    itself.set(client.clone()).unwrap();
    client.set_user(fake.user()).await.unwrap();
    fake.expire();
    fake.clock.advance(Duration::from_secs(3_700));
    let began = tokio::time::Instant::now();

    assert_eq!(send(&client, &fake, get("/")).await.status, 200);

    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn nothing_waits_for_ever() {
    // A refresh that is never answered.
    let fake = Fake::new();
    let client = fake.stale();
    fake.tell(|state| state.refresh = Refresh::Hangs);
    let answer = send(&client, &fake, get("/")).await;
    assert_eq!(answer.status, 401);
    assert!(answer.not_healed.unwrap().is_transient());

    // A login that nobody attends to.
    let fake = Fake::new();
    let client = fake
        .builder()
        .login(|_| std::future::pending())
        .login_limit(Duration::from_secs(60))
        .build()
        .unwrap();
    let began = tokio::time::Instant::now();
    let answer = send(&client, &fake, get("/")).await;
    assert_eq!(answer.status, 401);
    assert!(matches!(answer.not_healed, Some(ClientError::TimedOut(60))), "{answer:?}");
    assert_eq!(began.elapsed(), Duration::from_secs(60));

    // And the next one is not held up by those.
    fake.clock.advance(Duration::from_secs(1));
    client.set_user(fake.user()).await.unwrap();
    assert_eq!(send(&client, &fake, get("/")).await.status, 200);
}

#[tokio::test]
async fn who_must_not_be_sent_twice_finds_the_token_renewed() {
    let fake = Fake::new();
    let client = fake.stale();
    let mut request = post("/upload", full("large"));
    request.extensions_mut().insert(SendOnce);

    let answer = send(&client, &fake, request).await;

    assert_eq!((answer.status, fake.refused(), fake.refreshes()), (401, 1, 1));
    assert!(answer.not_healed.is_none());
    assert_eq!(send(&client, &fake, post("/upload", full("large"))).await.status, 200);
    assert_eq!((fake.refused(), fake.refreshes()), (1, 1));
}

#[tokio::test]
async fn signing_in_or_out_meanwhile_has_the_last_word() {
    // Out.
    let fake = Fake::new();
    let client = fake.stale();
    fake.tell(|state| state.refresh_waits_for = 2);
    let (waiting, at) = (client.clone(), fake.clone());
    let waiting = tokio::spawn(async move { send(&waiting, &at, get("/")).await });
    while fake.refreshes() == 0 {
        tokio::task::yield_now().await;
    }
    client.logout().await.unwrap();
    send(&fake.builder().build().unwrap(), &fake, get("/")).await;
    let answer = waiting.await.unwrap();
    assert!(matches!(answer.not_healed, Some(ClientError::SignedOut)), "{answer:?}");
    assert!(client.user().await.is_none());

    // In, as somebody else.
    let fake = Fake::new();
    let client = fake.stale();
    fake.tell(|state| state.refresh_waits_for = 2);
    let (waiting, at) = (client.clone(), fake.clone());
    let waiting = tokio::spawn(async move { send(&waiting, &at, get("/")).await });
    while fake.refreshes() == 0 {
        tokio::task::yield_now().await;
    }
    let other = fake.user();
    client.set_user(other.clone()).await.unwrap();
    send(&fake.builder().build().unwrap(), &fake, get("/")).await;
    waiting.await.unwrap();
    assert_eq!(client.user().await, Some(other));
}
