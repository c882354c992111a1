//! The timing of both sides' reports: when the next one is due, and the wall clock in it.
//!
//! A session has one sender and one server, so the interval is the RFC's minimum of 5 s and needs
//! no reconsideration when members join or leave.
//! Always: two reports are 0.5 to 1.5 intervals apart (RFC 3550 section 6.3.1), so that computers
//! that start together do not report together.

use std::time::{Duration, Instant, SystemTime};

use super::ntp;

/// The mean time between two reports: the minimum of RFC 3550 section 6.2.
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);

/// Draws the random times between reports.
#[derive(Debug)]
pub(crate) struct Intervals(u64);

impl Intervals {
    pub(crate) fn new(seed: u64) -> Self {
        // Zero is the one state that xorshift never leaves.
        Self(seed | 1)
    }

    /// Returns the time until the next report: 2.5 to 7.5 s.
    pub(crate) fn next(&mut self) -> Duration {
        INTERVAL.mul_f64(0.5 + self.random())
    }

    /// Returns a number from 0 to 1, by xorshift64.
    fn random(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The wall clock as of the start, advanced by the monotonic clock; later steps have no effect.
#[derive(Debug)]
pub(crate) struct WallClock {
    start: Instant,
    /// Time since the Unix epoch at `start`.
    started_at: Duration,
}

impl WallClock {
    pub(crate) fn new(start: Instant, at_start: SystemTime) -> Self {
        let started_at = at_start
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Self { start, started_at }
    }

    /// Returns the NTP timestamp of an instant; instants before the start count as the start.
    pub(crate) fn ntp(&self, now: Instant) -> u64 {
        ntp::timestamp(self.started_at + now.saturating_duration_since(self.start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_fill_the_allowed_range() {
        for seed in [0, 1, u64::MAX] {
            let mut intervals = Intervals::new(seed);
            // A small seed begins with small numbers, so the mean needs many.
            let drawn: Vec<_> = (0..10_000)
                .map(|_| intervals.next().as_secs_f64())
                .collect();
            assert!(drawn.iter().all(|s| (2.5..7.5).contains(s)));
            let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
            assert!((4.9..5.1).contains(&mean), "{mean}");
            assert!(drawn.iter().any(|s| *s < 2.6) && drawn.iter().any(|s| *s > 7.4));
        }
    }

    #[test]
    fn wall_clock_advances_from_the_start() {
        let start = crate::any_instant();
        let at_start = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let clock = WallClock::new(start, at_start);
        let later = clock.ntp(start + Duration::from_millis(500));
        assert_eq!(later - clock.ntp(start), 1 << 31);
        assert_eq!(clock.ntp(start), ntp::timestamp(Duration::from_secs(100)));
    }
}
