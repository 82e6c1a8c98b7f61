//! What went wrong, whose fault it is, and which status that makes.

use std::fmt;
use std::sync::Arc;

use http::StatusCode;

use crate::config::ConfigError;
use crate::http_client::HttpClientError;
use crate::oauth::authorization::CallbackError;
use crate::oauth::discovery::DiscoveryError;
use crate::oauth::id_token::IdTokenError;
use crate::oauth::jwk::JwkError;
use crate::oauth::oauth1::OAuth1Error;
use crate::oauth::token::TokenError;
use crate::oauth::userinfo::UserinfoError;
use crate::provider::NotAdmitted;
use crate::provider::aad::groups::GroupsError;
use crate::seal::RandomError;
use crate::store::StoreError;
use crate::wire::session::SessionCookieError;

/// Whose fault a failure is: who has to do something about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// The provider answered something that must not be believed.
    Provider,
    /// The configuration, here or at the provider.
    Setup,
    /// Something that we depend on does not answer; later it may.
    Unavailable,
    /// Who the user is: they are known, and not admitted.
    User,
    /// What the browser sent is not what we sent it away with, or comes too late.
    UserAgent,
}

impl Fault {
    /// The only place where a failure becomes a status.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Provider => StatusCode::BAD_GATEWAY,
            Self::Setup => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::User => StatusCode::FORBIDDEN,
            Self::UserAgent => StatusCode::BAD_REQUEST,
        }
    }
}

