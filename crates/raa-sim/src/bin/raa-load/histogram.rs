//! A histogram of durations: percentiles of any number of them in fixed memory.

use std::time::Duration;

use serde::Serialize;

/// The width of a bin, which is the resolution of all results.
const BIN: Duration = Duration::from_micros(100);
/// The number of bins; the last one, at 2 s, holds all longer durations.
const BINS: usize = 20_000;

/// Counts of durations by bin.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    bins: Vec<u64>,
    count: u64,
}

/// Percentiles of durations, in ms.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Percentiles {
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            bins: vec![0; BINS],
            count: 0,
        }
    }
}

impl Histogram {
    pub(crate) fn push(&mut self, duration: Duration) {
        let bin = (duration.as_micros() / BIN.as_micros()) as usize;
        self.bins[bin.min(BINS - 1)] += 1;
        self.count += 1;
    }

    /// The number of durations.
    #[cfg(test)]
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn percentiles(&self) -> Percentiles {
        Percentiles {
            p50_ms: self.percentile(0.5),
            p99_ms: self.percentile(0.99),
            max_ms: self.percentile(1.0),
        }
    }

    /// Returns the share of durations longer than `limit`, 0 to 1. `limit` must be a multiple of the
    /// bin width.
    pub(crate) fn share_over(&self, limit: Duration) -> f64 {
        let first = (limit.as_micros() / BIN.as_micros()) as usize;
        let over: u64 = self.bins[first.min(BINS)..].iter().sum();
        over as f64 / self.count.max(1) as f64
    }

    /// Returns the upper end of the bin, in ms, that the share `share` of durations do not exceed.
    fn percentile(&self, share: f64) -> f64 {
        let rank = (self.count as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let bin = self.bins.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        bin.map_or(0.0, |bin| {
            (BIN * (bin as u32 + 1)).as_micros() as f64 / 1000.0
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_have_the_resolution_of_a_bin() {
        let mut histogram = Histogram::default();
        (0..1000).for_each(|n| histogram.push(Duration::from_micros(100 * n + 50)));
        histogram.push(Duration::from_secs(9));
        let Percentiles {
            p50_ms,
            p99_ms,
            max_ms,
        } = histogram.percentiles();
        assert!(
            (p50_ms - 50.1).abs() < 0.11 && (p99_ms - 99.1).abs() < 0.11,
            "{p50_ms} {p99_ms}"
        );
        assert!((max_ms - 2000.0).abs() < 0.01);
        assert!(Histogram::default().percentiles().max_ms < 1e-9);
        let share = histogram.share_over(Duration::from_millis(90));
        assert!((share - 101.0 / 1001.0).abs() < 1e-9, "{share}");
        assert!(Histogram::default().share_over(BIN) < 1e-9);
    }
}
