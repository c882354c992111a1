//! A packetizer in front of a hub: the sound of the mix.

use super::*;
use crate::codec::{Decoder, MAX_PACKET_SAMPLES};
use crate::hub::{Hub, HubConfig, Origin, Output};

/// The sound of the mix from the hub's first slot on, and the client's counters.
struct Played {
    pcm: Vec<f32>,
    concealed: u64,
    late: u64,
}

fn play(world: &World, until: Instant) -> Played {
    let mut hub = hub(world.start);
    let from = Origin::from(core::net::SocketAddr::from(([192, 0, 2, 7], 5004)));
    let (mut decoder, mut pcm) = (Decoder::new().unwrap(), Vec::new());
    let mut sent = world.rtp.iter().peekable();
    while hub.poll_timeout() < until {
        let slot = hub.poll_timeout();
        while let Some(packet) = sent.next_if(|sent| sent.at + 2 * MS <= slot) {
            let mut datagram = Vec::new();
            let Sent {
                marker,
                sequence_number,
                timestamp,
                ref payload,
                ..
            } = *packet;
            let rtp = Packet {
                marker,
                payload_type: OPUS_PAYLOAD_TYPE,
                sequence_number,
                timestamp,
                ssrc: START.ssrc,
                payload,
            };
            rtp.write(&mut datagram);
            hub.handle_packet(packet.at + 2 * MS, from, &datagram)
                .unwrap();
        }
        hub.handle_timeout(slot);
        while let Some(output) = hub.poll_output() {
            let Output::Mix {
                datagram: frame, ..
            } = output
            else {
                continue;
            };
            let mut decoded = [0.0; MAX_PACKET_SAMPLES];
            let samples = decoder
                .decode(Packet::parse(&frame).unwrap().payload, &mut decoded)
                .unwrap();
            pcm.extend(&decoded[..samples]);
        }
    }
    let stats = hub.client(START.ssrc, until).unwrap().stats;
    Played {
        pcm,
        concealed: stats.concealed,
        late: stats.late,
    }
}

fn hub(start: Instant) -> Hub {
    let mix_stream = StreamStart {
        ssrc: 1,
        sequence_number: 0,
        timestamp: 0,
    };
    let config = HubConfig::new(mix_stream, std::time::SystemTime::UNIX_EPOCH);
    Hub::new(config, start).unwrap()
}

fn energy(pcm: &[f32]) -> f64 {
    pcm.iter().map(|&x| f64::from(x).powi(2)).sum()
}

/// Returns five bursts of a tone, with `pause` around each, as a hub plays them.
fn five_bursts(pause: impl Fn(&mut World)) -> Vec<f32> {
    let mut world = World::new();
    for _ in 0..5 {
        pause(&mut world);
        // Each burst begins and ends within a frame.
        world.capture_tone(310 * MS);
    }
    pause(&mut world);
    let played = play(&world, world.now);
    assert_eq!(
        (played.concealed, played.late),
        (0, 0),
        "pauses are not losses"
    );
    played.pcm
}

/// Returns the energy of five bursts: A²/2 per sample.
fn energy_of_five_bursts() -> f64 {
    5.0 * 0.310 * 48_000.0 * f64::from(TONE).powi(2) / 2.0
}

#[test]
fn bursts_between_captured_silence_play_whole() {
    let pcm = five_bursts(|world| world.capture_silence(1010 * MS));
    let ratio = energy(&pcm) / energy_of_five_bursts();
    assert!((0.97..1.03).contains(&ratio), "{ratio}");
    assert_onsets(&pcm, 5);
}

#[test]
fn bursts_between_capture_pauses_play_whole() {
    let pcm = five_bursts(|world| {
        world.capture_silence(30 * MS);
        world.pass(1007 * MS);
    });
    let ratio = energy(&pcm) / energy_of_five_bursts();
    assert!((0.97..1.03).contains(&ratio), "{ratio}");
    assert_onsets(&pcm, 5);
}

#[test]
fn abrupt_capture_pause_fades_out() {
    let pcm = five_bursts(|world| world.pass(1007 * MS));
    // The hub fades out for up to 100 ms.
    let ratio = energy(&pcm) / energy_of_five_bursts();
    assert!((0.97..1.33).contains(&ratio), "{ratio}");
    let peak = pcm.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    assert!(
        peak < 1.2 * TONE,
        "an onset is louder than the tone: {peak}"
    );
}

/// Asserts that every burst has its full level 10 ms after its onset, apart from pre-echo.
#[track_caller]
fn assert_onsets(pcm: &[f32], expected: usize) {
    let mut onsets = 0;
    let mut at = 0;
    while let Some(next) = pcm[at..].iter().position(|x| x.abs() > 0.4 * TONE) {
        let onset = at + next;
        let full = energy(&pcm[onset + 480..onset + 960]) / 480.0;
        let ratio = full / (f64::from(TONE).powi(2) / 2.0);
        assert!((0.85..1.15).contains(&ratio), "{ratio} at sample {onset}");
        onsets += 1;
        at = onset + 24_000;
    }
    assert_eq!(onsets, expected);
}
