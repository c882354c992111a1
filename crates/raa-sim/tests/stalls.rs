//! A stall of the server, the network or the sender has no lasting effect.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::*;
use raa_sim::world::clip::Packing;
use raa_sim::{Jitter, Link, World};

fn steady_link() -> Link {
    Link {
        delay: 20 * MS,
        jitter: Jitter::Uniform(5 * MS),
        ..Link::default()
    }
}

/// The time after which the delay of a source has settled.
const SETTLED: Duration = Duration::from_secs(20);

/// Lets 20 s of tone pass, then a stall and 10 s more. At most 5 s after the stall, the delay must
/// be the same as before and the tone whole again, and every slot must be accounted for.
#[track_caller]
fn check(case: &str, length: Duration, stall: impl Fn(&mut World, Duration)) -> World {
    let mut world = listening(21, alice(), steady_link());
    world.run_for(SETTLED);
    let before_ms = view(&world, ALICE).stats.delay_ms;
    stall(&mut world, length);
    world.run_for(length + 5 * SECOND);
    let stats = view(&world, ALICE).stats;
    let off_ms = (stats.delay_ms - before_ms).abs();
    assert!(
        off_ms < 10.0,
        "{case} {length:?}: delay {} ms, was {before_ms}",
        stats.delay_ms
    );
    let whole_from = world.now();
    world.run_for(5 * SECOND);
    let audible = world
        .listener
        .audible(ALICE_HZ, whole_from, world.now() - 100 * MS);
    assert!(
        audible >= 4890 * MS,
        "{case} {length:?}: audible for {audible:?}, {stats:?}"
    );
    assert_eq!(
        world.listener.frames + world.listener.skipped_slots,
        world.slots_due(),
        "{case} {length:?}"
    );
    assert_eq!(world.listener.breaks, 0);
    world
}

#[test]
fn a_server_stall_skips_only_its_own_slots() {
    for length in [100 * MS, 300 * MS, SECOND, 5 * SECOND] {
        let world = check("server", length, World::stall_server);
        let skipped = (length.as_millis() / 20) as u64;
        assert!(
            (skipped - 1..=skipped).contains(&world.listener.skipped_slots),
            "{}",
            world.listener.skipped_slots
        );
        let again = world.listener.onset(ALICE_HZ, SETTLED + length).unwrap();
        assert!(
            again <= 100 * MS,
            "{length:?}: audible again after {again:?}"
        );
        assert_eq!(view(&world, ALICE).stats.lost, 0);
    }
}

#[test]
fn a_network_stall_has_no_lasting_effect() {
    for length in [100 * MS, 300 * MS, SECOND, 5 * SECOND] {
        let world = check("network", length, |world, length| {
            let until = world.now() + length;
            world.path(0).hold(until);
        });
        let again = world.listener.onset(ALICE_HZ, SETTLED + length).unwrap();
        assert!(
            again <= 100 * MS,
            "{length:?}: audible again after {again:?}"
        );
        assert_eq!(
            (world.listener.skipped_slots, view(&world, ALICE).stats.lost),
            (0, 0)
        );
    }
}

/// The first packet after a stall looks like the first one after a pause of the sender's clock.
#[test]
fn a_burst_that_catches_up_is_no_stopped_clock() {
    for length in [120 * MS, 200 * MS, 300 * MS, SECOND, 4 * SECOND] {
        let mut world = listening(23, alice(), steady_link());
        world.run_for(SETTLED);
        let before_ms = view(&world, ALICE).stats.delay_ms;
        let until = world.now() + length;
        world.path(0).hold(until);
        world.run_for(length + 3 * SECOND);
        let stats = view(&world, ALICE).stats;
        let off_ms = (stats.delay_ms - before_ms).abs();
        assert!(off_ms < 10.0, "{length:?}: {stats:?}, was {before_ms} ms");
        let missing = stats.concealed as f64 * 0.02;
        let gap = length.as_secs_f64() - 0.15..length.as_secs_f64();
        assert!(
            stats.late > 0 && gap.contains(&missing),
            "{length:?}: {stats:?}"
        );
    }
}

#[test]
fn a_sender_stall_has_no_lasting_effect() {
    for length in [100 * MS, 300 * MS, SECOND, 5 * SECOND] {
        let world = check("sender", length, |world, length| {
            let until = world.now() + length;
            world.sender(0).stall(until);
        });
        let again = world.listener.onset(ALICE_HZ, SETTLED + length).unwrap();
        assert!(
            again <= 100 * MS,
            "{length:?}: audible again after {again:?}"
        );
        assert_eq!(world.listener.skipped_slots, 0);
    }
}

#[test]
fn a_long_server_stall_overfills_no_jitter_buffer() {
    // More packets wait in the socket than the jitter buffer can hold.
    let mut world = listening(
        22,
        alice_packed(Packing {
            packet_samples: 120,
            ..Packing::default()
        }),
        steady_link(),
    );
    world.run_for(5 * SECOND);
    world.stall_server(10 * SECOND);
    world.run_for(20 * SECOND);
    let stats = view(&world, ALICE).stats;
    assert!((20.0..35.0).contains(&stats.delay_ms), "{stats:?}");
    let again = world.listener.onset(ALICE_HZ, 15 * SECOND).unwrap();
    assert!(again <= 200 * MS, "audible again after {again:?}");
}
