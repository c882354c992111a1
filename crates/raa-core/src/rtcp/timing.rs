//! What both sides' reports need of time: when the next one is due, and what the wall clock says.
//!
//! The group is one sender and one server, so the interval is the RFC's least one, 5 s, and
//! needs no reconsideration when members come and go.
//! Always: 0.5 to 1.5 intervals lie between two reports (RFC 3550 section 6.3.1), so that those
//! of many computers started together do not stay together.

use std::time::{Duration, Instant, SystemTime};

use super::ntp;

/// RFC 3550 section 6.2: the least interval, on average.
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);

/// The times between reports.
#[derive(Debug)]
pub(crate) struct Intervals(u64);

impl Intervals {
    /// Zero is the one state that xorshift never leaves.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn next(&mut self) -> Duration {
        INTERVAL.mul_f64(0.5 + self.random())
    }

    /// 0 to 1, by xorshift64.
    fn random(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The wall clock, as it was at the start and has gone on since; later steps of it are not seen.
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

    /// The NTP timestamp of an instant; what lies before the start counts as the start.
    pub(crate) fn ntp(&self, now: Instant) -> u64 {
        ntp::timestamp(self.started_at + now.saturating_duration_since(self.start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_fill_the_range_the_rfc_allows() {
        for seed in [0, 1, u64::MAX] {
            let mut intervals = Intervals::new(seed);
            // The first numbers of a small seed are small.
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
    fn the_wall_clock_goes_on_from_the_start() {
        let start = crate::any_instant();
        let at_start = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let clock = WallClock::new(start, at_start);
        let later = clock.ntp(start + Duration::from_millis(500));
        assert_eq!(later - clock.ntp(start), 1 << 31);
        assert_eq!(clock.ntp(start), ntp::timestamp(Duration::from_secs(100)));
    }
}
