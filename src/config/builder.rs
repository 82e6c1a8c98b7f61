//! A configuration in code.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Config, ConfigError, Keys, SessionLifetime, SessionSettings, StoreChoice, Unauthenticated,
    checks,
};
use crate::clock::{Clock, SystemClock};
use crate::http_client::HttpClient;
use crate::provider::Provider;
use crate::seal::Key;
use crate::store::TokenStore;

/// A configuration on its way. [`build`](Self::build) checks it.
///
/// ```
/// use easyauth::provider::OpenIdConnect;
/// use easyauth::{Config, Unauthenticated};
///
/// # fn main() -> Result<(), easyauth::ConfigError> {
/// let config = Config::builder()
///     .public_origin("https://app.example")
///     .state_directory("/var/lib/app/.auth")
///     .provider(OpenIdConnect::new("auth0", "https://example.eu.auth0.com/", "id", "secret"))
///     .unauthenticated(Unauthenticated::RedirectToLogin)
///     .excluded_paths(["/public/*", "/health"])
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct ConfigBuilder {
    pub(super) enabled: bool,
    pub(super) public_origin: Option<String>,
    pub(super) api_prefix: Option<String>,
    pub(super) logout_path: Option<String>,
    pub(super) external_urls: Vec<String>,
    pub(super) providers: Vec<Provider>,
    pub(super) redirect_to: Option<String>,
    pub(super) unauthenticated: Option<Unauthenticated>,
    pub(super) excluded_paths: Vec<String>,
    pub(super) require_https: bool,
    pub(super) resource_scopes: Option<Vec<String>>,
    pub(super) token_store: StoreChoice,
    pub(super) state_directory: Option<PathBuf>,
    pub(super) keys: Keys,
    pub(super) app_id: String,
    pub(super) session: SessionSettings,
    pub(super) login_timeout: Duration,
    pub(super) validate_nonce: bool,
    pub(super) http_client: Option<HttpClient>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Default for ConfigBuilder {
    fn default() -> Self {
        Self {
            enabled: true,
            public_origin: None,
            api_prefix: None,
            logout_path: None,
            external_urls: Vec::new(),
            providers: Vec::new(),
            redirect_to: None,
            unauthenticated: None,
            excluded_paths: Vec::new(),
            require_https: true,
            resource_scopes: None,
            token_store: StoreChoice::File(None),
            state_directory: None,
            keys: Keys::default(),
            app_id: String::new(),
            session: SessionSettings::default(),
            login_timeout: Duration::from_secs(300),
            validate_nonce: true,
            http_client: None,
            clock: Arc::new(SystemClock::new()),
        }
    }
}

impl ConfigBuilder {
    /// Whether there is anything to do at all, Azure's `platform.enabled`. Yes unless set.
    ///
    /// # Security
    ///
    /// Switched off, every request reaches the application.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Where browsers find the application: scheme, host and, if need be, port. Required.
    ///
    /// Redirects, cookies and the redirect URI that is registered at providers follow from it,
    /// never from what a request says of itself. `http` is for loopback only.
    pub fn public_origin(mut self, origin: impl Into<String>) -> Self {
        self.public_origin = Some(origin.into());
        self
    }

    /// The [public origin](Self::public_origin) unless another is set by then; for programs that
    /// know the address they listen on.
    pub fn default_public_origin(mut self, origin: impl Into<String>) -> Self {
        self.public_origin.get_or_insert_with(|| origin.into());
        self
    }

    /// The path below which our own routes are. `/.auth` unless set.
    pub fn api_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.api_prefix = Some(prefix.into());
        self
    }

    /// A path that signs out, beside `/.auth/logout`.
    pub fn logout_path(mut self, path: impl Into<String>) -> Self {
        self.logout_path = Some(path.into());
        self
    }

    /// Places outside the origin that a browser may be sent to after signing in or out
    /// (`allowedExternalRedirectUrls`). None unless set.
    ///
    /// `https://spa.example/app` admits that path; `https://spa.example/app/` also all below it;
    /// `myapp://easyauth.callback` that installed application, for logins with a session token.
    ///
    /// # Security
    ///
    /// Anybody can make a link that signs people in here and leads them there, with a session token
    /// in the fragment or told to a page of that origin.
    pub fn allowed_external_redirect_urls<S: Into<String>>(
        mut self,
        urls: impl IntoIterator<Item = S>,
    ) -> Self {
        self.external_urls = urls.into_iter().map(Into::into).collect();
        self
    }

    /// Adds an [identity provider](crate::provider). Names must differ in more than case, which does
    /// not count in `/.auth/login/<name>`.
    pub fn provider(mut self, provider: impl Into<Provider>) -> Self {
        self.providers.push(provider.into());
        self
    }

    /// The provider that browsers are sent to, by name. The only one there is unless set.
    pub fn redirect_to_provider(mut self, name: impl Into<String>) -> Self {
        self.redirect_to = Some(name.into());
        self
    }

    /// What happens to requests that nobody has signed in for.
    /// [`RedirectToLogin`](Unauthenticated::RedirectToLogin) unless set, or
    /// [`Allow`](Unauthenticated::Allow) if there is no provider.
    pub fn unauthenticated(mut self, action: Unauthenticated) -> Self {
        self.unauthenticated = Some(action);
        self
    }

    /// Paths that are open to everybody. None unless set.
    ///
    /// `/dir/*` and `/dir/` open everything below; anything else opens exactly that path. Only
    /// canonical request paths are ever open: one with escapes, dot segments or the like needs a
    /// session, whatever it would lead to.
    pub fn excluded_paths<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        self.excluded_paths = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Whether requests that came by http are sent to https. Yes unless set; on an http origin
    /// there is nothing to send them to.
    pub fn require_https(mut self, required: bool) -> Self {
        self.require_https = required;
        self
    }

    /// Tells clients where to get a token for us, by protected resource metadata (RFC 9728) at
    /// `/.well-known/oauth-protected-resource` and below, to which every 401 points. Not unless set
    /// (`WEBSITE_AUTH_PRM_DEFAULT_WITH_SCOPES`).
    ///
    /// `scopes` are those to ask for, such as `api://my-app/read`. It names the providers that
    /// [accept bearer tokens](crate::provider::OpenIdConnect::accept_bearer_tokens), of which there
    /// must be one.
    pub fn protected_resource_metadata<S: Into<String>>(
        mut self,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        self.resource_scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Keeps records in `store`. Encrypted files in the [state
    /// directory](Self::state_directory) unless set.
    pub fn token_store(mut self, store: impl TokenStore) -> Self {
        self.token_store = StoreChoice::Given(Arc::new(store));
        self
    }

    /// Keeps records in encrypted files in `directory`, instead of below the [state
    /// directory](Self::state_directory).
    pub fn token_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.token_store = StoreChoice::File(Some(directory.into()));
        self
    }

    /// Keeps no tokens: cookies carry who the user is, and `/.auth/me` and the token headers are
    /// gone. Sessions then end by expiry only, or where their cookie is deleted.
    pub fn without_token_store(mut self) -> Self {
        self.token_store = StoreChoice::Off;
        self
    }

    /// Where embedded keys (`keys/`) and the file store (`tokens/`) are.
    /// `$WEBSITE_AUTH_STATE_DIRECTORY` or else `$HOME/data/.auth` unless set.
    ///
    /// # Security
    ///
    /// Back `keys/` up, apart from `tokens/`: who has both can read the tokens, and without the keys
    /// nobody can.
    pub fn state_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.state_directory = Some(directory.into());
        self
    }

    /// The keys that seal cookies and records: the first makes, all open, four at most. An embedded
    /// key unless set.
    ///
    /// To change a key, put the new one in front, and take the old one off when the sessions that it
    /// sealed are over; taken off earlier, it ends them.
    pub fn encryption_keys(mut self, keys: impl IntoIterator<Item = Key>) -> Self {
        self.keys.encryption = keys.into_iter().collect();
        self
    }

    /// The keys that sign session tokens (`X-ZUMO-AUTH`): the first makes, all verify, four at most.
    /// An embedded key unless set. Of up to 32 bytes a key signs by HS256, of up to 48 by HS384, else
    /// by HS512.
    ///
    /// To change a key, put the new one in front, and take the old one off when the tokens that it
    /// signed are past refreshing; taken off earlier, it ends them.
    ///
    /// # Security
    ///
    /// Whoever has such a key can make tokens, but no session: each names one in the token store.
    /// Server SDKs that verify tokens themselves believe the signature alone.
    pub fn signing_keys(mut self, keys: impl IntoIterator<Item = Key>) -> Self {
        self.keys.signing = keys.into_iter().collect();
        self
    }

    /// The key that users' names in the token store are made with. Never change it: everybody would
    /// be somebody new. An embedded key unless set.
    pub fn user_id_key(mut self, key: Key) -> Self {
        self.keys.user_id = Some(key);
        self
    }

    /// Tells applications apart that share keys: a cookie or record of one does not open in
    /// another, and their users have different names in the token store: under another id every user
    /// is somebody new. Empty unless set; 64 bytes at most.
    pub fn app_id(mut self, id: impl Into<String>) -> Self {
        self.app_id = id.into();
        self
    }

    /// How long a session lasts. Eight hours unless set.
    pub fn session_lifetime(mut self, lifetime: SessionLifetime) -> Self {
        self.session.lifetime = lifetime;
        self
    }

    /// What no session outlives, however often it is renewed. 90 days unless set.
    pub fn absolute_lifetime(mut self, lifetime: Duration) -> Self {
        self.session.absolute = lifetime;
        self
    }

    /// How long after its end a session may still be refreshed. 72 hours unless set.
    pub fn refresh_window(mut self, window: Duration) -> Self {
        self.session.window = window;
        self
    }

    /// How many sessions one user may have at a provider; beyond it the longest unused goes. 100
    /// unless set.
    pub fn max_sessions_per_user(mut self, most: usize) -> Self {
        self.session.most_per_user = most;
        self
    }

    /// How long another process may take to notice that a session has ended. 5 seconds unless set,
    /// and at most an hour.
    pub fn revalidate_after(mut self, bound: Duration) -> Self {
        self.session.revalidate = bound;
        self
    }

    /// How much memory may be used to remember sessions, in bytes; when it is full, those that are
    /// used least are loaded from the token store again. A user takes about 5 to 10 kB. 256 MiB
    /// unless set, and at least 1 MiB. A quarter as much again is for the cookies that were opened,
    /// and an eighth for bearer tokens.
    pub fn cache_capacity(mut self, bytes: u64) -> Self {
        self.session.cache_capacity = bytes;
        self
    }

    /// Whether the access tokens of active users are refreshed before they expire, so that the
    /// application hardly ever gets an expired one. Yes unless set.
    pub fn refresh_ahead(mut self, ahead: bool) -> Self {
        self.session.refresh_ahead = ahead;
        self
    }

    /// Whether a session token (`X-ZUMO-AUTH`) is refused once its session has a newer one, a minute
    /// after that was issued. No unless set: then it is good until its own end, and its reuse is
    /// logged.
    ///
    /// # Security
    ///
    /// Set, a stolen token is of use until its owner refreshes. But a client that loses the answer
    /// to its refresh has to sign in again.
    pub fn strict_rotation(mut self, strict: bool) -> Self {
        self.session.strict_rotation = strict;
        self
    }

    /// How long a login may take, from the redirect to the provider until its callback. A later one
    /// is refused, and the user starts over. 5 minutes unless set (`nonceExpirationInterval`).
    pub fn login_timeout(mut self, timeout: Duration) -> Self {
        self.login_timeout = timeout;
        self
    }

    /// Whether an ID token must carry the nonce of the login that it answers. Yes unless set.
    ///
    /// # Security
    ///
    /// `false` is for finding out what is wrong with a provider: without the nonce, a stolen code
    /// can be put into somebody else's login.
    pub fn validate_nonce(mut self, validate: bool) -> Self {
        self.validate_nonce = validate;
        self
    }

    /// The client that calls providers. hyper with rustls unless set.
    pub fn http_client(mut self, client: HttpClient) -> Self {
        self.http_client = Some(client);
        self
    }

    /// The clock. The operating system's unless set.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Checks everything, without IO.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the first setting that cannot stand, and the remedy.
    pub fn build(self) -> Result<Config, ConfigError> {
        checks::check(self).map(Config::new)
    }
}
