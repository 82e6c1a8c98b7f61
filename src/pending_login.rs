//! A login between the redirect to the provider and the callback from it.

use crate::clock::Timestamp;
use crate::principal::{Issuer, ProviderId};
use crate::return_to::ReturnTo;
use crate::secret::Secret;
use crate::session::{SessionId, UserKey};
use crate::token::SigningToken;

/// All that a callback is checked against, sealed into a cookie of the browser that started.
///
/// Provider and issuer are inside, so that an answer of one provider can never complete a login
/// begun at another (RFC 9207, RFC 9700 §4.4).
#[derive(Debug)]
pub(crate) struct PendingLogin {
    pub(crate) id: LoginId,
    pub(crate) provider: ProviderId,
    pub(crate) issuer: Issuer,
    pub(crate) state: Secret<String>,
    pub(crate) nonce: Secret<String>,
    pub(crate) code_verifier: Secret<String>,
    pub(crate) return_to: ReturnTo,
    pub(crate) started_at: Timestamp,
    /// The `max_age` asked for, in seconds: the provider must then say when the user signed in.
    pub(crate) max_age: Option<u64>,
    /// Under OAuth 1.0a: what the provider knows this login by. It takes the place of `state`, for
    /// a callback has room for no other.
    pub(crate) request_token: Option<SigningToken>,
    /// The session that the browser had when it started; success ends it.
    pub(crate) replaces: Option<(UserKey, SessionId)>,
}

/// Tells the logins of one browser apart: part of the cookie's name and of `state`.
///
/// Sorts by age, so that the oldest can be dropped without opening any.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct LoginId(String);

impl LoginId {
    /// An id that sorts after those of earlier seconds.
    pub(crate) fn new(started_at: Timestamp, random: [u8; 8]) -> Self {
        let seconds = u64::try_from(started_at.as_unix()).unwrap_or_default();
        Self(format!("{seconds:010x}{:016x}", u64::from_be_bytes(random)))
    }

    /// Reads an id; `None` unless it has the length and the characters of one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let well_formed = text.len() == 26
            && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        well_formed.then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}
