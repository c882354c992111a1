//! The mix is the same in whatever order and on however many threads a slot's shares are played.

#![allow(clippy::unwrap_used)]

use std::time::{Instant, SystemTime};

use raa_core::SLOT;
use raa_core::codec::{Encoder, EncoderSettings, MAX_ENCODED_LEN};
use raa_core::hub::{Executor, Hub, HubConfig, Origin, Output, Sequential};
use raa_core::mix::{MixConfig, MixId};
use raa_core::rtp::{Packet, StreamStart};
use raa_core::settings::Volume;

const CLIENTS: u32 = 70;
const SLOTS: u32 = 20;

fn hub(start: Instant) -> Hub {
    let mix_stream = StreamStart {
        ssrc: 1,
        sequence_number: 0,
        timestamp: 0,
    };
    let mut config = HubConfig::new(mix_stream, SystemTime::UNIX_EPOCH);
    let second = MixConfig {
        volumes: [(7, Volume::new(0).unwrap())].into(),
        ..MixConfig::new(mix_stream)
    };
    config.other_mixes.insert(MixId(1), second);
    Hub::new(config, start).unwrap()
}

fn tone(ssrc: u32, encoder: &mut Encoder) -> Vec<u8> {
    let pitch_hz = 200.0 + 31.0 * ssrc as f32;
    let pcm = std::array::from_fn(|i| {
        0.05 * (i as f32 / 48_000.0 * pitch_hz * std::f32::consts::TAU).sin()
    });
    let mut payload = [0; MAX_ENCODED_LEN];
    let len = encoder.encode(&pcm, &mut payload).unwrap();
    payload[..len].to_vec()
}

fn send(hub: &mut Hub, now: Instant, slot: u32, ssrc: u32, payload: &[u8]) {
    let packet = Packet {
        marker: false,
        payload_type: 111,
        sequence_number: slot as u16,
        timestamp: slot * 960,
        ssrc,
        payload,
    };
    let mut datagram = Vec::new();
    packet.write(&mut datagram);
    // At most 50 clients can join in a slot; the others are refused.
    let _ = hub.handle_packet(now, Origin::Internal, &datagram);
}

/// Two mixes of many tones, and the number of clients in the first in the last slot.
fn run(mut executor: impl Executor) -> (Vec<Vec<u8>>, usize) {
    let start = Instant::now();
    let (mut hub, mut now) = (hub(start), start);
    let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
    let mut frames = Vec::new();
    for slot in 0..SLOTS {
        for ssrc in 1..=CLIENTS {
            send(&mut hub, now, slot, ssrc, &tone(ssrc, &mut encoder));
        }
        now += SLOT;
        hub.handle_timeout_with(now, &mut executor);
        while let Some(output) = hub.poll_output() {
            frames.extend(match output {
                Output::Mix {
                    datagram: frame, ..
                } => Some(frame.to_vec()),
                _ => None,
            });
        }
    }
    (frames, hub.stats().active)
}

struct Backwards;

impl Executor for Backwards {
    fn run<T: Send>(&mut self, jobs: &mut [T], job: impl Fn(&mut T) + Sync) {
        jobs.iter_mut().rev().for_each(job);
    }
}

struct AtOnce;

impl Executor for AtOnce {
    fn run<T: Send>(&mut self, jobs: &mut [T], job: impl Fn(&mut T) + Sync) {
        assert!(!jobs.is_empty());
        let job = &job;
        std::thread::scope(|threads| {
            for each in jobs {
                threads.spawn(move || job(each));
            }
        });
    }
}

#[test]
fn the_mix_does_not_depend_on_the_executor() {
    let in_turn = run(Sequential);
    assert_eq!(
        (in_turn.0.len(), in_turn.1),
        (2 * SLOTS as usize, CLIENTS as usize)
    );
    assert!(in_turn == run(Backwards));
    assert!(in_turn == run(AtOnce));
}
