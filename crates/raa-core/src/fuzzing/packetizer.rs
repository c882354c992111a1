//! A sender: PCM, instants, the reports that come back, whoever sent them, and changes of its SSRC.
//!
//! Always: at most [`MAX_EVENTS`] events for one input.

use std::time::{Duration, Instant, SystemTime};

use super::input::Input;
use crate::codec::EncoderSettings;
use crate::framing;
use crate::packetizer::{Identity, MAX_REDUNDANCY, Packetizer, PacketizerConfig, Redundancy};
use crate::red::{self, Redundant};
use crate::rtcp::{self, CaptureTrouble, ReceptionReport, SsrcTaken};
use crate::rtp::{self, Packet, StreamStart};
use crate::{OPUS_PAYLOAD_TYPE, any_instant};

const MAX_EVENTS: usize = 300;
/// The first SSRC; each change makes it one higher.
const SSRC: u32 = 0x5f0a_11c2;
const CNAME: &str = "a@b";

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
    ssrc: u32,
    packets: u64,
    /// Its sequence number and timestamp.
    last_packet: Option<(u16, u32)>,
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
                cname: CNAME.into(),
                name: String::from_utf8_lossy(input.counted()).into_owned(),
                tool: "t".into(),
            },
            seed: input.word().into(),
            wall_clock: SystemTime::UNIX_EPOCH,
        };
        Self {
            packetizer: Packetizer::new(config, start).expect("the settings are valid"),
            now: start,
            ssrc: SSRC,
            packets: 0,
            last_packet: None,
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
                let report = report(self.ssrc, input);
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
            _ => match input.below(3) {
                0 => self.packetizer.introduce_again(),
                1 => self.turn_away(input),
                _ => self.change_stream(input),
            },
        }
    }

    /// Says that another sender has the SSRC, and quotes the last packet or, as a forger, another one.
    /// That makes the sender change its SSRC after a while.
    fn turn_away(&mut self, input: &mut Input<'_>) {
        let (sequence_number, timestamp) = self.last_packet.unwrap_or_default();
        let taken = SsrcTaken {
            ssrc: self.ssrc,
            sequence_number: sequence_number.wrapping_sub(input.below(4).into()),
            timestamp,
        };
        let mut news = Vec::new();
        rtcp::write_ssrc_taken(1, CNAME, taken, &mut news);
        self.packetizer.handle_rtcp(self.now, Duration::ZERO, &news);
        if self.packetizer.is_ssrc_taken() {
            self.change_stream(input);
        }
    }

    /// Goes on as another stream, as the client does.
    fn change_stream(&mut self, input: &mut Input<'_>) {
        self.ssrc += 1;
        let stream = StreamStart {
            ssrc: self.ssrc,
            sequence_number: input.word(),
            timestamp: u32::from(input.word()) << 16,
        };
        self.packetizer.change_stream(stream, CNAME.into());
        assert!(!self.packetizer.is_ssrc_taken(), "it was just changed");
        (self.packets, self.last_packet) = (0, None);
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
            assert_eq!(packet.ssrc, self.ssrc);
            check_payload(&packet);
            self.packets += 1;
            let expected = self.last_packet.map(|(last, _)| last.wrapping_add(1));
            assert!(expected.is_none_or(|expected| expected == packet.sequence_number));
            self.last_packet = Some((packet.sequence_number, packet.timestamp));
        }
        let stats = self.packetizer.stats();
        assert_eq!(stats.packets, self.packets);
        assert!(stats.redundancy <= MAX_REDUNDANCY);
    }
}

fn check_payload(packet: &Packet<'_>) {
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
fn report(ssrc: u32, input: &mut Input<'_>) -> Vec<u8> {
    let report = ReceptionReport {
        ssrc,
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
