//! An installed application redeems the code that its login ended with.

use std::time::Duration;

use super::records::Change;
use super::{Provider, RelyingParty};
use crate::error::Error;
use crate::session::{Session, SessionHandle};
use crate::wire::app_code::{self, AppCode};
use crate::wire::login_result::LoginResult;

impl RelyingParty {
    /// The session token for `code`, which a login at `provider` ended with, to who has the verifier
    /// of that login's challenge.
    ///
    /// `None` for every other code and verifier. A code is good once; a wrong verifier does not use
    /// it up, or whoever sees a code could.
    pub(crate) async fn redeem_app_code(
        &self,
        provider: &Provider,
        code: &str,
        verifier: &str,
    ) -> Result<Option<LoginResult>, Error> {
        let now = self.now();
        let keys = &self.config.opened().await?.keys;
        let code = app_code::decode(code, &provider.id, keys, now);
        let good = |code: &AppCode| {
            code.challenge.matches(verifier)
                && code.issued_at <= now
                && now < code.issued_at.after(LIFETIME)
        };
        match code.filter(good) {
            Some(code) => self.first_token(provider, &code).await,
            None => Ok(None),
        }
    }

    /// The first token of a session, unless it has had that.
    async fn first_token(
        &self,
        provider: &Provider,
        code: &AppCode,
    ) -> Result<Option<LoginResult>, Error> {
        let Some(records) = self.records().await? else { return Ok(None) };
        let (user, now) = (code.user, self.now());
        let settings = &self.settings().session;
        let mut first = None;
        records
            .update(&user, |record| {
                first = None;
                let Some(mut record) = record else { return Change::Keep(None) };
                let generation = record.grant.generation;
                let waiting = |session: &&mut Session| {
                    session.id == code.session
                        && session.token_generation.is_none()
                        && session.expires_at > now
                };
                let Some(session) = record.sessions.iter_mut().find(waiting) else {
                    return Change::Keep(Some(record));
                };
                session.token_generation = Some(generation);
                session.expires_at = settings.token_expiry(now, record.grant.tokens.expires_at);
                let Session { id, created_at, expires_at, .. } = *session;
                first =
                    Some(SessionHandle { user, session: id, generation, created_at, expires_at });
                Change::Put(record)
            })
            .await?;
        match first {
            Some(handle) => self.session_token(&handle, &provider.id).await.map(Some),
            None => Ok(None),
        }
    }
}

/// How long an application has: as long as it takes to come to the foreground on a slow telephone.
/// Its session is no older until then.
pub(super) const LIFETIME: Duration = Duration::from_secs(120);
