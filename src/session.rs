//! One signed-in browser or device.

use std::fmt;
use std::time::Duration;

use crate::clock::Timestamp;

/// Which user of which provider: 128 bits, made with a key of this deployment from the issuer and
/// the subject, so that it says nothing about either. The name of a record in the token store.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UserKey([u8; 16]);

/// Which of a user's sessions: 128 random bits.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(crate) struct SessionId([u8; 16]);

impl UserKey {
    /// The key of these 16 bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes of the key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl SessionId {
    pub(crate) const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Thirty-two lower-case hexadecimal digits: safe as a file name, a blob name or a row's key.
impl fmt::Display for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserKey({self})")
    }
}

/// Not printed: who knows a session's id and the keys can make its cookie.
impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

/// A session as its user's record keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) created_at: Timestamp,
    pub(crate) renewed_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// What the browser said of itself at sign-in, shortened, for the user's list of sessions.
    pub(crate) device: Option<String>,
    /// The provider's name for its own session (`sid`), by which it can ask us to end ours.
    pub(crate) provider_sid: Option<String>,
    /// How this browser proved who its user is.
    pub(crate) authentication: Authentication,
    /// The generation in the newest of its session tokens; none if it has had none yet, or has a
    /// cookie.
    pub(crate) token_generation: Option<u64>,
    /// The session token before that.
    pub(crate) followed: Option<Followed>,
}

/// A session token that a newer one has followed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Followed {
    pub(crate) generation: u64,
    pub(crate) at: Timestamp,
}

impl Session {
    /// Whether a session token with `generation` has been followed by a newer one, and not just now:
    /// a client whose calls run side by side refreshes with one and still sends the other.
    pub(crate) fn has_superseded(&self, generation: u64, now: Timestamp) -> bool {
        let just_now = |followed: Followed| {
            followed.generation == generation && now < followed.at.after(OVERLAP)
        };
        self.token_generation.is_some_and(|newest| generation < newest)
            && !self.followed.is_some_and(just_now)
    }

    /// Notes that the session has been given a token with `generation`.
    pub(crate) fn note_token(&mut self, generation: u64, now: Timestamp) {
        let before = self.token_generation.replace(generation);
        if let Some(before) = before.filter(|before| *before != generation) {
            self.followed = Some(Followed { generation: before, at: now });
        }
    }
}

/// How and when the user was authenticated in one session (`auth_time`, `acr`, `amr` of OpenID
/// Connect Core §2).
///
/// Kept per session and put over the grant's claims, so that one device's step-up lifts no other.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Authentication {
    pub(crate) time: Option<i64>,
    pub(crate) context: Option<String>,
    pub(crate) methods: Vec<String>,
}

/// What a browser holds of its session: enough to find the record and to see that it is fresh.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SessionHandle {
    pub(crate) user: UserKey,
    pub(crate) session: SessionId,
    /// The generation of the grant that the holder has seen.
    pub(crate) generation: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// How long a session token and its successor are both in use.
const OVERLAP: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_superseded_a_minute_after_the_next_was_issued_or_when_the_one_after_that_is() {
        let at = Timestamp::from_unix;
        let mut session = Session {
            id: SessionId::new([1; 16]),
            created_at: at(0),
            renewed_at: at(0),
            expires_at: at(9_000),
            device: None,
            provider_sid: None,
            authentication: Authentication::default(),
            token_generation: None,
            followed: None,
        };
        assert!(!session.has_superseded(2, at(1_000)));
        session.note_token(2, at(1_000));
        session.note_token(4, at(2_000));
        session.note_token(4, at(2_050));

        assert!(session.has_superseded(1, at(2_000)));
        assert!(!session.has_superseded(2, at(2_059)));
        assert!(session.has_superseded(2, at(2_060)), "the same token again lengthens nothing");
        assert!(!session.has_superseded(4, at(2_060)));
        assert!(!session.has_superseded(5, at(2_060)));

        session.note_token(5, at(2_010));
        assert!(session.has_superseded(2, at(2_010)));
        assert!(session.has_superseded(3, at(2_010)), "no token of this session");
        assert!(!session.has_superseded(4, at(2_010)));
    }
}
