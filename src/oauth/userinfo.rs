//! What a provider tells about a user on request ([OpenID Connect Core §5.3]).
//!
//! [OpenID Connect Core §5.3]: https://openid.net/specs/openid-connect-core-1_0.html#UserInfo

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use url::Url;

use super::id_token::MAX_SKEW;
use super::json::{self, JsonError, Object, Value};
use super::jwa::Algorithm;
use super::jws::{self, JwsError, Keys};
use super::jwt;
use crate::clock::Timestamp;
use crate::principal::{Issuer, Subject};
use crate::secret::Secret;

/// Asks about the user of `access_token`.
///
/// # Errors
///
/// [`UserinfoError::AccessTokenUnfit`] if the access token cannot stand in a header.
pub(crate) fn request(
    endpoint: &Url,
    access_token: &Secret<String>,
) -> Result<Request<Bytes>, UserinfoError> {
    let credentials = Secret::new(format!("Bearer {}", access_token.expose()));
    let mut authorization =
        HeaderValue::from_str(credentials.expose()).map_err(|_| UserinfoError::AccessTokenUnfit)?;
    authorization.set_sensitive(true);

    Request::get(endpoint.as_str())
        .header(AUTHORIZATION, authorization)
        .header(ACCEPT, format!("{JSON}, {JWT}"))
        .body(Bytes::new())
        .map_err(|_| UserinfoError::EndpointUnfit)
}

/// Asks a plain OAuth 2.0 provider about the user of `access_token` (RFC 6750 §2.1).
///
/// # Errors
///
/// As [`request`].
pub(crate) fn plain_request(
    endpoint: &Url,
    access_token: &Secret<String>,
) -> Result<Request<Bytes>, UserinfoError> {
    let mut request = request(endpoint, access_token)?;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static(JSON));
    Ok(request)
}

/// Reads the answer to [`plain_request`]: JSON of whatever kind and under whatever media type.
///
/// # Errors
///
/// If it is none, or the provider refuses.
pub(crate) fn plain_answer(response: &Response<Bytes>) -> Result<Value, UserinfoError> {
    if response.status() != StatusCode::OK {
        return Err(UserinfoError::Refused(response.status()));
    }
    Ok(json::value(response.body())?)
}

/// Reads the answer to [`request`].
///
/// # Errors
///
/// If any of it is wrong; then none of it may be used. In particular when it is about another user
/// than the ID token (§5.3.4): an access token may have been swapped.
pub(crate) fn parse(
    response: &Response<Bytes>,
    expected: &Expected<'_>,
) -> Result<Object, UserinfoError> {
    if response.status() != StatusCode::OK {
        return Err(UserinfoError::Refused(response.status()));
    }
    let claims = match (media_type(response).as_deref(), &expected.signed) {
        (Some(JSON), None) => json::object(response.body())?,
        (Some(JWT), Some(signed)) => signed.open(response.body())?,
        (Some(JSON), Some(_)) => return Err(UserinfoError::Unsigned),
        _ => return Err(UserinfoError::UnexpectedMediaType),
    };
    if claims.text("sub") != Some(expected.subject.as_str()) {
        return Err(UserinfoError::SubjectMismatch);
    }
    Ok(claims)
}

/// What an answer must be to be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    /// The subject of the ID token.
    pub(crate) subject: &'a Subject,
    /// Set if we are registered for signed answers. Then, and only then, an answer must be signed.
    pub(crate) signed: Option<Signed<'a>>,
}

/// What a signed answer must be to be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signed<'a> {
    pub(crate) keys: Keys<'a>,
    pub(crate) algorithms: &'a [Algorithm],
    pub(crate) issuer: &'a Issuer,
    pub(crate) client_id: &'a str,
    pub(crate) now: Timestamp,
    /// As for an ID token.
    pub(crate) skew: Duration,
}

impl Signed<'_> {
    fn open(&self, token: &[u8]) -> Result<Object, UserinfoError> {
        let token = str::from_utf8(token).map_err(|_| JwsError::Malformed)?;
        let claims = jws::verify(token, self.keys, self.algorithms, &TYPES)?.into_claims();

        if !jwt::is_issued_by(&claims, self.issuer) {
            return Err(UserinfoError::IssuerMismatch);
        }
        if !jwt::audiences(&claims).is_some_and(|audiences| audiences.contains(&self.client_id)) {
            return Err(UserinfoError::AudienceMismatch);
        }
        // The standard does not ask for an expiry. One that is given counts.
        let earliest = self.now.before(self.skew.min(MAX_SKEW));
        let valid = claims
            .get("exp")
            .is_none_or(|expiry| jwt::moment(expiry).is_some_and(|moment| earliest < moment));
        if valid { Ok(claims) } else { Err(UserinfoError::Expired) }
    }
}

/// Why an answer is not used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum UserinfoError {
    /// The access token has characters that no header may carry.
    #[error("the access token cannot be sent in a header")]
    AccessTokenUnfit,
    /// A signed answer is not for us.
    #[error("`aud` of the userinfo answer is not our client id")]
    AudienceMismatch,
    /// The endpoint's address cannot be requested.
    #[error("`userinfo_endpoint` is no address that can be requested")]
    EndpointUnfit,
    /// A signed answer is past its `exp`, or that is no moment.
    #[error("the userinfo answer has expired")]
    Expired,
    /// A signed answer comes from another provider.
    #[error("`iss` of the userinfo answer is not the configured issuer")]
    IssuerMismatch,
    /// The answer is no JSON object.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The provider answered with another status than 200; 401 and 403 are about the access token.
    #[error("the userinfo endpoint answered with status {0}")]
    Refused(StatusCode),
    /// A signed answer is not what the provider signed.
    #[error(transparent)]
    Signature(#[from] JwsError),
    /// The answer is about another user than the ID token.
    #[error("`sub` of the userinfo answer is not the ID token's")]
    SubjectMismatch,
    /// The answer is neither JSON, nor, where agreed, a signed document.
    #[error("the userinfo answer is neither json nor an agreed signed document")]
    UnexpectedMediaType,
    /// The answer is plain although signed ones are agreed.
    #[error("the userinfo answer is not signed, though signed answers are agreed")]
    Unsigned,
}

/// The media type in lower case and without its parameters; `None` unless there is exactly one.
fn media_type(response: &Response<Bytes>) -> Option<String> {
    let mut values = response.headers().get_all(CONTENT_TYPE).iter();
    let (only, None) = (values.next()?, values.next()) else { return None };
    let essence = only.to_str().ok()?.split(';').next()?;
    Some(essence.trim_matches([' ', '\t']).to_ascii_lowercase())
}

const JSON: &str = "application/json";
const JWT: &str = "application/jwt";
/// The header types of a signed answer.
const TYPES: [&str; 1] = ["JWT"];

#[cfg(test)]
mod tests;
