//! The work of a server in its steady state, for benches and measuring programs.
//!
//! Always: the same work in every run. One packet per speaker arrives in every slot; all of them
//! carry the same encoded music, each speaker from a different place in it.

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use raa_core::codec::{CodecError, Decoder, Encoder, EncoderSettings, MAX_ENCODED_LEN};
use raa_core::hub::{Executor, Hub, HubConfig, Origin, Output, Sequential};
use raa_core::mix::{MixConfig, MixId};
use raa_core::red::{self, Earlier};
use raa_core::rtcp::{self, Description, SenderReport};
use raa_core::rtp::{Packet, StreamStart};
use raa_core::settings::Volume;
use raa_core::source::Scratch;
use raa_core::{OPUS_PAYLOAD_TYPE, SAMPLE_RATE, SLOT, SLOT_SAMPLES};

/// The number of packets that are repeated: a second of music. A measurement over a multiple of it
/// does not depend on where it begins.
pub const PACKETS: usize = 50;
/// The distance in packets between the places of two successive speakers.
const STAGGER: usize = 7;
/// Frames of 20 ms in the longest packet that Opus allows.
const DENSE_FRAMES: u8 = 6;
/// Samples of each packet in a [`dense_payload`]: 120 ms.
pub const DENSE_SAMPLES: usize = DENSE_FRAMES as usize * SLOT_SAMPLES;
/// The time from the beginning of a slot to the arrival of its packets.
const PHASE: Duration = Duration::from_millis(7);

/// Encodes a chord with overtones, whose peak is below `amplitude`, as RAA's clients do.
///
/// # Errors
/// Fails if libopus cannot allocate an encoder.
pub fn music(amplitude: f64) -> Result<Vec<Vec<u8>>, CodecError> {
    let mut encoder = Encoder::new(EncoderSettings::default())?;
    let packet = |n: usize| {
        let mut out = [0; MAX_ENCODED_LEN];
        let len = encoder.encode(&chord(amplitude, n), &mut out)?;
        Ok(out[..len].to_vec())
    };
    (0..PACKETS).map(packet).collect()
}

/// Returns the PCM of the chord in slot `n`.
pub fn chord(amplitude: f64, n: usize) -> [f32; SLOT_SAMPLES] {
    std::array::from_fn(|i| {
        let t = (n * SLOT_SAMPLES + i) as f64 / f64::from(SAMPLE_RATE);
        let chord = [110.0, 165.0, 277.5, 440.0, 660.0, 1110.0, 2220.0, 4440.0];
        let sum = chord.map(|hz| (t * hz * std::f64::consts::TAU).sin());
        (amplitude / chord.len() as f64 * sum.iter().sum::<f64>()) as f32
    })
}

/// Replaces the content of `out` with RTP packet number `n` of a stream without pauses.
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

/// Builds the payload of a sender with a redundancy of two frames from [`music`] (RFC 2198).
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

/// Builds the payload that takes longest to decode: eight packets of 120 ms, seven of them as
/// redundant audio (RFC 2198). `packet` is one of [`music`].
pub fn dense_payload(packet: &[u8]) -> Vec<u8> {
    // RFC 6716 section 3.2.5: as many frames of equal length as the second byte says.
    let (toc, frame) = (packet[0], &packet[1..]);
    let mut opus = vec![toc | 0b11, DENSE_FRAMES];
    (0..DENSE_FRAMES).for_each(|_| opus.extend(frame));
    let earlier = (1..8u16).rev().map(|distance| Earlier {
        payload_type: OPUS_PAYLOAD_TYPE,
        offset: distance * SLOT_SAMPLES as u16,
        payload: &opus,
    });
    let mut payload = Vec::new();
    red::write(earlier, OPUS_PAYLOAD_TYPE, &opus, &mut payload);
    payload
}

/// Builds a sender's regular RTCP report.
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

/// Time without packets after which speakers are offline: no measurement takes as long.
const OFFLINE_AFTER: Duration = Duration::from_secs(3600);

/// A hub with clients that all speak without pauses.
pub struct Speakers {
    /// The hub whose work is measured.
    pub hub: Hub,
    music: Vec<Vec<u8>>,
    datagrams: Vec<Vec<u8>>,
    first_ssrc: u32,
    /// When the current slot began.
    slot_start: Instant,
    slots: u32,
}

impl Speakers {
    /// Creates a hub and `count` speakers that it does not know yet. It accepts at most 50 new
    /// ones in a slot.
    ///
    /// # Errors
    /// Fails if libopus cannot allocate the mix's encoder.
    pub fn new(count: usize) -> Result<Self, CodecError> {
        Self::in_mixes(count, 1)
    }

    /// Does the same with a hub of `mixes` mixes, each with volumes of its own.
    ///
    /// # Errors
    /// Fails if libopus cannot allocate the mixes' encoders.
    pub fn in_mixes(count: usize, mixes: u32) -> Result<Self, CodecError> {
        let slot_start = Instant::now();
        let mut config = config(count);
        for mix in 1..mixes {
            let percent = i64::from(50 + mix % 100);
            let volume = Volume::new(percent).unwrap_or_default();
            let volumes = (0..count).map(|index| (ssrc(index), volume)).collect();
            let stream = config.main_mix.stream;
            let other = MixConfig {
                volumes,
                ..MixConfig::new(stream)
            };
            config.other_mixes.insert(MixId(mix), other);
        }
        Ok(Self {
            hub: Hub::new(config, slot_start)?,
            music: music(amplitude(count))?,
            datagrams: vec![Vec::new(); count],
            first_ssrc: ssrc(0),
            slot_start,
            slots: 0,
        })
    }

