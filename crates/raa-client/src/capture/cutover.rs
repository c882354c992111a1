//! The change from one open capture to the next without a gap.
//!
//! Process loopback becomes noisy after hours, under music without pauses too (obsproject/obs-studio
//! issue 8064). So its successor is opened while it still runs. The two are not aligned to the sample;
//! the change therefore waits for a quiet moment, and after a while it fades from one to the other.
//!
//! Always: never looks at a clock; the change takes place within [`LONGEST`].

use std::time::{Duration, Instant};

use raa_core::level::from_dbfs;

/// A block below this level hides the change.
const QUIET_DBFS: f32 = -50.0;
/// How long to wait for a quiet moment.
const LONGEST: Duration = Duration::from_secs(10);
/// Samples of the fade: 5 ms.
const FADE: usize = 240;

/// Waits for the moment.
#[derive(Debug)]
pub(super) struct Cutover {
    since: Instant,
}

impl Cutover {
    /// Begins when the successor has started.
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now }
    }

    /// Returns whether to change after this block of the old capture.
    pub(super) fn is_due(&self, now: Instant, old: &[f32]) -> bool {
        let is_quiet = old.iter().all(|x| x.abs() < from_dbfs(QUIET_DBFS));
        is_quiet || now.duration_since(self.since) >= LONGEST
    }
}

/// Fades from the old capture's block to the successor's.
pub(super) fn fade(old: &[f32], mut new: Vec<f32>) -> Vec<f32> {
    let length = FADE.min(old.len()).min(new.len());
    for (place, (new, old)) in new.iter_mut().zip(old).take(length).enumerate() {
        let share = (place + 1) as f32 / (length + 1) as f32;
        *new = share * *new + (1.0 - share) * old;
    }
    new
}

#[cfg(test)]
mod tests {
    use raa_core::SLOT_SAMPLES;

    use super::*;

    #[test]
    fn a_quiet_block_is_the_moment() {
        let now = Instant::now();
        let cutover = Cutover::new(now);
        let mut block = [0.001; SLOT_SAMPLES];
        assert!(cutover.is_due(now, &block));
        block[500] = -0.5;
        assert!(!cutover.is_due(now, &block));
        assert!(!cutover.is_due(now + LONGEST - Duration::from_millis(1), &block));
        assert!(
            cutover.is_due(now + LONGEST, &block),
            "music without a pause"
        );
    }

    #[test]
    fn a_fade_has_no_step() {
        let faded = fade(&[1.0; SLOT_SAMPLES], vec![-1.0; SLOT_SAMPLES]);
        assert_eq!(faded.len(), SLOT_SAMPLES);
        assert!(faded[0] > 0.99 && faded[FADE - 1] < -0.99);
        assert!(faded.windows(2).all(|two| (two[1] - two[0]).abs() < 0.01));
        assert!(faded[FADE..].iter().all(|x| *x == -1.0));
        // Short blocks, as at the end of a sound.
        assert_eq!(fade(&[], vec![0.5; 3]), [0.5; 3]);
        assert_eq!(fade(&[1.0], vec![]), [0.0; 0]);
    }
}
