//! Hosts that send with Alice's SSRC, name her, or say goodbye for her: while she plays, restarts,
//! changes the port of her NAT, roams, and waits in silence, all of her is heard that would be heard
//! without them, and nothing of theirs.

#![allow(clippy::unwrap_used)]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::*;
use raa_core::client::{ClientView, Status};
use raa_core::hub::Origin;
use raa_core::refused::Refused;
use raa_core::rtcp;
use raa_core::rtp::Packet;
use raa_sim::{Clip, Forged, Jitter, Link, Pause, Random, World};

/// The slot, after which an attacker goes on.
const STEP: Duration = Duration::from_millis(20);
const STRANGER: [u8; 4] = [198, 51, 100, 66];
const HOME: [u8; 4] = [192, 0, 2, 7];
const AWAY: [u8; 4] = [203, 0, 113, 9];

fn at(ip: [u8; 4], port: u16) -> Origin {
    Origin::from(SocketAddr::from((ip, port)))
}

fn packet(sequence_number: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    let packet = Packet {
        marker: false,
        payload_type: 111,
        sequence_number,
        timestamp,
        ssrc: ALICE,
        payload,
    };
    packet.write(&mut datagram);
    datagram
}

fn forged(arrival: Duration, from: Origin, datagram: Vec<u8>) -> Forged {
    Forged {
        arrival,
        from,
        datagram,
    }
}

fn link() -> Link {
    Link {
        delay: 20 * MS,
        jitter: Jitter::Uniform(10 * MS),
        ..Link::default()
    }
}

/// A world in which Alice plays at [`HOME`], with an attacker that acts every 20 ms.
struct Scene<'a> {
    world: World,
    attack: Box<dyn FnMut(&mut World) + 'a>,
}

impl<'a> Scene<'a> {
    fn new(attack: impl FnMut(&mut World) + 'a) -> Self {
        let mut world = listening(91, alice(), link());
        world.sender(0).address = (HOME, 50_000).into();
        Self {
            world,
            attack: Box::new(attack),
        }
    }

    fn run(&mut self, length: Duration) {
        let end = self.world.now() + length;
        while self.world.now() < end {
            // Whoever comes first owns the stream, and that is Alice.
            if self.world.now() >= SECOND {
                (self.attack)(&mut self.world);
            }
            self.world.run_for(STEP);
        }
    }

    /// A pause of 300 ms, after which the sender begins again with other numbers.
    fn restart(&mut self, sequence_number: u16, timestamp: u32) {
        self.world.sender(0).pause(Pause::Nothing);
        self.run(300 * MS);
        self.world.sender(0).restart(sequence_number, timestamp);
        self.run(2 * SECOND);
    }

    /// Everything that a legal sender does in the course of months.
    fn play(&mut self) -> Heard {
        self.run(3 * SECOND);
        self.restart(20_000, 1_234_567);
        // Another port of the NAT, in the middle of the sound.
        self.world.sender(0).address = (HOME, 50_100).into();
        self.run(2 * SECOND);
        // Another network.
        self.world.sender(0).address = (AWAY, 41_000).into();
        self.run(2 * SECOND);
        // The program is started again, and has another port.
        self.world.sender(0).address = (AWAY, 41_234).into();
        self.restart(1000, 987_654_321);
        self.world.sender(0).pause(Pause::KeepAlive);
        self.run(2 * SECOND);
        self.world.sender(0).speak();
        self.run(2 * SECOND);
        self.heard()
    }

    fn heard(&mut self) -> Heard {
        let end = self.world.now();
        let audible = |pitch| self.world.listener.audible(pitch, Duration::ZERO, end);
        Heard {
            alice: audible(ALICE_HZ),
            bob: audible(BOB_HZ),
            view: view(&self.world, ALICE),
            address: self.world.sender(0).address,
        }
    }
}

#[derive(Debug)]
struct Heard {
    alice: Duration,
    bob: Duration,
    view: ClientView,
    /// Alice's address.
    address: SocketAddr,
}

