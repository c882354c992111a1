//! The surroundings of the strings: the soundboard's low modes and a small, soft room.
//!
//! Dry strings sound like a telephone. A soundboard gives them body, and a short reverberation
//! fills the gaps between notes. The room is a feedback delay network of eight lines mixed by a
//! Householder matrix, which loses no energy itself; the gain and low-pass of each line do.
//! Always: the output has no DC; once the strings stop, it decays to silence.

use std::f64::consts::TAU;

use super::SAMPLE_RATE;

/// Modes of the soundboard: frequency in Hz, Q, level.
const MODES: [(f64, f64, f64); 5] = [
    (112.0, 3.0, 0.15),
    (196.0, 3.5, 0.20),
    (318.0, 3.0, 0.25),
    (545.0, 2.5, 0.20),
    (930.0, 2.0, 0.20),
];
/// Cut-off of the high-pass in Hz: a soundboard is too small to radiate bass, and that makes a
/// harpsichord sound clear.
const RUMBLE_HZ: f64 = 90.0;

/// Lengths of the delay lines in samples, 21 to 45 ms. They are primes, so that their echoes do not
/// coincide.
const LINES: [usize; 8] = [1009, 1153, 1303, 1453, 1613, 1787, 1973, 2161];
/// Time until the reverberation has decayed by 60 dB, in seconds.
const REVERBERATION_S: f64 = 0.85;
/// Cut-off of the low-pass in the delay lines.
const ROOM_DAMPING_HZ: f64 = 3600.0;
/// Level of the reverberation relative to the direct sound.
const ROOM_LEVEL: f32 = 0.16;
/// Lengths in samples of the all-passes that spread a pluck before it enters the delay lines.
const SPREADERS: [usize; 2] = [223, 359];
/// Lengths in samples of the all-passes that scatter sound in the soundboard, about a millisecond.
/// They soften the attack of the quill and keep simultaneous notes from adding up to peaks.
const SCATTER: [usize; 3] = [19, 41, 73];

/// The soundboard followed by the room.
#[derive(Debug)]
pub(super) struct Room {
    rumble: HighPass,
    scatter: [Spreader; SCATTER.len()],
    modes: [Mode; MODES.len()],
    spreaders: [Spreader; SPREADERS.len()],
    lines: [Line; LINES.len()],
}

impl Room {
    pub(super) fn new() -> Self {
        Self {
            rumble: HighPass::new(RUMBLE_HZ),
            scatter: SCATTER.map(|length| Spreader::new(length, 0.4)),
            modes: MODES.map(|(hz, q, level)| Mode::new(hz, q, level)),
            spreaders: SPREADERS.map(|length| Spreader::new(length, 0.6)),
            lines: LINES.map(Line::new),
        }
    }

    /// Replaces the sound of the strings by the sound in the room.
    pub(super) fn process(&mut self, samples: &mut [f32]) {
        for sample in samples {
            let dry = scatter(&mut self.scatter, self.rumble.next(*sample));
            let body = dry
                + self
                    .modes
                    .iter_mut()
                    .map(|mode| mode.next(dry))
                    .sum::<f32>();
            *sample = body + ROOM_LEVEL * self.reverberate(body);
        }
    }

    #[inline]
    fn reverberate(&mut self, sample: f32) -> f32 {
        let spread = scatter(&mut self.spreaders, sample);
        let mut outs = [0.0; LINES.len()];
        for (out, line) in outs.iter_mut().zip(&mut self.lines) {
            *out = line.read();
        }
        // Householder matrix: each line gets its own output minus a quarter of the sum, which keeps the
        // energy.
        let shared = outs.iter().sum::<f32>() * (2.0 / LINES.len() as f32);
        let mut sum = 0.0;
        let mut sign = 1.0;
        for (out, line) in outs.iter().zip(&mut self.lines) {
            line.write(out - shared + sign * spread);
            sum += sign * out;
            sign = -sign;
        }
        sum
    }
}

#[inline]
fn scatter(spreaders: &mut [Spreader], sample: f32) -> f32 {
    spreaders
        .iter_mut()
        .fold(sample, |sample, spreader| spreader.next(sample))
}

/// A first-order high-pass.
#[derive(Debug)]
struct HighPass {
    pole: f32,
    input: f32,
    output: f32,
}

impl HighPass {
    fn new(hz: f64) -> Self {
        let pole = (-TAU * hz / f64::from(SAMPLE_RATE)).exp() as f32;
        Self {
            pole,
            input: 0.0,
            output: 0.0,
        }
    }

    #[inline]
    fn next(&mut self, sample: f32) -> f32 {
        self.output = sample - self.input + self.pole * self.output;
        self.input = sample;
        self.output
    }
}

/// One mode of the soundboard: a band-pass whose peak gain is its level.
#[derive(Debug)]
struct Mode {
    feed: f32,
    back: [f32; 2],
    inputs: [f32; 2],
    outputs: [f32; 2],
}

impl Mode {
    fn new(hz: f64, q: f64, level: f64) -> Self {
        let radians = TAU * hz / f64::from(SAMPLE_RATE);
        let alpha = radians.sin() / (2.0 * q);
        let scale = 1.0 / (1.0 + alpha);
        Self {
            feed: (level * alpha * scale) as f32,
            back: [
                (2.0 * radians.cos() * scale) as f32,
                ((alpha - 1.0) * scale) as f32,
            ],
            inputs: [0.0; 2],
            outputs: [0.0; 2],
        }
    }

    #[inline]
    fn next(&mut self, sample: f32) -> f32 {
        let output = self.feed * (sample - self.inputs[1])
            + self.back[0] * self.outputs[0]
            + self.back[1] * self.outputs[1];
        self.inputs = [sample, self.inputs[0]];
        self.outputs = [output, self.outputs[0]];
        output
    }
}

/// Schroeder's all-pass, which delays frequencies differently and passes all of them equally.
#[derive(Debug)]
struct Spreader {
    memory: Vec<f32>,
    at: usize,
    gain: f32,
}

impl Spreader {
    fn new(length: usize, gain: f32) -> Self {
        Self {
            memory: vec![0.0; length],
            at: 0,
            gain,
        }
    }

    #[inline]
    fn next(&mut self, sample: f32) -> f32 {
        let cell = &mut self.memory[self.at];
        let output = *cell - self.gain * sample;
        *cell = sample + self.gain * output;
        self.at += 1;
        if self.at == self.memory.len() {
            self.at = 0;
        }
        output
    }
}

/// One delay line of the room, with the loss and the low-pass of the walls.
#[derive(Debug)]
struct Line {
    memory: Vec<f32>,
    at: usize,
    gain: f32,
    dullness: f32,
    state: f32,
}

impl Line {
    fn new(length: usize) -> Self {
        let seconds = length as f64 / f64::from(SAMPLE_RATE);
        Self {
            memory: vec![0.0; length],
            at: 0,
            gain: 10_f64.powf(-3.0 * seconds / REVERBERATION_S) as f32,
            dullness: (-TAU * ROOM_DAMPING_HZ / f64::from(SAMPLE_RATE)).exp() as f32,
            state: 0.0,
        }
    }

    #[inline]
    fn read(&mut self) -> f32 {
        self.state += (1.0 - self.dullness) * (self.gain * self.memory[self.at] - self.state);
        self.state
    }

    #[inline]
    fn write(&mut self, sample: f32) {
        self.memory[self.at] = sample;
        self.at += 1;
        if self.at == self.memory.len() {
            self.at = 0;
        }
    }
}
