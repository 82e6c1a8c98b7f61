//! What the provider remembers, all of it bounded and none of it lasting.

use std::collections::{HashMap, VecDeque};

use super::authorization::AuthorizationRequest;
use super::user::DevUser;
use crate::clock::Timestamp;
use crate::secret::Secret;

/// Everything between two requests.
pub(super) struct Memory {
    /// By the hidden field of the sign-in form.
    pub(super) interactions: Recent<Interaction>,
    /// By the value of the session cookie.
    pub(super) sessions: Recent<Session>,
    pub(super) codes: Recent<Code>,
    /// By their id, which is the first half of their refresh tokens.
    pub(super) grants: Recent<Grant>,
    pub(super) access_tokens: Recent<AccessToken>,
}

/// A sign-in page that somebody is looking at.
pub(super) struct Interaction {
    pub(super) request: AuthorizationRequest,
    /// The cookie of the browser that was given the page; nobody else can send the form.
    pub(super) browser: Secret<String>,
    pub(super) expires_at: Timestamp,
}

/// A browser that is signed in here.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) user: DevUser,
    pub(super) sid: String,
    pub(super) auth_time: Timestamp,
}

/// An authorization code. It is kept after its use, to know a second one.
pub(super) struct Code {
    pub(super) request: AuthorizationRequest,
    pub(super) session: Session,
    pub(super) expires_at: Timestamp,
    pub(super) used_for: Option<String>,
}

/// What a user has granted to the client.
#[derive(Clone)]
pub(super) struct Grant {
    pub(super) session: Session,
    pub(super) scopes: String,
    /// The one refresh token that is good now; earlier ones betray that somebody has a copy.
    pub(super) refresh_token: Option<Secret<String>>,
}

/// An access token, good as long as its grant stands.
pub(super) struct AccessToken {
    pub(super) grant: String,
    pub(super) expires_at: Timestamp,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self {
            interactions: Recent::new(),
            sessions: Recent::new(),
            codes: Recent::new(),
            grants: Recent::new(),
            access_tokens: Recent::new(),
        }
    }

    /// Ends a session, and with it what was granted for its length only.
    pub(super) fn end_session(&mut self, key: &str) {
        let Some(ended) = self.sessions.remove(key) else { return };
        self.grants
            .values
            .retain(|_, grant| grant.refresh_token.is_some() || grant.session.sid != ended.sid);
    }
}

/// The values put in last: a new one pushes out the oldest.
pub(super) struct Recent<V> {
    values: HashMap<String, V>,
    order: VecDeque<String>,
}

impl<V> Recent<V> {
    fn new() -> Self {
        Self { values: HashMap::new(), order: VecDeque::new() }
    }

    pub(super) fn insert(&mut self, key: String, value: V) {
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.values.insert(key, value);
    }

    pub(super) fn get(&self, key: &str) -> Option<&V> {
        self.values.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        self.values.get_mut(key)
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<V> {
        self.values.remove(key)
    }
}

/// How many of each there are at most: more than a test needs, less than a megabyte a thousand.
const REMEMBERED: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_also_when_values_are_taken_out() {
        let mut recent = Recent::new();
        for number in 0..3 * REMEMBERED {
            recent.insert(number.to_string(), ());
            if number % 2 == 0 {
                recent.remove(&number.to_string());
            }
        }

        assert_eq!(recent.order.len(), REMEMBERED);
        assert_eq!(recent.values.len(), REMEMBERED / 2);
        assert!(recent.get("1").is_none());
        assert!(recent.get(&(3 * REMEMBERED - 1).to_string()).is_some());
    }
}
