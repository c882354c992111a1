//! The server's clock as the API shows it: milliseconds since the server started.
//!
//! Always: an instant has the same number whenever it is looked at, so a time that has not changed
//! need not be sent again; times of earlier runs are negative.

use std::time::{Duration, Instant};

/// Gives instants as milliseconds since the server started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerClock(Instant);

impl ServerClock {
    /// Counts from `start` on.
    pub(crate) fn new(start: Instant) -> Self {
        Self(start)
    }

    /// Returns an instant in ms.
    pub(crate) fn ms(self, at: Instant) -> i64 {
        self.ms_before(at, Duration::ZERO)
    }

    /// Returns the instant `ago` before `at` in ms.
    pub(crate) fn ms_before(self, at: Instant, ago: Duration) -> i64 {
        let after = at.saturating_duration_since(self.0).as_nanos() as i128;
        let before = self.0.saturating_duration_since(at).as_nanos() as i128;
        (after - before - ago.as_nanos() as i128).div_euclid(1_000_000) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_keeps_its_number() {
        let start = Instant::now();
        let clock = ServerClock::new(start);
        let event = start + Duration::from_micros(1_234_567);
        for later_us in [0, 1, 399, 433, 999, 1000, 86_400_000_567] {
            let later = Duration::from_micros(later_us);
            assert_eq!(clock.ms_before(event + later, later), 1234, "{later_us}");
        }
        assert_eq!(clock.ms_before(start, Duration::from_micros(1)), -1);
        assert_eq!(
            clock.ms_before(start, Duration::from_hours(24)),
            -86_400_000
        );
        assert_eq!(clock.ms(event), 1234);
    }
}
