//! The work of a server in its steady state, for those who measure what it costs.
//!
//! Always: the same work on every run. A packet per speaker arrives in every slot, all of them
//! carry music that is encoded once, and each speaker is at another place of it.

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use raa_core::codec::{CodecError, Decoder, Encoder, EncoderSettings, MAX_ENCODED_LEN};
use raa_core::hub::{Hub, HubConfig, Origin, Output};
use raa_core::red::{self, Earlier};
use raa_core::rtcp::{self, Description, SenderReport};
use raa_core::rtp::{Packet, StreamStart};
use raa_core::source::Scratch;
use raa_core::{OPUS_PAYLOAD_TYPE, SAMPLE_RATE, SLOT, SLOT_SAMPLES};

/// Packets that are repeated: a second of music. What is measured over a multiple of it does not
/// depend on where it begins.
pub const PACKETS: usize = 50;
/// Speakers lie so many packets apart in it.
const APART: usize = 7;
/// Packets arrive so long after a slot.
const PHASE: Duration = Duration::from_millis(7);

/// A chord with overtones whose loudest sample is below `amplitude`, as RAA's clients encode it.
///
/// # Errors
/// When there is no memory for an encoder.
pub fn music(amplitude: f64) -> Result<Vec<Vec<u8>>, CodecError> {
    let mut encoder = Encoder::new(EncoderSettings::default())?;
    let packet = |n: usize| {
        let mut out = [0; MAX_ENCODED_LEN];
        let len = encoder.encode(&chord(amplitude, n), &mut out)?;
        Ok(out[..len].to_vec())
    };
    (0..PACKETS).map(packet).collect()
}

/// Slot `n` of the chord.
pub fn chord(amplitude: f64, n: usize) -> [f32; SLOT_SAMPLES] {
    std::array::from_fn(|i| {
        let t = (n * SLOT_SAMPLES + i) as f64 / f64::from(SAMPLE_RATE);
        let chord = [110.0, 165.0, 277.5, 440.0, 660.0, 1110.0, 2220.0, 4440.0];
        let sum = chord.map(|hz| (t * hz * std::f64::consts::TAU).sin());
        (amplitude / chord.len() as f64 * sum.iter().sum::<f64>()) as f32
    })
}

/// Writes the RTP packet number `n` of a stream without pauses into the empty `out`.
pub fn write_packet(ssrc: u32, n: u32, payload: &[u8], out: &mut Vec<u8>) {
    let packet = Packet {
        marker: n == 0,
        payload_type: OPUS_PAYLOAD_TYPE,
        sequence_number: n as u16,
        timestamp: n.wrapping_mul(SLOT_SAMPLES as u32),
        ssrc,
        payload,
    };
    out.clear();
    packet.write(out);
}

/// The payload that a sender with a redundancy of two frames makes of [`music`] (RFC 2198).
pub fn red_payload(music: &[Vec<u8>]) -> Vec<u8> {
    let earlier = [2, 1].map(|distance: u16| Earlier {
        payload_type: OPUS_PAYLOAD_TYPE,
        offset: distance * SLOT_SAMPLES as u16,
        payload: &music[usize::from(7 - distance)],
    });
    let mut payload = Vec::new();
    red::write(
        earlier.into_iter(),
        OPUS_PAYLOAD_TYPE,
        &music[7],
        &mut payload,
    );
    payload
}

/// A sender's regular RTCP report.
pub fn report() -> Vec<u8> {
    let report = SenderReport {
        ssrc: 1,
        ntp: 1 << 40,
        rtp_timestamp: 960,
        packets: 50,
        octets: 8000,
    };
    let description = Description {
        ssrc: 1,
        cname: "somebody@somewhere",
        name: "A computer",
        tool: "raa-client",
    };
    let mut datagram = Vec::new();
    rtcp::write_report(&report, &description, None, &mut datagram);
    datagram
}

/// A hub and those who speak to it.
pub struct Speakers {
    /// What is measured.
    pub hub: Hub,
    music: Vec<Vec<u8>>,
    datagrams: Vec<Vec<u8>>,
    /// When the current slot began.
    slot_start: Instant,
    slots: u32,
}

impl Speakers {
    /// `count` clients that nobody has heard of yet; at most 50 of them join in a slot.
    ///
    /// # Errors
    /// When there is no memory for the mix's encoder.
    pub fn new(count: usize) -> Result<Self, CodecError> {
        let slot_start = Instant::now();
        Ok(Self {
            hub: Hub::new(config(count), slot_start)?,
            music: music(level(count))?,
            datagrams: vec![Vec::new(); count],
            slot_start,
            slots: 0,
        })
    }

