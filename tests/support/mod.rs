//! The cast of the stories: a [`Browser`], an [`App`] behind the real layer, a [`FakeProvider`], a
//! [`TestStore`] and a [`ManualClock`]. No ports, no sleeps.
//!
//! ```ignore
//! let mut story = Story::new();
//! story.browser.sign_in(&story.provider, "alice").await;
//! assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
//! ```
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "every story needs a part of the cast, and a story that goes wrong says so by a panic"
)]

use easyauth::ConfigBuilder;
use easyauth::provider::{OpenIdConnect, Provider};

mod app;
mod browser;
mod clock;
mod log;
mod phone;
mod provider;
mod signing;
mod statement;
mod store;
mod vendor;

pub use app::{Answer, App, config, key};
pub use browser::Browser;
pub use clock::ManualClock;
pub use log::Log;
pub use phone::Phone;
pub use provider::{
    Asked, CLIENT_ID, CLIENT_SECRET, Callback, Document, FakeProvider, Reply, TEAM_ID, network,
    s256,
};
pub use signing::SigningKey;
pub use statement::{base64_url, verify_statement};
pub use store::{TestStore, Verb};
pub use vendor::{Question, Vendor};

/// One browser, one application, one provider.
pub struct Story {
    pub clock: ManualClock,
    pub store: TestStore,
    pub provider: FakeProvider,
    pub app: App,
    pub browser: Browser,
}

impl Story {
    pub fn new() -> Self {
        Self::with(|config| config)
    }

    /// A story in which the application is configured a little differently.
    pub fn with(change: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        let clock = ManualClock::new();
        let store = TestStore::new();
        let provider = FakeProvider::new("op", &clock);
        let config = config(std::slice::from_ref(&provider), &store, &clock);
        let app = App::new(change(config).build().unwrap(), &clock);
        let browser = Browser::new(&app);
        Self { clock, store, provider, app, browser }
    }

    /// A story in which the provider is configured a little differently.
    pub fn with_provider(change: impl FnOnce(OpenIdConnect) -> OpenIdConnect) -> Self {
        Self::at("op", "", |provider| change(provider.settings()))
    }

    /// A story with a provider called `name`, whose issuer ends in `path`, and which the application
    /// takes for what `settings` makes of it.
    pub fn at<P: Into<Provider>>(
        name: &'static str,
        path: &str,
        settings: impl FnOnce(&FakeProvider) -> P,
    ) -> Self {
        let clock = ManualClock::new();
        let store = TestStore::new();
        let provider = FakeProvider::below(name, path, &clock);
        let network = network(std::slice::from_ref(&provider));
        let config = config(&[], &store, &clock).provider(settings(&provider));
        let app = App::new(config.http_client(network).build().unwrap(), &clock);
        let browser = Browser::new(&app);
        Self { clock, store, provider, app, browser }
    }

    /// `user` signs in in the browser, whatever comes of it.
    pub async fn try_sign_in(&mut self, user: &str) -> Answer {
        self.browser.try_sign_in(&self.provider, user).await
    }

    /// `user` signs in in the browser.
    pub async fn sign_in(&mut self, user: &str) {
        self.browser.sign_in(&self.provider, user).await;
    }

    /// A telephone of somebody.
    pub fn phone(&self) -> Phone {
        Phone::new(&self.app)
    }

    /// Another browser of somebody.
    pub fn another_browser(&self) -> Browser {
        Browser::new(&self.app)
    }

    /// Asserts that a login was refused with `status` and has left nothing behind: no session, no
    /// record, and no call to the provider but those `asked`.
    pub fn assert_refused(&self, answer: &Answer, status: u16, asked: &[Document]) {
        self.assert_refused_for(&self.browser, answer, status, asked);
    }

    /// The same for another browser's login.
    pub fn assert_refused_for(
        &self,
        browser: &Browser,
        answer: &Answer,
        status: u16,
        asked: &[Document],
    ) {
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.refusal.is_some(), "{answer:?}");
        assert!(!answer.gives_session() && !browser.has_session(), "{answer:?}");
        assert_eq!(self.store.writes(), 0, "{answer:?}");
        assert_eq!(self.provider.take_asked(), asked, "{answer:?}");
        assert_eq!(self.provider.strays(), [""; 0]);
    }
}
