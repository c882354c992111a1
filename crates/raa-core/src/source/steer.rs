//! How a source's delay follows where it shall be, and its sender's clock.
//!
//! In silence it is put right at once, by the jitter buffer. In sound, by how much it is off: a
//! leap, a period of the sound left out or repeated, or reading a little faster or slower.
//! Always: no step is heard.

use super::timescale::{MAX_LAG, MIN_LAG, OVERLAP, fade};
use super::{CLICK_FREE, Load, Scratch, Source};
use crate::SLOT_SAMPLES;
use crate::jitter::Steering;

/// A delay that is so much too long is put right in one leap, 150 ms: after a stall the sound
/// is no longer what it was.
const LEAP: f64 = 7200.0;
/// Too long by so much, 7.5 ms, a period of the sound is left out;
const SHORTEN: f64 = 360.0;
/// too short by so much, 5 ms, one is repeated, which is more urgent.
const LENGTHEN: f64 = -240.0;
/// Slots from one period left out to the next. Whose turn it is in which slot depends on his
/// timestamps, which begin at random (RFC 3550 section 5.1): what makes a thousand sources too late
/// at once must not make one slot dear by all of them.
const SHORTEN_EVERY: i64 = 16;
/// So many places of the sound may look unlike before one is taken that does.
const PATIENCE: u32 = 10;
/// Off by more than this, 2 ms, the sound is read a little faster or slower,
const RESAMPLE_FROM: f64 = 96.0;
/// until it is off by less than this;
const RESAMPLE_UNTIL: f64 = 16.0;
/// and all the time when the sender's clock is off by more than this share.
const RESAMPLE_DRIFT: f64 = 80e-6;
/// An error is put right within about so many samples, 1 s: soon, since a copy costs less,
const RESAMPLE_SAMPLES: f64 = 48_000.0;
/// and never faster than by this share, under a hundredth of a semitone.
const MAX_CORRECTION: f64 = 0.0005;

impl Source {
    /// Brings the delay nearer to where it shall be; the ratio at which the slot is to be read.
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

    /// How fast the slot is read: a little faster when the delay is too long or the sender's
    /// clock too fast.
    fn ratio(&mut self, error: f64, drift: f64) -> f64 {
        let drifts = drift.abs() > RESAMPLE_DRIFT;
        if error.abs() > RESAMPLE_FROM || drifts {
            self.resampling = true;
        }
        if !self.resampling {
            return 1.0;
        }
        let correction = (error / RESAMPLE_SAMPLES).clamp(-MAX_CORRECTION, MAX_CORRECTION);
        if drifts || error.abs() > RESAMPLE_UNTIL {
            return 1.0 + drift + correction;
        }
        // To a whole sample, and from there on as a copy.
        self.resampling = false;
        if self.pcm.is_whole() {
            return 1.0;
        }
        self.pcm.ratio_to_whole()
    }

    /// Leaves out a period of what is decoded, when there is more to decode.
    fn shorten(&mut self, error: usize, scratch: &mut Scratch) {
        let wanted = SLOT_SAMPLES + MAX_LAG + OVERLAP;
        while self.pcm.len() < wanted && self.jitter.has_next() {
            self.decode(self.pcm.len() + 1, scratch);
        }
        // What the slot itself needs stays, or it would have to be made up.
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

    /// Repeats a period of what is decoded.
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

    /// Leaves out what makes the delay too long, and joins the two ends without a click.
    fn leap(&mut self, error: f64, scratch: &mut Scratch) {
        let end: [f32; CLICK_FREE] = self.pcm.head();
        let samples = error - self.pcm.waiting();
        self.pcm.clear();
        self.jitter.leap(samples.max(0.0) as i64);
        self.decode(SLOT_SAMPLES, scratch);
        fade(&end, self.pcm.head_mut());
    }
}

/// Whether a source that plays this timestamp may be shortened in this slot.
fn is_its_turn(playhead: i64) -> bool {
    let slot = playhead.div_euclid(SLOT_SAMPLES as i64);
    slot.rem_euclid(SHORTEN_EVERY) == 0
}
