//! Reads the header of a WAV file: RIFF, and RF64 or BW64 for long ones (ITU-R BS.2088).
//!
//! Many programs write a WAV file that they cannot finish, because it goes into a pipe or they are
//! stopped: its lengths are 0, 0xFFFFFFFF or too large. Its sound then reaches to the end of the file.
//!
//! Always: only reads forward, so a pipe does as well as a file; a file that cannot be played is
//! refused here, before any of it sounds.

use std::io::{self, Read};

use super::downmix::Layout;
use super::encoding::Encoding;

/// The length that programs write into a stream when they do not know it yet.
const UNKNOWN_LEN: u32 = u32::MAX;
/// The longest format chunk that makes sense; WAVEFORMATEXTENSIBLE has 40 bytes.
const MAX_FORMAT_LEN: u32 = 4096;
/// All bytes of an extensible format's GUID except the first two, which are the format tag.
const GUID_TAIL: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];

const TAG_PCM: u16 = 1;
const TAG_FLOAT: u16 = 3;
const TAG_A_LAW: u16 = 6;
const TAG_MU_LAW: u16 = 7;
const TAG_EXTENSIBLE: u16 = 0xfffe;

/// Why a file is not a WAV file that can be played.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WavError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it is not a WAV file, which begins with RIFF, RF64 or BW64")]
    NotWav,
    #[error("it ends within its header")]
    Truncated,
    #[error("its sound comes before its format")]
    NoFormat,
    #[error("its format chunk has {0} bytes; it must have 16 to 4096")]
    FormatLen(u32),
    #[error(
        "its samples have format {tag:#06x} and {bits} bits in {stored_bits}; it must be PCM of 8, \
         16, 24 or 32 bits, floating point of 32 or 64 bits, A-law or mu-law"
    )]
    Format {
        tag: u16,
        bits: u16,
        stored_bits: u32,
    },
}

/// A WAV file's header, up to its first sample.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) rate: u32,
    pub(super) encoding: Encoding,
    pub(super) layout: Layout,
    /// Bytes of sound; `None` if it reaches to the end of the file.
    pub(super) len: Option<u64>,
}

impl Header {
    /// Reads up to the first sample.
    pub(super) fn read(reader: &mut impl Read) -> Result<Self, WavError> {
        let [kind, riff_len, wave] = words::<3>(reader)?;
        let is_long = match &kind.to_le_bytes() {
            b"RIFF" => false,
            b"RF64" | b"BW64" => true,
            _ => return Err(WavError::NotWav),
        };
        if &wave.to_le_bytes() != b"WAVE" {
            return Err(WavError::NotWav);
        }
        let mut position = 12;
        let (mut format, mut long_len) = (None, None);
        loop {
            let [id, len] = words::<2>(reader)?;
            position += 8;
            match &id.to_le_bytes() {
                b"fmt " => format = Some(Format::read(reader, len)?),
                b"ds64" if is_long => long_len = Some(read_long_len(reader, len)?),
                b"data" => {
                    let format = format.ok_or(WavError::NoFormat)?;
                    let ends_here = riff_len != 0 && u64::from(riff_len) + 8 > position;
                    let len = match len {
                        UNKNOWN_LEN => long_len.filter(|len| (1..u64::MAX).contains(len)),
                        // Nothing was entered afterwards, unless there are chunks behind it.
                        0 if !ends_here || riff_len == UNKNOWN_LEN => None,
                        len => Some(len.into()),
                    };
                    return Ok(format.header(len));
                }
                _ => skip(reader, len.into())?,
            }
            // A chunk of odd length is followed by a byte that belongs to none.
            skip(reader, u64::from(len & 1))?;
            position += u64::from(len) + u64::from(len & 1);
        }
    }
}

/// The content of a format chunk.
struct Format {
    rate: u32,
    encoding: Encoding,
    layout: Layout,
}

impl Format {
    fn read(reader: &mut impl Read, len: u32) -> Result<Self, WavError> {
        if !(16..=MAX_FORMAT_LEN).contains(&len) {
            return Err(WavError::FormatLen(len));
        }
        let mut chunk = vec![0; len as usize];
        read_exact(reader, &mut chunk)?;
        let half = |at: usize| u16::from_le_bytes([chunk[at], chunk[at + 1]]);
        let (channels, bits) = (half(2), half(14));
        let rate = u32::from(half(4)) | u32::from(half(6)) << 16;
        let (mut tag, mut mask) = (half(0), None);
        if tag == TAG_EXTENSIBLE && len >= 40 && chunk[26..40] == GUID_TAIL {
            tag = half(24);
            mask = Some(u32::from(half(20)) | u32::from(half(22)) << 16);
        }
        // The bits that a sample occupies follow from the length of a frame, unless that is impossible.
        let frame_bits = 8 * u32::from(half(12));
        let stored_bits = frame_bits.checked_div(channels.into()).unwrap_or(0);
        let refused = WavError::Format {
            tag,
            bits,
            stored_bits,
        };
        let encoding = match tag {
            TAG_PCM | TAG_FLOAT => u16::try_from(stored_bits)
                .ok()
                .filter(|stored| bits.checked_next_multiple_of(8) == Some(*stored))
                .and_then(|stored| Encoding::of(tag == TAG_FLOAT, stored)),
            TAG_A_LAW if stored_bits == 8 => Some(Encoding::ALaw),
            TAG_MU_LAW if stored_bits == 8 => Some(Encoding::MuLaw),
            _ => None,
        };
        Ok(Self {
            rate,
            encoding: encoding.ok_or(refused)?,
            layout: mask.map_or_else(
                || Layout::of_count(channels),
                |mask| Layout::of_mask(channels, mask),
            ),
        })
    }

    fn header(self, len: Option<u64>) -> Header {
        let Self {
            rate,
            encoding,
            layout,
        } = self;
        Header {
            rate,
            encoding,
            layout,
            len,
        }
    }
}

/// Reads the chunk with the lengths that need 64 bits, and returns that of the sound.
fn read_long_len(reader: &mut impl Read, len: u32) -> Result<u64, WavError> {
    let [_, _, low, high] = words::<4>(reader)?;
    skip(reader, u64::from(len).saturating_sub(16))?;
    Ok(u64::from(high) << 32 | u64::from(low))
}

fn words<const N: usize>(reader: &mut impl Read) -> Result<[u32; N], WavError> {
    let mut words = [0; N];
    for word in &mut words {
        let mut bytes = [0; 4];
        read_exact(reader, &mut bytes)?;
        *word = u32::from_le_bytes(bytes);
    }
    Ok(words)
}

fn read_exact(reader: &mut impl Read, bytes: &mut [u8]) -> Result<(), WavError> {
    reader
        .read_exact(bytes)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => WavError::Truncated,
            _ => error.into(),
        })
}

fn skip(reader: &mut impl Read, bytes: u64) -> Result<(), WavError> {
    io::copy(&mut reader.take(bytes), &mut io::sink())?;
    Ok(())
}

#[cfg(test)]
mod tests;
