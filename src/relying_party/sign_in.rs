//! A session begins: what a login brought is kept in the token store or, where there is none, in
//! the cookie.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};

use super::callback::Proof;
use super::records::{Change, Records};
use super::{Provider, RelyingParty};
use crate::clock::Timestamp;
use crate::error::{Error, Kind};
use crate::pending_login::PendingLogin;
use crate::principal::{Identity, Issuer, Subject};
use crate::record::{Grant, Record};
use crate::seal::random;
use crate::session::{Session, SessionHandle, SessionId, UserKey};
use crate::store::StoreError;
use crate::wire::session::SessionCookie;

impl RelyingParty {
    /// Begins a session for the user whom `proof`, which `pending` ended in, is about. Returns its
    /// cookies.
    pub(super) async fn sign_in(
        &self,
        provider: &Provider,
        pending: &PendingLogin,
        proof: Proof,
        request: &HeaderMap,
    ) -> Result<Vec<HeaderValue>, Error> {
        let (issuer, subject) = (proof.issuer.clone(), proof.subject.clone());
        let user_ids = &self.config.opened().await?.user_ids;
        let user = user_ids.user_key(&provider.id, &issuer, &subject);
        let session = self.new_session(&proof, request)?;
        let grant = new_grant(proof, self.now());
        let cookie = match self.records().await? {
            Some(records) => {
                let keeps_told = provider.settings.tells_once();
                let (issuer, subject) = (&issuer, &subject);
                let arrival = Arrival { user, issuer, subject, session, grant, keeps_told };
                self.keep_in_store(records, arrival, pending.replaces).await?
            }
            None => keep_in_cookie(user, &session, &grant.identity),
        };
        self.session_cookies(&cookie, request).await
    }

    fn new_session(&self, proof: &Proof, request: &HeaderMap) -> Result<Session, Error> {
        let now = self.now();
        Ok(Session {
            id: SessionId::new(random()?),
            created_at: now,
            renewed_at: now,
            expires_at: self.settings().session.expiry(now, proof.tokens.expires_at),
            device: device(request),
            provider_sid: proof.provider_sid.clone(),
            authentication: proof.authentication.clone(),
        })
    }

    /// Puts grant and session into the user's record, and ends the session that the browser had.
    async fn keep_in_store(
        &self,
        records: &Records,
        arrival: Arrival<'_>,
        replaced: Option<(UserKey, SessionId)>,
    ) -> Result<SessionCookie, Error> {
        let Arrival { user, session, .. } = &arrival;
        let now = self.now();
        let settings = self.settings().session;
        let (own, foreign) = match replaced {
            Some((then, replaced)) if then == *user => (Some(replaced), None),
            other => (None, other),
        };
        let kept = records
            .update(user, |record| {
                let mut record = arrival.merge(record);
                if let Some(replaced) = own {
                    record.end(replaced);
                }
                let forgotten = now.before(settings.window);
                record.admit(session.clone(), settings.most_per_user, now, forgotten);
                Change::Put(record)
            })
            .await?;
        if let Some((other, replaced)) = foreign {
            self.end(&other, replaced).await?;
        }
        let record = kept.record().ok_or(Kind::Store(StoreError::Conflict))?;
        let handle = handle(*user, session, record.grant.generation);
        Ok(SessionCookie { handle, identity: None })
    }
}

/// Somebody who has signed in, on the way into their record.
struct Arrival<'a> {
    user: UserKey,
    issuer: &'a Issuer,
    subject: &'a Subject,
    session: Session,
    grant: Grant,
    /// Whether what was told of the user earlier stands if nothing is told now.
    keeps_told: bool,
}

impl Arrival<'_> {
    fn merge(&self, record: Option<Record>) -> Record {
        match record {
            Some(mut record) => {
                record.renew(self.grant.clone(), self.keeps_told);
                record
            }
            None => Record {
                issuer: self.issuer.clone(),
                subject: self.subject.clone(),
                grant: self.grant.clone(),
                sessions: Vec::new(),
                lease: None,
            },
        }
    }
}

fn keep_in_cookie(user: UserKey, session: &Session, identity: &Identity) -> SessionCookie {
    SessionCookie { handle: handle(user, session, 0), identity: Some(session.identify(identity)) }
}

fn handle(user: UserKey, session: &Session, generation: u64) -> SessionHandle {
    let Session { id, created_at, expires_at, .. } = *session;
    SessionHandle { user, session: id, generation, created_at, expires_at }
}

fn new_grant(proof: Proof, now: Timestamp) -> Grant {
    let Proof { tokens, stated, original, .. } = proof;
    Grant {
        generation: 0,
        issued_at: now,
        tokens: Arc::new(tokens),
        identity: stated.identity,
        told_from: stated.told_from,
        original,
    }
}

/// What the browser says of itself, for the user's list of sessions.
fn device(request: &HeaderMap) -> Option<String> {
    let agent = request.get(header::USER_AGENT)?.to_str().ok()?;
    Some(agent.chars().take(MAX_DEVICE).collect())
}

const MAX_DEVICE: usize = 200;
