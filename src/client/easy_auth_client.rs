//! The application, for a program that calls it: who is signed in, and the ways to change that.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::browser;
use super::builder::EasyAuthClientBuilder;
use super::calls::Calls;
use super::challenge::Challenge;
use super::current::Current;
use super::error::ClientError;
use super::identity::Identity;
use super::layer::SignedInLayer;
use super::login::{LoginCallback, ProviderToken};
use super::renewal::{Errand, Outcome};
use super::store::UserStore;
use super::user::User;
use crate::clock::Clock;
use crate::flight::Flights;
use crate::origin::PublicOrigin;

/// One application behind Easy Auth, and who is signed in to it.
///
/// Clones are one client: they share the user, and one renewal of the token. Everything here goes to
/// the application by a client of its own, never through [`SignedInLayer`].
#[derive(Clone)]
pub struct EasyAuthClient(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) calls: Calls,
    pub(super) store: Arc<dyn UserStore>,
    pub(super) login: Option<LoginCallback>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) login_limit: Duration,
    pub(super) refresh_ahead: Option<Duration>,
    pub(super) body_limit: usize,
    pub(super) port: u16,
    pub(super) current: Current,
    pub(super) flights: Flights<Errand, Outcome>,
    /// One renewal at a time in this process, whatever the store promises.
    pub(super) renewing: tokio::sync::Mutex<()>,
}

impl EasyAuthClient {
    /// A client of the application at `origin`, such as `https://app.example`, to be set up.
    ///
    /// The origin is https, or http on loopback.
    pub fn builder(origin: impl Into<String>) -> EasyAuthClientBuilder {
        EasyAuthClientBuilder::new(origin.into())
    }

    /// The layer that sends requests as the user who is signed in here.
    #[must_use]
    pub fn layer(&self) -> SignedInLayer {
        SignedInLayer::new(self.clone())
    }

    /// The application's origin.
    #[must_use]
    pub fn origin(&self) -> &PublicOrigin {
        &self.0.calls.origin
    }

    /// Who is signed in. Asks the store when it is called first.
    pub async fn user(&self) -> Option<User> {
        self.loaded().await.map(|user| (*user).clone())
    }

    /// Signs in with a token that `provider` issued to this program: client-directed sign-in. Whoever
    /// was signed in is so no more.
    ///
    /// # Errors
    ///
    /// If the application cannot be reached, or refuses: 400 if it does not understand the token,
    /// 401 if it does not accept it, 403 if the user may not use it. [`ClientError::Store`] if the
    /// user is signed in, but will not be at the next start.
    pub async fn login_with_token(
        &self,
        provider: &str,
        token: &ProviderToken,
    ) -> Result<User, ClientError> {
        let user = self.0.calls.login(provider, token.to_json()).await?;
        self.settle(user).await
    }

    /// Signs in at `provider` in the user's browser, for programs at a command line.
    ///
    /// `open` gets an address and shows it in a browser, or to the user. The browser comes back to
    /// `http://127.0.0.1:<port>/easyauth.callback`, where this call listens until then, with a code
    /// that only this call can redeem (PKCE, RFC 7636). Whoever was signed in is so no more.
    ///
    /// The application must allow that address: put `http://127.0.0.1/easyauth.callback` into its
    /// `allowedExternalRedirectUrls`. Where the port has to be named there, fix it by
    /// [`loopback_port`](EasyAuthClientBuilder::loopback_port).
    ///
    /// It waits until the login's time is over ([`login_limit`](EasyAuthClientBuilder::login_limit)).
    ///
    /// # Errors
    ///
    /// If no loopback address can be opened, the user cancels or takes too long, or the application
    /// refuses. [`ClientError::Store`] if the user is signed in, but will not be at the next start.
    pub async fn login_in_browser(
        &self,
        provider: &str,
        open: impl FnOnce(&str),
    ) -> Result<User, ClientError> {
        let limit = self.0.login_limit;
        let sign_in = browser::sign_in(&self.0.calls, provider, self.0.port, open);
        let user = tokio::time::timeout(limit, sign_in)
            .await
            .map_err(|_| ClientError::TimedOut(limit.as_secs()))??;
        self.settle(user).await
    }

    /// Signs in `user`, whom the program got in a way of its own. Whoever was signed in is so no more.
    ///
    /// # Errors
    ///
    /// [`ClientError::Store`] if the user is signed in, but will not be at the next start.
    pub async fn set_user(&self, user: User) -> Result<(), ClientError> {
        self.settle(user).await.map(drop)
    }

