//! The sound of speaking clients under load: a few short pieces of music, encoded once.
//!
//! Always: the same in every run and every program, so that decoding costs can be compared.

use raa_core::codec::{CodecError, Encoder, EncoderSettings, MAX_ENCODED_LEN};
use raa_core::{SAMPLE_RATE, SLOT_SAMPLES};

use super::random::Random;

/// The number of different pieces; clients use them in turn.
const PIECES: u32 = 5;
/// The length of a piece in packets: 2 s.
const PACKETS: usize = 100;

/// One piece of music as Opus packets of 20 ms.
pub type Piece = Vec<Vec<u8>>;

/// Encodes all pieces with the encoder settings of RAA's clients.
///
/// # Errors
/// Fails if libopus cannot allocate an encoder.
pub fn pieces() -> Result<Vec<Piece>, CodecError> {
    (0..PIECES).map(piece).collect()
}

/// Encodes one piece: a chord with vibrato over a little noise. It costs as much to decode as
/// music, and forty of them together are not painfully loud.
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
    fn a_piece_uses_the_full_bitrate() {
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
            "{mean} bytes on average; 64 kbit/s are 160"
        );
    }
}
