//! Signing out: the session ends here, and the tokens go with the user's last one.

use http::{HeaderMap, HeaderValue};

use super::records::Change;
use super::{Known, RelyingParty};
use crate::error::Error;
use crate::session::{SessionId, UserKey};

impl RelyingParty {
    /// Ends the caller's session, and says which cookies to delete. Somebody without a session has
    /// their cookies deleted all the same.
    pub(crate) async fn end_session(
        &self,
        known: Option<&Known>,
        request: &HeaderMap,
    ) -> Result<Vec<HeaderValue>, Error> {
        if let Some(known) = known {
            self.end(&known.handle.user, known.handle.session).await?;
        }
        let logins = self.cookies.logins(request);
        let logins = logins.iter().filter_map(|login| self.cookies.delete_login(login));
        let sessions = self.cookies.delete_session(request);
        Ok(sessions.into_iter().chain(logins).chain(self.cookies.delete_returned()).collect())
    }

    pub(super) async fn end(&self, user: &UserKey, session: SessionId) -> Result<(), Error> {
        let Some(records) = self.records().await? else { return Ok(()) };
        let now = self.now();
        records
            .update(user, |record| {
                let Some(mut record) = record else { return Change::Keep(None) };
                match (record.end(session), record.alive(now)) {
                    (true, true) => Change::Put(record),
                    (true, false) => Change::Delete,
                    (false, _) => Change::Keep(Some(record)),
                }
            })
            .await?;
        Ok(())
    }
}
