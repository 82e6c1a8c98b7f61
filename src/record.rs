//! What the token store keeps of one user of one provider.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::principal::{Claim, Identity, Issuer, Principal, Subject};
use crate::secret::Secret;
use crate::session::{Authentication, Session, SessionId};
use crate::token::TokenSet;

/// One user's grant and sessions. There is one record per user and provider, so that one refresh
/// token never lives in two places.
#[derive(Clone, Debug)]
pub(crate) struct Record {
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
    pub(crate) issued_at: Timestamp,
    pub(crate) tokens: Arc<TokenSet>,
    pub(crate) identity: Identity,
    /// Where in the claims those begin that the ID token did not state; a refreshed ID token leaves
    /// them as they are.
    pub(crate) told_from: usize,
    /// Absent if the provider knows no ID tokens.
    pub(crate) original: Option<Original>,
}

/// What the ID token of a sign-in said that those of its refreshes must repeat (OpenID Connect
/// Core §12.2).
#[derive(Clone, Debug)]
pub(crate) struct Original {
    pub(crate) subject: Subject,
    pub(crate) audiences: Vec<String>,
    pub(crate) authorized_party: Option<String>,
    pub(crate) auth_time: Option<Timestamp>,
    pub(crate) nonce: Option<Secret<String>>,
    /// An application brought it, and a refresh token maybe; nothing has shown yet whose that is.
    pub(crate) posted: bool,
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

impl Grant {
    /// Takes over what `earlier` was told, unless something was told this time.
    fn keep_told(&mut self, earlier: &Self) {
        let Identity { claims, name, name_typ, .. } = &mut self.identity;
        let told = earlier.identity.claims.get(earlier.told_from..).unwrap_or_default();
        if claims.len() > self.told_from || told.is_empty() {
            return;
        }
        claims.extend_from_slice(told);
        if told.iter().any(|claim| claim.typ == earlier.identity.name_typ) {
            name.clone_from(&earlier.identity.name);
            name_typ.clone_from(&earlier.identity.name_typ);
        }
    }

    /// Whether this is `other` still. Generations count anew in a record that was deleted and made
    /// again, so they alone do not tell.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let same_token = match (&self.tokens.refresh_token, &other.tokens.refresh_token) {
            (Some(token), Some(other)) => token.matches(other.expose()),
            (token, other) => token.is_none() && other.is_none(),
        };
        same_token && (self.generation, self.issued_at) == (other.generation, other.issued_at)
    }
}

impl Lease {
    /// Whether this is the turn that `other` began, renewed or not. Fences count anew after a lease
    /// was given back, so they alone do not tell.
    pub(crate) fn is_turn_of(&self, other: &Self) -> bool {
        (self.holder, self.fence) == (other.holder, other.fence)
    }
}

impl Record {
    /// The session of this id, expired or not.
    pub(crate) fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.iter().find(|session| session.id == id)
    }

    /// Takes over what a new sign-in brought. An earlier refresh token is kept when none came, with
    /// what its refreshes must repeat: some providers hand one out only at the first consent. So is
    /// an earlier access token, for an application may sign in with an ID token alone. With
    /// `keeps_told` the same holds for what was told of the user beside the ID token.
    pub(crate) fn renew(&mut self, grant: Grant, keeps_told: bool) {
        let earlier = std::mem::replace(&mut self.grant, grant);
        if keeps_told {
            self.grant.keep_told(&earlier);
        }
        self.grant.generation = earlier.generation.saturating_add(1);
        let tokens = Arc::make_mut(&mut self.grant.tokens);
        if tokens.refresh_token.is_none() && earlier.tokens.refresh_token.is_some() {
            tokens.refresh_token = earlier.tokens.refresh_token.clone();
            self.grant.original = earlier.original;
        }
        if tokens.access_token.is_none() && earlier.tokens.access_token.is_some() {
            tokens.access_token = earlier.tokens.access_token.clone();
            tokens.expires_at = earlier.tokens.expires_at;
            tokens.scope = earlier.tokens.scope.clone();
        }
    }

    /// Adds `session`, making room among `most` as needed: expired sessions go first, then those
    /// whose renewal is longest ago. Sessions that ended at or before `forgotten` go in any case.
    pub(crate) fn admit(
        &mut self,
        session: Session,
        most: usize,
        now: Timestamp,
        forgotten: Timestamp,
    ) {
        self.sessions.retain(|held| held.expires_at > forgotten && held.id != session.id);
        while self.sessions.len() >= most.max(1) {
            let worth = |held: &&Session| (held.expires_at > now, held.renewed_at);
            let idlest = self.sessions.iter().min_by_key(worth).map(|held| held.id);
            let Some(idlest) = idlest else { break };
            self.end(idlest);
        }
        self.sessions.push(session);
    }

    /// Removes a session. False if it was not there.
    pub(crate) fn end(&mut self, id: SessionId) -> bool {
        let before = self.sessions.len();
        self.sessions.retain(|session| session.id != id);
        self.sessions.len() < before
    }

    /// When the access token, if it can be had anew, comes to the last tenth of its life, or to its
    /// last five minutes.
    pub(crate) fn due_at(&self) -> Option<Timestamp> {
        let Grant { issued_at, tokens, .. } = &self.grant;
        let expires_at = tokens.expires_at.filter(|_| tokens.refresh_token.is_some())?;
        let tenth = expires_at.since(*issued_at) / 10;
        Some(expires_at.before(tenth.min(LONGEST_NOTICE)))
    }

    /// Whether the access token has expired, and can be had anew.
    pub(crate) fn is_overdue(&self, now: Timestamp) -> bool {
        self.grant.tokens.refresh_token.is_some() && self.grant.tokens.expired(now)
    }

    /// Whether any session is still to expire.
    pub(crate) fn alive(&self, now: Timestamp) -> bool {
        self.sessions.iter().any(|session| session.expires_at > now)
    }

    /// When the last of the sessions expires.
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.sessions.iter().map(|session| session.expires_at).max().unwrap_or_default()
    }

    /// Who the user is in `session`.
    pub(crate) fn principal(&self, session: &Session) -> Principal {
        let identity = session.identify(&self.grant.identity);
        Principal::new(identity, Some(Arc::clone(&self.grant.tokens)))
    }
}

