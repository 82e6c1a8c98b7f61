//! What the token store keeps of one user of one provider.

use crate::clock::Timestamp;
use crate::principal::{Claim, Issuer, ProviderId, Subject};
use crate::session::{Session, SessionId};
use crate::token::TokenSet;

/// One user's grant and sessions. There is one record per user and provider, so that one refresh
/// token never lives in two places.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) provider: ProviderId,
    pub(crate) issuer: Issuer,
    pub(crate) subject: Subject,
    pub(crate) grant: Grant,
    pub(crate) sessions: Vec<Session>,
    /// Who is refreshing the grant right now, in any process.
    pub(crate) lease: Option<Lease>,
}

/// What the provider granted: tokens, and what it stated with them.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// One more with each sign-in and each refresh, so that the newer of two copies can be told.
    pub(crate) generation: u64,
    pub(crate) tokens: TokenSet,
    pub(crate) user_id: String,
    pub(crate) name: String,
    pub(crate) name_typ: String,
    pub(crate) claims: Vec<Claim>,
}

/// The right to call the provider's token endpoint for a grant.
///
/// It carries no time: contenders watch it on their own monotonic clocks, and one that has not
/// changed for its whole length there is free to take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Lease {
    pub(crate) holder: [u8; 16],
    /// Rises with every change of holder, so that a holder that slept through its loss is told.
    pub(crate) fence: u64,
    /// Rises with every renewal by the same holder.
    pub(crate) beat: u64,
}

impl Record {
    /// The session of this id, expired or not.
    pub(crate) fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.iter().find(|session| session.id == id)
    }

    /// Adds `session`, making room among `most` as needed: expired sessions go first, then those
    /// whose renewal is longest ago.
    pub(crate) fn admit(&mut self, session: Session, most: usize, now: Timestamp) {
        self.sessions.retain(|held| held.expires_at > now && held.id != session.id);
        while self.sessions.len() >= most.max(1) {
            let Some(idlest) = self
                .sessions
                .iter()
                .enumerate()
                .min_by_key(|(_, held)| held.renewed_at)
                .map(|(position, _)| position)
            else {
                break;
            };
            self.sessions.remove(idlest);
        }
        self.sessions.push(session);
    }

    /// Removes a session. False if it was not there.
    pub(crate) fn end(&mut self, id: SessionId) -> bool {
        let before = self.sessions.len();
        self.sessions.retain(|session| session.id != id);
        self.sessions.len() < before
    }

    /// Whether any session is still to expire.
    pub(crate) fn alive(&self, now: Timestamp) -> bool {
        self.sessions.iter().any(|session| session.expires_at > now)
    }

    /// When the last of the sessions expires.
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.sessions.iter().map(|session| session.expires_at).max().unwrap_or_default()
    }
}
