//! A source's decoder, with concealment where a packet is missing.
//!
//! Always: a gap is bridged by libopus' concealment, which fades out within 100 ms, and then by
//! silence; sound returns from silence without a click.

use std::ops::Range;

use super::pcm::Fresh;
use super::timescale::fade;
use super::{CLICK_FREE, Scratch};
use crate::SLOT_SAMPLES;
use crate::codec::{self, CodecError, Decoder};
use crate::jitter::CONCEAL_STEP;

/// Concealed samples at full level: 60 ms.
const FADE_FROM: usize = 2880;
/// Concealed samples after which the fade has reached silence: 100 ms.
const FADE_TO: usize = 4800;

/// The part of the scratch buffer that was decoded last.
pub(super) struct Decoded {
    range: Range<usize>,
    is_sound: bool,
}

impl Decoded {
    /// Position in the scratch buffer, in samples.
    pub(super) fn len(&self) -> usize {
        self.range.len()
    }

    pub(super) fn of(self, scratch: &Scratch) -> Fresh<'_> {
        Fresh {
            pcm: &scratch[self.range],
            is_sound: self.is_sound,
        }
    }
}

/// See the module's text.
pub(super) struct Voice {
    /// `None` while the sender is gone.
    decoder: Option<Decoder>,
    /// Samples bridged since the last packet.
    bridged: usize,
}

impl Voice {
    /// A silent one.
    pub(super) fn new() -> Result<Self, CodecError> {
        Ok(Self {
            decoder: Some(Decoder::new()?),
            bridged: FADE_TO,
        })
    }

    #[cfg(test)]
    pub(super) fn has_decoder(&self) -> bool {
        self.decoder.is_some()
    }

    /// Whether concealment has faded out.
    pub(super) fn is_silent(&self) -> bool {
        self.bridged >= FADE_TO
    }

    /// Whether the last sound came from a packet and not from concealment.
    pub(super) fn is_live(&self) -> bool {
        self.bridged == 0
    }

    /// Forgets the past and gives its memory back, until [`Voice::prepare`].
    pub(super) fn release(&mut self) {
        (self.decoder, self.bridged) = (None, FADE_TO);
    }

    /// Makes sure that there is a decoder.
    pub(super) fn prepare(&mut self) -> Result<(), CodecError> {
        if self.decoder.is_none() {
            self.decoder = Some(Decoder::new()?);
        }
        Ok(())
    }

    /// Forgets the past: the next packet does not continue it.
    pub(super) fn fall_silent(&mut self) {
        self.bridged = FADE_TO;
    }

    /// Decodes a packet, of which the first `skip` samples are late. Returns also how many samples
    /// libopus had to make.
    pub(super) fn play(
        &mut self,
        payload: &[u8],
        skip: usize,
        scratch: &mut Scratch,
    ) -> (Decoded, usize) {
        // A partly late packet begins within the concealed part.
        let end = (skip > 0).then(|| self.old_end(scratch)).flatten();
        let (samples, is_sound) = self.decode(payload, scratch);
        let range = skip.min(samples)..samples;
        if let Some(end) = end {
            fade(&end, &mut scratch[range.clone()]);
        }
        let cost = if is_sound { samples } else { 0 };
        (Decoded { range, is_sound }, cost)
    }

    /// Plays silence in place of a packet.
    pub(super) fn leave_out(
        &mut self,
        payload: &[u8],
        skip: usize,
        scratch: &mut Scratch,
    ) -> Decoded {
        let samples = codec::packet_samples(payload).unwrap_or(SLOT_SAMPLES);
        let range = skip.min(samples)..samples;
        scratch[range.clone()].fill(0.0);
        Decoded {
            range,
            is_sound: false,
        }
    }

    /// Fills a gap from the next packet's in-band FEC, or by continuing the past with a fade, and
    /// then with silence. Returns also how many samples libopus had to make.
    pub(super) fn fill(
        &mut self,
        samples: usize,
        fec: Option<&[u8]>,
        scratch: &mut Scratch,
    ) -> (Decoded, usize) {
        let whole = samples.next_multiple_of(CONCEAL_STEP);
        let mut repair = |next: &[u8]| {
            let decoder = self.decoder.as_mut();
            decoder.is_some_and(|decoder| decoder.repair(next, &mut scratch[..whole]).is_ok())
        };
        if fec.is_some_and(&mut repair) {
            self.bridged = 0;
            let decoded = Decoded {
                range: whole - samples..whole,
                is_sound: true,
            };
            return (decoded, whole);
        }
        let is_sound = !self.is_silent();
        if is_sound {
            self.conceal(&mut scratch[..whole]);
            self.bridged += samples;
        } else {
            scratch[..samples].fill(0.0);
        }
        let decoded = Decoded {
            range: 0..samples,
            is_sound,
        };
        (decoded, if is_sound { whole } else { 0 })
    }

    /// Conceals further samples.
    fn conceal(&mut self, out: &mut [f32]) {
        conceal(self.decoder.as_mut(), out);
        for (i, x) in out.iter_mut().enumerate() {
            *x *= fade_at(self.bridged + i);
        }
    }

    /// Returns a short continuation of the concealment, or `None` if it is silent or absent.
    fn old_end(&mut self, scratch: &mut Scratch) -> Option<[f32; CLICK_FREE]> {
        if self.is_live() || self.is_silent() {
            return None;
        }
        let end = scratch.first_chunk_mut()?;
        self.conceal(end);
        Some(*end)
    }

    /// Decodes a packet into `scratch` and returns the number of samples and whether they are sound.
    fn decode(&mut self, payload: &[u8], scratch: &mut Scratch) -> (usize, bool) {
        let was_silent = self.is_silent();
        if was_silent && codec::is_dtx(payload) {
            // The silence continues.
            let samples = codec::packet_samples(payload).unwrap_or(SLOT_SAMPLES);
            scratch[..samples].fill(0.0);
            return (samples, false);
        }
        let samples = decode(self.decoder.as_mut(), payload, scratch);
        if was_silent {
            fade_in(&mut scratch[..samples]);
        }
        self.bridged = 0;
        (samples, true)
    }
}

/// Decodes a packet; one that libopus refuses is concealed for its stated duration.
fn decode(decoder: Option<&mut Decoder>, payload: &[u8], scratch: &mut Scratch) -> usize {
    let Some(decoder) = decoder else {
        return conceal_packet(None, payload, scratch);
    };
    match decoder.decode(payload, scratch) {
        Ok(samples) => samples,
        Err(_refused) => conceal_packet(Some(decoder), payload, scratch),
    }
}

fn conceal_packet(decoder: Option<&mut Decoder>, payload: &[u8], scratch: &mut Scratch) -> usize {
    let samples = codec::packet_samples(payload).unwrap_or(SLOT_SAMPLES);
    conceal(decoder, &mut scratch[..samples]);
    samples
}

fn conceal(decoder: Option<&mut Decoder>, out: &mut [f32]) {
    if decoder.is_none_or(|decoder| decoder.conceal(out).is_err()) {
        out.fill(0.0);
    }
}

fn fade_at(bridged: usize) -> f32 {
    let faded = bridged.saturating_sub(FADE_FROM) as f32 / (FADE_TO - FADE_FROM) as f32;
    (1.0 - faded).max(0.0)
}

fn fade_in(pcm: &mut [f32]) {
    for (i, x) in pcm.iter_mut().take(CLICK_FREE).enumerate() {
        *x *= i as f32 / CLICK_FREE as f32;
    }
}
