//! The server and RAA's own sender, over a network with delay.

use crate::codec::EncoderSettings;
use std::collections::VecDeque;

use super::*;
use crate::packetizer::{Identity, Packetizer, PacketizerConfig, Reception, Redundancy};

const STEP: Duration = Duration::from_millis(1);
const THERE: Duration = Duration::from_millis(30);
const BACK: Duration = Duration::from_millis(55);

/// Datagrams in flight, with their arrival times.
type Way = VecDeque<(Instant, Vec<u8>)>;

fn arrived(way: &mut Way, now: Instant) -> Option<Vec<u8>> {
    way.pop_front_if(|(at, _)| *at <= now)
        .map(|(_, datagram)| datagram)
}

/// Returns a sender whose clock is 15 minutes behind the server's.
fn sender(start: Instant) -> Packetizer {
    let config = PacketizerConfig {
        stream: StreamStart {
            ssrc: SSRC,
            sequence_number: u16::MAX - 10,
            timestamp: 5,
        },
        encoder: EncoderSettings::default(),
        redundancy: Redundancy::new(0).unwrap(),
        identity: Identity {
            cname: "a@b".into(),
            name: "Ward 3".into(),
            tool: "t".into(),
        },
        seed: 7,
        wall_clock: SystemTime::UNIX_EPOCH,
    };
    Packetizer::new(config, start).unwrap()
}

#[test]
fn both_sides_measure_the_round_trip() {
    let mut bench = Bench::new();
    let mut sender = sender(bench.start);
    let (mut there, mut back) = (Way::new(), Way::new());
    for step in 0..20_000_u32 {
        bench.now = bench.start + STEP * step;
        let pcm: [f32; 48] = std::array::from_fn(|i| 0.3 * (i as f32 / 7.6).sin());
        sender.push_pcm(bench.now, &pcm);
        while let Some(datagram) = sender.poll_transmit() {
            there.push_back((bench.now + THERE, datagram.to_vec()));
        }
        while let Some(datagram) = arrived(&mut there, bench.now) {
            bench.take(home(), &datagram);
        }
        if bench.hub.poll_timeout() <= bench.now {
            bench.hub.handle_timeout(bench.now);
        }
        while let Some(output) = bench.hub.poll_output() {
            if let Output::Send { datagram, .. } = output {
                back.push_back((bench.now + BACK, datagram.to_vec()));
            }
        }
        while let Some(datagram) = arrived(&mut back, bench.now) {
            sender.handle_rtcp(bench.now, Duration::ZERO, &datagram);
        }
    }
    let stats = sender.stats();
    for trip in [bench.round_trip(), stats.round_trip] {
        let off = trip.unwrap().as_secs_f64() - (THERE + BACK).as_secs_f64();
        assert!(off.abs() < 0.0001, "{trip:?}");
    }
    assert_eq!(stats.reception, Reception::Good);
}
