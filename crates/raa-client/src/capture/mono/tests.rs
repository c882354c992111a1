//! Tones in every format and at every rate that devices deliver, converted.
//!
//! Always: judged by pitch, level and number of samples, never by the resampler's own figures.

use std::f32::consts::FRAC_1_SQRT_2;
use std::f64::consts::TAU;

use super::super::encoding::Encoding;
use super::super::judging::{rises, rms};
use super::*;

const TONE_HZ: f64 = 1000.0;

/// Returns a tone on all channels in the device's format.
fn tone(encoding: Encoding, rate: u32, channels: u16, amplitude: f64, seconds: f64) -> Vec<u8> {
    let mut bytes = Vec::new();
    for i in 0..(f64::from(rate) * seconds) as u32 {
        let x = amplitude * (TAU * TONE_HZ * f64::from(i) / f64::from(rate)).sin();
        let top = (x * 2_147_483_647.0) as i32;
        for _ in 0..channels {
            match encoding {
                Encoding::F32 => bytes.extend((x as f32).to_le_bytes()),
                Encoding::I16 => bytes.extend(&top.to_le_bytes()[2..]),
                Encoding::I24 => bytes.extend(&top.to_le_bytes()[1..]),
                Encoding::I32 => bytes.extend(top.to_le_bytes()),
                other => unreachable!("no device delivers {}", other.name()),
            }
        }
    }
    bytes
}

/// Converts `bytes`, pushing `frames` frames at a time.
fn convert(encoding: Encoding, rate: u32, channels: u16, bytes: &[u8], frames: usize) -> Vec<f32> {
    let mut mono = Mono::new(rate, Layout::of_count(channels)).unwrap();
    let mut interleaved = Vec::new();
    encoding.decode(bytes, &mut interleaved);
    let mut output = Vec::new();
    for packet in interleaved.chunks(frames * usize::from(channels)) {
        mono.push(packet).unwrap();
        while let Some(block) = mono.next_block() {
            assert_eq!(block.len(), SLOT_SAMPLES);
            output.extend(block);
        }
    }
    output.extend(mono.flush().unwrap());
    assert!(!mono.has_rest());
    output
}

#[test]
fn every_format_keeps_pitch_level_and_length() {
    for encoding in [Encoding::F32, Encoding::I16, Encoding::I24, Encoding::I32] {
        for (rate, channels) in [
            (8_000, 1),
            (11_025, 2),
            (16_000, 1),
            (22_050, 2),
            (32_000, 4),
            (44_100, 2),
            (48_000, 1),
            (48_000, 32),
            (88_200, 2),
            (96_000, 6),
            (176_400, 3),
            (192_000, 8),
            (384_000, 2),
        ] {
            let gain = Layout::of_count(channels).mix(&vec![1.0; channels.into()]);
            // A sum above full scale would be limited.
            let amplitude = 0.5 / gain.max(1.0);
            let bytes = tone(encoding, rate, channels, amplitude.into(), 1.0);
            let pcm = convert(encoding, rate, channels, &bytes, rate as usize / 100);
            let case = format!("{encoding:?} {rate} Hz {channels} channels");
            assert_eq!(pcm.len(), 48_000, "{case}");
            // Leaves out the filter's length at both ends.
            let steady = &pcm[2400..45_600];
            let level = rms(steady) / (gain * amplitude);
            assert!((level - FRAC_1_SQRT_2).abs() < 0.002, "{case}: {level}");
            assert!(
                (899..=901).contains(&rises(steady)),
                "{case}: {}",
                rises(steady)
            );
        }
    }
}

/// Returns the tone's amplitude, its delay in samples, and the RMS of everything else.
fn analyse(pcm: &[f32]) -> (f64, f64, f64) {
    let step = TAU * TONE_HZ / 48_000.0;
    let mean = |f: &dyn Fn(usize, f64) -> f64| {
        let sum: f64 = pcm
            .iter()
            .enumerate()
            .map(|(i, x)| f(i, f64::from(*x)))
            .sum();
        sum / pcm.len() as f64
    };
    let sine = 2.0 * mean(&|i, x| x * (step * i as f64).sin());
    let cosine = 2.0 * mean(&|i, x| x * (step * i as f64).cos());
    let rest = mean(&|i, x| {
        let tone = sine * (step * i as f64).sin() + cosine * (step * i as f64).cos();
        (x - tone).powi(2)
    });
    (sine.hypot(cosine), -cosine.atan2(sine) / step, rest.sqrt())
}

