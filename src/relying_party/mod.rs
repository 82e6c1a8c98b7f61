//! The relying party: us, as OpenID Connect calls it. What happens, in order.
//!
//! The only place that brings time, randomness and IO together; how things look on the wire is
//! decided below, and which status an outcome makes above.

mod authenticate;
mod bearer;
mod callback;
mod client;
mod client_login;
mod credential;
mod documents;
mod kept;
mod login;
mod logout;
mod oauth1;
mod oauth2;
mod opened_cookies;
mod openid_connect;
mod records;
mod redeem;
mod refresh;
mod sign_in;
mod spent;
mod told;
mod verified_tokens;

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use quick_cache::sync::Cache;
use tokio::sync::{OnceCell, Semaphore};

pub(crate) use self::authenticate::{Known, Recognised};
use self::bearer::BearerTokens;
pub(crate) use self::callback::{Finished, Unfinished};
pub(crate) use self::credential::{NoBearer, Refused, Unknown};
use self::documents::Documents;
pub(crate) use self::login::Beginning;
pub(crate) use self::logout::SignedOut;
use self::opened_cookies::OpenedCookies;
use self::records::Records;
use self::refresh::{Failure, Landed};
pub(crate) use self::refresh::{NotRefreshed, Renewed};
pub(crate) use self::sign_in::Issued;
use self::spent::SpentLogins;
use self::verified_tokens::VerifiedTokens;
use crate::clock::Timestamp;
use crate::config::{Config, ConfigError, Settings};
use crate::error::Error;
use crate::flight::Flights;
use crate::http_client::{self, HttpClient};
use crate::principal::ProviderId;
use crate::provider;
use crate::session::UserKey;
use crate::wire::cookie::Cookies;

/// The relying party of one configuration. Cheap to clone; clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct RelyingParty(Arc<Shared>);

/// Everything that outlives a request.
#[derive(Debug)]
pub(crate) struct Shared {
    config: Config,
    cookies: Cookies,
    providers: Vec<Arc<Provider>>,
    http_client: OnceLock<HttpClient>,
    records: OnceCell<Option<Records>>,
    spent: SpentLogins,
    flights: Flights<UserKey, Landed>,
    /// Whose refresh failed lately.
    failures: Cache<UserKey, Failure>,
    opened_cookies: OpenedCookies,
    /// Whether tokens of any provider prove anything.
    accepts_bearer: bool,
    verified_tokens: VerifiedTokens,
}

impl Deref for RelyingParty {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// A configured provider and what it has told us so far.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) id: ProviderId,
    pub(crate) settings: provider::Provider,
    pub(crate) documents: Documents,
    /// How its tokens are taken from callers; `None` if they are not.
    bearer: Option<BearerTokens>,
    /// Permits to ask for fresh tokens: an outage that ends must not become a storm.
    pub(crate) refreshing: Semaphore,
}

impl RelyingParty {
    /// The relying party of `config`. Does no IO; a configuration that needs none is opened.
    pub(crate) fn new(config: Config) -> Self {
        let settings = config.settings();
        let providers: Vec<Arc<Provider>> = settings
            .providers
            .iter()
            .map(|(id, settings)| Provider {
                id: id.clone(),
                settings: settings.clone(),
                documents: Documents::default(),
                bearer: BearerTokens::of(settings),
                refreshing: Semaphore::new(MOST_REFRESHES),
            })
            .map(Arc::new)
            .collect();
        let http_client = settings.http_client.clone().map(http_client::bounded);
        let relying_party = Self(Arc::new(Shared {
            cookies: Cookies::new(settings.origin.is_https()),
            accepts_bearer: providers.iter().any(|provider| provider.bearer.is_some()),
            providers,
            http_client: http_client.map(OnceLock::from).unwrap_or_default(),
            records: OnceCell::new(),
            spent: SpentLogins::default(),
            flights: Flights::default(),
            failures: Cache::new(MOST_FAILURES),
            opened_cookies: OpenedCookies::new(settings.session.cache_capacity / 4),
            verified_tokens: VerifiedTokens::new(settings.session.cache_capacity / 8),
            config,
        }));
        relying_party.open_without_io();
        relying_party
    }

    fn open_without_io(&self) {
        // What fails here fails again, with a status and a log line, at the first request.
        if self.config.open_without_io().is_ok() && self.config.opened_already().is_some() {
            let _ = self.records.set(self.make_records());
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        self.config.settings()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.settings().clock.now()
    }

    pub(crate) fn cookies(&self) -> Cookies {
        self.cookies
    }

    /// The provider of this name, as it stands in a path: in whatever case, for there are clients
    /// that write it as their users do; or the one that has it as another.
    pub(crate) fn provider(&self, name: &str) -> Option<&Arc<Provider>> {
        let named = self.providers.iter().find(|provider| provider.id.is_named(name));
        let other = |provider: &&Arc<Provider>| {
            let alias = provider.settings.registration().alias;
            alias.is_some_and(|alias| alias.eq_ignore_ascii_case(name))
        };
        named.or_else(|| self.providers.iter().find(other))
    }

    /// The providers that a visitor can choose from.
    pub(crate) fn providers(&self) -> impl Iterator<Item = &ProviderId> {
        self.providers.iter().map(|provider| &provider.id)
    }

    /// Where the provider of this name sends its answers: the redirect URI registered there.
    pub(crate) fn redirect_uri(&self, provider: &ProviderId) -> String {
        let Settings { origin, api_prefix, .. } = self.settings();
        format!("{}{}/login/{provider}/callback", origin.as_str(), api_prefix.as_str())
    }

    async fn records(&self) -> Result<Option<&Records>, ConfigError> {
        self.config.opened().await?;
        let records = self.records.get_or_init(async || self.make_records()).await;
        Ok(records.as_ref())
    }

    fn make_records(&self) -> Option<Records> {
        let store = self.config.opened_already()?.store.clone()?;
        Some(Records::new(self.config.clone(), store))
    }

    fn http_client(&self) -> Result<&HttpClient, Error> {
        if let Some(client) = self.http_client.get() {
            return Ok(client);
        }
        let client = http_client::bounded(http_client::default_client()?);
        Ok(self.http_client.get_or_init(|| client))
    }
}

/// Refreshes at one provider at once.
const MOST_REFRESHES: usize = 64;
const MOST_FAILURES: usize = 10_000;
