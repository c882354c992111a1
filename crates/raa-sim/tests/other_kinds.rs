//! Senders that put packets of another kind between those of their sound: comfort noise, telephone
//! events, padding, keep-alives without a payload. None is sound, and none is a loss.

#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use raa_core::client::{ClientView, Status};
use raa_core::hub::Origin;
use raa_core::quality::Quality;
use raa_core::refused::Refused;
use raa_sim::world::OFFLINE_AFTER;
use raa_sim::{Jitter, Link, Pause, World};

/// A packet that is refused, between two packets of sound.
#[derive(Debug, Clone, Copy)]
struct Kind {
    payload_type: u8,
    has_padding: bool,
    payload: &'static [u8],
    /// Whether its timestamp is that of the packet before it.
    repeats_timestamp: bool,
    reason: Refused,
}

const COMFORT_NOISE: Kind = Kind {
    payload_type: 13,
    has_padding: false,
    payload: &[40],
    repeats_timestamp: false,
    reason: Refused::PayloadType,
};

const KINDS: [Kind; 6] = [
    COMFORT_NOISE,
    // RFC 4733: all packets of an event have the timestamp of its beginning.
    Kind {
        payload_type: 101,
        payload: &[5, 10, 3, 192],
        repeats_timestamp: true,
        ..COMFORT_NOISE
    },
    // Padding alone probes the bandwidth.
    Kind {
        payload_type: 111,
        has_padding: true,
        payload: &[0, 0, 0, 4],
        repeats_timestamp: true,
        reason: Refused::TooShort,
    },
    // RFC 6263: keep-alives without a payload, or of an unknown payload type.
    Kind {
        payload_type: 111,
        payload: &[],
        reason: Refused::TooShort,
        ..COMFORT_NOISE
    },
    Kind {
        payload_type: 20,
        payload: &[],
        reason: Refused::TooShort,
        ..COMFORT_NOISE
    },
    // Padding longer than the packet.
    Kind {
        payload_type: 111,
        has_padding: true,
        payload: &[9],
        reason: Refused::Truncated,
        ..COMFORT_NOISE
    },
];

impl Kind {
    fn datagram(&self, sequence_number: u16, timestamp: u32) -> Vec<u8> {
        let flags = if self.has_padding { 0xa0 } else { 0x80 };
        let mut datagram = vec![flags, self.payload_type];
        datagram.extend(sequence_number.to_be_bytes());
        datagram.extend(timestamp.to_be_bytes());
        datagram.extend(ALICE.to_be_bytes());
        datagram.extend(self.payload);
        datagram
    }

    /// Sends one as Alice's next packet; it takes a number but none of her time.
    fn send_as_alice(&self, world: &mut World) {
        let alice = world.sender(0);
        let repeated = u32::from(self.repeats_timestamp) * 960;
        let datagram = self.datagram(
            alice.sequence_number,
            alice.timestamp.wrapping_sub(repeated),
        );
        alice.sequence_number = alice.sequence_number.wrapping_add(1);
        let from = Origin::from(alice.address);
        world.inject(from, &datagram);
    }
}

fn refused(world: &mut World, reason: Refused) -> u64 {
    let mut counts = world.hub().stats().refused.iter();
    counts.find(|(each, _)| *each == reason).unwrap().1
}

/// The numbers that one packet in eleven has; the rest are sound.
#[track_caller]
fn check_interleaved(kind: Kind, link: Link) -> ClientView {
    let mut world = listening(71, alice(), link);
    world.run_for(2 * SECOND);
    for _ in 0..60 {
        kind.send_as_alice(&mut world);
        world.run_for(200 * MS);
    }
    assert_eq!(refused(&mut world, kind.reason), 60, "{kind:?}");
    view(&world, ALICE)
}

#[test]
fn packets_of_another_kind_are_no_losses() {
    for kind in KINDS {
        let view = check_interleaved(kind, Link::default());
        let stats = view.stats;
        assert_eq!(
            (stats.lost, stats.concealed, stats.duplicate),
            (0, 0, 0),
            "{kind:?}: {stats:?}"
        );
        let quality = view.quality.unwrap();
        assert_eq!(
            (quality.quality, quality.loss_percent),
            (Quality::Good, 0.0),
            "{kind:?}"
        );
    }
}

