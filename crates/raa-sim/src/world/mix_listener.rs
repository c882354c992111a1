//! The listener of a mix: counts its frames, and hears which tones are in it, and when.
//!
//! Always: times are the world's, taken from the RTP timestamps, so a skipped slot is a hole and
//! not a shift.

use std::time::Duration;

use raa_core::codec::{Decoder, MAX_PACKET_SAMPLES};
use raa_core::rtp::Packet;
use raa_core::{SAMPLE_RATE, SLOT, SLOT_SAMPLES};

use super::clip::AMPLITUDE;

/// Tones are looked for in blocks of 5 ms: long enough to tell multiples of 200 Hz apart.
const BLOCK: usize = 240;
const BLOCK_TIME: Duration = Duration::from_millis(5);
/// The mix's encoder and decoder delay its sound by so much: 6.5 ms.
const CODEC_DELAY: Duration = Duration::from_micros(6500);

/// See the module's text.
pub struct MixListener {
    /// Frames of the mix.
    pub frames: u64,
    /// Slots left out between them.
    pub skipped_slots: u64,
    /// Frames whose sequence number does not continue the one before.
    pub breaks: u64,
    last: Option<(u16, u32)>,
    hearing: Option<Hearing>,
}

struct Hearing {
    decoder: Decoder,
    pcm: Box<[f32; MAX_PACKET_SAMPLES]>,
    tones: Vec<Tone>,
}

struct Tone {
    pitch_hz: u32,
    /// The amplitude in each block since the first slot, in parts of what is sent.
    blocks: Vec<f32>,
}

impl MixListener {
    /// Counts only.
    pub(crate) fn deaf() -> Self {
        Self {
            frames: 0,
            skipped_slots: 0,
            breaks: 0,
            last: None,
            hearing: None,
        }
    }

    /// Decodes, and listens for these pitches, multiples of 200 Hz.
    pub(crate) fn hearing(decoder: Decoder, pitches_hz: &[u32]) -> Self {
        let tones = pitches_hz.iter().map(|&pitch_hz| Tone {
            pitch_hz,
            blocks: Vec::new(),
        });
        let hearing = Hearing {
            decoder,
            pcm: Box::new([0.0; MAX_PACKET_SAMPLES]),
            tones: tones.collect(),
        };
        Self {
            hearing: Some(hearing),
            ..Self::deaf()
        }
    }

    /// How loud a pitch was in each 5 ms between two instants: 1.0 is as loud as it was sent.
    /// Empty when that pitch was not listened for.
    pub fn levels(&self, pitch_hz: u32, from: Duration, to: Duration) -> &[f32] {
        let mut tones = self.hearing.iter().flat_map(|hearing| &hearing.tones);
        let Some(tone) = tones.find(|tone| tone.pitch_hz == pitch_hz) else {
            return &[];
        };
        let block = |at: Duration| {
            let since_first_slot = (at + CODEC_DELAY).saturating_sub(SLOT);
            (since_first_slot.as_micros() / BLOCK_TIME.as_micros()) as usize
        };
        tone.blocks
            .get(block(from)..block(to).min(tone.blocks.len()))
            .unwrap_or(&[])
    }

    /// For how much of the time between two instants a pitch was there at half its level.
    pub fn heard(&self, pitch_hz: u32, from: Duration, to: Duration) -> Duration {
        let blocks = self
            .levels(pitch_hz, from, to)
            .iter()
            .filter(|level| **level > 0.5)
            .count();
        BLOCK_TIME * blocks as u32
    }

    /// How long after `from` a pitch is first there at half its level.
    pub fn onset(&self, pitch_hz: u32, from: Duration) -> Option<Duration> {
        let levels = self.levels(pitch_hz, from, Duration::MAX / 2);
        levels
            .iter()
            .position(|level| *level > 0.5)
            .map(|block| BLOCK_TIME * block as u32)
    }

    pub(crate) fn take(&mut self, frame: &[u8]) {
        self.frames += 1;
        let Ok(packet) = Packet::parse(frame) else {
            self.breaks += 1;
            return;
        };
        let now = (packet.sequence_number, packet.timestamp);
        let mut skipped = 0;
        if let Some((sequence_number, timestamp)) = self.last.replace(now) {
            self.breaks += u64::from(now.0 != sequence_number.wrapping_add(1));
            skipped = now.1.wrapping_sub(timestamp) / SLOT_SAMPLES as u32 - 1;
        }
        self.skipped_slots += u64::from(skipped);
        if let Some(hearing) = &mut self.hearing {
            hearing.skip(skipped as usize);
            hearing.hear(packet.payload);
        }
    }
}

impl Hearing {
    fn skip(&mut self, slots: usize) {
        for tone in &mut self.tones {
            let blocks = tone.blocks.len() + slots * SLOT_SAMPLES / BLOCK;
            tone.blocks.resize(blocks, 0.0);
        }
    }

    fn hear(&mut self, payload: &[u8]) {
        if self.decoder.decode(payload, &mut self.pcm) != Ok(SLOT_SAMPLES) {
            return self.skip(1);
        }
        for tone in &mut self.tones {
            let blocks = self.pcm[..SLOT_SAMPLES].chunks_exact(BLOCK);
            tone.blocks
                .extend(blocks.map(|block| amplitude(block, tone.pitch_hz) / AMPLITUDE));
        }
    }
}

/// One bin of a Fourier transform (Goertzel's algorithm).
fn amplitude(block: &[f32], pitch_hz: u32) -> f32 {
    let turn = std::f32::consts::TAU * pitch_hz as f32 / SAMPLE_RATE as f32;
    let (mut s1, mut s2) = (0.0f32, 0.0f32);
    for x in block {
        (s1, s2) = (x + 2.0 * turn.cos() * s1 - s2, s1);
    }
    let power = s1 * s1 + s2 * s2 - 2.0 * turn.cos() * s1 * s2;
    2.0 * power.max(0.0).sqrt() / block.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_measured_and_its_neighbours_are_not() {
        let block: Vec<f32> = (0..BLOCK)
            .map(|i| 0.3 * (i as f32 / 48.0 * std::f32::consts::TAU + 1.0).sin())
            .collect();
        assert!((amplitude(&block, 1000) - 0.3).abs() < 0.001);
        assert!(amplitude(&block, 800) < 0.001 && amplitude(&block, 1200) < 0.001);
    }
}
