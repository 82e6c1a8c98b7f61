//! Who is signed in is there at the next start, and nobody else learns of it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use easyauth::client::{
    BoxFuture, Call, ClientError, FileUserStore, MemoryUserStore, ProviderToken, Turn, User,
    UserStore, UserStoreError,
};
use futures_util::future::join_all;

use crate::fake::{Fake, Refresh, get, send};

fn file(place: &tempfile::TempDir) -> FileUserStore {
    FileUserStore::open(place.path().join("made/user.json")).unwrap()
}

fn text(place: &tempfile::TempDir) -> String {
    fs::read_to_string(place.path().join("made/user.json")).unwrap()
}

#[tokio::test]
async fn the_user_is_there_at_the_next_start() {
    let place = tempfile::tempdir().unwrap();
    let fake = Fake::new();
    let client = fake.builder().user_store(file(&place)).build().unwrap();
    assert!(client.user().await.is_none());
    client.login_with_token("facebook", &ProviderToken::access("EAAC")).await.unwrap();

    let next = fake.builder().user_store(file(&place)).build().unwrap();
    assert_eq!(next.user().await.unwrap().user_id(), "sid:alice");
    assert_eq!(send(&next, &fake, get("/")).await.status, 200);

    // With the fresh token, after one.
    fake.expire();
    assert_eq!(send(&next, &fake, get("/")).await.status, 200);
    let third = fake.builder().user_store(file(&place)).build().unwrap();
    assert_eq!(send(&third, &fake, get("/")).await.status, 200);
    assert_eq!((fake.refreshes(), fake.refused()), (1, 1));
}

#[tokio::test]
async fn only_what_has_succeeded_is_kept() {
    let place = tempfile::tempdir().unwrap();
    let fake = Fake::new();
    let client = fake.builder().user_store(file(&place)).build().unwrap();
    client.set_user(fake.user()).await.unwrap();
    let before = text(&place);
    fake.expire();
    for refresh in [Refresh::Refuses(503, ""), Refresh::Mumbles] {
        fake.tell(|state| state.refresh = refresh);
        assert_eq!(send(&client, &fake, get("/")).await.status, 401);
        assert_eq!(text(&place), before);
        fake.clock.advance(Duration::from_secs(60));
    }
    // What the application knows no more is not kept either.
    fake.tell(|state| state.refresh = Refresh::Refuses(401, ""));
    assert_eq!(send(&client, &fake, get("/")).await.status, 401);
    assert!(!place.path().join("made/user.json").exists());
}

#[tokio::test]
async fn a_token_that_another_program_has_renewed_is_used_without_a_refresh() {
    let place = tempfile::tempdir().unwrap();
    let fake = Fake::new();
    let first = fake.builder().user_store(file(&place)).build().unwrap();
    let second = fake.builder().user_store(file(&place)).build().unwrap();
    first.set_user(fake.user()).await.unwrap();
    assert_eq!(send(&second, &fake, get("/")).await.status, 200);
    fake.expire();

    assert_eq!(send(&first, &fake, get("/")).await.status, 200);
    assert_eq!(send(&second, &fake, get("/")).await.status, 200);
    assert_eq!(fake.refreshes(), 1);

    // And at the same time.
    fake.expire();
    let (one, other) = (
        join_all((0..50).map(|_| send(&first, &fake, get("/")))),
        join_all((0..50).map(|_| send(&second, &fake, get("/")))),
    );
    let (one, other) = tokio::join!(one, other);
    assert!(one.iter().chain(&other).all(|answer| answer.status == 200));
    assert_eq!(fake.refreshes(), 2);
}

#[tokio::test]
async fn a_sign_out_in_another_program_has_the_last_word() {
    let place = tempfile::tempdir().unwrap();
    let fake = Fake::new();
    let first = fake.builder().user_store(file(&place)).build().unwrap();
    let second = fake.builder().user_store(file(&place)).build().unwrap();
    first.set_user(fake.user()).await.unwrap();
    assert!(second.user().await.is_some());
    fake.expire();
    fake.tell(|state| state.refresh_waits_for = 2);
    let (waiting, at) = (first.clone(), fake.clone());
    let waiting = tokio::spawn(async move { send(&waiting, &at, get("/")).await });
    while fake.refreshes() == 0 {
        tokio::task::yield_now().await;
    }

    second.logout().await.unwrap();
    send(&fake.builder().build().unwrap(), &fake, get("/")).await;

    let answer = waiting.await.unwrap();
    assert!(matches!(answer.not_healed, Some(ClientError::SignedOut)), "{answer:?}");
    assert!(first.user().await.is_none());
    assert!(!place.path().join("made/user.json").exists());
}

