//! A receiver in place of a server: parses and decodes what a client sends.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use raa_core::codec::{Decoder, MAX_PACKET_SAMPLES};
use raa_core::{red, rtcp, rtp};

use super::PATIENCE;

/// Samples of the latest sound that are judged: half a second.
const JUDGED: usize = 24_000;

/// One parsed datagram, or a part of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    Rtp {
        marker: bool,
        sequence_number: u16,
        timestamp: u32,
        ssrc: u32,
        /// The packet's own frame.
        payload: Vec<u8>,
        /// The number of earlier frames in the packet.
        earlier: usize,
    },
    Name {
        ssrc: u32,
        name: String,
    },
    Goodbye {
        ssrc: u32,
    },
    /// What the client says about its capture.
    Capture {
        trouble: Option<rtcp::CaptureTrouble>,
    },
    /// The receiver's own time, echoed by the client.
    Echo {
        ssrc: u32,
        last: u32,
    },
}

/// A receiver in place of a server; parses and decodes all datagrams.
pub struct Receiver {
    socket: UdpSocket,
    /// The source address of the last datagram.
    sender: Option<SocketAddr>,
    decoder: Decoder,
    latest: Vec<f32>,
}

impl Receiver {
    /// Opens a receiver on a free port.
    pub fn new() -> Self {
        Self::at("127.0.0.1:0")
    }

    pub fn at(address: &str) -> Self {
        let socket = UdpSocket::bind(address).expect("the address is free");
        Self {
            socket,
            sender: None,
            decoder: Decoder::new().unwrap(),
            latest: Vec::new(),
        }
    }

    pub fn address(&self) -> String {
        self.socket.local_addr().unwrap().to_string()
    }

    /// Receives one datagram; empty if none arrives in time.
    pub fn receive(&mut self, within: Duration) -> Vec<Received> {
        let mut datagram = [0; 2048];
        self.socket
            .set_read_timeout(Some(within.max(Duration::from_millis(1))))
            .unwrap();
        match self.socket.recv_from(&mut datagram) {
            Ok((len, sender)) => {
                self.sender = Some(sender);
                self.parse(&datagram[..len])
            }
            Err(_) => Vec::new(),
        }
    }

    /// Sends a datagram to the source of the last one.
    pub fn reply(&self, datagram: &[u8]) {
        let sender = self.sender.expect("a datagram was received before");
        self.socket.send_to(datagram, sender).unwrap();
    }

    /// Receives everything for this long.
    pub fn receive_for(&mut self, time: Duration) -> Vec<Received> {
        let deadline = Instant::now() + time;
        let mut received = Vec::new();
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            received.extend(self.receive(left));
        }
        received
    }

    /// Waits for a datagram that must arrive.
    #[track_caller]
    pub fn expect<T>(&mut self, what: &str, find: impl Fn(&Received) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            if let Some(found) = self.receive(left).iter().find_map(&find) {
                return found;
            }
        }
        panic!("{what} does not arrive within {PATIENCE:?}");
    }

    /// Waits for a report that says this about the capture.
    #[track_caller]
    pub fn expect_capture_trouble(&mut self, expected: Option<rtcp::CaptureTrouble>) {
        let is_expected = |received: &Received| match received {
            Received::Capture { trouble } if *trouble == expected => Some(()),
            _ => None,
        };
        self.expect(&format!("{expected:?}"), is_expected);
    }

    /// Waits for half a second of a sine with this frequency and peak.
    #[track_caller]
    pub fn expect_tone(&mut self, frequency_hz: f64, peak: f32) {
        self.latest.clear();
        let deadline = Instant::now() + PATIENCE;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            self.receive(left);
            if self.latest.len() >= JUDGED && is_tone(&self.latest, frequency_hz, peak) {
                return;
            }
        }
        let (received_hz, rms) = (frequency_of(&self.latest), rms(&self.latest));
        panic!("no {frequency_hz} Hz, but {received_hz} Hz at an RMS of {rms}");
    }

    fn parse(&mut self, datagram: &[u8]) -> Vec<Received> {
        if rtp::is_rtcp(datagram) {
            return parse_rtcp(datagram);
        }
        let packet = rtp::Packet::parse(datagram).expect("a client sends RTP");
        let (payload, earlier) = frames(&packet);
        let mut pcm = [0.0; MAX_PACKET_SAMPLES];
        let samples = self.decoder.decode(payload, &mut pcm).expect("it is Opus");
        assert_eq!(samples, raa_core::SLOT_SAMPLES);
        self.latest.extend(&pcm[..samples]);
        self.latest
            .drain(..self.latest.len().saturating_sub(JUDGED));
        vec![Received::Rtp {
            marker: packet.marker,
            sequence_number: packet.sequence_number,
            timestamp: packet.timestamp,
            ssrc: packet.ssrc,
            payload: payload.to_vec(),
            earlier,
        }]
    }
}

/// Returns a packet's own frame, and the number of earlier ones in it.
fn frames<'a>(packet: &rtp::Packet<'a>) -> (&'a [u8], usize) {
    if packet.payload_type == raa_core::OPUS_PAYLOAD_TYPE {
        return (packet.payload, 0);
    }
    assert_eq!(packet.payload_type, red::PAYLOAD_TYPE);
    let redundant = red::Redundant::parse(packet.payload).expect("it is redundant audio");
    assert_eq!(redundant.payload_type, raa_core::OPUS_PAYLOAD_TYPE);
    (redundant.payload, redundant.earlier().count())
}

fn parse_rtcp(datagram: &[u8]) -> Vec<Received> {
    let mut received = Vec::new();
    rtcp::parse(datagram, |item| match item {
        rtcp::Item::Name { ssrc, text } => {
            let name = String::from_utf8(text.to_vec()).unwrap();
            received.push(Received::Name { ssrc, name });
        }
        rtcp::Item::ReferenceTimeEcho { ssrc, last, .. } => {
            received.push(Received::Echo { ssrc, last });
        }
        rtcp::Item::Capture { trouble, .. } => received.push(Received::Capture { trouble }),
        rtcp::Item::Goodbye { ssrc } => received.push(Received::Goodbye { ssrc }),
        _ => {}
    })
    .expect("it is RTCP");
    received
}

fn is_tone(pcm: &[f32], frequency_hz: f64, peak: f32) -> bool {
    let expected = peak / 2f32.sqrt();
    (frequency_of(pcm) - frequency_hz).abs() < 5.0 && (rms(pcm) / expected - 1.0).abs() < 0.06
}

fn rms(pcm: &[f32]) -> f32 {
    (pcm.iter().map(|x| x * x).sum::<f32>() / pcm.len().max(1) as f32).sqrt()
}

/// Returns the frequency in Hz, measured by zero crossings.
fn frequency_of(pcm: &[f32]) -> f64 {
    let rises = pcm
        .windows(2)
        .filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0)
        .count();
    rises as f64 * 48_000.0 / pcm.len().max(1) as f64
}
