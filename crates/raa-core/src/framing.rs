//! The framing of Opus packets (RFC 6716 section 3, and appendix B for self-delimited ones).
//!
//! libopus parses only packets that nothing follows; a packet of several streams (RFC 7845 section
//! 5.1.1) is a chain of self-delimited ones, which only this module can read.
//! Always: no input panics; exactly the packets that libopus accepts are accepted.

use crate::codec::MAX_PACKET_SAMPLES;

/// The longest frame, in bytes (RFC 6716 section 3.4, R2).
const MAX_FRAME_LEN: usize = 1275;
/// Samples of a frame of SILK, by the lower two bits of the configuration.
const SILK_SAMPLES: [u16; 4] = [480, 960, 1920, 2880];
/// Samples of a frame of CELT, by the lower two bits of the configuration.
const CELT_SAMPLES: [u16; 4] = [120, 240, 480, 960];

/// A packet whose lengths are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Framing {
    /// Samples at 48 kHz of one frame.
    pub frame_samples: usize,
    /// Samples at 48 kHz of all frames.
    pub samples: usize,
    /// Bytes of all frames, without the packet's headers and padding.
    pub frame_bytes: usize,
    /// Bytes of the packet. Of a packet that is not self-delimited, all bytes.
    pub len: usize,
}

/// The way in which a packet ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// With the last byte.
    Plain,
    /// Where its own lengths say.
    SelfDelimited,
}

/// Returns the samples of a frame and the number of frames if it is fixed.
fn table_of_contents(toc: u8) -> (usize, Option<usize>) {
    let size = usize::from(toc >> 3 & 0b11);
    let samples = match toc >> 3 {
        0..=11 => SILK_SAMPLES[size],
        12..=15 => SILK_SAMPLES[size & 1],
        _ => CELT_SAMPLES[size],
    };
    let frames = match toc & 0b11 {
        0 => Some(1),
        1 | 2 => Some(2),
        _ => None,
    };
    (samples.into(), frames)
}

/// Reads a packet to which all bytes belong; `None` if it is malformed.
pub(crate) fn parse(packet: &[u8]) -> Option<Framing> {
    parse_until(packet, End::Plain)
}

/// Reads the self-delimited packet at the front of `bytes`; `None` if it is malformed.
pub(crate) fn parse_self_delimited(bytes: &[u8]) -> Option<Framing> {
    parse_until(bytes, End::SelfDelimited)
}

fn parse_until(bytes: &[u8], end: End) -> Option<Framing> {
    let (&toc, rest) = bytes.split_first()?;
    let (frame_samples, fixed_frames) = table_of_contents(toc);
    if fixed_frames == Some(1) && end == End::Plain {
        // Nearly every packet is one frame and nothing else.
        return (rest.len() <= MAX_FRAME_LEN).then_some(Framing {
            frame_samples,
            samples: frame_samples,
            frame_bytes: rest.len(),
            len: bytes.len(),
        });
    }
    let mut reader = Reader { rest, padding: 0 };
    let (frames, is_cbr) = match fixed_frames {
        Some(frames) => (frames, toc & 0b11 == 1),
        None => reader.frame_count()?,
    };
    let samples = frames * frame_samples;
    if frames == 0 || samples > MAX_PACKET_SAMPLES {
        return None;
    }
    let frame_bytes = match (is_cbr, end) {
        (true, End::Plain) => reader.equal_frames(frames)?,
        (true, End::SelfDelimited) => reader.frame_len()? * frames,
        (false, _) => reader.frames(frames, end)?,
    };
    let len = bytes.len() - reader.rest.len() + frame_bytes + reader.padding;
    let is_whole = match end {
        End::Plain => len == bytes.len(),
        End::SelfDelimited => len <= bytes.len(),
    };
    is_whole.then_some(Framing {
        frame_samples,
        samples,
        frame_bytes,
        len,
    })
}

