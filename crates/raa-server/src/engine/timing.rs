//! Mean, 99th percentile and maximum of durations over a window.

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

/// Collects the durations of one window and keeps the memory of the largest one.
#[derive(Debug, Default)]
pub(super) struct Window {
    durations: Vec<Duration>,
}

impl Window {
    pub(super) fn push(&mut self, duration: Duration) {
        self.durations.push(duration);
    }

    /// Summarises the window and begins the next one.
    pub(super) fn close(&mut self) -> Timing {
        self.durations.sort_unstable();
        let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let count = self.durations.len();
        // Nearest rank: the smallest value that 99 % do not exceed.
        let p99 = self
            .durations
            .get((count * 99).div_ceil(100).saturating_sub(1));
        let timing = Timing {
            mean_ms: self.durations.iter().copied().map(ms).sum::<f64>() / count.max(1) as f64,
            p99_ms: p99.copied().map_or(0.0, ms),
            max_ms: self.durations.last().copied().map_or(0.0, ms),
        };
        self.durations.clear();
        timing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_is_summarised_and_cleared() {
        let mut window = Window::default();
        (1..=200).for_each(|n| window.push(Duration::from_millis(n)));
        let timing = window.close();
        assert!((timing.mean_ms - 100.5).abs() < 1e-9);
        assert_eq!((timing.p99_ms, timing.max_ms), (198.0, 200.0));
        assert_eq!(window.close(), Timing::default());
    }
}
