//! Sound that is encoded once and sent for as long as a simulation wants.
//!
//! Always: a clip is a tone whose every 20 ms hold whole periods, encoded without prediction
//! between packets, so it can be repeated without a seam; its packets are cheap to decode,
//! because an hour has 180,000 of them.

use opusic_c::{Application, Bandwidth, Bitrate, Channels, Encoder, ErrorCode, SampleRate, Signal};
use raa_core::{SAMPLE_RATE, SLOT_SAMPLES, codec};

/// The loudest sample of every tone.
pub const AMPLITUDE: f32 = 0.3;
/// Length of the part that is repeated.
const LOOP_SAMPLES: usize = SAMPLE_RATE as usize * 6 / 5;

/// How a tone is packed.
#[derive(Debug, Clone, Copy)]
pub struct Packing {
    /// Samples per packet at 48 kHz: 120 (2.5 ms) to 5760 (120 ms).
    pub packet_samples: usize,
    /// Both channels carry the tone.
    pub stereo: bool,
    /// Which part of Opus does the work.
    pub mode: Mode,
}

/// The halves of Opus (RFC 6716 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// For music. Narrow-band, which is the cheapest to decode.
    Celt,
    /// For speech, wide-band; packets of 10 to 60 ms.
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

/// Packets of one tone.
#[derive(Debug)]
pub struct Clip {
    /// The attack, which begins in silence.
    attack: Vec<u8>,
    /// The steady tone.
    steady: Vec<Vec<u8>>,
    packet_samples: usize,
}

impl Clip {
    /// A tone in packets of 20 ms; `pitch_hz` is a multiple of 50.
    ///
    /// # Errors
    /// When there is no memory for an encoder.
    pub fn tone(pitch_hz: u32) -> Result<Self, ErrorCode> {
        Self::packed(pitch_hz, Packing::default())
    }

    /// A tone in packets of any kind.
    ///
    /// # Errors
    /// When Opus has no such packets.
    pub fn packed(pitch_hz: u32, packing: Packing) -> Result<Self, ErrorCode> {
        let mut encoder = encoder(packing)?;
        let packets = 1 + LOOP_SAMPLES / packing.packet_samples;
        let mut packets = (0..packets).map(|n| {
            let mut packet = vec![0; 4000];
            let pcm = tone(pitch_hz, packing, n);
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

    /// Packets of anything, in their order and then again; `None` when there are not two of them
    /// of one length.
    pub fn of(packets: Vec<Vec<u8>>) -> Option<Self> {
        let (attack, steady) = packets.split_first()?;
        let packet_samples = codec::packet_samples(attack)?;
        let alike = |packet: &Vec<u8>| codec::packet_samples(packet) == Some(packet_samples);
        (!steady.is_empty() && steady.iter().all(alike)).then(|| Self {
            attack: attack.clone(),
            steady: steady.to_vec(),
            packet_samples,
        })
    }

    /// The payload of the talkspurt's packet number `n`.
    pub fn payload(&self, n: u64) -> &[u8] {
        match n.checked_sub(1) {
            None => &self.attack,
            Some(n) => &self.steady[(n % self.steady.len() as u64) as usize],
        }
    }

    /// What a sender with DTX sends now and then in its pauses: the TOC of one frame, alone.
    pub fn keep_alive(&self) -> [u8; 1] {
        [self.attack[0] & !0b11]
    }

    /// Samples per packet.
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
    // Short packets need more of it, or nothing is left for the tone behind their headers.
    let short_packets = (SLOT_SAMPLES / packing.packet_samples).max(1) as u32;
    encoder.set_bitrate(Bitrate::Value(bitrate * short_packets))?;
    encoder.set_bandwidth(bandwidth)?;
    encoder.set_signal(signal)?;
    encoder.set_complexity(5)?;
    encoder.set_prediction_disabled(true)?;
    Ok(encoder)
}

/// The PCM of packet `n`, interleaved when it is stereo.
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
        // Twice through the loop: its seam is among them.
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
    fn packets_of_different_lengths_are_no_clip() {
        // One frame of 20 ms, and two of them.
        let [short, long] = [[0xf8, 1], [0xf9, 1]].map(Vec::from);
        let clip = Clip::of(vec![short.clone(), short.clone()]).unwrap();
        assert_eq!((clip.payload(5), clip.packet_samples()), (&short[..], 960));
        assert!(Clip::of(vec![short.clone(), long]).is_none());
        assert!(Clip::of(vec![short]).is_none());
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
