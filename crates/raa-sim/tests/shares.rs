//! A slot's work in shares: whoever plays them, and on however many threads, the mix is the same.

#![allow(clippy::unwrap_used)]

use std::time::{Instant, SystemTime};

use raa_core::SLOT;
use raa_core::codec::{Encoder, EncoderSettings, MAX_ENCODED_LEN};
use raa_core::hub::{Hub, HubConfig, Origin, Output, Share};
use raa_core::rtp::{Packet, StreamStart};

const CLIENTS: u32 = 70;
const SLOTS: u32 = 20;

fn hub(start: Instant) -> Hub {
    let mix_stream = StreamStart {
        ssrc: 1,
        sequence_number: 0,
        timestamp: 0,
    };
    let config = HubConfig::new(mix_stream, SystemTime::UNIX_EPOCH);
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
    // 50 clients join in a slot at most.
    let _ = hub.handle_packet(now, Origin::Internal, &datagram);
}

/// The mix of many tones, and of how many in the last slot.
fn run(mut play_all: impl FnMut(&mut [Share<'_>])) -> (Vec<Vec<u8>>, usize) {
    let start = Instant::now();
    let (mut hub, mut now) = (hub(start), start);
    let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
    let mut frames = Vec::new();
    for slot in 0..SLOTS {
        for ssrc in 1..=CLIENTS {
            send(&mut hub, now, slot, ssrc, &tone(ssrc, &mut encoder));
        }
        now += SLOT;
        hub.handle_timeout_with(now, &mut play_all);
        while let Some(output) = hub.poll_output() {
            frames.extend(match output {
                Output::Mix(frame) => Some(frame.to_vec()),
                _ => None,
            });
        }
    }
    (frames, hub.stats().active)
}

#[test]
fn the_mix_is_the_same_whoever_plays_the_shares_and_in_whatever_order() {
    let in_turn = run(|shares| shares.iter_mut().for_each(Share::play));
    assert_eq!(
        (in_turn.0.len(), in_turn.1),
        (SLOTS as usize, CLIENTS as usize)
    );
    let backwards = run(|shares| shares.iter_mut().rev().for_each(Share::play));
    assert!(in_turn == backwards);
    let at_once = run(|shares| {
        assert!(!shares.is_empty());
        std::thread::scope(|threads| {
            shares
                .iter_mut()
                .for_each(|share| _ = threads.spawn(|| share.play()));
        });
    });
    assert!(in_turn == at_once);
}
