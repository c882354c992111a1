//! Random disturbances of all kinds: whatever happens, the receiver recovers completely.
//!
//! A failure is repeated with the seed in its message. Other seeds are tested with
//! `CHAOS_SEEDS=100..500 cargo test -p raa-sim --test chaos`.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::*;
use raa_core::source::SourceStats;
use raa_sim::Random;
use raa_sim::world::clip::Packing;
use raa_sim::{Jitter, Link, Pause, World};

const PACKETS: [usize; 6] = [120, 480, 960, 960, 1920, 5760];

fn random_link(random: &mut Random) -> Link {
    let jitter = Duration::from_secs_f64(0.05 * random.unit());
    Link {
        delay: Duration::from_secs_f64(0.2 * random.unit()),
        jitter: if random.chance(0.5) {
            Jitter::Uniform(jitter)
        } else {
            Jitter::Exponential(jitter)
        },
        loss: 0.3 * random.unit(),
        duplicate: 0.1 * random.unit(),
        reorder: 0.1 * random.unit(),
        burst: if random.chance(0.5) {
            0.0
        } else {
            1.0 + 4.0 * random.unit()
        },
    }
}

/// Disturbs a sender, its network or the server in a random way for up to 4 s.
fn disturb(world: &mut World, random: &mut Random) {
    let length = Duration::from_secs_f64(4.0 * random.unit());
    let until = world.now() + length;
    match random.next_u64() % 8 {
        0 => world.stall_server(length),
        1 => world.path(0).hold(until),
        2 => world.sender(0).stall(until),
        3 => world.path(0).link = random_link(random),
        4 => world
            .sender(0)
            .restart(random.next_u64() as u16, random.next_u64() as u32),
        5 => world.sender(0).pause(Pause::Nothing),
        6 => world.sender(0).pause(Pause::KeepAlive),
        _ => world.sender(0).pause(Pause::TimeStops),
    }
    world.run_for(length);
    world.sender(0).speak();
}

fn check(seed: u64) {
    let mut random = Random::new(seed);
    let packet_samples = PACKETS[random.next_u64() as usize % PACKETS.len()];
    let packing = Packing {
        packet_samples,
        ..Packing::default()
    };
    let link = random_link(&mut random);
    let mut world = listening(seed, alice_packed(packing), link);
    for _ in 0..12 {
        world.run_for(Duration::from_secs_f64(2.0 * random.unit()));
        disturb(&mut world, &mut random);
    }
    world.path(0).link = Link {
        delay: 20 * MS,
        ..Link::default()
    };
    world.run_for(5 * SECOND);
    let recovered = world.now();
    let before = view(&world, ALICE).stats;
    world.run_for(3 * SECOND);
    let after = view(&world, ALICE).stats;
    let case = format!("seed {seed}, {packet_samples} samples, {after:?}");
    assert_eq!(
        world
            .listener
            .audible(ALICE_HZ, recovered, world.now() - 50 * MS),
        2950 * MS,
        "{case}"
    );
    let losses = |stats: SourceStats| (stats.lost, stats.late, stats.concealed);
    assert_eq!(losses(before), losses(after), "{case}");
    assert_eq!(
        world.listener.frames + world.listener.skipped_slots,
        world.slots_due(),
        "{case}"
    );
    assert_eq!(world.listener.breaks, 0, "{case}");
    // The delay stays long for a while in case the network gets bad again, for half a minute at most.
    world.run_for(22 * SECOND);
    let delay_ms = view(&world, ALICE).stats.delay_ms;
    assert!((20.0..32.0).contains(&delay_ms), "{case}: {delay_ms} ms");
}

#[test]
fn reception_recovers_from_any_disturbance_within_5_s() {
    let seeds = std::env::var("CHAOS_SEEDS").map_or(0..20, |range| {
        let (from, to) = range.split_once("..").unwrap();
        from.parse().unwrap()..to.parse().unwrap()
    });
    assert!(!seeds.is_empty(), "CHAOS_SEEDS is {seeds:?}");
    seeds.for_each(check);
}
