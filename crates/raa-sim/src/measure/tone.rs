//! How clean a tone arrives: a sine is fitted to pieces of the sound, and the residual is measured.
//!
//! Always: pure functions of samples at 48 kHz; amplitudes are relative to full scale.

use std::f64::consts::TAU;

use raa_core::SAMPLE_RATE;

/// Length of the windows that are judged one by one, in samples: 10 ms.
const WINDOW: usize = SAMPLE_RATE as usize / 100;
/// The difference from the expected level, in dB, above which a window is disturbed.
const MAX_OFF_DB: f64 = 1.0;
/// The level of the residual relative to the tone, in dB, above which a window is disturbed.
const MAX_RESIDUAL_DB: f64 = -30.0;
/// How many times the frequency is corrected by the phase difference of the two halves.
const REFINEMENTS: usize = 3;

/// The sine that fits some samples best.
#[derive(Debug, Clone, Copy)]
pub struct Fit {
    /// In cycles per sample.
    frequency: f64,
    sine: f64,
    cosine: f64,
}

impl Fit {
    /// Fits a sine of exactly this pitch.
    pub fn at(pitch_hz: f64, pcm: &[f32]) -> Self {
        Self::at_frequency(pitch_hz / f64::from(SAMPLE_RATE), pcm)
    }

    /// Fits a sine whose pitch may differ from `pitch_hz` by up to one period over the length of
    /// `pcm`.
    pub fn near(pitch_hz: f64, pcm: &[f32]) -> Self {
        let mut frequency = pitch_hz / f64::from(SAMPLE_RATE);
        let half = pcm.len() / 2;
        for _ in 0..REFINEMENTS {
            let [early, late] = [&pcm[..half], &pcm[half..2 * half]]
                .map(|half| Self::at_frequency(frequency, half).phase());
            let ahead = late - early - frequency * half as f64;
            frequency += (ahead - ahead.round()) / half as f64;
        }
        Self::at_frequency(frequency, pcm)
    }

    /// Solves the least-squares problem by its normal equations.
    fn at_frequency(frequency: f64, pcm: &[f32]) -> Self {
        let (mut ss, mut sc, mut cc, mut xs, mut xc) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (i, &x) in pcm.iter().enumerate() {
            let (s, c) = sin_cos(frequency, i);
            ss += s * s;
            sc += s * c;
            cc += c * c;
            xs += f64::from(x) * s;
            xc += f64::from(x) * c;
        }
        let determinant = ss * cc - sc * sc;
        Self {
            frequency,
            sine: (xs * cc - xc * sc) / determinant,
            cosine: (xc * ss - xs * sc) / determinant,
        }
    }

    /// The peak amplitude.
    pub fn amplitude(&self) -> f64 {
        self.sine.hypot(self.cosine)
    }

    /// The samples minus the sine that was fitted to them.
    pub fn residual(&self, pcm: &[f32]) -> impl Iterator<Item = f64> {
        pcm.iter().enumerate().map(|(i, &x)| {
            let (s, c) = sin_cos(self.frequency, i);
            f64::from(x) - self.sine * s - self.cosine * c
        })
    }

    /// The phase at the first sample, in cycles.
    fn phase(&self) -> f64 {
        self.cosine.atan2(self.sine) / TAU
    }
}

/// Returns the share of 10 ms windows, 0 to 1, in which the tone has the wrong level or too much
/// residual.
pub fn disturbed_share(pcm: &[f32], pitch_hz: f64, amplitude: f64) -> f64 {
    let windows = pcm.as_chunks::<WINDOW>().0;
    let disturbed = windows
        .iter()
        .filter(|window| is_disturbed(&window[..], pitch_hz, amplitude));
    disturbed.count() as f64 / windows.len().max(1) as f64
}

fn is_disturbed(window: &[f32], pitch_hz: f64, amplitude: f64) -> bool {
    let fit = Fit::at(pitch_hz, window);
    let off_db = 20.0 * (fit.amplitude() / amplitude).log10();
    let residual = fit.residual(window).map(|x| x * x).sum::<f64>() / WINDOW as f64;
    let residual_db = 10.0 * (residual / (amplitude * amplitude / 2.0)).log10();
    // Silence has a level of minus infinity and so counts as disturbed.
    off_db.abs() > MAX_OFF_DB || residual_db > MAX_RESIDUAL_DB
}

/// Returns the largest difference between two neighbouring samples of the residual, which is the
/// size of the loudest click.
pub fn largest_step(pcm: &[f32], pitch_hz: f64) -> f64 {
    let fit = Fit::near(pitch_hz, pcm);
    let mut last = None;
    fit.residual(pcm)
        .map(|x| (x - last.replace(x).unwrap_or(x)).abs())
        .fold(0.0, f64::max)
}

fn sin_cos(frequency: f64, i: usize) -> (f64, f64) {
    ((frequency * i as f64).fract() * TAU).sin_cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(pitch_hz: f64, samples: usize) -> Vec<f32> {
        let frequency = pitch_hz / f64::from(SAMPLE_RATE);
        (0..samples)
            .map(|i| (0.3 * sin_cos(frequency, i).0) as f32)
            .collect()
    }

    #[test]
    fn pure_tones_leave_no_residual() {
        for off_ppm in [-1000.0, -500.0, 0.0, 30.0, 500.0] {
            let pcm = tone(1000.0 * (1.0 + off_ppm / 1e6), 9600);
            let fit = Fit::near(1000.0, &pcm);
            assert!((fit.amplitude() - 0.3).abs() < 1e-4, "{off_ppm}");
            assert!(largest_step(&pcm, 1000.0) < 1e-5, "{off_ppm}");
        }
    }

    #[test]
    fn a_click_is_measured_at_its_size() {
        let mut pcm = tone(1000.0, 9600);
        pcm[5000..].iter_mut().for_each(|x| *x += 0.01);
        let step = largest_step(&pcm, 1000.0);
        assert!((0.009..0.011).contains(&step), "{step}");
    }

    #[test]
    fn wrong_levels_and_noise_disturb_windows() {
        let mut pcm = tone(1000.0, 100 * WINDOW);
        assert!(disturbed_share(&pcm, 1000.0, 0.3) < 1e-9);
        pcm[10 * WINDOW..12 * WINDOW].fill(0.0);
        pcm[20 * WINDOW..21 * WINDOW]
            .iter_mut()
            .for_each(|x| *x *= 1.2);
        for (i, x) in pcm[30 * WINDOW..32 * WINDOW].iter_mut().enumerate() {
            *x += if i % 2 == 0 { 0.01 } else { -0.01 };
        }
        let share = disturbed_share(&pcm, 1000.0, 0.3);
        assert!((share - 0.05).abs() < 1e-9, "{share}");
    }
}
