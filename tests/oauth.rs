//! Signing in at providers that do not speak OpenID Connect: GitHub, Facebook, X, and any plain
//! OAuth 2.0 provider. They answer here with recorded documents (`tests/data/README.md`).
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "these are tests")]

mod support;

#[path = "oauth/facebook.rs"]
mod facebook;
#[path = "oauth/github.rs"]
mod github;
#[path = "oauth/plain.rs"]
mod plain;
#[path = "oauth/x.rs"]
mod x;

use easyauth::provider::Provider;
use serde_json::Value;
use url::Url;

use easyauth::provider::{Facebook, GitHub, X};
use support::{Answer, App, Browser, Callback, Log, ManualClock, TestStore, Vendor, config};

/// One browser, one application, one provider with recorded answers.
struct Story {
    name: &'static str,
    clock: ManualClock,
    vendor: Vendor,
    app: App,
    browser: Browser,
}

impl Story {
    fn new(name: &'static str, provider: impl Into<Provider>) -> Self {
        let (clock, store, vendor) = (ManualClock::new(), TestStore::new(), Vendor::default());
        let config = config(&[], &store, &clock).provider(provider);
        let app = App::new(config.http_client(vendor.network()).build().unwrap(), &clock);
        let browser = Browser::new(&app);
        Self { name, clock, vendor, app, browser }
    }

    /// Begins to sign in, and is at the provider then.
    async fn begin(&mut self) -> Url {
        self.begin_with("").await
    }

    async fn begin_with(&mut self, query: &str) -> Url {
        let answer = self.browser.visit(&format!("/.auth/login/{}{query}", self.name)).await;
        Url::parse(answer.location()).unwrap()
    }

    /// Comes back from the provider with `parameters`, and with the `state` of the login.
    async fn come_back(&mut self, there: &Url, parameters: &[(&str, &str)]) -> Answer {
        let state = there.query_pairs().find(|(name, _)| name == "state");
        let mut parameters: Vec<(String, String)> =
            parameters.iter().map(|(name, value)| pair(name, value)).collect();
        parameters.extend(state.map(|(name, value)| pair(&name, &value)));
        let callback = Callback {
            from: there.origin().ascii_serialization(),
            redirect_uri: format!("https://app.example/.auth/login/{}/callback", self.name),
            parameters,
            posted: false,
        };
        self.browser.come_back(&callback).await
    }

    /// Signs in with a code.
    async fn sign_in(&mut self) -> Answer {
        let there = self.begin().await;
        self.come_back(&there, &[("code", "a-code")]).await
    }

    /// What the application sees of the user.
    async fn seen(&mut self) -> Answer {
        self.browser.fetch("/").await
    }

    /// The user's claims, as `typ=val`.
    async fn claims(&mut self) -> Vec<String> {
        let me = self.me().await;
        let claims = me["user_claims"].as_array().unwrap();
        let line = |claim: &Value| {
            format!("{}={}", claim["typ"].as_str().unwrap(), claim["val"].as_str().unwrap())
        };
        claims.iter().map(line).collect()
    }

    async fn me(&mut self) -> Value {
        self.browser.fetch("/.auth/me").await.json()[0].clone()
    }

    async fn refresh(&mut self) -> Answer {
        self.browser.fetch("/.auth/refresh").await
    }

    /// Nobody is signed in.
    fn assert_nobody(&self, answer: &Answer, status: u16) {
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.refusal.is_some() && !self.browser.has_session(), "{answer:?}");
    }
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// The query of an authorization request, with what is drawn at random left out.
fn query(there: &Url) -> String {
    let drawn = |name: &str| matches!(name, "state" | "code_challenge");
    let written = there.query_pairs().map(|(name, value)| {
        let value = if drawn(&name) { "…".into() } else { value };
        format!("{name}={value}")
    });
    written.collect::<Vec<_>>().join("&")
}

/// One application with all three.
fn all() -> (Vendor, Browser) {
    let (clock, store, vendor) = (ManualClock::new(), TestStore::new(), Vendor::default());
    vendor.json(
        "POST https://github.com/login/oauth/access_token",
        include_str!("data/github/token.json"),
    );
    vendor.json("GET https://api.github.com/user", include_str!("data/github/user.json"));
    vendor.json(
        "POST https://graph.facebook.com/v23.0/oauth/access_token",
        include_str!("data/facebook/long-lived.json"),
    );
    vendor.json("GET https://graph.facebook.com/v23.0/me", include_str!("data/facebook/me.json"));
    for (asked, body) in [
        ("POST https://api.x.com/oauth/request_token", include_str!("data/x/request-token.txt")),
        ("POST https://api.x.com/oauth/access_token", include_str!("data/x/access-token.txt")),
        (
            "GET https://api.x.com/1.1/account/verify_credentials.json",
            include_str!("data/x/verify-credentials.json"),
        ),
    ] {
        vendor.answer(asked, 200, "text/html", body);
    }
    let config = config(&[], &store, &clock)
        .provider(GitHub::new("id", "GITHUB-SECRET"))
        .provider(Facebook::new("id", "FACEBOOK-SECRET"))
        .provider(X::oauth1("id", "X-SECRET"));
    let app = App::new(config.http_client(vendor.network()).build().unwrap(), &clock);
    (vendor, Browser::new(&app))
}

