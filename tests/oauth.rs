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

use support::{Answer, App, Browser, Callback, ManualClock, TestStore, Vendor, config};

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

const IDENTITY: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims";
