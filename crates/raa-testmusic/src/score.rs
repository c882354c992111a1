//! Bach's Goldberg Variation 1 as a list of notes: key, onset, length and strength.
//!
//! The notes are an embedded table in sixteenth notes. This module parses it, repeats each half as
//! the repeat signs ask, and adds the timing of a player: a breath between the halves, a
//! ritardando at the end, and hands that are never exactly together. All of that is computed from
//! the notes alone, so the music is the same at every start of the server.
//! Always: notes are ordered by onset; no onset is negative; both hands never strike one key at the
//! same time.

use std::f64::consts::TAU;

const TABLE: &str = include_str!("../assets/goldberg-var1.tsv");

/// Sixteenths in a bar of 3/4.
const BAR: u32 = 12;
/// Sixteenths in one half, which is played twice before the music goes on.
const HALF: u32 = 16 * BAR;
/// Sixteenths in both halves, without repeats.
const WHOLE: u32 = 2 * HALF;

/// Duration of a sixteenth in the steady tempo: 99 quarters per minute, so that the piece with its
/// repeats takes a little under two minutes.
const SIXTEENTH_S: f64 = 0.1515;
/// Silence before the first note, so that an early hand does not begin before the music.
const LEAD_IN_S: f64 = 0.1;

/// One key that is pressed and released.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Note {
    /// When the key is pressed, in seconds from the beginning.
    pub onset_s: f32,
    /// How long the key is held, in seconds.
    pub length_s: f32,
    /// The key's MIDI number: 69 is A4, 440 Hz.
    pub midi: u8,
    /// How firmly the string is plucked; about 1, as a harpsichord allows little difference.
    pub strength: f32,
}

/// A line of the table that is not a note. The text is short, because a developer has the file open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, {field}: {problem}")]
struct ScoreError {
    line: usize,
    field: &'static str,
    problem: String,
}

/// Returns the whole variation with its repeats, ordered by onset.
pub fn variation_1() -> Vec<Note> {
    perform(&parse(TABLE).expect("the embedded table is valid: a test reads it"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hand {
    Upper,
    Lower,
}

/// One line of the table: a note as written, in sixteenths and without repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Written {
    hand: Hand,
    onset: u32,
    length: u32,
    midi: u8,
}

fn parse(table: &str) -> Result<Vec<Written>, ScoreError> {
    table
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty())
        .map(|(index, line)| parse_line(index + 1, line))
        .collect()
}

fn parse_line(line: usize, text: &str) -> Result<Written, ScoreError> {
    let mut columns = text.split('\t');
    let mut take = |field| {
        columns
            .next()
            .map(|value| Field { line, field, value })
            .ok_or_else(|| wrong(line, field, "is missing"))
    };
    let (hand, onset, length) = (take("voice")?, take("onset_16th")?, take("length_16th")?);
    let (midi, name) = (take("midi")?, take("name")?);
    if columns.next().is_some() {
        return Err(wrong(line, "name", "is followed by another column"));
    }
    let onset = onset.number(0, WHOLE - 1)?;
    let midi = midi.number(21, 108)?;
    if name.value != name_of(midi) {
        return Err(name.wrong(&format!("midi {midi} is {}", name_of(midi))));
    }
    Ok(Written {
        hand: hand.hand()?,
        onset,
        length: length.number(1, HALF - onset % HALF)?,
        midi: midi as u8,
    })
}

#[derive(Clone, Copy)]
struct Field<'a> {
    line: usize,
    field: &'static str,
    value: &'a str,
}

impl Field<'_> {
    fn number(self, least: u32, most: u32) -> Result<u32, ScoreError> {
        let number = self.value.parse::<u32>().ok();
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| self.wrong(&format!("it must be a whole number from {least} to {most}")))
    }

    fn hand(self) -> Result<Hand, ScoreError> {
        match self.value {
            "upper" => Ok(Hand::Upper),
            "lower" => Ok(Hand::Lower),
            _ => Err(self.wrong("it must be upper or lower")),
        }
    }

    fn wrong(self, problem: &str) -> ScoreError {
        wrong(
            self.line,
            self.field,
            &format!("is {:?}; {problem}", self.value),
        )
    }
}

