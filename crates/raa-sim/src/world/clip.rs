//! Sound that is encoded once and repeated for as long as a simulation runs.
//!
//! Always: a tone has whole periods in every 20 ms and is encoded without prediction between
//! packets, so it repeats without a seam; its packets are cheap to decode, because an hour has
//! 180,000 of them.

use opusic_c::{Application, Bandwidth, Bitrate, Channels, Encoder, ErrorCode, SampleRate, Signal};
use raa_core::{SAMPLE_RATE, SLOT_SAMPLES, codec};

/// The peak amplitude of every tone, relative to full scale.
pub const AMPLITUDE: f32 = 0.3;
/// Pitch at which a sweep begins.
const SWEEP_FROM_HZ: f64 = 400.0;
/// Growth of a sweep's pitch; it stays within 4 kHz.
const SWEEP_HZ_PER_S: f64 = 2500.0;
/// Length of the part that is repeated: 1.2 s, a multiple of every packet length.
const LOOP_SAMPLES: usize = SAMPLE_RATE as usize * 6 / 5;

/// How a tone is divided into packets and encoded.
#[derive(Debug, Clone, Copy)]
pub struct Packing {
    /// Samples per packet at 48 kHz: 120 (2.5 ms) to 5760 (120 ms).
    pub packet_samples: usize,
    /// Whether packets are stereo, with the tone in both channels.
    pub stereo: bool,
    /// The codec inside Opus.
    pub mode: Mode,
}

/// The two codecs of Opus (RFC 6716 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The codec for music; narrow-band here, which is the cheapest to decode.
    Celt,
    /// The codec for speech; wide-band here, in packets of 10 to 60 ms.
    Silk,
}

impl Default for Packing {
    fn default() -> Self {
        Self {
            packet_samples: SLOT_SAMPLES,
            stereo: false,
            mode: Mode::Celt,
        }
    }
}

/// Packets of one sound, repeated without end.
#[derive(Debug)]
pub struct Clip {
    /// The first packet, whose sound begins in silence.
    attack: Vec<u8>,
    /// The packets that are repeated.
    steady: Vec<Vec<u8>>,
    packet_samples: usize,
}

impl Clip {
    /// Encodes a tone in packets of 20 ms; `pitch_hz` must be a multiple of 50.
    ///
    /// # Errors
    /// Fails if libopus cannot allocate an encoder.
    pub fn tone(pitch_hz: u32) -> Result<Self, ErrorCode> {
        Self::packed(pitch_hz, Packing::default())
    }

    /// Encodes a tone in packets of any kind.
    ///
    /// # Errors
    /// Fails if Opus does not support such packets.
    pub fn packed(pitch_hz: u32, packing: Packing) -> Result<Self, ErrorCode> {
        Self::encoded(packing, |n| tone(pitch_hz, packing, n))
    }

    fn encoded(packing: Packing, pcm: impl Fn(usize) -> Vec<f32>) -> Result<Self, ErrorCode> {
        let mut encoder = encoder(packing)?;
        let packets = 1 + LOOP_SAMPLES / packing.packet_samples;
        let mut packets = (0..packets).map(|n| {
            let mut packet = vec![0; 4000];
            let pcm = pcm(n);
            let len = encoder.encode_float_to_slice(&pcm, &mut packet)?;
            packet.truncate(len);
            Ok(packet)
        });
        Ok(Self {
            attack: packets.next().ok_or(ErrorCode::Internal)??,
            steady: packets.collect::<Result<_, ErrorCode>>()?,
            packet_samples: packing.packet_samples,
        })
    }

    /// Encodes a rising tone in packets of 20 ms, no part of which sounds like another.
    ///
    /// # Errors
    /// Fails if libopus cannot allocate an encoder.
    pub fn sweep() -> Result<Self, ErrorCode> {
        Self::encoded(Packing::default(), |n| {
            (n * SLOT_SAMPLES..(n + 1) * SLOT_SAMPLES)
                .map(|i| {
                    let t = i as f64 / f64::from(SAMPLE_RATE);
                    let turns = t * (SWEEP_FROM_HZ + t * SWEEP_HZ_PER_S / 2.0);
                    AMPLITUDE * (turns.fract() * std::f64::consts::TAU).sin() as f32
                })
                .collect()
        })
    }

    /// Makes a clip of encoded packets, which are sent in order and then again from the second
    /// one. Returns `None` for fewer than two packets or packets of different lengths.
    pub fn from_packets(packets: Vec<Vec<u8>>) -> Option<Self> {
        let (attack, steady) = packets.split_first()?;
        let packet_samples = codec::packet_samples(attack)?;
        let alike = |packet: &Vec<u8>| codec::packet_samples(packet) == Some(packet_samples);
        (!steady.is_empty() && steady.iter().all(alike)).then(|| Self {
            attack: attack.clone(),
            steady: steady.to_vec(),
            packet_samples,
        })
    }

