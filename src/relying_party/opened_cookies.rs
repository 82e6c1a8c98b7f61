//! Session cookies that were opened lately: a browser sends the same one with every request, and
//! the same bytes say the same.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::authenticate::Prepared;
use crate::clock::Timestamp;
use crate::principal::Principal;
use crate::secret::Secret;
use crate::session::SessionHandle;
use crate::wire::session::SessionCookie;

/// What a session cookie says, and what the requests with it get if it says who the user is.
pub(super) type Opened = (SessionHandle, Option<Arc<Prepared>>);

/// The cookies, by the end of their seal.
///
/// It knows only what has been opened, and whether a session still lasts is not its business:
/// expiry, generation and the record are looked at on every request.
#[derive(Debug)]
pub(super) struct OpenedCookies(Cache<Ending, Arc<OpenedCookie>, ByWeight>);

type Ending = [u8; 16];

#[derive(Debug)]
struct OpenedCookie {
    value: Secret<Vec<u8>>,
    // Seals open for a number of days, so on the next one it is to be opened again.
    day: u16,
    opened: Opened,
}

impl OpenedCookies {
    /// Remembers cookies in so many bytes of memory: the least used go when it is full.
    pub(super) fn new(capacity: u64) -> Self {
        Self(Cache::with_weighter(EXPECTED, capacity, ByWeight))
    }

    /// What the cookie of this value says; `decode` opens it if it is not known.
    pub(super) fn open(
        &self,
        value: &[u8],
        now: Timestamp,
        decode: impl FnOnce() -> Option<SessionCookie>,
    ) -> Option<Opened> {
        let (day, ending) = (now.day(), value.last_chunk()?);
        if let Some(known) = self.0.get(ending)
            && known.day == day
            && known.value.matches(value)
        {
            return Some(known.opened.clone());
        }
        let SessionCookie { handle, identity } = decode()?;
        let prepared = identity.map(|it| Arc::new(Prepared::new(Principal::new(it, None))));
        let opened = (handle, prepared);
        let value = Secret::new(value.to_vec());
        self.0.insert(*ending, Arc::new(OpenedCookie { value, day, opened: opened.clone() }));
        Some(opened)
    }
}

/// Counts what an opened cookie takes, in bytes.
#[derive(Clone, Debug)]
struct ByWeight;

impl Weighter<Ending, Arc<OpenedCookie>> for ByWeight {
    fn weight(&self, _: &Ending, cookie: &Arc<OpenedCookie>) -> u64 {
        let length = cookie.value.expose().len();
        // The claims of an identity stand in it twice, and in its headers.
        let (_, prepared) = &cookie.opened;
        let copies = if prepared.is_some() { 4 } else { 1 };
        u64::try_from(256 + copies * length).unwrap_or(u64::MAX)
    }
}

const EXPECTED: usize = 16_384;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::session::{SessionId, UserKey};

    const NOW: Timestamp = Timestamp::from_unix(1_760_000_000);
    const VALUE: &[u8] = b"1-a-cookie-of-some-length";

    fn cookie() -> SessionCookie {
        let handle = SessionHandle {
            user: UserKey::new([1; 16]),
            session: SessionId::new([2; 16]),
            generation: 3,
            created_at: NOW,
            expires_at: NOW,
        };
        SessionCookie { handle, identity: None }
    }

    #[test]
    fn the_same_bytes_are_opened_once_a_day() {
        let (cookies, times) = (OpenedCookies::new(1 << 20), Cell::new(0));
        let open = |now| {
            let decode = || {
                times.set(times.get() + 1);
                Some(cookie())
            };
            cookies.open(VALUE, now, decode).map(|(handle, _)| handle)
        };

        for _ in 0..3 {
            assert_eq!(open(NOW), Some(cookie().handle));
        }
        assert_eq!(times.get(), 1);
        let tomorrow = Timestamp::from_unix(NOW.as_unix() + 86_400);
        assert_eq!(open(tomorrow), Some(cookie().handle));
        assert_eq!(times.get(), 2);
    }

    #[test]
    fn what_differs_in_one_byte_is_another_cookie() {
        let cookies = OpenedCookies::new(1 << 20);
        cookies.open(VALUE, NOW, || Some(cookie()));

        for position in 0..VALUE.len() {
            let mut forged = VALUE.to_vec();
            forged[position] ^= 1;
            assert!(cookies.open(&forged, NOW, || None).is_none(), "{position}");
        }
        assert!(cookies.open(&VALUE[1..], NOW, || None).is_none());
        assert!(cookies.open(b"1", NOW, || Some(cookie())).is_none());
        assert!(cookies.open(VALUE, NOW, || None).is_some());
    }
}