impl Session {
    /// `identity` with how *this* session was authenticated in the place of how the latest was.
    pub(crate) fn identify(&self, identity: &Identity) -> Identity {
        let mut own = self.authentication_claims();
        let mut claims = Vec::with_capacity(identity.claims.len() + own.len());
        for claim in &identity.claims {
            if !AUTHENTICATION.contains(&claim.typ.as_str()) {
                claims.push(claim.clone());
                continue;
            }
            // All values of the type stand where the first of the grant's stood.
            claims.extend(own.extract_if(.., |own| own.typ == claim.typ));
        }
        claims.append(&mut own);
        Identity { claims, ..identity.clone() }
    }

    fn authentication_claims(&self) -> Vec<Claim> {
        let Authentication { time, context, methods } = &self.authentication;
        let time = time.map(|time| Claim::new(AUTH_TIME, time.to_string()));
        let context = context.as_ref().map(|context| Claim::new(ACR, context));
        let methods = methods.iter().map(|method| Claim::new(AMR, method));
        time.into_iter().chain(context).chain(methods).collect()
    }
}

const LONGEST_NOTICE: Duration = Duration::from_secs(300);
const AUTH_TIME: &str = "auth_time";
const ACR: &str = "http://schemas.microsoft.com/claims/authnclassreference";
const AMR: &str = "http://schemas.microsoft.com/claims/authnmethodsreferences";
const AUTHENTICATION: [&str; 3] = [AUTH_TIME, ACR, AMR];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::ProviderId;

    fn session(id: u8, renewed: i64, expires: i64) -> Session {
        Session {
            id: SessionId::new([id; 16]),
            created_at: Timestamp::from_unix(0),
            renewed_at: Timestamp::from_unix(renewed),
            expires_at: Timestamp::from_unix(expires),
            device: None,
            provider_sid: None,
            authentication: Authentication::default(),
            token_generation: None,
            followed: None,
        }
    }

    fn record(sessions: Vec<Session>) -> Record {
        let identity = Identity {
            provider: ProviderId::parse("op").unwrap(),
            user_id: "alice".to_owned(),
            name: "Alice".to_owned(),
            name_typ: "name".to_owned(),
            claims: vec![
                Claim::new("iss", "https://op"),
                Claim::new(AMR, "pwd"),
                Claim::new(AMR, "mfa"),
                Claim::new("name", "Alice"),
            ],
        };
        let grant = Grant {
            generation: 7,
            issued_at: Timestamp::default(),
            tokens: Arc::default(),
            identity,
            told_from: 4,
            original: None,
        };
        Record {
            issuer: Issuer::new("https://op"),
            subject: Subject::new("alice"),
            grant,
            sessions,
            lease: None,
        }
    }

    fn ids(record: &Record) -> Vec<u8> {
        record.sessions.iter().map(|session| session.id.as_bytes()[0]).collect()
    }

    #[test]
    fn room_is_made_by_dropping_the_expired_and_then_the_longest_unrenewed() {
        let now = Timestamp::from_unix(100);
        let held = [(1, 90, 99), (2, 30, 200), (3, 20, 200), (4, 50, 10)];
        let held = held.map(|(id, renewed, expires)| session(id, renewed, expires)).to_vec();
        let mut record = record(held);

        record.admit(session(5, 100, 300), 10, now, Timestamp::from_unix(10));
        assert_eq!(ids(&record), [1, 2, 3, 5]);
        record.admit(session(6, 100, 300), 4, now, Timestamp::from_unix(10));
        assert_eq!(ids(&record), [2, 3, 5, 6]);
        record.admit(session(7, 100, 300), 4, now, Timestamp::from_unix(10));
        assert_eq!(ids(&record), [2, 5, 6, 7]);
        assert_eq!(record.expires_at(), Timestamp::from_unix(300));
        assert!(record.alive(now));
    }

    #[test]
    fn a_sign_in_without_a_refresh_token_keeps_the_earlier_one() {
        let mut record = record(vec![]);
        Arc::make_mut(&mut record.grant.tokens).refresh_token = Some("first".into());
        let mut grant = record.grant.clone();
        Arc::make_mut(&mut grant.tokens).refresh_token = None;

        record.renew(grant.clone(), false);
        assert_eq!(record.grant.generation, 8);
        assert!(record.grant.tokens.refresh_token.as_ref().unwrap().matches("first"));

        Arc::make_mut(&mut grant.tokens).refresh_token = Some("second".into());
        record.renew(grant, false);
        assert!(record.grant.tokens.refresh_token.as_ref().unwrap().matches("second"));
    }

    #[test]
    fn what_a_provider_tells_once_is_kept_where_it_is_said_so() {
        let mut record = record(vec![]);
        let mut grant = record.grant.clone();
        record.grant.told_from = 3;
        grant.identity.claims.truncate(3);
        grant.told_from = 3;
        grant.identity.name = "alice@op".to_owned();
        let name = |record: &Record| record.grant.identity.name.clone();
        let told = |record: &Record| record.grant.identity.claims.get(3).cloned();

        let mut forgetful = record.clone();
        forgetful.renew(grant.clone(), false);
        assert_eq!((name(&forgetful), told(&forgetful)), ("alice@op".to_owned(), None));

        record.renew(grant.clone(), true);
        record.renew(grant.clone(), true);
        let alice = Claim::new("name", "Alice");
        assert_eq!((name(&record), told(&record)), ("Alice".to_owned(), Some(alice)));

        grant.identity.claims.push(Claim::new("name", "Alicia"));
        grant.identity.name = "Alicia".to_owned();
        record.renew(grant, true);
        assert_eq!(name(&record), "Alicia");
    }

    #[test]
    fn a_refresh_token_that_is_kept_keeps_what_its_refreshes_must_repeat() {
        let original = |nonce: &str| {
            Some(Original {
                subject: Subject::new("alice"),
                audiences: vec!["web".to_owned()],
                authorized_party: None,
                auth_time: None,
                nonce: Some(nonce.into()),
                posted: false,
            })
        };
        let nonce = |record: &Record, expected: &str| {
            let original = record.grant.original.as_ref().unwrap();
            original.nonce.as_ref().unwrap().matches(expected)
        };
        let mut record = record(vec![]);
        let mut grant = record.grant.clone();
        record.grant.original = original("first");

        grant.original = original("second");
        record.renew(grant.clone(), false);
        assert!(nonce(&record, "second"), "there was no refresh token to keep");

        Arc::make_mut(&mut record.grant.tokens).refresh_token = Some("kept".into());
        grant.original = original("third");
        record.renew(grant, false);
        assert!(nonce(&record, "second"));
    }

    #[test]
    fn a_sign_in_without_an_access_token_keeps_the_earlier_one_with_its_end() {
        let mut record = record(vec![]);
        let tokens = Arc::make_mut(&mut record.grant.tokens);
        tokens.access_token = Some("first".into());
        tokens.expires_at = Some(Timestamp::from_unix(7));
        let mut grant = record.grant.clone();
        grant.tokens = Arc::new(TokenSet { id_token: Some("it".into()), ..TokenSet::default() });

        record.renew(grant.clone(), false);
        assert!(record.grant.tokens.access_token.as_ref().unwrap().matches("first"));
        assert_eq!(record.grant.tokens.expires_at, Some(Timestamp::from_unix(7)));

        Arc::make_mut(&mut grant.tokens).access_token = Some("second".into());
        record.renew(grant, false);
        assert!(record.grant.tokens.access_token.as_ref().unwrap().matches("second"));
        assert_eq!(record.grant.tokens.expires_at, None);
    }

    #[test]
    fn a_lease_is_told_from_another_holders_with_the_same_fence() {
        let lease = Lease { holder: [1; 16], fence: 1, beat: 0 };

        assert!(Lease { beat: 7, ..lease }.is_turn_of(&lease));
        assert!(!Lease { holder: [2; 16], ..lease }.is_turn_of(&lease));
        assert!(!Lease { fence: 2, ..lease }.is_turn_of(&lease));
    }

    #[test]
    fn one_sessions_step_up_does_not_lift_another() {
        let mut weak = session(1, 0, 10);
        weak.authentication.methods = vec!["pwd".to_owned()];
        let mut strong = session(2, 0, 10);
        strong.authentication.time = Some(5);
        let record = record(vec![weak, strong]);
        let claims = |position: usize| {
            let principal = record.principal(&record.sessions[position]);
            principal.claims().iter().map(|c| format!("{}={}", c.typ, c.val)).collect::<Vec<_>>()
        };

        assert_eq!(claims(0), ["iss=https://op", &format!("{AMR}=pwd"), "name=Alice"]);
        assert_eq!(claims(1), ["iss=https://op", "name=Alice", "auth_time=5"]);
    }
}
