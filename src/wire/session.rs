//! The inside of the session cookie.
//!
//! ```text
//! count (1 character) | base64url of a seal of:
//!     version (1) | user key (16) | session id (16) | generation (8) | created (8) | expires (8) | rest
//! ```
//!
//! The rest is empty where a token store has the record, so that the cookie stays small. Without a
//! store it is JSON: who the user is, and how they were authenticated.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::cookie;
use crate::clock::Timestamp;
use crate::principal::{Claim, Identity, ProviderId};
use crate::seal::{KeyRing, OVERHEAD, Purpose, RandomError};
use crate::session::{SessionHandle, SessionId, UserKey};

/// What a session cookie says.
#[derive(Clone, Debug)]
pub(crate) struct SessionCookie {
    pub(crate) handle: SessionHandle,
    /// Who the user is, where no token store knows.
    pub(crate) identity: Option<Identity>,
}

/// What the request's cookies say of a session.
#[derive(Debug)]
pub(crate) enum Presented<T> {
    Nothing,
    /// There is a session cookie, and none that opens; or several that do.
    Unreadable,
    Session(SessionHandle, T),
}

/// Why a session cookie cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionCookieError {
    #[error(transparent)]
    Random(#[from] RandomError),
    #[error(
        "the user's claims do not fit into cookies; switch the token store on \
         (login.tokenStore.enabled) or ask the provider for fewer claims"
    )]
    TooLarge,
}

/// The value of the session cookie for `content`.
pub(crate) fn encode(
    content: &SessionCookie,
    keys: &KeyRing,
    now: Timestamp,
) -> Result<String, SessionCookieError> {
    let plain = write(content);
    let length = 1 + (plain.len() + OVERHEAD).saturating_mul(4).div_ceil(3);
    let count = cookie::chunks(length).ok_or(SessionCookieError::TooLarge)?;
    let sealed = keys.seal(Purpose::Session, name(count), now, &plain)?;
    let mut value = count.to_string();
    URL_SAFE_NO_PAD.encode_string(sealed, &mut value);
    Ok(value)
}

/// The session that the request's cookies prove. `open` says what one of them says.
///
/// It takes exactly one that opens. Two that open are two people's, or one person's twice: whoever
/// put the second there, it is not for us to choose.
pub(crate) fn find<T>(
    request: &HeaderMap,
    open: impl Fn(&[u8]) -> Option<(SessionHandle, T)>,
) -> Presented<T> {
    let mut opened = cookie::sessions(request).filter_map(|value| open(&value));
    let Some((handle, content)) = opened.next() else {
        let sent = cookie::has_session(request);
        return if sent { Presented::Unreadable } else { Presented::Nothing };
    };
    if opened.all(|(other, _)| other == handle) {
        Presented::Session(handle, content)
    } else {
        Presented::Unreadable
    }
}

/// Opens the value of a session cookie, joined from its chunks.
pub(crate) fn decode(
    value: &[u8],
    keys: &KeyRing,
    now: Timestamp,
    max_days: u16,
) -> Option<SessionCookie> {
    let count = cookie::announced(value)?;
    let mut sealed = URL_SAFE_NO_PAD.decode(value.get(1..)?).ok()?;
    read(keys.open(Purpose::Session, name(count), now, max_days, &mut sealed)?)
}

/// The name under which a session of `count` chunks is sealed: the count is as safe as the rest.
fn name(count: usize) -> &'static str {
    const NAMES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    NAMES.get(count).copied().unwrap_or_default()
}

fn write(content: &SessionCookie) -> Vec<u8> {
    let SessionHandle { user, session, generation, created_at, expires_at } = &content.handle;
    let mut plain = vec![VERSION];
    plain.extend_from_slice(user.as_bytes());
    plain.extend_from_slice(session.as_bytes());
    plain.extend_from_slice(&generation.to_be_bytes());
    plain.extend_from_slice(&created_at.as_unix().to_be_bytes());
    plain.extend_from_slice(&expires_at.as_unix().to_be_bytes());
    if let Some(identity) = &content.identity {
        plain.extend(serde_json::to_vec(&StoredIdentity::from(identity)).unwrap_or_default());
    }
    plain
}

fn read(mut plain: &[u8]) -> Option<SessionCookie> {
    let [version] = take(&mut plain)?;
    if version != VERSION {
        return None;
    }
    let handle = SessionHandle {
        user: UserKey::new(take(&mut plain)?),
        session: SessionId::new(take(&mut plain)?),
        generation: u64::from_be_bytes(take(&mut plain)?),
        created_at: Timestamp::from_unix(i64::from_be_bytes(take(&mut plain)?)),
        expires_at: Timestamp::from_unix(i64::from_be_bytes(take(&mut plain)?)),
    };
    if plain.is_empty() {
        return Some(SessionCookie { handle, identity: None });
    }
    let identity: StoredIdentity = serde_json::from_slice(plain).ok()?;
    Some(SessionCookie { handle, identity: Some(identity.try_into().ok()?) })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

/// An identity as it is written into cookies and records.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct StoredIdentity {
    provider: String,
    user_id: String,
    name: String,
    name_typ: String,
    claims: Vec<Claim>,
}