#[test]
fn resampling_adds_no_noise_and_no_delay() {
    for rate in [8_000, 44_100, 96_000, 384_000] {
        let bytes = tone(Encoding::F32, rate, 1, 0.5, 1.0);
        let pcm = convert(Encoding::F32, rate, 1, &bytes, 441);
        // Whole periods, far from the ends.
        let (amplitude, delay, rest) = analyse(&pcm[4800..43_200]);
        assert!(
            (amplitude - 0.5).abs() < 1e-4,
            "{rate} Hz: amplitude {amplitude}"
        );
        // The resampler's delay is rounded to one sample of the input.
        let sample = 48_000.0 / f64::from(rate);
        assert!(
            delay.abs() <= sample.max(1.0) * 1.5,
            "{rate} Hz: {delay} samples late"
        );
        assert!(rest < 1e-5, "{rate} Hz: residual {rest}");
    }
}

#[test]
fn channels_are_mixed_by_role_and_limited() {
    let push = |channels: u16, frame: &[f32]| {
        let mut mono = Mono::new(48_000, Layout::of_count(channels)).unwrap();
        mono.push(&frame.repeat(SLOT_SAMPLES)).unwrap();
        mono.next_block().unwrap()[100]
    };
    assert_eq!(push(2, &[1.0, 1.0]), 1.0);
    // 5.1 with the front pair alone, and with everything at full scale.
    assert_eq!(push(6, &[0.5, 0.5, 0.0, 1.0, 0.0, 0.0]), 0.5);
    // The sum is 2.414 and the limiter's ceiling 0.891, beyond which a knee follows.
    let all = push(6, &[-1.0; 6]);
    assert!((-1.0..-0.89).contains(&all), "{all}");
    assert_eq!(push(2, &[0.25, 0.25]), 0.25);
    assert_eq!(push(2, &[0.5, 0.0]), 0.25);
    assert_eq!(push(1, &[0.75]), 0.75);
}

#[test]
fn packet_length_does_not_matter() {
    for rate in [44_100, 48_000, 96_000] {
        let bytes = tone(Encoding::F32, rate, 2, 0.7, 0.5);
        let whole = convert(Encoding::F32, rate, 2, &bytes, rate as usize);
        for frames in [1, 7, 128, 441, 1000] {
            let cut = convert(Encoding::F32, rate, 2, &bytes, frames);
            assert_eq!(cut, whole, "{rate} Hz in packets of {frames} frames");
        }
    }
}

#[test]
fn no_sample_is_lost_in_minutes() {
    let seconds = 300;
    let mut mono = Mono::new(44_100, Layout::of_count(2)).unwrap();
    // 10 ms, the packet length of most devices.
    let packet = [0.0; 882];
    let mut samples = 0;
    for second in 1..=seconds {
        for _ in 0..100 {
            mono.push(&packet).unwrap();
            while let Some(block) = mono.next_block() {
                samples += block.len();
            }
        }
        let behind = second * 48_000 - samples;
        assert!(behind < 2000, "{behind} samples behind after {second} s");
    }
    samples += mono.flush().unwrap().len();
    assert_eq!(samples, seconds * 48_000);
}

#[test]
fn a_flush_resets_the_converter() {
    let mut mono = Mono::new(44_100, Layout::of_count(1)).unwrap();
    let mut tone_samples = Vec::new();
    Encoding::F32.decode(
        &tone(Encoding::F32, 44_100, 1, 0.5, 0.05),
        &mut tone_samples,
    );
    let mut take = || {
        mono.push(&tone_samples).unwrap();
        assert!(mono.has_rest());
        let mut pcm = mono.next_block().unwrap();
        pcm.extend(mono.next_block().unwrap_or_default());
        pcm.extend(mono.flush().unwrap());
        assert!(!mono.has_rest());
        assert!(mono.flush().unwrap().is_empty());
        pcm
    };
    let first = take();
    assert_eq!(first.len(), 2400);
    assert_eq!(take(), first);
}

#[test]
fn nan_passes_through() {
    let mut mono = Mono::new(48_000, Layout::of_count(2)).unwrap();
    mono.push(&[f32::NAN; 2 * SLOT_SAMPLES]).unwrap();
    assert!(mono.next_block().unwrap()[0].is_nan());
}

#[test]
fn unsupported_formats_are_refused() {
    let check = |rate, channels, words: &str| {
        let error = Mono::new(rate, Layout::of_count(channels))
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
    };
    check(0, 2, "0 Hz");
    check(999, 2, "1000 to 768000");
    check(1_000_000, 2, "1000000 Hz");
    check(48_000, 0, "channels is 0");
}
