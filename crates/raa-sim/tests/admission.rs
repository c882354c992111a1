//! Newcomers are heard from their first packet on, whatever SSRCs others invent.

#![allow(clippy::unwrap_used)]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::*;
use raa_core::client::Status;
use raa_core::hub::Origin;
use raa_core::rtp::Packet;
use raa_core::settings::{ClientSettings, Name};
use raa_sim::world::clip::{Mode, Packing};
use raa_sim::{Clip, Link, Pause, Random, Sender, World};

/// Packets of invented SSRCs.
struct Flood {
    random: Random,
    from: fn(&mut Random) -> SocketAddr,
    /// Packets of each SSRC, which follow each other.
    packets: u16,
}

fn one_host(_: &mut Random) -> SocketAddr {
    "203.0.113.66:666".parse().unwrap()
}

/// Forged source addresses.
fn any_host(random: &mut Random) -> SocketAddr {
    let [a, b, c, ..] = random.next_u64().to_le_bytes();
    SocketAddr::from(([10, a, b, c], 666))
}

impl Flood {
    fn new(from: fn(&mut Random) -> SocketAddr, packets: u16) -> Self {
        let random = Random::new(7);
        Self {
            random,
            from,
            packets,
        }
    }

    /// Sends this many packets in every slot of `length`.
    fn run(&mut self, world: &mut World, per_slot: u16, length: Duration) {
        for _ in 0..length.as_millis() / 20 {
            for _ in 0..per_slot / self.packets {
                let (ssrc, number) = (self.random.next_u64() as u32, self.random.next_u64() as u16);
                let from = Origin::from((self.from)(&mut self.random));
                for n in 0..self.packets {
                    let mut datagram = Vec::new();
                    let packet = Packet {
                        marker: false,
                        payload_type: 111,
                        sequence_number: number.wrapping_add(n),
                        timestamp: u32::from(n) * 960,
                        ssrc,
                        // Silence, which costs the simulation little.
                        payload: &[0xf8],
                    };
                    packet.write(&mut datagram);
                    world.inject(from, &datagram);
                }
            }
            world.run_for(20 * MS);
        }
    }
}

fn count(world: &mut World, reason: &str) -> u64 {
    let refused = &world.hub().stats().refused;
    let mut counts = refused.iter().filter(|(each, _)| each.as_str() == reason);
    counts.next().map_or(0, |(_, count)| count)
}

/// Bob, who begins to send now.
fn newcomer(world: &World) -> Sender {
    let clip = Arc::new(Clip::tone(BOB_HZ).unwrap());
    Sender::new(BOB, clip, world.now(), 0.0)
}

/// Returns for how long a newcomer is heard in the 12 s after its first 100 ms, while a flood that has
/// lasted for 6 s goes on.
fn newcomer_heard(flood: Option<Flood>, per_slot: u16) -> (Duration, World) {
    let mut world = World::listening(61, &[ALICE_HZ, BOB_HZ]).unwrap();
    let mut flood = flood.map(|flood| (flood, per_slot));
    let mut run = |world: &mut World, length| match &mut flood {
        Some((flood, per_slot)) => flood.run(world, *per_slot, length),
        None => world.run_for(length),
    };
    run(&mut world, 6 * SECOND);
    let bob = newcomer(&world);
    world.add(bob, Link::default());
    let begins = world.now();
    run(&mut world, 12 * SECOND + 200 * MS);
    let heard = world
        .listener
        .audible(BOB_HZ, begins + 100 * MS, begins + 12_100 * MS);
    (heard, world)
}

#[test]
fn invented_ssrcs_keep_no_newcomer_out() {
    let (alone, _) = newcomer_heard(None, 0);
    assert_eq!(alone, 12 * SECOND);
    for (packets, per_slot) in [(1, 5), (2, 200)] {
        let flood = Flood::new(one_host, packets);
        let (heard, mut world) = newcomer_heard(Some(flood), per_slot);
        let unconfirmed = count(&mut world, "unconfirmed");
        let too_many = count(&mut world, "too_many_clients");
        let case = format!("{per_slot} a slot, {packets} each: {unconfirmed} {too_many}");
        assert_eq!(heard, alone, "{case}");
        let refused = if packets == 1 { unconfirmed } else { too_many };
        assert!(refused > 1000, "{case}");
        assert!(world.client(BOB).unwrap().stats.lost == 0, "{case}");
    }
}

