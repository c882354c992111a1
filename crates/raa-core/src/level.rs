//! How loud a source is: RMS and peak in dBFS over about the last 100 ms.
//!
//! 0 dBFS is a sample of magnitude 1.0 (and, for RMS, a square wave of that peak).
//! Always: finite numbers, never below [`SILENCE_DBFS`].

use crate::SLOT_SAMPLES;

/// The floor of every level: digital silence has this one.
pub const SILENCE_DBFS: f32 = -120.0;
/// Slots the meter looks back on: its readings are fetched ten times a second.
const WINDOW_SLOTS: usize = 5;
/// Divides the slot.
const LANES: usize = 8;

/// A reading of a [`Meter`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Root mean square, in dBFS, -120 to about +6.
    pub rms_dbfs: f32,
    /// Largest magnitude, in dBFS, -120 to about +6.
    pub peak_dbfs: f32,
}

impl Level {
    /// Digital silence.
    pub const SILENCE: Self = Self {
        rms_dbfs: SILENCE_DBFS,
        peak_dbfs: SILENCE_DBFS,
    };
}

/// Measures one source, slot by slot.
#[derive(Debug, Clone, Copy, Default)]
pub struct Meter {
    /// Sum of squares and peak of each slot of the window, a ring.
    slots: [(f32, f32); WINDOW_SLOTS],
    at: usize,
}

impl Meter {
    /// Takes the samples of one slot and returns its peak, linear.
    pub fn push(&mut self, pcm: &[f32; SLOT_SAMPLES]) -> f32 {
        // Independent lanes, which the compiler can compute side by side.
        let (mut sums, mut peaks) = ([0.0f32; LANES], [0.0f32; LANES]);
        for lanes in pcm.as_chunks::<LANES>().0 {
            for ((sum, peak), x) in sums.iter_mut().zip(&mut peaks).zip(lanes) {
                *sum += x * x;
                // Samples are numbers; `max` would cost twice as much to get NaN right.
                *peak = if x.abs() > *peak { x.abs() } else { *peak };
            }
        }
        let peak = peaks.into_iter().fold(0.0, f32::max);
        self.advance((sums.iter().sum(), peak));
        peak
    }

    /// Takes a slot of silence.
    pub fn push_silence(&mut self) {
        self.advance((0.0, 0.0));
    }

    /// The level over the window.
    pub fn level(&self) -> Level {
        let sum: f32 = self.slots.iter().map(|slot| slot.0).sum();
        let peak = self
            .slots
            .iter()
            .fold(0.0f32, |peak, slot| peak.max(slot.1));
        Level {
            rms_dbfs: dbfs((sum / (WINDOW_SLOTS * SLOT_SAMPLES) as f32).sqrt()),
            peak_dbfs: dbfs(peak),
        }
    }

    fn advance(&mut self, slot: (f32, f32)) {
        self.slots[self.at] = slot;
        self.at = (self.at + 1) % WINDOW_SLOTS;
    }
}

/// A linear magnitude in dBFS.
pub fn dbfs(magnitude: f32) -> f32 {
    (20.0 * magnitude.log10()).max(SILENCE_DBFS)
}

/// A level in dBFS as a linear magnitude.
pub fn from_dbfs(dbfs: f32) -> f32 {
    10.0f32.powf(dbfs / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_scale_sine_reads_0_dbfs_peak_and_minus_3_rms() {
        let mut meter = Meter::default();
        let sine = std::array::from_fn(|i| (i as f32 * std::f32::consts::TAU / 48.0).sin());
        (0..WINDOW_SLOTS).for_each(|_| _ = meter.push(&sine));
        let Level {
            rms_dbfs,
            peak_dbfs,
        } = meter.level();
        assert!(
            (-3.02..-3.00).contains(&rms_dbfs) && peak_dbfs.abs() < 0.01,
            "{rms_dbfs} {peak_dbfs}"
        );
    }

    #[test]
    fn silence_reads_the_floor_once_the_window_has_passed() {
        let mut meter = Meter::default();
        meter.push(&[0.5; SLOT_SAMPLES]);
        (1..WINDOW_SLOTS).for_each(|_| meter.push_silence());
        assert!((meter.level().peak_dbfs + 6.02).abs() < 0.01);
        meter.push_silence();
        assert_eq!(meter.level(), Level::SILENCE);
    }
}
