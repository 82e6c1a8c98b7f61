//! A token is replaced by a newer one: by one caller for all, and nobody signed out by an accident.
//!
//! The rule is "replace this token, unless somebody already has". Callers of this process join one
//! [flight](crate::flight), which goes on without them. Processes on one store take turns, and
//! whoever's turn it is looks first for what the one before has left. Then: a refresh; if the
//! application refuses that for good, the program's login; and only what has succeeded is kept.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::time::timeout;

use super::challenge::Challenge;
use super::current::Remedy;
use super::easy_auth_client::EasyAuthClient;
use super::error::ClientError;
use super::login::Login;
use super::store::{Turn, UserStoreError};
use super::user::User;
use crate::flight::Flight;

/// What callers share a flight for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Errand {
    /// To read the store, at the start.
    Load,
    /// To answer a refusal: a refresh or a login.
    Heal,
    /// To refresh, and nothing else.
    Refresh,
}

/// Who is signed in then, or why nobody new is.
pub(super) type Outcome = Result<Option<Arc<User>>, ClientError>;

impl EasyAuthClient {
    /// Who is signed in, from the store if it was not asked yet.
    pub(super) async fn loaded(&self) -> Option<Arc<User>> {
        if let Some(user) = self.0.current.user() {
            return user;
        }
        let client = self.clone();
        let load = move || async move {
            let stored = timeout(STORE_LIMIT, client.stored()).await;
            let stored =
                stored.unwrap_or_else(|_| Err(UserStoreError::unavailable("it does not answer")));
            client.0.current.load(stored.unwrap_or_else(|error| {
                tracing::warn!(error = %chain(&error), "nobody is known from before");
                None
            }));
            Ok(None)
        };
        // If it broke off, nobody is signed in, and the first refusal asks the store again.
        let _ = self.0.flights.join(Errand::Load, load).result().await;
        self.0.current.user().flatten()
    }

    /// Somebody to send a request as that was refused with the token of `stale`.
    pub(super) async fn heal(
        &self,
        stale: Option<Arc<User>>,
        challenge: Challenge,
    ) -> Result<Arc<User>, ClientError> {
        let (now, uptime) = (self.0.clock.now(), self.0.clock.monotonic());
        let stale = match self.0.current.remedy(stale.as_deref(), challenge, now, uptime) {
            Remedy::Replay(user) => return Ok(user),
            Remedy::Wait => return Err(ClientError::Paused),
            Remedy::SignedOut => return Err(ClientError::SignedOut),
            Remedy::Renew(stale) => stale,
        };
        self.outside_login()?;
        let client = self.clone();
        let flight = self.0.flights.join(Errand::Heal, move || async move {
            let outcome =
                client.in_time(client.renew_or_sign_in(stale.as_deref(), challenge)).await;
            match &outcome {
                Ok(Some(fresh)) => client.rest_if_due(fresh),
                // Somebody may sign in in another program, and is found when the store is asked again.
                Ok(_) | Err(ClientError::NotSignedIn) => {}
                Err(error) => {
                    client.0.current.failed(client.0.clock.monotonic());
                    tracing::warn!(error = %error, "nobody could be signed in again");
                }
            }
            outcome
        });
        let outcome = flight.result().await;
        if outcome.is_none() {
            self.0.current.failed(self.0.clock.monotonic());
        }
        landed(outcome)
    }

    /// A fresh token for `user`, unless somebody has one already.
    pub(super) async fn refresh(&self, user: Arc<User>) -> Result<Arc<User>, ClientError> {
        self.outside_login()?;
        landed(self.begin_refresh(user).result().await)
    }

    pub(super) fn begin_refresh(&self, user: Arc<User>) -> Flight<Outcome> {
        let client = self.clone();
        self.0.flights.join(Errand::Refresh, move || async move {
            let outcome = client.in_time(client.renew(&user)).await;
            match &outcome {
                Ok(Some(fresh)) => client.rest_if_due(fresh),
                Ok(None) => {}
                Err(error) => {
                    client.0.current.failed_ahead(client.0.clock.monotonic());
                    tracing::debug!(error = %error, "the token was not refreshed");
                }
            }
            outcome
        })
    }