    /// Writes the datagrams of the next slot, one for each speaker.
    pub fn write(&mut self) {
        for (index, datagram) in self.datagrams.iter_mut().enumerate() {
            let payload = &self.music[packet_index(index, self.slots)];
            write_packet(
                self.first_ssrc + index as u32,
                self.slots,
                payload,
                datagram,
            );
        }
    }

    /// Hands the datagrams to the hub and returns how many it accepted.
    pub fn deliver(&mut self) -> usize {
        let arrival = self.slot_start + PHASE;
        let origin = Origin::from(std::net::SocketAddr::from(([192, 0, 2, 1], 50_000)));
        let accepted = self.datagrams.iter().map(|datagram| {
            let handled = self.hub.handle_packet(arrival, origin, datagram);
            usize::from(handled.is_ok())
        });
        accepted.sum()
    }

    /// Plays the slot and returns the length of the mix's packet in bytes.
    pub fn play(&mut self) -> usize {
        self.play_with(&mut Sequential)
    }

    /// Does the same, with the hub's jobs carried out by `executor`.
    pub fn play_with(&mut self, executor: &mut impl Executor) -> usize {
        self.slot_start += SLOT;
        self.slots += 1;
        self.hub.handle_timeout_with(self.slot_start, executor);
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

    /// Runs a whole slot: all speak, and the hub plays.
    pub fn slot(&mut self) {
        self.write();
        self.deliver();
        self.play();
    }

    /// Lets so much time pass without a packet that all speakers go offline; others, who are as many,
    /// speak from then on.
    pub fn replace(&mut self) {
        self.slot_start += OFFLINE_AFTER;
        self.play();
        self.first_ssrc += self.datagrams.len() as u32;
    }

    /// Runs `slots` slots, so that a measurement afterwards is of the steady state.
    pub fn warm_up(&mut self, slots: u32) {
        (0..slots).for_each(|_| self.slot());
    }
}

/// The least that the same slots can cost: decoders, a sum and an encoder.
pub struct BareLoop {
    music: Vec<Vec<u8>>,
    decoders: Vec<Decoder>,
    encoder: Encoder,
    scratch: Box<Scratch>,
    slots: u32,
}

impl BareLoop {
    /// Creates the decoders of `count` speakers, and the encoder.
    ///
    /// # Errors
    /// Fails if libopus cannot allocate them.
    pub fn new(count: usize) -> Result<Self, CodecError> {
        let decoders = (0..count).map(|_| Decoder::new());
        Ok(Self {
            music: music(amplitude(count))?,
            decoders: decoders.collect::<Result<_, _>>()?,
            encoder: Encoder::new(EncoderSettings::default())?,
            scratch: Box::new([0.0; _]),
            slots: 0,
        })
    }

    /// Decodes and sums one packet of each speaker, and encodes the sum.
    ///
    /// # Errors
    /// Fails if libopus cannot decode its own packets, which would be a defect of it.
    pub fn slot(&mut self) -> Result<(), CodecError> {
        let mut mix = [0.0; SLOT_SAMPLES];
        for (index, decoder) in self.decoders.iter_mut().enumerate() {
            decoder.decode(
                &self.music[packet_index(index, self.slots)],
                &mut self.scratch,
            )?;
            let pairs = mix.iter_mut().zip(self.scratch.iter());
            pairs.for_each(|(mix, x)| *mix += x);
        }
        self.slots += 1;
        let mut frame = [0; MAX_ENCODED_LEN];
        black_box(self.encoder.encode(&mix, &mut frame)?);
        Ok(())
    }
}

/// The configuration of the hub, with room for `clients`; silent clients do not go offline.
fn config(clients: usize) -> HubConfig {
    let mix_stream = StreamStart {
        ssrc: 1,
        sequence_number: 0,
        timestamp: 0,
    };
    HubConfig {
        offline_after: OFFLINE_AFTER,
        // Those that have been replaced stay.
        max_unconfigured_clients: 2 * clients,
        ..HubConfig::new(mix_stream, SystemTime::UNIX_EPOCH)
    }
}

fn ssrc(index: usize) -> u32 {
    0x5eed_0000 + index as u32
}

/// Returns the index of the packet that a speaker sends in a slot.
fn packet_index(index: usize, slot: u32) -> usize {
    (slot as usize + STAGGER * index) % PACKETS
}

/// Returns the amplitude of each of `count` speakers, which keeps their sum below the limiter's
/// threshold.
fn amplitude(count: usize) -> f64 {
    0.5 / (count.max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_speaker_is_in_the_mix() {
        let mut speakers = Speakers::new(70).unwrap();
        // 50 join in the first slot and the others in the second; their delays pass after that.
        speakers.warm_up(20);
        speakers.write();
        assert_eq!(speakers.deliver(), 70);
        assert!(speakers.play() > 13, "the mix has sound in it");
        assert_eq!(speakers.hub.stats().active, 70);
    }

    #[test]
    fn packets_use_the_full_bitrate() {
        let music = music(0.5).unwrap();
        let bytes: usize = music.iter().map(Vec::len).sum();
        // 64 kbit/s are 160 bytes in 20 ms.
        assert!((100..250).contains(&(bytes / PACKETS)), "{bytes}");
    }
}
