//! Gains, sums, and the limiter that keeps many loud sources from crackling.
//!
//! Always: below the limiter's threshold with a gain of one, samples come out bit for bit as they
//! went in; the output never exceeds full scale; a change of gain never clicks.

mod bus;

pub(crate) use self::bus::Mix;
pub use self::bus::{MixConfig, MixId};
use crate::SLOT_SAMPLES;

/// Samples over which the limiter's gain moves in a straight line: 1 ms.
const BLOCK: usize = 48;
const BLOCKS: usize = SLOT_SAMPLES / BLOCK;
/// Peak from which the limiter reduces the gain: -1 dBFS.
const CEILING: f32 = 0.891;
/// Factor by which the gain rises per block: 40 dB per second. Equal steps in dB keep a gain that
/// is far down from swinging up between two peaks of one sound.
const RELEASE: f32 = 1.004_616;

/// Adds one source to the sum, with a gain that moves from `from` to `to` in a straight line.
pub fn add(sum: &mut [f32; SLOT_SAMPLES], source: &[f32; SLOT_SAMPLES], from: f32, to: f32) {
    if from == to {
        for (sum, x) in sum.iter_mut().zip(source) {
            *sum += x * to;
        }
    } else {
        let step = (to - from) / SLOT_SAMPLES as f32;
        // 32-bit integers, which the compiler converts to several floats at once.
        let places = 1..SLOT_SAMPLES as i32 + 1;
        for ((sum, x), place) in sum.iter_mut().zip(source).zip(places) {
            *sum += x * (from + step * place as f32);
        }
    }
}

/// A client's gain in each mix, in the order of the mixes.
#[derive(Debug)]
pub(crate) struct Gains(Box<[Gain]>);

#[derive(Debug, Clone, Copy)]
struct Gain {
    /// At the end of the last slot.
    current: f32,
    /// At the end of the next slot.
    target: f32,
}

impl Gains {
    /// Starts at the targets.
    pub(crate) fn new(targets: impl Iterator<Item = f32>) -> Self {
        let at = |target| Gain {
            current: target,
            target,
        };
        Self(targets.map(at).collect())
    }

    /// Sets the targets, which are reached within the next slot.
    pub(crate) fn set(&mut self, targets: impl Iterator<Item = f32>) {
        let gains = self.0.iter_mut().zip(targets);
        gains.for_each(|(gain, target)| gain.target = target);
    }

    /// Reaches the targets at once, while nothing of the client is audible.
    pub(crate) fn jump(&mut self) {
        self.0
            .iter_mut()
            .for_each(|gain| gain.current = gain.target);
    }

    /// Keeps the client out of each mix, while nothing of it is audible.
    pub(crate) fn shut(&mut self) {
        self.0.iter_mut().for_each(|gain| gain.current = 0.0);
    }

    /// Fades the client out of each mix within this slot; silence leads back in.
    pub(crate) fn fade_out(&mut self, pcm: &[f32; SLOT_SAMPLES], sums: &mut [Sum]) {
        for (gain, sum) in self.0.iter_mut().zip(sums) {
            if gain.current != 0.0 {
                sum.add(pcm, gain.current, 0.0);
            }
            gain.current = 0.0;
        }
    }

    /// Adds one slot of the client to the sum of each mix that it is audible in.
    pub(crate) fn add(&mut self, pcm: &[f32; SLOT_SAMPLES], sums: &mut [Sum]) {
        for (gain, sum) in self.0.iter_mut().zip(sums) {
            let Gain { current, target } = *gain;
            if current != 0.0 || target != 0.0 {
                sum.add(pcm, current, target);
            }
            gain.current = target;
        }
    }
}

/// Some clients' samples of one slot of one mix, summed.
#[derive(Debug, Clone)]
pub(crate) struct Sum {
    /// Meaningless while there are no clients.
    pcm: [f32; SLOT_SAMPLES],
    clients: usize,
}

impl Sum {
    pub(crate) const EMPTY: Self = Self {
        pcm: [0.0; SLOT_SAMPLES],
        clients: 0,
    };

    /// Begins another slot.
    pub(crate) fn clear(&mut self) {
        self.clients = 0;
    }

    fn add(&mut self, pcm: &[f32; SLOT_SAMPLES], from: f32, to: f32) {
        if self.clients == 0 {
            self.pcm.fill(0.0);
        }
        self.clients += 1;
        add(&mut self.pcm, pcm, from, to);
    }

    /// Adds the sum to `mix` and returns the number of clients in it.
    fn add_to(&self, mix: &mut [f32; SLOT_SAMPLES]) -> usize {
        if self.clients > 0 {
            mix.iter_mut().zip(&self.pcm).for_each(|(mix, x)| *mix += x);
        }
        self.clients
    }
}

