//! Judges sound in tests, by its level and its pitch. Pure.

/// Returns the root mean square of the samples.
pub(super) fn rms(pcm: &[f32]) -> f32 {
    (pcm.iter().map(|x| x * x).sum::<f32>() / pcm.len() as f32).sqrt()
}

/// Counts how often the sound rises through zero: the periods of a tone.
pub(super) fn rises(pcm: &[f32]) -> usize {
    let is_rise = |pair: &&[f32]| pair[0] < 0.0 && pair[1] >= 0.0;
    pcm.windows(2).filter(is_rise).count()
}
