//! Several mixes of the same clients.

use std::collections::BTreeMap;

use super::*;
use crate::mix::{MixConfig, MixId};

/// More clients than a share has.
const CLIENTS: u32 = 40;
/// Loudest alone in its mix.
const SOLO: u32 = 3;
const SOLO_MIX: MixId = MixId(9);
const SILENT_MIX: MixId = MixId(4);

fn volume(percent: i64) -> Volume {
    Volume::new(percent).unwrap()
}

/// The mix in which only one client is audible, though not at its own volume.
fn solo() -> BTreeMap<u32, Volume> {
    let of = |ssrc| (ssrc, volume(if ssrc == SOLO { 60 } else { 0 }));
    (0..CLIENTS).map(of).collect()
}

fn stream(ssrc: u32) -> StreamStart {
    StreamStart {
        ssrc,
        sequence_number: u16::MAX - ssrc as u16,
        timestamp: u32::MAX - 1000 * ssrc,
    }
}

fn mix_of(ssrc: u32, volumes: BTreeMap<u32, Volume>) -> MixConfig {
    MixConfig {
        volumes,
        ..MixConfig::new(stream(ssrc))
    }
}

fn config_of(others: impl IntoIterator<Item = (MixId, MixConfig)>) -> HubConfig {
    HubConfig {
        max_unconfigured_clients: CLIENTS as usize,
        other_mixes: others.into_iter().collect(),
        ..HubConfig::new(stream(1), std::time::SystemTime::UNIX_EPOCH)
    }
}

fn three_mixes() -> HubConfig {
    let silent = (0..CLIENTS).map(|ssrc| (ssrc, volume(0))).collect();
    config_of([
        (SOLO_MIX, mix_of(2, solo())),
        (SILENT_MIX, mix_of(3, silent)),
    ])
}

struct Backwards;

impl Executor for Backwards {
    fn run<T: Send>(&mut self, jobs: &mut [T], job: impl Fn(&mut T) + Sync) {
        jobs.iter_mut().rev().for_each(job);
    }
}

/// A mix's packets in order.
type Packets = BTreeMap<MixId, Vec<Bytes>>;

/// Plays tones of all clients, with a stall and a change of volume on the way.
fn play(config: HubConfig, settings: ClientSettings, executor: &mut impl Executor) -> Packets {
    let mut now = crate::any_instant();
    let mut hub = Hub::new(config, now).unwrap();
    let configure = |ssrc, settings| Command::Configure { ssrc, settings };
    hub.handle_command(configure(SOLO, settings)).unwrap();
    let mut encoders: Vec<_> = (0..CLIENTS).map(|_| encoder()).collect();
    let mut packets = Packets::new();
    for slot in 0..60 {
        for (ssrc, encoder) in (0..CLIENTS).zip(&mut encoders) {
            let datagram = packet(ssrc, slot, &tone(encoder, ssrc, slot));
            hub.handle_packet(now, FROM, &datagram).unwrap();
        }
        if slot == 30 {
            let quieter = ClientSettings {
                volume: volume(20),
                ..Default::default()
            };
            hub.handle_command(configure(SOLO + 1, quieter)).unwrap();
        }
        now += if slot == 40 { 5 * SLOT } else { SLOT };
        hub.handle_timeout_with(now, executor);
        while let Some(output) = hub.poll_output() {
            if let Output::Mix { mix, datagram } = output {
                packets.entry(mix).or_default().push(datagram);
            }
        }
    }
    packets
}

fn encoder() -> Encoder {
    let fast = EncoderSettings {
        complexity: 0,
        ..EncoderSettings::default()
    };
    Encoder::new(fast).unwrap()
}

fn tone(encoder: &mut Encoder, ssrc: u32, slot: u32) -> Vec<u8> {
    let hz = 300.0 + 70.0 * ssrc as f32;
    let pcm = std::array::from_fn(|i| {
        let t = (slot as usize * SLOT_SAMPLES + i) as f32 / 48_000.0;
        0.1 * (t * hz * std::f32::consts::TAU).sin()
    });
    let mut payload = [0; MAX_ENCODED_LEN];
    let len = encoder.encode(&pcm, &mut payload).unwrap();
    payload[..len].to_vec()
}

