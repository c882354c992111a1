//! Measurements of the harpsichord's samples: pitch, level, silence and reproducibility.
//!
//! Only parts of the music are rendered, to keep the tests fast.
//! Always: measurements are of the final sound, after soundboard and room.

use std::f64::consts::TAU;

use super::*;
use crate::score::variation_1;

const SECOND: usize = SAMPLE_RATE as usize;

fn note(midi: u8, length_s: f32) -> Note {
    Note {
        onset_s: 0.1,
        length_s,
        midi,
        strength: 1.0,
    }
}

fn render(notes: Vec<Note>, length: usize) -> Vec<f32> {
    let mut samples = vec![0.0; length];
    Harpsichord::new(notes).render(&mut samples);
    samples
}

/// Returns a part of the variation, moved to the beginning.
fn part(from_s: f32, to_s: f32) -> Vec<Note> {
    let whole = variation_1().into_iter();
    let inside = whole.filter(|note| (from_s..to_s).contains(&note.onset_s));
    inside
        .map(|note| Note {
            onset_s: note.onset_s - from_s + 0.1,
            ..note
        })
        .collect()
}

fn dbfs(samples: &[f32]) -> f32 {
    let power = samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32;
    10.0 * power.max(1e-20).log10()
}

/// Returns the amplitude and the phase (in cycles) of a frequency, measured with a Hann window.
fn partial(samples: &[f32], hz: f64) -> (f64, f64) {
    let (mut re, mut im) = (0.0, 0.0);
    for (index, &sample) in samples.iter().enumerate() {
        let window = 1.0 - (TAU * index as f64 / samples.len() as f64).cos();
        let (sin, cos) = (TAU * hz * index as f64 / f64::from(SAMPLE_RATE)).sin_cos();
        re += window * cos * f64::from(sample);
        im += window * sin * f64::from(sample);
    }
    (re.hypot(im) / samples.len() as f64, (-im).atan2(re) / TAU)
}

/// Returns how far a tone is from `hz` in cents, by the change of its phase within 50 ms.
fn cents_off(tone: &[f32], hz: f64) -> f64 {
    let (window, apart) = (SECOND * 2 / 5, SECOND / 20);
    let apart_s = apart as f64 / f64::from(SAMPLE_RATE);
    let (strength, early) = partial(&tone[..window], hz);
    assert!(strength > 0.003, "nothing sounds at {hz} Hz");
    let (_, late) = partial(&tone[apart..][..window], hz);
    let turns = late - early - hz * apart_s;
    let off_hz = (turns - turns.round()) / apart_s;
    1200.0 * (1.0 + off_hz / hz).log2()
}

#[test]
fn every_register_is_in_tune() {
    for midi in [38, 43, 50, 57, 62, 69, 74, 80, 86] {
        let hz = 440.0 * ((f64::from(midi) - 69.0) / 12.0).exp2();
        let tone = render(vec![note(midi, 2.0)], SECOND * 7 / 10);
        let off = cents_off(&tone[SECOND / 5..], hz);
        assert!(off.abs() < 2.0, "midi {midi} is {off:.2} cents off");
    }
}

#[test]
fn pitch_is_measured_to_three_cents() {
    let tone: Vec<f32> = (0..SECOND)
        .map(|index| (0.1 * (TAU * 440.0 * index as f64 / f64::from(SAMPLE_RATE)).sin()) as f32)
        .collect();
    assert!((cents_off(&tone, 440.0 * (3.0_f64 / 1200.0).exp2()) + 3.0).abs() < 0.1);
}

#[test]
fn the_music_is_loud_and_does_not_clip() {
    let busy = render(part(96.0, 104.0), 8 * SECOND);
    let peak = busy
        .iter()
        .fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    assert!(busy.iter().all(|sample| sample.is_finite()));
    assert!((0.25..0.7).contains(&peak), "peak {peak}");
    assert!(
        (-23.0..-17.0).contains(&dbfs(&busy)),
        "level {} dBFS",
        dbfs(&busy)
    );
    let mean = busy.iter().sum::<f32>() / busy.len() as f32;
    assert!(mean.abs() < 1e-4, "DC {mean}");
}

#[test]
fn a_pass_begins_and_ends_in_silence() {
    let mut player = Harpsichord::new(part(115.0, 120.0));
    let mut samples = Vec::new();
    while !player.is_over() {
        let mut frame = [0.0; FRAME as usize];
        player.render(&mut frame);
        samples.extend_from_slice(&frame);
    }
    assert_eq!(samples.len() as u64, player.length, "over within a frame");
    assert!(samples[..SECOND / 20].iter().all(|&sample| sample == 0.0));
    assert!(dbfs(&samples[samples.len() - SECOND / 20..]) < -80.0);
    let mut pause = vec![0.0; 2 * SECOND];
    player.render(&mut pause);
    assert!(dbfs(&pause) < -90.0, "the decay continues");
    assert!(dbfs(&pause[SECOND..]) < -110.0);
}

#[test]
fn a_tone_starts_without_a_click() {
    let tone = render(vec![note(60, 1.0)], SECOND / 5);
    let onset = SECOND / 10;
    assert!(tone[..onset].iter().all(|&sample| sample == 0.0));
    let step = |stretch: &[f32]| {
        stretch
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).abs())
            .fold(0.0, f32::max)
    };
    assert!(tone[onset].abs() < 1e-3, "starts at {}", tone[onset]);
    assert!(
        step(&tone[..onset + 40]) <= step(&tone[onset + 40..]),
        "swells, then sounds"
    );
}

#[test]
fn a_tone_decays_and_stops_on_release() {
    let tone = render(vec![note(55, 1.5)], 3 * SECOND);
    let level = |at_s: f32| dbfs(&tone[(at_s * SECOND as f32) as usize..][..SECOND / 10]);
    let (early, held, damped, gone) = (level(0.15), level(1.45), level(2.0), level(2.6));
    assert!(
        held < early - 5.0 && held > early - 30.0,
        "held: {early} then {held} dBFS"
    );
    assert!(
        damped < held - 25.0,
        "the damper: {held} then {damped} dBFS"
    );
    assert!(gone < -85.0, "after release: {gone} dBFS");
}

#[test]
fn the_sound_does_not_depend_on_block_sizes() {
    let notes = part(10.0, 11.0);
    let expected = render(notes.clone(), 3 * SECOND);
    for size in [960, 1, 333, 4801] {
        let mut player = Harpsichord::new(notes.clone());
        let mut samples = vec![0.0; expected.len()];
        samples
            .chunks_mut(size)
            .for_each(|block| player.render(block));
        assert!(
            samples == expected,
            "blocks of {size} samples sound different"
        );
    }
}

#[test]
fn no_notes_are_silence() {
    let mut player = Harpsichord::new(Vec::new());
    let mut samples = vec![1.0; 3 * SECOND];
    player.render(&mut samples);
    assert!(samples.iter().all(|&sample| sample == 0.0));
    assert!(player.is_over());
}
