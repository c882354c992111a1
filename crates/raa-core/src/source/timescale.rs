//! Makes sound shorter or longer by whole periods, without a change of its pitch.
//!
//! Waveform-similarity overlap-add (Verhelst and Roelands, "An overlap-add technique based on
//! waveform similarity", 1993): two similar places of the sound are faded into each other, and
//! the piece between them is left out or played twice.
//! Always: no allocation beyond the buffer's own; places that are not similar are not joined.

use crate::samples;

/// Shortest piece that is left out or repeated.
pub(super) const MIN_LAG: usize = samples(2.5);
/// Longest piece that is left out or repeated.
pub(super) const MAX_LAG: usize = samples(15.0);
/// Length of the fade from one place into the other.
pub(super) const OVERLAP: usize = samples(5.0);
/// Step of the first search for a lag, in samples.
const COARSE: usize = 4;
/// Least similarity, as a normalised correlation; below it a fade is audible.
const MIN_SIMILARITY: f32 = 0.5;
/// Difference of similarity below which two places count as equally similar.
const EQUALLY_SIMILAR: f32 = 0.01;
/// Mean square below which any place will do, because nothing is audible: -60 dBFS.
const QUIET: f32 = 1e-6;

/// Leaves out up to `limit` samples after `at` and returns how many; `pcm` reaches at least
/// [`OVERLAP`] samples beyond those. With `force` the best place is taken even if it differs.
pub(super) fn shorten(pcm: &mut Vec<f32>, at: usize, limit: usize, force: bool) -> usize {
    let room = pcm.len().saturating_sub(at + OVERLAP);
    let Some(lag) = best_lag(&pcm[at..], limit.min(room), force) else {
        return 0;
    };
    let (old, new) = pcm.split_at_mut(at + lag);
    fade(&old[at..at + OVERLAP.min(lag)], new);
    pcm.drain(at..at + lag);
    lag
}

/// Repeats up to `limit` samples after `at` and returns how many.
pub(super) fn lengthen(pcm: &mut Vec<f32>, at: usize, limit: usize, force: bool) -> usize {
    let room = pcm.len().saturating_sub(at + OVERLAP);
    let Some(lag) = best_lag(&pcm[at..], limit.min(room), force) else {
        return 0;
    };
    // The sound at `at + lag` fades into the sound at `at`, which is played again.
    let mut again = [0.0; OVERLAP];
    again.copy_from_slice(&pcm[at..at + OVERLAP]);
    fade(&pcm[at + lag..at + lag + OVERLAP], &mut again);
    let end = pcm.len();
    pcm.resize(end + lag, 0.0);
    pcm.copy_within(at..end, at + lag);
    pcm[at + lag..at + lag + OVERLAP].copy_from_slice(&again);
    lag
}

/// Fades from `old` into `new`, over the length of `old`.
pub(super) fn fade(old: &[f32], new: &mut [f32]) {
    let step = 1.0 / (old.len() + 1) as f32;
    for (i, (old, new)) in old.iter().zip(new).enumerate() {
        let share = (i + 1) as f32 * step;
        *new = old * (1.0 - share) + *new * share;
    }
}

/// Returns the lag at which `pcm` is most similar to its beginning; of equally similar lags the
/// longest, because each use costs a fade.
fn best_lag(pcm: &[f32], limit: usize, force: bool) -> Option<usize> {
    if limit < MIN_LAG {
        return None;
    }
    let limit = limit.min(MAX_LAG);
    if mean_square(&pcm[..OVERLAP + limit]) < QUIET {
        return Some(limit);
    }
    let here = &pcm[..OVERLAP];
    let mut coarse = [f32::NEG_INFINITY; (MAX_LAG - MIN_LAG) / COARSE + 1];
    for (there, lag) in coarse.iter_mut().zip((MIN_LAG..=limit).step_by(COARSE)) {
        *there = similarity(here, &pcm[lag..], COARSE);
    }
    let best = coarse.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let farthest = coarse
        .iter()
        .rposition(|there| *there >= best - EQUALLY_SIMILAR)?;
    let near = MIN_LAG + farthest * COARSE;
    let lags = near.saturating_sub(COARSE).max(MIN_LAG)..=(near + COARSE).min(limit);
    let (lag, similarity) = lags
        .map(|lag| (lag, similarity(here, &pcm[lag..], 1)))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    (force || similarity >= MIN_SIMILARITY).then_some(lag)
}