/// The bytes after those that have been read.
struct Reader<'a> {
    rest: &'a [u8],
    /// Bytes of padding at the packet's end.
    padding: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    /// Reads the frame count byte and the length of the padding (RFC 6716 section 3.2.5). Returns
    /// the number of frames and whether all have one length.
    fn frame_count(&mut self) -> Option<(usize, bool)> {
        let count = self.byte()?;
        let mut more = count & 0x40 != 0;
        while more {
            let byte = self.byte()?;
            more = byte == 255;
            self.padding += if more { 254 } else { usize::from(byte) };
        }
        Some((usize::from(count & 0x3f), count & 0x80 == 0))
    }

    /// Reads the length of a frame (RFC 6716 section 3.2.1).
    fn frame_len(&mut self) -> Option<usize> {
        let first = usize::from(self.byte()?);
        let len = match first {
            0..=251 => first,
            _ => first + 4 * usize::from(self.byte()?),
        };
        (len <= MAX_FRAME_LEN).then_some(len)
    }

    /// Returns the bytes of the frames if they fill the packet in equal parts.
    fn equal_frames(&self, frames: usize) -> Option<usize> {
        let bytes = self.rest.len().checked_sub(self.padding)?;
        (bytes % frames == 0 && bytes / frames <= MAX_FRAME_LEN).then_some(bytes)
    }

    /// Reads the lengths of frames and returns their sum; the last one has a length of its own only
    /// if the packet is self-delimited.
    fn frames(&mut self, frames: usize, end: End) -> Option<usize> {
        let mut bytes = 0;
        for _ in 1..frames {
            bytes += self.frame_len()?;
        }
        let last = match end {
            End::SelfDelimited => self.frame_len()?,
            End::Plain => self
                .rest
                .len()
                .checked_sub(self.padding)?
                .checked_sub(bytes)?,
        };
        (last <= MAX_FRAME_LEN).then_some(bytes + last)
    }
}

#[cfg(test)]
mod tests {
    use opusic_c::SampleRate;

    use super::*;

    /// Deterministic bytes that look random.
    fn bytes(seed: u64, len: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    /// Whether libopus decodes the packet's lengths; the content may still be an error.
    fn libopus_accepts(packet: &[u8]) -> bool {
        let mut decoder =
            opusic_c::Decoder::new(opusic_c::Channels::Mono, SampleRate::Hz48000).unwrap();
        let mut pcm = [0.0; MAX_PACKET_SAMPLES];
        decoder.decode_float_to_slice(packet, &mut pcm, false)
            != Err(opusic_c::ErrorCode::InvalidPacket)
    }

    #[test]
    fn libopus_accepts_the_same_packets() {
        let mut accepted = 0;
        for seed in 0..6000 {
            let mut packet = bytes(seed, 1 + (seed as usize * 7) % 300);
            if seed % 3 == 0 {
                // Few frames, so that the lengths decide.
                packet[0] |= 3;
                if let Some(count) = packet.get_mut(1) {
                    *count &= 0xc3;
                }
            }
            let framing = parse(&packet);
            assert_eq!(framing.is_some(), libopus_accepts(&packet), "{packet:02x?}");
            if let Some(framing) = framing {
                accepted += 1;
                let samples = opusic_c::utils::get_nb_samples(&packet, SampleRate::Hz48000);
                assert_eq!(Ok(framing.samples), samples, "{packet:02x?}");
                assert_eq!(framing.len, packet.len());
            }
        }
        assert!((1500..5000).contains(&accepted), "{accepted}");
    }

    #[test]
    fn self_delimited_packets_end_where_their_lengths_say() {
        let check = |packet: &[u8], expected: Option<(usize, usize)>| {
            for rest in [&[][..], &[0xf8, 1, 2]] {
                let bytes = [packet, rest].concat();
                let framing = parse_self_delimited(&bytes);
                let read = framing.map(|framing| (framing.samples, framing.len));
                assert_eq!(read, expected, "{bytes:02x?}");
            }
        };
        // One frame; two equal ones; two of their own lengths.
        check(&[0xf8, 2, 9, 9], Some((960, 4)));
        check(&[0xf9, 1, 9, 9], Some((1920, 4)));
        check(&[0xfa, 1, 2, 9, 9, 9], Some((1920, 6)));
        // Three equal frames with two bytes of padding; two of their own lengths.
        check(&[0xfb, 0x43, 2, 1, 9, 9, 9, 0, 0], Some((2880, 9)));
        check(&[0xfb, 0x82, 1, 2, 9, 9, 9], Some((1920, 7)));
        // No frame, and more than 120 ms.
        check(&[0xfb, 0], None);
        check(&[0xfb, 7, 1], None);
        assert_eq!(parse_self_delimited(&[0xf8, 3, 9, 9]), None);
    }
}
