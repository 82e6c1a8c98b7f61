//! Tokens that a caller brings from a provider in `Authorization` ([RFC 6750 §2.1]): access tokens
//! ([RFC 9068 §4]) for users and for programs, and ID tokens.
//!
//! [RFC 6750 §2.1]: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
//! [RFC 9068 §4]: https://www.rfc-editor.org/rfc/rfc9068#section-4

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

use super::id_token::MAX_SKEW;
use super::json::Object;
use super::jwa::Algorithm;
use super::jwk::KeySet;
use super::jws::{self, JwsError, Keys};
use super::jwt;
use crate::clock::Timestamp;
use crate::principal::Issuer;

/// What a request's `Authorization` presents.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Presented<'a> {
    /// Nothing, or by another scheme than `Bearer`.
    Nothing,
    /// Several credentials, one of them by `Bearer`: whose the request is cannot be told.
    Several,
    /// What stands behind `Bearer`, whatever it is.
    Token(&'a str),
}

/// Reads what a request presents. A token in the query or the body is none of ours to see
/// (RFC 9700 §4.3.2).
pub(crate) fn presented(request: &HeaderMap) -> Presented<'_> {
    let mut lines = request.get_all(header::AUTHORIZATION).iter();
    let Some(only) = lines.next() else { return Presented::Nothing };
    if lines.next().is_some() {
        let mut all = request.get_all(header::AUTHORIZATION).iter();
        let bearer = all.any(|line| token(line).is_some());
        return if bearer { Presented::Several } else { Presented::Nothing };
    }
    token(only).map_or(Presented::Nothing, Presented::Token)
}

/// What stands in the one line of `Authorization` behind its scheme, if it has one. `None` if there
/// are more lines, or none that is text.
pub(crate) fn alone(request: &HeaderMap) -> Option<&str> {
    let mut lines = request.get_all(header::AUTHORIZATION).iter();
    let line = lines.next().filter(|_| lines.next().is_none())?.to_str().ok()?;
    Some(line.split_once(' ').map_or(line, |(_, rest)| rest.trim_ascii()))
}

/// The rest of a line that begins with `Bearer`, in whatever case; empty if it is no text.
fn token(line: &HeaderValue) -> Option<&str> {
    let (scheme, rest) = line.as_bytes().split_at_checked(SCHEME.len())?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    match rest {
        [] => Some(""),
        [b' ', ..] => Some(std::str::from_utf8(rest.trim_ascii()).unwrap_or_default()),
        _ => None,
    }
}

/// Checks a token that a caller presents.
///
/// # Errors
///
/// The first check that fails. [`NoMatchingKey`](JwsError::NoMatchingKey) may mean that the provider
/// has changed its keys: fetch them again, once. Every other refusal is final.
pub(crate) fn verify(
    token: &str,
    keys: &KeySet,
    algorithms: &[Algorithm],
    expected: &Expected<'_>,
) -> Result<Accepted, BearerError> {
    let verified = jws::verify(token, Keys::Published(keys), algorithms, &TYPES)?;
    let claims = verified.claims();
    if !jwt::is_issued_by(claims, expected.issuer) {
        return Err(BearerError::IssuerMismatch);
    }
    let audiences = jwt::audiences(claims).ok_or(BearerError::AudienceMismatch)?;
    if !audiences.iter().any(|audience| expected.audiences.iter().any(|ours| ours == audience)) {
        return Err(BearerError::AudienceMismatch);
    }
    check_purpose(claims)?;
    let expires_at = check_validity(claims, expected)?;
    // Every token is about somebody, also where a provider names them by another claim.
    jwt::subject(claims).ok_or(BearerError::SubjectInvalid)?;
    Ok(Accepted { expires_at, claims: verified.into_claims() })
}

/// What a token must say to be accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a Issuer,
    /// Whom a token may be for: one of these must be among its audiences.
    pub(crate) audiences: &'a [String],
    pub(crate) now: Timestamp,
    /// How far the provider's clock may differ from ours, never taken for more than [`MAX_SKEW`].
    pub(crate) skew: Duration,
}

/// An accepted token.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// When it is no longer accepted: its `exp`, and what clocks may differ.
    pub(crate) expires_at: Timestamp,
    pub(crate) claims: Object,
}

/// The check that a presented token did not pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum BearerError {
    /// `aud` is missing, malformed, or names nobody that we are.
    #[error("`aud` is none of the allowed audiences: add it to allowedAudiences if it is ours")]
    AudienceMismatch,
    /// The token is past its `exp`.
    #[error("`exp` is in the past")]
    Expired,
    /// `exp` is missing or no moment.
    #[error("`exp` is missing or no moment")]
    ExpiryInvalid,
    /// `iat` is no moment, or lies in the future.
    #[error("`iat` is no moment, or in the future: compare the clocks")]
    IssuedAtInvalid,
    /// `iss` is not the provider's issuer.
    #[error("`iss` is not the configured issuer, letter for letter")]
    IssuerMismatch,
    /// `nbf` is no moment, or lies in the future.
    #[error("`nbf` is no moment, or in the future: compare the clocks")]
    NotBeforeInvalid,
    /// The token is for another purpose: a logout token or another event (RFC 8417 §2.2).
    #[error("it tells of an event (`events`), and is no token to come in with")]
    Event,
    /// The token is bound to a key that its bearer has to prove (`cnf`: RFC 8705 §3, RFC 9449 §6).
    #[error("it is bound to a key (`cnf`), and nobody proved to have that")]
    SenderConstrained,
    /// The token is not what the provider signed.
    #[error(transparent)]
    Signature(#[from] JwsError),
    /// `sub` is missing, or not 1 to 255 printable ASCII characters.
    #[error("`sub` is not 1 to 255 printable ASCII characters")]
    SubjectInvalid,
}

/// Providers sign more than tokens, and not all of it has a type.
fn check_purpose(claims: &Object) -> Result<(), BearerError> {
    if claims.get("events").is_some() {
        return Err(BearerError::Event);
    }
    // Taken from whoever it was issued to, it must be of no use (RFC 9449 §7.2).
    if claims.get("cnf").is_some() {
        return Err(BearerError::SenderConstrained);
    }
    Ok(())
}

fn check_validity(claims: &Object, expected: &Expected<'_>) -> Result<Timestamp, BearerError> {
    let skew = expected.skew.min(MAX_SKEW);
    let expires_at = claims.get("exp").and_then(jwt::moment).ok_or(BearerError::ExpiryInvalid)?;
    let expires_at = expires_at.after(skew);
    if expected.now >= expires_at {
        return Err(BearerError::Expired);
    }
    let begun = |claim: &str| {
        claims.get(claim).is_none_or(|value| {
            jwt::moment(value).is_some_and(|moment| moment <= expected.now.after(skew))
        })
    };
    if !begun("nbf") {
        return Err(BearerError::NotBeforeInvalid);
    }
    if !begun("iat") {
        return Err(BearerError::IssuedAtInvalid);
    }
    Ok(expires_at)
}

const SCHEME: &[u8] = b"bearer";
/// The header types of access tokens (RFC 9068 §2.1) and ID tokens. Others are for other purposes.
const TYPES: [&str; 2] = ["JWT", "at+jwt"];

#[cfg(test)]
mod tests;