fn wrong(line: usize, field: &'static str, problem: &str) -> ScoreError {
    ScoreError {
        line,
        field,
        problem: problem.to_owned(),
    }
}

fn name_of(midi: u32) -> String {
    const NAMES: [&str; 12] = [
        "C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B",
    ];
    format!("{}{}", NAMES[midi as usize % 12], midi / 12 - 1)
}

/// Turns the written notes into played ones, with repeats, tempo and touch.
fn perform(written: &[Written]) -> Vec<Note> {
    let times = beat_times();
    let mut notes: Vec<Note> = one_key_once(written)
        .iter()
        .flat_map(|&note| {
            // Half 1 is played at 0 and 192, half 2 at 384 and 576.
            let first = note.onset + if note.onset < HALF { 0 } else { HALF };
            [first, first + HALF].map(|at| play(&note, at, &times))
        })
        .collect();
    notes.sort_by(|a, b| a.onset_s.total_cmp(&b.onset_s).then(a.midi.cmp(&b.midi)));
    notes
}

/// Keeps only the longer note where both hands have the same key, as a key has one set of strings.
fn one_key_once(written: &[Written]) -> Vec<Written> {
    let mut keys: Vec<Written> = written.to_vec();
    keys.sort_by_key(|note| (note.onset, note.midi, std::cmp::Reverse(note.length)));
    keys.dedup_by_key(|note| (note.onset, note.midi));
    keys
}

/// Returns the time in seconds at which each sixteenth of the performance begins, and its end.
fn beat_times() -> Vec<f64> {
    let mut now = LEAD_IN_S;
    let mut times = vec![now];
    for sixteenth in 0..2 * WHOLE {
        now += SIXTEENTH_S * stretch(sixteenth);
        times.push(now);
    }
    times
}

/// Returns the duration of a sixteenth relative to the steady tempo.
fn stretch(sixteenth: u32) -> f64 {
    /// Sixteenths in the ritardando at the end.
    const CLOSE: f64 = 20.0;
    /// How much longer the last sixteenth is.
    const CLOSE_SLOWER: f64 = 0.5;
    let phrase = 0.008 * (TAU * f64::from(sixteenth) / f64::from(4 * BAR)).cos();
    let to_double_bar = HALF - sixteenth % HALF;
    let breath = if to_double_bar <= 4 { 0.05 } else { 0.0 };
    let to_end = f64::from(2 * WHOLE - sixteenth);
    let close = ((CLOSE - to_end) / CLOSE).max(0.0);
    1.0 - phrase + breath + CLOSE_SLOWER * close * close
}

fn play(note: &Written, at: u32, times: &[f64]) -> Note {
    let (begin, end) = (times[at as usize], times[(at + note.length) as usize]);
    // The bass is a few milliseconds early, as with human players, and each note varies a little.
    let after_bass = if note.hand == Hand::Upper { 0.005 } else { 0.0 };
    let last = at + note.length == 2 * WHOLE;
    let held = if last { 1.5 } else { touch(note) };
    let accent = match note.onset {
        onset if onset % BAR == 0 => 1.05,
        onset if onset % 4 == 0 => 1.0,
        _ => 0.94,
    };
    Note {
        onset_s: (begin + after_bass + 0.004 * spread(at, note.midi, 1)) as f32,
        length_s: ((end - begin) * held) as f32,
        midi: note.midi,
        strength: (accent * (1.0 + 0.04 * spread(at, note.midi, 2))) as f32,
    }
}

/// Returns the share of its written length for which a key is held: runs are nearly legato, quavers
/// are shorter.
fn touch(note: &Written) -> f64 {
    match (note.length, note.hand) {
        (1, _) => 0.96,
        (2, Hand::Upper) => 0.84,
        (2, Hand::Lower) => 0.78,
        _ => 0.92,
    }
}

