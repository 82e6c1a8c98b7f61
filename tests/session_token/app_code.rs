//! Installed applications: a code in the fragment of their own scheme, redeemed with the verifier.

use easyauth::clock::Timestamp;
use easyauth::store::TokenStore;
use url::Url;

use super::*;

/// As the RFC writes them.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// As the SDKs write them: base64, and no characters that the RFC allows in a verifier.
const SDK_VERIFIER: &str = "4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8=";
const SDK_CHALLENGE: &str = "2FWjqofz/ovDTAIGiTtymlyMREePmsY+m+V6AHaX2ac=";
const CALLBACK: &str = "myapp://easyauth.callback";

fn story() -> Story {
    Story::with(|config| config.allowed_external_redirect_urls([CALLBACK]))
}

fn query(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn login(challenge: &str) -> String {
    let pairs = [
        ("post_login_redirect_url", CALLBACK),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ];
    format!("/.auth/login/op?{}", query(&pairs))
}

/// Signs in as `alice`, and returns the code.
async fn code(story: &mut Story, challenge: &str) -> String {
    let there = Url::parse(story.browser.visit(&login(challenge)).await.location()).unwrap();
    let answer = story.browser.come_back(&story.provider.authorize(&there, "alice")).await;
    assert_eq!(story.browser.cookies(), []);
    let location = answer.location();
    let code = location.strip_prefix("myapp://easyauth.callback#authorization_code=");
    let code = code.unwrap_or_else(|| panic!("{location}")).to_owned();
    assert!(code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{code}");
    code
}

async fn redeem(phone: &Phone, code: &str, verifier: &str) -> Answer {
    let pairs = [("authorization_code", code), ("code_verifier", verifier)];
    phone.get(&format!("/.auth/login/op/token?{}", query(&pairs))).await
}

#[tokio::test]
async fn a_code_is_redeemed_with_its_verifier_in_the_rfcs_spelling_and_in_the_sdks() {
    for (verifier, challenge) in [(VERIFIER, CHALLENGE), (SDK_VERIFIER, SDK_CHALLENGE)] {
        let mut story = story();
        let code = code(&mut story, challenge).await;
        let mut phone = story.phone();

        let answer = redeem(&phone, &code, verifier).await;
        phone.keep(&answer);

        assert_eq!(phone.user().await.as_deref(), Some("alice"));
        assert_eq!(phone.claims()["exp"], story.clock.unix() + 3_600);
    }
}

#[tokio::test]
async fn a_code_is_redeemed_only_once_on_whatever_node() {
    let mut story = story();
    let code = code(&mut story, CHALLENGE).await;
    let other = another_node(&story, |config| config);
    let phones: Vec<_> = (0..20)
        .map(|n| if n % 2 == 0 { story.phone() } else { story.phone().at(&other) })
        .collect();

    let answers =
        futures_util::future::join_all(phones.iter().map(|phone| redeem(phone, &code, VERIFIER)))
            .await;

    let good = answers.iter().filter(|answer| answer.status == 200).count();
    let refused = answers.iter().filter(|answer| answer.status == 400).count();
    assert_eq!((good, refused), (1, 19));
    story.clock.advance(SECOND);
    assert_eq!(redeem(&story.phone(), &code, VERIFIER).await.status, 400);
}

#[tokio::test]
async fn a_wrong_verifier_gets_nothing_and_does_not_use_the_code_up() {
    let mut story = story();
    let code = code(&mut story, CHALLENGE).await;
    let phone = story.phone();
    let mut bodies = Vec::new();

    let longer = format!("{code}A");
    let changed = format!("B{}", &code[1..]);
    for (code, verifier) in [
        (code.as_str(), ""),
        (code.as_str(), CHALLENGE),
        (code.as_str(), SDK_VERIFIER),
        (longer.as_str(), VERIFIER),
        (changed.as_str(), VERIFIER),
        ("", VERIFIER),
        ("x", VERIFIER),
    ] {
        let answer = redeem(&phone, code, verifier).await;
        assert_eq!(answer.status, 400, "{code} {verifier}");
        bodies.push(answer.json()["description"].clone());
    }
    for path in ["", "?code_verifier=x", "?authorization_code=x"] {
        let answer = phone.get(&format!("/.auth/login/op/token{path}")).await;
        assert_eq!(answer.status, 400);
        bodies.push(answer.json()["description"].clone());
    }
    assert!(bodies.windows(2).all(|two| two[0] == two[1]), "who guesses learns nothing");

    assert_eq!(redeem(&phone, &code, VERIFIER).await.status, 200);
}

#[tokio::test]
async fn a_look_at_a_code_does_not_use_it_up() {
    let mut story = story();
    let code = code(&mut story, CHALLENGE).await;
    let pairs = [("authorization_code", code.as_str()), ("code_verifier", VERIFIER)];
    let path = format!("/.auth/login/op/token?{}", query(&pairs));

    for method in ["HEAD", "POST", "OPTIONS"] {
        let answer = story.phone().send(Request::builder().method(method).uri(&path), "").await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("allow")),
            (405, Some("GET")),
            "{method}"
        );
    }

    assert_eq!(redeem(&story.phone(), &code, VERIFIER).await.status, 200);
}

