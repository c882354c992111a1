//! The hub as its shell sees it: packets and commands in, mixed frames and events out.

mod admission;
mod collisions;
mod management;
mod mixes;
mod ownership;
mod rtcp_items;

use bytes::Bytes;

use core::net::SocketAddr;

use super::*;
use crate::SLOT_SAMPLES;
use crate::client::Status;
use crate::codec::{Decoder, Encoder, EncoderSettings, MAX_ENCODED_LEN, MAX_PACKET_SAMPLES};
use crate::level::dbfs;
use crate::quality::Quality;
use crate::refused::Refused;
use crate::rtp::{Packet, StreamStart};
use crate::settings::{ClientSettings, Name, Volume};

const SSRC: u32 = 0x5f0a_11c2;
const FROM: Origin = Origin::Network {
    from: SocketAddr::new(
        core::net::IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 7)),
        5000,
    ),
    to: None,
};

fn config() -> HubConfig {
    let mix_stream = StreamStart {
        ssrc: 1,
        sequence_number: u16::MAX,
        timestamp: u32::MAX,
    };
    HubConfig {
        max_unconfigured_clients: 3,
        reserved_ssrcs: vec![9],
        ..HubConfig::new(mix_stream, std::time::SystemTime::UNIX_EPOCH)
    }
}

/// A hub, its clock, a listener, and senders that send one packet a slot.
struct Bench {
    hub: Hub,
    now: Instant,
    /// A packet's transit time.
    transit: Duration,
    slot: u32,
    decoder: Decoder,
    mix_peak: f32,
    frames: Vec<Bytes>,
    outputs: Vec<Output>,
}

impl Bench {
    fn new() -> Self {
        let now = crate::any_instant();
        Self {
            hub: Hub::new(config(), now).unwrap(),
            now,
            transit: Duration::ZERO,
            slot: 0,
            decoder: Decoder::new().unwrap(),
            mix_peak: 0.0,
            frames: Vec::new(),
            outputs: Vec::new(),
        }
    }

    fn send(&mut self, ssrc: u32, payload: &[u8]) -> Result<Accepted, Refused> {
        let packet = Packet {
            marker: false,
            payload_type: 111,
            sequence_number: self.slot as u16,
            timestamp: self.slot * 960,
            ssrc,
            payload,
        };
        let mut datagram = Vec::new();
        packet.write(&mut datagram);
        self.hub
            .handle_packet(self.now + self.transit, FROM, &datagram)
    }

    fn play(&mut self) {
        self.play_late(Duration::ZERO);
    }

    fn play_late(&mut self, late: Duration) {
        self.slot += 1;
        self.now += SLOT;
        self.hub.handle_timeout(self.now + late);
        while let Some(output) = self.hub.poll_output() {
            let Output::Mix {
                datagram: frame, ..
            } = output
            else {
                self.outputs.push(output);
                continue;
            };
            let mut pcm = [0.0; MAX_PACKET_SAMPLES];
            let samples = self
                .decoder
                .decode(&frame[rtp::HEADER_LEN..], &mut pcm)
                .unwrap();
            self.mix_peak = pcm[..samples].iter().fold(0.0, |peak, x| peak.max(x.abs()));
            self.frames.push(frame);
        }
    }

    fn run_tones(&mut self, ssrcs: &[u32], slots: usize) {
        self.run_tones_late(ssrcs, slots, |_| Duration::ZERO);
    }

    fn run_tones_late(&mut self, ssrcs: &[u32], slots: usize, late: impl Fn(u32) -> Duration) {
        let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
        let mut payload = [0; MAX_ENCODED_LEN];
        for _ in 0..slots {
            let pcm = std::array::from_fn(|i| {
                let t = (self.slot as usize * SLOT_SAMPLES + i) as f32 / 48_000.0;
                0.25 * (t * 1000.0 * std::f32::consts::TAU).sin()
            });
            let len = encoder.encode(&pcm, &mut payload).unwrap();
            for &ssrc in ssrcs {
                self.send(ssrc, &payload[..len]).unwrap();
            }
            self.play_late(late(self.slot));
        }
    }

