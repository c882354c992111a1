//! Compares what senders cost the server: legal ones of every kind, and one that tries to cost as much
//! as it can, next to an ordinary one, which sends mono in packets of 20 ms.
//!
//! All are heard by a hub of their own, in turn and in one thread. The results are ratios of CPU times
//! without the empty hub's, which are the same on a slow or busy machine. The worst legal sender must
//! stay below 4.
//! `cargo bench -p raa-sim --bench senders`

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use raa_core::hub::Origin;
use raa_core::red;
use raa_core::rtp::Packet;
use raa_sim::measure::{cpu, work};
use raa_sim::world::clip::{Mode, Packing};
use raa_sim::{Clip, Link, Sender, World};

const ROUNDS: usize = 9;
/// Sound of one measurement.
const MEASURED: Duration = Duration::from_secs(10);
const WARM_UP: Duration = Duration::from_secs(10);
/// The attacker sends eight packets of 120 ms this often.
const DENSE_INTERVAL: Duration = Duration::from_micros(2500);
/// Names of the legal senders, samples per packet, channels, codec, and earlier frames in each packet.
const LEGAL: [(&str, usize, bool, Mode, usize); 8] = [
    ("ordinary: 20 ms, mono", 960, false, Mode::Celt, 0),
    ("20 ms, mono, redundancy of 3", 960, false, Mode::Celt, 3),
    ("20 ms, stereo", 960, true, Mode::Celt, 0),
    ("2.5 ms, mono", 120, false, Mode::Celt, 0),
    ("2.5 ms, stereo, redundancy of 3", 120, true, Mode::Celt, 3),
    ("120 ms, stereo", 5760, true, Mode::Celt, 0),
    ("10 ms, SILK", 480, false, Mode::Silk, 0),
    ("60 ms, SILK", 2880, false, Mode::Silk, 0),
];

/// A hub with at most one sender.
struct Room {
    world: World,
    /// The attacker's payload, and the number of its packets so far.
    dense: Option<(Vec<u8>, u32)>,
}

impl Room {
    fn new(sender: Option<Sender>) -> Self {
        let mut world = World::new(1).unwrap();
        if let Some(sender) = sender {
            world.add(sender, Link::default());
        }
        Self { world, dense: None }
    }

    fn attacked() -> Self {
        let payload = work::dense_payload(&work::music(0.5).unwrap()[0]);
        Self {
            dense: Some((payload, 0)),
            ..Self::new(None)
        }
    }

    fn run(&mut self, length: Duration) {
        let Some((payload, n)) = &mut self.dense else {
            return self.world.run_for(length);
        };
        for _ in 0..length.as_micros() / DENSE_INTERVAL.as_micros() {
            let packet = Packet {
                marker: *n == 0,
                payload_type: red::PAYLOAD_TYPE,
                sequence_number: *n as u16,
                timestamp: n.wrapping_mul(work::DENSE_SAMPLES as u32),
                ssrc: 1,
                payload,
            };
            let mut datagram = Vec::new();
            packet.write(&mut datagram);
            let from = SocketAddr::from(([203, 0, 113, 1], 4000));
            self.world.inject(Origin::from(from), &datagram);
            self.world.run_for(DENSE_INTERVAL);
            *n += 1;
        }
    }
}

fn main() {
    let legal = LEGAL.map(|(_, packet_samples, stereo, mode, redundancy)| {
        let packing = Packing {
            packet_samples,
            stereo,
            mode,
        };
        let clip = Arc::new(Clip::packed(800, packing).unwrap());
        let mut sender = Sender::new(1, clip, Duration::ZERO, 0.0);
        sender.redundancy = redundancy;
        Room::new(Some(sender))
    });
    let mut rooms = vec![Room::new(None)];
    rooms.extend(legal);
    rooms.push(Room::attacked());
    rooms.iter_mut().for_each(|room| room.run(WARM_UP));
    let mut ratios = vec![Vec::new(); rooms.len() - 1];
    for _ in 0..ROUNDS {
        let costs: Vec<f64> = rooms.iter_mut().map(cpu_s).collect();
        let ordinary = costs[1] - costs[0];
        for (ratios, cost) in ratios.iter_mut().zip(&costs[1..]) {
            ratios.push((cost - costs[0]) / ordinary);
        }
    }
    let names = LEGAL.iter().map(|(name, ..)| *name);
    let names = names.chain(["attacker: eight times 120 ms every 2.5 ms"]);
    for (name, mut ratios) in names.zip(ratios) {
        ratios.sort_by(f64::total_cmp);
        let (low, median, high) = (ratios[0], ratios[ROUNDS / 2], ratios[ROUNDS - 1]);
        println!("{name:42} {median:5.2} ({low:.2} to {high:.2})");
    }
}

fn cpu_s(room: &mut Room) -> f64 {
    let before = cpu::thread_time();
    room.run(MEASURED);
    (cpu::thread_time() - before).as_secs_f64()
}