    async fn renew(&self, user: &User) -> Outcome {
        let _renewing = self.0.renewing.lock().await;
        let (_turn, stored) = match self.begin(Some(user)).await {
            Begun::Done(outcome) => return outcome,
            Begun::Turn(turn, stored) => (turn, stored),
        };
        match self.0.calls.refresh(user).await {
            Ok(fresh) => self.keep(Some(user), stored, fresh).await,
            Err(error) => {
                if error.status() == Some(StatusCode::UNAUTHORIZED) {
                    self.forget(user).await;
                }
                Err(error)
            }
        }
    }

    async fn renew_or_sign_in(&self, stale: Option<&User>, challenge: Challenge) -> Outcome {
        let _renewing = self.0.renewing.lock().await;
        let (_turn, stored) = match self.begin(stale).await {
            Begun::Done(outcome) => return outcome,
            Begun::Turn(turn, stored) => (turn, stored),
        };
        let Some(user) = stale else {
            return self.sign_in(None, stored, ClientError::NotSignedIn).await;
        };
        let refused = match self.0.calls.refresh(user).await {
            Ok(fresh) => return self.keep(stale, stored, fresh).await,
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => error,
        };
        tracing::debug!(error = %refused, "the token cannot be refreshed");
        // Who has signed out or in meanwhile is not asked to.
        if let Some(changed) = self.0.current.instead_of(stale) {
            return Ok(changed);
        }
        // An application that refuses one of its pages says nothing about the token.
        let is_dead =
            refused.status() == Some(StatusCode::UNAUTHORIZED) || challenge == Challenge::Ours;
        let outcome = self.sign_in(stale, stored, refused).await;
        if outcome.is_err() && is_dead {
            self.forget(user).await;
        }
        outcome
    }

    /// Waits for this process's turn, and looks whether there is something left to do.
    async fn begin(&self, stale: Option<&User>) -> Begun {
        let turn = match self.0.store.turn().await {
            Ok(turn) => Some(turn),
            Err(error) => {
                // Better twice than never.
                tracing::warn!(error = %chain(&error), "other processes may refresh at once");
                None
            }
        };
        let stored = self.stored().await;
        if let Some(changed) = self.0.current.instead_of(stale) {
            return Begun::Done(Ok(changed));
        }
        let theirs = match &stored {
            Ok(Some(theirs)) if is_news(theirs, stale) => Some(Arc::new(theirs.clone())),
            // Another program has signed the user out.
            Ok(None) if self.0.current.is_kept() => None,
            _ => return Begun::Turn(turn, stored),
        };
        Begun::Done(Ok(self.0.current.replace(stale, theirs, true)))
    }

    /// Has the program sign somebody in.
    async fn sign_in(&self, stale: Option<&User>, stored: Stored, reason: ClientError) -> Outcome {
        let Some(callback) = &self.0.login else { return Err(reason) };
        let before = stale.cloned().map(Arc::new);
        let login = Login { calls: self.0.calls.clone(), port: self.0.port, before, reason };
        let limit = self.0.login_limit;
        let asked = SIGNING_IN.scope(self.address(), callback.ask(login));
        let user =
            timeout(limit, asked).await.map_err(|_| ClientError::TimedOut(limit.as_secs()))??;
        tracing::debug!("somebody has signed in");
        self.keep(stale, stored, user).await
    }

    /// Keeps the `fresh` user in the place of `stale`. Who signed in or out meanwhile, here or
    /// elsewhere, has the last word.
    async fn keep(&self, stale: Option<&User>, stored: Stored, fresh: User) -> Outcome {
        let (user, kept) = match self.put(stale, stored, &fresh).await {
            Ok(Put::Done) => return Ok(self.take(stale, fresh).await),
            Ok(Put::Overtaken(theirs)) => (theirs, true),
            Err(error) => {
                tracing::warn!(error = %chain(&error), "who is signed in is not kept for the next start");
                (Some(fresh), false)
            }
        };
        Ok(self.0.current.replace(stale, user.map(Arc::new), kept))
    }