    fn mix_dbfs(&self) -> f32 {
        dbfs(self.mix_peak)
    }

    fn configure(&mut self, ssrc: u32, settings: ClientSettings) {
        self.hub
            .handle_command(Command::Configure { ssrc, settings })
            .unwrap();
    }

    fn view(&self, ssrc: u32) -> ClientView {
        self.hub.client(ssrc, self.now).unwrap()
    }
}

#[test]
fn volume_and_mute_set_a_clients_level() {
    let mut bench = Bench::new();
    bench.run_tones(&[SSRC], 50);
    let plain = bench.mix_dbfs();
    assert!((-13.0..-11.0).contains(&plain), "{plain} dBFS");
    for (percent, expected_db) in [(50, -6.0), (200, 6.0)] {
        let volume = Volume::new(percent).unwrap();
        bench.configure(
            SSRC,
            ClientSettings {
                volume,
                ..Default::default()
            },
        );
        bench.run_tones(&[SSRC], 50);
        let change = bench.mix_dbfs() - plain;
        assert!(
            (change - expected_db).abs() < 0.7,
            "{percent} %: {change} dB"
        );
    }
    bench.configure(
        SSRC,
        ClientSettings {
            muted: true,
            ..Default::default()
        },
    );
    bench.run_tones(&[SSRC], 50);
    assert!(bench.mix_dbfs() < -80.0, "{} dBFS", bench.mix_dbfs());
    let view = bench.view(SSRC);
    assert_eq!(
        view.status,
        Status::Sounding,
        "a muted client is still shown as sounding"
    );
    assert_eq!((view.stats.concealed, view.stats.lost), (0, 0));
}

#[test]
fn skipped_slots_advance_the_mixs_timestamp_only() {
    let mut bench = Bench::new();
    bench.play();
    bench.now += SLOT * 15;
    bench.play();
    let packets: Vec<_> = bench
        .frames
        .iter()
        .map(|f| Packet::parse(f).unwrap())
        .collect();
    let numbers: Vec<_> = packets
        .iter()
        .map(|p| (p.sequence_number, p.timestamp))
        .collect();
    assert_eq!(numbers, [(u16::MAX, u32::MAX), (0, 16 * 960 - 1)]);
    assert_eq!(
        (bench.hub.stats().slots, bench.hub.stats().skipped_slots),
        (2, 15)
    );
    bench.play();
    assert_eq!(bench.frames.len(), 3, "a stall is not followed by a burst");
}

#[test]
fn clients_connect_disconnect_and_are_forgotten() {
    let mut bench = Bench::new();
    bench.run_tones(&[SSRC], 10);
    assert_eq!(
        bench.outputs,
        [Output::Event(ClientEvent::Connected {
            ssrc: SSRC,
            from: FROM
        })]
    );
    assert_eq!(
        bench.hub.handle_command(Command::Forget { ssrc: SSRC }),
        Err(CommandError::Connected(SSRC))
    );
    (0..251).for_each(|_| bench.play());
    assert_eq!(
        bench.outputs.last(),
        Some(&Output::Event(ClientEvent::Disconnected { ssrc: SSRC }))
    );
    assert_eq!(bench.view(SSRC).status, Status::Offline);
    bench
        .hub
        .handle_command(Command::Forget { ssrc: SSRC })
        .unwrap();
    assert_eq!(
        bench.hub.handle_command(Command::Forget { ssrc: SSRC }),
        Err(CommandError::NotFound(SSRC))
    );
}

#[test]
fn refused_datagrams_are_counted_by_reason() {
    let mut bench = Bench::new();
    let cases: [(&[u8], Refused); 6] = [
        (b"x", Refused::TooShort),
        (&[0; 1157], Refused::Scream),
        (b"GET / HTTP/1.1\r\n", Refused::NotRtp),
        (
            &[0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0xf8],
            Refused::PayloadType,
        ),
        (
            &[0x80, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0xff, 63],
            Refused::NotOpus,
        ),
        (
            &[0x80, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0xf8],
            Refused::ReservedSsrc,
        ),
    ];
    for (datagram, reason) in cases {
        assert_eq!(
            bench.hub.handle_packet(bench.now, FROM, datagram),
            Err(reason)
        );
    }
    let counted = bench
        .hub
        .stats()
        .refused
        .iter()
        .map(|(_, count)| count)
        .sum::<u64>();
    assert_eq!(counted, 6);
    assert_eq!(bench.hub.clients(bench.now).count(), 0);
}

