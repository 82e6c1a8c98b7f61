//! Signing out: the session ends here, and the tokens go with the user's last one.

use http::{HeaderMap, HeaderValue};

use super::RelyingParty;
use super::records::Change;
use crate::error::Error;
use crate::principal::ProviderId;
use crate::session::{SessionId, UserKey};
use crate::wire;

/// What signing out came to.
#[derive(Debug)]
pub(crate) struct SignedOut {
    /// Who vouched for the session that ended; `None` if there was none.
    pub(crate) provider: Option<ProviderId>,
    /// Which cookies to delete. Somebody without a session has theirs deleted all the same.
    pub(crate) cookies: Vec<HeaderValue>,
}

impl RelyingParty {
    /// Ends the session that `request` proves. Who sends a session token keeps their cookies: it is
    /// not their session that ends.
    pub(crate) async fn end_session(&self, request: &HeaderMap) -> Result<SignedOut, Error> {
        let provider = self.end_presented(request).await?;
        if wire::session_token::find(request).is_some() {
            return Ok(SignedOut { provider, cookies: Vec::new() });
        }
        let logins = self.cookies.logins(request);
        let logins = logins.iter().filter_map(|login| self.cookies.delete_login(login));
        let sessions = self.cookies.delete_session(request);
        let cookies = sessions.into_iter().chain(logins).chain(self.cookies.delete_returned());
        Ok(SignedOut { provider, cookies: cookies.collect() })
    }

    /// Also one that has expired and could still be refreshed: somebody may have a copy of its
    /// cookie or token.
    async fn end_presented(&self, request: &HeaderMap) -> Result<Option<ProviderId>, Error> {
        let opened = self.config.opened().await?;
        let window = self.settings().session.window;
        let presented = self.open_credential(request, opened, self.now(), window);
        let Ok((credential, prepared)) = presented else { return Ok(None) };
        let handle = credential.session();
        match prepared {
            Some(prepared) => Ok(Some(prepared.principal.provider().clone())),
            None => self.end(&handle.user, handle.session).await,
        }
    }

    /// Ends `session` of `user`, and says who vouched for it; `None` if it was not there.
    pub(super) async fn end(
        &self,
        user: &UserKey,
        session: SessionId,
    ) -> Result<Option<ProviderId>, Error> {
        let Some(records) = self.records().await? else { return Ok(None) };
        let now = self.now();
        let mut provider = None;
        records
            .update(user, |record| {
                let Some(mut record) = record else { return Change::Keep(None) };
                let ended = record.end(session);
                provider = ended.then(|| record.grant.identity.provider.clone());
                match (ended, record.alive(now)) {
                    (true, true) => Change::Put(record),
                    (true, false) => Change::Delete,
                    (false, _) => Change::Keep(Some(record)),
                }
            })
            .await?;
        Ok(provider)
    }
}