    /// Writes the datagrams of the next slot: one of each speaker.
    pub fn write(&mut self) {
        for (index, datagram) in self.datagrams.iter_mut().enumerate() {
            let payload = &self.music[place(index, self.slots)];
            write_packet(ssrc(index), self.slots, payload, datagram);
        }
    }

    /// Hands them to the hub; how many it takes.
    pub fn take(&mut self) -> usize {
        let arrival = self.slot_start + PHASE;
        let origin = Origin::Network(([192, 0, 2, 1], 50_000).into());
        let taken = self.datagrams.iter().map(|datagram| {
            let taken = self.hub.handle_packet(arrival, origin, datagram);
            usize::from(taken.is_ok())
        });
        taken.sum()
    }

    /// Plays the slot; the length of the mix's frame in bytes, its RTP header included.
    pub fn play(&mut self) -> usize {
        self.slot_start += SLOT;
        self.slots += 1;
        self.hub.handle_timeout(self.slot_start);
        let mut frame_len = 0;
        while let Some(output) = self.hub.poll_output() {
            if let Output::Mix {
                datagram: frame, ..
            } = &output
            {
                frame_len = frame.len();
            }
            black_box(&output);
        }
        frame_len
    }

    /// A slot in which all speak.
    pub fn slot(&mut self) {
        self.write();
        self.take();
        self.play();
    }

    /// Speaks for so many slots. What is measured from then on is the steady state.
    pub fn warm_up(&mut self, slots: u32) {
        (0..slots).for_each(|_| self.slot());
    }
}

/// The least that the same slots can cost: decoders, the sum, an encoder.
pub struct BareLoop {
    music: Vec<Vec<u8>>,
    decoders: Vec<Decoder>,
    encoder: Encoder,
    scratch: Box<Scratch>,
    slots: u32,
}

impl BareLoop {
    /// For `count` speakers.
    ///
    /// # Errors
    /// When there is no memory for a decoder.
    pub fn new(count: usize) -> Result<Self, CodecError> {
        let decoders = (0..count).map(|_| Decoder::new());
        Ok(Self {
            music: music(level(count))?,
            decoders: decoders.collect::<Result<_, _>>()?,
            encoder: Encoder::new(EncoderSettings::default())?,
            scratch: Box::new([0.0; _]),
            slots: 0,
        })
    }

    /// Decodes one packet of each speaker into the mix and encodes that.
    ///
    /// # Errors
    /// None: libopus made the packets itself.
    pub fn slot(&mut self) -> Result<(), CodecError> {
        let mut mix = [0.0; SLOT_SAMPLES];
        for (index, decoder) in self.decoders.iter_mut().enumerate() {
            decoder.decode(&self.music[place(index, self.slots)], &mut self.scratch)?;
            let pairs = mix.iter_mut().zip(self.scratch.iter());
            pairs.for_each(|(mix, x)| *mix += x);
        }
        self.slots += 1;
        let mut frame = [0; MAX_ENCODED_LEN];
        black_box(self.encoder.encode(&mix, &mut frame)?);
        Ok(())
    }
}

/// As the server sets its hub, with room for `clients`; nobody goes offline by being silent.
fn config(clients: usize) -> HubConfig {
    let mix_stream = StreamStart {
        ssrc: 1,
        sequence_number: 0,
        timestamp: 0,
    };
    HubConfig {
        offline_after: Duration::from_secs(3600),
        max_unconfigured_clients: clients,
        ..HubConfig::new(mix_stream, SystemTime::UNIX_EPOCH)
    }
}

fn ssrc(index: usize) -> u32 {
    0x5eed_0000 + index as u32
}

/// Where in the music a speaker is.
fn place(index: usize, slot: u32) -> usize {
    (slot as usize + APART * index) % PACKETS
}

/// How loud each of so many is: together they stay below the limiter's threshold.
fn level(count: usize) -> f64 {
    0.5 / (count.max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_speaker_is_taken_and_heard() {
        let mut speakers = Speakers::new(70).unwrap();
        // 50 join in the first slot, the others in the second, and all wait for their delay.
        speakers.warm_up(20);
        speakers.write();
        assert_eq!(speakers.take(), 70);
        assert!(speakers.play() > 13, "the mix's frame has sound in it");
        assert_eq!(speakers.hub.stats().active, 70);
    }

    #[test]
    fn packets_are_music() {
        let music = music(0.5).unwrap();
        let bytes: usize = music.iter().map(Vec::len).sum();
        // 64 kbit/s are 160 bytes in 20 ms.
        assert!((100..250).contains(&(bytes / PACKETS)), "{bytes}");
    }
}
