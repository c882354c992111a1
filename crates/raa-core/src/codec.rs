//! Opus (RFC 6716). Nothing else in RAA knows libopus.
//!
//! Always: 48 kHz mono `f32` PCM; what a hostile packet makes libopus emit is clamped before
//! anybody sees it, because it goes beyond full scale several times over.

use opusic_c::{Application, Bitrate, Channels, ErrorCode, SampleRate};

use crate::SLOT_SAMPLES;

/// Samples of the longest packet Opus allows, 120 ms.
pub const MAX_PACKET_SAMPLES: usize = 5760;
/// The longest packet our encoder makes, in bytes (RFC 6716 section 3.2.1: 1275 per frame).
pub const MAX_ENCODED_LEN: usize = 1276;
/// How loud a decoded sample can be, in full scales: loud enough for real overshoots.
pub(crate) const CLAMP: f32 = 2.0;

/// libopus refused; the text is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Opus: {0}")]
pub struct CodecError(&'static str);

impl From<ErrorCode> for CodecError {
    fn from(code: ErrorCode) -> Self {
        Self(code.message())
    }
}

/// What a sender's or the mix's encoder is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderSettings {
    /// 6,000 to 510,000 bit/s.
    pub bitrate: u32,
    /// 0 to 10: more sounds better and costs more CPU.
    pub complexity: u8,
}

impl Default for EncoderSettings {
    fn default() -> Self {
        Self {
            bitrate: 64_000,
            complexity: 9,
        }
    }
}

/// Encodes slots of 20 ms. In silence it makes DTX packets of one or two bytes.
pub struct Encoder {
    inner: opusic_c::Encoder,
    /// The next frame is the first one after a reset.
    is_fresh: bool,
}

impl Encoder {
    /// # Errors
    /// When a setting is out of its range.
    pub fn new(settings: EncoderSettings) -> Result<Self, CodecError> {
        let mut inner =
            opusic_c::Encoder::new(Channels::Mono, SampleRate::Hz48000, Application::Audio)?;
        inner.set_bitrate(Bitrate::Value(settings.bitrate))?;
        inner.set_complexity(settings.complexity)?;
        inner.set_dtx(true)?;
        Ok(Self {
            inner,
            is_fresh: false,
        })
    }

    /// Writes one packet into `out` and returns its length.
    ///
    /// # Errors
    /// None with a slot of finite samples; libopus' word otherwise.
    pub fn encode(
        &mut self,
        pcm: &[f32; SLOT_SAMPLES],
        out: &mut [u8; MAX_ENCODED_LEN],
    ) -> Result<usize, CodecError> {
        let len = self.inner.encode_float_to_slice(pcm, out)?;
        if std::mem::take(&mut self.is_fresh) {
            self.inner.set_prediction_disabled(false)?;
        }
        Ok(len)
    }

    /// Forgets the past: the next packet decodes well by whatever decoder, whatever that one has
    /// heard before.
    pub fn reset(&mut self) {
        // Both are defined to always succeed.
        let _ = self.inner.reset();
        // A reset alone would make libopus predict the next frame from a silence that the
        // receiver's decoder does not have, up to 10 dB too loud.
        let _ = self.inner.set_prediction_disabled(true);
        self.is_fresh = true;
    }
}

/// Decodes one stream; remembers its past, which concealment continues.
pub struct Decoder {
    inner: opusic_c::Decoder,
}

impl Decoder {
    /// # Errors
    /// When there is no memory for it.
    pub fn new() -> Result<Self, CodecError> {
        Ok(Self {
            inner: opusic_c::Decoder::new(Channels::Mono, SampleRate::Hz48000)?,
        })
    }

    /// Decodes a packet into the front of `out` and returns the number of samples.
    ///
    /// # Errors
    /// When the packet is malformed; the decoder stays usable.
    pub fn decode(
        &mut self,
        packet: &[u8],
        out: &mut [f32; MAX_PACKET_SAMPLES],
    ) -> Result<usize, CodecError> {
        // An empty input would ask libopus to conceal as much as `out` holds.
        if packet.is_empty() {
            return Err(CodecError("empty packet"));
        }
        let samples = self.inner.decode_float_to_slice(packet, out, false)?;
        clamp(&mut out[..samples]);
        Ok(samples)
    }

    /// Fills a gap of `out.len()` samples, a multiple of 2.5 ms, from what the packet behind it
    /// carries of it (in-band FEC); continues the past where it carries less.
    ///
    /// # Errors
    /// When the packet is malformed or the length is not such a multiple.
    pub fn repair(&mut self, next: &[u8], out: &mut [f32]) -> Result<(), CodecError> {
        self.inner.decode_float_to_slice(next, out, true)?;
        clamp(out);
        Ok(())
    }

