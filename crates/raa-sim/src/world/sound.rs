//! What speaking clients say under load: a few short pieces of music, encoded once.
//!
//! Always: the same in every run and in every program, so that what decoding them costs can be
//! compared.

use raa_core::codec::{CodecError, Encoder, EncoderSettings, MAX_ENCODED_LEN};
use raa_core::{SAMPLE_RATE, SLOT_SAMPLES};

use super::random::Random;

/// Different pieces; clients take turns.
const PIECES: u32 = 5;
/// Length of one, in packets: 2 s.
const PACKETS: usize = 100;

/// One piece, as Opus packets of 20 ms.
pub type Piece = Vec<Vec<u8>>;

/// Encodes all pieces with what RAA's clients use.
///
/// # Errors
/// When there is no memory for an encoder.
pub fn pieces() -> Result<Vec<Piece>, CodecError> {
    (0..PIECES).map(piece).collect()
}

/// A chord with vibrato over a little noise: as dear to decode as music, and quiet enough that
/// forty of them are no noise to fear.
fn piece(number: u32) -> Result<Piece, CodecError> {
    let mut encoder = Encoder::new(EncoderSettings::default())?;
    let mut random = Random::new(number.into());
    let root_hz = 110.0 * 1.25f64.powi(number as i32);
    (0..PACKETS)
        .map(|packet| {
            let pcm = std::array::from_fn(|i| {
                let t = (packet * SLOT_SAMPLES + i) as f64 / f64::from(SAMPLE_RATE);
                sample(t, root_hz) + 0.01 * (random.unit() as f32 - 0.5)
            });
            let mut out = [0; MAX_ENCODED_LEN];
            let len = encoder.encode(&pcm, &mut out)?;
            Ok(out[..len].to_vec())
        })
        .collect()
}

fn sample(t: f64, root_hz: f64) -> f32 {
    let vibrato = 0.002 * (t * 5.0 * std::f64::consts::TAU).sin();
    let chord = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0];
    let sum: f64 = chord
        .iter()
        .map(|overtone| {
            ((t + vibrato) * root_hz * overtone * std::f64::consts::TAU).sin() / overtone
        })
        .sum();
    (0.03 * sum) as f32
}

#[cfg(test)]
mod tests {
    use raa_core::codec::packet_samples;

    use super::*;

    #[test]
    fn a_piece_is_music_at_the_full_rate() {
        let piece = piece(3).unwrap();
        assert_eq!(piece.len(), PACKETS);
        assert!(
            piece
                .iter()
                .all(|packet| packet_samples(packet) == Some(SLOT_SAMPLES))
        );
        let mean = piece.iter().map(Vec::len).sum::<usize>() / PACKETS;
        assert!(
            (120..200).contains(&mean),
            "{mean} bytes, 64 kbit/s are 160"
        );
    }
}
