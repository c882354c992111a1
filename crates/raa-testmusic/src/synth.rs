//! A small harpsichord that renders a list of notes, block by block, as 48 kHz mono samples.
//!
//! Each key has three strings: two at pitch, plucked at different points and slightly detuned, and
//! a soft one an octave higher. Releasing the key drops a damper on them. All sound passes through
//! a soundboard and a small room. Nothing is rendered in advance.
//! Always: the samples depend on the notes alone and not on the size of the blocks; a pass begins
//! and ends in silence and lasts a whole number of 20 ms frames; memory is allocated only until as
//! many keys have sounded together as ever do.

mod room;
mod string;
#[cfg(test)]
mod tests;

use room::Room;
use string::{Pluck, PluckedString};

use crate::score::Note;

/// Samples per second.
const SAMPLE_RATE: u32 = 48_000;
/// Samples in a frame of 20 ms.
const FRAME: u64 = 960;

/// The time from the release of the last key to the end of the pass, in seconds. The sound is below
/// -80 dBFS then.
const FADE_S: f64 = 0.8;
/// Gain that puts the loudest passage at about -6 dBFS.
const LEVEL: f32 = 0.1;
/// Duration of the fade-in of a new tone in seconds, so that it does not begin with a click.
const SWELL_S: f64 = 0.0008;

/// A set of strings, one for each key.
struct Choir {
    /// Factor of the frequency.
    octave: f64,
    /// Detuning in cents.
    cents: f64,
    level: f64,
    /// Plucking point, as a part of the string's length from the bridge.
    point: f64,
    quill_hz: f64,
}

const CHOIRS: [Choir; 3] = [
    Choir {
        octave: 1.0,
        cents: -0.6,
        level: 1.0,
        point: 0.12,
        quill_hz: 6000.0,
    },
    Choir {
        octave: 1.0,
        cents: 0.6,
        level: 0.7,
        point: 0.075,
        quill_hz: 7500.0,
    },
    Choir {
        octave: 2.0,
        cents: 0.9,
        level: 0.25,
        point: 0.2,
        quill_hz: 8000.0,
    },
];

/// Renders one pass of a list of notes.
pub struct Harpsichord {
    notes: Vec<Note>,
    next_note: usize,
    position: u64,
    length: u64,
    keys: Vec<Key>,
    room: Room,
    chance: Chance,
}

impl Harpsichord {
    /// Creates an instrument that plays `notes`, which must be ordered by onset.
    pub fn new(notes: Vec<Note>) -> Self {
        let last = notes
            .iter()
            .map(|note| samples(note.onset_s) + samples(note.length_s))
            .max();
        let length = last.unwrap_or(0) + (FADE_S * f64::from(SAMPLE_RATE)) as u64;
        Self {
            notes,
            next_note: 0,
            position: 0,
            length: length.next_multiple_of(FRAME),
            keys: Vec::new(),
            room: Room::new(),
            chance: Chance::default(),
        }
    }

    /// Renders the next samples. After the end of the pass, that is the inaudible rest of the room's
    /// decay.
    pub fn render(&mut self, out: &mut [f32]) {
        let mut rest = out;
        while !rest.is_empty() {
            self.strike_due();
            let until_note = self
                .notes
                .get(self.next_note)
                .map(|note| samples(note.onset_s) - self.position);
            let run = until_note.map_or(rest.len(), |gap| rest.len().min(gap as usize));
            let (block, later) = rest.split_at_mut(run);
            block.fill(0.0);
            for key in &mut self.keys {
                key.add_to(block);
            }
            self.room.process(block);
            self.position += run as u64;
            rest = later;
        }
    }

    /// Whether the whole pass has been rendered, including the decay of its last note.
    pub fn is_over(&self) -> bool {
        self.position >= self.length
    }

    fn strike_due(&mut self) {
        while let Some(note) = self
            .notes
            .get(self.next_note)
            .filter(|note| samples(note.onset_s) <= self.position)
        {
            let free = self
                .keys
                .iter()
                .position(Key::is_silent)
                .unwrap_or_else(|| {
                    self.keys.push(Key::new());
                    self.keys.len() - 1
                });
            self.keys[free].strike(note, &mut self.chance);
            self.next_note += 1;
        }
    }
}

