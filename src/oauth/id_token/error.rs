//! Why an ID token is refused.

use crate::oauth::jws::JwsError;

/// The check that an ID token did not pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum IdTokenError {
    /// `at_hash` is not the hash of the access token beside it.
    #[error("`at_hash` belongs to another access token")]
    AccessTokenHashMismatch,
    /// A token from the authorization endpoint does not vouch for the access token beside it.
    #[error("`at_hash` is missing beside an access token")]
    AccessTokenHashMissing,
    /// After a refresh, `aud` lacks whom the login's token was for.
    #[error("`aud` differs from the login's")]
    AudienceChanged,
    /// `aud` is missing, no string or array of strings, or does not contain our client id.
    #[error("`aud` is not our client id")]
    AudienceMismatch,
    /// The user proved who they are longer ago than `max_age` allows.
    #[error("`auth_time` is longer ago than the `max_age` asked for")]
    AuthenticationTooOld,
    /// After a refresh, `auth_time` is not the login's.
    #[error("`auth_time` differs from the login's")]
    AuthenticationTimeChanged,
    /// `auth_time` lies in the future.
    #[error("`auth_time` is in the future: compare the clocks")]
    AuthenticationTimeInFuture,
    /// `max_age` was asked for, and `auth_time` is missing or no moment.
    #[error("`auth_time` is missing or no moment, though `max_age` asked for it")]
    AuthenticationTimeInvalid,
    /// After a refresh, `azp` is not the login's.
    #[error("`azp` differs from the login's")]
    AuthorizedPartyChanged,
    /// `azp`, or `appid` of a token that an application brings, is not our client id.
    #[error("`azp` or `appid` is not our client id")]
    AuthorizedPartyMismatch,
    /// There are several audiences and no `azp`.
    #[error("`azp` is missing though `aud` has several values")]
    AuthorizedPartyMissing,
    /// `c_hash` is not the hash of the code.
    #[error("`c_hash` belongs to another authorization code")]
    CodeHashMismatch,
    /// A token from the authorization endpoint does not vouch for the code beside it.
    #[error("`c_hash` is missing beside an authorization code")]
    CodeHashMissing,
    /// `acr` is missing or not one of those asked for.
    #[error("`acr` is none of the values asked for")]
    ContextNotAccepted,
    /// The token is for another purpose: a logout token or another event (RFC 8417 §2.2).
    #[error("it tells of an event (`events`), and is no ID token")]
    Event,
    /// The token is past its `exp`.
    #[error("`exp` is in the past: compare the clocks")]
    Expired,
    /// `exp` is missing or no moment.
    #[error("`exp` is missing or no moment")]
    ExpiryInvalid,
    /// `iat` is missing or no moment.
    #[error("`iat` is missing or no moment")]
    IssuedAtInvalid,
    /// `iat` lies in the future.
    #[error("`iat` is in the future: compare the clocks")]
    IssuedInFuture,
    /// The token was issued more than ten minutes ago.
    #[error("`iat` is more than ten minutes ago")]
    IssuedTooLongAgo,
    /// `iss` is not the provider's issuer.
    #[error("`iss` is not the configured issuer, letter for letter")]
    IssuerMismatch,
    /// `nonce` is missing or answers another request.
    #[error("`nonce` does not answer our request")]
    NonceMismatch,
    /// `nbf` is no moment.
    #[error("`nbf` is no moment")]
    NotBeforeInvalid,
    /// `nbf` lies in the future.
    #[error("`nbf` is in the future: compare the clocks")]
    NotYetValid,
    /// An application brings a token that is bound to a key (`cnf`: RFC 8705 §3, RFC 9449 §6), as no
    /// ID token is.
    #[error("it is bound to a key (`cnf`), and is no ID token")]
    SenderConstrained,
    /// The token is not what the provider signed.
    #[error(transparent)]
    Signature(#[from] JwsError),
    /// After a refresh, `sub` is not the login's.
    #[error("`sub` differs from the login's")]
    SubjectChanged,
    /// `sub` is missing, or not 1 to 255 printable ASCII characters.
    #[error("`sub` is not 1 to 255 printable ASCII characters")]
    SubjectInvalid,
    /// The token is also for somebody whom the configuration does not list.
    #[error("`aud` names somebody untrusted: list them as an allowed audience")]
    UntrustedAudience,
}
