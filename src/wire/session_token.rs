//! The session token of `X-ZUMO-AUTH`: a JWT in the original's form, so that its server SDKs verify
//! it, with our session in it ([RFC 7519], [RFC 7515 §7.1]).
//!
//! ```text
//! {"typ":"JWT","alg":"HS256"}
//! {"stable_sid":"sid:…","sub":"sid:…","idp":"…","ver":"3","iss":"https://app.example/",
//!  "aud":"https://app.example/","exp":…,"nbf":…,
//!  "session_id":"…","session_generation":…,"session_start":…}
//! ```
//!
//! It is signed with the configured key as it is, since the SDKs know no other, and by HS256, HS384
//! or HS512, as the key's length has it. The header is one of these three constants, and is compared
//! as such: in it there is nothing to choose, neither an algorithm nor a key.
//!
//! [RFC 7515 §7.1]: https://www.rfc-editor.org/rfc/rfc7515#section-7.1
//! [RFC 7519]: https://www.rfc-editor.org/rfc/rfc7519

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName};
use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::principal::ProviderId;
use crate::seal::Key;
use crate::secret::Secret;
use crate::session::{SessionHandle, SessionId, UserKey};

/// Makes and reads the session tokens of one origin. The first of its keys makes, all verify.
pub(crate) struct SessionTokens {
    keys: Vec<SigningKey>,
    /// Who issues them, and whom they are for.
    origin: Box<str>,
}

impl SessionTokens {
    /// The tokens that `keys` sign, at most four, for the origin that is written with a slash at
    /// its end. `None` if there is no key at all.
    pub(crate) fn new(keys: &[Key], origin: &str) -> Option<Self> {
        if keys.is_empty() {
            return None;
        }
        let keys = keys.iter().map(SigningKey::new).collect();
        Some(Self { keys, origin: origin.into() })
    }

    /// The token that stands for the session of `handle` until it expires; `provider` vouches for
    /// its user. `handle` must not expire before `now`.
    pub(crate) fn encode(
        &self,
        handle: &SessionHandle,
        provider: &ProviderId,
        now: Timestamp,
    ) -> Secret<String> {
        let sid = sid(&handle.user);
        let claims = Claims {
            stable_sid: &sid,
            sub: &sid,
            idp: provider.as_str(),
            ver: VERSION,
            iss: &self.origin,
            aud: &self.origin,
            exp: handle.expires_at.as_unix(),
            nbf: now.before(HEAD_START).as_unix(),
            session_id: &URL_SAFE_NO_PAD.encode(handle.session.as_bytes()),
            session_generation: handle.generation,
            session_start: handle.created_at.as_unix(),
        };
        let payload = serde_json::to_vec(&claims).unwrap_or_default();
        Secret::new(self.keys.first().map(|key| key.sign(&payload)).unwrap_or_default())
    }

    /// Reads a token of ours, expired or not.
    ///
    /// `None`, for one reason or another that nobody outside need know, unless one of the keys signed
    /// exactly this, it was for this origin, and it is valid by now.
    pub(crate) fn decode(&self, token: &[u8], now: Timestamp) -> Option<SessionHandle> {
        let payload = self.verify(token)?;
        let claims: Claims<'_> = serde_json::from_slice(&payload).ok()?;
        let ours = claims.ver == VERSION && claims.iss == &*self.origin && claims.aud == claims.iss;
        let begun = claims.nbf <= now.as_unix() && claims.nbf < claims.exp;
        if !(ours && begun && claims.sub == claims.stable_sid) {
            return None;
        }
        Some(SessionHandle {
            user: user_key(claims.stable_sid)?,
            session: SessionId::new(
                URL_SAFE_NO_PAD.decode(claims.session_id).ok()?.try_into().ok()?,
            ),
            generation: claims.session_generation,
            created_at: Timestamp::from_unix(claims.session_start),
            expires_at: Timestamp::from_unix(claims.exp),
        })
    }

