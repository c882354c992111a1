//! RTP data packets (RFC 3550 section 5.1): parses them without copying, and builds them.
//!
//! The parts that the fixed header announces (CSRCs, a header extension, padding) are checked against
//! the datagram's length and skipped; the rest is the payload.
//! Always: no input panics; a refused datagram gives the reason as a small value.

/// Length of the fixed header, in bytes.
pub const HEADER_LEN: usize = 12;

const VERSION: u8 = 2;

/// One RTP packet, borrowed from the receive buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Set on the first packet of a talkspurt (RFC 3551 section 4.1).
    pub marker: bool,
    /// 0 to 127; its codec is agreed on outside RTP.
    pub payload_type: u8,
    /// Increases by one per packet sent and wraps at 65,536.
    pub sequence_number: u16,
    /// Sampling instant of the payload's first sample, in 1/48,000 s; wraps.
    pub timestamp: u32,
    /// The synchronisation source, which identifies the sender.
    pub ssrc: u32,
    /// Encoded audio, never empty.
    pub payload: &'a [u8],
}

/// The parts of the fixed header that place a packet in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// As in [`Packet`].
    pub(crate) sequence_number: u16,
    /// As in [`Packet`].
    pub(crate) timestamp: u32,
    /// As in [`Packet`].
    pub(crate) ssrc: u32,
}

/// The random first values of an RTP stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamStart {
    /// The synchronisation source.
    pub ssrc: u32,
    /// The first packet's sequence number.
    pub sequence_number: u16,
    /// The first sample's timestamp.
    pub timestamp: u32,
}

/// The reason for which a datagram is not an RTP packet. Any host can cause one, so callers count
/// them and never log each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The datagram has no complete fixed header, or nothing after it.
    #[error("datagram of {0} bytes is too short for an RTP packet with a payload")]
    TooShort(usize),
    /// The datagram belongs to another protocol, such as Scream (which uses the same port).
    #[error("RTP version is {0}; it must be 2")]
    Version(u8),
    /// CSRC count, extension length or padding length point past the datagram's end.
    #[error("header announces more bytes than the datagram has")]
    Truncated,
}

impl<'a> Packet<'a> {
    /// Parses one datagram.
    ///
    /// # Errors
    /// [`ParseError`] if it is not an RTP packet or has no payload.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, rest)) = datagram.split_first_chunk::<HEADER_LEN>() else {
            return Err(ParseError::TooShort(datagram.len()));
        };
        let [
            flags,
            marker_and_type,
            s0,
            s1,
            t0,
            t1,
            t2,
            t3,
            i0,
            i1,
            i2,
            i3,
        ] = *header;
        if flags >> 6 != VERSION {
            return Err(ParseError::Version(flags >> 6));
        }
        let rest = skip_csrcs(rest, flags & 0x0f)?;
        let rest = if flags & 0x10 != 0 {
            skip_extension(rest)?
        } else {
            rest
        };
        let payload = if flags & 0x20 != 0 {
            strip_padding(rest)?
        } else {
            rest
        };
        if payload.is_empty() {
            return Err(ParseError::TooShort(datagram.len()));
        }
        Ok(Self {
            marker: marker_and_type & 0x80 != 0,
            payload_type: marker_and_type & 0x7f,
            sequence_number: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
            payload,
        })
    }

    /// Appends the packet as a datagram without CSRCs, extension and padding.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(VERSION << 6);
        out.push(u8::from(self.marker) << 7 | self.payload_type & 0x7f);
        out.extend(self.sequence_number.to_be_bytes());
        out.extend(self.timestamp.to_be_bytes());
        out.extend(self.ssrc.to_be_bytes());
        out.extend(self.payload);
    }
}

impl Header {
    /// Reads the fixed header of a datagram whose other parts may be malformed or absent; `None` if
    /// it is not RTP.
    pub(crate) fn parse(datagram: &[u8]) -> Option<Self> {
        let &[flags, _, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3] = datagram.first_chunk()?;
        (flags >> 6 == VERSION && !is_rtcp(datagram)).then_some(Self {
            sequence_number: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
        })
    }
}

/// Returns whether a datagram on a port shared by RTP and RTCP is RTCP (RFC 5761 section 4).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [flags, 192..=223, ..] if flags >> 6 == VERSION)
}

