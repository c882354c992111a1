//! One plucked string: a delay line of one period, fed back through a loss and a tuning filter.
//!
//! This is the string of Karplus and Strong in the extended form of Jaffe and Smith. A pluck fills
//! the line with the wave that a quill leaves in a string (a rectangle of velocity as wide as the
//! distance of the plucking point), which gives the nasal sound of a harpsichord.
//! Always: the gain of the loop is below 1 at every frequency, so a string only decays; the delay
//! of the loop is one period of the fundamental, so the string is in tune whatever its losses.

use std::f64::consts::TAU;

use super::{Chance, SAMPLE_RATE};

/// The lowest frequency of a string, which limits its memory.
const LOWEST_HZ: f64 = 27.0;
/// The frequency that the second decay time of the loss filter applies to.
const BRIGHT_HZ: f64 = 4000.0;
/// Time constant of the damper in seconds; a sudden one would click.
const FELT_S: f64 = 0.008;

/// How a string is plucked and how it decays.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pluck {
    pub(super) frequency_hz: f64,
    /// Plucking point, as a part of the string's length from the bridge.
    pub(super) point: f64,
    pub(super) level: f64,
    /// Cut-off of the quill: partials above it are weaker.
    pub(super) quill_hz: f64,
    /// Time to -60 dB of the fundamental.
    pub(super) decay_s: f64,
    /// Time to -60 dB of partials at 4 kHz.
    pub(super) bright_decay_s: f64,
    /// Time to -60 dB with the damper on.
    pub(super) damped_s: f64,
}

/// One string with its damper.
#[derive(Debug)]
pub(super) struct PluckedString {
    line: Vec<f32>,
    at: usize,
    gain: f32,
    gain_target: f32,
    damped_gain: f32,
    felt: f32,
    loss: Loss,
    tuner: Tuner,
}

impl PluckedString {
    pub(super) fn new() -> Self {
        Self {
            line: Vec::with_capacity((f64::from(SAMPLE_RATE) / LOWEST_HZ) as usize),
            at: 0,
            gain: 0.0,
            gain_target: 0.0,
            damped_gain: 0.0,
            felt: (1.0 / (FELT_S * f64::from(SAMPLE_RATE))) as f32,
            loss: Loss::default(),
            tuner: Tuner::default(),
        }
    }

    /// Starts a new tone; the previous one ends.
    pub(super) fn pluck(&mut self, pluck: &Pluck, chance: &mut Chance) {
        let frequency_hz = pluck.frequency_hz.max(LOWEST_HZ);
        let radians = TAU * frequency_hz / f64::from(SAMPLE_RATE);
        let period_gain = |decay_s: f64| 10_f64.powf(-3.0 / (frequency_hz * decay_s));
        let gain = period_gain(pluck.decay_s);
        self.gain = gain as f32;
        self.gain_target = self.gain;
        self.damped_gain = period_gain(pluck.damped_s) as f32;

        let (loss, loss_delay) = Loss::new(period_gain(pluck.bright_decay_s) / gain, radians);
        self.loss = loss;
        let rest = f64::from(SAMPLE_RATE) / frequency_hz - loss_delay;
        // The delay of the all-pass is most uniform around one sample.
        let length = (rest - 0.6).floor();
        self.tuner = Tuner::new(rest - length, radians);
        self.fill(length as usize, pluck, chance);
    }

    /// Drops the damper on the string.
    pub(super) fn damp(&mut self) {
        self.gain_target = self.damped_gain.min(self.gain);
    }

    /// Returns the next sample of the string.
    #[inline]
    pub(super) fn next(&mut self) -> f32 {
        let Some(cell) = self.line.get_mut(self.at) else {
            return 0.0;
        };
        let sample = *cell;
        self.gain += (self.gain_target - self.gain) * self.felt;
        *cell = self.tuner.next(self.gain * self.loss.next(sample));
        self.at += 1;
        if self.at == self.line.len() {
            self.at = 0;
        }
        sample
    }

    /// Fills the line with the wave of a string that a quill has let go: without DC, with edges
    /// softened by the width of the quill, and a little noise.
    fn fill(&mut self, length: usize, pluck: &Pluck, chance: &mut Chance) {
        const ROUGHNESS: f32 = 0.04;
        self.at = 0;
        self.line.clear();
        let edge = pluck.point * length as f64;
        let level = pluck.level as f32;
        self.line.extend((0..length).map(|index| {
            let before_edge = (edge - index as f64).clamp(0.0, 1.0);
            level * ((before_edge - pluck.point) as f32 + ROUGHNESS * chance.next())
        }));
        let pole = (-TAU * pluck.quill_hz / f64::from(SAMPLE_RATE)).exp() as f32;
        self.soften(pole);
        self.soften(pole);
    }

    /// Low-passes the line as a closed loop; the first round only settles the state of the filter.
    fn soften(&mut self, pole: f32) {
        let mut state = 0.0;
        for sample in &self.line {
            state = (1.0 - pole) * sample + pole * state;
        }
        for sample in &mut self.line {
            state = (1.0 - pole) * *sample + pole * state;
            *sample = state;
        }
    }
}

/// A one-pole low-pass with unit gain at DC, so that high partials decay faster.
#[derive(Debug, Default)]
struct Loss {
    feed: f32,
    back: f32,
    state: f32,
}

impl Loss {
    /// Returns the filter whose gain at `BRIGHT_HZ` is `bright_gain`, and its delay in samples at
    /// `radians`.
    fn new(bright_gain: f64, radians: f64) -> (Self, f64) {
        let power = (bright_gain * bright_gain).clamp(1e-6, 0.999_999);
        let bright = (TAU * BRIGHT_HZ / f64::from(SAMPLE_RATE)).cos();
        let half = (1.0 - power * bright) / (1.0 - power);
        let pole = half - (half * half - 1.0).sqrt();
        let delay = (pole * radians.sin()).atan2(1.0 - pole * radians.cos()) / radians;
        (
            Self {
                feed: (1.0 - pole) as f32,
                back: pole as f32,
                state: 0.0,
            },
            delay,
        )
    }

    #[inline]
    fn next(&mut self, sample: f32) -> f32 {
        self.state = self.feed * sample + self.back * self.state;
        self.state
    }
}

/// A first-order all-pass for the part of the period that is not a whole number of samples.
#[derive(Debug, Default)]
struct Tuner {
    coefficient: f32,
    input: f32,
    output: f32,
}

impl Tuner {
    /// Creates the all-pass that delays by exactly `delay` samples at `radians`.
    fn new(delay: f64, radians: f64) -> Self {
        let coefficient =
            ((1.0 - delay) * radians / 2.0).sin() / ((1.0 + delay) * radians / 2.0).sin();
        Self {
            coefficient: coefficient as f32,
            input: 0.0,
            output: 0.0,
        }
    }

    #[inline]
    fn next(&mut self, sample: f32) -> f32 {
        self.output = self.coefficient * (sample - self.output) + self.input;
        self.input = sample;
        self.output
    }
}
