//! Senders that restart, change address, share an SSRC, flood, or send every kind of Opus packet.

#![allow(clippy::unwrap_used)]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::*;
use raa_core::client::Status;
use raa_core::hub::{ClientEvent, Origin, Output};
use raa_core::refused::Refused;
use raa_core::rtp::Packet;
use raa_core::settings::{ClientSettings, Name, Volume};
use raa_core::source::SourceStats;
use raa_sim::Random;
use raa_sim::world::OFFLINE_AFTER;
use raa_sim::world::clip::Packing;
use raa_sim::{Jitter, Link, Pause, World};

fn link() -> Link {
    Link {
        delay: 20 * MS,
        jitter: Jitter::Uniform(10 * MS),
        ..Link::default()
    }
}

#[test]
fn a_restarted_sender_is_audible_within_200_ms() {
    let mut random = Random::new(41);
    let mut world = listening(41, alice(), link());
    for round in 0..40 {
        let (sequence_number, timestamp) = (random.next_u64() as u16, random.next_u64() as u32);
        // In turn: new numbers that are anywhere, and new numbers near the old ones.
        let old = if round % 2 == 0 {
            sequence_number.wrapping_sub(200)
        } else {
            1000
        };
        world
            .sender(0)
            .restart(old, timestamp.wrapping_add(123_456_789));
        world.run_for(2 * SECOND);
        world.sender(0).pause(Pause::Nothing);
        world.run_for([0, 20, 60, 300, 2000][round % 5] * MS);
        world.sender(0).restart(sequence_number, timestamp);
        let restarted = world.now();
        world.run_for(SECOND);
        let audible = world
            .listener
            .audible(ALICE_HZ, restarted + 200 * MS, restarted + 900 * MS);
        assert_eq!(
            audible,
            700 * MS,
            "round {round}: {sequence_number} {timestamp}"
        );
    }
    assert!(
        !world
            .events
            .iter()
            .any(|(_, event)| matches!(event, Output::Event(ClientEvent::Disconnected { .. })))
    );
}

#[test]
fn a_sender_may_change_its_address() {
    let mut world = listening(42, alice(), link());
    world.run_for(5 * SECOND);
    let elsewhere: SocketAddr = "[2001:db8::9]:61000".parse().unwrap();
    world.sender(0).address = elsewhere;
    world.run_for(5 * SECOND);
    assert_eq!(view(&world, ALICE).address, Some(elsewhere));
    assert_eq!(view(&world, ALICE).stats.concealed, 0);
    assert_eq!(
        world.listener.audible(ALICE_HZ, SECOND, 9 * SECOND),
        8 * SECOND
    );
    assert_eq!(
        world.events.len(),
        1,
        "one connect and no disconnect: {:?}",
        world.events
    );
}

/// Lets Bob send with Alice's SSRC. Only Alice must be audible, because her stream was first.
#[track_caller]
fn check_shared_ssrc(case: &str, link: Link, bobs_packing: Packing) {
    let mut world = listening(43, alice(), link);
    let mut bob = bob_packed(bobs_packing);
    bob.ssrc = ALICE;
    bob.sequence_number = 20_000;
    bob.timestamp = 1_000_000_000;
    world.run_for(5 * SECOND);
    world.add(bob, link);
    world.run_for(60 * SECOND);
    let alices_address = world.sender(0).address;
    let (from, to) = (5 * SECOND, 64 * SECOND);
    let (alice, bob) = (
        world.listener.audible(ALICE_HZ, from, to),
        world.listener.audible(BOB_HZ, from, to),
    );
    let stats = view(&world, ALICE).stats;
    assert!(
        alice > 57 * SECOND,
        "{case}: Alice was audible for {alice:?} of 59 s, {stats:?}"
    );
    assert_eq!(bob, Duration::ZERO, "{case}: {stats:?}");
    assert_eq!(view(&world, ALICE).address, Some(alices_address), "{case}");
    let bobs_address = world.sender(1).address;
    assert_eq!(view(&world, ALICE).conflict, Some(bobs_address), "{case}");
    world.sender(1).pause(Pause::Nothing);
    world.run_for(6 * SECOND);
    assert_eq!(view(&world, ALICE).conflict, None, "{case}: Bob has left");
    assert!(refused(&mut world, Refused::NotOwner) > 2500, "{case}");
}

