//! Bearer tokens that were verified lately: a program sends the same one for an hour, and the same
//! bytes under the same keys say the same.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::Provider;
use super::authenticate::Prepared;
use crate::clock::Timestamp;
use crate::oauth::jwk::KeySet;
use crate::secret::Secret;

/// The tokens, by the end of their signatures. Only what was accepted gets in, so nobody can crowd
/// it out with what they made up.
#[derive(Debug)]
pub(super) struct VerifiedTokens(Cache<Ending, Arc<VerifiedToken>, ByWeight>);

type Ending = [u8; 16];

/// A token that was accepted, and what that rests on.
#[derive(Debug)]
pub(super) struct VerifiedToken {
    pub(super) value: Secret<String>,
    pub(super) provider: Arc<Provider>,
    /// What it was verified with. Once the provider publishes others, it has to be so again.
    pub(super) keys: Arc<KeySet>,
    pub(super) expires_at: Timestamp,
    pub(super) prepared: Arc<Prepared>,
}

impl VerifiedTokens {
    /// Remembers tokens in so many bytes of memory: the least used go when it is full.
    pub(super) fn new(capacity: u64) -> Self {
        Self(Cache::with_weighter(EXPECTED, capacity, ByWeight))
    }

    /// What was found out about the token that reads `value`, if it has not expired since.
    pub(super) fn get(&self, value: &str, now: Timestamp) -> Option<Arc<VerifiedToken>> {
        let known = self.0.get(value.as_bytes().last_chunk()?)?;
        (known.value.matches(value) && now < known.expires_at).then_some(known)
    }

    pub(super) fn keep(&self, token: VerifiedToken) {
        if let Some(ending) = token.value.expose().as_bytes().last_chunk().copied() {
            self.0.insert(ending, Arc::new(token));
        }
    }
}

/// Counts what a verified token takes, in bytes.
#[derive(Clone, Debug)]
struct ByWeight;

impl Weighter<Ending, Arc<VerifiedToken>> for ByWeight {
    fn weight(&self, _: &Ending, token: &Arc<VerifiedToken>) -> u64 {
        // Its claims stand in it, in the principal and in the headers.
        u64::try_from(512 + 4 * token.value.expose().len()).unwrap_or(u64::MAX)
    }
}

const EXPECTED: usize = 4_096;
