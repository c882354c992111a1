//! How many lines may be written: a token bucket.
//!
//! Always: in any time of T seconds at most T + [`BURST`] lines, the one that says how many were
//! left out among them.

use std::time::{Duration, Instant};

/// Lines at once, as when the client starts.
pub(super) const BURST: u32 = 20;
/// What a line costs.
const INTERVAL: Duration = Duration::from_secs(1);

/// See the module's text.
#[derive(Debug)]
pub(super) struct Rate {
    /// When the bucket is full again.
    full_at: Instant,
    left_out: u64,
}

impl Rate {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            full_at: now,
            left_out: 0,
        }
    }

    /// Whether a line may be written now, and how many have been left out before it, which takes
    /// a line of its own.
    pub(super) fn admit(&mut self, now: Instant) -> Option<u64> {
        let lines = if self.left_out > 0 { 2 } else { 1 };
        let full_at = self.full_at.max(now) + INTERVAL * lines;
        if full_at.saturating_duration_since(now) > INTERVAL * BURST {
            self.left_out += 1;
            return None;
        }
        self.full_at = full_at;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_a_second_and_the_missing_are_counted() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        let mut admit = |ms| rate.admit(start + Duration::from_millis(ms));
        for _ in 0..BURST {
            assert_eq!(admit(0), Some(0));
        }
        assert_eq!(admit(0), None);
        assert_eq!(admit(999), None);
        assert_eq!(admit(1999), None, "the count takes a line, too");
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
    fn a_hundred_lines_a_second_become_one() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        let (mut lines, mut left_out) = (0, 0);
        for number in 0..360_000 {
            if let Some(missing) = rate.admit(start + Duration::from_millis(number * 10)) {
                lines += 1 + u64::from(missing > 0);
                left_out += missing;
            }
        }
        assert!((3600..=3600 + u64::from(BURST)).contains(&lines), "{lines}");
        assert!(left_out > 350_000, "{left_out}");
    }
}