#[test]
fn silence_costs_one_byte_per_slot() {
    let mut bench = Bench::new();
    (0..200).for_each(|_| bench.play());
    assert!(
        bench.frames[50..]
            .iter()
            .all(|frame| frame.len() == rtp::HEADER_LEN + 1)
    );
    bench.run_tones(&[SSRC], 50);
    let level = bench.mix_dbfs();
    assert!((-13.0..-11.0).contains(&level), "{level} dBFS");
}

#[test]
fn quality_follows_recent_losses() {
    let mut bench = Bench::new();
    bench.run_tones(&[SSRC], 500);
    let quality = |bench: &Bench| bench.view(SSRC).quality.map(|report| report.quality);
    assert_eq!(quality(&bench), Some(Quality::Good));
    for _ in 0..10 {
        // Every tenth packet is lost.
        bench.play();
        bench.run_tones(&[SSRC], 9);
    }
    let report = bench.view(SSRC).quality.unwrap();
    assert_eq!(report.quality, Quality::Fair, "{report:?}");
    assert!((1.5..2.5).contains(&report.loss_percent), "{report:?}");
    assert!((1.5..2.5).contains(&report.concealed_percent), "{report:?}");
    bench.run_tones(&[SSRC], 550);
    assert_eq!(quality(&bench), Some(Quality::Good));
    (0..251).for_each(|_| bench.play());
    assert_eq!(quality(&bench), None, "an offline client has no quality");
}

#[test]
fn duplicates_do_not_change_the_quality() {
    let shares = [1, 2].map(|copies| {
        let mut bench = Bench::new();
        for slot in 0..600 {
            // Loud enough not to count as silence; every tenth packet is lost.
            for _ in 0..if slot % 10 == 9 { 0 } else { copies } {
                bench.send(SSRC, &[0xf8, 1, 2, 3]).unwrap();
            }
            bench.play();
        }
        bench.view(SSRC).quality.unwrap().concealed_percent
    });
    assert!(shares[0] > 5.0, "{shares:?}");
    assert!((shares[0] - shares[1]).abs() < 0.1, "{shares:?}");
}

#[test]
fn late_slots_postpone_shortening_the_delay() {
    let mut bench = Bench::new();
    bench.run_tones_late(&[7], 1000, |_| LATE_FROM);
    let stats = bench.view(7).stats;
    assert!((38.0..40.0).contains(&stats.delay_ms), "{stats:?}");
    assert!(stats.target_delay_ms < 24.0, "{stats:?}");
    bench.run_tones_late(&[7], 1000, |_| LATE_FROM - Duration::from_millis(1));
    let stats = bench.view(7).stats;
    assert!(stats.delay_ms < 26.0, "{stats:?}");
}

#[test]
fn single_late_slots_do_not_postpone_shortening() {
    let mut bench = Bench::new();
    bench.run_tones_late(&[7], 1000, |slot| LATE_FROM * (slot % 2));
    let stats = bench.view(7).stats;
    assert!(stats.delay_ms < 26.0, "{stats:?}");
}

#[test]
fn late_slots_do_not_postpone_lengthening_the_delay() {
    let mut bench = Bench::new();
    bench.run_tones(&[7], 1000);
    let short = bench.view(7).stats;
    assert!(short.delay_ms < 26.0, "{short:?}");
    bench.transit = Duration::from_millis(15);
    bench.run_tones_late(&[7], 100, |_| LATE_FROM);
    let long = bench.view(7).stats;
    // The delay does not include the transit time.
    assert!(
        15.0 + long.delay_ms > short.delay_ms + 8.0,
        "{short:?}, {long:?}"
    );
    assert_eq!(long.late, 0, "{long:?}");
}
