//! Time, as an argument: moments in whole seconds, and the port that tells them.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// A moment, in whole seconds since 1970-01-01T00:00:00Z.
///
/// Arithmetic saturates: a lifetime taken from an outside document never wraps.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `seconds` after the Unix epoch.
    #[must_use]
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the Unix epoch.
    #[must_use]
    pub const fn as_unix(self) -> i64 {
        self.0
    }

    /// This moment moved into the future by `span`, fractions of a second dropped.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(seconds(span)))
    }

    /// This moment moved into the past by `span`, fractions of a second dropped.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(seconds(span)))
    }

    /// How much later than `earlier` this moment is; zero if it is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        u64::try_from(self.0.saturating_sub(earlier.0)).map_or(Duration::ZERO, Duration::from_secs)
    }

    /// Whole UTC days since the Unix epoch, clamped to what two bytes hold (until the year 2149).
    #[must_use]
    pub(crate) fn day(self) -> u16 {
        u16::try_from(self.0.div_euclid(SECONDS_PER_DAY).max(0)).unwrap_or(u16::MAX)
    }

    /// As Easy Auth writes `expires_on`: ISO 8601 in UTC with seven fractional digits.
    #[must_use]
    pub(crate) fn to_iso8601(self) -> String {
        self.format(ISO_8601)
    }

    /// As HTTP writes dates (RFC 9110 §5.6.7), for `Expires` attributes of cookies.
    #[must_use]
    pub(crate) fn to_http_date(self) -> String {
        self.format(HTTP_DATE)
    }

    fn format(self, description: &[BorrowedFormatItem<'_>]) -> String {
        // Years outside 0–9999 have no spelling in either format; the nearest one that has is used.
        let seconds = self.0.clamp(FIRST_FORMATTABLE, LAST_FORMATTABLE);
        OffsetDateTime::from_unix_timestamp(seconds)
            .ok()
            .and_then(|moment| moment.format(description).ok())
            .unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_iso8601())
    }
}

/// Tells the time.
///
/// # Contract
///
/// [`now`](Self::now) is wall-clock time and may jump; it decides whether something has expired.
/// [`monotonic`](Self::monotonic) counts from any fixed origin, never goes back, and times what
/// happens within this process.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The wall-clock time.
    fn now(&self) -> Timestamp;

    /// The time since an origin that stays fixed for the life of this clock.
    fn monotonic(&self) -> Duration;
}

/// The clock of the operating system.
#[derive(Clone, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose monotonic origin is now.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A machine whose clock stands before 1970 is in no state to judge expiry: everything has
        // yet to begin, so nothing opens.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(Timestamp(0), |elapsed| Timestamp(seconds(elapsed)))
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

const SECONDS_PER_DAY: i64 = 86_400;
/// 0000-01-01T00:00:00Z.
const FIRST_FORMATTABLE: i64 = -62_167_219_200;
/// 9999-12-31T23:59:59Z.
const LAST_FORMATTABLE: i64 = 253_402_300_799;

const ISO_8601: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].0000000Z");
const HTTP_DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_easy_auth_and_http_write_them() {
        let moment = Timestamp::from_unix(1_470_957_740);

        assert_eq!(moment.to_iso8601(), "2016-08-11T23:22:20.0000000Z");
        assert_eq!(moment.to_http_date(), "Thu, 11 Aug 2016 23:22:20 GMT");
        assert_eq!(Timestamp::from_unix(0).to_http_date(), "Thu, 01 Jan 1970 00:00:00 GMT");
    }

    #[test]
    fn arithmetic_saturates_and_never_wraps() {
        let last = Timestamp::from_unix(i64::MAX);
        let first = Timestamp::from_unix(i64::MIN);

        assert_eq!(last.after(Duration::MAX), last);
        assert_eq!(first.before(Duration::MAX), first);
        assert_eq!(first.since(last), Duration::ZERO);
        assert_eq!(last.to_iso8601(), "9999-12-31T23:59:59.0000000Z");
        assert_eq!(first.to_iso8601(), "0000-01-01T00:00:00.0000000Z");
        assert_eq!(first.day(), 0);
        assert_eq!(last.day(), u16::MAX);
    }
}
