//! Hums become steady after two minutes; alarms of every cadence, speech and music never do.

use super::*;
use crate::SLOT_SAMPLES;
use crate::level::{Meter, from_dbfs};

const SLOTS_PER_SECOND: usize = 50;
const MINUTE: usize = 60;
/// -60 dBFS.
const LEAST_PEAK: f32 = 0.001;

/// Makes sample number `n` of a sound at 48 kHz.
type Sound = Box<dyn FnMut(usize) -> f32>;

/// Returns the second after which the sound is steady for the first time, and whether it is at the
/// end.
fn run(mut sound: Sound, seconds: usize) -> (Option<usize>, bool) {
    let mut steadiness = Steadiness::default();
    let mut meter = Meter::default();
    let mut first = None;
    for slot in 0..seconds * SLOTS_PER_SECOND {
        let pcm = std::array::from_fn(|i| sound(slot * SLOT_SAMPLES + i));
        steadiness.push(meter.push(&pcm), LEAST_PEAK);
        if steadiness.is_steady() && first.is_none() {
            first = Some(slot / SLOTS_PER_SECOND);
        }
    }
    (first, steadiness.is_steady())
}

#[track_caller]
fn check_steady(name: &str, sound: Sound) {
    let (first, is_steady) = run(sound, 3 * MINUTE);
    assert!(
        first.is_some_and(|s| (118..=125).contains(&s)),
        "{name}: {first:?}"
    );
    assert!(is_steady, "{name}");
}

#[track_caller]
fn check_never_steady(name: &str, sound: Sound) {
    assert_eq!(run(sound, 10 * MINUTE).0, None, "{name}");
}

fn sine(n: usize, hz: f32) -> f32 {
    // Whole periods per second keep the phase exact over minutes.
    ((n % 48_000) as f32 / 48_000.0 * hz * std::f32::consts::TAU).sin()
}

fn tone(hz: f32, dbfs: f32) -> Sound {
    let amplitude = from_dbfs(dbfs);
    Box::new(move |n| amplitude * sine(n, hz))
}

/// White noise through a one-pole low-pass.
fn noise(dbfs: f32, cutoff_hz: f32) -> Sound {
    let mut state = 0x9e37_79b9_u32;
    let smoothing = 1.0 - (-std::f32::consts::TAU * cutoff_hz / 48_000.0).exp();
    let mut filtered = 0.0;
    // The filter's output has this share of the input's power.
    let rms = (smoothing / (2.0 - smoothing) / 3.0).sqrt();
    let gain = from_dbfs(dbfs) / rms;
    Box::new(move |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let white = state as f32 / u32::MAX as f32 * 2.0 - 1.0;
        filtered += smoothing * (white - filtered);
        gain * filtered
    })
}

fn sum(mut a: Sound, mut b: Sound) -> Sound {
    Box::new(move |n| a(n) + b(n))
}

/// A sound that is on for `on_ms` of each `period_ms`.
fn pulsed(mut sound: Sound, on_ms: usize, period_ms: usize) -> Sound {
    Box::new(move |n| {
        let x = sound(n);
        if n / 48 % period_ms < on_ms { x } else { 0.0 }
    })
}

#[test]
fn hums_become_steady_after_two_minutes() {
    check_steady("mains hum", tone(50.0, -55.0));
    let harmonics = sum(
        tone(100.0, -50.0),
        sum(tone(300.0, -56.0), noise(-70.0, 5000.0)),
    );
    check_steady("hum with harmonics and hiss", harmonics);
    check_steady("hiss", noise(-62.0, 20_000.0));
    check_steady("fan", sum(noise(-50.0, 400.0), tone(120.0, -48.0)));
    check_steady("rumble", noise(-45.0, 150.0));
}

#[test]
fn noise_close_to_the_threshold_becomes_steady() {
    let dbfs = -69.0;
    // The peaks of some slots, but not of all, reach the threshold.
    let (mut sound, mut meter) = (noise(dbfs, 3000.0), Meter::default());
    let slots = (0..1000).map(|_| meter.push(&std::array::from_fn(&mut sound)).peak);
    let loud = slots.filter(|&peak| peak >= LEAST_PEAK).count();
    assert!((100..900).contains(&loud), "{loud} of 1000 slots");
    check_steady("hiss at the threshold", noise(dbfs, 3000.0));
}

#[test]
fn a_slowly_changing_fan_stays_steady() {
    let mut fan = noise(-50.0, 2000.0);
    // By 12 dB within ten minutes.
    let (first, is_steady) = run(
        Box::new(move |n| fan(n) * from_dbfs(n as f32 / 48_000.0 / 600.0 * 12.0)),
        10 * MINUTE,
    );
    assert!(first.is_some() && is_steady, "{first:?}");
}

