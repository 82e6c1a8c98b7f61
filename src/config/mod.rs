//! What the application's owner decides, checked once.
//!
//! A [`Config`] is [built in code](Config::builder) or [read from Azure's own
//! `auth.json`](ConfigBuilder::from_auth_json). Building checks everything and does no IO; what is
//! on disk is reached by [`open`](Config::open).

mod azure;
mod builder;
mod checks;
mod env;
mod error;
mod open;
pub(crate) mod paths;
mod providers;
mod time_span;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

pub use self::builder::ConfigBuilder;
pub use self::error::ConfigError;
pub(crate) use self::open::Opened;
use self::paths::PathPatterns;
use crate::api_prefix::ApiPrefix;
use crate::clock::{Clock, Timestamp};
use crate::http_client::HttpClient;
use crate::origin::PublicOrigin;
use crate::principal::ProviderId;
use crate::provider::Provider;
use crate::return_to::Destinations;
use crate::seal::Key;
use crate::store::TokenStore;

/// A checked configuration. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Config {
    settings: Arc<Settings>,
    opened: Arc<OnceCell<Opened>>,
}

impl Config {
    /// Starts a configuration in code.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }

    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings: Arc::new(settings), opened: Arc::default() }
    }

    /// Reaches what the configuration names on this machine: reads keys, or makes them at the
    /// first start, and opens the token store. Providers are not called.
    ///
    /// A configuration that is not opened is opened by the first request that needs it; whoever
    /// opens it before serving learns of errors before users do.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if a directory or a key cannot be used.
    pub async fn open(self) -> Result<Self, ConfigError> {
        self.opened().await?;
        Ok(self)
    }

    pub(crate) async fn opened(&self) -> Result<&Opened, ConfigError> {
        self.opened.get_or_try_init(|| Opened::open(&self.settings)).await
    }

    /// What [`open`](Self::open) reached, if it has been called.
    pub(crate) fn opened_already(&self) -> Option<&Opened> {
        self.opened.get()
    }

    /// Opens a configuration that needs no IO for it.
    pub(crate) fn open_without_io(&self) -> Result<(), ConfigError> {
        if self.opened.get().is_none()
            && let Some(opened) = Opened::without_io(&self.settings)?
        {
            // Somebody who was faster opened the same.
            let _ = self.opened.set(opened);
        }
        Ok(())
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// Every decision, in the terms that the code works with.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) enabled: bool,
    pub(crate) origin: PublicOrigin,
    pub(crate) api_prefix: ApiPrefix,
    pub(crate) logout_path: Option<String>,
    pub(crate) destinations: Destinations,
    pub(crate) providers: Vec<(ProviderId, Provider)>,
    pub(crate) redirect_to: Option<ProviderId>,
    pub(crate) unauthenticated: Unauthenticated,
    pub(crate) excluded: PathPatterns,
    pub(crate) require_https: bool,
    /// The scopes in the protected resource metadata, if there are such.
    pub(crate) resource_scopes: Option<Vec<String>>,
    pub(crate) token_store: StoreChoice,
    pub(crate) state_directory: Option<PathBuf>,
    pub(crate) keys: Keys,
    pub(crate) app_id: String,
    pub(crate) session: SessionSettings,
    pub(crate) login_timeout: Duration,
    pub(crate) validate_nonce: bool,
    pub(crate) http_client: Option<HttpClient>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What happens to a request that nobody has signed in for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Unauthenticated {
    /// It reaches the application, without identity headers.
    Allow,
    /// A browser is sent to sign in, and comes back to where it wanted to go; programs get a 401.
    RedirectToLogin,
    /// 401, with a challenge.
    Reject401,
    /// 403.
    Reject403,
    /// 404, as if there were nothing.
    Reject404,
}

/// How long a session lasts, Azure's `cookieExpiration`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionLifetime {
    /// As long as this after the sign-in.
    Fixed(Duration),
    /// As long as the access token that came with the sign-in; eight hours if it names no end.
    IdentityProviderDerived,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionSettings {
    pub(crate) lifetime: SessionLifetime,
    /// Stands above all: no session outlives it, however often it is renewed.
    pub(crate) absolute: Duration,
    /// How long after its end a session may still be refreshed.
    pub(crate) window: Duration,
    pub(crate) most_per_user: usize,
    /// How long an ended session may live in another process's cache.
    pub(crate) revalidate: Duration,
    /// Memory for what is known of sessions without asking the token store, in bytes.
    pub(crate) cache_capacity: u64,
    /// Whether active users' tokens are refreshed before they expire.
    pub(crate) refresh_ahead: bool,
    /// Whether a session token is refused once it has been followed by a newer one.
    pub(crate) strict_rotation: bool,
}

impl SessionSettings {
    /// When a session that begins at `now`, with a token that ends at `token_expires_at`, ends.
    pub(crate) fn expiry(&self, now: Timestamp, token_expires_at: Option<Timestamp>) -> Timestamp {
        let expiry = match (self.lifetime, token_expires_at) {
            (SessionLifetime::Fixed(lifetime), _) => now.after(lifetime),
            (SessionLifetime::IdentityProviderDerived, Some(expires_at)) => expires_at,
            (SessionLifetime::IdentityProviderDerived, None) => now.after(DEFAULT_LIFETIME),
        };
        expiry.min(now.after(self.absolute))
    }

    /// When a session token that is issued at `now` expires: with the provider's token, or after 30
    /// days if that names no end. Never at once: some providers call their tokens expired when they
    /// hand them out, and clients refuse a token that ends before it begins.
    pub(crate) fn token_expiry(
        &self,
        now: Timestamp,
        token_expires_at: Option<Timestamp>,
    ) -> Timestamp {
        let expiry = token_expires_at.unwrap_or(now.after(DEFAULT_TOKEN_LIFETIME));
        expiry.max(now.after(LEAST_TOKEN_LIFETIME)).min(now.after(self.absolute))
    }

    /// The most days between the sealing of a session cookie and its last use.
    pub(crate) fn max_days(&self) -> u16 {
        let most = self.absolute.saturating_add(self.window);
        u16::try_from(most.as_secs().div_ceil(86_400)).unwrap_or(u16::MAX)
    }
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            lifetime: SessionLifetime::Fixed(DEFAULT_LIFETIME),
            absolute: Duration::from_secs(90 * 86_400),
            window: Duration::from_secs(72 * 3_600),
            most_per_user: 100,
            revalidate: Duration::from_secs(5),
            cache_capacity: 256 << 20,
            refresh_ahead: true,
            strict_rotation: false,
        }
    }
}

/// The keys that were configured; those that were not are embedded ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    pub(crate) encryption: Vec<Key>,
    pub(crate) signing: Vec<Key>,
    pub(crate) user_id: Option<Key>,
}

/// Which token store.
#[derive(Clone, Debug)]
pub(crate) enum StoreChoice {
    Off,
    /// Encrypted files, in this directory or below the state directory.
    File(Option<PathBuf>),
    Given(Arc<dyn TokenStore>),
}

pub(crate) const DEFAULT_LIFETIME: Duration = Duration::from_secs(8 * 3_600);
const DEFAULT_TOKEN_LIFETIME: Duration = Duration::from_secs(30 * 86_400);
const LEAST_TOKEN_LIFETIME: Duration = Duration::from_secs(60);