fn samples(seconds: f32) -> u64 {
    (f64::from(seconds) * f64::from(SAMPLE_RATE)).round() as u64
}

/// The strings and the jack of one key, from the strike until the damped strings are inaudible.
struct Key {
    strings: [PluckedString; CHOIRS.len()],
    /// Samples until the key is released.
    held: u64,
    /// Samples until the damped strings are inaudible, once the key is released.
    dying: u64,
    is_released: bool,
    swell: f32,
    jack: Jack,
}

impl Key {
    fn new() -> Self {
        Self {
            strings: CHOIRS.map(|_| PluckedString::new()),
            held: 0,
            dying: 0,
            is_released: false,
            swell: 0.0,
            jack: Jack::default(),
        }
    }

    fn is_silent(&self) -> bool {
        self.held == 0 && self.dying == 0
    }

    /// Strikes the key. `chance` makes every strike a little different.
    fn strike(&mut self, note: &Note, chance: &mut Chance) {
        // 0 at the lowest D of the piece, 1 four octaves above.
        let height = (f64::from(note.midi) - 38.0) / 48.0;
        let damped_s = 0.26 - 0.12 * height;
        for (string, choir) in self.strings.iter_mut().zip(&CHOIRS) {
            let semitones = f64::from(note.midi) - 69.0 + choir.cents / 100.0;
            let pluck = Pluck {
                frequency_hz: 440.0 * choir.octave * (semitones / 12.0).exp2(),
                point: (choir.point + 0.10 * height) * (1.0 + 0.03 * f64::from(chance.next())),
                level: choir.level * f64::from(note.strength) * (1.0 + 0.3 * height),
                quill_hz: choir.quill_hz,
                decay_s: 9.0 * (-1.2 * height).exp(),
                bright_decay_s: 1.3 * (-0.6 * height).exp(),
                damped_s,
            };
            string.pluck(&pluck, chance);
        }
        self.held = samples(note.length_s).max(1);
        // 1.7 times the time to -60 dB, so that the sound is cut off at about -100 dB.
        self.dying = (1.7 * damped_s * f64::from(SAMPLE_RATE)) as u64;
        self.is_released = false;
        self.swell = 0.0;
        self.jack = Jack::default();
    }

    fn add_to(&mut self, block: &mut [f32]) {
        if self.is_silent() {
            return;
        }
        let (held, released) = block.split_at_mut(block.len().min(self.held as usize));
        self.ring(held);
        self.held -= held.len() as u64;
        if self.held == 0 && !self.is_released {
            self.release();
        }
        let dying = released.len().min(self.dying as usize);
        self.ring(&mut released[..dying]);
        self.dying -= dying as u64;
    }

    fn release(&mut self) {
        self.is_released = true;
        self.strings.iter_mut().for_each(PluckedString::damp);
        self.jack.fall();
    }

    fn ring(&mut self, block: &mut [f32]) {
        const SWELL: f32 = 1.0 / (SWELL_S as f32 * SAMPLE_RATE as f32);
        for sample in block {
            self.swell = (self.swell + SWELL).min(1.0);
            let [front, back, octave] = &mut self.strings;
            let strings = front.next() + back.next() + octave.next();
            *sample += LEVEL * (self.swell * strings + self.jack.next());
        }
    }
}

/// The noise of the jack that falls back and brushes the string: soft, dull and short.
#[derive(Default)]
struct Jack {
    strength: f32,
    dull: f32,
    duller: f32,
    chance: Chance,
}

impl Jack {
    const STRENGTH: f32 = 0.05;

    fn fall(&mut self) {
        self.strength = Self::STRENGTH;
    }

    #[inline]
    fn next(&mut self) -> f32 {
        if self.strength < Self::STRENGTH * 1e-4 {
            return 0.0;
        }
        self.strength *= 0.997;
        self.dull += 0.12 * (self.strength * self.chance.next() - self.dull);
        self.duller += 0.12 * (self.dull - self.duller);
        self.duller
    }
}

/// A small xorshift generator, which gives the same numbers at every start.
#[derive(Debug)]
struct Chance(u32);

impl Default for Chance {
    fn default() -> Self {
        Self(0x2545_F491)
    }
}

impl Chance {
    /// Returns the next number, from -1 to 1.
    #[inline]
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as f32 / u32::MAX as f32 * 2.0 - 1.0
    }
}