/// A failure of ours to do what a request asked. In the response's extensions, inside its
/// [`Refusal`]. Never contains a secret.
#[derive(Clone, Debug)]
pub struct Error(Arc<Kind>);

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Kind {
    #[error("the response to the callback is refused")]
    Callback(#[from] CallbackError),
    #[error("the configuration cannot be used")]
    Config(#[from] ConfigError),
    #[error("the provider's metadata cannot be used")]
    Discovery(#[from] DiscoveryError),
    #[error("the provider's {document} answered with status {status}")]
    Document { document: &'static str, status: StatusCode },
    #[error("the user's groups are not known")]
    Groups(#[from] GroupsError),
    #[error("the provider could not be asked")]
    Http(#[from] HttpClientError),
    #[error("the provider's ID token is refused")]
    IdToken(#[from] IdTokenError),
    #[error("the provider's keys cannot be used")]
    Jwk(#[from] JwkError),
    #[error(
        "our client secret is a token that has expired; make a new one, or have it made from the private \
         key (privateKeySettingName)"
    )]
    CredentialExpired,
    #[error(
        "the provider takes no signature that our key can make; use a key of another kind, or a secret"
    )]
    NoCredential,
    #[error("the account is not one that may sign in")]
    NotAdmitted(#[from] NotAdmitted),
    #[error("the login was begun by somebody else than who is signed in now")]
    OtherUser,
    #[error("the login by OAuth 1.0a failed")]
    OAuth1(#[from] OAuth1Error),
    #[error("the provider has no ID tokens, and nobody is signed in there by another token")]
    NotByToken,
    #[error("the provider sent no id_token; is `openid` among its scopes")]
    NoIdToken,
    #[error("the provider's answers do not say who the user is; check endpoints and claims")]
    NoUser,
    #[error("the login is not one that this browser has begun, or took too long")]
    NoSuchLogin,
    #[error(
        "nothing vouches for the access token: the ID token has no at_hash, and there is no userinfo"
    )]
    StrayAccessToken,
    #[error(transparent)]
    Random(#[from] RandomError),
    #[error("the response was used before")]
    SpentLogin,
    #[error("the session cookie cannot be made")]
    SessionCookie(#[from] SessionCookieError),
    #[error("the token store failed")]
    Store(#[from] StoreError),
    #[error("the provider gave no tokens")]
    Token(#[from] TokenError),
    #[error("the provider's answer about the user is refused")]
    Userinfo(#[from] UserinfoError),
}

impl Error {
    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match &*self.0 {
            Kind::Callback(CallbackError::IssuerMismatch | CallbackError::IssuerMissing) => {
                Fault::Provider
            }
            Kind::Callback(_)
            | Kind::NoSuchLogin
            | Kind::NotByToken
            | Kind::OtherUser
            | Kind::SpentLogin => Fault::UserAgent,
            Kind::Config(_)
            | Kind::CredentialExpired
            | Kind::NoCredential
            | Kind::Random(_)
            | Kind::SessionCookie(_) => Fault::Setup,
            Kind::NotAdmitted(_) => Fault::User,
            Kind::Discovery(_)
            | Kind::Groups(_)
            | Kind::IdToken(_)
            | Kind::Jwk(_)
            | Kind::NoIdToken
            | Kind::NoUser
            | Kind::StrayAccessToken => Fault::Provider,
            Kind::OAuth1(error) => of_oauth1(*error),
            Kind::Userinfo(UserinfoError::Refused(status))
            | Kind::Document { status, .. }
            | Kind::Token(TokenError::Status(status)) => by_status(*status),
            Kind::Userinfo(_) => Fault::Provider,
            Kind::Http(HttpClientError::NoTrust(_)) => Fault::Setup,
            Kind::Http(HttpClientError::TooLong) => Fault::Provider,
            Kind::Http(_) | Kind::Store(_) => Fault::Unavailable,
            Kind::Token(TokenError::Refused(code)) => by_code(code),
            Kind::Token(_) => Fault::Provider,
        }
    }

    /// Azure's sub-status for it.
    #[must_use]
    pub fn sub_status(&self) -> SubStatus {
        match (&*self.0, self.fault()) {
            (Kind::IdToken(_), _) => SubStatus::InvalidToken,
            (Kind::NotAdmitted(_), _) => SubStatus::AuthorizationCheckFailed,
            (Kind::Store(_) | Kind::Random(_), _) => SubStatus::InternalModuleFailure,
            (_, Fault::Setup) => SubStatus::ConfigurationError,
            _ => SubStatus::LoginProtocolError,
        }
    }

    /// Whether a token was looked at and refused, and not something else in the way of it.
    pub(crate) fn is_about_a_token(&self) -> bool {
        match &*self.0 {
            Kind::IdToken(_) | Kind::StrayAccessToken => true,
            Kind::Userinfo(UserinfoError::Refused(status)) => status.is_client_error(),
            Kind::Userinfo(error) => {
                matches!(error, UserinfoError::SubjectMismatch | UserinfoError::AccessTokenUnfit)
            }
            _ => false,
        }
    }

    /// The failure and its causes in one line, for logs.
    pub(crate) fn chain(&self) -> String {
        let mut line = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.0
    }
}

/// A provider that answers 5xx or asks for patience is away; any other status is a wrong answer.
fn by_status(status: StatusCode) -> Fault {
    let away = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    if away { Fault::Unavailable } else { Fault::Provider }
}

/// A request token that is refused is our credentials'; an access token that is refused, the
/// approval's that the browser brought.
fn of_oauth1(error: OAuth1Error) -> Fault {
    let away = |status| by_status(status) == Fault::Unavailable;
    match error {
        OAuth1Error::NoRequestToken(status) | OAuth1Error::NoAccessToken(status)
            if away(status) =>
        {
            Fault::Unavailable
        }
        OAuth1Error::NoRequestToken(_) | OAuth1Error::Unfit => Fault::Setup,
        OAuth1Error::NoAccessToken(_) | OAuth1Error::NoVerifier => Fault::UserAgent,
        OAuth1Error::Malformed | OAuth1Error::Unconfirmed => Fault::Provider,
    }
}

/// The error codes of RFC 6749 §5.2, of GitHub and of Facebook's Graph, by who can mend them.
fn by_code(code: &str) -> Fault {
    match code {
        "invalid_grant" => Fault::UserAgent,
        "bad_verification_code" | "unverified_user_email" => Fault::UserAgent,
        "incorrect_client_credentials" | "redirect_uri_mismatch" => Fault::Setup,
        "OAuthException.100" => Fault::UserAgent,
        "OAuthException.1" | "OAuthException.101" | "OAuthException.191" => Fault::Setup,
        "OAuthException.2" | "OAuthException.4" => Fault::Unavailable,
        "invalid_client"
        | "invalid_scope"
        | "unauthorized_client"
        | "unsupported_grant_type"
        | "invalid_request" => Fault::Setup,
        "server_error" | "temporarily_unavailable" => Fault::Unavailable,
        _ => Fault::Provider,
    }
}

impl<E: Into<Kind>> From<E> for Error {
    fn from(kind: E) -> Self {
        Self(Arc::new(kind.into()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// Why a request was answered by us and not by the application. In the extensions of every
/// refusing response, so that an outer layer can count it or show a page of its own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// What the answer means, finer than its status.
    pub sub_status: SubStatus,
    /// Names this decision in the log.
    pub decision_id: DecisionId,
    /// Why, in a few words without any secret.
    pub reason: &'static str,
    /// The failure behind it, if there was one.
    pub error: Option<Error>,
}

/// Azure's names for what an answer means, written behind the status: `401.71`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
#[repr(u16)]
pub enum SubStatus {
    /// A request from another site.
    CrossSiteRequestForgery = 60,
    /// The session has expired.
    SessionTimeout = 70,
    /// Nobody is signed in.
    Unauthenticated = 71,
    /// The session is gone, as asked.
    LoggedOut = 72,
    /// A login went wrong.
    LoginProtocolError = 73,
    /// The configuration is wrong, here or at the provider.
    ConfigurationError = 74,
    /// The user may not do this.
    AuthorizationCheckFailed = 76,
    /// A browser that came back from the provider would be sent there again.
    InfiniteRedirectLoop = 78,
    /// Something of ours failed.
    InternalModuleFailure = 79,
    /// There is no refresh token.
    RefreshTokenUnavailable = 80,
    /// The provider refuses the refresh token.
    RefreshTokenInvalid = 81,
    /// The provider has no refresh tokens.
    RefreshTokenNotSupported = 82,
    /// A token is refused.
    InvalidToken = 83,
}

impl SubStatus {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }
}

/// Names one decision in the log, in the response's extensions and on pages.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct DecisionId(pub(crate) u64);

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: impl Into<Kind>) -> Fault {
        Error::from(kind.into()).fault()
    }

    #[test]
    fn every_failure_is_somebodys_fault() {
        let refused = |code: &str| TokenError::Refused(code.to_owned());

        assert_eq!(fault(refused("invalid_client")), Fault::Setup);
        assert_eq!(fault(refused("invalid_grant")), Fault::UserAgent);
        assert_eq!(fault(refused("temporarily_unavailable")), Fault::Unavailable);
        assert_eq!(fault(refused("whatever")), Fault::Provider);
        assert_eq!(fault(TokenError::Status(StatusCode::BAD_GATEWAY)), Fault::Unavailable);
        assert_eq!(fault(TokenError::Status(StatusCode::NOT_FOUND)), Fault::Provider);
        assert_eq!(fault(HttpClientError::TimedOut), Fault::Unavailable);
        assert_eq!(fault(StoreError::Conflict), Fault::Unavailable);
        assert_eq!(fault(CallbackError::StateMismatch), Fault::UserAgent);
        assert_eq!(fault(CallbackError::IssuerMismatch), Fault::Provider);
    }

    #[test]
    fn a_chain_tells_the_causes_in_one_line() {
        let error = Error::from(TokenError::Refused("invalid_client".to_owned()));

        assert_eq!(
            error.chain(),
            "the provider gave no tokens: the token endpoint answered the error invalid_client; \
             check registration.clientId, and the secret in the variable that \
             clientCredential.clientSecretSettingName names"
        );
    }
}