    /// Continues the past over a gap of `out.len()` samples, a multiple of 2.5 ms up to 120 ms.
    ///
    /// # Errors
    /// When the length is not such a multiple.
    pub fn conceal(&mut self, out: &mut [f32]) -> Result<(), CodecError> {
        self.inner.decode_float_to_slice(&[], out, false)?;
        clamp(out);
        Ok(())
    }
}

/// Whether a packet carries its predecessor again, coarsely: in-band FEC (RFC 6716 section 4.2.5).
/// Told from packets of one frame, which is all that anybody sends FEC in.
pub fn has_fec(packet: &[u8]) -> bool {
    let &[toc, first, ..] = packet else {
        return false;
    };
    // CELT alone has no FEC; the code of one frame is 0 (RFC 6716 section 3.1).
    if toc & 0x80 != 0 || toc & 0x03 != 0 {
        return false;
    }
    // In front of the frame stand, for each channel, a voice flag per 20 ms and the FEC flag
    // (section 4.2.3). Configurations 0 to 11 are SILK's of 10, 20, 40 and 60 ms, 12 to 15 hybrid.
    let config = toc >> 3;
    let voice_flags = match config % 4 {
        2 if config < 12 => 2,
        3 if config < 12 => 3,
        _ => 1,
    };
    let is_stereo = toc & 0x04 != 0;
    let flag = |at: u32| first << at & 0x80 != 0;
    flag(voice_flags) || is_stereo && flag(2 * voice_flags + 1)
}

/// Samples that a packet decodes to, from its TOC and frame count alone; `None` if malformed.
pub fn packet_samples(packet: &[u8]) -> Option<usize> {
    let samples = match packet {
        [] => return None,
        _ => opusic_c::utils::get_nb_samples(packet, SampleRate::Hz48000).ok()?,
    };
    (1..=MAX_PACKET_SAMPLES)
        .contains(&samples)
        .then_some(samples)
}

/// Whether a packet says "silence from here on" (RFC 6716 section 2.1.9: DTX packets have at
/// most two bytes).
pub fn is_dtx(packet: &[u8]) -> bool {
    packet.len() <= 2
}

fn clamp(pcm: &mut [f32]) {
    for sample in pcm {
        // A NaN passes through `clamp`, and one NaN would silence the whole mix.
        *sample = if sample.is_nan() {
            0.0
        } else {
            sample.clamp(-CLAMP, CLAMP)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(slot: usize) -> [f32; SLOT_SAMPLES] {
        std::array::from_fn(|i| {
            let t = (slot * SLOT_SAMPLES + i) as f32 / 48_000.0;
            0.25 * (t * 1000.0 * std::f32::consts::TAU).sin()
        })
    }

    fn rms(pcm: &[f32]) -> f32 {
        (pcm.iter().map(|x| x * x).sum::<f32>() / pcm.len() as f32).sqrt()
    }

    #[test]
    fn a_tone_comes_back_at_its_level_and_concealment_continues_it() {
        let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
        let mut decoder = Decoder::new().unwrap();
        let mut packet = [0; MAX_ENCODED_LEN];
        let mut pcm = [0.0; MAX_PACKET_SAMPLES];
        for slot in 0..50 {
            let len = encoder.encode(&sine(slot), &mut packet).unwrap();
            assert_eq!(packet_samples(&packet[..len]), Some(SLOT_SAMPLES));
            assert_eq!(decoder.decode(&packet[..len], &mut pcm), Ok(SLOT_SAMPLES));
        }
        assert!((0.16..0.19).contains(&rms(&pcm[..SLOT_SAMPLES])));
        decoder.conceal(&mut pcm[..SLOT_SAMPLES]).unwrap();
        assert!(
            rms(&pcm[..SLOT_SAMPLES]) > 0.08,
            "the first lost slot is not a hole"
        );
    }

    #[test]
    fn digital_silence_becomes_dtx() {
        let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
        let mut packet = [0; MAX_ENCODED_LEN];
        let dtx = (0..100)
            .filter(|_| {
                let len = encoder.encode(&[0.0; SLOT_SAMPLES], &mut packet).unwrap();
                is_dtx(&packet[..len])
            })
            .count();
        assert!(dtx > 70, "{dtx} of 100");
    }

    #[test]
    fn malformed_packets_are_refused_and_the_decoder_lives_on() {
        let mut decoder = Decoder::new().unwrap();
        let mut pcm = [0.0; MAX_PACKET_SAMPLES];
        assert!(decoder.decode(&[], &mut pcm).is_err());
        assert!(decoder.decode(&[0xff, 0xff, 1], &mut pcm).is_err());
        assert_eq!(packet_samples(&[]), None);
        // Code 3 with 63 frames of 20 ms would be longer than 120 ms.
        assert_eq!(packet_samples(&[0xfb, 63]), None);
        decoder.conceal(&mut pcm[..SLOT_SAMPLES]).unwrap();
    }
}
