//! Makes sound shorter or longer by whole periods, without a change of its pitch.
//!
//! Waveform-similarity overlap-add (Verhelst and Roelands, "An overlap-add technique based on
//! waveform similarity", 1993): two places of the sound that look alike are faded into each
//! other, and what lies between them is left out, or played twice.
//! Always: no allocation beyond the buffer's own; a place that looks unlike is not used.

/// The shortest piece that is left out or repeated: 2.5 ms.
pub(super) const MIN_LAG: usize = 120;
/// The longest one: 15 ms.
pub(super) const MAX_LAG: usize = 720;
/// Over so many samples one place is faded into the other: 5 ms.
pub(super) const OVERLAP: usize = 240;
/// Lags are looked for at a quarter of the rate first.
const COARSE: usize = 4;
/// How alike two places must be, as a normalised correlation: below, a fade is heard.
const MIN_LIKENESS: f32 = 0.5;
/// Places whose likenesses differ by less are as like.
const AS_LIKE: f32 = 0.01;
/// Below this mean square nothing is heard anyway: -60 dBFS.
const QUIET: f32 = 1e-6;

/// Leaves out up to `limit` samples behind `at`, and returns how many; `pcm` reaches at least
/// [`OVERLAP`] samples further than those. `force` takes the best place, however unlike.
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

/// Repeats up to `limit` samples behind `at`, and returns how many.
pub(super) fn lengthen(pcm: &mut Vec<f32>, at: usize, limit: usize, force: bool) -> usize {
    let room = pcm.len().saturating_sub(at + OVERLAP);
    let Some(lag) = best_lag(&pcm[at..], limit.min(room), force) else {
        return 0;
    };
    // What stands at `at + lag` goes over into what stands at `at`, which is heard again.
    let mut again = [0.0; OVERLAP];
    again.copy_from_slice(&pcm[at..at + OVERLAP]);
    fade(&pcm[at + lag..at + lag + OVERLAP], &mut again);
    let end = pcm.len();
    pcm.resize(end + lag, 0.0);
    pcm.copy_within(at..end, at + lag);
    pcm[at + lag..at + lag + OVERLAP].copy_from_slice(&again);
    lag
}

/// Fades from `old` to what is in `new`, over the length of `old`.
pub(super) fn fade(old: &[f32], new: &mut [f32]) {
    let step = 1.0 / (old.len() + 1) as f32;
    for (i, (old, new)) in old.iter().zip(new).enumerate() {
        let share = (i + 1) as f32 * step;
        *new = old * (1.0 - share) + *new * share;
    }
}

/// How far behind its beginning `pcm` looks most like it; of places that look as much like it the
/// farthest, because each use costs a fade.
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
        *there = likeness(here, &pcm[lag..], COARSE);
    }
    let best = coarse.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let farthest = coarse.iter().rposition(|there| *there >= best - AS_LIKE)?;
    let near = MIN_LAG + farthest * COARSE;
    let lags = near.saturating_sub(COARSE).max(MIN_LAG)..=(near + COARSE).min(limit);
    let (lag, likeness) = lags
        .map(|lag| (lag, likeness(here, &pcm[lag..], 1)))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    (force || likeness >= MIN_LIKENESS).then_some(lag)
}

/// Normalised cross-correlation: 1 when equal but for a factor, 0 when unrelated.
fn likeness(a: &[f32], b: &[f32], stride: usize) -> f32 {
    let (mut dot, mut aa, mut bb) = (0.0f32, 1e-9f32, 1e-9f32);
    for (a, b) in a.iter().zip(b).step_by(stride) {
        dot += a * b;
        aa += a * a;
        bb += b * b;
    }
    // Places of different loudness do not go together either.
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
    fn a_tone_is_the_same_tone_afterwards() {
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
    fn what_looks_unlike_is_left_alone_unless_it_must_be() {
        let dry = noise(2400);
        let mut pcm = dry.clone();
        assert_eq!(shorten(&mut pcm, 0, MAX_LAG, false), 0);
        assert_eq!(pcm, dry);
        assert!(shorten(&mut pcm, 0, MAX_LAG, true) >= MIN_LAG);
    }

    #[test]
    fn too_little_sound_and_too_small_a_limit_change_nothing() {
        let mut pcm = tone(440.0, OVERLAP + MIN_LAG - 1);
        assert_eq!(shorten(&mut pcm, 0, MAX_LAG, true), 0);
        assert_eq!(lengthen(&mut pcm, 0, MAX_LAG, true), 0);
        let mut pcm = tone(440.0, 2400);
        assert_eq!(lengthen(&mut pcm, 0, MIN_LAG - 1, true), 0);
    }

    #[test]
    fn quiet_is_cut_as_far_as_wanted() {
        let mut pcm = vec![0.0; 2400];
        assert_eq!(shorten(&mut pcm, 0, 500, false), 500);
    }
}
