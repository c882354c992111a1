//! Decides when the capture rests so that the computer can sleep, and when it must capture again.
//!
//! An open sound stream keeps Windows awake: its audio driver asks for that
//! (veg.by/en/blog/2022/07/28/pc-auto-sleep-with-audio/, learn.microsoft.com/windows-hardware/design/
//! device-experiences/powercfg-command-line-options). Looking at a meter opens none.
//!
//! Always: never looks at a clock; rests only after silence and only while something shows that nothing
//! plays, so that a meter that cannot be read keeps the capture open.

use std::time::{Duration, Instant};

use raa_core::level::from_dbfs;

/// How often the meters are looked at during a rest: this much of the beginning of a sound may be missing.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often a chosen capture device is opened for a moment, because its meter needs an open stream
/// (learn.microsoft.com/windows/win32/coreaudio/peak-meters).
pub(super) const LISTEN_EVERY: Duration = Duration::from_secs(5);
/// How long it is open then: several packets of every device.
pub(super) const LISTEN_FOR: Duration = Duration::from_millis(300);
/// A peak from which on something plays; the packetizer's gate agrees.
const SOUND_DBFS: f32 = -70.0;

/// The rests of one capture.
#[derive(Debug)]
pub(super) struct Rest {
    /// The silence that leads to a rest; `None` if there is none.
    after: Option<Duration>,
    /// The end of the last rest, or the start.
    since: Instant,
}

impl Rest {
    /// Creates the rests after this much silence; 0 means none.
    pub(super) fn new(now: Instant, after_s: u16) -> Self {
        Self {
            after: (after_s > 0).then(|| Duration::from_secs(after_s.into())),
            since: now,
        }
    }

    /// Returns whether it has been silent for long enough, so that the meters are worth a look.
    pub(super) fn is_near(&self, now: Instant, silent_for: Duration) -> bool {
        let silence = silent_for.min(now.duration_since(self.since));
        self.after.is_some_and(|after| silence >= after)
    }

    /// Returns whether to rest now. `peak` is what the meters show, `None` if they cannot be read.
    pub(super) fn is_due(&self, now: Instant, silent_for: Duration, peak: Option<f32>) -> bool {
        self.is_near(now, silent_for) && !is_over(peak)
    }

    /// Takes note that a rest has ended.
    pub(super) fn note_end(&mut self, now: Instant) {
        self.since = now;
    }
}

/// Returns whether a rest is over by what the meters show now.
pub(super) fn is_over(peak: Option<f32>) -> bool {
    peak.is_none_or(|peak| peak.is_nan() || peak >= from_dbfs(SOUND_DBFS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const QUIET: Option<f32> = Some(0.0);

    #[test]
    fn a_rest_needs_silence_and_a_still_meter() {
        let start = Instant::now();
        let rest = Rest::new(start, 600);
        let due = |silent_s: u32, peak| {
            let now = start + 3600 * SECOND;
            rest.is_due(now, silent_s * SECOND, peak)
        };
        assert!(due(600, QUIET));
        assert!(!due(599, QUIET), "too early");
        assert!(!due(600, Some(0.1)), "the capture may be deaf");
        assert!(!due(600, None), "nothing would end the rest");
        assert!(!due(600, Some(f32::NAN)));
    }

    #[test]
    fn without_the_setting_there_is_no_rest() {
        let start = Instant::now();
        let rest = Rest::new(start, 0);
        let year = 365 * 24 * 3600 * SECOND;
        assert!(!rest.is_near(start + year, year));
        assert!(!rest.is_due(start + year, year, QUIET));
    }

    #[test]
    fn the_silence_begins_again_after_each_rest() {
        let start = Instant::now();
        let mut rest = Rest::new(start, 60);
        assert!(!rest.is_due(start + 59 * SECOND, 900 * SECOND, QUIET));
        let end = start + 900 * SECOND;
        assert!(rest.is_due(end, 900 * SECOND, QUIET));
        rest.note_end(end);
        // A sound that the capture does not hear woke it.
        assert!(!rest.is_due(end + 59 * SECOND, 959 * SECOND, QUIET));
        assert!(rest.is_due(end + 60 * SECOND, 960 * SECOND, QUIET));
    }

    #[test]
    fn sound_or_a_missing_meter_ends_a_rest() {
        for (peak, expected) in [
            (QUIET, false),
            (Some(from_dbfs(-71.0)), false),
            (Some(from_dbfs(-69.0)), true),
            (Some(1.0), true),
            (Some(f32::NAN), true),
            (None, true),
        ] {
            assert_eq!(is_over(peak), expected, "{peak:?}");
        }
    }
}
