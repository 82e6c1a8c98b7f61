//! Cookies that are not what we set.

use easyauth::{ConfigBuilder, Unauthenticated};
use http::{HeaderValue, Request, header};
use proptest::prelude::*;
use serde_json::json;

use crate::support::*;

/// A browser that is signed in, and its session cookie.
async fn signed_in() -> (Story, String) {
    let mut story = Story::new();
    story.sign_in("alice").await;
    let value = story.browser.cookie(SESSION).unwrap().to_owned();
    (story, value)
}

/// Who the application takes the sender of these `Cookie` lines for.
async fn ask(app: &App, lines: &[&[u8]]) -> Answer {
    let mut request = Request::get("/").header(header::ACCEPT, "application/json");
    for line in lines {
        request = request.header(header::COOKIE, HeaderValue::from_bytes(line).unwrap());
    }
    app.send(request.body(<_>::default()).unwrap()).await
}

async fn refuse(app: &App, line: &str) {
    let answer = ask(app, &[line.as_bytes()]).await;
    assert_eq!(answer.status, 401, "{line}: {answer:?}");
    assert!(!answer.gives_session());
}

const SESSION: &str = "AppServiceAuthSession";

#[tokio::test]
async fn t_30_no_bit_of_a_session_can_be_changed() {
    let (story, value) = signed_in().await;
    for position in 0..value.len() {
        for bit in 0..8 {
            let mut bytes = value.clone().into_bytes();
            bytes[position] ^= 1 << bit;
            if bytes[position].is_ascii_control() || bytes[position] == b';' {
                continue;
            }
            let line = [format!("{SESSION}=").as_bytes(), &bytes].concat();
            let answer = ask(&story.app, &[&line]).await;
            assert_eq!(answer.status, 401, "bit {bit} of {position}");
        }
    }
}

#[tokio::test]
async fn t_30_a_session_cut_short_or_prolonged_is_none_and_its_cookie_goes() {
    let (story, value) = signed_in().await;
    for length in 0..value.len() {
        refuse(&story.app, &format!("{SESSION}={}", &value[..length])).await;
    }
    for tail in ["A", "=", "==", "AAAA", "%20", "."] {
        let mut browser = story.browser.clone();
        browser.plant(SESSION, &format!("{value}{tail}"));
        assert_eq!(browser.fetch("/").await.sub_status(), "401.83", "{tail}");
        assert!(!browser.has_session());
    }
    let swapped = value.replace('-', "+").replace('_', "/");
    if swapped != value {
        refuse(&story.app, &format!("{SESSION}={swapped}")).await;
    }
}

#[tokio::test]
async fn t_31_no_sealed_value_works_in_another_place() {
    let (mut story, session) = signed_in().await;
    let there = story.browser.begin(&story.provider).await;
    let (name, login) = story.browser.logins().remove(0);

    for value in [login.clone(), format!("1{login}")] {
        refuse(&story.app, &format!("{SESSION}={value}")).await;
    }
    let second = story.browser.begin(&story.provider).await;
    let other = story.browser.logins().into_iter().find(|(found, _)| *found != name).unwrap();
    for value in [session.clone(), session[1..].to_owned(), other.1] {
        let mut browser = story.browser.clone();
        browser.plant(&name, &value);
        let callback = story.provider.authorize(&there, "alice");
        assert_eq!(browser.come_back(&callback).await.status, 400);
    }
    let answer = story.browser.come_back(&story.provider.authorize(&second, "alice")).await;
    assert_eq!(answer.status, 302);
}

