//! The samples that a source has decoded and not yet played.
//!
//! Samples go in at the sender's rate and come out at ours. While both agree, a slot is a copy;
//! otherwise it is resampled inaudibly, or a period is left out or repeated.
//! Always: a few thousand samples at most, in one buffer that is reused; the past samples that
//! resampling needs stay in front.

use super::resample::{self, AFTER, BEFORE};
use super::timescale;
use crate::SLOT_SAMPLES;

/// Samples that have just been decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fresh<'a> {
    pub(super) pcm: &'a [f32],
    /// False if all of it is silence.
    pub(super) is_sound: bool,
}

impl Fresh<'_> {
    pub(super) const NONE: Self = Fresh {
        pcm: &[],
        is_sound: false,
    };
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Pcm {
    /// [`BEFORE`] samples of the past, then the samples to play.
    samples: Vec<f32>,
    /// Position of the next slot within the first sample to play, 0 to 1.
    fraction: f64,
    /// End of the last samples that are not silence.
    sound_end: usize,
    /// Nothing has been pushed since everything was dropped.
    is_clear: bool,
}

impl Default for Pcm {
    fn default() -> Self {
        Self {
            samples: vec![0.0; BEFORE],
            fraction: 0.0,
            sound_end: 0,
            is_clear: true,
        }
    }
}

impl Pcm {
    #[cfg(test)]
    pub(super) fn buffered_bytes(&self) -> usize {
        self.samples.capacity() * size_of::<f32>()
    }

    /// Returns the number of waiting samples.
    pub(super) fn waiting(&self) -> f64 {
        (self.samples.len() - BEFORE) as f64 - self.fraction
    }

    /// Returns the number of samples available to the next slot.
    pub(super) fn len(&self) -> usize {
        self.samples.len() - BEFORE
    }

    /// Returns the number of samples that a slot needs when it is read at `ratio`.
    pub(super) fn needed(&self, ratio: f64) -> usize {
        if self.is_copy(ratio) {
            SLOT_SAMPLES
        } else {
            (self.fraction + SLOT_SAMPLES as f64 * ratio) as usize + AFTER + 1
        }
    }

    /// Whether all waiting samples are silence.
    pub(super) fn is_quiet(&self) -> bool {
        self.sound_end <= BEFORE
    }

    /// Returns the ratio at which the next slot ends at a whole sample.
    pub(super) fn ratio_to_whole(&self) -> f64 {
        let end = self.fraction + SLOT_SAMPLES as f64;
        1.0 + (end.round() - end) / SLOT_SAMPLES as f64
    }

    /// Whether the next slot starts at a whole sample, so that it may be a copy.
    pub(super) fn is_whole(&self) -> bool {
        self.fraction == 0.0
    }

    /// Appends decoded samples.
    pub(super) fn push(&mut self, fresh: Fresh<'_>) {
        self.is_clear = false;
        self.samples.extend_from_slice(fresh.pcm);
        if fresh.is_sound {
            self.sound_end = self.samples.len();
        }
    }

    /// Drops everything, the past included.
    pub(super) fn clear(&mut self) {
        if self.is_clear {
            return;
        }
        self.samples.clear();
        self.samples.resize(BEFORE, 0.0);
        (self.fraction, self.sound_end, self.is_clear) = (0.0, 0, true);
    }

    /// Drops the first `samples`.
    pub(super) fn skip(&mut self, samples: usize) {
        let samples = samples.min(self.len());
        self.consume(samples);
    }

    /// Returns the first waiting samples, padded with silence.
    pub(super) fn head<const N: usize>(&self) -> [f32; N] {
        std::array::from_fn(|i| self.samples.get(BEFORE + i).copied().unwrap_or(0.0))
    }

    /// Returns the first waiting samples for overwriting.
    pub(super) fn head_mut(&mut self) -> &mut [f32] {
        &mut self.samples[BEFORE..]
    }

    /// Plays one slot from the waiting samples and then from `fresh`. Returns false if both are
    /// silence.
    pub(super) fn read(
        &mut self,
        fresh: Fresh<'_>,
        ratio: f64,
        out: &mut [f32; SLOT_SAMPLES],
    ) -> bool {
        let is_sound = fresh.is_sound || !self.is_quiet();
        if self.is_copy(ratio) {
            self.copy(fresh, out);
        } else {
            self.push(fresh);
            self.resample(ratio, out);
        }
        is_sound
    }

    /// Plays fresh samples without copying them here, because of many buffers few are in the cache.
    fn copy(&mut self, fresh: Fresh<'_>, out: &mut [f32; SLOT_SAMPLES]) {
        let (first, second) = out.split_at_mut(self.len().min(SLOT_SAMPLES));
        first.copy_from_slice(&self.samples[BEFORE..BEFORE + first.len()]);
        if second.is_empty() {
            self.consume(SLOT_SAMPLES);
            return self.push(fresh);
        }
        let (now, later) = fresh.pcm.split_at(second.len());
        second.copy_from_slice(now);
        self.samples.clear();
        self.samples
            .extend_from_slice(&out[SLOT_SAMPLES - BEFORE..]);
        self.sound_end = 0;
        self.push(Fresh {
            pcm: later,
            ..fresh
        });
    }

    fn resample(&mut self, ratio: f64, out: &mut [f32; SLOT_SAMPLES]) {
        let end = resample::read(&self.samples, self.fraction, ratio, out);
        // A position within rounding of a whole sample counts as whole, so that a copy may follow.
        let is_whole = (end - end.round()).abs() < 1e-6;
        let whole = if is_whole { end.round() } else { end.floor() };
        self.fraction = if is_whole { 0.0 } else { end - whole };
        self.consume(whole as usize);
    }

    /// Leaves out up to `limit` samples and returns how many.
    pub(super) fn shorten(&mut self, limit: usize, force: bool) -> usize {
        let lag = timescale::shorten(&mut self.samples, BEFORE, limit, force);
        self.sound_end = self.sound_end.saturating_sub(lag);
        lag
    }

    /// Repeats up to `limit` samples and returns how many.
    pub(super) fn lengthen(&mut self, limit: usize, force: bool) -> usize {
        let lag = timescale::lengthen(&mut self.samples, BEFORE, limit, force);
        self.sound_end += lag;
        lag
    }

    fn is_copy(&self, ratio: f64) -> bool {
        ratio == 1.0 && self.fraction == 0.0
    }

    fn consume(&mut self, samples: usize) {
        self.samples.drain(..samples);
        self.sound_end = self.sound_end.saturating_sub(samples);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slot_returns_from_any_fraction_to_copying() {
        for n in 0..1000 {
            let mut pcm = Pcm {
                fraction: f64::from(n) / 1000.0,
                ..Pcm::default()
            };
            let ratio = pcm.ratio_to_whole();
            let fresh = Fresh {
                pcm: &[0.5; 2 * SLOT_SAMPLES],
                is_sound: true,
            };
            assert!(pcm.read(fresh, ratio, &mut [0.0; SLOT_SAMPLES]));
            assert!(pcm.is_whole(), "{} from {n}/1000", pcm.fraction);
        }
    }
}
