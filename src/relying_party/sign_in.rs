//! A session begins: what a login brought is kept in the token store or, where there is none, in
//! the cookie. Who signed in gets a cookie, a session token, or a code for one.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};

use super::records::{Change, Records};
use super::{Provider, RelyingParty, redeem};
use crate::clock::Timestamp;
use crate::error::{Error, Kind};
use crate::pending_login::HandOver;
use crate::principal::{Identity, Issuer, ProviderId, Subject};
use crate::provider::Stated;
use crate::record::{Grant, Original, Record};
use crate::seal::random;
use crate::secret::Secret;
use crate::session::{Authentication, Session, SessionHandle, SessionId, UserKey};
use crate::store::StoreError;
use crate::token::TokenSet;
use crate::wire::app_code::{self, AppCode};
use crate::wire::login_result::LoginResult;
use crate::wire::session::SessionCookie;

/// Who signs in where, and what they want for it.
#[derive(Debug)]
pub(super) struct SignIn<'a> {
    pub(super) provider: &'a Provider,
    pub(super) request: &'a HeaderMap,
    pub(super) hand_over: &'a HandOver,
    /// The session that ends with this.
    pub(super) replaces: Option<(UserKey, SessionId)>,
}

/// What a provider stated about somebody, and the tokens that came with it, checked.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) tokens: TokenSet,
    pub(super) issuer: Issuer,
    pub(super) subject: Subject,
    pub(super) stated: Stated,
    /// What later ID tokens must repeat; `None` if the provider knows none.
    pub(super) original: Option<Original>,
    /// The provider's own name for its session with the user.
    pub(super) provider_sid: Option<String>,
    pub(super) authentication: Authentication,
}

/// What somebody who has signed in gets.
#[derive(Debug)]
pub(crate) enum Issued {
    Cookies(Vec<HeaderValue>),
    Token(LoginResult),
    Code(Secret<String>),
}

impl RelyingParty {
    /// Begins a session for the user whom `proof` is about.
    pub(super) async fn sign_in(
        &self,
        sign_in: &SignIn<'_>,
        proof: Proof,
    ) -> Result<Issued, Error> {
        let SignIn { provider, hand_over, .. } = *sign_in;
        let (issuer, subject) = (proof.issuer.clone(), proof.subject.clone());
        let user_ids = &self.config.opened().await?.user_ids;
        let user = user_ids.user_key(&provider.id, &issuer, &subject);
        let session = self.new_session(&proof, sign_in)?;
        let grant = new_grant(proof, self.now());
        match (self.records().await?, hand_over) {
            (Some(records), _) => {
                let keeps_told = provider.settings.tells_once();
                let (issuer, subject) = (&issuer, &subject);
                let arrival = Arrival { user, issuer, subject, session, grant, keeps_told };
                let handle = self.keep_in_store(records, arrival, sign_in).await?;
                self.issue(handle, sign_in).await
            }
            (None, HandOver::Cookie) => {
                let cookie = keep_in_cookie(user, &session, &grant.identity);
                self.session_cookies(&cookie, sign_in.request).await.map(Issued::Cookies)
            }
            // Begun when the token store was on.
            (None, _) => Err(Kind::NoSuchLogin.into()),
        }
    }

    async fn issue(&self, handle: SessionHandle, sign_in: &SignIn<'_>) -> Result<Issued, Error> {
        let provider = &sign_in.provider.id;
        match sign_in.hand_over {
            HandOver::Cookie => {
                let cookie = SessionCookie { handle, identity: None };
                self.session_cookies(&cookie, sign_in.request).await.map(Issued::Cookies)
            }
            HandOver::Fragment | HandOver::Message(_) => {
                self.session_token(&handle, provider).await.map(Issued::Token)
            }
            HandOver::Code(challenge) => {
                let SessionHandle { user, session, .. } = handle;
                let issued_at = self.now();
                let code = AppCode { user, session, challenge: *challenge, issued_at };
                let keys = &self.config.opened().await?.keys;
                Ok(Issued::Code(app_code::encode(&code, provider, keys)?))
            }
        }
    }

    /// The session token for `handle`.
    pub(super) async fn session_token(
        &self,
        handle: &SessionHandle,
        provider: &ProviderId,
    ) -> Result<LoginResult, Error> {
        let tokens = &self.config.opened().await?.session_tokens;
        let token = tokens.encode(handle, provider, self.now());
        Ok(LoginResult::new(token, &handle.user))
    }

    fn new_session(&self, proof: &Proof, sign_in: &SignIn<'_>) -> Result<Session, Error> {
        let (now, settings) = (self.now(), &self.settings().session);
        let expires_at = match sign_in.hand_over {
            HandOver::Cookie => settings.expiry(now, proof.tokens.expires_at),
            // The session of a code that nobody redeems.
            HandOver::Code(_) => now.after(redeem::LIFETIME),
            HandOver::Fragment | HandOver::Message(_) => {
                settings.token_expiry(now, proof.tokens.expires_at)
            }
        };
        Ok(Session {
            id: SessionId::new(random()?),
            created_at: now,
            renewed_at: now,
            expires_at,
            device: device(sign_in.request),
            provider_sid: proof.provider_sid.clone(),
            authentication: proof.authentication.clone(),
            token_generation: None,
            followed: None,
        })
    }

    /// Puts grant and session into the user's record, and ends the session that the browser had.
    async fn keep_in_store(
        &self,
        records: &Records,
        arrival: Arrival<'_>,
        sign_in: &SignIn<'_>,
    ) -> Result<SessionHandle, Error> {
        let Arrival { user, session, .. } = &arrival;
        let now = self.now();
        let settings = self.settings().session;
        let with_token = matches!(sign_in.hand_over, HandOver::Fragment | HandOver::Message(_));
        let (own, foreign) = match sign_in.replaces {
            Some((then, replaced)) if then == *user => (Some(replaced), None),
            other => (None, other),
        };
        let kept = records
            .update(user, |record| {
                let mut record = arrival.merge(record);
                if let Some(replaced) = own {
                    record.end(replaced);
                }
                let mut session = session.clone();
                session.token_generation = with_token.then_some(record.grant.generation);
                let forgotten = now.before(settings.window);
                record.admit(session, settings.most_per_user, now, forgotten);
                Change::Put(record)
            })
            .await?;
        if let Some((other, replaced)) = foreign {
            self.end(&other, replaced).await?;
        }
        let record = kept.record().ok_or(Kind::Store(StoreError::Conflict))?;
        Ok(handle(*user, session, record.grant.generation))
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
