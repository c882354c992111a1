//! Redundant audio data (RFC 2198): one RTP payload that repeats earlier frames.
//!
//! The block headers come first, each of an earlier frame with its offset in samples before the
//! packet's timestamp; then the blocks, the packet's own frame last.
//! Always: no input panics or allocates; a payload with a wrong length is refused as a whole.

/// The payload type of RAA's redundant audio; its blocks have the payload type of Opus.
pub const PAYLOAD_TYPE: u8 = 63;
/// The largest offset of an earlier frame, in samples: 14 bits, 341 ms.
pub const MAX_OFFSET: u16 = (1 << 14) - 1;
/// The longest earlier frame, in bytes: 10 bits.
pub const MAX_BLOCK_LEN: usize = (1 << 10) - 1;
/// Earlier frames accepted in one payload; RAA sends up to 3.
const MAX_EARLIER: usize = 8;

/// The F bit, set in the header of every block but the last.
const MORE_FOLLOW: u8 = 0x80;

/// One earlier frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier<'a> {
    /// 0 to 127; its codec is agreed on outside RTP.
    pub payload_type: u8,
    /// Samples from its start to that of the packet's own frame, up to [`MAX_OFFSET`].
    pub offset: u16,
    /// Encoded audio of at most [`MAX_BLOCK_LEN`] bytes; may be empty.
    pub payload: &'a [u8],
}

/// Reports a wrong length or too many blocks; counted by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed redundant audio")]
pub struct Malformed;

/// A payload whose lengths are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redundant<'a> {
    /// Payload type of the packet's own frame, 0 to 127.
    pub payload_type: u8,
    /// The packet's own frame, never empty.
    pub payload: &'a [u8],
    headers: &'a [[u8; 4]],
    blocks: &'a [u8],
}

impl<'a> Redundant<'a> {
    /// Reads the payload of an RTP packet.
    ///
    /// # Errors
    /// [`Malformed`]; no part of such a payload may be played.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Malformed> {
        let words = payload.as_chunks::<4>().0;
        let earlier = words.iter().take_while(|word| word[0] & MORE_FOLLOW != 0);
        let headers = &words[..earlier.count()];
        let (&last, blocks) = payload[4 * headers.len()..]
            .split_first()
            .ok_or(Malformed)?;
        // A truncated header of an earlier frame is not a whole word and shows up as `last`.
        if headers.len() > MAX_EARLIER || last & MORE_FOLLOW != 0 {
            return Err(Malformed);
        }
        let earlier_len = headers.iter().map(block_len).sum();
        let (blocks, own) = blocks.split_at_checked(earlier_len).ok_or(Malformed)?;
        if own.is_empty() {
            return Err(Malformed);
        }
        Ok(Self {
            payload_type: last,
            payload: own,
            headers,
            blocks,
        })
    }

    /// Returns the earlier frames in the order of the payload.
    pub fn earlier(&self) -> impl Iterator<Item = Earlier<'a>> {
        let mut rest = self.blocks;
        self.headers.iter().map(move |header| {
            let (payload, after) = rest.split_at(block_len(header));
            rest = after;
            Earlier {
                payload_type: header[0] & !MORE_FOLLOW,
                offset: u16::from(header[1]) << 6 | u16::from(header[2]) >> 2,
                payload,
            }
        })
    }
}

/// Appends a payload in the form that [`Redundant::parse`] reads.
///
/// An earlier frame beyond [`MAX_OFFSET`] or [`MAX_BLOCK_LEN`] is left out.
pub fn write<'a>(
    earlier: impl Iterator<Item = Earlier<'a>> + Clone,
    payload_type: u8,
    payload: &[u8],
    out: &mut Vec<u8>,
) {
    let earlier = earlier
        .filter(|frame| frame.offset <= MAX_OFFSET && frame.payload.len() <= MAX_BLOCK_LEN)
        .take(MAX_EARLIER);
    for frame in earlier.clone() {
        let len = frame.payload.len() as u16;
        out.extend([
            MORE_FOLLOW | frame.payload_type,
            (frame.offset >> 6) as u8,
            (frame.offset << 2) as u8 | (len >> 8) as u8,
            len as u8,
        ]);
    }
    out.push(payload_type & !MORE_FOLLOW);
    for frame in earlier {
        out.extend(frame.payload);
    }
    out.extend(payload);
}

fn block_len(&[_, _, high, low]: &[u8; 4]) -> usize {
    usize::from(high & 0x03) << 8 | usize::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLIER: [Earlier<'_>; 2] = [
        Earlier {
            payload_type: 111,
            offset: MAX_OFFSET,
            payload: &[7; MAX_BLOCK_LEN],
        },
        Earlier {
            payload_type: 96,
            offset: 960,
            payload: &[1, 2, 3],
        },
    ];

    fn written(earlier: &[Earlier<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        write(earlier.iter().copied(), 111, &[9, 8], &mut out);
        out
    }

    #[test]
    fn payload_has_the_rfcs_layout() {
        // F, type 96, offset 960 = 0b00001111_000000, length 3; then type 111 without F.
        let bytes = [0xe0, 0x0f, 0x00, 0x03, 111, 1, 2, 3, 9, 8];
        assert_eq!(written(&EARLIER[1..]), bytes);
    }

    #[test]
    fn written_payloads_are_read_back() {
        for earlier in [&EARLIER[..], &EARLIER[1..], &[]] {
            let bytes = written(earlier);
            let read = Redundant::parse(&bytes).unwrap();
            assert_eq!((read.payload_type, read.payload), (111, &[9u8, 8][..]));
            assert_eq!(read.earlier().collect::<Vec<_>>(), earlier);
        }
    }

    #[test]
    fn frames_beyond_the_limits_are_left_out() {
        let too_far = Earlier {
            offset: MAX_OFFSET + 1,
            ..EARLIER[1]
        };
        let too_long = Earlier {
            payload: &[0; MAX_BLOCK_LEN + 1],
            ..EARLIER[1]
        };
        assert_eq!(written(&[too_far, too_long]), [111, 9, 8]);
    }

    #[test]
    fn wrong_lengths_and_excess_blocks_are_refused() {
        let whole = written(&EARLIER);
        for len in 0..whole.len() - 1 {
            assert_eq!(Redundant::parse(&whole[..len]), Err(Malformed), "{len}");
        }
        assert!(Redundant::parse(&whole[..whole.len() - 1]).is_ok());
        let mut flood = [0x80 | 111, 0, 0, 0].repeat(MAX_EARLIER + 1);
        flood.extend([111, 1]);
        assert_eq!(Redundant::parse(&flood), Err(Malformed));
    }
}
