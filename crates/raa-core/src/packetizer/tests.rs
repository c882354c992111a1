//! The packetizer on a simulated clock: each test sets when audio is captured, and reads the
//! datagrams.

mod end_to_end;
mod reception;
mod redundancy;
mod reports;
mod silence;
mod timing;

use super::*;
use crate::{rtcp, rtp};

const START: StreamStart = StreamStart {
    ssrc: 0x5eed,
    sequence_number: 100,
    timestamp: 5000,
};
const MS: Duration = Duration::from_millis(1);
/// SSRC of the receiver.
const RECEIVER: u32 = 0xface;
/// The receiver's clock, an NTP timestamp.
const REFERENCE: u64 = 0x0102_0304_0506_0708;
/// 1 kHz at -12 dBFS.
const TONE: f32 = 0.25;

/// A sent RTP packet.
#[derive(Debug, Clone, PartialEq)]
struct Sent {
    at: Instant,
    marker: bool,
    sequence_number: u16,
    timestamp: u32,
    /// The packet's own frame.
    payload: Vec<u8>,
    /// Offsets, in samples, and payloads of the earlier frames.
    earlier: Vec<(u16, Vec<u8>)>,
    /// Payload bytes of the packet.
    octets: usize,
}

impl Sent {
    fn is_silence(&self) -> bool {
        self.payload.len() == 1
    }
}

/// A packetizer, its capture and its network.
struct World {
    packetizer: Packetizer,
    start: Instant,
    now: Instant,
    /// Of all packets from now on.
    ssrc: u32,
    rtp: Vec<Sent>,
    rtcp: Vec<(Instant, Vec<u8>)>,
}

impl World {
    fn new() -> Self {
        Self::starting_with(START)
    }

    fn starting_with(stream: StreamStart) -> Self {
        Self::with(stream, Redundancy::default())
    }

    fn with(stream: StreamStart, redundancy: Redundancy) -> Self {
        let config = PacketizerConfig {
            stream,
            // The fastest setting, since the quality does not matter here.
            encoder: EncoderSettings {
                complexity: 0,
                ..EncoderSettings::default()
            },
            redundancy,
            identity: Identity {
                cname: "raa-5eed@ward3".into(),
                name: "Ward 3".into(),
                tool: "raa-client 1".into(),
            },
            seed: 7,
            wall_clock: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_500),
        };
        let start = crate::any_instant();
        let packetizer = Packetizer::new(config, start).unwrap();
        Self {
            packetizer,
            start,
            now: start,
            ssrc: stream.ssrc,
            rtp: Vec::new(),
            rtcp: Vec::new(),
        }
    }

    fn poll(&mut self) {
        while let Some(datagram) = self.packetizer.poll_transmit() {
            if rtp::is_rtcp(datagram) {
                self.rtcp.push((self.now, datagram.to_vec()));
                continue;
            }
            self.rtp.push(parse_sent(self.now, self.ssrc, datagram));
        }
    }

    /// Lets time pass until `to` without capture, with all timeouts.
    fn pass_to(&mut self, to: Instant) {
        loop {
            let due = self.packetizer.poll_timeout();
            assert!(
                due > self.now || due <= to,
                "a handled timeout is not due again"
            );
            if due > to {
                self.now = to;
                return;
            }
            self.now = self.now.max(due);
            self.packetizer.handle_timeout(self.now);
            self.poll();
            assert!(
                self.packetizer.poll_timeout() > self.now,
                "handled timeouts advance"
            );
        }
    }

    fn pass(&mut self, time: Duration) {
        self.pass_to(self.now + time);
    }

    /// Captures a block in real time.
    fn capture(&mut self, pcm: &[f32]) {
        self.pass_to(self.now + Duration::from_secs_f64(pcm.len() as f64 / 48_000.0));
        self.packetizer.push_pcm(self.now, pcm);
        self.poll();
    }

    fn capture_for(&mut self, time: Duration, mut sample: impl FnMut() -> f32) {
        for _ in 0..time.as_millis() / 10 {
            let block: [f32; 480] = std::array::from_fn(|_| sample());
            self.capture(&block);
        }
    }

    fn capture_tone(&mut self, time: Duration) {
        self.capture_for(time, tone());
    }

    fn capture_silence(&mut self, time: Duration) {
        self.capture_for(time, || 0.0);
    }

    /// Receives a report of this loss, in 256ths.
    fn report_loss(&mut self, fraction_lost: u8) {
        let datagram = receiver_report(&[rtcp::ReceptionReport {
            fraction_lost,
            ..RECEIVED
        }]);
        self.packetizer
            .handle_rtcp(self.now, Duration::ZERO, &datagram);
    }

    /// Returns the samples from the start to `now`.
    fn elapsed(&self) -> u32 {
        crate::samples_in(self.now - self.start) as u32
    }

    #[track_caller]
    fn assert_sequence_is_contiguous(&self) {
        for pair in self.rtp.windows(2) {
            assert_eq!(
                pair[1].sequence_number,
                pair[0].sequence_number.wrapping_add(1)
            );
        }
    }

    #[track_caller]
    fn assert_timestamps_are_contiguous(&self) {
        for pair in self.rtp.windows(2) {
            assert_eq!(pair[1].timestamp.wrapping_sub(pair[0].timestamp), 960);
        }
    }
}

/// A report about a stream without loss, from a receiver without a sender report.
const RECEIVED: rtcp::ReceptionReport = rtcp::ReceptionReport {
    ssrc: START.ssrc,
    fraction_lost: 0,
    cumulative_lost: 0,
    highest_sequence: 101,
    jitter: 48,
    last_sender_report: 0,
    delay_since_last_sender_report: 0,
};

fn receiver_report(reports: &[rtcp::ReceptionReport]) -> Vec<u8> {
    let mut datagram = Vec::new();
    rtcp::write_receiver_report(RECEIVER, reports, "server@host", REFERENCE, &mut datagram);
    datagram
}

fn parse_sent(at: Instant, ssrc: u32, datagram: &[u8]) -> Sent {
    let packet = Packet::parse(datagram).unwrap();
    assert_eq!(packet.ssrc, ssrc);
    let mut sent = Sent {
        at,
        marker: packet.marker,
        sequence_number: packet.sequence_number,
        timestamp: packet.timestamp,
        payload: packet.payload.to_vec(),
        earlier: Vec::new(),
        octets: packet.payload.len(),
    };
    if packet.payload_type == OPUS_PAYLOAD_TYPE {
        return sent;
    }
    assert_eq!(packet.payload_type, red::PAYLOAD_TYPE);
    let redundant = red::Redundant::parse(packet.payload).unwrap();
    assert_eq!(redundant.payload_type, OPUS_PAYLOAD_TYPE);
    sent.payload = redundant.payload.to_vec();
    for earlier in redundant.earlier() {
        assert_eq!(earlier.payload_type, OPUS_PAYLOAD_TYPE);
        sent.earlier
            .push((earlier.offset, earlier.payload.to_vec()));
    }
    assert!(
        !sent.earlier.is_empty(),
        "a packet without earlier frames has the payload type of Opus"
    );
    sent
}

fn tone() -> impl FnMut() -> f32 {
    let mut i = 0;
    move || {
        i += 1;
        TONE * (i as f32 * std::f32::consts::TAU / 48.0).sin()
    }
}

/// Returns silence with 16-bit dither, as from sound cards and mixers.
fn dither() -> impl FnMut() -> f32 {
    let mut state = 0x1234_5678_u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from((state >> 30) as u8 % 3).mul_add(1.0, -1.0) / 32_768.0
    }
}
