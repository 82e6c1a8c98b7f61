//! The code that an installed application gets at the end of a login, and redeems for a session
//! token with the verifier that only it knows.
//!
//! ```text
//! base64url of a seal of:
//!     version (1) | user key (16) | session id (16) | challenge (32) | issued (8)
//! ```
//!
//! It consists of letters, digits, `-` and `_`, for what clients do to fragments on the way differs.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::Timestamp;
use crate::pending_login::CodeChallenge;
use crate::principal::ProviderId;
use crate::seal::{KeyRing, Purpose, RandomError};
use crate::secret::Secret;
use crate::session::{SessionId, UserKey};

/// A session that waits for the application that began its login.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct AppCode {
    pub(crate) user: UserKey,
    pub(crate) session: SessionId,
    pub(crate) challenge: CodeChallenge,
    pub(crate) issued_at: Timestamp,
}

/// The code for a login at `provider`, and at no other.
pub(crate) fn encode(
    code: &AppCode,
    provider: &ProviderId,
    keys: &KeyRing,
) -> Result<Secret<String>, RandomError> {
    let mut plain = vec![VERSION];
    plain.extend_from_slice(code.user.as_bytes());
    plain.extend_from_slice(code.session.as_bytes());
    plain.extend_from_slice(code.challenge.as_bytes());
    plain.extend_from_slice(&code.issued_at.as_unix().to_be_bytes());
    let sealed = keys.seal(Purpose::AppCode, provider.as_str(), code.issued_at, &plain)?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(sealed)))
}

/// Reads back what [`encode`] wrote for the same provider.
pub(crate) fn decode(
    code: &str,
    provider: &ProviderId,
    keys: &KeyRing,
    now: Timestamp,
) -> Option<AppCode> {
    let mut sealed = URL_SAFE_NO_PAD.decode(code).ok()?;
    let plain = keys.open(Purpose::AppCode, provider.as_str(), now, MAX_DAYS, &mut sealed)?;
    let mut plain: &[u8] = plain;
    let [version] = take(&mut plain)?;
    let code = AppCode {
        user: UserKey::new(take(&mut plain)?),
        session: SessionId::new(take(&mut plain)?),
        challenge: CodeChallenge::new(take(&mut plain)?),
        issued_at: Timestamp::from_unix(i64::from_be_bytes(take(&mut plain)?)),
    };
    (version == VERSION && plain.is_empty()).then_some(code)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

const VERSION: u8 = 1;
/// A code that was issued before midnight is redeemed after it.
const MAX_DAYS: u16 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::Key;

    #[test]
    fn a_code_is_for_one_provider_and_of_characters_that_nobody_escapes() {
        let bytes: Vec<u8> = (0..32).collect();
        let keys = KeyRing::new(&[Key::from_bytes(&bytes).unwrap()], "").unwrap();
        let provider = |name| ProviderId::parse(name).unwrap();
        let now = Timestamp::from_unix(1_760_000_000);
        let code = AppCode {
            user: UserKey::new([1; 16]),
            session: SessionId::new([2; 16]),
            challenge: CodeChallenge::new([3; 32]),
            issued_at: now,
        };

        let written = encode(&code, &provider("op"), &keys).unwrap();
        let written = written.expose();

        assert!(written.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        assert_eq!(decode(written, &provider("op"), &keys, now), Some(code));
        assert_eq!(decode(written, &provider("other"), &keys, now), None);
        assert_eq!(decode(&written[1..], &provider("op"), &keys, now), None);
        assert_eq!(decode("", &provider("op"), &keys, now), None);
    }
}
