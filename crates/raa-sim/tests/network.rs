//! How the packets of one sender arrive over a bad network, and what is audible of the losses.

#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use raa_core::source::SourceStats;

use raa_sim::{Jitter, Link, Pause, World};

/// Runs one sender for an hour. Returns its counters and the delay in each second, in ms, too.
fn hour(seed: u64, drift_ppm: f64, link: Link) -> (World, SourceStats, Vec<f64>) {
    let mut world = counting(seed, alice_with_drift(drift_ppm), link);
    let mut delays_ms = Vec::new();
    world.run_watched(HOUR, |world| {
        delays_ms.push(view(world, ALICE).stats.delay_ms)
    });
    let stats = view(&world, ALICE).stats;
    assert_eq!(
        world.listener.frames, 180_000,
        "listeners receive every slot, whatever the senders do"
    );
    assert_eq!(
        (world.listener.breaks, world.listener.skipped_slots),
        (0, 0)
    );
    (world, stats, delays_ms)
}

fn range(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::MAX, f64::MIN), |(least, most), x| {
            (least.min(*x), most.max(*x))
        })
}

/// A link with 5 % loss and 15 ms of jitter.
fn lossy() -> Link {
    Link {
        delay: 20 * MS,
        jitter: Jitter::Uniform(15 * MS),
        loss: 0.05,
        ..Link::default()
    }
}

#[test]
fn each_lost_packet_costs_one_concealed_slot() {
    let mut world = counting(7, alice(), lossy());
    let mut delays_ms = Vec::new();
    // As in a monitoring room: an alarm for a second, then three seconds of silence.
    for _ in 0..900 {
        world.sender(0).speak();
        world.run_watched(SECOND, |world| {
            delays_ms.push(view(world, ALICE).stats.delay_ms)
        });
        world.sender(0).pause(Pause::KeepAlive);
        world.run_for(3 * SECOND);
    }
    let stats = view(&world, ALICE).stats;
    assert_eq!(
        world.listener.frames, 180_000,
        "listeners receive every slot"
    );
    assert_eq!(
        (world.listener.breaks, world.listener.skipped_slots),
        (0, 0)
    );
    let share = stats.concealed as f64 / (stats.received + stats.lost) as f64;
    assert!((0.045..0.055).contains(&share), "concealed {share}");
    assert_eq!((stats.concealed, stats.late), (stats.lost, 0));
    let (least, most) = range(&delays_ms);
    assert!(20.0 < least && most < 60.0, "delay {least} to {most} ms");
}

#[test]
fn uninterrupted_sound_is_concealed_like_talkspurts() {
    let (_, stats, _) = hour(7, 0.0, lossy());
    let share = stats.concealed as f64 / 180_000.0;
    assert!((0.045..0.055).contains(&share), "concealed {share}");
    assert_eq!((stats.concealed, stats.late), (stats.lost, 0));
}

#[test]
fn wrapping_counters_conceal_nothing() {
    // The sequence number wraps after 11 s, the timestamp after 5 s.
    let mut world = counting(
        1,
        alice(),
        Link {
            delay: 20 * MS,
            ..Link::default()
        },
    );
    world.run_for(600 * SECOND);
    let stats = view(&world, ALICE).stats;
    assert_eq!(
        (stats.received, stats.lost, stats.late, stats.concealed),
        (29_999, 0, 0, 0)
    );
    assert_eq!(
        (stats.duplicate, stats.reordered, stats.jitter_ms),
        (0, 0, 0.0)
    );
    assert_eq!((world.listener.frames, world.listener.breaks), (30_000, 0));
    assert_eq!(
        world
            .hub()
            .stats()
            .refused
            .iter()
            .map(|(_, count)| count)
            .sum::<u64>(),
        0
    );
}

/// Runs an hour with a drifting clock: the delay stays the same.
#[track_caller]
fn check_drift(drift_ppm: f64) {
    let link = Link {
        delay: 20 * MS,
        jitter: Jitter::Uniform(5 * MS),
        ..Link::default()
    };
    let (_, stats, delays_ms) = hour(11, drift_ppm, link);
    let (least, most) = range(&delays_ms[30..]);
    // Because of the jitter, packets wait 2.5 ms less on average than the fastest one.
    assert!(
        20.0 < least && most < 32.0,
        "{drift_ppm} ppm: delay {least} to {most} ms"
    );
    assert_eq!((stats.late, stats.concealed), (0, 0), "{drift_ppm} ppm");
    assert!((stats.drift_ppm - drift_ppm).abs() < 20.0, "{stats:?}");
}

#[test]
fn a_fast_clock_does_not_lengthen_the_delay() {
    check_drift(200.0);
}

#[test]
fn a_slow_clock_makes_no_packet_late() {
    check_drift(-200.0);
}

#[test]
fn reordering_and_duplication_are_counted_and_inaudible() {
    let link = Link {
        delay: 20 * MS,
        reorder: 0.1,
        duplicate: 0.1,
        ..Link::default()
    };
    let mut world = listening(3, alice(), link);
    world.run_for(60 * SECOND);
    let stats = view(&world, ALICE).stats;
    assert_eq!((stats.lost, stats.late, stats.concealed), (0, 0, 0));
    assert!((200..400).contains(&stats.reordered), "{stats:?}");
    assert!((200..400).contains(&stats.duplicate), "{stats:?}");
    let audible = world.listener.audible(ALICE_HZ, SECOND, 59 * SECOND);
    assert_eq!(audible, 58 * SECOND);
}

#[test]
fn lost_packets_leave_no_holes() {
    let link = Link {
        delay: 20 * MS,
        loss: 0.05,
        ..Link::default()
    };
    let mut world = listening(5, alice(), link);
    world.run_for(60 * SECOND);
    assert!(view(&world, ALICE).stats.concealed > 100);
    let audible = world.listener.audible(ALICE_HZ, SECOND, 59 * SECOND);
    assert!(audible > 57 * SECOND, "{audible:?} of 58 s");
}

#[test]
fn late_packets_are_concealed_once() {
    let link = Link {
        delay: 20 * MS,
        jitter: Jitter::Exponential(30 * MS),
        loss: 0.02,
        ..Link::default()
    };
    let mut world = counting(9, alice(), link);
    world.run_for(600 * SECOND);
    let stats = view(&world, ALICE).stats;
    assert!((30..150).contains(&stats.late), "{stats:?}");
    // Packets that are only partly late are partly concealed and do not count as late.
    let partly_late = stats.received / 500;
    assert!(
        stats.concealed <= stats.lost + stats.late + partly_late,
        "{stats:?}"
    );
    assert!(
        stats.concealed >= (stats.lost + stats.late) * 8 / 10,
        "{stats:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_result() {
    let result = |seed| {
        let link = Link {
            delay: 20 * MS,
            jitter: Jitter::Exponential(40 * MS),
            loss: 0.2,
            duplicate: 0.1,
            reorder: 0.1,
            ..Link::default()
        };
        let mut world = listening(seed, alice(), link);
        world.run_for(30 * SECOND);
        let levels = world
            .listener
            .levels(ALICE_HZ, SECOND, 30 * SECOND)
            .to_vec();
        (view(&world, ALICE).stats, levels)
    };
    assert_eq!(result(3), result(3));
    assert_ne!(result(3).0, result(4).0);
}