/// A limiter without delay: it sees the whole slot before it returns any of it, so that its gain is
/// down before a peak. A soft knee shapes the first millisecond of a slot, which it cannot foresee.
#[derive(Debug, Clone, Copy)]
pub struct Limiter {
    gain: f32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { gain: 1.0 }
    }
}

impl Limiter {
    /// Whether silence would leave it as it is.
    pub fn is_at_rest(&self) -> bool {
        self.gain == 1.0
    }

    /// Limits one slot in place.
    pub fn process(&mut self, pcm: &mut [f32; SLOT_SAMPLES]) {
        let targets = self.gains_at_block_ends(pcm);
        let mut from = self.gain;
        for (block, to) in pcm.chunks_exact_mut(BLOCK).zip(targets) {
            if from != 1.0 || to != 1.0 {
                let step = (to - from) / BLOCK as f32;
                for (i, x) in block.iter_mut().enumerate() {
                    *x = soft_knee(*x * (from + step * i as f32));
                }
            } else {
                // A block within the ceiling stays unchanged.
                block.iter_mut().for_each(|x| *x = soft_knee(*x));
            }
            from = to;
        }
        self.gain = from;
    }

    /// Returns the gain at the end of each block: low enough for that block and the next one, and
    /// rising no faster than the release allows.
    fn gains_at_block_ends(&self, pcm: &[f32; SLOT_SAMPLES]) -> [f32; BLOCKS] {
        let mut allowed = [1.0f32; BLOCKS];
        for (allowed, block) in allowed.iter_mut().zip(pcm.chunks_exact(BLOCK)) {
            let peak = block.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
            if peak > CEILING {
                *allowed = CEILING / peak;
            }
        }
        let mut gain = self.gain;
        std::array::from_fn(|i| {
            let ceiling = allowed[i].min(*allowed.get(i + 1).unwrap_or(&1.0));
            gain = ceiling.min((gain * RELEASE).min(1.0));
            gain
        })
    }
}

/// Returns `x` up to the ceiling; beyond it follows a curve that approaches full scale.
fn soft_knee(x: f32) -> f32 {
    let over = x.abs() - CEILING;
    if over <= 0.0 {
        return x;
    }
    let room = 1.0 - CEILING;
    (CEILING + room * over / (over + room)).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(frequency: f32, amplitude: f32, slot: usize) -> [f32; SLOT_SAMPLES] {
        std::array::from_fn(|i| {
            let t = (slot * SLOT_SAMPLES + i) as f32 / 48_000.0;
            amplitude * (t * frequency * std::f32::consts::TAU).sin()
        })
    }

    #[test]
    fn quiet_sound_passes_bit_for_bit() {
        let mut limiter = Limiter::default();
        let before = tone(440.0, 0.89, 0);
        let mut after = before;
        limiter.process(&mut after);
        assert_eq!(before, after);
    }

    #[test]
    fn twenty_loud_sources_are_limited_without_distortion() {
        let mut limiter = Limiter::default();
        let mut residual = 0.0f32;
        let mut energy = 0.0f32;
        for slot in 0..100 {
            let mut sum = [0.0; SLOT_SAMPLES];
            for n in 0..20 {
                add(
                    &mut sum,
                    &tone(200.0 + 37.0 * n as f32, 0.5, slot),
                    1.0,
                    1.0,
                );
            }
            let dry = sum;
            limiter.process(&mut sum);
            assert!(sum.iter().all(|x| x.abs() < 1.0));
            if slot >= 50 {
                // A limiter that does not distort returns a scaled copy.
                let dot: f32 = sum.iter().zip(&dry).map(|(a, b)| a * b).sum();
                let scale = dot / dry.iter().map(|x| x * x).sum::<f32>();
                residual += sum
                    .iter()
                    .zip(&dry)
                    .map(|(a, b)| (a - b * scale).powi(2))
                    .sum::<f32>();
                energy += sum.iter().map(|x| x * x).sum::<f32>();
            }
        }
        let residual_db = 10.0 * (residual / energy).log10();
        assert!(residual_db < -20.0, "residual {residual_db} dB");
    }

    #[test]
    fn gain_returns_after_a_peak() {
        let mut limiter = Limiter::default();
        limiter.process(&mut tone(440.0, 4.0, 0));
        let mut last = [0.0; SLOT_SAMPLES];
        for slot in 1..150 {
            last = tone(440.0, 0.5, slot);
            limiter.process(&mut last);
        }
        assert_eq!(last, tone(440.0, 0.5, 149));
    }

    #[test]
    fn gain_changes_are_ramps() {
        let mut sum = [0.0; SLOT_SAMPLES];
        add(&mut sum, &[1.0; SLOT_SAMPLES], 0.0, 1.0);
        let largest_step = sum
            .windows(2)
            .map(|w| (w[1] - w[0]).abs())
            .fold(0.0, f32::max);
        assert!(
            largest_step < 0.002 && sum[SLOT_SAMPLES - 1] == 1.0,
            "{largest_step}"
        );
    }
}