#[test]
fn continuous_alarms_are_not_steady_at_once() {
    let (first, _) = run(tone(2800.0, -20.0), 2 * MINUTE - 1);
    assert_eq!(first, None, "a tone counts as an alarm for two minutes");
    check_steady("a tone that nobody ends", tone(2800.0, -20.0));
}

#[test]
fn beeping_alarms_are_never_steady() {
    for (on_ms, period_ms) in [
        (40, 80),
        (50, 100),
        (60, 120),
        (100, 200),
        (100, 1000),
        (150, 300),
        (200, 400),
        (500, 1000),
        (900, 1000),
        (1000, 2000),
        (3000, 4000),
        (9000, 10_000),
        (100, 15_000),
    ] {
        let beeps = pulsed(tone(1000.0, -20.0), on_ms, period_ms);
        check_never_steady(&format!("{on_ms} ms of {period_ms} ms"), beeps);
    }
}

#[test]
fn alarms_of_changing_level_are_never_steady() {
    let swelling = |period_s: f32| -> Sound {
        let mut tone = tone(1000.0, -20.0);
        Box::new(move |n| {
            let phase = n as f32 / 48_000.0 / period_s;
            tone(n) * from_dbfs(6.0 * (phase * std::f32::consts::TAU).sin())
        })
    };
    for period_s in [0.5, 1.0, 4.0, 20.0] {
        check_never_steady(&format!("swells every {period_s} s"), swelling(period_s));
    }
}

#[test]
fn speech_and_music_are_never_steady() {
    // Syllables: noise whose level moves by 20 dB four times a second, with pauses.
    let mut voice = noise(-30.0, 3000.0);
    check_never_steady(
        "speech",
        Box::new(move |n| {
            let seconds = n as f32 / 48_000.0;
            let level = 10.0 * (seconds * 4.0 * std::f32::consts::TAU).sin();
            voice(n) * from_dbfs(level) * if seconds % 5.0 < 4.0 { 1.0 } else { 0.0 }
        }),
    );
    // Notes that fade, three per second, like a plucked string.
    check_never_steady(
        "music",
        Box::new(|n| {
            let seconds = n as f32 / 48_000.0;
            let hz = [262.0, 330.0, 392.0, 523.0][(seconds * 3.0) as usize % 4];
            0.2 * sine(n, hz) * (-(seconds * 3.0 % 1.0) * 3.0).exp()
        }),
    );
}

#[test]
fn an_alarm_in_a_hum_counts_at_once() {
    let hum = || sum(tone(50.0, -50.0), noise(-60.0, 5000.0));
    for beep_dbfs in [-40.0, -20.0] {
        let mut background = hum();
        let mut beep = tone(1000.0, beep_dbfs);
        let mut steadiness = Steadiness::default();
        let mut meter = Meter::default();
        for slot in 0..150 * SLOTS_PER_SECOND {
            let pcm = std::array::from_fn(|i| background(slot * SLOT_SAMPLES + i));
            steadiness.push(meter.push(&pcm), LEAST_PEAK);
        }
        assert!(steadiness.is_steady());
        let pcm = std::array::from_fn(|i| background(i) + beep(i));
        steadiness.push(meter.push(&pcm), LEAST_PEAK);
        assert!(!steadiness.is_steady(), "{beep_dbfs} dBFS");
    }
    // A low battery that beeps once in 15 seconds keeps the hum from becoming steady.
    check_never_steady(
        "hum and beeps",
        sum(hum(), pulsed(tone(1000.0, -30.0), 60, 15_000)),
    );
}

#[test]
fn silence_is_never_steady() {
    check_never_steady("digital silence", Box::new(|_| 0.0));
    check_never_steady("noise below the threshold", noise(-85.0, 20_000.0));
}

#[test]
fn a_break_starts_the_two_minutes_again() {
    let mut steadiness = Steadiness::default();
    let level = SlotLevel {
        mean_square: 1e-4,
        peak: 0.02,
    };
    let two_minutes = STEADY_AFTER_WINDOWS * WINDOW_SLOTS;
    (0..two_minutes).for_each(|_| steadiness.push(level, LEAST_PEAK));
    assert!(steadiness.is_steady());
    steadiness.restart();
    (1..two_minutes).for_each(|_| steadiness.push(level, LEAST_PEAK));
    assert!(!steadiness.is_steady());
    steadiness.push(level, LEAST_PEAK);
    assert!(steadiness.is_steady());
}
