//! Clicks: made, and found again in what two codecs have made of them.
//!
//! Always: a click's moment is the middle of its energy, which an encoder moves by its own delay
//! and by nothing else.

use std::f64::consts::TAU;
use std::time::Duration;

use raa_core::{SAMPLE_RATE, SLOT_SAMPLES};

/// One click a second.
pub(crate) const CLICK_EVERY: Duration = Duration::from_secs(1);
/// RAA's encoder delays its sound by so many samples: 6.5 ms.
pub(crate) const ENCODER_DELAY: usize = 312;
/// Where in its second a click begins, in samples: away from a packet's edge.
const CLICK_AT: usize = 24_000 + SLOT_SAMPLES / 3;
/// Length of a click: 4 ms, of 3 kHz.
const CLICK: usize = 192;
const CLICK_HZ: f64 = 3000.0;
/// What is heard in between, so that no silence is taken for a pause.
const HUM: f32 = 0.01;
const HUM_HZ: f64 = 200.0;
/// Louder than this is a click.
const THRESHOLD: f32 = 0.15;
/// A click's energy lies within so many samples of its first loud one.
const REACH: usize = 480;

/// Moments of clicks, in seconds.
pub(crate) type ClickTimes = Vec<f64>;

/// Sample `n` of what is sent.
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

/// Finds clicks in sound that comes piece by piece.
#[derive(Default)]
pub(crate) struct Finder {
    pcm: Vec<f32>,
    /// How many samples before `pcm` are gone.
    gone: usize,
}

impl Finder {
    /// Takes a piece and gives the click that is whole with it: the index of its middle.
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
        let (mut energy, mut moment) = (0.0, 0.0);
        for (i, x) in (from..).zip(&self.pcm[from..first + REACH]) {
            // The hum is no part of it.
            let power = if x.abs() > 2.0 * HUM {
                f64::from(x * x)
            } else {
                0.0
            };
            energy += power;
            moment += power * i as f64;
        }
        let middle = (self.gone as f64) + moment / energy;
        self.drop_first(first + REACH);
        Some(middle)
    }

    fn drop_first(&mut self, samples: usize) {
        self.pcm.drain(..samples);
        self.gone += samples;
    }
}

#[cfg(test)]
mod tests {
    use raa_core::codec::{Decoder, Encoder, EncoderSettings, MAX_ENCODED_LEN, MAX_PACKET_SAMPLES};

    use super::*;

    /// The middles of all clicks of 5 s, after so many times encoder and decoder.
    fn middles(codecs: usize) -> Vec<f64> {
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
    fn clicks_are_found_where_they_are() {
        let expected = (CLICK_AT + CLICK / 2) as f64;
        let found = middles(0);
        assert_eq!(found.len(), 5);
        for (n, middle) in found.iter().enumerate() {
            let off = middle - expected - (n * 48_000) as f64;
            assert!(off.abs() < 2.0, "{off} samples");
        }
    }

    #[test]
    fn each_codec_delays_them_by_its_own_delay() {
        let [bare, once, twice] = [0, 1, 2].map(middles);
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