#[test]
fn the_first_sender_with_an_ssrc_prevails() {
    check_shared_ssrc("clean", link(), Packing::default());
    check_shared_ssrc(
        "loss",
        Link {
            loss: 0.05,
            ..link()
        },
        Packing::default(),
    );
    let short = Packing {
        packet_samples: 120,
        ..Packing::default()
    };
    check_shared_ssrc(
        "2.5 ms against 20 ms",
        Link {
            loss: 0.05,
            ..link()
        },
        short,
    );
}

/// Returns how long after Alice's last packet Bob is heard, who sends with her SSRC.
fn onset_of_second_sender(is_of_her_host: bool) -> Duration {
    let mut world = listening(44, alice(), link());
    let mut bob = bob();
    bob.ssrc = ALICE;
    (bob.sequence_number, bob.timestamp) = (20_000, 1_000_000_000);
    if is_of_her_host {
        bob.address = (world.sender(0).address.ip(), 50_001).into();
    }
    world.run_for(5 * SECOND);
    world.add(bob, link());
    world.run_for(5 * SECOND);
    world.sender(0).pause(Pause::Nothing);
    let left = world.now();
    world.run_for(OFFLINE_AFTER + 5 * SECOND);
    world.listener.onset(BOB_HZ, left).unwrap()
}

#[test]
fn a_second_sender_of_her_host_takes_over_a_silent_ssrc() {
    let onset = onset_of_second_sender(true);
    assert!(onset < 400 * MS, "{onset:?}");
}

#[test]
fn another_host_begins_once_the_client_is_offline() {
    let onset = onset_of_second_sender(false);
    let soon = OFFLINE_AFTER + 400 * MS;
    assert!((OFFLINE_AFTER..soon).contains(&onset), "{onset:?}");
}

#[test]
fn forged_ssrcs_do_not_displace_configured_clients() {
    let mut random = Random::new(45);
    let mut world = World::new(45).unwrap();
    let named = ClientSettings {
        name: Some(Name::new("Ward 3").unwrap()),
        ..Default::default()
    };
    for ssrc in 1..=20 {
        world.configure(ssrc, named.clone());
    }
    world.add(alice(), link());
    world.run_for(SECOND);
    let mallory = Origin::from("203.0.113.66:666".parse::<std::net::SocketAddr>().unwrap());
    for _ in 0..20_000u32 {
        let mut datagram = Vec::new();
        let packet = Packet {
            marker: false,
            payload_type: 111,
            sequence_number: random.next_u64() as u16,
            timestamp: random.next_u64() as u32,
            ssrc: random.next_u64() as u32,
            payload: &[0x78],
        };
        packet.write(&mut datagram);
        world.inject(mallory, &datagram);
        if random.chance(0.01) {
            world.run_for(20 * MS);
        }
    }
    let now = world.instant(world.now());
    let clients: Vec<_> = world.hub().clients(now).collect();
    assert_eq!(
        clients
            .iter()
            .filter(|client| client.settings.name.is_some())
            .count(),
        20
    );
    assert!(clients.len() <= 1020, "{}", clients.len());
    assert!(refused(&mut world, Refused::Unconfirmed) > 10_000);
    let stats = view(&world, ALICE).stats;
    assert_eq!(
        (stats.lost, stats.concealed),
        (0, 0),
        "Alice is not affected"
    );
    // The forged clients go offline and make room for real ones.
    world.run_for(15 * SECOND);
    world.add(bob(), link());
    world.run_for(SECOND);
    assert_eq!(view(&world, BOB).status, Status::Sounding);
}