/// Checks that with this attack as much of Alice is heard as without it, and nothing else.
#[track_caller]
fn check<'a>(case: &str, attack: impl FnMut(&mut World) + 'a) -> (Heard, World) {
    let alone = Scene::new(|_| {}).play();
    assert!(alone.alice > 12 * SECOND, "{alone:?}");
    let mut scene = Scene::new(attack);
    let heard = scene.play();
    println!(
        "{case}: {:?} of {:?}, {:?} of others",
        heard.alice, alone.alice, heard.bob
    );
    let found = (
        heard.alice,
        heard.bob,
        heard.view.address,
        heard.view.status,
    );
    let expected = (
        alone.alice,
        Duration::ZERO,
        Some(heard.address),
        Status::Sounding,
    );
    assert_eq!(found, expected, "{case}");
    assert_eq!(heard.view.name(), "", "{case}");
    let stats = |heard: &Heard| (heard.view.stats.lost, heard.view.stats.concealed);
    assert_eq!(stats(&heard), stats(&alone), "{case}");
    (heard, scene.world)
}

fn refused(world: &mut World, reason: Refused) -> u64 {
    let mut counts = world.hub().stats().refused.iter();
    counts.find(|(each, _)| *each == reason).unwrap().1
}

/// Bob's tone with Alice's SSRC.
fn tone() -> Clip {
    Clip::tone(BOB_HZ).unwrap()
}

#[test]
fn swept_numbers_never_enter_a_stream() {
    let clip = tone();
    let (mut sequence, mut timestamp) = (0u16, 0u32);
    let (_, mut world) = check("sweep", |world| {
        // 100,000 packets a second; 22 x 44,739 of them met the windows of old in ten seconds.
        for n in 0..2000 {
            sequence = sequence.wrapping_add(2900);
            if n % 23 == 0 {
                timestamp = timestamp.wrapping_add(90_000);
            }
            let datagram = packet(sequence, timestamp, clip.payload(5));
            let arrival = world.now() + STEP * n / 2000;
            world.forge(forged(arrival, at(STRANGER, 4000), datagram));
        }
    });
    assert!(refused(&mut world, Refused::NotOwner) > 1_000_000);
}

#[test]
fn strays_do_not_delay_a_restart() {
    type OriginOf = fn(u16) -> Origin;
    let clip = tone();
    // One address, many, and those of Alice's own hosts.
    let origins: [(&str, OriginOf); 4] = [
        ("one address", |_| at(STRANGER, 4000)),
        ("500 addresses", |n| at(STRANGER, 4000 + n % 500)),
        ("a port at home", |_| at(HOME, 4000)),
        ("a port away", |_| at(AWAY, 4000)),
    ];
    for (case, origin) in origins {
        let mut random = Random::new(92);
        check(case, |world| {
            for n in 0..200 {
                let (sequence, timestamp) = (random.next_u64() as u16, random.next_u64() as u32);
                let arrival = world.now() + STEP * n / 200;
                let datagram = packet(sequence, timestamp, clip.payload(5));
                world.forge(forged(arrival, origin(random.next_u64() as u16), datagram));
            }
        });
    }
}

#[test]
fn second_streams_of_other_hosts_are_never_heard() {
    let clip = tone();
    let mut n = 0u16;
    let (heard, _) = check("a second stream", |world| {
        n += 1;
        let datagram = packet(n, 7_000_000 + u32::from(n) * 960, clip.payload(n.into()));
        world.forge(forged(world.now(), at(STRANGER, 4000), datagram));
    });
    let stranger = SocketAddr::from((STRANGER, 4000));
    assert_eq!(heard.view.conflict, Some(stranger), "an operator sees it");
}

/// Lets a stranger send each of Alice's packets, with another tone in it, `ahead` before or after
/// hers.
fn copier(late: Duration) -> impl FnMut(Duration, &[u8]) -> Vec<Forged> {
    let clip = tone();
    move |leaves, datagram| {
        let original = Packet::parse(datagram).unwrap();
        let copy = packet(
            original.sequence_number,
            original.timestamp,
            clip.payload(5),
        );
        vec![forged(leaves + late, at(STRANGER, 4000), copy)]
    }
}

#[test]
fn later_copies_move_nothing() {
    let mut is_copying = false;
    let (heard, _) = check("later copies", |world| {
        if !std::mem::replace(&mut is_copying, true) {
            world.set_eavesdropper(Box::new(copier(32 * MS)));
        }
    });
    assert_eq!(heard.view.stats.duplicate, 0, "{heard:?}");
}

