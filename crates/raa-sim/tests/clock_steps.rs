//! Setting the clock of the server's computer costs no sound and no delay.
//!
//! The kernel stamps datagrams with that clock. A step parts the datagrams that wait in the socket into
//! those before and those after it, so the senders here send at different moments of a slot.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::*;
use raa_core::source::SourceStats;
use raa_sim::{Clip, Jitter, Link, Sender, World};

const SENDERS: u32 = 4;
/// Time in which the senders' delays settle.
const SETTLED: Duration = Duration::from_secs(6);
/// Time from the step on.
const AFTER: Duration = Duration::from_secs(6);

/// What the senders' sound went through after `set` has set the clock: the counters and the longest
/// delay in ms of each.
fn run(set: impl Fn(&mut World, Duration)) -> Vec<(SourceStats, f64)> {
    let mut world = World::new(5).unwrap();
    let clip = Arc::new(Clip::tone(ALICE_HZ).unwrap());
    let link = Link {
        delay: 20 * MS,
        jitter: Jitter::Uniform(3 * MS),
        ..Link::default()
    };
    for n in 0..SENDERS {
        let sender = Sender::new(ALICE + n, clip.clone(), n * 5 * MS, 0.0);
        world.add(sender, link);
    }
    world.run_for(SETTLED);
    let from = world.now();
    set(&mut world, from);
    let mut longest_ms = [0.0_f64; SENDERS as usize];
    for _ in 0..AFTER.as_millis() / 100 {
        world.run_for(100 * MS);
        for (n, longest_ms) in (0..).zip(&mut longest_ms) {
            *longest_ms = longest_ms.max(view(&world, ALICE + n).stats.delay_ms);
        }
    }
    let stats = (0..SENDERS).map(|n| view(&world, ALICE + n).stats);
    stats.zip(longest_ms).collect()
}

/// Checks that nobody hears or waits for a change of the clock.
#[track_caller]
fn check(case: &str, set: impl Fn(&mut World, Duration)) {
    let undisturbed = run(|_, _| ());
    for ((before, before_ms), (after, after_ms)) in undisturbed.into_iter().zip(run(set)) {
        assert!(before.received > 500, "{before:?}");
        assert_eq!(
            (after.received, after.concealed, after.late, after.lost),
            (before.received, before.concealed, before.late, before.lost),
            "{case}"
        );
        assert!(
            after_ms < before_ms + 5.0,
            "{case}: delay {after_ms} ms; undisturbed {before_ms} ms"
        );
    }
}

#[test]
fn set_clocks_cost_no_sound() {
    const HOUR_MS: i64 = 3_600_000;
    for by_ms in [500, -500, HOUR_MS, -HOUR_MS, 40, -40, 8, -8] {
        check(&format!("{by_ms} ms"), |world, now| {
            world.wall_clock.step(now + 9 * MS, by_ms);
        });
    }
}

#[test]
fn repeated_steps_cost_no_sound() {
    for by_ms in [500, -30] {
        check(&format!("{by_ms} ms every second"), |world, now| {
            for (second, moment_ms) in (0..5).zip([1, 6, 11, 16, 19]) {
                let at = now + second * SECOND + moment_ms * MS;
                world.wall_clock.step(at, by_ms);
            }
        });
    }
    check("there and back within a slot", |world, now| {
        world.wall_clock.step(now + 4 * MS, 500);
        world.wall_clock.step(now + 12 * MS, -500);
    });
}

/// A daemon that corrects the clock little by little.
#[test]
fn slewed_clocks_cost_no_sound() {
    for by_ms in [1, -1] {
        check(&format!("{by_ms} ms every 200 ms"), |world, now| {
            for n in 0..25 {
                world.wall_clock.step(now + n * 200 * MS + 7 * MS, by_ms);
            }
        });
    }
}

/// While a computer sleeps, its monotonic clock stands still and its wall clock goes on.
#[test]
fn a_suspended_server_continues_at_once() {
    check("asleep for a night", |world, now| {
        world.wall_clock.step(now + 9 * MS, 8 * 3_600_000);
    });
}