    /// Exchanges the token for a fresh one, and the provider's tokens in the application with it.
    ///
    /// Many calls at once cost one, and one that finds that another program has just done it costs
    /// none.
    ///
    /// # Errors
    ///
    /// [`ClientError::NotSignedIn`], or what the application says: 400 if the provider cannot refresh
    /// or gave no refresh token, 401 if the session ended too long ago (nobody is signed in then),
    /// 403 if the provider refuses. If [`transient`](ClientError::is_transient), all is as it was.
    /// [`ClientError::WithinLogin`] in the login callback.
    pub async fn refresh_user(&self) -> Result<User, ClientError> {
        let user = self.loaded().await.ok_or(ClientError::NotSignedIn)?;
        self.refresh(user).await.map(|user| (*user).clone())
    }

    /// Who the application takes the user for, with the provider's tokens as far as it shows them: one
    /// entry per provider. Heals a 401 like the layer.
    ///
    /// # Errors
    ///
    /// [`ClientError::NotSignedIn`], or what the application says: 401, or 404 if it keeps no tokens.
    pub async fn me(&self) -> Result<Vec<Identity>, ClientError> {
        let user = self.loaded().await.ok_or(ClientError::NotSignedIn)?;
        match self.0.calls.me(&user).await {
            Err(error) if error.status() == Some(http::StatusCode::UNAUTHORIZED) => {
                let user = self.heal(Some(user), Challenge::Ours).await.map_err(|_| error)?;
                self.0.calls.me(&user).await
            }
            outcome => outcome,
        }
    }

    /// Ends the session at the application, and forgets the user here whatever comes of that.
    ///
    /// # Errors
    ///
    /// If the application did not end the session, so that the token is good until it expires; or
    /// [`ClientError::Store`] if the user is forgotten for now, but not for the next start.
    pub async fn logout(&self) -> Result<(), ClientError> {
        let user = self.loaded().await;
        self.0.current.set(None, false);
        let forgotten = self.put_for_good(None).await;
        if let Some(user) = user {
            self.0.calls.logout(&user).await?;
        }
        forgotten
    }

    /// Waits for renewals under way, so that what a server has issued is kept before the program ends.
    pub async fn drain(&self) {
        self.0.flights.drain().await;
    }

    /// Whom to send a request as; `None` if that has to be [awaited](Self::awaited_sender).
    pub(super) fn sender(&self) -> Option<Option<Arc<User>>> {
        let user = self.0.current.user()?;
        if let Some(user) = &user
            && self.is_due(user)
        {
            if user.expired(self.0.clock.now()) {
                return None;
            }
            drop(self.begin_refresh(Arc::clone(user)));
        }
        Some(user)
    }

    pub(super) async fn awaited_sender(&self) -> Option<Arc<User>> {
        let user = self.loaded().await?;
        if self.is_due(&user) {
            // If it fails, the token is refused, and that is another matter.
            let _ = self.refresh(Arc::clone(&user)).await;
        }
        self.0.current.user().flatten()
    }

    /// Whether the token is to be refreshed before anybody refuses it.
    fn is_due(&self, user: &User) -> bool {
        self.is_near_expiry(user) && self.0.current.may_refresh_ahead(self.0.clock.monotonic())
    }

    /// Leaves a `fresh` token alone for a while that would be refreshed again at once.
    pub(super) fn rest_if_due(&self, fresh: &User) {
        if let (true, Some(expires_at)) = (self.is_near_expiry(fresh), fresh.expires_at()) {
            let left = expires_at.since(self.0.clock.now());
            self.0.current.due_again(fresh, left, self.0.clock.monotonic());
        }
    }

    fn is_near_expiry(&self, user: &User) -> bool {
        let (Some(span), Some(expires_at)) = (self.0.refresh_ahead, user.expires_at()) else {
            return false;
        };
        expires_at.before(span) <= self.0.clock.now()
    }

    /// A token that has just been renewed was refused too.
    pub(super) fn refused_again(&self, user: &Arc<User>, challenge: Challenge) {
        self.0.current.refused_again(user, challenge, self.0.clock.monotonic());
    }

    async fn settle(&self, user: User) -> Result<User, ClientError> {
        if user.origin() != self.origin() {
            return Err(ClientError::Malformed {
                call: super::error::Call::Login,
                reason: "the user is one of another application",
            });
        }
        let kept = self.put_for_good(Some(&user)).await;
        self.0.current.set(Some(Arc::new(user.clone())), kept.is_ok());
        kept.map(|()| user)
    }

    /// Has the store keep `user`, whoever is in it.
    async fn put_for_good(&self, user: Option<&User>) -> Result<(), ClientError> {
        loop {
            let stored = self.stored().await?;
            if self.0.store.replace(stored.as_ref(), user).await? {
                return Ok(());
            }
        }
    }
}

impl fmt::Debug for EasyAuthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EasyAuthClient")
            .field("origin", &self.0.calls.origin)
            .field("store", &self.0.store)
            .finish_non_exhaustive()
    }
}