/// Normalised cross-correlation: 1 when equal but for a factor, 0 when unrelated.
fn similarity(a: &[f32], b: &[f32], stride: usize) -> f32 {
    let (mut dot, mut aa, mut bb) = (0.0f32, 1e-9f32, 1e-9f32);
    for (a, b) in a.iter().zip(b).step_by(stride) {
        dot += a * b;
        aa += a * a;
        bb += b * b;
    }
    // Places of different loudness do not fit together either.
    dot / (aa.max(bb) * (aa * bb).sqrt()).sqrt()
}

fn mean_square(pcm: &[f32]) -> f32 {
    pcm.iter().map(|x| x * x).sum::<f32>() / pcm.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(pitch_hz: f32, samples: usize) -> Vec<f32> {
        (0..samples)
            .map(|n| 0.3 * (std::f32::consts::TAU * pitch_hz * n as f32 / 48_000.0).sin())
            .collect()
    }

    fn noise(samples: usize) -> Vec<f32> {
        let mut random = 1u32;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            random as f32 / u32::MAX as f32 - 0.5
        };
        (0..samples).map(|_| next()).collect()
    }

    fn largest_curve(pcm: &[f32]) -> f32 {
        let curves = pcm.windows(3).map(|w| (w[0] - 2.0 * w[1] + w[2]).abs());
        curves.fold(0.0, f32::max)
    }

    #[test]
    fn tones_keep_their_pitch() {
        for pitch_hz in [150.0, 440.0, 997.0, 3000.0] {
            let dry = tone(pitch_hz, 2400);
            for (what, work) in [
                (
                    "shorter",
                    shorten as fn(&mut Vec<f32>, usize, usize, bool) -> usize,
                ),
                ("longer", lengthen),
            ] {
                let mut pcm = dry.clone();
                let lag = work(&mut pcm, 100, MAX_LAG, false);
                assert!(
                    (MIN_LAG..=MAX_LAG).contains(&lag),
                    "{what} {pitch_hz}: {lag}"
                );
                assert_eq!(pcm.len().abs_diff(dry.len()), lag);
                // Neither a click nor a dent.
                assert!(
                    largest_curve(&pcm) < 1.1 * largest_curve(&dry),
                    "{what} {pitch_hz}"
                );
                let level = mean_square(&pcm) / mean_square(&dry);
                assert!((0.95..1.05).contains(&level), "{what} {pitch_hz}: {level}");
            }
        }
    }

    #[test]
    fn dissimilar_places_are_joined_only_by_force() {
        let dry = noise(2400);
        let mut pcm = dry.clone();
        assert_eq!(shorten(&mut pcm, 0, MAX_LAG, false), 0);
        assert_eq!(pcm, dry);
        assert!(shorten(&mut pcm, 0, MAX_LAG, true) >= MIN_LAG);
    }

    #[test]
    fn short_sound_and_small_limits_change_nothing() {
        let mut pcm = tone(440.0, OVERLAP + MIN_LAG - 1);
        assert_eq!(shorten(&mut pcm, 0, MAX_LAG, true), 0);
        assert_eq!(lengthen(&mut pcm, 0, MAX_LAG, true), 0);
        let mut pcm = tone(440.0, 2400);
        assert_eq!(lengthen(&mut pcm, 0, MIN_LAG - 1, true), 0);
    }

    #[test]
    fn quiet_sound_is_cut_to_the_limit() {
        let mut pcm = vec![0.0; 2400];
        assert_eq!(shorten(&mut pcm, 0, 500, false), 500);
    }
}
