//! Pauses of a sender are silence and not losses, and nothing of the next talkspurt is cut off.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::*;
use raa_core::SLOT;
use raa_sim::{Jitter, Link, Pause, World};

fn link() -> Link {
    Link {
        delay: 20 * MS,
        jitter: Jitter::Uniform(5 * MS),
        ..Link::default()
    }
}

fn assert_nothing_was_lost(world: &World, case: &str) {
    let stats = view(world, ALICE).stats;
    assert_eq!(
        (stats.lost, stats.late, stats.concealed),
        (0, 0, 0),
        "{case}: {stats:?}"
    );
}

/// Speaks for 3 s, pauses, and speaks for 3 s again; all of it must be in the mix.
#[track_caller]
fn check(length: Duration, pause: Pause, marks_talkspurts: bool) {
    let case = format!("{length:?} of {pause:?}, marker {marks_talkspurts}");
    let mut alice = alice();
    alice.marks_talkspurts = marks_talkspurts;
    let mut world = listening(31, alice, link());
    world.run_for(3 * SECOND);
    world.sender(0).pause(pause);
    world.run_for(length);
    world.sender(0).speak();
    let resumed = world.now();
    world.run_for(3 * SECOND);
    world.sender(0).pause(Pause::Nothing);
    world.run_for(SECOND);
    assert_nothing_was_lost(&world, &case);
    // 20 ms of capture, 20 to 25 ms of network, 25 to 40 ms of buffer and up to 20 ms until the
    // slot. Before that, the end of the previous talkspurt may still fade out.
    let earliest = resumed + 70 * MS;
    let onset = earliest - resumed + world.listener.onset(ALICE_HZ, earliest).unwrap();
    assert!(onset <= 130 * MS, "{case}: onset after {onset:?}");
    let audible = world.listener.audible(ALICE_HZ, earliest, world.now());
    // The concealment after the last packet is above half the level for 70 ms.
    let expected = 3000 * MS..=3100 * MS;
    assert!(
        expected.contains(&(audible + 10 * MS)),
        "{case}: audible for {audible:?}"
    );
}

#[test]
fn pauses_of_any_kind_are_silence() {
    for length in [100 * MS, 400 * MS, 3 * SECOND, 15 * SECOND] {
        for pause in [Pause::Nothing, Pause::KeepAlive] {
            for marks_talkspurts in [true, false] {
                check(length, pause, marks_talkspurts);
            }
        }
    }
}

/// Pauses for an hour, and observes the next talkspurt slot by slot with the client's meter.
#[track_caller]
fn check_hour(pause: Pause, drift_ppm: f64) {
    let case = format!("{pause:?}, {drift_ppm} ppm");
    let mut world = counting(33, alice_with_drift(drift_ppm), link());
    world.run_for(3 * SECOND);
    world.sender(0).pause(pause);
    world.run_for(HOUR);
    world.sender(0).speak();
    let mut sounding = Vec::new();
    for slot in 1..=150u32 {
        world.run_for(SLOT);
        let ago = view(&world, ALICE).last_sound_ago;
        sounding.extend(ago.is_some_and(|ago| ago < SLOT).then_some(slot));
    }
    assert_nothing_was_lost(&world, &case);
    assert!(
        (2..=5).contains(&sounding[0]),
        "{case}: onset in slot {}",
        sounding[0]
    );
    assert_eq!(
        sounding.len() as u32,
        151 - sounding[0],
        "{case}: holes after the onset"
    );
    let delay_ms = view(&world, ALICE).stats.delay_ms;
    assert!(
        (20.0..42.0).contains(&delay_ms),
        "{case}: delay {delay_ms} ms"
    );
}

#[test]
fn an_hour_of_pause_with_drift_is_silence() {
    for pause in [Pause::Nothing, Pause::KeepAlive] {
        for drift_ppm in [0.0, 200.0, -200.0] {
            check_hour(pause, drift_ppm);
        }
    }
}

#[test]
fn a_paused_player_is_audible_again_soon() {
    let mut world = listening(
        32,
        alice(),
        Link {
            delay: 20 * MS,
            ..Link::default()
        },
    );
    for length in [300 * MS, 5 * SECOND, 60 * SECOND] {
        world.run_for(3 * SECOND);
        world.sender(0).pause(Pause::TimeStops);
        world.run_for(length);
        world.sender(0).speak();
        let resumed = world.now();
        world.run_for(3 * SECOND);
        let onset = world.listener.onset(ALICE_HZ, resumed + 60 * MS).unwrap() + 60 * MS;
        assert!(onset < 130 * MS, "{length:?}: audible after {onset:?}");
        assert_nothing_was_lost(&world, &format!("{length:?} of {:?}", Pause::TimeStops));
    }
}
