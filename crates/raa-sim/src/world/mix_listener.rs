//! The listener of a mix: counts its frames, and measures which tones are in it and when.
//!
//! Always: times are the world's and follow the RTP timestamps, so a skipped slot leaves a hole
//! and does not shift what comes after it.

use std::time::Duration;

use raa_core::codec::{Decoder, MAX_PACKET_SAMPLES};
use raa_core::rtp::Packet;
use raa_core::{SAMPLE_RATE, SLOT, SLOT_SAMPLES};

use super::clip::AMPLITUDE;
use super::continuity::Continuity;

/// Length of the blocks in which tones are measured, in samples: 5 ms is just enough to separate
/// multiples of 200 Hz.
const BLOCK: usize = 240;
/// Duration of a block.
const BLOCK_TIME: Duration = Duration::from_millis(5);
/// The delay of the mix's encoder and decoder together: 6.5 ms.
const CODEC_DELAY: Duration = Duration::from_micros(6500);

/// Receives every frame of one mix.
pub struct MixListener {
    /// Frames received.
    pub frames: u64,
    /// Slots that the hub skipped between frames.
    pub skipped_slots: u64,
    /// Frames that are no RTP packet or do not continue the stream of the previous one.
    pub breaks: u64,
    continuity: Continuity,
    /// `None` if frames are only counted.
    meter: Option<ToneMeter>,
}

struct ToneMeter {
    decoder: Decoder,
    pcm: Box<[f32; MAX_PACKET_SAMPLES]>,
    tones: Vec<Tone>,
}

struct Tone {
    pitch_hz: u32,
    /// The amplitude in each block since the first slot; 1.0 is the amplitude that was sent.
    blocks: Vec<f32>,
}

impl MixListener {
    /// Creates a listener that counts frames without decoding them.
    pub(crate) fn counting() -> Self {
        Self {
            frames: 0,
            skipped_slots: 0,
            breaks: 0,
            continuity: Continuity::default(),
            meter: None,
        }
    }

    /// Creates a listener that decodes the mix and measures these pitches, which must be multiples
    /// of 200 Hz.
    pub(crate) fn decoding(decoder: Decoder, pitches_hz: &[u32]) -> Self {
        let tones = pitches_hz.iter().map(|&pitch_hz| Tone {
            pitch_hz,
            blocks: Vec::new(),
        });
        let meter = ToneMeter {
            decoder,
            pcm: Box::new([0.0; MAX_PACKET_SAMPLES]),
            tones: tones.collect(),
        };
        Self {
            meter: Some(meter),
            ..Self::counting()
        }
    }

    /// Returns the level of a pitch in each block of 5 ms between two times; 1.0 is the level at
    /// which it was sent. Empty if that pitch is not measured.
    pub fn levels(&self, pitch_hz: u32, from: Duration, to: Duration) -> &[f32] {
        let mut tones = self.meter.iter().flat_map(|meter| &meter.tones);
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

    /// Returns for how long, between two times, a pitch had more than half its level.
    pub fn audible(&self, pitch_hz: u32, from: Duration, to: Duration) -> Duration {
        let blocks = self
            .levels(pitch_hz, from, to)
            .iter()
            .filter(|level| **level > 0.5)
            .count();
        BLOCK_TIME * blocks as u32
    }

    /// Returns how long after `from` a pitch first has more than half its level; `None` if it
    /// never does.
    pub fn onset(&self, pitch_hz: u32, from: Duration) -> Option<Duration> {
        let levels = self.levels(pitch_hz, from, Duration::MAX / 2);
        levels
            .iter()
            .position(|level| *level > 0.5)
            .map(|block| BLOCK_TIME * block as u32)
    }

    /// Takes the next frame of the mix.
    pub(crate) fn receive(&mut self, frame: &[u8]) {
        self.frames += 1;
        let Ok(packet) = Packet::parse(frame) else {
            self.breaks += 1;
            return;
        };
        let mut skipped = 0;
        if let Some(step) = self.continuity.advance(&packet) {
            self.breaks += u64::from(!step.is_regular());
            skipped = step.skipped_slots();
        }
        self.skipped_slots += u64::from(skipped);
        if let Some(meter) = &mut self.meter {
            meter.skip(skipped as usize);
            meter.measure(packet.payload);
        }
    }
}

impl ToneMeter {
    /// Adds silence for skipped slots.
    fn skip(&mut self, slots: usize) {
        for tone in &mut self.tones {
            let blocks = tone.blocks.len() + slots * SLOT_SAMPLES / BLOCK;
            tone.blocks.resize(blocks, 0.0);
        }
    }

    fn measure(&mut self, payload: &[u8]) {
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

/// Computes one bin of a Fourier transform (Goertzel's algorithm).
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
    fn a_tone_does_not_leak_into_its_neighbours() {
        let block: Vec<f32> = (0..BLOCK)
            .map(|i| 0.3 * (i as f32 / 48.0 * std::f32::consts::TAU + 1.0).sin())
            .collect();
        assert!((amplitude(&block, 1000) - 0.3).abs() < 0.001);
        assert!(amplitude(&block, 800) < 0.001 && amplitude(&block, 1200) < 0.001);
    }
}