fn skip_csrcs(rest: &[u8], count: u8) -> Result<&[u8], ParseError> {
    rest.get(4 * usize::from(count)..)
        .ok_or(ParseError::Truncated)
}

/// Skips a header extension (RFC 3550 section 5.3.1): 16 bits of profile, 16 bits of length in
/// 32-bit words, then the words.
fn skip_extension(rest: &[u8]) -> Result<&[u8], ParseError> {
    let Some(([_, _, high, low], rest)) = rest.split_first_chunk() else {
        return Err(ParseError::Truncated);
    };
    let words = usize::from(u16::from_be_bytes([*high, *low]));
    rest.get(4 * words..).ok_or(ParseError::Truncated)
}

/// Strips padding, whose last byte is its length, that byte included.
fn strip_padding(rest: &[u8]) -> Result<&[u8], ParseError> {
    let padding = usize::from(*rest.last().ok_or(ParseError::Truncated)?);
    if padding == 0 || padding > rest.len() {
        return Err(ParseError::Truncated);
    }
    Ok(&rest[..rest.len() - padding])
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: [u8; 14] = [
        0x80, 111, 0x12, 0x34, 0, 0, 3, 0xc0, 0xca, 0xfe, 0xba, 0xbe, 7, 8,
    ];

    fn with(flags: u8, after_header: &[u8]) -> Vec<u8> {
        let mut datagram = BARE[..HEADER_LEN].to_vec();
        datagram[0] = 0x80 | flags;
        datagram.extend(after_header);
        datagram
    }

    #[track_caller]
    fn check(datagram: &[u8], expected: Result<&[u8], ParseError>) {
        assert_eq!(
            Packet::parse(datagram).map(|packet| packet.payload),
            expected
        );
    }

    #[test]
    fn all_fields_are_parsed() {
        let expected = Packet {
            marker: false,
            payload_type: 111,
            sequence_number: 0x1234,
            timestamp: 960,
            ssrc: 0xcafe_babe,
            payload: &[7, 8],
        };
        assert_eq!(Packet::parse(&BARE), Ok(expected));
    }

    #[test]
    fn written_packets_are_read_back() {
        let packet = Packet {
            marker: true,
            ..Packet::parse(&BARE).unwrap()
        };
        let mut datagram = Vec::new();
        packet.write(&mut datagram);
        assert_eq!(Packet::parse(&datagram), Ok(packet));
    }

    #[test]
    fn csrcs_extension_and_padding_are_skipped() {
        check(&with(0x02, &[1, 1, 1, 1, 2, 2, 2, 2, 9]), Ok(&[9]));
        check(&with(0x10, &[0xbe, 0xde, 0, 1, 5, 5, 5, 5, 9]), Ok(&[9]));
        check(&with(0x20, &[9, 0, 0, 3]), Ok(&[9]));
        check(&with(0x31, &[1, 1, 1, 1, 0, 0, 0, 0, 9, 1]), Ok(&[9]));
    }

    #[test]
    fn wrong_lengths_are_refused() {
        check(&BARE[..11], Err(ParseError::TooShort(11)));
        check(&BARE[..12], Err(ParseError::TooShort(12)));
        check(&[0x00; 20], Err(ParseError::Version(0)));
        check(&with(0x0f, &[1, 2, 3]), Err(ParseError::Truncated));
        check(
            &with(0x10, &[0, 0, 0xff, 0xff, 9]),
            Err(ParseError::Truncated),
        );
        check(&with(0x10, &[0, 0, 0]), Err(ParseError::Truncated));
        check(&with(0x20, &[9, 0, 0, 5]), Err(ParseError::Truncated));
        check(&with(0x20, &[9, 0]), Err(ParseError::Truncated));
        check(&with(0x20, &[2, 2]), Err(ParseError::TooShort(14)));
    }

    #[test]
    fn second_byte_distinguishes_rtcp_from_rtp() {
        assert!(is_rtcp(&[0x80, 200, 0, 0]));
        assert!(is_rtcp(&[0x81, 203]));
        assert!(
            !is_rtcp(&BARE),
            "the first packet of a talkspurt has 0x80 | 111 = 239"
        );
        assert!(!is_rtcp(&[0x80, 239]));
        assert!(!is_rtcp(&[0x00, 200]));
        assert!(!is_rtcp(&[]));
    }
}
