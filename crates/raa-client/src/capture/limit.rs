//! Limits blocks of the mono mix that are above full scale, with the limiter of the server's mix.
//!
//! The sum of the channels of a surround device reaches +8 dBFS, and the encoder clips: Opus takes
//! samples up to ±2 in its music mode, and up to ±1 in its speech mode.
//!
//! Always: adds no delay; sound up to full scale passes bit for bit, except in the moments in which the
//! gain rises again; what cannot be sound passes unchanged, because the watchdog judges it.

use raa_core::SLOT_SAMPLES;
use raa_core::level::from_dbfs;
use raa_core::mix::Limiter;

/// A level above that of any mix of programs.
pub(super) const TOO_LOUD_DBFS: f32 = 24.0;

/// Limits one stream of blocks.
#[derive(Debug, Default)]
pub(super) struct BlockLimiter(Limiter);

impl BlockLimiter {
    /// Limits a block of any length, in slots; the last one may be shorter.
    pub(super) fn limit(&mut self, block: &mut [f32]) {
        let (slots, rest) = block.as_chunks_mut::<SLOT_SAMPLES>();
        for slot in slots {
            self.limit_slot(slot);
        }
        if !rest.is_empty() {
            let mut slot = [0.0; SLOT_SAMPLES];
            slot[..rest.len()].copy_from_slice(rest);
            self.limit_slot(&mut slot);
            rest.copy_from_slice(&slot[..rest.len()]);
        }
    }

    fn limit_slot(&mut self, slot: &mut [f32; SLOT_SAMPLES]) {
        let peak = peak(slot);
        if peak <= 1.0 && self.0.is_at_rest() {
            return;
        }
        let is_sound = peak <= from_dbfs(TOO_LOUD_DBFS) && slot.iter().all(|x| !x.is_nan());
        if is_sound {
            self.0.process(slot);
        }
    }
}

/// Returns the largest magnitude that is a number.
pub(super) fn peak(pcm: &[f32]) -> f32 {
    pcm.iter().fold(0.0, |peak, x| peak.max(x.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(amplitude: f32, len: usize) -> Vec<f32> {
        let at = |n: usize| amplitude * (n as f32 * 0.05).sin();
        (0..len).map(at).collect()
    }

    #[track_caller]
    fn limited(limiter: &mut BlockLimiter, pcm: &[f32]) -> Vec<f32> {
        let mut block = pcm.to_vec();
        limiter.limit(&mut block);
        assert_eq!(block.len(), pcm.len());
        block
    }

    #[test]
    fn sound_within_full_scale_is_unchanged() {
        let mut limiter = BlockLimiter::default();
        for amplitude in [0.0, 0.5, 0.95, 1.0] {
            let pcm = tone(amplitude, SLOT_SAMPLES);
            assert_eq!(limited(&mut limiter, &pcm), pcm, "{amplitude}");
        }
    }

    #[test]
    fn a_sum_above_full_scale_is_limited_in_place() {
        let mut limiter = BlockLimiter::default();
        let loud = tone(2.4, 3 * SLOT_SAMPLES + 100);
        let pcm = limited(&mut limiter, &loud);
        assert!(pcm.iter().all(|x| x.abs() <= 1.0));
        // Scaled, neither clipped nor delayed: the crest and the zeros stay where they were.
        let steady = SLOT_SAMPLES..3 * SLOT_SAMPLES;
        for (limited, loud) in pcm[steady.clone()].iter().zip(&loud[steady]) {
            assert!(
                (limited / 0.891 - loud / 2.4).abs() < 0.02,
                "{limited} {loud}"
            );
        }
    }

    #[test]
    fn the_gain_returns_in_quieter_sound() {
        let mut limiter = BlockLimiter::default();
        limited(&mut limiter, &tone(2.4, SLOT_SAMPLES));
        let quiet = tone(0.5, SLOT_SAMPLES);
        assert_ne!(limited(&mut limiter, &quiet), quiet, "it rises slowly");
        for _ in 0..20 {
            limited(&mut limiter, &quiet);
        }
        assert_eq!(limited(&mut limiter, &quiet), quiet);
    }

    #[test]
    fn the_watchdog_sees_what_is_no_sound() {
        let mut limiter = BlockLimiter::default();
        for odd in [f32::NAN, f32::INFINITY, 20.0, -1e30] {
            let mut pcm = tone(0.5, SLOT_SAMPLES);
            pcm[7] = odd;
            let passed = limited(&mut limiter, &pcm);
            assert_eq!(passed[7].to_bits(), odd.to_bits());
        }
        // And the sound after it is heard.
        let pcm = tone(0.5, SLOT_SAMPLES);
        assert_eq!(limited(&mut limiter, &pcm), pcm);
    }
}
