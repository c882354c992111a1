//! Plays a list of datagrams through a hub and listens to its mix.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use raa_core::SLOT;
use raa_core::client::ClientView;
use raa_core::codec::{Decoder, MAX_PACKET_SAMPLES};
use raa_core::hub::{Hub, HubConfig, Origin, Output};
use raa_core::rtp::{Packet, StreamStart};
use raa_sim::Random;

/// Samples in which a level is measured: 5 ms.
const BLOCK: usize = 240;
/// Level from which a listener hears something: -60 dBFS.
const AUDIBLE: f32 = 0.001;
/// The clients' SSRC.
pub(crate) const SSRC: u32 = 0xfeed_0001;

/// Datagrams with their arrival times, in the order of arrival.
pub(crate) type Datagrams = Vec<(Duration, Vec<u8>)>;

/// A hub with one sender and a listener.
pub(crate) struct Replay {
    pub(crate) hub: Hub,
    pub(crate) from: SocketAddr,
    start: Instant,
    slot: u32,
    decoder: Decoder,
    pcm: Box<[f32; MAX_PACKET_SAMPLES]>,
    /// Whether each block of the mix is audible.
    pub(crate) audible: Vec<bool>,
    /// Whether the client was withheld after each slot.
    pub(crate) withheld: Vec<bool>,
}

impl Replay {
    pub(crate) fn new() -> Self {
        let stream = StreamStart {
            ssrc: 1,
            sequence_number: 0,
            timestamp: 0,
        };
        let start = Instant::now();
        let config = HubConfig::new(stream, SystemTime::UNIX_EPOCH);
        Self {
            hub: Hub::new(config, start).unwrap(),
            from: "192.0.2.7:5000".parse().unwrap(),
            start,
            slot: 0,
            decoder: Decoder::new().unwrap(),
            pcm: Box::new([0.0; MAX_PACKET_SAMPLES]),
            audible: Vec::new(),
            withheld: Vec::new(),
        }
    }

    /// Delivers the datagrams, which begin now, and plays until 300 ms after the last one.
    pub(crate) fn run(&mut self, datagrams: &Datagrams) {
        let begun = SLOT * self.slot;
        let last = datagrams.last().map_or(Duration::ZERO, |(at, _)| *at);
        let mut waiting = datagrams.iter().peekable();
        while SLOT * self.slot < begun + last + Duration::from_millis(300) {
            self.slot += 1;
            let due = SLOT * self.slot;
            while let Some((at, datagram)) = waiting.next_if(|(at, _)| begun + *at <= due) {
                let from = Origin::from(self.from);
                // A refusal is counted by the hub.
                let _ = self
                    .hub
                    .handle_packet(self.start + begun + *at, from, datagram);
            }
            self.hub.handle_timeout(self.start + due);
            self.listen();
            let is_withheld = self.view().is_some_and(|view| view.withheld.is_some());
            self.withheld.push(is_withheld);
        }
    }

    pub(crate) fn view(&self) -> Option<ClientView> {
        self.hub.client(SSRC, self.start + SLOT * self.slot)
    }

    /// For how long the mix was audible.
    pub(crate) fn heard(&self) -> Duration {
        let blocks = self.audible.iter().filter(|audible| **audible).count();
        Duration::from_millis(5) * blocks as u32
    }

    fn listen(&mut self) {
        while let Some(output) = self.hub.poll_output() {
            let Output::Mix { datagram, .. } = output else {
                continue;
            };
            let frame = Packet::parse(&datagram).unwrap();
            let samples = self.decoder.decode(frame.payload, &mut self.pcm).unwrap();
            let blocks = self.pcm[..samples].chunks_exact(BLOCK);
            self.audible
                .extend(blocks.map(|block| level(block) > AUDIBLE));
        }
    }
}

/// The effective level of a block without its constant part, which nobody hears: noise often has
/// one, and the high-pass of the mix's encoder lets it fade away over 200 ms.
fn level(block: &[f32]) -> f32 {
    let len = block.len() as f32;
    let mean = block.iter().sum::<f32>() / len;
    let power = block.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / len;
    power.sqrt()
}

/// The RTP stream of a sender.
pub(crate) struct Stream {
    pub(crate) sequence_number: u16,
    pub(crate) timestamp: u32,
    pub(crate) at: Duration,
    pub(crate) datagrams: Datagrams,
}

impl Stream {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self {
            sequence_number: random.next_u64() as u16,
            timestamp: random.next_u64() as u32,
            at: Duration::from_micros(random.next_u64() % 20_000),
            datagrams: Vec::new(),
        }
    }

    /// Sends a packet whose timestamp goes on by `step` and that takes `length` to send.
    pub(crate) fn send(&mut self, payload: &[u8], step: u32, length: Duration) {
        let packet = Packet {
            marker: false,
            payload_type: 111,
            sequence_number: self.sequence_number,
            timestamp: self.timestamp,
            ssrc: SSRC,
            payload,
        };
        let mut datagram = Vec::new();
        packet.write(&mut datagram);
        self.datagrams.push((self.at, datagram));
        self.sequence_number = self.sequence_number.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(step);
        self.at += length;
    }
}

/// Sounds that differ in everything that an encoder looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sound {
    Tone {
        hz: f64,
    },
    Beeps {
        hz: f64,
        first_s: f64,
    },
    Noise,
    /// A voice: a harmonic tone whose pitch and level move, with pauses.
    Voice {
        hz: f64,
    },
    Chord {
        hz: f64,
    },
    Silence,
}

impl Sound {
    pub(crate) fn any(random: &mut Random) -> Self {
        let hz = 60.0 * 60f64.powf(random.unit());
        match random.next_u64() % 7 {
            0 => Self::Tone { hz },
            1 => Self::Beeps {
                hz,
                first_s: 2.0 * random.unit(),
            },
            2 => Self::Noise,
            3 | 4 => Self::Voice {
                hz: 80.0 + hz / 20.0,
            },
            5 => Self::Chord { hz },
            _ => Self::Silence,
        }
    }

    /// The sample at `t` seconds.
    pub(crate) fn sample(self, t: f64, random: &mut Random) -> f64 {
        let sine = |hz: f64| (t * hz * std::f64::consts::TAU).sin();
        match self {
            Self::Tone { hz } => 0.3 * sine(hz),
            Self::Beeps { hz, first_s } => {
                let sounds = t >= first_s && (t - first_s).fract() < 0.2;
                0.3 * sine(hz) * f64::from(u8::from(sounds))
            }
            Self::Noise => 0.4 * (random.unit() - 0.5),
            Self::Voice { hz } => {
                let envelope = (sine(2.3) * sine(0.31)).max(0.0);
                let hz = hz * (1.0 + 0.05 * sine(0.7));
                let harmonics = (1..15).map(|n| sine(hz * f64::from(n)) / f64::from(n));
                0.2 * envelope * (harmonics.sum::<f64>() + 0.2 * (random.unit() - 0.5))
            }
            Self::Chord { hz } => {
                let parts = [1.0, 1.26, 1.498, 2.01, 3.02].map(|ratio| sine(hz * ratio));
                0.08 * parts.iter().sum::<f64>()
            }
            Self::Silence => 0.0,
        }
    }
}