fn packet(ssrc: u32, slot: u32, payload: &[u8]) -> Vec<u8> {
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
    datagram
}

fn payloads(packets: &[Bytes]) -> Vec<&[u8]> {
    let payload = |datagram| Packet::parse(datagram).unwrap().payload;
    packets.iter().map(|datagram| payload(datagram)).collect()
}

#[test]
fn each_mix_sounds_as_it_would_alone() {
    let together = play(three_mixes(), ClientSettings::default(), &mut Sequential);
    let main = play(config_of([]), ClientSettings::default(), &mut Sequential);
    assert_eq!(together[&MixId::MAIN], main[&MixId::MAIN]);
    let mut alone = config_of([]);
    alone.main_mix.volumes = solo();
    let alone = play(alone, ClientSettings::default(), &mut Sequential);
    let (solo, alone) = (
        payloads(&together[&SOLO_MIX]),
        payloads(&alone[&MixId::MAIN]),
    );
    assert_eq!(solo, alone);
    assert_ne!(solo, payloads(&main[&MixId::MAIN]));
}

#[test]
fn a_mixs_volume_replaces_the_operators_volume_and_mute() {
    let muted = ClientSettings {
        muted: true,
        volume: volume(7),
        ..Default::default()
    };
    let set = play(three_mixes(), muted, &mut Sequential);
    let unset = play(three_mixes(), ClientSettings::default(), &mut Sequential);
    assert_eq!(set[&SOLO_MIX], unset[&SOLO_MIX]);
    assert_ne!(set[&MixId::MAIN], unset[&MixId::MAIN]);
}

#[test]
fn dtx_depends_on_the_clients_of_each_mix() {
    let packets = play(three_mixes(), ClientSettings::default(), &mut Sequential);
    let longest = |mix| {
        payloads(&packets[&mix])[50..]
            .iter()
            .map(|payload| payload.len())
            .max()
    };
    assert_eq!(longest(SILENT_MIX), Some(1));
    for mix in [MixId::MAIN, SOLO_MIX] {
        let payloads = payloads(&packets[&mix]);
        assert!(payloads[10..].iter().all(|payload| payload.len() > 20));
    }
}

#[test]
fn each_mix_is_an_rtp_stream_of_its_own() {
    let packets = play(three_mixes(), ClientSettings::default(), &mut Sequential);
    for (mix, ssrc) in [(MixId::MAIN, 1), (SOLO_MIX, 2), (SILENT_MIX, 3)] {
        let start = stream(ssrc);
        assert_eq!(packets[&mix].len(), 60);
        for (n, datagram) in packets[&mix].iter().enumerate() {
            let packet = Packet::parse(datagram).unwrap();
            // Four slots are skipped after the fortieth.
            let slot = if n < 40 { n } else { n + 4 } as u32;
            let expected = (
                start.ssrc,
                start.sequence_number.wrapping_add(n as u16),
                start.timestamp.wrapping_add(960 * slot),
            );
            let header = (packet.ssrc, packet.sequence_number, packet.timestamp);
            assert_eq!(header, expected, "packet {n} of {mix:?}");
        }
    }
}

#[test]
fn frames_of_a_slot_come_in_the_order_of_mix_ids() {
    let mut now = crate::any_instant();
    let mut hub = Hub::new(three_mixes(), now).unwrap();
    for _ in 0..3 {
        now += SLOT;
        hub.handle_timeout_with(now, &mut Backwards);
        let outputs = std::iter::from_fn(|| hub.poll_output());
        let mixes: Vec<_> = outputs
            .map(|output| match output {
                Output::Mix { mix, .. } => Some(mix),
                _ => None,
            })
            .collect();
        let expected = [MixId::MAIN, SILENT_MIX, SOLO_MIX].map(Some);
        assert_eq!(mixes, expected);
    }
}

#[test]
fn every_executor_makes_the_same_packets() {
    let in_order = play(three_mixes(), ClientSettings::default(), &mut Sequential);
    let backwards = play(three_mixes(), ClientSettings::default(), &mut Backwards);
    assert!(in_order == backwards);
}
