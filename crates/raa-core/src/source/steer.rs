//! Makes a source's delay follow its target and the sender's clock.
//!
//! In silence the jitter buffer corrects the delay at once. In sound the size of the error decides:
//! a leap, a period of the sound left out or repeated, or reading slightly faster or slower.
//! Always: no correction is audible.

use super::timescale::{MAX_LAG, MIN_LAG, OVERLAP, fade};
use super::{CLICK_FREE, Load, Scratch, Source};
use crate::jitter::Steering;
use crate::{SLOT_SAMPLES, ms};

/// Excess delay that is removed in one leap. Only a stall makes one so large, and the sound after
/// it does not continue the sound before it.
const LEAP: f64 = ms(150.0);
/// Excess delay from which a period of the sound is left out.
const SHORTEN: f64 = ms(7.5);
/// Error below which a period of the sound is repeated. Smaller than [`SHORTEN`], because a delay
/// that is too short loses packets.
const LENGTHEN: f64 = -ms(5.0);
/// Slots between the slots in which a source may leave out a period. Which ones depends on the
/// source's RTP timestamps, which begin at random (RFC 3550 section 5.1), so that an event that
/// makes a thousand sources late does not make all of them shorten in the same slot.
const SHORTEN_EVERY: i64 = 16;
/// Failed attempts after which a period is left out or repeated even if the joint is audible.
const PATIENCE: u32 = 10;
/// Error from which the sound is read slightly faster or slower.
const RESAMPLE_FROM: f64 = ms(2.0);
/// Error below which resampling ends: a third of a millisecond, in samples.
const RESAMPLE_UNTIL: f64 = 16.0;
/// Clock drift from which a source is always resampled, as a share: 80 ppm.
const RESAMPLE_DRIFT: f64 = 80e-6;
/// Time in which resampling removes an error. Short, because a copy is cheaper than resampling.
const RESAMPLE_TIME: f64 = ms(1000.0);
/// Largest change of speed, as a share: under a hundredth of a semitone.
const MAX_CORRECTION: f64 = 0.0005;

impl Source {
    /// Corrects the delay and returns the ratio at which the slot must be read.
    pub(super) fn steer(&mut self, steering: Steering, load: Load, scratch: &mut Scratch) -> f64 {
        let Steering {
            error,
            drift,
            playhead,
        } = steering;
        let error = match load {
            Load::Late if error <= LEAP => error.min(0.0),
            _ => error,
        };
        if self.is_silent() {
            self.pcm.clear();
            self.resampling = false;
        } else if error > LEAP {
            self.leap(error, scratch);
        } else if error > SHORTEN && (is_its_turn(playhead) || self.failed_shortenings > 0) {
            self.shorten(error as usize, scratch);
        } else if error < LENGTHEN {
            self.lengthen(-error as usize, scratch);
        }
        self.ratio(error, drift)
    }

    /// Returns the slot's reading speed: above 1 if the delay is too long or the sender's clock
    /// too fast.
    fn ratio(&mut self, error: f64, drift: f64) -> f64 {
        let drifts = drift.abs() > RESAMPLE_DRIFT;
        if error.abs() > RESAMPLE_FROM || drifts {
            self.resampling = true;
        }
        if !self.resampling {
            return 1.0;
        }
        let correction = (error / RESAMPLE_TIME).clamp(-MAX_CORRECTION, MAX_CORRECTION);
        if drifts || error.abs() > RESAMPLE_UNTIL {
            return 1.0 + drift + correction;
        }
        // Reads up to a whole sample; later slots are copies.
        self.resampling = false;
        if self.pcm.is_whole() {
            return 1.0;
        }
        self.pcm.ratio_to_whole()
    }

    /// Leaves out a period of the decoded sound, if enough is decoded or can be.
    fn shorten(&mut self, error: usize, scratch: &mut Scratch) {
        let wanted = SLOT_SAMPLES + MAX_LAG + OVERLAP;
        while self.pcm.len() < wanted && self.jitter.has_next() {
            self.decode(self.pcm.len() + 1, scratch);
        }
        // The slot's own samples stay; concealment would have to replace them.
        let spare = self.pcm.len().saturating_sub(SLOT_SAMPLES + OVERLAP);
        if spare < MIN_LAG || !self.voice.is_live() {
            return;
        }
        let force = self.failed_shortenings >= PATIENCE;
        if self.pcm.shorten(error.min(spare), force) > 0 {
            self.failed_shortenings = 0;
        } else {
            self.failed_shortenings += 1;
        }
    }

    /// Repeats a period of the decoded sound.
    fn lengthen(&mut self, error: usize, scratch: &mut Scratch) {
        self.decode(SLOT_SAMPLES, scratch);
        if !self.voice.is_live() {
            return;
        }
        let force = self.failed_shortenings >= PATIENCE;
        if self.pcm.lengthen(error, force) > 0 {
            self.failed_shortenings = 0;
        } else {
            self.failed_shortenings += 1;
        }
    }

    /// Removes the excess delay at once and joins the two ends without a click.
    fn leap(&mut self, error: f64, scratch: &mut Scratch) {
        let end: [f32; CLICK_FREE] = self.pcm.head();
        let samples = error - self.pcm.waiting();
        self.pcm.clear();
        self.jitter.leap(samples.max(0.0) as i64);
        self.decode(SLOT_SAMPLES, scratch);
        fade(&end, self.pcm.head_mut());
    }
}

/// Whether a source at this playhead may be shortened in this slot.
fn is_its_turn(playhead: i64) -> bool {
    let slot = playhead.div_euclid(SLOT_SAMPLES as i64);
    slot.rem_euclid(SHORTEN_EVERY) == 0
}
