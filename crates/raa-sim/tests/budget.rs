//! No sender has more decoded than its budget, and nobody else's sound suffers from those that try.

#![allow(clippy::unwrap_used)]

mod common;

use std::net::SocketAddr;

use common::*;
use raa_core::hub::Origin;
use raa_core::refused::Refused;
use raa_core::rtp::Packet;
use raa_core::{SAMPLE_RATE, SLOT_SAMPLES, red};
use raa_sim::measure::work;
use raa_sim::{Link, World};

/// Streams of packets that overlap.
const ATTACKERS: u32 = 14;
/// Eight packets of 120 ms each, every 2.5 ms: what is sent lasts 384 times as long as the time it takes.
const INTERVAL_US: u32 = 2500;
const SECONDS: u32 = 10;
/// The budget of a second, in samples: 60 ms in each slot of 20 ms.
const BUDGET_PER_S: u64 = 3 * SAMPLE_RATE as u64;
/// What may be saved up, and one packet beyond it.
const BUDGET_SAVED: u64 = SAMPLE_RATE as u64 * 360 / 1000;

fn attack(world: &mut World, n: u32, payload: &[u8]) {
    for attacker in 0..ATTACKERS {
        let mut datagram = Vec::new();
        let packet = Packet {
            marker: n == 0,
            payload_type: red::PAYLOAD_TYPE,
            sequence_number: n as u16,
            timestamp: n.wrapping_mul(work::DENSE_SAMPLES as u32),
            ssrc: 1 + attacker,
            payload,
        };
        packet.write(&mut datagram);
        let from: SocketAddr = ([203, 0, 113, 1 + attacker as u8], 4000).into();
        world.inject(Origin::from(from), &datagram);
    }
}

#[test]
fn overlapping_packets_are_decoded_within_the_budget() {
    let payload = work::dense_payload(&work::music(0.5).unwrap()[0]);
    let mut world = counting(61, alice(), Link::default());
    for n in 0..SECONDS * 1_000_000 / INTERVAL_US {
        attack(&mut world, n, &payload);
        world.run_for(MS * INTERVAL_US / 1000);
    }
    for attacker in 0..ATTACKERS {
        let stats = view(&world, 1 + attacker).stats;
        let most = BUDGET_PER_S * u64::from(SECONDS) + BUDGET_SAVED;
        assert!(
            stats.decoded_samples <= most,
            "{} of {most}: {stats:?}",
            stats.decoded_samples
        );
        assert!(stats.over_budget > 0, "{stats:?}");
    }
    assert!(refused(&mut world, Refused::OverBudget) > 0);
    let alice = view(&world, ALICE).stats;
    assert_eq!((alice.lost, alice.late, alice.concealed), (0, 0, 0));
    assert_eq!(alice.over_budget, 0);
}

#[test]
fn legal_senders_have_no_more_decoded_than_is_played() {
    for packing in [
        celt(120, true),
        celt(960, false),
        celt(5760, true),
        silk(480),
        silk(2880),
    ] {
        let mut sender = alice_packed(packing);
        sender.redundancy = 3;
        let mut world = counting(62, sender, Link::default());
        world.run_for(10 * SECOND);
        let stats = view(&world, ALICE).stats;
        let played = 10 * u64::from(SAMPLE_RATE);
        // A packet that is waiting, and what was concealed at the start.
        let most = played + 2 * packing.packet_samples as u64 + SLOT_SAMPLES as u64;
        assert!(
            (played / 2..=most).contains(&stats.decoded_samples),
            "{packing:?}: {} of {most}",
            stats.decoded_samples
        );
        assert_eq!(stats.over_budget, 0, "{packing:?}");
    }
}