/// What `name` would send the browser back with that left for `there`.
fn answer_of(name: &str, there: &Url) -> String {
    let state = there.query_pairs().find(|(name, _)| name == "state");
    match (name, state) {
        ("twitter", _) => {
            let token = there.query_pairs().find(|(name, _)| name == "oauth_token").unwrap().1;
            format!("oauth_token={token}&oauth_verifier=VERIFIER-OF-X")
        }
        (_, state) => format!("code=CODE-OF-{name}&state={}", state.unwrap().1),
    }
}

const NAMES: [&str; 3] = ["github", "facebook", "twitter"];

#[tokio::test]
async fn t_44_oa_09_an_answer_of_one_provider_completes_no_login_at_another() {
    for begun in NAMES {
        for ended in NAMES {
            let (_, mut browser) = all();
            let answer = browser.visit(&format!("/.auth/login/{begun}")).await;
            let there = Url::parse(answer.location()).unwrap();
            let back = format!("/.auth/login/{ended}/callback?{}", answer_of(begun, &there));
            let answer = browser.visit(&back).await;
            assert_eq!(browser.has_session(), begun == ended, "{begun}, {ended}: {answer:?}");
            assert_eq!(answer.status.as_u16(), if begun == ended { 302 } else { 400 });
        }
    }
}

#[tokio::test]
async fn signing_in_with_another_provider_replaces_the_session() {
    let (_, mut browser) = all();
    let mut earlier: Option<Browser> = None;
    for (name, user) in NAMES.into_iter().zip(["1", "10154312468591959", "6253282"]) {
        let answer = browser.visit(&format!("/.auth/login/{name}")).await;
        let there = Url::parse(answer.location()).unwrap();
        browser.visit(&format!("/.auth/login/{name}/callback?{}", answer_of(name, &there))).await;
        assert_eq!(browser.user().await.as_deref(), Some(user));
        if let Some(mut earlier) = earlier.replace(browser.clone()) {
            assert_eq!(earlier.user().await, None);
        }
    }
}

#[tokio::test]
async fn t_105_no_secret_reaches_the_log() {
    let log = Log::listen();
    for failing in [None, Some("GET"), Some("POST")] {
        let (vendor, mut browser) = all();
        for name in NAMES {
            let answer = browser.visit(&format!("/.auth/login/{name}")).await;
            let there = Url::parse(answer.location()).unwrap();
            let back = format!("/.auth/login/{name}/callback?{}", answer_of(name, &there));
            match failing {
                Some("GET") => {
                    for asked in [
                        "GET https://api.github.com/user",
                        "GET https://graph.facebook.com/v23.0/me",
                        "GET https://api.x.com/1.1/account/verify_credentials.json",
                    ] {
                        vendor.answer(asked, 401, "text/html", "EAASYNTHETIC0000LONGLIVED");
                    }
                }
                Some(_) => {
                    for asked in [
                        "POST https://github.com/login/oauth/access_token",
                        "POST https://graph.facebook.com/v23.0/oauth/access_token",
                        "POST https://api.x.com/oauth/access_token",
                    ] {
                        vendor.answer(asked, 400, "text/html", "GITHUB-SECRET");
                    }
                }
                None => {}
            }
            browser.visit(&back).await;
            assert_eq!(browser.has_session(), failing.is_none());
            browser.visit("/.auth/logout").await;
        }
    }
    let text = log.text();
    assert!(text.contains("signed in") && text.contains("failed"), "{text}");
    for secret in [
        "GITHUB-SECRET",
        "FACEBOOK-SECRET",
        "X-SECRET",
        "CODE-OF-",
        "VERIFIER-OF-X",
        "gho_16C7e42F292c6912E7710c838347Ae178B4a",
        "EAASYNTHETIC",
        "NPcudxy0yU5T3tBzho7iCotZ3cnetKwcTIRlX0iwRl0",
        "veNRnAWe6inFuo8o2u8SLLZLjolYDmDP7SzL0YfYI",
        "eWudHldSbIaelX7swmsiHImEL4KinwaGloHANdrY",
        "2EEfA6BG5ly3sR3XjE0IBSnlQu4ZrUzPiYTmrkVU",
        "octocat",
        "Joe Bloggs",
        "twitterapi",
    ] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

const IDENTITY: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims";
