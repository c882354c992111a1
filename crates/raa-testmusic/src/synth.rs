//! A small harpsichord that plays a list of notes, block by block, as 48 kHz mono samples.
//!
//! Each key has three choirs of strings: two at pitch, plucked at different points and tuned a
//! shade apart, and a soft one an octave higher. Letting the key go drops a damper on them. All
//! sound passes a soundboard and a small room. It streams: nothing is rendered ahead.
//! Always: the samples depend on the notes alone, never on how they are cut into blocks; a pass
//! begins and ends in silence and is a whole number of 20 ms frames long; nothing is allocated
//! once as many keys have sounded together as ever do.

mod room;
mod string;
#[cfg(test)]
mod tests;

use room::Room;
use string::{Pluck, PluckedString};

use crate::score::Note;

const SAMPLE_RATE: u32 = 48_000;
const FRAME: u64 = 960;

/// From the last key's release to the end of the pass: the strings and the room are below -80 dBFS.
const FADE_S: f64 = 0.8;
/// Puts the loudest passage at about -6 dBFS.
const LEVEL: f32 = 0.1;
/// A new tone swells over these samples, so that its first wave does not click.
const SWELL_S: f64 = 0.0008;

struct Choir {
    octave: f64,
    cents: f64,
    level: f64,
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

/// Plays one pass of a list of notes.
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
    /// `notes` are ordered by onset.
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

    /// Renders what comes next. After the end of the pass that is the inaudible last of the room's decay.
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

    /// Whether the pass has been rendered whole, with the decay of its last note.
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

/// One key's strings and jack, from the strike until the damped strings are inaudible.
struct Key {
    strings: [PluckedString; CHOIRS.len()],
    held: u64,
    dying: u64,
    let_go: bool,
    swell: f32,
    jack: Jack,
}

impl Key {
    fn new() -> Self {
        Self {
            strings: CHOIRS.map(|_| PluckedString::new()),
            held: 0,
            dying: 0,
            let_go: false,
            swell: 0.0,
            jack: Jack::default(),
        }
    }

    fn is_silent(&self) -> bool {
        self.held == 0 && self.dying == 0
    }

    /// `chance` gives every strike its own small differences.
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
        // 1.7 times the time to -60 dB: what is cut off is 100 dB down.
        self.dying = (1.7 * damped_s * f64::from(SAMPLE_RATE)) as u64;
        self.let_go = false;
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
        if self.held == 0 && !self.let_go {
            self.let_go();
        }
        let dying = released.len().min(self.dying as usize);
        self.ring(&mut released[..dying]);
        self.dying -= dying as u64;
    }

    fn let_go(&mut self) {
        self.let_go = true;
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

/// The jack falling back and the quill brushing past the string: a soft, dull, short noise.
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

/// A small xorshift generator: the same numbers at every start.
#[derive(Debug)]
struct Chance(u32);

impl Default for Chance {
    fn default() -> Self {
        Self(0x2545_F491)
    }
}

impl Chance {
    /// The next number, from -1 to 1.
    #[inline]
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as f32 / u32::MAX as f32 * 2.0 - 1.0
    }
}