impl From<&Identity> for StoredIdentity {
    fn from(identity: &Identity) -> Self {
        Self {
            provider: identity.provider.as_str().to_owned(),
            user_id: identity.user_id.clone(),
            name: identity.name.clone(),
            name_typ: identity.name_typ.clone(),
            claims: identity.claims.clone(),
        }
    }
}

impl TryFrom<StoredIdentity> for Identity {
    type Error = MalformedIdentity;

    fn try_from(stored: StoredIdentity) -> Result<Self, MalformedIdentity> {
        Ok(Self {
            provider: ProviderId::parse(&stored.provider).ok_or(MalformedIdentity)?,
            user_id: stored.user_id,
            name: stored.name,
            name_typ: stored.name_typ,
            claims: stored.claims,
        })
    }
}

/// What was sealed names no provider.
#[derive(Debug)]
pub(crate) struct MalformedIdentity;

const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};

    use super::*;
    use crate::seal::Key;

    const NOW: Timestamp = Timestamp::from_unix(1_760_000_000);

    fn keys(seed: u8) -> KeyRing {
        let bytes: Vec<u8> = (0..32).map(|step: u8| step.wrapping_mul(7) ^ seed).collect();
        KeyRing::new(&[Key::from_bytes(&bytes).unwrap()], "").unwrap()
    }

    fn content(session: u8, identity: Option<Identity>) -> SessionCookie {
        let handle = SessionHandle {
            user: UserKey::new([1; 16]),
            session: SessionId::new([session; 16]),
            generation: 3,
            created_at: NOW,
            expires_at: Timestamp::from_unix(1_760_028_800),
        };
        SessionCookie { handle, identity }
    }

    fn identity(groups: usize) -> Identity {
        Identity {
            provider: ProviderId::parse("op").unwrap(),
            user_id: "alice".to_owned(),
            name: "Alice Ünïcode".to_owned(),
            name_typ: "name".to_owned(),
            claims: (0..groups).map(|n| Claim::new("groups", format!("group {n}"))).collect(),
        }
    }

    fn sent(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            for set in cookie::Cookies::new(true).set_session(value, None, &HeaderMap::new()) {
                let pair = set.to_str().unwrap().split(';').next().unwrap();
                headers.append(header::COOKIE, HeaderValue::from_str(pair).unwrap());
            }
        }
        headers
    }

    fn found(values: &[&str]) -> Option<(SessionHandle, Option<Identity>)> {
        let open = |value: &[u8]| {
            let SessionCookie { handle, identity } = decode(value, &keys(0), NOW, 93)?;
            Some((handle, identity))
        };
        match find(&sent(values), open) {
            Presented::Session(handle, identity) => Some((handle, identity)),
            Presented::Nothing | Presented::Unreadable => None,
        }
    }

    #[test]
    fn a_session_of_a_token_store_stays_small() {
        let value = encode(&content(1, None), &keys(0), NOW).unwrap();
        let set = cookie::Cookies::new(true).set_session(&value, Some(NOW), &HeaderMap::new());

        assert_eq!(set.len(), 1);
        assert!(set[0].len() < 300, "{} bytes", set[0].len());
        assert_eq!(found(&[&value]), Some((content(1, None).handle, None)));
    }

    #[test]
    fn a_session_without_a_token_store_carries_who_the_user_is() {
        for groups in [0, 1, 50, 100, 300] {
            let value = encode(&content(1, Some(identity(groups))), &keys(0), NOW).unwrap();

            let (_, found) = found(&[&value]).unwrap();
            assert_eq!(found, Some(identity(groups)), "{groups} groups");
        }
        let too_large = encode(&content(1, Some(identity(1000))), &keys(0), NOW);
        assert!(matches!(too_large, Err(SessionCookieError::TooLarge)));
    }

    #[test]
    fn ck_03_of_two_cookies_the_one_that_opens_counts_and_of_two_that_open_none() {
        let mine = encode(&content(1, None), &keys(0), NOW).unwrap();
        let theirs = encode(&content(2, None), &keys(0), NOW).unwrap();
        let forged = encode(&content(3, None), &keys(9), NOW).unwrap();
        let found = |values: &[&str]| found(values).map(|(handle, _)| handle);

        assert_eq!(found(&[&mine, &forged]), Some(content(1, None).handle));
        assert_eq!(found(&[&forged, &mine]), Some(content(1, None).handle));
        assert_eq!(found(&[&mine, &mine]), Some(content(1, None).handle));
        assert_eq!(found(&[&mine, &theirs]), None);
        assert_eq!(found(&[&forged]), None);
    }

    #[test]
    fn t_32_chunks_of_two_sessions_do_not_mix() {
        let one = encode(&content(1, Some(identity(150))), &keys(0), NOW).unwrap();
        let two = encode(&content(2, Some(identity(150))), &keys(0), NOW).unwrap();
        assert!(one.len() > 4000 && one.len() == two.len());
        let mixed = format!("{}{}", &one[..2000], &two[2000..]);
        let reordered = format!("{}{}{}", &one[..2000], &one[4000..], &one[2000..4000]);

        assert!(found(&[&one]).is_some());
        assert!(found(&[&mixed]).is_none());
        assert!(found(&[&reordered]).is_none());
        let recount = format!("9{}", &one[1..]);
        assert!(found(&[&recount]).is_none());
    }
}