    /// The payload of packet number `n` of a talkspurt.
    pub fn payload(&self, n: u64) -> &[u8] {
        match n.checked_sub(1) {
            None => &self.attack,
            Some(n) => &self.steady[(n % self.steady.len() as u64) as usize],
        }
    }

    /// The payload that a sender with DTX sends in its pauses: the TOC byte of an empty frame.
    pub fn keep_alive(&self) -> [u8; 1] {
        [self.attack[0] & !0b11]
    }

    /// Samples per packet at 48 kHz.
    pub fn packet_samples(&self) -> usize {
        self.packet_samples
    }
}

fn encoder(packing: Packing) -> Result<Encoder, ErrorCode> {
    let channels = if packing.stereo {
        Channels::Stereo
    } else {
        Channels::Mono
    };
    let (application, bandwidth, signal, bitrate) = match packing.mode {
        Mode::Celt => (
            Application::LowDelay,
            Bandwidth::Narrow,
            Signal::Music,
            24_000,
        ),
        Mode::Silk => (Application::Voip, Bandwidth::Wide, Signal::Voice, 20_000),
    };
    let mut encoder = Encoder::new(channels, SampleRate::Hz48000, application)?;
    // Short packets need a higher bitrate, because their headers take most of it.
    let short_packets = (SLOT_SAMPLES / packing.packet_samples).max(1) as u32;
    encoder.set_bitrate(Bitrate::Value(bitrate * short_packets))?;
    encoder.set_bandwidth(bandwidth)?;
    encoder.set_signal(signal)?;
    encoder.set_complexity(5)?;
    encoder.set_prediction_disabled(true)?;
    Ok(encoder)
}

/// Generates the PCM of packet `n`, interleaved for stereo.
fn tone(pitch_hz: u32, packing: Packing, n: usize) -> Vec<f32> {
    let channels = if packing.stereo { 2 } else { 1 };
    let start = n * packing.packet_samples;
    (0..packing.packet_samples * channels)
        .map(|i| {
            let turns =
                (start + i / channels) as f64 * f64::from(pitch_hz) / f64::from(SAMPLE_RATE);
            AMPLITUDE * (turns.fract() * std::f64::consts::TAU).sin() as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use raa_core::codec::{Decoder, MAX_PACKET_SAMPLES};

    use super::*;

    #[track_caller]
    fn check(packing: Packing) {
        let clip = Clip::packed(800, packing).unwrap();
        let mut decoder = Decoder::new().unwrap();
        let mut pcm = [0.0; MAX_PACKET_SAMPLES];
        // Two rounds, so that the seam of the loop is included.
        for n in 0..2 * clip.steady.len() as u64 {
            let samples = codec::packet_samples(clip.payload(n));
            assert_eq!(samples, Some(packing.packet_samples), "{packing:?}");
            decoder.decode(clip.payload(n), &mut pcm).unwrap();
            let peak = pcm[..packing.packet_samples]
                .iter()
                .fold(0.0f32, |a, x| a.max(x.abs()));
            assert!(
                n < 40 || (0.2..0.45).contains(&peak),
                "{packing:?} {n}: peak {peak}"
            );
        }
        assert!(codec::packet_samples(&clip.keep_alive()).is_some());
    }

    #[test]
    fn packets_of_different_lengths_are_refused() {
        // One frame of 20 ms, and two of them.
        let [short, long] = [[0xf8, 1], [0xf9, 1]].map(Vec::from);
        let clip = Clip::from_packets(vec![short.clone(), short.clone()]).unwrap();
        assert_eq!((clip.payload(5), clip.packet_samples()), (&short[..], 960));
        assert!(Clip::from_packets(vec![short.clone(), long]).is_none());
        assert!(Clip::from_packets(vec![short]).is_none());
    }

    #[test]
    fn every_packing_decodes_to_a_steady_tone() {
        for packet_samples in [120, 240, 480, 960, 1920, 2880, 3840, 4800, 5760] {
            for stereo in [false, true] {
                check(Packing {
                    packet_samples,
                    stereo,
                    mode: Mode::Celt,
                });
            }
        }
        check(Packing {
            mode: Mode::Silk,
            ..Packing::default()
        });
        check(Packing {
            mode: Mode::Silk,
            packet_samples: 2880,
            stereo: true,
        });
    }
}
