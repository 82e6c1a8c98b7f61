//! A client of an application is set up.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tower::BoxError;

use super::calls::Calls;
use super::current::Current;
use super::easy_auth_client::{EasyAuthClient, Shared};
use super::login::{Login, LoginCallback};
use super::store::{MemoryUserStore, UserStore};
use super::user::User;
use crate::clock::{Clock, SystemClock};
use crate::flight::Flights;
use crate::http_client::{self, HttpClient, HttpClientError};
use crate::origin::{OriginError, PublicOrigin};

/// Sets up an [`EasyAuthClient`].
#[derive(Debug)]
#[must_use]
pub struct EasyAuthClientBuilder {
    origin: String,
    store: Arc<dyn UserStore>,
    login: Option<LoginCallback>,
    login_limit: Duration,
    refresh_ahead: Option<Duration>,
    body_limit: usize,
    port: u16,
    http: Option<HttpClient>,
    clock: Option<Arc<dyn Clock>>,
}

impl EasyAuthClientBuilder {
    pub(super) fn new(origin: String) -> Self {
        Self {
            origin,
            store: Arc::new(MemoryUserStore::new()),
            login: None,
            login_limit: LOGIN_LIMIT,
            refresh_ahead: None,
            body_limit: BODY_LIMIT,
            port: 0,
            http: None,
            clock: None,
        }
    }

    /// Where the signed-in user is kept. Default: in memory.
    pub fn user_store(mut self, store: impl UserStore) -> Self {
        self.store = Arc::new(store);
        self
    }

    /// How to sign somebody in, when a request is refused and no refresh helps. Default: not at all;
    /// the program gets the 401.
    ///
    /// One login goes on at a time, also among processes on one store, whoever waits for it. Any error
    /// ends it and gives those who wait their 401s; after one, nothing is tried for a second at least,
    /// and up to a minute if that goes on.
    ///
    /// The callback runs in a task of its own on the tokio runtime. What has to happen elsewhere, such
    /// as on the thread of a user interface, it hands over; `examples/client.rs` does. What the callback
    /// itself sends through the layer goes out as it is, and its 401 is not healed; what it has sent
    /// from another task, and waits for, may wait for the callback until the login's time is over.
    pub fn login<F>(mut self, callback: impl Fn(Login) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<User, BoxError>> + Send + 'static,
    {
        self.login = Some(LoginCallback::new(callback));
        self
    }

    /// How long a login may take. Default: five minutes.
    pub const fn login_limit(mut self, limit: Duration) -> Self {
        self.login_limit = limit;
        self
    }

    /// How long before its expiry a token is refreshed when it is used: in the background, so that the
    /// request goes out at once. With an expired token, the request waits for the refresh, or its
    /// failure. Default: never; a token is refreshed when it is refused.
    ///
    /// A token that does not say when it expires is not refreshed ahead. One that lives no longer than
    /// the span is refreshed when half of its life is over, and no sooner than after a minute; so is one
    /// that this machine's clock takes for expired when it has just come.
    pub const fn refresh_ahead(mut self, span: Duration) -> Self {
        self.refresh_ahead = Some(span);
        self
    }

    /// The longest request body, in bytes, that is kept to be sent once more. Default: 256 KiB.
    ///
    /// A request with a longer one is sent once. Its 401 comes back when the token has been renewed,
    /// so that the program can send it again.
    pub const fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// The port on which a browser comes back. Default: any that is free.
    pub const fn loopback_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// How the application's own routes are called, for refreshes and logins. Default: hyper with
    /// rustls, trusting what the machine trusts.
    ///
    /// It must not follow redirects.
    pub fn http_client(mut self, http: HttpClient) -> Self {
        self.http = Some(http);
        self
    }

    /// What tells the time. Default: the system's clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// The client. Does no IO but loading the machine's certificates: the store is asked when it is
    /// first needed.
    ///
    /// # Errors
    ///
    /// If the origin is none, or is http on another machine; or if no certificate authority can be
    /// trusted.
    pub fn build(self) -> Result<EasyAuthClient, ClientSetupError> {
        let origin = PublicOrigin::parse(&self.origin)?;
        let http = match self.http {
            Some(http) => http,
            None => http_client::default_client()?,
        };
        Ok(EasyAuthClient(Arc::new(Shared {
            calls: Calls { origin, http: http_client::bounded(http) },
            store: self.store,
            login: self.login,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock::new())),
            login_limit: self.login_limit,
            refresh_ahead: self.refresh_ahead,
            body_limit: self.body_limit,
            port: self.port,
            current: Current::default(),
            flights: Flights::default(),
            renewing: tokio::sync::Mutex::default(),
        })))
    }
}

/// Why a client cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientSetupError {
    /// The machine's certificates cannot be used.
    #[error("no client for the application's routes can be made")]
    Http(#[from] HttpClientError),
    /// The application's origin cannot be used.
    #[error("the application's origin cannot be used")]
    Origin(#[from] OriginError),
}

const LOGIN_LIMIT: Duration = Duration::from_secs(5 * 60);
const BODY_LIMIT: usize = 256 * 1024;
