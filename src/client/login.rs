//! Signing somebody in: the program's own callback, and what it may use.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use tower::BoxError;

use super::browser;
use super::calls::{Calls, segment};
use super::error::{Call, ClientError};
use super::store::BoxFuture;
use super::user::{LoginResult, User};
use crate::origin::PublicOrigin;

/// A login that the program's callback is asked for, and the ways to go about it.
///
/// What these methods return is signed in when the callback returns it, and not before.
#[derive(Debug)]
pub struct Login {
    pub(super) calls: Calls,
    pub(super) port: u16,
    pub(super) before: Option<Arc<User>>,
    pub(super) reason: ClientError,
}

impl Login {
    /// Why somebody has to sign in: [`ClientError::NotSignedIn`], or why the token that there was
    /// could not be refreshed.
    #[must_use]
    pub const fn reason(&self) -> &ClientError {
        &self.reason
    }

    /// Who was signed in until now; not so after a sign-out.
    #[must_use]
    pub fn before(&self) -> Option<&User> {
        self.before.as_deref()
    }

    /// The application to sign in to.
    #[must_use]
    pub const fn origin(&self) -> &PublicOrigin {
        &self.calls.origin
    }

    /// Signs in with a token that `provider` issued to this program: client-directed sign-in.
    ///
    /// # Errors
    ///
    /// If the application cannot be reached, or refuses: 400 if it does not understand the token,
    /// 401 if it does not accept it, 403 if the user may not use it.
    pub async fn with_token(
        &self,
        provider: &str,
        token: &ProviderToken,
    ) -> Result<User, ClientError> {
        self.calls.login(provider, token.to_json()).await
    }

    /// Signs in in the user's browser, which comes back to this program on a loopback address.
    ///
    /// See [`EasyAuthClient::login_in_browser`](super::EasyAuthClient::login_in_browser).
    ///
    /// # Errors
    ///
    /// If no loopback address can be opened, the user cancels, or the application refuses.
    pub async fn in_browser(
        &self,
        provider: &str,
        open: impl FnOnce(&str),
    ) -> Result<User, ClientError> {
        browser::sign_in(&self.calls, provider, self.port, open).await
    }

    /// The address at which a browser without a way back to this program signs in at `provider`. It
    /// ends at one that [`redirected`](Self::redirected) reads.
    #[must_use]
    pub fn address(&self, provider: &str) -> String {
        format!("{}/.auth/login/{}?session_mode=token", self.calls.origin, segment(provider))
    }

    /// Reads the address that a sign-in ended at, from a web view or from somebody who copied it:
    /// `…/.auth/login/done#token=…`.
    ///
    /// # Errors
    ///
    /// If it says that the sign-in failed, or is none of this application's.
    pub fn redirected(&self, address: &str) -> Result<User, ClientError> {
        let malformed = |reason| ClientError::Malformed { call: Call::Login, reason };
        let address = address.trim();
        let of_ours = address.strip_prefix(self.calls.origin.as_str());
        let Some(("/.auth/login/done", fragment)) = of_ours.and_then(|rest| rest.split_once('#'))
        else {
            return Err(malformed("it is not the address that a sign-in here ends at"));
        };
        if let Some(error) = fragment.strip_prefix("error=") {
            let error = percent_decode_str(error).decode_utf8_lossy().into_owned();
            return Err(ClientError::Login(Arc::new(error.into())));
        }
        let json = fragment.strip_prefix("token=").map(percent_decode_str);
        let json = json.map(|encoded| encoded.collect::<Vec<u8>>()).unwrap_or_default();
        let result: LoginResult =
            serde_json::from_slice(&json).map_err(|_| malformed("it holds no session token"))?;
        result.into_user(&self.calls.origin, None).map_err(|error| malformed(error.0))
    }
}

/// What a provider issued to the program, as the application wants it for a client-directed sign-in.
/// `Debug` does not show it.
///
/// ```
/// use easyauth::client::ProviderToken;
///
/// let facebook = ProviderToken::access("EAAC…");
/// let google = ProviderToken::id("eyJ…").with("authorization_code", "4/0A…");
/// let twitter = ProviderToken::access("12-…").with("access_token_secret", "…");
/// ```
#[derive(Clone)]
pub struct ProviderToken(Map<String, Value>);

impl ProviderToken {
    /// An access token: `{"access_token": …}`.
    #[must_use]
    pub fn access(token: impl Into<String>) -> Self {
        Self(Map::new()).with("access_token", token)
    }

    /// An ID token: `{"id_token": …}`.
    #[must_use]
    pub fn id(token: impl Into<String>) -> Self {
        Self(Map::new()).with("id_token", token)
    }

    /// Another member beside it.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), Value::String(value.into()));
        self
    }

    /// How long the access token is good: `expires_in`, in seconds.
    #[must_use]
    pub fn expires_in(mut self, span: Duration) -> Self {
        self.0.insert("expires_in".to_owned(), span.as_secs().into());
        self
    }

    pub(super) fn to_json(&self) -> Bytes {
        // Writing strings cannot fail.
        serde_json::to_vec(&self.0).unwrap_or_default().into()
    }
}

impl fmt::Debug for ProviderToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The program's own way to sign somebody in.
#[derive(Clone)]
pub(super) struct LoginCallback(
    Arc<dyn Fn(Login) -> BoxFuture<'static, Result<User, BoxError>> + Send + Sync>,
);

impl LoginCallback {
    pub(super) fn new<F>(callback: impl Fn(Login) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<User, BoxError>> + Send + 'static,
    {
        Self(Arc::new(move |login| Box::pin(callback(login))))
    }

    pub(super) async fn ask(&self, login: Login) -> Result<User, ClientError> {
        let origin = login.calls.origin.clone();
        let user =
            (self.0)(login).await.map_err(|error| match error.downcast::<ClientError>() {
                Ok(error) => *error,
                Err(error) => ClientError::Login(Arc::new(error)),
            })?;
        if *user.origin() != origin {
            let reason = "the login callback returned a user of another application";
            return Err(ClientError::Malformed { call: Call::Login, reason });
        }
        Ok(user)
    }
}

impl fmt::Debug for LoginCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginCallback")
    }
}
