//! Tells the noise of a broken capture from sound, however loud.
//!
//! Sound is correlated: at 48 kHz, one sample of music or speech predicts the next, and with a tone
//! of any pitch it predicts the one after that. Noise is not correlated, and only a broken capture
//! delivers loud noise or a constant value for long. A person can play noise, too; so a suspicion is
//! reported once, and again only after other sound.
//!
//! Always: judges whole seconds; costs a few multiplications per sample.

use raa_core::SAMPLE_RATE;

/// The RMS above which noise is suspicious: -12 dBFS. Full-scale white noise has -5 dBFS.
const LOUD: f32 = 0.25;
/// Correlation with an earlier sample below which a second counts as noise. White noise has 0 ± 0.02.
const UNCORRELATED: f32 = 0.2;
/// How many earlier samples are compared.
const LAGS: usize = 3;
/// A constant at or above this is not silence: -26 dBFS.
const STUCK_AT: f32 = 0.05;
/// Seconds in a row before noise is reported.
const NOISY_SECONDS: u32 = 30;
/// Seconds in a row before a constant value is reported.
const STUCK_SECONDS: u32 = 10;

/// A suspicion about a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suspicion {
    /// Loud white noise.
    Noise,
    /// A constant value.
    Stuck,
}

/// Judges one second after the other.
#[derive(Debug, Default)]
pub(super) struct NoiseMeter {
    second: Second,
    /// The verdict on the latest seconds, and how many of them there were.
    suspicion: Option<Suspicion>,
    seconds: u32,
    /// The suspicion has been reported.
    is_reported: bool,
}

impl NoiseMeter {
    /// Starts with a new capture, without forgetting what was reported about the one before.
    pub(super) fn begin(&mut self) {
        self.second = Second::default();
        self.seconds = 0;
    }

    /// Takes samples; returns a suspicion when it is to be reported.
    pub(super) fn push(&mut self, pcm: &[f32]) -> Option<Suspicion> {
        pcm.iter().for_each(|x| self.second.push(*x));
        if self.second.samples < SAMPLE_RATE {
            return None;
        }
        let suspicion = std::mem::take(&mut self.second).judge();
        if suspicion != self.suspicion {
            (self.suspicion, self.seconds, self.is_reported) = (suspicion, 0, false);
        }
        self.seconds += 1;
        let is_due = !self.is_reported && self.seconds >= seconds_before(suspicion?);
        self.is_reported |= is_due;
        suspicion.filter(|_| is_due)
    }
}

fn seconds_before(suspicion: Suspicion) -> u32 {
    match suspicion {
        Suspicion::Noise => NOISY_SECONDS,
        Suspicion::Stuck => STUCK_SECONDS,
    }
}

/// Sums over one second.
#[derive(Debug, Default)]
struct Second {
    samples: u32,
    /// The preceding samples, the latest first.
    before: [f32; LAGS],
    energy: f32,
    products: [f32; LAGS],
    lowest: f32,
    highest: f32,
}

impl Second {
    fn push(&mut self, x: f32) {
        if self.samples == 0 {
            (self.lowest, self.highest) = (x, x);
        }
        self.samples += 1;
        self.energy += x * x;
        for (product, before) in self.products.iter_mut().zip(self.before) {
            *product += x * before;
        }
        self.before.rotate_right(1);
        self.before[0] = x;
        self.lowest = self.lowest.min(x);
        self.highest = self.highest.max(x);
    }

    fn judge(&self) -> Option<Suspicion> {
        if self.lowest == self.highest && self.lowest.abs() >= STUCK_AT {
            return Some(Suspicion::Stuck);
        }
        let is_loud = self.energy >= LOUD * LOUD * self.samples as f32;
        let is_noise = |product: &f32| product.abs() < UNCORRELATED * self.energy;
        (is_loud && self.products.iter().all(is_noise)).then_some(Suspicion::Noise)
    }
}
