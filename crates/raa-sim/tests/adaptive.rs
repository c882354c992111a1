//! The playout delay is as short as the network allows, follows it, and changes inaudibly.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::*;
use raa_core::source::SourceStats;
use raa_sim::measure::tone::{disturbed_share, largest_step};
use raa_sim::world::clip::AMPLITUDE;
use raa_sim::{Clip, Jitter, Link, OneSource, Sender};

const WARM_UP: Duration = Duration::from_secs(10);
/// Pitch of the tone in tests of audibility.
const TONE_HZ: u32 = 1000;
/// The smallest step between two samples that counts as audible: -50 dBFS.
const AUDIBLE_STEP: f64 = 0.003_16;

fn steady() -> Link {
    Link {
        delay: 25 * MS,
        ..Link::default()
    }
}

fn tone_with_drift(drift_ppm: f64) -> Sender {
    let clip = Arc::new(Clip::tone(TONE_HZ).unwrap());
    Sender::new(ALICE, clip, Duration::ZERO, drift_ppm)
}

fn mean_delay_ms(watched: &[SourceStats]) -> f64 {
    watched.iter().map(|stats| stats.delay_ms).sum::<f64>() / watched.len() as f64
}

/// Returns the number of late packets per packet received.
fn late_share(before: SourceStats, after: SourceStats) -> f64 {
    (after.late - before.late) as f64 / (after.received - before.received) as f64
}

#[test]
fn a_calm_network_needs_20_to_30_ms() {
    for phase_ms in [20, 23, 26, 29, 32, 35, 38] {
        let link = Link {
            delay: phase_ms * MS,
            ..Link::default()
        };
        let mut one = OneSource::new(1, alice(), link).unwrap();
        // A source starts with a longer delay than it needs.
        one.run_for(20 * SECOND);
        for stats in one.run_watched(60 * SECOND) {
            let delay_ms = stats.delay_ms;
            assert!(
                (20.0..=30.0).contains(&delay_ms),
                "{phase_ms}: {delay_ms} ms"
            );
        }
        assert_eq!((one.stats().late, one.stats().concealed), (0, 0));
    }
}

#[test]
fn the_delay_covers_the_jitter() {
    for (seed, jitter_ms) in [
        (1, 10),
        (2, 30),
        (3, 60),
        (4, 120),
        (5, 10),
        (6, 30),
        (7, 60),
        (8, 120),
    ] {
        let link = Link {
            jitter: Jitter::exponential_with_p99(jitter_ms * MS),
            ..steady()
        };
        let mut one = OneSource::new(seed, alice(), link).unwrap();
        one.run_for(WARM_UP);
        let before = one.stats();
        let watched = one.run_watched(120 * SECOND);
        let delay_ms = mean_delay_ms(&watched);
        assert!(
            delay_ms <= f64::from(jitter_ms) + 25.0,
            "{jitter_ms} ms of jitter: {delay_ms} ms of delay, seed {seed}"
        );
        let late = late_share(before, one.stats());
        assert!(
            late < 0.005,
            "{jitter_ms} ms of jitter: {late} late, seed {seed}"
        );
    }
}

#[test]
fn the_delay_recovers_from_jitter_within_30_s() {
    for seed in 1..=5 {
        let mut one = OneSource::new(seed, alice(), steady()).unwrap();
        one.run_for(30 * SECOND);
        let before = one.stats();
        one.path.link.jitter = Jitter::exponential_with_p99(120 * MS);
        one.run_for(15 * SECOND);
        one.path.link.jitter = Jitter::None;
        let after = one.run_watched(30 * SECOND);
        // The first delayed packets are late, because the jitter cannot be foreseen.
        let late = late_share(before, one.stats());
        assert!(late < 0.02, "seed {seed}: {late} late");
        let delay_ms = after[29].delay_ms;
        assert!(delay_ms <= 32.0, "seed {seed}: {delay_ms} ms");
        assert_eq!(after[29].concealed, after[1].concealed, "seed {seed}");
    }
}

#[test]
fn a_bad_network_disturbs_less_than_3_percent() {
    let link = Link {
        jitter: Jitter::Exponential(20 * MS),
        loss: 0.02,
        reorder: 0.01,
        ..steady()
    };
    for seed in 1..=5 {
        let mut sender = tone_with_drift(0.0);
        sender.redundancy = 1;
        let mut one = OneSource::new(seed, sender, link).unwrap();
        one.run_for(WARM_UP);
        let pcm = one.record(60 * SECOND);
        let share = disturbed_share(&pcm, TONE_HZ.into(), AMPLITUDE.into());
        assert!(share < 0.03, "seed {seed}: {share}");
    }
}

/// Runs 48 hours with a drifting clock: the delay stays the same, and there is no audible step.
#[track_caller]
fn check_two_days(drift_ppm: f64) {
    let mut one = OneSource::new(1, tone_with_drift(drift_ppm), steady()).unwrap();
    one.run_for(120 * SECOND);
    let before = one.stats();
    let start_ms = mean_delay_ms(&one.run_watched(10 * SECOND));
    let tone_hz = f64::from(TONE_HZ);
    for window in 0..200 {
        for stats in one.run_watched(864 * SECOND) {
            let off_ms = stats.delay_ms - start_ms;
            assert!(
                off_ms.abs() <= 10.0,
                "{drift_ppm} ppm, {:?}: delay {} ms, was {start_ms} ms",
                one.now(),
                stats.delay_ms
            );
        }
        let step = largest_step(&one.record(200 * MS), tone_hz);
        assert!(
            step < AUDIBLE_STEP,
            "{drift_ppm} ppm, window {window} until {:?}: a step of {step}",
            one.now()
        );
    }
    let after = one.stats();
    assert_eq!(
        (after.concealed, after.late),
        (before.concealed, before.late),
        "{drift_ppm} ppm"
    );
}

#[test]
fn two_days_of_500_ppm_drift_are_inaudible() {
    let checks = [500.0, -500.0].map(|drift_ppm| thread::spawn(move || check_two_days(drift_ppm)));
    for check in checks {
        check.join().unwrap();
    }
}
