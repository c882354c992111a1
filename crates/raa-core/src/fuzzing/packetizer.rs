//! A sender: PCM, instants and the reports that come back, whoever sent them.
//!
//! Always: at most [`MAX_EVENTS`] events for one input.

use std::time::{Duration, Instant, SystemTime};

use super::input::Input;
use crate::codec::EncoderSettings;
use crate::framing;
use crate::packetizer::{Identity, MAX_REDUNDANCY, Packetizer, PacketizerConfig, Redundancy};
use crate::red::{self, Redundant};
use crate::rtcp::{self, CaptureTrouble, ReceptionReport};
use crate::rtp::{self, Packet, StreamStart};
use crate::{OPUS_PAYLOAD_TYPE, any_instant};

const MAX_EVENTS: usize = 300;
const SSRC: u32 = 0x5f0a_11c2;

/// See the module's text.
pub(super) fn events(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut sender = Sender::new(&mut input);
    for _ in 0..MAX_EVENTS {
        if input.is_empty() {
            break;
        }
        sender.step(&mut input);
        sender.transmit();
    }
    let now = sender.now;
    if let Some(goodbye) = sender.packetizer.goodbye(now) {
        rtcp::parse(&goodbye, |_| ()).expect("a goodbye is RTCP");
    }
}

struct Sender {
    packetizer: Packetizer,
    now: Instant,
    packets: u64,
    last_sequence_number: Option<u16>,
}

impl Sender {
    fn new(input: &mut Input<'_>) -> Self {
        let redundancy = i64::from(input.below(MAX_REDUNDANCY + 1));
        let start = any_instant() + Duration::from_secs(3600);
        let config = PacketizerConfig {
            stream: StreamStart {
                ssrc: SSRC,
                sequence_number: 65_530,
                timestamp: u32::MAX - 5000,
            },
            encoder: EncoderSettings {
                bitrate: 24_000,
                complexity: 0,
            },
            redundancy: Redundancy::new(redundancy).expect("it is within its limits"),
            identity: Identity {
                cname: "a@b".into(),
                name: String::from_utf8_lossy(input.counted()).into_owned(),
                tool: "t".into(),
            },
            seed: input.word().into(),
            wall_clock: SystemTime::UNIX_EPOCH,
        };
        Self {
            packetizer: Packetizer::new(config, start).expect("the settings are valid"),
            now: start,
            packets: 0,
            last_sequence_number: None,
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let now = self.now;
        match input.below(10) {
            0..=2 => {
                let pcm = pcm(input);
                self.now += Duration::from_micros(pcm.len() as u64 * 1_000_000 / 48_000);
                self.packetizer.push_pcm(self.now, &pcm);
            }
            3 => {
                self.now += Duration::from_millis(input.word().into());
                self.packetizer.handle_timeout(self.now);
            }
            4 | 5 => {
                self.now = now.max(self.packetizer.poll_timeout());
                self.packetizer.handle_timeout(self.now);
            }
            6 => {
                let waited = Duration::from_millis(input.byte().into());
                self.packetizer.handle_rtcp(now, waited, input.counted());
            }
            7 => {
                let report = report(input);
                self.packetizer.handle_rtcp(now, Duration::ZERO, &report);
            }
            8 => {
                let troubles = [
                    None,
                    Some(CaptureTrouble::Muted),
                    Some(CaptureTrouble::NoDevice),
                ];
                let trouble = troubles[usize::from(input.below(3))];
                self.packetizer.set_capture_trouble(now, trouble);
            }
            _ => self.packetizer.introduce_again(),
        }
    }

    /// Takes all datagrams, each of which must be what a receiver accepts.
    fn transmit(&mut self) {
        // A jump of a minute gives at most one packet per 400 ms of silence.
        for sent in 0.. {
            assert!(sent < 1000, "the packetizer sends without end");
            let Some(datagram) = self.packetizer.poll_transmit() else {
                break;
            };
            if rtp::is_rtcp(datagram) {
                rtcp::parse(datagram, |_| ()).expect("a report is RTCP");
                continue;
            }
            let packet = Packet::parse(datagram).expect("sound is RTP");
            check_payload(&packet);
            self.packets += 1;
            let expected = self.last_sequence_number.map(|last| last.wrapping_add(1));
            assert!(expected.is_none_or(|expected| expected == packet.sequence_number));
            self.last_sequence_number = Some(packet.sequence_number);
        }
        let stats = self.packetizer.stats();
        assert_eq!(stats.packets, self.packets);
        assert!(stats.redundancy <= MAX_REDUNDANCY);
    }
}

fn check_payload(packet: &Packet<'_>) {
    assert_eq!(packet.ssrc, SSRC);
    if packet.payload_type == OPUS_PAYLOAD_TYPE {
        assert!(framing::parse(packet.payload).is_some());
        return;
    }
    assert_eq!(packet.payload_type, red::PAYLOAD_TYPE);
    let redundant = Redundant::parse(packet.payload).expect("it is redundant audio");
    assert!(framing::parse(redundant.payload).is_some());
    for earlier in redundant.earlier() {
        assert!(framing::parse(earlier.payload).is_some());
    }
}

/// A block of samples as capture delivers it, or as no sound card should.
fn pcm(input: &mut Input<'_>) -> Vec<f32> {
    let len = usize::from(input.word() % 4800);
    let kind = input.byte();
    let sample = |n: usize| match kind % 6 {
        0 => 0.0,
        1 => f32::NAN,
        2 => f32::INFINITY,
        3 => 1e30,
        _ => (n as f32 * f32::from(kind) / 1000.0).sin() * 0.5,
    };
    (0..len).map(sample).collect()
}

/// A reception report about the sender's own stream.
fn report(input: &mut Input<'_>) -> Vec<u8> {
    let report = ReceptionReport {
        ssrc: SSRC,
        fraction_lost: input.byte(),
        cumulative_lost: input.signed().into(),
        highest_sequence: input.word().into(),
        jitter: input.word().into(),
        last_sender_report: u32::from(input.word()) << 8,
        delay_since_last_sender_report: input.word().into(),
    };
    let mut out = Vec::new();
    rtcp::write_receiver_report(1, &[report], "a@b", u64::from(input.word()) << 32, &mut out);
    out
}