#[test]
fn every_legal_packet_plays_without_a_hole() {
    let mut packings = vec![silk(480), silk(960), silk(1920), silk(2880)];
    for packet_samples in [120, 240, 480, 960, 1920, 2880, 3840, 4800, 5760] {
        packings.extend([celt(packet_samples, false), celt(packet_samples, true)]);
    }
    for packing in packings {
        let mut world = listening(46, alice_packed(packing), link());
        world.run_for(5 * SECOND);
        let stats = view(&world, ALICE).stats;
        let SourceStats {
            lost,
            late,
            concealed,
            ..
        } = stats;
        assert_eq!((lost, late, concealed), (0, 0, 0), "{packing:?}: {stats:?}");
        assert!(
            (stats.delay_ms - 40.0).abs() < 20.0,
            "{packing:?}: {stats:?}"
        );
        let audible = world.listener.audible(ALICE_HZ, SECOND, 4 * SECOND);
        assert_eq!(audible, 3 * SECOND, "{packing:?}");
    }
}

#[test]
fn volume_and_mute_shape_the_mix() {
    let mut world = listening(47, alice(), link());
    world.add(bob(), link());
    let set = |world: &mut World, percent, muted| {
        let volume = Volume::new(percent).unwrap();
        world.configure(
            ALICE,
            ClientSettings {
                name: None,
                volume,
                muted,
                ..ClientSettings::default()
            },
        );
        let from = world.now() + 40 * MS;
        world.run_for(2 * SECOND);
        let levels = |pitch| {
            let levels = world.listener.levels(pitch, from, world.now() - 20 * MS);
            levels.iter().sum::<f32>() / levels.len() as f32
        };
        (levels(ALICE_HZ), levels(BOB_HZ))
    };
    world.run_for(SECOND);
    let close = |(alice, bob): (f32, f32), wanted: f32| {
        assert!(
            (alice - wanted).abs() < 0.05 && (bob - 1.0).abs() < 0.05,
            "{alice} {bob}, not {wanted}"
        );
    };
    close(set(&mut world, 100, false), 1.0);
    close(set(&mut world, 50, false), 0.5);
    close(set(&mut world, 0, false), 0.0);
    close(set(&mut world, 200, false), 2.0);
    close(set(&mut world, 200, true), 0.0);
    world.run_for(60 * SECOND);
    close(set(&mut world, 100, false), 1.0);
    let stats = view(&world, ALICE).stats;
    assert_eq!((stats.lost, stats.late, stats.concealed), (0, 0, 0));
    assert!(
        (stats.delay_ms - 40.0).abs() < 20.0,
        "nothing is queued while muted: {stats:?}"
    );
}

#[test]
fn settings_survive_a_day_offline() {
    let mut world = counting(48, alice(), link());
    let quiet = ClientSettings {
        volume: Volume::new(30).unwrap(),
        ..Default::default()
    };
    world.configure(ALICE, quiet.clone());
    world.run_for(5 * SECOND);
    assert_eq!(view(&world, ALICE).status, Status::Sounding);
    world.sender(0).pause(Pause::Nothing);
    world.run_for(OFFLINE_AFTER + SECOND);
    assert_eq!(view(&world, ALICE).status, Status::Offline);
    // The server stands still, because simulating a day of slots would take long.
    world.stall_server(24 * HOUR);
    world.run_for(24 * HOUR);
    world.sender(0).speak();
    world.run_for(SECOND);
    let client = view(&world, ALICE);
    assert_eq!((client.status, client.settings), (Status::Sounding, quiet));
    assert_eq!((client.stats.lost, client.stats.concealed), (0, 0));
    let events: Vec<_> = world.events.iter().map(|(_, event)| event).collect();
    assert!(
        matches!(
            events[..],
            [
                Output::Event(ClientEvent::Connected { .. }),
                Output::Event(ClientEvent::Disconnected { .. }),
                Output::Event(ClientEvent::Connected { .. })
            ]
        ),
        "{events:?}"
    );
}