#[test]
fn forged_addresses_keep_no_newcomer_out_for_long() {
    for (packets, per_slot) in [(1, 1000), (2, 200)] {
        let flood = Flood::new(any_host, packets);
        let (heard, _) = newcomer_heard(Some(flood), per_slot);
        assert!(heard > 9 * SECOND, "{per_slot} a slot: {heard:?}");
    }
}

#[test]
fn floods_wipe_no_remembered_rows() {
    let mut world = World::new(62).unwrap();
    // A hundred computers that have no settings, each for two seconds.
    for n in 0..100 {
        let clip = Arc::new(Clip::tone(ALICE_HZ).unwrap());
        let handle = world.add(Sender::new(n, clip, world.now(), 0.0), Link::default());
        if n % 10 == 9 {
            world.run_for(2 * SECOND);
            (handle - 9..=handle).for_each(|each| world.sender(each).pause(Pause::Nothing));
        }
    }
    world.run_for(12 * SECOND);
    Flood::new(one_host, 2).run(&mut world, 200, 20 * SECOND);
    let is_there = |ssrc: &u32| world.client(*ssrc).is_some();
    assert_eq!((0..100).filter(is_there).count(), 100);
}

#[test]
fn floods_cost_listed_clients_nothing() {
    let mut world = listening(63, alice(), Link::default());
    let named = ClientSettings {
        name: Some(Name::new("Ward 3").unwrap()),
        ..Default::default()
    };
    world.configure(BOB, named);
    world.run_for(SECOND);
    for (from, packets) in [(one_host as fn(&mut Random) -> _, 2), (any_host, 2)] {
        Flood::new(from, packets).run(&mut world, 200, 10 * SECOND);
    }
    let stats = view(&world, ALICE).stats;
    assert_eq!((stats.lost, stats.concealed), (0, 0));
    assert_eq!(view(&world, ALICE).status, Status::Sounding);
    assert_eq!(view(&world, BOB).status, Status::Offline);
}

/// Returns for how long a beep of 600 ms is heard that begins with its sender's first packet.
fn beep_heard(packing: Packing, is_known: bool, redundancy: usize) -> Duration {
    let mut world = World::listening(64, &[ALICE_HZ, BOB_HZ]).unwrap();
    world.run_for(SECOND);
    if is_known {
        let name = Some(Name::new("Ward 3").unwrap());
        world.configure(
            BOB,
            ClientSettings {
                name,
                ..Default::default()
            },
        );
    }
    let clip = Clip::packed(BOB_HZ, packing).unwrap();
    let begins = world.now();
    let mut sender = Sender::new(BOB, Arc::new(clip), begins, 0.0);
    sender.redundancy = redundancy;
    let bob = world.add(sender, Link::default());
    world.run_for(610 * MS);
    world.sender(bob).pause(Pause::KeepAlive);
    world.run_for(SECOND);
    world.listener.audible(BOB_HZ, begins, begins + 1500 * MS)
}

#[test]
fn a_newcomers_first_beep_is_heard_whole() {
    for packet_samples in [120, 480, 960, 1920, 2880, 4800, 5760] {
        for redundancy in [0, 1] {
            let packing = Packing {
                packet_samples,
                stereo: false,
                mode: Mode::Celt,
            };
            let known = beep_heard(packing, true, redundancy);
            let new = beep_heard(packing, false, redundancy);
            assert!(known >= 560 * MS, "{packet_samples}: {known:?}");
            // Beginning late by nearly a long packet, it is played a little faster.
            let faster = if packet_samples > 1920 {
                60 * MS
            } else {
                Duration::ZERO
            };
            assert!(
                new + faster >= known,
                "{packet_samples}: {new:?} of {known:?}"
            );
        }
    }
}
