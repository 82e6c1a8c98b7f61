//! A login between the redirect to the provider and the callback from it.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;

use crate::clock::Timestamp;
use crate::origin::PublicOrigin;
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
    pub(crate) landing: Landing,
    pub(crate) started_at: Timestamp,
    /// The `max_age` asked for, in seconds: the provider must then say when the user signed in.
    pub(crate) max_age: Option<u64>,
    /// Under OAuth 1.0a: what the provider knows this login by. It takes the place of `state`, for
    /// a callback has room for no other.
    pub(crate) request_token: Option<SigningToken>,
    /// The session that the browser had when it started; success ends it.
    pub(crate) replaces: Option<(UserKey, SessionId)>,
}

/// Where a login ends, and how the session gets from there to who asked for it. By default a browser
/// goes on to the root of the application.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Landing {
    pub(crate) return_to: ReturnTo,
    pub(crate) hand_over: HandOver,
}

/// How a session is handed over.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum HandOver {
    /// As a cookie, before the browser goes on.
    #[default]
    Cookie,
    /// As a session token in the fragment of the place to return to.
    Fragment,
    /// As a session token in a message to the page of this origin, which has opened the window.
    Message(PublicOrigin),
    /// By a code in the fragment of the place to return to, for which the application that made the
    /// challenge gets a session token.
    Code(CodeChallenge),
}

impl Landing {
    /// A browser goes on to `return_to` with a cookie.
    pub(crate) const fn browser(return_to: ReturnTo) -> Self {
        Self { return_to, hand_over: HandOver::Cookie }
    }
}

/// What an application commits itself to that begins a login: the SHA-256 of a secret that it tells
/// only when it redeems the code (RFC 7636 §4.2, `S256`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct CodeChallenge([u8; 32]);

impl CodeChallenge {
    pub(crate) const fn new(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads a challenge: by the RFC in base64url, by the original's SDKs in base64, with or without
    /// padding.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // A `+` that was not escaped has become a space.
        let text = text.replace(['+', ' '], "-").replace('/', "_");
        EITHER_PADDING.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// Whether `verifier` is the secret, in time that does not depend on it. The SDKs' verifiers are
    /// base64 of random bytes, of which the RFC would refuse some characters: what counts is the hash.
    pub(crate) fn matches(&self, verifier: &str) -> bool {
        digest(&SHA256, verifier.as_bytes()).as_ref().ct_eq(&self.0).into()
    }
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

const EITHER_PADDING: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_of_the_rfc_and_of_the_sdks_are_read_and_fit_their_verifiers() {
        let rfc = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let sdk = "4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8=";
        for (verifier, challenge) in [
            (rfc, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            (rfc, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM="),
            (rfc, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM="),
            (sdk, "2FWjqofz/ovDTAIGiTtymlyMREePmsY+m+V6AHaX2ac="),
            (sdk, "2FWjqofz/ovDTAIGiTtymlyMREePmsY+m+V6AHaX2ac"),
            (sdk, "2FWjqofz_ovDTAIGiTtymlyMREePmsY-m-V6AHaX2ac"),
        ] {
            let challenge = CodeChallenge::parse(challenge).unwrap();

            assert!(challenge.matches(verifier));
            assert!(!challenge.matches(&verifier[1..]));
            assert!(!challenge.matches(""));
        }
    }

    #[test]
    fn what_is_no_hash_is_no_challenge() {
        for text in ["", "x", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c", "====", "a b", "%2B"] {
            assert_eq!(CodeChallenge::parse(text), None, "{text}");
        }
        assert_eq!(CodeChallenge::parse(&"A".repeat(86)), None);
    }
}