#[tokio::test]
async fn t_32_chunks_of_two_sessions_make_none() {
    let mut story = Story::with(ConfigBuilder::without_token_store);
    story.provider.set(Document::IdToken, "groups", json!(vec!["a group of some length"; 150]));
    story.sign_in("alice").await;
    let mut other = story.another_browser();
    other.sign_in(&story.provider, "alice").await;
    let chunks = |browser: &Browser| -> Vec<(String, String)> {
        let mut cookies = browser.cookies();
        cookies.retain(|(name, _)| name.starts_with(SESSION));
        cookies.sort();
        cookies
    };
    let (mine, theirs) = (chunks(&story.browser), chunks(&other));
    assert!(mine.len() > 3 && mine.len() == theirs.len());
    let line = |cookies: &[(String, String)]| {
        cookies.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(ask(&story.app, &[line(&mine).as_bytes()]).await.status, 200);
    for index in 0..mine.len() {
        let mut mixed = mine.clone();
        mixed[index] = theirs[index].clone();
        refuse(&story.app, &line(&mixed)).await;
        let mut missing = mine.clone();
        missing.remove(index);
        refuse(&story.app, &line(&missing)).await;
        let mut twice = mine.clone();
        twice.push(mine[index].clone());
        if index > 0 {
            refuse(&story.app, &line(&twice)).await;
        }
    }
    let mut reordered = mine.clone();
    (reordered[1].1, reordered[2].1) = (mine[2].1.clone(), mine[1].1.clone());
    refuse(&story.app, &line(&reordered)).await;
}

#[tokio::test]
async fn t_33_ck_06_a_wild_count_of_chunks_is_no_session() {
    let (story, value) = signed_in().await;
    for count in ["0", "2", "9", "-1", "99999999", "1e9", ""] {
        refuse(&story.app, &format!("{SESSION}={count}{}", &value[1..])).await;
    }
    let many: Vec<_> = (0..180).map(|n| format!("{SESSION}{n}=x")).collect();
    refuse(&story.app, &format!("{SESSION}=9x; {}", many.join("; "))).await;
}

#[tokio::test]
async fn t_34_a_format_of_another_version_is_no_session() {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    let (story, value) = signed_in().await;
    let mut sealed = BASE64_URL_SAFE_NO_PAD.decode(&value[1..]).unwrap();
    for version in [0, 2, 255] {
        sealed[0] = version;
        let value = BASE64_URL_SAFE_NO_PAD.encode(&sealed);
        refuse(&story.app, &format!("{SESSION}=1{value}")).await;
    }
}

#[tokio::test]
async fn t_36_who_has_the_cookie_is_the_user() {
    let (story, value) = signed_in().await;
    let mut thief = story.another_browser();
    thief.plant(SESSION, &value);

    assert_eq!(thief.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn t_37_a_sibling_sites_cookies_cost_nobody_their_session() {
    let (story, value) = signed_in().await;
    let good = format!("{SESSION}={value}");
    let garbage: Vec<_> = (0..60).map(|n| format!("g{n}=\u{e9}\u{2000}{n}")).collect();
    let garbage = garbage.join("; ");
    for lines in [
        vec![format!("{SESSION}=1forged; {good}")],
        vec![format!("{good}; {SESSION}=1forged")],
        vec![format!("{SESSION}=1forged"), good.clone()],
        vec![garbage.clone(), good.clone()],
        vec![format!("\u{2000}{SESSION}=1x; {good}")],
        vec![format!("$Version=1; {good}; $Path=/")],
        vec![format!("a=\"x; {good}; b=y\"")],
        vec![format!("__HOST-{good}; {good}")],
        vec![format!(";;; = ; nameless; {good};")],
    ] {
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        assert_eq!(ask(&story.app, &lines).await.user().as_deref(), Some("alice"));
    }
    let raw = [b"other=\xff\xfe\x80; ", good.as_bytes()].concat();
    assert_eq!(ask(&story.app, &[&raw]).await.user().as_deref(), Some("alice"));
}

#[tokio::test]
async fn ck_03_of_two_sessions_that_open_none_counts() {
    let (story, alice) = signed_in().await;
    let mut browser = story.another_browser();
    browser.sign_in(&story.provider, "bob").await;
    let bob = browser.cookie(SESSION).unwrap();

    refuse(&story.app, &format!("{SESSION}={alice}; {SESSION}={bob}")).await;
    refuse(&story.app, &format!("{SESSION}={bob}; {SESSION}={alice}")).await;
    let twice = format!("{SESSION}={alice}; {SESSION}={alice}");
    assert_eq!(ask(&story.app, &[twice.as_bytes()]).await.user().as_deref(), Some("alice"));
}

#[tokio::test]
async fn ck_04_our_names_are_compared_byte_for_byte() {
    let (story, value) = signed_in().await;
    for name in ["appserviceauthsession", "APPSERVICEAUTHSESSION", "AppServiceAuthSession%20", ""] {
        refuse(&story.app, &format!("{name}={value}")).await;
    }
    for space in ["\u{2000}", "\u{a0}", "\u{85}", "\u{3000}"] {
        refuse(&story.app, &format!("{space}{SESSION}={value}")).await;
    }
    refuse(&story.app, &format!("{SESSION}=\"{value}\"")).await;
}

#[tokio::test]
async fn t_37_sixty_logins_of_others_do_not_keep_anybody_from_signing_in() {
    let mut story = Story::new();
    for number in 0..60 {
        story.browser.plant(&format!("__Host-EasyAuthLogin-{number:026x}"), "garbage");
        story.browser.plant(&format!("__Host-EasyAuthLogin-{number}"), "garbage");
    }

    story.sign_in("alice").await;

    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn ck_01_ck_02_no_cookie_of_ours_is_one_that_browsers_refuse() {
    // The browser of these stories asserts it of every cookie; here it meets the largest.
    for groups in [0, 1, 50, 100, 200, 300] {
        let mut story = Story::with(ConfigBuilder::without_token_store);
        story.provider.set(Document::Userinfo, "groups", json!(vec!["a group"; groups]));
        story.sign_in("alice").await;
        assert_eq!(story.browser.user().await.as_deref(), Some("alice"), "{groups}");
        story.provider.be_honest();
        story.sign_in("alice").await;
        assert!(story.browser.cookie("AppServiceAuthSession1").is_none(), "{groups}");
        assert_eq!(story.browser.user().await.as_deref(), Some("alice"), "{groups}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_in_a_cookie_header_sign_anybody_in_or_crash(
        lines in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(0x20_u8..=0xff, 0..200),
                "AppServiceAuthSession[0-9]?=[0-9][A-Za-z0-9_-]{0,300}(; .{0,20})?"
                    .prop_map(String::into_bytes),
            ],
            0..5,
        ),
    ) {
        let lines: Vec<_> = lines.into_iter().filter(|line| !line.contains(&0x7f)).collect();
        let lines: Vec<_> = lines
            .into_iter()
            .filter(|line| HeaderValue::from_bytes(line).is_ok())
            .collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let story = Story::with(|config| config.unauthenticated(Unauthenticated::Allow));
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let answer = runtime.block_on(ask(&story.app, &lines));
        prop_assert_eq!(answer.user(), None);
        prop_assert!(answer.set_cookies().is_empty());
    }
}
