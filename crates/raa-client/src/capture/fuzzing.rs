//! A WAV file: its header, and its sound as 48 kHz mono.
//!
//! Always: at most [`MAX_BYTES`] of sound for one input.

use super::mono::Mono;
use super::wav::Header;

const MAX_BYTES: usize = 16_384;

/// See the module's text.
pub(crate) fn wav(file: &[u8]) {
    let mut reader = file;
    let Ok(header) = Header::read(&mut reader) else {
        return;
    };
    let channels = header.layout.channels();
    let frame = header.encoding.bytes() * channels;
    assert!(frame > 0, "a frame has samples");
    assert!(!header.encoding.name().is_empty());
    let Ok(mut mono) = Mono::new(header.rate, header.layout.clone()) else {
        return;
    };
    let mut samples = Vec::new();
    let sound = &reader[..reader.len().min(MAX_BYTES) / frame * frame];
    header.encoding.decode(sound, &mut samples);
    assert_eq!(samples.len(), sound.len() / header.encoding.bytes());
    // As the player does it.
    for sample in samples.iter_mut().filter(|sample| !sample.is_finite()) {
        *sample = 0.0;
    }
    for frames in samples.chunks(960 * channels) {
        if mono.push(frames).is_err() {
            return;
        }
        while let Some(block) = mono.next_block() {
            assert!(block.iter().all(|sample| !sample.is_nan()));
        }
    }
}
