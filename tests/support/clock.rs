//! Time that stands still until a story moves it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use easyauth::clock::{Clock, Timestamp};

/// A clock moved by hand; clones tell the same time. It starts on 2025-10-09 at 08:53:20 UTC.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<(Timestamp, Duration)>>);

impl ManualClock {
    pub fn new() -> Self {
        let start = (Timestamp::from_unix(1_760_000_000), Duration::from_secs(1_000));
        Self(Arc::new(Mutex::new(start)))
    }

    /// Time passes.
    pub fn advance(&self, span: Duration) {
        let mut clock = self.0.lock().unwrap();
        *clock = (clock.0.after(span), clock.1 + span);
    }

    /// Only the machine's uptime passes: what is cached grows old, and nothing expires.
    pub fn age(&self, span: Duration) {
        self.0.lock().unwrap().1 += span;
    }

    /// Somebody sets the machine's clock; no time passes.
    pub fn set(&self, now: Timestamp) {
        self.0.lock().unwrap().0 = now;
    }

    /// Seconds since 1970.
    pub fn unix(&self) -> i64 {
        self.now().as_unix()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().0
    }

    fn monotonic(&self) -> Duration {
        self.0.lock().unwrap().1
    }
}