#[test]
fn packets_of_another_kind_may_come_out_of_order() {
    let link = Link {
        delay: 20 * MS,
        jitter: Jitter::Uniform(30 * MS),
        ..Link::default()
    };
    for kind in KINDS {
        let stats = check_interleaved(kind, link).stats;
        assert_eq!((stats.lost, stats.duplicate), (0, 0), "{kind:?}: {stats:?}");
        assert!(stats.reordered > 0, "{kind:?}: {stats:?}");
    }
}

#[test]
fn pause_full_of_comfort_noise_is_no_loss() {
    let mut world = listening(72, alice(), Link::default());
    world.run_for(2 * SECOND);
    world.sender(0).pause(Pause::Nothing);
    for _ in 0..100 {
        COMFORT_NOISE.send_as_alice(&mut world);
        world.run_for(40 * MS);
    }
    world.sender(0).speak();
    let spoke = world.now();
    world.run_for(2 * SECOND);
    let stats = view(&world, ALICE).stats;
    assert_eq!((stats.lost, stats.concealed), (0, 0), "{stats:?}");
    let onset = world.listener.onset(ALICE_HZ, spoke).unwrap();
    assert!(onset <= 100 * MS, "{onset:?}");
}

#[test]
fn packets_of_another_kind_do_not_hide_losses() {
    let link = Link {
        delay: 20 * MS,
        loss: 0.1,
        ..Link::default()
    };
    let plain = {
        let mut world = listening(71, alice(), link);
        world.run_for(14 * SECOND);
        view(&world, ALICE).stats
    };
    let stats = check_interleaved(COMFORT_NOISE, link).stats;
    assert!(stats.lost > 40, "{stats:?}");
    assert_eq!((stats.lost, stats.concealed), (plain.lost, plain.concealed));
}

#[test]
fn packets_of_another_kind_alone_keep_no_client() {
    let mut world = listening(73, alice(), Link::default());
    world.run_for(2 * SECOND);
    world.sender(0).pause(Pause::Nothing);
    let steps = (OFFLINE_AFTER + SECOND).as_millis() / 200;
    for _ in 0..steps {
        COMFORT_NOISE.send_as_alice(&mut world);
        world.run_for(200 * MS);
    }
    assert_eq!(view(&world, ALICE).status, Status::Offline);
}

#[test]
fn packets_of_another_kind_make_no_client() {
    let mut world = World::new(74).unwrap();
    let from = Origin::from("192.0.2.9:5000".parse::<std::net::SocketAddr>().unwrap());
    for (n, kind) in (0..).zip(KINDS) {
        world.inject(from, &kind.datagram(n, u32::from(n) * 960));
    }
    world.run_for(SECOND);
    assert_eq!(world.client(ALICE), None);
}

#[test]
fn strangers_packets_occupy_no_number() {
    let mut world = listening(75, alice(), Link::default());
    world.run_for(2 * SECOND);
    let stranger = Origin::from("203.0.113.66:666".parse::<std::net::SocketAddr>().unwrap());
    for _ in 0..50 {
        let alice = world.sender(0);
        let (next, timestamp) = (alice.sequence_number, alice.timestamp);
        for ahead in 0..100 {
            let datagram = COMFORT_NOISE.datagram(next.wrapping_add(ahead), timestamp);
            world.inject(stranger, &datagram);
        }
        world.run_for(100 * MS);
    }
    let stats = view(&world, ALICE).stats;
    let counted = (
        stats.lost,
        stats.concealed,
        stats.duplicate,
        stats.reordered,
    );
    assert_eq!(counted, (0, 0, 0, 0), "{stats:?}");
}

#[test]
fn sound_outweighs_a_refused_packet_of_its_number() {
    let mut world = listening(76, alice(), Link::default());
    world.run_for(2 * SECOND);
    for _ in 0..50 {
        // A forger who writes Alice's address takes the numbers of her next packets.
        let alice = world.sender(0);
        let (next, timestamp) = (alice.sequence_number, alice.timestamp);
        let from = Origin::from(alice.address);
        for ahead in 0..5 {
            let datagram = COMFORT_NOISE.datagram(next.wrapping_add(ahead), timestamp);
            world.inject(from, &datagram);
        }
        world.run_for(100 * MS);
    }
    let stats = view(&world, ALICE).stats;
    assert_eq!(
        (stats.lost, stats.concealed, stats.duplicate),
        (0, 0, 0),
        "{stats:?}"
    );
    let audible = world.listener.audible(ALICE_HZ, SECOND, 6 * SECOND);
    assert_eq!(audible, 5 * SECOND);
}
