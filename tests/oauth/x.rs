use easyauth::provider::X;
use url::Url;

use super::{Answer, IDENTITY, Story, query};

const REQUEST_TOKEN: &str = "POST https://api.x.com/oauth/request_token";
const ACCESS_TOKEN: &str = "POST https://api.x.com/oauth/access_token";
const VERIFY: &str = "GET https://api.x.com/1.1/account/verify_credentials.json";
const TOKEN: &str = "POST https://api.x.com/2/oauth2/token";
const ME: &str = "GET https://api.x.com/2/users/me";

/// The request token of the recorded answer.
const REQUESTED: &str = "NPcudxy0yU5T3tBzho7iCotZ3cnetKwcTIRlX0iwRl0";

fn oauth1() -> Story {
    let story = Story::new("twitter", X::oauth1("x-key", "x-secret"));
    let kind = "text/html; charset=utf-8";
    story.vendor.answer(REQUEST_TOKEN, 200, kind, include_str!("../data/x/request-token.txt"));
    story.vendor.answer(ACCESS_TOKEN, 200, kind, include_str!("../data/x/access-token.txt"));
    story.vendor.json(VERIFY, include_str!("../data/x/verify-credentials.json"));
    story
}

fn oauth2(provider: X) -> Story {
    let story = Story::new("twitter", provider);
    story.vendor.json(TOKEN, include_str!("../data/x/token.json"));
    story.vendor.json(ME, include_str!("../data/x/me.json"));
    story
}

fn x() -> X {
    X::oauth2("x-id", "x-secret")
}

async fn approve(story: &mut Story, there: &Url) -> Answer {
    let approved = [("oauth_token", REQUESTED), ("oauth_verifier", "a-verifier")];
    story.come_back(there, &approved).await
}

async fn sign_in(story: &mut Story) -> Answer {
    let there = story.begin().await;
    approve(story, &there).await
}

/// A parameter of an `Authorization: OAuth` header.
fn signed(header: &str, name: &str) -> Option<String> {
    let pairs = header.strip_prefix("OAuth ").unwrap().split(", ");
    let value = pairs.filter_map(|pair| pair.split_once('=')).find(|(found, _)| *found == name)?;
    Some(value.1.trim_matches('"').to_owned())
}

#[tokio::test]
async fn by_oauth_1_the_browser_is_sent_away_with_a_request_token() {
    let mut story = oauth1();
    let there = story.begin_with("?force_login=true&oauth_token=evil&x=y").await;

    assert_eq!(
        there.as_str(),
        format!("https://api.x.com/oauth/authenticate?oauth_token={REQUESTED}&force_login=true")
    );
    let asked = &story.vendor.asked("https://api.x.com/oauth/request_token")[0];
    let header = asked.header("authorization").unwrap();
    let callback = "https%3A%2F%2Fapp.example%2F.auth%2Flogin%2Ftwitter%2Fcallback";
    assert_eq!(signed(header, "oauth_callback").as_deref(), Some(callback));
    assert_eq!(signed(header, "oauth_consumer_key").as_deref(), Some("x-key"));
    assert_eq!(signed(header, "oauth_token"), None);
}

#[tokio::test]
async fn by_oauth_1_token_and_secret_reach_the_application_as_in_the_original() {
    let mut story = oauth1();
    assert_eq!(sign_in(&mut story).await.status, 302);
    let seen = story.seen().await;

    let token = "6253282-eWudHldSbIaelX7swmsiHImEL4KinwaGloHANdrY";
    let secret = "2EEfA6BG5ly3sR3XjE0IBSnlQu4ZrUzPiYTmrkVU";
    assert_eq!(seen.seen("x-ms-token-twitter-access-token"), [token]);
    assert_eq!(seen.seen("x-ms-token-twitter-access-token-secret"), [secret]);
    for kind in ["expires-on", "refresh-token", "id-token"] {
        assert!(seen.seen(&format!("x-ms-token-twitter-{kind}")).is_empty(), "{kind}");
    }
    let me = story.me().await;
    assert_eq!(
        (me["access_token"].as_str(), me["access_token_secret"].as_str()),
        (Some(token), Some(secret))
    );
    let asked = &story.vendor.asked("https://api.x.com/oauth/access_token")[0];
    let header = asked.header("authorization").unwrap();
    assert_eq!(signed(header, "oauth_token").as_deref(), Some(REQUESTED));
    assert_eq!(signed(header, "oauth_verifier").as_deref(), Some("a-verifier"));
}