#[tokio::test]
async fn a_sign_out_in_another_program_is_noticed_with_the_next_refusal() {
    let place = tempfile::tempdir().unwrap();
    let fake = Fake::new();
    let first = fake.builder().user_store(file(&place)).build().unwrap();
    let second = fake.builder().user_store(file(&place)).build().unwrap();
    first.set_user(fake.user()).await.unwrap();
    assert!(second.user().await.is_some());

    first.logout().await.unwrap();

    let answer = send(&second, &fake, get("/")).await;
    assert!(matches!(answer.not_healed, Some(ClientError::SignedOut)), "{answer:?}");
    assert!(second.user().await.is_none());
    assert_eq!(fake.refreshes(), 0);
    let answer = send(&second, &fake, get("/")).await;
    assert!(matches!(answer.not_healed, Some(ClientError::NotSignedIn)), "{answer:?}");
    // And so is a new sign-in, at once.
    first.set_user(fake.user()).await.unwrap();
    assert_eq!(send(&second, &fake, get("/")).await.status, 200);
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_its_owners_alone_and_replaced_whole() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let place = tempfile::tempdir().unwrap();
    let store = file(&place);
    let fake = Fake::new();
    let (one, two) = (fake.user(), fake.user());
    let metadata = |name: &str| fs::metadata(place.path().join("made").join(name)).unwrap();

    assert!(store.replace(None, Some(&one)).await.unwrap());
    let before = metadata("user.json");
    assert!(store.replace(Some(&one), Some(&two)).await.unwrap());

    let after = metadata("user.json");
    assert_eq!(after.permissions().mode() & 0o777, 0o600);
    assert_eq!(metadata(".").permissions().mode() & 0o777, 0o700);
    assert_ne!(before.ino(), after.ino());
    let mut names: Vec<_> = fs::read_dir(place.path().join("made"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, [".user.json.lock", "user.json"]);
    // A draft of a program that was killed is in nobody's way.
    fs::write(place.path().join("made/.user.json.tmp"), "half").unwrap();
    assert!(store.replace(Some(&two), Some(&one)).await.unwrap());
    assert_eq!(store.load().await.unwrap(), Some(one.clone()));
    assert!(!store.replace(Some(&two), None).await.unwrap());
    assert!(store.replace(Some(&one), None).await.unwrap());
    assert!(store.replace(None, None).await.unwrap());
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_not_ours_is_neither_read_nor_written() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let place = tempfile::tempdir().unwrap();
    let fake = Fake::new();
    let user = fake.user();
    let theirs = place.path().join("theirs.json");
    fs::write(&theirs, user.to_json().expose()).unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let at = |name: &str| FileUserStore::open(place.path().join(name)).unwrap();
    symlink(&theirs, place.path().join("link")).unwrap();
    fs::hard_link(&theirs, place.path().join("hard")).unwrap();
    fs::create_dir(place.path().join("directory")).unwrap();
    fs::write(place.path().join("text"), "alias ll='ls -l'").unwrap();

    for name in ["link", "hard", "directory", "text"] {
        let store = at(name);
        let refused = store.load().await.unwrap_err();
        assert!(matches!(refused, UserStoreError::Foreign(_)), "{name}: {refused:?}");
        assert!(store.replace(None, Some(&user)).await.is_err(), "{name}");
    }
    assert_eq!(fs::read_to_string(&theirs).unwrap(), *user.to_json().expose());
    assert_eq!(fs::read_to_string(place.path().join("text")).unwrap(), "alias ll='ls -l'");
    // A directory that others use keeps its access rules.
    assert_eq!(fs::metadata(place.path()).unwrap().permissions().mode() & 0o777, 0o755);
    // An empty file is nobody.
    fs::write(place.path().join("empty"), "").unwrap();
    assert!(at("empty").load().await.unwrap().is_none());
    assert!(at("empty").replace(None, Some(&user)).await.unwrap());
    assert!(FileUserStore::open(Path::new("/")).is_err());
}

#[tokio::test]
async fn a_user_of_another_application_is_neither_sent_nor_overwritten() {
    let place = tempfile::tempdir().unwrap();
    let other = Fake::at("https://other.example");
    assert!(file(&place).replace(None, Some(&other.user())).await.unwrap());
    let before = text(&place);
    let fake = Fake::new();
    let client = fake.builder().user_store(file(&place)).build().unwrap();

    assert!(client.user().await.is_none());
    send(&client, &fake, get("/")).await;
    assert!(!fake.tell(|state| state.refused[0].headers.contains_key("x-zumo-auth")));
    let refused = client.login_with_token("facebook", &ProviderToken::access("EAAC")).await;

    // Signed in, for now.
    assert!(matches!(refused, Err(ClientError::Store(_))), "{refused:?}");
    assert_eq!(send(&client, &fake, get("/")).await.status, 200);
    assert_eq!(text(&place), before);
    assert!(client.set_user(other.user()).await.is_err());
}

/// A store that never works.
#[derive(Debug)]
struct Broken;

impl UserStore for Broken {
    fn load(&self) -> BoxFuture<'_, Result<Option<User>, UserStoreError>> {
        Box::pin(async { Err(UserStoreError::unavailable("the disk is gone")) })
    }

    fn replace<'a>(
        &'a self,
        _: Option<&'a User>,
        _: Option<&'a User>,
    ) -> BoxFuture<'a, Result<bool, UserStoreError>> {
        Box::pin(async { Err(UserStoreError::unavailable("the disk is gone")) })
    }

    fn turn(&self) -> BoxFuture<'_, Result<Turn, UserStoreError>> {
        Box::pin(async { Err(UserStoreError::unavailable("the disk is gone")) })
    }
}

