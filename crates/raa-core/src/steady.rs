//! Tells a hum from an alarm: a sound that has gone on for two minutes without a break and without
//! a change of its level.
//!
//! A mains hum, a fan or a hissing input sounds for hours. It stays audible and stays "sounding",
//! but it must not stand in front of an alarm. An alarm that beeps, swells or is joined by another
//! sound is never steady. A continuous alarm tone is like a hum to this detector; it therefore
//! takes [`STEADY_AFTER_WINDOWS`], in which somebody has heard it.
//!
//! Always: a louder sound ends the steadiness within one slot; a pause within one slot; so a
//! beep in a hum counts as an alarm at once.

use crate::level::SlotLevel;

/// Slots in a window, 200 ms: long enough for the mean of noise, shorter than an alarm's pattern.
const WINDOW_SLOTS: u32 = 10;
/// Windows after which an unchanged sound is steady: two minutes. A person who answers alarms has
/// heard a continuous tone by then; a hum keeps its place for two minutes of the day at most.
const STEADY_AFTER_WINDOWS: u32 = 600;
/// Windows over which the reference follows the sound: one minute. A fan that slowly speeds up
/// stays steady.
const REFERENCE_WINDOWS: u32 = 300;
/// Largest ratio of a window's power to the reference, and of the reference to a window's: 4 dB.
/// The mean of noise of 100 Hz bandwidth stays within it; alarms change by far more.
const WINDOW_RATIO: f32 = 2.5;
/// Largest ratio of a slot's power to the reference: 8 dB, which noise does not reach.
const LOUD_SLOT_RATIO: f32 = 6.3;
/// Largest ratio of the reference to a slot's power: 20 dB. Beeps that are faster than the windows
/// leave such slots between them.
const QUIET_SLOT_RATIO: f32 = 100.0;
/// Windows that may pass without a peak that counts as sound: one second, as long as a client
/// stays "sounding". Noise close to the threshold has such windows.
const QUIET_WINDOWS: u32 = 5;

/// The steadiness of one client's sound.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Steadiness {
    /// Mean power of the sound so far, or of its last minute; 0 before the first window.
    reference: f32,
    /// Windows since the sound began or changed.
    windows: u32,
    /// Windows since a peak counted as sound.
    quiet_windows: u32,
    /// Sum of the mean squares of the current window.
    sum: f32,
    slots: u32,
    has_sounded: bool,
}

impl Steadiness {
    /// Adds a slot; a peak from `least_peak` on counts as sound.
    pub(crate) fn push(&mut self, level: SlotLevel, least_peak: f32) {
        self.has_sounded |= level.peak >= least_peak;
        self.sum += level.mean_square;
        self.slots += 1;
        let is_change = level.mean_square > self.reference * LOUD_SLOT_RATIO
            || level.mean_square * QUIET_SLOT_RATIO < self.reference;
        if is_change && self.windows > 0 {
            self.restart();
        } else if self.slots == WINDOW_SLOTS {
            self.close_window();
        }
    }

    /// Forgets the sound so far, after a break or a change.
    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }

    /// Returns whether the sound has not changed for two minutes.
    pub(crate) fn is_steady(&self) -> bool {
        self.windows >= STEADY_AFTER_WINDOWS
    }

    fn close_window(&mut self) {
        let power = self.sum / WINDOW_SLOTS as f32;
        let quiet_windows = if self.has_sounded {
            0
        } else {
            self.quiet_windows + 1
        };
        let is_new = self.windows == 0
            || power > self.reference * WINDOW_RATIO
            || power * WINDOW_RATIO < self.reference;
        if quiet_windows >= QUIET_WINDOWS {
            self.restart();
            return;
        }
        let (windows, before) = if is_new {
            (1, 0.0)
        } else {
            (self.windows + 1, self.reference)
        };
        let weight = 1.0 / windows.min(REFERENCE_WINDOWS) as f32;
        *self = Self {
            reference: before + (power - before) * weight,
            windows: windows.min(STEADY_AFTER_WINDOWS),
            quiet_windows,
            ..Self::default()
        };
    }
}

#[cfg(test)]
mod tests;