/// Returns a number from -1 to 1 for a note, which sounds random and is the same at every start.
fn spread(at: u32, midi: u8, salt: u32) -> f64 {
    let mut bits =
        at.wrapping_mul(0x9E37_79B1) ^ (u32::from(midi) << 8 | salt).wrapping_mul(0x85EB_CA6B);
    bits = (bits ^ (bits >> 15)).wrapping_mul(0x2C1B_3C6D);
    bits = (bits ^ (bits >> 12)).wrapping_mul(0x297A_2D39);
    bits ^= bits >> 15;
    f64::from(bits) / f64::from(u32::MAX) * 2.0 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_written_note() {
        let written = parse(TABLE).expect("the embedded table is valid");
        assert_eq!(written.len(), 552);
        assert_eq!(
            written
                .iter()
                .filter(|note| note.hand == Hand::Upper)
                .count(),
            298
        );
        assert_eq!(
            written[0],
            Written {
                hand: Hand::Upper,
                onset: 0,
                length: 1,
                midi: 67
            }
        );
        assert_eq!(
            written.iter().map(|note| note.onset + note.length).max(),
            Some(WHOLE)
        );
    }

    #[test]
    fn both_halves_are_repeated_in_about_two_minutes() {
        let notes = variation_1();
        assert_eq!(
            notes.len(),
            1100,
            "552 twice, less the two unisons of the hands, twice"
        );
        let end = notes
            .iter()
            .map(|note| note.onset_s + note.length_s)
            .fold(0.0, f32::max);
        assert!((116.0..120.0).contains(&end), "ends at {end} s");
        let half_s = SIXTEENTH_S as f32 * HALF as f32;
        let opening = |from: f32| -> Vec<u8> {
            notes
                .iter()
                .filter(|note| note.onset_s > from - 0.02)
                .take(8)
                .map(|note| note.midi)
                .collect()
        };
        let second_time = LEAD_IN_S as f32 + half_s + 0.03;
        let mut first: Vec<u8> = opening(0.0);
        let mut again: Vec<u8> = opening(second_time);
        first.sort_unstable();
        again.sort_unstable();
        assert_eq!(first, again);
    }

    #[test]
    fn notes_are_ordered_and_reproducible() {
        let notes = variation_1();
        assert_eq!(notes.len(), 1100);
        assert!(
            notes
                .windows(2)
                .all(|pair| pair[0].onset_s <= pair[1].onset_s)
        );
        assert!(
            notes
                .iter()
                .all(|note| note.onset_s > 0.0 && note.length_s > 0.05)
        );
        assert!(
            notes
                .iter()
                .all(|note| (0.85..1.15).contains(&note.strength))
        );
        assert_eq!(notes, variation_1());
    }

    #[test]
    fn only_the_end_slows_down() {
        let steady = |sixteenth| (stretch(sixteenth) - 1.0).abs() < 0.06;
        assert!((0..2 * WHOLE - 20).all(steady));
        assert!(stretch(2 * WHOLE - 1) > 1.4);
    }

    #[test]
    fn errors_name_line_and_field() {
        let check = |table: &str, message: &str| {
            assert_eq!(
                parse(table).map_err(|error| error.to_string()),
                Err(message.to_owned()),
                "{table:?}"
            );
        };
        check("# x\n\nupper\t0\t1\t67", "line 3, name: is missing");
        check("upper", "line 1, onset_16th: is missing");
        check(
            "middle\t0\t1\t67\tG4",
            "line 1, voice: is \"middle\"; it must be upper or lower",
        );
        check(
            "upper\t384\t1\t67\tG4",
            "line 1, onset_16th: is \"384\"; it must be a whole number from 0 to 383",
        );
        check(
            "upper\t191\t2\t67\tG4",
            "line 1, length_16th: is \"2\"; it must be a whole number from 1 to 1",
        );
        check(
            "upper\t0\t0\t67\tG4",
            "line 1, length_16th: is \"0\"; it must be a whole number from 1 to 192",
        );
        check(
            "upper\t0\t1\t-1\tG4",
            "line 1, midi: is \"-1\"; it must be a whole number from 21 to 108",
        );
        check(
            "upper\t0\t1\t67\tG5",
            "line 1, name: is \"G5\"; midi 67 is G4",
        );
        check(
            "upper\t0\t1\t67\tG4\tp",
            "line 1, name: is followed by another column",
        );
    }
}
