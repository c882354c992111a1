//! Opus (RFC 6716): the only module that knows libopus.
//!
//! Always: PCM is 48 kHz mono `f32`; decoded samples are clamped before anything else sees them,
//! because hostile packets make libopus exceed full scale several times over.

use opusic_c::{Application, Bitrate, Channels, ErrorCode, SampleRate};

use crate::SLOT_SAMPLES;

/// Samples of the longest packet Opus allows, 120 ms.
pub const MAX_PACKET_SAMPLES: usize = 5760;
/// The longest packet our encoder makes, in bytes (RFC 6716 section 3.2.1: 1275 per frame).
pub const MAX_ENCODED_LEN: usize = 1276;
/// The largest magnitude of a decoded sample, where 1.0 is full scale; real overshoots fit.
pub(crate) const CLAMP: f32 = 2.0;

/// An error of libopus, with its own text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Opus: {0}")]
pub struct CodecError(&'static str);

impl From<ErrorCode> for CodecError {
    fn from(code: ErrorCode) -> Self {
        Self(code.message())
    }
}

/// Settings of a sender's or a mix's encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderSettings {
    /// Bit rate, 6,000 to 510,000 bit/s.
    pub bitrate: u32,
    /// Complexity, 0 to 10; more sounds better and costs more CPU.
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

/// Encodes slots of 20 ms; silence becomes DTX packets of one or two bytes.
pub struct Encoder {
    inner: opusic_c::Encoder,
    /// The next frame is the first one after a reset.
    is_fresh: bool,
}

impl Encoder {
    /// Creates an encoder.
    ///
    /// # Errors
    /// When a setting is out of range.
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
    /// An error of libopus; there is none for finite samples.
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

    /// Resets the state, so that any decoder decodes the next packet well, whatever it decoded
    /// before.
    pub fn reset(&mut self) {
        // Both calls always succeed.
        let _ = self.inner.reset();
        // After a mere reset libopus predicts the next frame from silence. The receiver's decoder
        // has another past, and the frame would come out up to 10 dB too loud.
        let _ = self.inner.set_prediction_disabled(true);
        self.is_fresh = true;
    }
}

/// Decodes one stream and keeps the state from which concealment continues.
pub struct Decoder {
    inner: opusic_c::Decoder,
}

impl Decoder {
    /// Creates a decoder.
    ///
    /// # Errors
    /// When memory is exhausted.
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

    /// Fills a gap of `out.len()` samples, a multiple of 2.5 ms, from the in-band FEC of the packet
    /// after it, and conceals the part for which that packet carries none.
    ///
    /// # Errors
    /// When the packet is malformed or the length is not such a multiple.
    pub fn repair(&mut self, next: &[u8], out: &mut [f32]) -> Result<(), CodecError> {
        self.inner.decode_float_to_slice(next, out, true)?;
        clamp(out);
        Ok(())
    }

    /// Conceals a gap of `out.len()` samples, a multiple of 2.5 ms up to 120 ms.
    ///
    /// # Errors
    /// When the length is not such a multiple.
    pub fn conceal(&mut self, out: &mut [f32]) -> Result<(), CodecError> {
        self.inner.decode_float_to_slice(&[], out, false)?;
        clamp(out);
        Ok(())
    }
}

/// Returns whether a packet carries a coarse copy of its predecessor: in-band FEC (RFC 6716 section
/// 4.2.5). Recognises packets of one frame only; senders use FEC in no others.
pub fn has_fec(packet: &[u8]) -> bool {
    let &[toc, first, ..] = packet else {
        return false;
    };
    // CELT-only packets have no FEC; frame count code 0 means one frame (RFC 6716 section 3.1).
    if toc & 0x80 != 0 || toc & 0x03 != 0 {
        return false;
    }
    // The frame begins with a voice activity flag per 20 ms and the FEC flag, for each channel
    // (section 4.2.3). Configurations 0 to 11 are SILK of 10, 20, 40 and 60 ms, 12 to 15 hybrid.
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

/// Returns the number of samples in a packet, from its TOC and frame count alone; `None` if the
/// packet is malformed.
pub fn packet_samples(packet: &[u8]) -> Option<usize> {
    let samples = match packet {
        [] => return None,
        _ => opusic_c::utils::get_nb_samples(packet, SampleRate::Hz48000).ok()?,
    };
    (1..=MAX_PACKET_SAMPLES)
        .contains(&samples)
        .then_some(samples)
}

/// Returns whether a packet is DTX and announces silence: it has at most two bytes (RFC 6716
/// section 2.1.9).
pub fn is_dtx(packet: &[u8]) -> bool {
    packet.len() <= 2
}

fn clamp(pcm: &mut [f32]) {
    for sample in pcm {
        // `clamp` passes NaN on, and one NaN would silence the whole mix.
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
    fn tone_keeps_its_level_and_is_concealed() {
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
            "the first lost slot is silent"
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
    fn decoder_survives_malformed_packets() {
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
