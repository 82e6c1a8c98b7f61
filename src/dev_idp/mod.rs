//! An OpenID provider for development and tests, inside the process and on loopback only.
//!
//! It speaks the code flow with PKCE as a strict provider does: single-use codes, rotated refresh
//! tokens, an `iss` in every answer, errors as the standards write them. It asks for no password.
//!
//! Any `redirect_uri` is taken as registered that is an `http` or `https` address on this computer
//! (`127.0.0.0/8`, `[::1]`, `localhost`) and whose path ends in `/callback`; after a logout, any
//! address on this computer.
//!
//! ```
//! # async fn example() -> std::io::Result<()> {
//! use easyauth::dev_idp::DevIdp;
//!
//! let idp = DevIdp::builder().sign_in_automatically_as("alice").start().await?;
//! println!("{}/.well-known/openid-configuration", idp.issuer());
//! # Ok(())
//! # }
//! ```
//!
//! `login_hint=alice` (a user name or an e-mail address) signs that user in without the page, so
//! a test can choose. Everything is forgotten when the provider is dropped; its memory is bounded.

mod authorization;
mod end_session;
mod memory;
mod metadata;
mod page;
mod parameters;
mod provider;
mod sign_in;
mod signer;
mod token;
mod user;
mod userinfo;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, StatusCode, header, uri::Authority};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use self::memory::Memory;
use self::provider::Provider;
use self::signer::Signer;
pub use self::user::DevUser;
use crate::clock::{Clock, SystemClock};
use crate::secret::Secret;

/// A running provider. It stops when this is dropped.
///
/// # Security
///
/// It signs anybody in as anyone. It binds to loopback only and answers only requests that name a
/// loopback host, but every user of the computer can reach it.
pub struct DevIdp {
    provider: Arc<Provider>,
    // Its end is what stops the server.
    _stop: oneshot::Sender<()>,
}

impl DevIdp {
    /// Starts a provider with the default settings, on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// As [`DevIdpBuilder::start`].
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// A provider with settings of your own.
    pub fn builder() -> DevIdpBuilder {
        DevIdpBuilder::default()
    }

    /// The issuer identifier: `http://`, the address and the port.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.provider.issuer
    }

    /// The identifier of the one client that is registered.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.provider.client_id
    }

    /// The client's secret. It protects nothing: everybody on this computer can be anyone here.
    #[must_use]
    pub fn client_secret(&self) -> &str {
        self.provider.client_secret.expose()
    }
}

impl fmt::Debug for DevIdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevIdp").field("issuer", &self.provider.issuer).finish_non_exhaustive()
    }
}

/// Settings of a [`DevIdp`] that has yet to start.
#[must_use = "a provider answers after `start`"]
pub struct DevIdpBuilder {
    address: SocketAddr,
    access_token_lifetime: Duration,
    automatic_user: Option<String>,
    client_id: String,
    client_secret: Secret<String>,
    clock: Arc<dyn Clock>,
    users: Vec<DevUser>,
}

impl DevIdpBuilder {
    /// Where to listen; port 0 means a free one. The default is `127.0.0.1:0`.
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// How long access tokens and ID tokens live, in whole seconds. The default is 5 minutes.
    pub fn access_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.access_token_lifetime = lifetime;
        self
    }

    /// The client that may ask. The default is `quickstart` with the secret `quickstart`.
    pub fn client(
        mut self,
        client_id: impl Into<String>,
        client_secret: impl Into<Secret<String>>,
    ) -> Self {
        self.client_id = client_id.into();
        self.client_secret = client_secret.into();
        self
    }

    /// Tells the time. The default is the computer's clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Never shows the sign-in page: whoever comes is the user of this name, also with
    /// `prompt=none`. For headless tests.
    pub fn sign_in_automatically_as(mut self, user_name: impl Into<String>) -> Self {
        self.automatic_user = Some(user_name.into());
        self
    }

    /// Adds somebody who can sign in. The first one replaces the defaults: Alice Archer (`alice`),
    /// Bob Builder (`bob`) and Chloé Çelik (`chloe`).
    pub fn user(mut self, user: DevUser) -> Self {
        self.users.push(user);
        self
    }

    /// Starts the provider, within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if the address is not loopback, or the
    /// automatic user is nobody's name; else what binding to the address failed with.
    pub async fn start(self) -> io::Result<DevIdp> {
        if !self.address.ip().is_loopback() {
            return Err(invalid(format!(
                "address: the development provider runs on loopback only, not on {}; use 127.0.0.1",
                self.address.ip()
            )));
        }
        let listener = TcpListener::bind(self.address).await?;
        let address = listener.local_addr()?;
        let provider = Arc::new(self.provider(address)?);
        let router = router(Arc::clone(&provider));
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            // It serves until it is stopped; there is nobody to tell of an error.
            let _ = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
        });
        Ok(DevIdp { provider, _stop: stop })
    }

    fn provider(self, address: SocketAddr) -> io::Result<Provider> {
        let users = if self.users.is_empty() { user::default_users() } else { self.users };
        let automatic_user = match self.automatic_user {
            Some(name) => Some(find(&users, &name)?),
            None => None,
        };
        Ok(Provider {
            issuer: format!("http://{address}"),
            port: address.port(),
            client_id: self.client_id,
            client_secret: self.client_secret,
            users,
            automatic_user,
            access_token_lifetime: self.access_token_lifetime,
            clock: self.clock,
            signer: Signer::generate().map_err(|_| io::Error::other("no random numbers"))?,
            memory: Mutex::new(Memory::new()),
        })
    }
}

impl Default for DevIdpBuilder {
    fn default() -> Self {
        Self {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            access_token_lifetime: Duration::from_secs(300),
            automatic_user: None,
            client_id: "quickstart".to_owned(),
            client_secret: Secret::from("quickstart"),
            clock: Arc::new(SystemClock::new()),
            users: Vec::new(),
        }
    }
}

impl fmt::Debug for DevIdpBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevIdpBuilder").field("address", &self.address).finish_non_exhaustive()
    }
}

fn find(users: &[DevUser], name: &str) -> io::Result<DevUser> {
    let found = users.iter().find(|user| user.is_meant_by(name));
    found.cloned().ok_or_else(|| {
        invalid(format!("sign_in_automatically_as: {name:?} is no user; add one with `user`"))
    })
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

fn router(provider: Arc<Provider>) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(metadata::configuration))
        .route("/jwks", get(metadata::jwks))
        .route("/authorize", get(sign_in::authorize).post(sign_in::authorize))
        .route("/sign-in", post(sign_in::choose))
        .route("/token", post(token::token))
        .route("/userinfo", get(userinfo::userinfo).post(userinfo::userinfo))
        .route("/end_session", get(end_session::end_session).post(end_session::end_session))
        .route("/revoke", post(token::revoke))
        .layer(DefaultBodyLimit::max(64 * 1024))
        .layer(from_fn(guard))
        .with_state(provider)
}

/// Answers only who asked for this computer, and lets nobody keep an answer.
///
/// A foreign site can point its own name at 127.0.0.1, and would then share its origin with us.
async fn guard(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    let mut response = match host {
        Some(host) if !names_this_computer(host) => StatusCode::MISDIRECTED_REQUEST.into_response(),
        _ => next.run(request).await,
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn names_this_computer(host: &HeaderValue) -> bool {
    let Some(authority) = Authority::try_from(host.as_bytes()).ok() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}