    /// Has the `fresh` user, whom the store has, take the place of `stale`. If somebody else is there,
    /// the store is told so.
    async fn take(&self, stale: Option<&User>, fresh: User) -> Option<Arc<User>> {
        let fresh = Arc::new(fresh);
        let user = self.0.current.replace(stale, Some(Arc::clone(&fresh)), true);
        if user.as_ref() != Some(&fresh)
            && let Err(error) = self.0.store.replace(Some(&fresh), user.as_deref()).await
        {
            tracing::warn!(error = %chain(&error), "a token of somebody who is not signed in is still kept");
        }
        user
    }

    async fn put(
        &self,
        stale: Option<&User>,
        stored: Stored,
        fresh: &User,
    ) -> Result<Put, UserStoreError> {
        let mut seen = stored?;
        while !self.0.store.replace(seen.as_ref(), Some(fresh)).await? {
            seen = self.stored().await?;
            if seen.as_ref() != stale {
                return Ok(Put::Overtaken(seen));
            }
        }
        Ok(Put::Done)
    }

    /// Forgets `user`, whom the application knows no more.
    async fn forget(&self, user: &User) {
        self.0.current.replace(Some(user), None, false);
        if let Err(error) = self.0.store.replace(Some(user), None).await {
            tracing::warn!(error = %chain(&error), "a token that is of no use any more is still kept");
        }
    }

    /// Who is in the store, if they are of this application.
    pub(super) async fn stored(&self) -> Stored {
        let user = self.0.store.load().await?;
        if user.as_ref().is_some_and(|user| *user.origin() != self.0.calls.origin) {
            return Err(UserStoreError::Foreign("it is signed in to another application"));
        }
        Ok(user)
    }

    /// Refuses to wait where the login callback runs: a renewal waits for its end.
    fn outside_login(&self) -> Result<(), ClientError> {
        match SIGNING_IN.try_with(|shared| *shared == self.address()) {
            Ok(true) => Err(ClientError::WithinLogin),
            _ => Ok(()),
        }
    }

    /// What tells this client from others.
    fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// An end to what hangs: a store or a callback that never answers.
    async fn in_time(&self, work: impl Future<Output = Outcome>) -> Outcome {
        // Another process's login, and our own.
        let limit = self.0.login_limit.saturating_mul(2).saturating_add(REFRESH_LIMIT);
        timeout(limit, work).await.unwrap_or(Err(ClientError::TimedOut(limit.as_secs())))
    }
}

tokio::task_local! {
    /// The client whose login callback is running in this task: what the callback sends through the
    /// layer, or has refreshed, must not wait for the callback.
    static SIGNING_IN: usize;
}

enum Begun {
    /// Somebody else has done it.
    Done(Outcome),
    /// The turn, and who is in the store.
    Turn(Option<Turn>, Stored),
}

type Stored = Result<Option<User>, UserStoreError>;

enum Put {
    Done,
    /// Somebody has signed in or out in another process.
    Overtaken(Option<User>),
}

/// Whether `theirs`, found in the store, is better than `stale`. What is older is what we could not
/// replace when we had `stale`.
fn is_news(theirs: &User, stale: Option<&User>) -> bool {
    let Some(stale) = stale else { return true };
    let older = match (theirs.expires_at(), stale.expires_at()) {
        (Some(theirs), Some(stale)) => theirs < stale,
        _ => false,
    };
    theirs != stale && !older
}

fn landed(outcome: Option<Outcome>) -> Result<Arc<User>, ClientError> {
    match outcome {
        Some(Ok(Some(user))) => Ok(user),
        Some(Ok(None)) => Err(ClientError::SignedOut),
        Some(Err(error)) => Err(error),
        None => Err(ClientError::Login(Arc::new("the login broke off".into()))),
    }
}

/// A failure and its causes in one line.
pub(super) fn chain(error: &UserStoreError) -> String {
    let cause = std::error::Error::source(error);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// Longest wait for a store at the start.
const STORE_LIMIT: Duration = Duration::from_secs(15);
/// What a refresh may take beside logins: the call, and the store before and after it.
const REFRESH_LIMIT: Duration = Duration::from_secs(60);