#[test]
fn earlier_copies_displace_no_sound() {
    let mut scene = Scene::new(|_| {});
    scene.run(SECOND);
    scene.world.set_eavesdropper(Box::new(copier(MS)));
    scene.run(2 * SECOND);
    scene.restart(20_000, 1_234_567);
    // Her new port goes before another host, even one that is faster.
    scene.world.sender(0).address = (HOME, 50_100).into();
    scene.run(3 * SECOND);
    let copied = scene.heard();
    let mut scene = Scene::new(|_| {});
    scene.run(3 * SECOND);
    scene.restart(20_000, 1_234_567);
    scene.world.sender(0).address = (HOME, 50_100).into();
    scene.run(3 * SECOND);
    let alone = scene.heard();
    assert_eq!(copied.view.address, alone.view.address);
    assert_eq!(copied.view.stats.duplicate, 0, "{copied:?}");
    assert_eq!(
        (copied.bob, copied.alice),
        (Duration::ZERO, alone.alice),
        "{copied:?}"
    );
}

fn report(name: &str, is_goodbye: bool) -> Vec<u8> {
    let report = rtcp::SenderReport {
        ssrc: ALICE,
        ntp: 0,
        rtp_timestamp: 0,
        packets: 1,
        octets: 1,
    };
    let description = rtcp::Description {
        ssrc: ALICE,
        cname: "a@b",
        name,
        tool: "t",
    };
    let mut datagram = Vec::new();
    rtcp::write_report(&report, &description, None, &mut datagram);
    if is_goodbye {
        rtcp::write_goodbye(ALICE, &mut datagram);
    }
    datagram
}

#[test]
fn goodbyes_of_others_end_nothing() {
    for (case, from) in [
        ("a port at home", at(HOME, 4000)),
        ("a port away", at(AWAY, 4000)),
        ("a stranger", at(STRANGER, 50_000)),
    ] {
        let (_, mut world) = check(case, |world| {
            world.forge(forged(world.now() + 7 * MS, from, report("Mallory", true)));
        });
        assert!(refused(&mut world, Refused::NotOwner) > 500, "{case}");
    }
}

#[test]
fn goodbyes_with_her_own_address_end_no_sound() {
    let alone = Scene::new(|_| {}).play();
    let mut scene = Scene::new(|world: &mut World| {
        let from = Origin::from(world.sender(0).address);
        world.forge(forged(world.now() + 7 * MS, from, report("", true)));
    });
    let heard = scene.play();
    // In her silence she is offline now and then, and then her first packet begins a stream.
    assert!(heard.alice + 20 * MS >= alone.alice, "{heard:?}");
}

#[test]
fn another_program_of_her_host_keeps_nobody_out() {
    let clip = tone();
    let run = |is_attacked: bool| {
        let mut n = 0u16;
        let mut scene = Scene::new(|world| {
            n += 1;
            if is_attacked && n > 10 {
                let payload = clip.payload(n.into());
                let datagram = packet(n, 7_000_000 + u32::from(n) * 960, payload);
                world.forge(forged(world.now(), at(HOME, 4000), datagram));
            }
        });
        scene.run(3 * SECOND);
        scene.restart(20_000, 1_234_567);
        scene.world.sender(0).address = (HOME, 50_100).into();
        scene.run(2 * SECOND);
        scene.world.sender(0).pause(Pause::KeepAlive);
        scene.run(3 * SECOND);
        let alarm = scene.world.now();
        scene.world.sender(0).speak();
        scene.run(3 * SECOND);
        let onset = scene.world.listener.onset(ALICE_HZ, alarm);
        (scene.heard(), onset.unwrap())
    };
    let ((alone, soon), (heard, onset)) = (run(false), run(true));
    println!(
        "{:?} of {:?}; onset {onset:?}, {soon:?} alone",
        heard.alice, alone.alice
    );
    assert!(alone.alice > 9 * SECOND, "{alone:?}");
    assert!(heard.alice + 20 * MS >= alone.alice, "{heard:?}");
    assert!(onset <= soon + 20 * MS, "{onset:?}, {soon:?} alone");
    assert_eq!(heard.view.address, Some(heard.address));
}
