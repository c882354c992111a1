//! One plucked string: a delay line one period long, fed back through a loss and a tuning filter.
//!
//! This is Karplus and Strong's string in Jaffe and Smith's extended form. A pluck fills the line
//! with the wave that a quill leaves in a string (a rectangle in velocity, its width the plucking
//! point), so tones have the nasal comb of a harpsichord instead of a burst of noise.
//! Always: the loop's gain is below 1 at every frequency, so a string only ever decays; the loop's
//! delay is one period at the fundamental, so it is in tune whatever its losses.

use std::f64::consts::TAU;

use super::{Chance, SAMPLE_RATE};

/// The lowest frequency a string can be plucked at, which bounds its memory.
const LOWEST_HZ: f64 = 27.0;
/// Where the loss filter's second decay time is given.
const BRIGHT_HZ: f64 = 4000.0;
/// The felt reaches its full grip with this time constant; a sudden grip would click.
const FELT_S: f64 = 0.008;

/// How one string is plucked and how it dies away.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pluck {
    pub(super) frequency_hz: f64,
    /// Plucking point, as a part of the string's length from the bridge.
    pub(super) point: f64,
    pub(super) level: f64,
    /// Softness of the quill: partials above this are weaker.
    pub(super) quill_hz: f64,
    /// Time to -60 dB of the fundamental, of partials at 4 kHz, and with the damper on.
    pub(super) decay_s: f64,
    pub(super) bright_decay_s: f64,
    pub(super) damped_s: f64,
}

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

    /// Forgets what sounded before and starts a new tone.
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
        // The all-pass is most even for delays around one sample.
        let length = (rest - 0.6).floor();
        self.tuner = Tuner::new(rest - length, radians);
        self.fill(length as usize, pluck, chance);
    }

    /// Lets the damper's felt down on the string.
    pub(super) fn damp(&mut self) {
        self.gain_target = self.damped_gain.min(self.gain);
    }

    /// The string's next sample.
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

    /// The wave of a string let go by a quill: free of DC, its two edges softened by the quill's
    /// width, with a little roughness of the quill on top.
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

    /// Low-passes the line as the closed loop it is: the first round only finds the filter's state.
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

/// One-pole low-pass with unit gain at DC: high partials die sooner.
#[derive(Debug, Default)]
struct Loss {
    feed: f32,
    back: f32,
    state: f32,
}

impl Loss {
    /// The filter whose gain at `BRIGHT_HZ` is `bright_gain`, and its delay in samples at `radians`.
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

/// First-order all-pass: the part of the period that is not a whole number of samples.
#[derive(Debug, Default)]
struct Tuner {
    coefficient: f32,
    input: f32,
    output: f32,
}

impl Tuner {
    /// The all-pass that delays by exactly `delay` samples at `radians`.
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
