//! How many entries may be made: a token bucket. Pure.

use std::time::{Duration, Instant};

/// A bucket that is full at first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    most: u32,
    /// Time in which one more becomes available.
    every: Duration,
    left: u32,
    /// When the bucket began to fill; `None` while it is full.
    filling_since: Option<Instant>,
}

impl Budget {
    /// Permits `most` at once, and one in each `every` in the long run.
    pub(super) fn new(most: u32, every: Duration) -> Self {
        Self {
            most,
            every,
            left: most,
            filling_since: None,
        }
    }

    /// Takes one; returns whether there was one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        self.fill(now);
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        self.filling_since.get_or_insert(now);
        true
    }

    fn fill(&mut self, now: Instant) {
        let Some(since) = self.filling_since else {
            return;
        };
        let passed = now.saturating_duration_since(since).as_nanos() / self.every.as_nanos();
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        self.left = self.left.saturating_add(passed).min(self.most);
        self.filling_since = if self.left == self.most {
            None
        } else {
            Some(since + self.every * passed)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_fills_again_by_time() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut budget = Budget::new(2, Duration::from_secs(10));
        let taken = [0, 1, 2, 9, 10, 11, 20, 21].map(|s| budget.take(at(s)));
        assert_eq!(taken, [true, true, false, false, true, false, true, false]);
        let after_rest = [1000, 1000, 1000].map(|s| budget.take(at(s)));
        assert_eq!(after_rest, [true, true, false]);
    }
}
