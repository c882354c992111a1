//! Limits the rate of lines: a token bucket.
//!
//! Always: in any period of T seconds at most T + [`BURST`] lines, including those that report
//! skipped lines.

use std::time::{Duration, Instant};

/// How many lines may be written at once, as when the client starts.
pub(super) const BURST: u32 = 20;
/// The time that a line costs.
const INTERVAL: Duration = Duration::from_secs(1);

/// The token bucket.
#[derive(Debug)]
pub(super) struct Rate {
    /// When the bucket is full again.
    full_at: Instant,
    skipped: u64,
}

impl Rate {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            full_at: now,
            skipped: 0,
        }
    }

    /// Returns whether a line may be written at `now`, and how many have been skipped before; reporting
    /// them takes a line, too.
    pub(super) fn admit(&mut self, now: Instant) -> Option<u64> {
        let lines = if self.skipped > 0 { 2 } else { 1 };
        let full_at = self.full_at.max(now) + INTERVAL * lines;
        if full_at.saturating_duration_since(now) > INTERVAL * BURST {
            self.skipped += 1;
            return None;
        }
        self.full_at = full_at;
        Some(std::mem::take(&mut self.skipped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_per_second_follows_a_burst() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        let mut admit = |ms| rate.admit(start + Duration::from_millis(ms));
        for _ in 0..BURST {
            assert_eq!(admit(0), Some(0));
        }
        assert_eq!(admit(0), None);
        assert_eq!(admit(999), None);
        assert_eq!(admit(1999), None, "reporting the skipped takes a line, too");
        assert_eq!(admit(2000), Some(3));
        assert_eq!(admit(2001), None);
        assert_eq!(admit(4000), Some(1));
        assert_eq!(admit(5000), Some(0));
        for _ in 0..BURST {
            assert_eq!(admit(60_000), Some(0));
        }
        assert_eq!(admit(60_000), None);
    }

    #[test]
    fn a_hundred_lines_per_second_become_one() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        let (mut lines, mut skipped) = (0, 0);
        for number in 0..360_000 {
            if let Some(missing) = rate.admit(start + Duration::from_millis(number * 10)) {
                lines += 1 + u64::from(missing > 0);
                skipped += missing;
            }
        }
        assert!((3600..=3600 + u64::from(BURST)).contains(&lines), "{lines}");
        assert!(skipped > 350_000, "{skipped}");
    }
}