#[tokio::test]
async fn a_store_that_fails_costs_nothing_but_the_next_start() {
    let fake = Fake::new();
    let client = fake.builder().user_store(Broken).build().unwrap();
    let kept = client.set_user(fake.user()).await;
    assert!(matches!(kept, Err(ClientError::Store(_))));
    fake.expire();

    let answers = join_all((0..50).map(|_| send(&client, &fake, get("/")))).await;

    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(fake.refreshes(), 1);
    // Also beside a refresh that was asked for, which nobody could tell from the store.
    fake.expire();
    fake.tell(|state| state.refresh_waits_for = 100);
    let refusals = join_all((0..50).map(|_| send(&client, &fake, get("/"))));
    let (refreshed, answers) = tokio::join!(client.refresh_user(), refusals);
    assert!(refreshed.is_ok());
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(fake.refreshes(), 2);
    assert!(client.logout().await.is_err());
    assert!(client.user().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_token_is_refreshed_ahead_in_the_background_and_an_expired_one_at_once() {
    let fake = Fake::new();
    fake.tell(|state| state.expires_in = Some(3_600));
    let client = fake.builder().refresh_ahead(Duration::from_secs(120)).build().unwrap();
    client.set_user(fake.user()).await.unwrap();

    fake.clock.advance(Duration::from_secs(3_400));
    assert_eq!(send(&client, &fake, get("/")).await.status, 200);
    assert_eq!(fake.refreshes(), 0);

    // Nobody waits for it.
    fake.clock.advance(Duration::from_secs(100));
    fake.tell(|state| state.refresh = Refresh::Refuses(503, ""));
    assert_eq!(send(&client, &fake, get("/")).await.status, 200);
    client.drain().await;
    assert_eq!(fake.refreshes(), 1);
    // A failure is nobody's either, and is not repeated at once.
    assert_eq!(send(&client, &fake, get("/")).await.status, 200);
    assert_eq!((fake.refreshes(), fake.refused()), (1, 0));
    fake.tell(|state| state.refresh = Refresh::Rotates);
    fake.clock.advance(Duration::from_secs(1));
    join_all((0..50).map(|_| send(&client, &fake, get("/")))).await;
    client.drain().await;
    assert_eq!(fake.refreshes(), 2);

    // With one that has expired, requests wait.
    fake.expire();
    fake.clock.advance(Duration::from_secs(3_700));
    let answers = join_all((0..50).map(|_| send(&client, &fake, get("/")))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let refused = fake.refused();
    assert_eq!((fake.refreshes(), refused), (3, fake.refused()));
}

#[tokio::test]
async fn a_fresh_token_that_is_due_again_at_once_is_not_refreshed_at_once() {
    // Tokens that live no longer than the span, and a clock that takes them for long expired.
    for (life, pause) in [(300, 150), (-600, 60)] {
        let fake = Fake::new();
        fake.tell(|state| state.expires_in = Some(life));
        let client = fake.builder().refresh_ahead(Duration::from_secs(300)).build().unwrap();
        client.set_user(fake.user()).await.unwrap();
        let mut refreshes = 0;
        for _ in 0..3 {
            for _ in 0..20 {
                assert_eq!(send(&client, &fake, get("/")).await.status, 200);
                client.drain().await;
            }
            refreshes += 1;
            assert_eq!(fake.refreshes(), refreshes, "{life}");
            fake.clock.advance(Duration::from_secs(pause - 1));
            assert_eq!(send(&client, &fake, get("/")).await.status, 200);
            client.drain().await;
            assert_eq!(fake.refreshes(), refreshes, "{life}");
            fake.clock.advance(Duration::from_secs(1));
        }
        // A refusal is answered all the same, and its fresh token is one of those too.
        send(&client, &fake, get("/")).await;
        client.drain().await;
        fake.expire();
        for _ in 0..20 {
            assert_eq!(send(&client, &fake, get("/")).await.status, 200);
            client.drain().await;
        }
        assert_eq!(fake.refreshes(), refreshes + 2, "{life}");
    }
}

#[tokio::test]
async fn a_refresh_that_is_asked_for_is_shared_and_says_what_is_wrong() {
    let fake = Fake::new();
    let client = fake.builder().user_store(MemoryUserStore::new()).build().unwrap();
    assert!(matches!(client.refresh_user().await, Err(ClientError::NotSignedIn)));
    client.set_user(fake.user()).await.unwrap();

    let users = join_all((0..50).map(|_| client.refresh_user())).await;
    let users: Vec<_> = users.into_iter().map(Result::unwrap).collect();
    assert!(users.iter().all(|user| *user == users[0]));
    assert_eq!(fake.refreshes(), 1);

    for (status, text) in [
        (400, "The identity provider does not support refresh"),
        (403, "The refresh token was revoked or expired."),
        (500, "Refresh failed due to an unexpected error."),
        (401, "Credentials are no longer valid."),
    ] {
        fake.tell(|state| state.refresh = Refresh::Refuses(status, ""));
        let error = client.refresh_user().await.unwrap_err();
        assert!(error.to_string().starts_with(text), "{error}");
        assert_eq!(client.user().await.is_some(), status != 401);
    }
}

#[tokio::test]
async fn signing_in_with_a_token_says_what_is_wrong_with_it() {
    let fake = Fake::new();
    let client = fake.builder().build().unwrap();

    let refused = client.login_with_token("Facebook", &ProviderToken::access("old")).await;

    let Err(ClientError::Refused { call: Call::Login, status, description }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((status.as_u16(), &*description), (401, "It has expired."));
    assert!(client.user().await.is_none());
    assert!(client.login_with_token("Facebook", &ProviderToken::access("EAAC")).await.is_ok());
    let unknown = client.login_with_token("myspace", &ProviderToken::id("x")).await.unwrap_err();
    assert_eq!(unknown.to_string(), "The application has no such sign-in provider.");
}

#[tokio::test]
async fn me_tells_who_it_is_and_heals_itself() {
    let fake = Fake::new();
    let client = fake.builder().build().unwrap();
    assert!(matches!(client.me().await, Err(ClientError::NotSignedIn)));
    client.set_user(fake.user()).await.unwrap();
    fake.expire();

    let me = client.me().await.unwrap();

    assert_eq!(me[0].provider_name, "aad");
    assert_eq!(me[0].claim("name"), Some("Alice"));
    assert!(me[0].access_token.as_ref().unwrap().matches("at"));
    assert!(!format!("{me:?}").contains("\"at\""));
    assert_eq!(fake.refreshes(), 1);
    client.logout().await.unwrap();
    assert_eq!(fake.asked("/.auth/logout"), 1);
    assert!(matches!(client.me().await, Err(ClientError::NotSignedIn)));
}

#[tokio::test]
async fn a_web_view_ends_at_an_address_that_tells_the_user() {
    let fake = Fake::new();
    let token = fake.issue();
    let json = format!(r#"{{"authenticationToken":"{token}","user":{{"userId":"sid:alice"}}}}"#);
    let encoded: String =
        percent_encoding::utf8_percent_encode(&json, percent_encoding::NON_ALPHANUMERIC).collect();
    let client = fake
        .builder()
        .login(move |login| {
            let address = format!("https://app.example/.auth/login/done#token={encoded}\n");
            async move {
                assert_eq!(
                    login.address("AAD"),
                    "https://app.example/.auth/login/aad?session_mode=token"
                );
                for other in [
                    address.replace("app.example", "evil.example"),
                    address.replace("/done", "/other"),
                    address.replace("#token=", "#token=x"),
                    address.replace('#', "?"),
                    "https://app.example.evil.example/.auth/login/done#token=x".to_owned(),
                    String::new(),
                ] {
                    assert!(login.redirected(&other).is_err(), "{other}");
                }
                let failed =
                    login.redirected("https://app.example/.auth/login/done#error=no%20way");
                assert!(format!("{:?}", failed.unwrap_err()).contains("no way"));
                Ok(login.redirected(&address)?)
            }
        })
        .build()
        .unwrap();

    assert_eq!(send(&client, &fake, get("/")).await.status, 200);
    assert_eq!(client.user().await.unwrap().user_id(), "sid:alice");
}
