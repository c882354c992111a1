//! The level of a source: RMS and peak in dBFS over the last 100 ms.
//!
//! 0 dBFS is a sample of magnitude 1.0; for RMS, a square wave with that peak.
//! Always: levels are finite and never below [`SILENCE_DBFS`].

use crate::SLOT_SAMPLES;

/// The lowest level, in dBFS: that of digital silence.
pub const SILENCE_DBFS: f32 = -120.0;
/// Slots in the meter's window: its level is read ten times a second.
const WINDOW_SLOTS: usize = 5;
/// Samples processed side by side; divides the slot.
const LANES: usize = 8;

/// The level that a [`Meter`] shows.
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

/// The level of one slot, as linear magnitudes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlotLevel {
    /// Mean of the squared samples.
    pub mean_square: f32,
    /// Largest magnitude.
    pub peak: f32,
}

/// Measures one source, slot by slot.
#[derive(Debug, Clone, Copy, Default)]
pub struct Meter {
    /// Sum of squares and peak of each slot of the window, a ring.
    slots: [(f32, f32); WINDOW_SLOTS],
    at: usize,
}

impl Meter {
    /// Adds the samples of one slot and returns their level.
    pub fn push(&mut self, pcm: &[f32; SLOT_SAMPLES]) -> SlotLevel {
        // The compiler vectorises independent lanes.
        let (mut sums, mut peaks) = ([0.0f32; LANES], [0.0f32; LANES]);
        for lanes in pcm.as_chunks::<LANES>().0 {
            for ((sum, peak), x) in sums.iter_mut().zip(&mut peaks).zip(lanes) {
                *sum += x * x;
                // Samples are never NaN; `max` would cost twice as much to handle it.
                *peak = if x.abs() > *peak { x.abs() } else { *peak };
            }
        }
        let peak = peaks.into_iter().fold(0.0, f32::max);
        let sum = sums.iter().sum::<f32>();
        self.advance((sum, peak));
        SlotLevel {
            mean_square: sum / SLOT_SAMPLES as f32,
            peak,
        }
    }

    /// Adds a slot of silence.
    pub fn push_silence(&mut self) {
        self.advance((0.0, 0.0));
    }

    /// Returns the level over the window.
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
        self.at += 1;
        if self.at == WINDOW_SLOTS {
            self.at = 0;
        }
    }
}

/// Converts a linear magnitude to dBFS, at least [`SILENCE_DBFS`].
pub fn dbfs(magnitude: f32) -> f32 {
    (20.0 * magnitude.log10()).max(SILENCE_DBFS)
}

/// Converts a level in dBFS to a linear magnitude.
pub fn from_dbfs(dbfs: f32) -> f32 {
    10.0f32.powf(dbfs / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_scale_sine_has_minus_3_dbfs_rms() {
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
    fn silence_has_the_lowest_level() {
        let mut meter = Meter::default();
        meter.push(&[0.5; SLOT_SAMPLES]);
        (1..WINDOW_SLOTS).for_each(|_| meter.push_silence());
        assert!((meter.level().peak_dbfs + 6.02).abs() < 0.01);
        meter.push_silence();
        assert_eq!(meter.level(), Level::SILENCE);
    }
}
