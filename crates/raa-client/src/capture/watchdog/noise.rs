//! Tells noise that a broken capture makes from sound, however loud.
//!
//! Sound is correlated: at 48 kHz one sample of music or speech says much about the next, and a
//! tone of any pitch about the next but one. Only noise is not, and only a broken capture makes
//! loud noise or one and the same value for long. A person can play noise too: so a suspicion is
//! told once, and again only after something else was heard.
//!
//! Always: judges whole seconds; costs a few multiplications a sample.

use raa_core::SAMPLE_RATE;

/// Louder than this, as an RMS: -12 dBFS. Full-scale white noise is at -5 dBFS.
const LOUD: f32 = 0.25;
/// Correlation of a sample with the three before it that is none. White noise has 0 ± 0.02.
const UNCORRELATED: f32 = 0.2;
const LAGS: usize = 3;
/// A value that no silence has, when it stands still: -26 dBFS.
const STUCK_AT: f32 = 0.05;
const NOISY_SECONDS: u32 = 30;
const STUCK_SECONDS: u32 = 10;

/// What a capture is suspected of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suspicion {
    /// Loud noise for 30 s.
    Noise,
    /// One value for 10 s.
    Stuck,
}

/// Looks at one second after the other.
#[derive(Debug, Default)]
pub(super) struct NoiseMeter {
    second: Second,
    /// What the last seconds looked like, and how many.
    suspicion: Option<Suspicion>,
    seconds: u32,
    /// It was told, and nothing else was heard since.
    told: bool,
}

impl NoiseMeter {
    /// A capture begins; what was told of the one before stays told.
    pub(super) fn begin(&mut self) {
        self.second = Second::default();
        self.seconds = 0;
    }

    pub(super) fn push(&mut self, pcm: &[f32]) -> Option<Suspicion> {
        pcm.iter().for_each(|x| self.second.push(*x));
        if self.second.samples < SAMPLE_RATE {
            return None;
        }
        let suspicion = std::mem::take(&mut self.second).judge();
        if suspicion != self.suspicion {
            (self.suspicion, self.seconds, self.told) = (suspicion, 0, false);
        }
        self.seconds += 1;
        let is_news = !self.told && self.seconds >= patience(suspicion?);
        self.told |= is_news;
        suspicion.filter(|_| is_news)
    }
}

fn patience(suspicion: Suspicion) -> u32 {
    match suspicion {
        Suspicion::Noise => NOISY_SECONDS,
        Suspicion::Stuck => STUCK_SECONDS,
    }
}

/// Sums over a second.
#[derive(Debug, Default)]
struct Second {
    samples: u32,
    /// The samples before, the latest first.
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
