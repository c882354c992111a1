//! What stands around the strings: the soundboard's low modes and a small, soft room.
//!
//! Dry strings sound like a telephone; a soundboard gives them a body and a short reverberation
//! lets notes part without holes. The room is a feedback delay network of eight lines mixed by a
//! Householder matrix, which loses no energy by itself; each line's own gain and low-pass do.
//! Always: no DC leaves it, and after the strings stop it decays to silence.

use std::f64::consts::TAU;

use super::SAMPLE_RATE;

/// Modes of the soundboard: Hz, Q, level.
const MODES: [(f64, f64, f64); 5] = [
    (112.0, 3.0, 0.15),
    (196.0, 3.5, 0.20),
    (318.0, 3.0, 0.25),
    (545.0, 2.5, 0.20),
    (930.0, 2.0, 0.20),
];
/// A soundboard is too small to radiate bass; that lean bass is much of a harpsichord's clarity.
const RUMBLE_HZ: f64 = 90.0;

/// Line lengths in samples, 21 to 45 ms: primes, so that their echoes do not coincide.
const LINES: [usize; 8] = [1009, 1153, 1303, 1453, 1613, 1787, 1973, 2161];
const REVERBERATION_S: f64 = 0.85;
const ROOM_DAMPING_HZ: f64 = 3600.0;
const ROOM_LEVEL: f32 = 0.16;
/// The all-passes that spread a pluck before it enters the lines: samples.
const SPREADERS: [usize; 2] = [223, 359];
/// The all-passes of the soundboard's scattering, a millisecond or so: they round off the edge of
/// the quill and keep coinciding notes from adding up to spikes.
const SCATTER: [usize; 3] = [19, 41, 73];

/// Soundboard and room in a row.
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

    /// Turns the bare strings' sound into what is heard in the room, in place.
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
        // Householder: each line gets itself less a quarter of all, which keeps the energy.
        let shared = outs.iter().sum::<f32>() * (2.0 / LINES.len() as f32);
        let mut heard = 0.0;
        let mut sign = 1.0;
        for (out, line) in outs.iter().zip(&mut self.lines) {
            line.write(out - shared + sign * spread);
            heard += sign * out;
            sign = -sign;
        }
        heard
    }
}

#[inline]
fn scatter(spreaders: &mut [Spreader], sample: f32) -> f32 {
    spreaders
        .iter_mut()
        .fold(sample, |sample, spreader| spreader.next(sample))
}

/// First-order high-pass.
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

/// One resonance of the soundboard: a band-pass whose peak gain is its level.
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

/// Schroeder's all-pass: every frequency passes equally, but not at once.
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

/// One line of the room: a delay, the walls' loss, and their dullness.
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