#[tokio::test]
async fn by_oauth_1_the_user_is_told_with_the_originals_claims_in_its_order() {
    let mut story = oauth1();
    sign_in(&mut story).await;

    let principal = story.seen().await.principal();
    assert_eq!(principal["provider"], "twitter");
    assert_eq!(principal["user_id"], "6253282");
    assert_eq!(principal["name"], "twitterapi");
    assert_eq!(story.me().await["user_id"], "twitterapi");
    let picture =
        "https://abs.twimg.com/sticky/default_profile_images/default_profile_4_400x400.png";
    assert_eq!(
        story.claims().await,
        [
            format!("{IDENTITY}/nameidentifier=6253282"),
            format!("{IDENTITY}/upn=twitterapi"),
            format!("{IDENTITY}/name=Twitter API"),
            format!("{IDENTITY}/webpage=http://t.co/RiSeRKwm2P"),
            "urn:twitter:description=My twitter profile description".to_owned(),
            "urn:twitter:location=Redmond, WA".to_owned(),
            "urn:twitter:time_zone=Redmond".to_owned(),
            "urn:twitter:lang=en".to_owned(),
            "urn:twitter:verified=False".to_owned(),
            format!("urn:twitter:profile_image_url_https={picture}"),
        ]
    );
}

#[tokio::test]
async fn by_oauth_1_an_app_that_may_not_read_profiles_signs_in_all_the_same() {
    let mut story = oauth1();
    story.vendor.answer(VERIFY, 403, "application/json", r#"{"errors": [{"code": 453}]}"#);
    assert_eq!(sign_in(&mut story).await.status, 302);

    assert_eq!(
        story.claims().await,
        [format!("{IDENTITY}/nameidentifier=6253282"), format!("{IDENTITY}/upn=twitterapi")]
    );
}

#[tokio::test]
async fn by_oauth_1_a_profile_of_somebody_else_signs_nobody_in() {
    let mut story = oauth1();
    story.vendor.json(VERIFY, r#"{"id_str": "1", "screen_name": "twitterapi"}"#);
    let answer = sign_in(&mut story).await;

    story.assert_nobody(&answer, 502);
}

#[tokio::test]
async fn t_40_by_oauth_1_an_approval_counts_only_in_the_browser_that_began() {
    let mut story = oauth1();
    let there = story.begin().await;
    let mut other = oauth1();
    other.app = story.app.clone();
    other.browser = super::Browser::new(&story.app);
    let answer = approve(&mut other, &there).await;
    other.assert_nobody(&answer, 400);
    let foreign = [("oauth_token", "another"), ("oauth_verifier", "a-verifier")];
    let answer = story.come_back(&there, &foreign).await;
    story.assert_nobody(&answer, 400);

    assert_eq!(approve(&mut story, &there).await.status, 302);
    assert_eq!(approve(&mut story, &there).await.status, 400);
    assert_eq!(story.vendor.asked("https://api.x.com/oauth/access_token").len(), 1);
}

#[tokio::test]
async fn by_oauth_1_whoever_says_no_is_told_so() {
    let mut story = oauth1();
    let there = story.begin().await;
    let answer = story.come_back(&there, &[("denied", REQUESTED)]).await;

    story.assert_nobody(&answer, 403);
    assert!(story.vendor.asked("https://api.x.com/oauth/access_token").is_empty());
}

#[tokio::test]
async fn by_oauth_1_what_x_refuses_is_laid_at_the_right_door() {
    let unauthorized = include_str!("../data/x/unauthorized.json");
    for (status, expected) in [(401, 500), (403, 500), (503, 503)] {
        let mut story = oauth1();
        story.vendor.answer(REQUEST_TOKEN, status, "application/json", unauthorized);
        let answer = story.browser.visit("/.auth/login/twitter").await;
        story.assert_nobody(&answer, expected);
    }
    let mut unconfirmed = oauth1();
    unconfirmed.vendor.answer(
        REQUEST_TOKEN,
        200,
        "text/html",
        "oauth_token=t&oauth_token_secret=s",
    );
    let answer = unconfirmed.browser.visit("/.auth/login/twitter").await;
    unconfirmed.assert_nobody(&answer, 502);
    for (status, expected) in [(401, 400), (500, 503)] {
        let mut story = oauth1();
        story.vendor.answer(ACCESS_TOKEN, status, "application/json", unauthorized);
        let answer = sign_in(&mut story).await;
        story.assert_nobody(&answer, expected);
    }
}

#[tokio::test]
async fn by_oauth_1_there_is_nothing_to_refresh_and_the_answer_says_why() {
    let mut story = oauth1();
    sign_in(&mut story).await;
    let answer = story.refresh().await;

    assert_eq!(answer.sub_status(), "400.82");
    assert!(answer.text().contains("do not expire"), "{answer:?}");
}

#[tokio::test]
async fn by_oauth_2_the_browser_is_sent_away_with_pkce() {
    let mut story = oauth2(x().scopes(["users.read", "tweet.read", "offline.access"]));
    let there = story.begin().await;

    assert!(there.as_str().starts_with("https://x.com/i/oauth2/authorize?"));
    assert_eq!(
        query(&there),
        "response_type=code&redirect_uri=https://app.example/.auth/login/twitter/callback\
         &client_id=x-id&scope=users.read tweet.read offline.access\
         &code_challenge=…&code_challenge_method=S256&state=…"
    );
}

#[tokio::test]
async fn by_oauth_2_the_user_is_told_with_the_same_claims() {
    let mut story = oauth2(x());
    assert_eq!(story.sign_in().await.status, 302);

    let principal = story.seen().await.principal();
    assert_eq!(
        (&principal["provider"], &principal["user_id"]),
        (&"twitter".into(), &"2244994945".into())
    );
    assert_eq!(principal["name"], "TwitterDev");
    let claims = story.claims().await;
    assert_eq!(
        claims[..3],
        [
            format!("{IDENTITY}/nameidentifier=2244994945"),
            format!("{IDENTITY}/upn=TwitterDev"),
            format!("{IDENTITY}/name=TwitterDev"),
        ]
    );
    assert!(claims.contains(&"urn:twitter:verified=True".to_owned()), "{claims:?}");
    assert!(claims.last().unwrap().starts_with("urn:twitter:profile_image_url_https=https://pbs"));
    let me = &story.vendor.asked("https://api.x.com/2/users/me")[0];
    assert!(me.queried("user.fields").unwrap().contains("profile_image_url"));
    let token = &story.vendor.asked("https://api.x.com/2/oauth2/token")[0];
    assert!(token.header("authorization").unwrap().starts_with("Basic "));
    assert_eq!(token.parameter("code_verifier").unwrap().len(), 43);
}

#[tokio::test]
async fn by_oauth_2_tokens_are_refreshed_and_have_no_secret() {
    let mut story = oauth2(x());
    story.sign_in().await;
    story.vendor.json(TOKEN, include_str!("../data/x/token-refreshed.json"));

    assert_eq!(story.refresh().await.status, 200);
    let seen = story.seen().await;
    assert_eq!(seen.seen("x-ms-token-twitter-access-token"), ["SYNTHETIC-X-ACCESS-2"]);
    assert_eq!(seen.seen("x-ms-token-twitter-refresh-token"), ["SYNTHETIC-X-REFRESH-2"]);
    assert_eq!(seen.seen("x-ms-token-twitter-expires-on").len(), 1);
    assert!(seen.seen("x-ms-token-twitter-access-token-secret").is_empty());
}

#[tokio::test]
async fn by_oauth_2_a_refresh_without_offline_access_names_the_scope() {
    let mut story = oauth2(x());
    story
        .vendor
        .json(TOKEN, r#"{"token_type": "bearer", "expires_in": 7200, "access_token": "a"}"#);
    story.sign_in().await;
    let answer = story.refresh().await;

    assert_eq!(answer.sub_status(), "400.80");
    assert!(answer.text().contains("offline.access"), "{answer:?}");
}

#[tokio::test]
async fn x_is_another_name_of_the_same_login() {
    for mut story in [oauth1(), oauth2(x())] {
        let answer = story.browser.visit("/.auth/login/x").await;
        let there = Url::parse(answer.location()).unwrap();
        let code = [("code", "a-code")];
        let approved = [("oauth_token", REQUESTED), ("oauth_verifier", "a-verifier")];
        let oauth2 = there.path().contains("oauth2");
        story.come_back(&there, if oauth2 { &code[..] } else { &approved[..] }).await;

        assert_eq!(story.seen().await.seen("x-ms-client-principal-idp"), ["twitter"]);
    }
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let mut story = oauth1();
    sign_in(&mut story).await;
    let copy = story.browser.clone();
    assert_eq!(story.browser.visit("/.auth/logout").await.status, 302);

    story.browser = copy;
    assert_eq!(story.browser.user().await, None);
}
