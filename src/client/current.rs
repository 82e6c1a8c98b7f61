//! What this process holds of the signed-in user, and when it may try to renew them.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use super::challenge::Challenge;
use super::user::User;
use crate::clock::Timestamp;

/// Who is signed in, as far as this process knows.
#[derive(Debug, Default)]
pub(super) struct Current(RwLock<State>);

#[derive(Debug, Default)]
struct State {
    /// Whether the store was asked.
    loaded: bool,
    user: Option<Arc<User>>,
    /// Whether the store has the user too.
    kept: bool,
    /// Whether nobody is, because that was asked for.
    signed_out: bool,
    /// After a renewal, or a login, that failed.
    pause: Pause,
    /// After a refresh ahead of expiry that failed or did not help: no reason to leave a 401 alone.
    pause_ahead: Pause,
    doubt: Option<Doubt>,
}

/// What to do about a request that was refused with a token.
#[derive(Debug)]
pub(super) enum Remedy {
    /// Somebody has a newer token already.
    Replay(Arc<User>),
    /// Ask for one, in the place of this one.
    Renew(Option<Arc<User>>),
    /// Nothing: it failed a moment ago.
    Wait,
    /// Nothing: the user has signed out since.
    SignedOut,
}

impl Current {
    /// Who is signed in; `None` if the store was not asked yet.
    pub(super) fn user(&self) -> Option<Option<Arc<User>>> {
        let state = self.read();
        state.loaded.then(|| state.user.clone())
    }

    /// Who is signed in, unless that is `stale` still.
    pub(super) fn instead_of(&self, stale: Option<&User>) -> Option<Option<Arc<User>>> {
        let state = self.read();
        (state.user.as_deref() != stale).then(|| state.user.clone())
    }

    /// Whether somebody is, and the store had them when it was asked last.
    pub(super) fn is_kept(&self) -> bool {
        let state = self.read();
        state.kept && state.user.is_some()
    }

    /// What the store had at the start, unless somebody has signed in since.
    pub(super) fn load(&self, user: Option<User>) {
        let mut state = self.write();
        if !state.loaded {
            state.loaded = true;
            state.kept = user.is_some();
            state.user = user.map(Arc::new);
        }
    }

    /// Somebody has signed in or out by the program's own doing. `kept` says whether the store has the
    /// user too.
    pub(super) fn set(&self, user: Option<Arc<User>>, kept: bool) {
        let signed_out = user.is_none();
        *self.write() = State { loaded: true, user, kept, signed_out, ..State::default() };
    }

    /// `user` takes the place of `stale`; whoever else is there stays. Says who is there then.
    pub(super) fn replace(
        &self,
        stale: Option<&User>,
        user: Option<Arc<User>>,
        kept: bool,
    ) -> Option<Arc<User>> {
        let mut state = self.write();
        if state.user.as_deref() == stale {
            (state.user, state.kept) = (user, kept);
        }
        state.user.clone()
    }

    /// What to do about a `challenge` to a request that carried `stale`.
    pub(super) fn remedy(
        &self,
        stale: Option<&User>,
        challenge: Challenge,
        now: Timestamp,
        uptime: Duration,
    ) -> Remedy {
        let state = self.read();
        match &state.user {
            Some(user) if Some(&**user) != stale && !user.expired(now) => {
                Remedy::Replay(Arc::clone(user))
            }
            None if state.signed_out && stale.is_some() => Remedy::SignedOut,
            _ if state.pause.lasts(uptime) => Remedy::Wait,
            Some(user) if state.doubts(user, challenge, now, uptime) => Remedy::Wait,
            user => Remedy::Renew(user.clone()),
        }
    }

    /// Whether nothing speaks against a refresh ahead of expiry.
    pub(super) fn may_refresh_ahead(&self, uptime: Duration) -> bool {
        let state = self.read();
        !state.pause.lasts(uptime) && !state.pause_ahead.lasts(uptime)
    }

    /// A renewal failed.
    pub(super) fn failed(&self, uptime: Duration) {
        self.write().pause.begin(uptime);
    }

    /// A refresh ahead of expiry failed.
    pub(super) fn failed_ahead(&self, uptime: Duration) {
        self.write().pause_ahead.begin(uptime);
    }

    /// The `fresh` token is due for another refresh already: its life is no longer than the span, or a
    /// clock is wrong. Half of what is `left` of it is waited for, or a minute.
    pub(super) fn due_again(&self, fresh: &User, left: Duration, uptime: Duration) {
        let mut state = self.write();
        if state.user.as_deref() == Some(fresh) {
            let until = uptime.saturating_add(LONGEST_PAUSE.max(left / 2));
            state.pause_ahead = Pause { until, failures: 0 };
        }
    }

