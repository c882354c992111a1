//! Durations: mean, 99th percentile and maximum over a window, and a histogram since the start.

use std::time::Duration;

/// A summary of durations, in ms.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Timing {
    /// Arithmetic mean.
    pub(crate) mean_ms: f64,
    /// 99th percentile (nearest rank).
    pub(crate) p99_ms: f64,
    /// Maximum.
    pub(crate) max_ms: f64,
}

/// How many durations were at most so long, since the start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Histogram {
    /// Upper bounds in seconds, rising; the last one is infinite.
    bounds: &'static [f64; BUCKETS],
    /// Durations in each bucket, not cumulated.
    counts: [u64; BUCKETS],
    sum_s: f64,
}

const BUCKETS: usize = 13;

/// Bounds for the work of a slot, which may take 20 ms.
const CYCLE_BOUNDS: [f64; BUCKETS] = [
    0.0005,
    0.001,
    0.002,
    0.004,
    0.006,
    0.008,
    0.01,
    0.012,
    0.016,
    0.02,
    0.03,
    0.05,
    f64::INFINITY,
];
/// Bounds for the lateness of a slot. A whole slot late, and the next ones are skipped.
const LATENESS_BOUNDS: [f64; BUCKETS] = [
    0.0001,
    0.000_25,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.25,
    1.0,
    f64::INFINITY,
];

impl Histogram {
    fn new(bounds: &'static [f64; BUCKETS]) -> Self {
        Self {
            bounds,
            counts: [0; BUCKETS],
            sum_s: 0.0,
        }
    }

    fn push(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        self.sum_s += seconds;
        let bucket = self.bounds.partition_point(|&bound| bound < seconds);
        self.counts[bucket] += 1;
    }

    /// Returns each bucket's upper bound in seconds and the number of durations in it.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        self.bounds.iter().copied().zip(self.counts)
    }

    /// Returns the sum of all durations, in seconds.
    pub(crate) fn sum_s(&self) -> f64 {
        self.sum_s
    }
}

/// Collects durations: those of one window, whose memory it keeps, and all of them as a histogram.
#[derive(Debug)]
pub(super) struct Durations {
    window: Vec<Duration>,
    histogram: Histogram,
}

impl Durations {
    /// For the work of a slot.
    pub(super) fn of_cycles() -> Self {
        Self::with_bounds(&CYCLE_BOUNDS)
    }

    /// For the lateness of a slot.
    pub(super) fn of_lateness() -> Self {
        Self::with_bounds(&LATENESS_BOUNDS)
    }

    fn with_bounds(bounds: &'static [f64; BUCKETS]) -> Self {
        Self {
            window: Vec::new(),
            histogram: Histogram::new(bounds),
        }
    }

    pub(super) fn push(&mut self, duration: Duration) {
        self.window.push(duration);
        self.histogram.push(duration);
    }

    pub(super) fn histogram(&self) -> Histogram {
        self.histogram
    }

    /// Summarises the window and begins the next one.
    pub(super) fn close(&mut self) -> Timing {
        self.window.sort_unstable();
        let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let count = self.window.len();
        // Nearest rank: the smallest value that 99 % do not exceed.
        let p99 = self
            .window
            .get((count * 99).div_ceil(100).saturating_sub(1));
        let timing = Timing {
            mean_ms: self.window.iter().copied().map(ms).sum::<f64>() / count.max(1) as f64,
            p99_ms: p99.copied().map_or(0.0, ms),
            max_ms: self.window.last().copied().map_or(0.0, ms),
        };
        self.window.clear();
        timing
    }
}

#[cfg(test)]
impl Default for Histogram {
    fn default() -> Self {
        Self::new(&CYCLE_BOUNDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_is_summarised_and_cleared() {
        let mut durations = Durations::of_cycles();
        (1..=200).for_each(|n| durations.push(Duration::from_millis(n)));
        let timing = durations.close();
        assert!((timing.mean_ms - 100.5).abs() < 1e-9);
        assert_eq!((timing.p99_ms, timing.max_ms), (198.0, 200.0));
        assert_eq!(durations.close(), Timing::default());
    }

    #[test]
    fn histogram_counts_a_duration_in_the_first_bucket_that_holds_it() {
        for mut durations in [Durations::of_cycles(), Durations::of_lateness()] {
            let bounds = *durations.histogram.bounds;
            assert!(bounds.is_sorted_by(|a, b| a < b), "{bounds:?}");
            durations.push(Duration::ZERO);
            durations.push(Duration::from_secs_f64(bounds[3]));
            durations.push(Duration::from_secs_f64(bounds[3]) + Duration::from_nanos(1));
            durations.push(Duration::from_secs(100));
            let counts: Vec<u64> = durations.histogram().buckets().map(|(_, n)| n).collect();
            let mut wanted = [0; BUCKETS];
            (wanted[0], wanted[3], wanted[4], wanted[BUCKETS - 1]) = (1, 1, 1, 1);
            assert_eq!(counts, wanted);
            let sum = durations.histogram().sum_s();
            assert!((sum - 100.0 - 2.0 * bounds[3]).abs() < 1e-6, "{sum}");
            durations.close();
            assert_eq!(
                durations.histogram().buckets().map(|(_, n)| n).sum::<u64>(),
                4
            );
        }
    }
}
