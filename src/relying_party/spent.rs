//! Logins that have had their answer. Each gets one, also if it fails.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::pending_login::LoginId;

/// The logins of the last minutes that must not be answered again.
///
/// Kept in this process: the browser's cookie is deleted with the answer, and a code that is sent to
/// another process a second time is refused by the provider. This stops the second call.
#[derive(Debug, Default)]
pub(crate) struct SpentLogins(Mutex<BTreeSet<LoginId>>);

impl SpentLogins {
    /// Spends a login, and forgets those begun before `oldest`, which nobody may answer any more.
    /// False if it was spent before.
    pub(crate) fn spend(&self, login: &LoginId, oldest: Timestamp) -> bool {
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let live = spent.split_off(&LoginId::new(oldest, [0; 8]));
        *spent = live;
        // Each one here began at this application with our cookie, so this many are an attack; the
        // oldest go, and would be refused by the provider.
        while spent.len() >= MOST {
            spent.pop_first();
        }
        spent.insert(login.clone())
    }
}

const MOST: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_spent_once_until_it_is_too_old_to_matter() {
        let spent = SpentLogins::default();
        let login = LoginId::new(Timestamp::from_unix(100), [1; 8]);

        assert!(spent.spend(&login, Timestamp::from_unix(0)));
        assert!(!spent.spend(&login, Timestamp::from_unix(100)));
        let other = LoginId::new(Timestamp::from_unix(100), [2; 8]);
        assert!(spent.spend(&other, Timestamp::from_unix(101)));
        assert_eq!(spent.0.lock().unwrap().len(), 1);
    }
}
