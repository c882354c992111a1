//! Generates clicks, and finds them again after encoding and decoding.
//!
//! Always: the time of a click is the centre of its energy, which an encoder shifts by exactly its
//! own delay.

use std::f64::consts::TAU;
use std::time::Duration;

use raa_core::{SAMPLE_RATE, SLOT_SAMPLES};

/// The interval of the clicks.
pub(crate) const CLICK_EVERY: Duration = Duration::from_secs(1);
/// The delay of RAA's encoder in samples: 6.5 ms.
pub(crate) const ENCODER_DELAY: usize = 312;
/// The position in its second at which a click begins, in samples; not at the edge of a packet.
const CLICK_AT: usize = 24_000 + SLOT_SAMPLES / 3;
/// Length of a click in samples: 4 ms.
const CLICK: usize = 192;
/// Frequency of the sound in a click.
const CLICK_HZ: f64 = 3000.0;
/// Amplitude of the tone between clicks, which keeps the stream from being a pause.
const HUM: f32 = 0.01;
/// Frequency of that tone.
const HUM_HZ: f64 = 200.0;
/// Amplitude above which a sample belongs to a click.
const THRESHOLD: f32 = 0.15;
/// The distance in samples from the first loud sample within which all of a click's energy lies.
const REACH: usize = 480;

/// Times of clicks, in seconds.
pub(crate) type ClickTimes = Vec<f64>;

/// Returns sample `n` of the sound that is sent.
pub(crate) fn sample(n: usize) -> f32 {
    let turn = |hz: f64| ((hz * n as f64 / f64::from(SAMPLE_RATE)).fract() * TAU).sin() as f32;
    let into_second = n % SAMPLE_RATE as usize;
    let hum = HUM * turn(HUM_HZ);
    if !(CLICK_AT..CLICK_AT + CLICK).contains(&into_second) {
        return hum;
    }
    let into_click = (into_second - CLICK_AT) as f64 / CLICK as f64;
    let window = 0.5 - 0.5 * (into_click * TAU).cos();
    hum + 0.6 * window as f32 * turn(CLICK_HZ)
}

/// Finds clicks in sound that arrives in pieces.
#[derive(Default)]
pub(crate) struct Finder {
    pcm: Vec<f32>,
    /// The number of samples dropped before `pcm`.
    dropped: usize,
}

impl Finder {
    /// Takes a piece and returns the click that is complete with it, as the index of its centre.
    pub(crate) fn take(&mut self, piece: &[f32]) -> Option<f64> {
        self.pcm.extend(piece);
        let Some(first) = self.pcm.iter().position(|x| x.abs() > THRESHOLD) else {
            let kept = self.pcm.len().min(REACH);
            self.drop_first(self.pcm.len() - kept);
            return None;
        };
        if self.pcm.len() < first + REACH {
            return None;
        }
        let from = first.saturating_sub(REACH);
        let (mut energy, mut weighted) = (0.0, 0.0);
        for (i, x) in (from..).zip(&self.pcm[from..first + REACH]) {
            // The tone between clicks does not count.
            let power = if x.abs() > 2.0 * HUM {
                f64::from(x * x)
            } else {
                0.0
            };
            energy += power;
            weighted += power * i as f64;
        }
        let centre = (self.dropped as f64) + weighted / energy;
        self.drop_first(first + REACH);
        Some(centre)
    }

    fn drop_first(&mut self, samples: usize) {
        self.pcm.drain(..samples);
        self.dropped += samples;
    }
}

#[cfg(test)]
mod tests {
    use raa_core::codec::{Decoder, Encoder, EncoderSettings, MAX_ENCODED_LEN, MAX_PACKET_SAMPLES};

    use super::*;

    /// Returns the centres of all clicks in 5 s that passed through `codecs` encoders and decoders.
    fn centres(codecs: usize) -> Vec<f64> {
        let mut chain: Vec<_> = (0..codecs)
            .map(|_| {
                let encoder = Encoder::new(EncoderSettings::default()).unwrap();
                (encoder, Decoder::new().unwrap())
            })
            .collect();
        let mut finder = Finder::default();
        let slot = |n: usize| {
            let mut pcm: [f32; SLOT_SAMPLES] =
                std::array::from_fn(|i| sample(n * SLOT_SAMPLES + i));
            for (encoder, decoder) in &mut chain {
                let (mut packet, mut out) = ([0; MAX_ENCODED_LEN], [0.0; MAX_PACKET_SAMPLES]);
                let len = encoder.encode(&pcm, &mut packet).unwrap();
                decoder.decode(&packet[..len], &mut out).unwrap();
                pcm.copy_from_slice(&out[..SLOT_SAMPLES]);
            }
            finder.take(&pcm)
        };
        (0..250).filter_map(slot).collect()
    }

    #[test]
    fn clicks_are_found_at_their_times() {
        let expected = (CLICK_AT + CLICK / 2) as f64;
        let found = centres(0);
        assert_eq!(found.len(), 5);
        for (n, centre) in found.iter().enumerate() {
            let off = centre - expected - (n * 48_000) as f64;
            assert!(off.abs() < 2.0, "{off} samples");
        }
    }

    #[test]
    fn each_codec_shifts_clicks_by_its_delay() {
        let [bare, once, twice] = [0, 1, 2].map(centres);
        assert_eq!((bare.len(), once.len(), twice.len()), (5, 5, 5));
        for ((bare, once), twice) in bare.iter().zip(&once).zip(&twice) {
            for delay in [once - bare, twice - once] {
                // 0.3 ms.
                let off = delay - ENCODER_DELAY as f64;
                assert!(off.abs() < 15.0, "{off} samples");
            }
        }
    }
}
