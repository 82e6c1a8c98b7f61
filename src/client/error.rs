//! What can go wrong between a program and the application it calls, as the SDKs tell it.

use std::fmt;
use std::io;
use std::sync::Arc;

use http::StatusCode;
use tower::BoxError;

use super::store::UserStoreError;
use crate::http_client::HttpClientError;

/// Why nobody could be signed in, or asked about. Cheap to clone; never contains a secret.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Somebody else has signed in since the request was sent. What one user has sent is not sent
    /// again as another.
    #[error("somebody else has signed in since the request was sent, and it is not sent as them")]
    AnotherUser,
    /// The loopback address that a browser was to come back to could not be opened.
    #[error("no loopback address could be opened for the browser to come back to")]
    Loopback(#[source] Arc<io::Error>),
    /// The program's own login callback failed, or the user cancelled it.
    #[error("the login was cancelled or failed")]
    Login(#[source] Arc<BoxError>),
    /// The answer has the right status and says something else than it should.
    #[error("the answer to {call} cannot be used: {reason}")]
    Malformed {
        /// What was asked.
        call: Call,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nobody is signed in, so there is nobody to ask about.
    #[error("nobody is signed in")]
    NotSignedIn,
    /// A renewal failed a moment ago. It is not tried again before some time has passed.
    #[error("signing in failed a moment ago and is not tried again yet")]
    Paused,
    /// The system gave no random numbers.
    #[error("the system gave no random numbers")]
    Random,
    /// The application refuses, with a status that means something for what was asked.
    #[error("{}{}", meaning(*call, *status), Description(description))]
    Refused {
        /// What was asked.
        call: Call,
        /// The answer's status.
        status: StatusCode,
        /// What the answer says, as far as it is text; 300 characters at most.
        description: Arc<str>,
    },
    /// The user was signed out while the token was being renewed.
    #[error("the user has signed out")]
    SignedOut,
    /// The signed-in user could not be kept.
    #[error("the signed-in user could not be kept for the next start")]
    Store(#[source] Arc<UserStoreError>),
    /// It took too long.
    #[error("there was no result within {0} s")]
    TimedOut(u64),
    /// The login callback sent a request through the layer, or asked for a refresh, which would have to
    /// wait for the callback.
    #[error("a login cannot wait for itself: sign in by what `Login` offers, or another client")]
    WithinLogin,
    /// The application could not be reached.
    #[error("the application could not be reached")]
    Unreachable(#[source] Arc<HttpClientError>),
}

impl ClientError {
    /// The status of the application's refusal, if that is what it is.
    #[must_use]
    pub const fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether trying again later may help. If not, the user has to sign in again, or something has
    /// to be set up differently.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused { status, .. } => {
                status.is_server_error()
                    || matches!(
                        *status,
                        StatusCode::REQUEST_TIMEOUT
                            | StatusCode::TOO_EARLY
                            | StatusCode::TOO_MANY_REQUESTS
                    )
            }
            Self::Malformed { .. } | Self::Paused | Self::TimedOut(_) | Self::Unreachable(_) => {
                true
            }
            _ => false,
        }
    }
}

impl From<HttpClientError> for ClientError {
    fn from(error: HttpClientError) -> Self {
        Self::Unreachable(Arc::new(error))
    }
}

impl From<UserStoreError> for ClientError {
    fn from(error: UserStoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// What the application was asked.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Call {
    /// To sign somebody in: `/.auth/login/<provider>`.
    Login,
    /// To end the session: `/.auth/logout`.
    Logout,
    /// Who is signed in: `/.auth/me`.
    Me,
    /// For a fresh token: `/.auth/refresh`.
    Refresh,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login => "the sign-in",
            Self::Logout => "the sign-out",
            Self::Me => "/.auth/me",
            Self::Refresh => "the refresh",
        })
    }
}

/// Those of a refresh are, word for word, what the Azure Mobile Apps SDKs tell their users.
fn meaning(call: Call, status: StatusCode) -> &'static str {
    match (call, status.as_u16()) {
        (Call::Refresh, 400) => {
            "The identity provider does not support refresh, \
             or the user is not logged in with sufficient permission."
        }
        (Call::Refresh, 401) => "Credentials are no longer valid.",
        (Call::Refresh, 403) => "The refresh token was revoked or expired.",
        (Call::Refresh, _) => "Refresh failed due to an unexpected error.",
        (Call::Login, 400) => "The application does not understand the sign-in.",
        (Call::Login, 401) => "The application does not accept these credentials.",
        (Call::Login, 403) => "The user may not use this application.",
        (Call::Login, 404) => "The application has no such sign-in provider.",
        (Call::Login, _) => "Signing in failed due to an unexpected error.",
        (Call::Logout, _) => "The application did not end the session.",
        (Call::Me, 401) => "Nobody is signed in, as far as the application knows.",
        (Call::Me, 403) => "The user may not use this application.",
        (Call::Me, 404) => "The application keeps no tokens.",
        (Call::Me, _) => "The application does not tell who is signed in.",
    }
}

struct Description<'a>(&'a str);

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " ({})", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(call: Call, status: u16, description: &str) -> ClientError {
        let status = StatusCode::from_u16(status).unwrap();
        ClientError::Refused { call, status, description: description.into() }
    }

    #[test]
    fn a_refused_refresh_reads_as_in_the_sdks() {
        for (status, text) in [
            (
                400,
                "The identity provider does not support refresh, or the user is not logged in with \
                 sufficient permission.",
            ),
            (401, "Credentials are no longer valid."),
            (403, "The refresh token was revoked or expired."),
            (500, "Refresh failed due to an unexpected error."),
        ] {
            let error = refused(Call::Refresh, status, "");
            assert_eq!(error.to_string(), text);
            assert_eq!(error.is_transient(), status == 500);
            assert_eq!(error.status().unwrap().as_u16(), status);
        }
        let told = refused(Call::Me, 404, "switch the store on").to_string();
        assert_eq!(told, "The application keeps no tokens. (switch the store on)");
    }
}
