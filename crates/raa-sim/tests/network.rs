//! What a bad network does to one sender, and what of it is heard.

#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use raa_core::source::SourceStats;

use raa_sim::{Jitter, Link, Pause, World};

/// Runs one sender for an hour; also gives the least and the largest delay, in ms.
fn hour(seed: u64, drift_ppm: f64, link: Link) -> (World, SourceStats, Vec<f64>) {
    let mut world = counting(seed, alice_with_drift(drift_ppm), link);
    let mut delays_ms = Vec::new();
    world.run_watched(HOUR, |world| {
        delays_ms.push(view(world, ALICE).stats.delay_ms)
    });
    let stats = view(&world, ALICE).stats;
    assert_eq!(
        world.listener.frames, 180_000,
        "listeners get every slot, whatever the senders do"
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

/// 5 % loss and 15 ms of jitter.
fn lossy() -> Link {
    Link {
        delay: 20 * MS,
        jitter: Jitter::Uniform(15 * MS),
        loss: 0.05,
        ..Link::default()
    }
}

#[test]
fn an_hour_of_loss_and_jitter_costs_one_concealed_slot_per_lost_packet() {
    let mut world = counting(7, alice(), lossy());
    let mut delays_ms = Vec::new();
    // What a monitoring room hears: an alarm of a second, and three seconds of nothing.
    for _ in 0..900 {
        world.sender(0).speak();
        world.run_watched(SECOND, |world| {
            delays_ms.push(view(world, ALICE).stats.delay_ms)
        });
        world.sender(0).pause(Pause::KeepAlive);
        world.run_for(3 * SECOND);
    }
    let stats = view(&world, ALICE).stats;
    assert_eq!(world.listener.frames, 180_000, "listeners get every slot");
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
fn an_hour_of_unbroken_sound_is_no_different() {
    let (_, stats, _) = hour(7, 0.0, lossy());
    let share = stats.concealed as f64 / 180_000.0;
    assert!((0.045..0.055).contains(&share), "concealed {share}");
    assert_eq!((stats.concealed, stats.late), (stats.lost, 0));
}

#[test]
fn both_counters_wrap_and_a_clean_network_conceals_nothing() {
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

/// An hour of a clock that is off: the delay stays what it was.
#[track_caller]
fn check_drift(drift_ppm: f64) {
    let link = Link {
        delay: 20 * MS,
        jitter: Jitter::Uniform(5 * MS),
        ..Link::default()
    };
    let (_, stats, delays_ms) = hour(11, drift_ppm, link);
    let (least, most) = range(&delays_ms[30..]);
    // The jitter makes for 2.5 ms less wait than the fastest packet has.
    assert!(
        20.0 < least && most < 32.0,
        "{drift_ppm} ppm: delay {least} to {most} ms"
    );
    assert_eq!((stats.late, stats.concealed), (0, 0), "{drift_ppm} ppm");
    assert!((stats.drift_ppm - drift_ppm).abs() < 20.0, "{stats:?}");
}

#[test]
fn a_fast_senders_clock_does_not_make_the_delay_grow() {
    check_drift(200.0);
}

#[test]
fn a_slow_senders_clock_does_not_make_packets_late() {
    check_drift(-200.0);
}

#[test]
fn reordered_and_repeated_packets_are_counted_and_play_as_if_they_were_not() {
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
    let heard = world.listener.audible(ALICE_HZ, SECOND, 59 * SECOND);
    assert_eq!(heard, 58 * SECOND);
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
    let heard = world.listener.audible(ALICE_HZ, SECOND, 59 * SECOND);
    assert!(heard > 57 * SECOND, "{heard:?} of 58 s");
}

#[test]
fn jitter_is_covered_and_what_is_late_is_never_lost_twice() {
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
    // What is late in part only is concealed in part, and not counted as late.
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
fn the_same_seed_tells_the_same_story() {
    let story = |seed| {
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
    assert_eq!(story(3), story(3));
    assert_ne!(story(3).0, story(4).0);
}