#[tokio::test]
async fn a_code_lives_two_minutes() {
    for (late, expected) in [(119, 200), (120, 400)] {
        let mut story = story();
        let code = code(&mut story, CHALLENGE).await;
        story.clock.advance(late * SECOND);
        assert_eq!(redeem(&story.phone(), &code, VERIFIER).await.status, expected, "{late}");
    }
}

#[tokio::test]
async fn a_code_of_one_provider_is_none_of_anothers() {
    let clock = ManualClock::new();
    let store = TestStore::new();
    let providers = [FakeProvider::new("op", &clock), FakeProvider::new("other", &clock)];
    let config = config(&providers, &store, &clock).allowed_external_redirect_urls([CALLBACK]);
    let app = App::new(config.build().unwrap(), &clock);
    let [provider, _] = providers;
    let browser = Browser::new(&app);
    let mut story = Story { clock, store, provider, app, browser };
    let code = code(&mut story, CHALLENGE).await;

    let pairs = [("authorization_code", code.as_str()), ("code_verifier", VERIFIER)];
    let there = format!("/.auth/login/other/token?{}", query(&pairs));
    assert_eq!(story.phone().get(&there).await.status, 400);
    let nobody = format!("/.auth/login/nobody/token?{}", query(&pairs));
    assert_eq!(story.phone().get(&nobody).await.status, 404);
    assert_eq!(redeem(&story.phone(), &code, VERIFIER).await.status, 200);
}

#[tokio::test]
async fn a_code_goes_to_listed_addresses_only_and_needs_challenge_and_method() {
    let mut story = story();
    let full = [
        ("post_login_redirect_url", CALLBACK),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let with = |name: &str, value: Option<&'static str>| {
        let kept = full.iter().copied().filter(|(found, _)| *found != name);
        let added = value.map(|value| (name, value));
        format!("/.auth/login/op?{}", query(&kept.chain(added).collect::<Vec<_>>()))
    };
    for path in [
        with("code_challenge_method", None),
        with("code_challenge_method", Some("plain")),
        with("code_challenge", None),
        with("code_challenge", Some("")),
        with("code_challenge", Some("too-short")),
        with("completion_type", Some("postMessage")),
        with("post_login_redirect_url", None),
        with("post_login_redirect_url", Some("/page")),
        with("post_login_redirect_url", Some("otherapp://easyauth.callback")),
        with("post_login_redirect_url", Some("myapp://easyauth.callback.evil")),
        with("post_login_redirect_url", Some("myapp://easyauth.callback/more")),
        with("post_login_redirect_url", Some("https://evil.example/")),
    ] {
        let answer = story.browser.visit(&path).await;
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(answer.set_cookies(), [""; 0]);
    }
    let any_case = with("post_login_redirect_url", Some("MyApp://easyauth.callback"));
    assert_eq!(story.browser.visit(&any_case).await.status, 302);
}

#[tokio::test]
async fn who_signs_out_meanwhile_has_no_code_and_an_old_token_is_no_hindrance() {
    let mut story = story();
    let code = code(&mut story, CHALLENGE).await;
    let stale = story.phone().holding("a.b.c");

    let mut phone = story.phone();
    phone.keep(&redeem(&stale, &code, VERIFIER).await);

    assert_eq!(phone.user().await.as_deref(), Some("alice"));
    assert_eq!(phone.get("/.auth/refresh").await.status, 200);
}

#[tokio::test]
async fn who_is_not_signed_in_is_told_so_at_the_applications_address() {
    let mut story = story();
    story.provider.refuse_with("access_denied", "no");
    let there = Url::parse(story.browser.visit(&login(CHALLENGE)).await.location()).unwrap();

    let answer = story.browser.come_back(&story.provider.authorize(&there, "alice")).await;

    assert_eq!(
        answer.location(),
        "myapp://easyauth.callback#error=You%20have%20not%20been%20signed%20in"
    );
}

#[tokio::test]
async fn t_31_a_code_is_no_cookie_and_no_token() {
    let mut story = story();
    let code = code(&mut story, CHALLENGE).await;
    for value in [code.clone(), format!("1{code}")] {
        let mut browser = story.another_browser();
        browser.plant("AppServiceAuthSession", &value);
        assert_eq!(browser.user().await, None);
    }
    assert_eq!(story.phone().holding(&code).user().await, None);
    let (other, phone) = signed_in().await;
    let token = phone.token.clone().unwrap();
    let mut browser = other.another_browser();
    for value in [token.clone(), format!("1{token}")] {
        browser.plant("AppServiceAuthSession", &value);
        assert_eq!(browser.user().await, None, "and a token is no cookie");
    }
}

#[tokio::test]
async fn a_code_that_is_not_redeemed_leaves_no_session_behind() {
    for (redeemed, left) in [(false, 1), (true, 0)] {
        let mut story = story();
        let code = code(&mut story, CHALLENGE).await;
        story.clock.advance(60 * SECOND);
        if redeemed {
            let mut phone = story.phone();
            phone.keep(&redeem(&phone, &code, VERIFIER).await);
            assert_eq!(phone.claims()["exp"], story.clock.unix() + 3_540, "a whole one");
        }

        let late = story.clock.unix() + 60 + 72 * 3_600;
        let swept = story.store.sweep(Timestamp::from_unix(late + 1)).await.unwrap();

        assert_eq!(swept, left, "{redeemed}");
    }
}