    /// The `fresh` token was refused like the one before: another one would fare no better.
    pub(super) fn refused_again(&self, fresh: &Arc<User>, challenge: Challenge, uptime: Duration) {
        let mut state = self.write();
        if state.user.as_ref() != Some(fresh) {
            return;
        }
        let mut pause = state.doubt.take().map(|doubt| doubt.pause).unwrap_or_default();
        pause.begin(uptime);
        state.doubt = Some(Doubt { user: Arc::clone(fresh), challenge, pause });
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn doubts(&self, user: &User, challenge: Challenge, now: Timestamp, uptime: Duration) -> bool {
        self.doubt.as_ref().is_some_and(|doubt| {
            // A page of the application that refuses everybody must not keep a token from being
            // renewed that has expired, or that Easy Auth itself refuses.
            let news = user.expired(now) || (challenge, doubt.challenge) == CLEARER;
            *doubt.user == *user && doubt.pause.lasts(uptime) && !news
        })
    }
}

/// A token that was fresh and yet refused.
#[derive(Debug)]
struct Doubt {
    user: Arc<User>,
    challenge: Challenge,
    pause: Pause,
}

/// A time in which nothing is tried, twice as long after each failure.
#[derive(Debug, Default)]
struct Pause {
    until: Duration,
    failures: u32,
}

impl Pause {
    fn lasts(&self, uptime: Duration) -> bool {
        uptime < self.until
    }

    fn begin(&mut self, uptime: Duration) {
        // Many fail at once if one does; that is one failure.
        if self.lasts(uptime) {
            return;
        }
        let forgotten = uptime > self.until.saturating_add(LONGEST_PAUSE);
        self.failures = if forgotten { 1 } else { self.failures.saturating_add(1) };
        let doublings = (self.failures - 1).min(16);
        self.until = uptime.saturating_add((FIRST_PAUSE * (1 << doublings)).min(LONGEST_PAUSE));
    }
}

const CLEARER: (Challenge, Challenge) = (Challenge::Ours, Challenge::Unclear);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Also how long after a pause a failure is a first one again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::PublicOrigin;

    fn user(token: &str) -> Arc<User> {
        let origin = PublicOrigin::parse("https://app.example").unwrap();
        Arc::new(User::new(origin, "sid:1", token).unwrap())
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn t_134_pauses_double_up_to_a_minute_and_are_forgotten() {
        let mut pause = Pause::default();
        let mut now = at(1_000);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            pause.begin(now);
            pause.begin(now);
            assert!(pause.lasts(now + at(seconds) - Duration::from_nanos(1)), "{seconds}");
            assert!(!pause.lasts(now + at(seconds)), "{seconds}");
            now += at(seconds);
        }
        now += at(61);
        pause.begin(now);
        assert!(!pause.lasts(now + at(1)));
    }

    #[test]
    fn an_application_that_refuses_everybody_does_not_keep_a_token_from_being_renewed() {
        let current = Current::default();
        let fresh = user("e30.eyJleHAiOjUwMH0.x");
        current.set(Some(Arc::clone(&fresh)), true);
        let remedy = |challenge, now, uptime| {
            current.remedy(Some(&fresh), challenge, Timestamp::from_unix(now), at(uptime))
        };

        current.refused_again(&fresh, Challenge::Unclear, at(10));

        assert!(matches!(remedy(Challenge::Unclear, 400, 10), Remedy::Wait));
        assert!(matches!(remedy(Challenge::Ours, 400, 10), Remedy::Renew(_)));
        assert!(matches!(remedy(Challenge::Unclear, 500, 10), Remedy::Renew(_)));
        assert!(matches!(remedy(Challenge::Unclear, 400, 11), Remedy::Renew(_)));
        current.refused_again(&fresh, Challenge::Ours, at(20));
        assert!(matches!(remedy(Challenge::Ours, 400, 20), Remedy::Wait));
    }

    #[test]
    fn a_late_refusal_of_an_older_token_is_judged_by_the_one_there_is() {
        let current = Current::default();
        let (old, fresh) = (user("1"), user("e30.eyJleHAiOjUwMH0.x"));
        let remedy =
            |now| current.remedy(Some(&old), Challenge::Ours, Timestamp::from_unix(now), at(10));

        current.set(Some(Arc::clone(&fresh)), true);
        assert!(matches!(remedy(499), Remedy::Replay(user) if user == fresh));
        assert!(matches!(remedy(500), Remedy::Renew(Some(user)) if user == fresh));
        // A late answer to somebody who has signed out signs nobody in.
        current.set(None, false);
        assert!(matches!(remedy(499), Remedy::SignedOut));
        let nobody = current.remedy(None, Challenge::Ours, Timestamp::from_unix(499), at(10));
        assert!(matches!(nobody, Remedy::Renew(None)));
    }

    #[test]
    fn who_signed_in_meanwhile_stays() {
        let current = Current::default();
        let (stale, fresh, other) = (user("1"), user("2"), user("3"));
        current.set(Some(Arc::clone(&other)), true);

        let replace = |stale: &User| current.replace(Some(stale), Some(Arc::clone(&fresh)), true);
        assert_eq!(replace(&stale), Some(other.clone()));
        assert_eq!(replace(&other), Some(fresh.clone()));
        current.load(None);
        assert_eq!(current.user(), Some(Some(fresh)));
    }
}