    /// The payload of a token that one of the keys signed.
    fn verify(&self, token: &[u8]) -> Option<Vec<u8>> {
        // Before anything is decoded: a million dots cost nothing.
        if token.len() > MAX_TOKEN {
            return None;
        }
        let (signed, signature) = split_at_last_dot(token)?;
        // This engine refuses padding, other alphabets and trailing bits that are not zero: one token
        // has one spelling.
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let mut keys = self.keys.iter();
        let payload = keys.find_map(|key| key.verify(signed, &signature))?;
        URL_SAFE_NO_PAD.decode(payload).ok()
    }
}

impl fmt::Debug for SessionTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionTokens").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

/// The token that the request brought, good or bad. Of several none can be meant, and what is left
/// proves nothing.
pub(crate) fn find(request: &HeaderMap) -> Option<&[u8]> {
    // Most requests have none, and are to be asked only this.
    let first = request.get(&NAME)?.as_bytes();
    let alone = request.get_all(&NAME).iter().nth(1).is_none();
    Some(if alone { first } else { b"" })
}

/// Takes the token out of a request that it does not vouch for: there are applications that only
/// read it, since whoever is in front of them has verified it.
pub(crate) fn strip(request: &mut HeaderMap) {
    request.remove(&NAME);
}

/// The original's name for a user, `sid:` and 32 hexadecimal digits. The same for ever, and as good
/// as random to who does not know the key that it is made with.
pub(crate) fn sid(user: &UserKey) -> String {
    format!("{SID}{user}")
}

fn user_key(sid: &str) -> Option<UserKey> {
    let digits = sid.strip_prefix(SID).filter(|digits| digits.len() == 32)?;
    let lower = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let number = lower.then(|| u128::from_str_radix(digits, 16).ok()).flatten()?;
    Some(UserKey::new(number.to_be_bytes()))
}

/// In the order in which the original writes them; ours come last.
#[derive(Deserialize, Serialize)]
struct Claims<'a> {
    stable_sid: &'a str,
    sub: &'a str,
    idp: &'a str,
    ver: &'a str,
    iss: &'a str,
    aud: &'a str,
    exp: i64,
    nbf: i64,
    session_id: &'a str,
    session_generation: u64,
    session_start: i64,
}

/// A configured key as the original's SDKs use it.
struct SigningKey {
    key: hmac::Key,
    /// The header of its tokens, encoded, with the dot behind it.
    header: String,
}

impl SigningKey {
    fn new(key: &Key) -> Self {
        let (algorithm, name) = match key.bytes().len() {
            ..=32 => (hmac::HMAC_SHA256, "HS256"),
            33..=48 => (hmac::HMAC_SHA384, "HS384"),
            _ => (hmac::HMAC_SHA512, "HS512"),
        };
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"typ":"JWT","alg":"{name}"}}"#));
        Self { key: hmac::Key::new(algorithm, key.bytes()), header: format!("{header}.") }
    }

    fn sign(&self, payload: &[u8]) -> String {
        let mut token = self.header.clone();
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = hmac::sign(&self.key, token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }

    /// What stands behind the header in `signed`, still encoded, if this key made the signature.
    fn verify<'a>(&self, signed: &'a [u8], signature: &[u8]) -> Option<&'a [u8]> {
        let payload = signed.strip_prefix(self.header.as_bytes())?;
        hmac::verify(&self.key, signed, signature).ok().map(|()| payload)
    }
}

fn split_at_last_dot(token: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = token.iter().rposition(|byte| *byte == b'.')?;
    let (signed, rest) = token.split_at_checked(dot)?;
    Some((signed, rest.get(1..)?))
}

/// The header that carries the token.
pub(crate) const HEADER: &str = "x-zumo-auth";
static NAME: HeaderName = HeaderName::from_static(HEADER);

const SID: &str = "sid:";
/// A string; the SDKs compare it as one.
const VERSION: &str = "3";
/// Of the `nbf` before the moment of issue: some SDKs allow for no difference between clocks.
const HEAD_START: Duration = Duration::from_secs(60);
/// Ours have less than 600 bytes.
const MAX_TOKEN: usize = 4 << 10;

#[cfg(test)]
mod tests;
