//! A clock that follows the sound card's: which sample is captured at an instant.
//!
//! The system clock alone would drift away from the samples, and a count of samples stops whenever
//! capture does. So the system clock is slewed to the position of capture, as under NTP.
//! Always: the clock runs at most 0.1 % faster or slower than the system clock, which is more than
//! any sound card drifts and too little for the lateness of a single block to matter.

use std::time::{Duration, Instant};

use super::CAPTURE_GAP;
use crate::SAMPLE_RATE;

/// Largest correction, as a share of the elapsed time.
const MAX_SLEW: f64 = 0.001;

#[derive(Debug)]
pub(super) struct CaptureClock {
    start: Instant,
    followed: Instant,
    /// Samples by which capture is ahead of the system clock.
    ahead: f64,
}

impl CaptureClock {
    /// Creates a clock by which sample 0 is captured at `start`.
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            followed: start,
            ahead: 0.0,
        }
    }

    /// Returns the sample that is captured at `now`.
    pub(super) fn position(&self, now: Instant) -> i64 {
        let elapsed = now.saturating_duration_since(self.start);
        (elapsed.as_secs_f64() * f64::from(SAMPLE_RATE) + self.ahead).round() as i64
    }

    /// Returns when `position` is captured: the inverse of [`CaptureClock::position`].
    pub(super) fn instant_at(&self, position: i64) -> Instant {
        let elapsed = (position as f64 - self.ahead) / f64::from(SAMPLE_RATE);
        self.start + Duration::from_secs_f64(elapsed.max(0.0))
    }

    /// Corrects the clock towards `position`, which capture has reached at `now`.
    pub(super) fn follow(&mut self, now: Instant, position: i64) {
        // A pause of capture gives no information about its speed.
        let elapsed = now
            .saturating_duration_since(self.followed)
            .min(CAPTURE_GAP);
        let allowed = elapsed.as_secs_f64() * f64::from(SAMPLE_RATE) * MAX_SLEW;
        let off = (position - self.position(now)) as f64;
        self.ahead += off.clamp(-allowed, allowed);
        self.followed = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instant_and_position_are_inverse() {
        let mut clock = CaptureClock::new(crate::any_instant());
        clock.ahead = 12.34;
        for position in (100..10_000_000_000).step_by(99_999_937) {
            assert_eq!(clock.position(clock.instant_at(position)), position);
        }
    }

    #[test]
    fn single_late_blocks_hardly_move_the_clock() {
        let start = crate::any_instant();
        let mut clock = CaptureClock::new(start);
        for block in 1..=1000 {
            let late = Duration::from_millis(if block % 10 == 0 { 40 } else { 0 });
            clock.follow(
                start + Duration::from_millis(20 * block) + late,
                960 * block as i64,
            );
        }
        assert!(clock.ahead.abs() < 20.0, "{} samples", clock.ahead);
    }
}
