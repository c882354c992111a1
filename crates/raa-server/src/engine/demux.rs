//! Tells the protocols apart that may share the audio port, by RFC 7983.
//!
//! Always: pure, and one look at the first byte for RTP and RTCP; a datagram of no known protocol
//! is left to the hub, which knows more formats and counts why it refuses one.

/// The protocol of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// RTP or RTCP (RFC 5761 tells these two apart).
    Media,
    /// STUN (RFC 8489).
    Stun,
    /// DTLS (RFC 9147).
    Dtls,
    /// Anything else.
    Unknown,
}

/// The magic cookie of STUN, after its type and length (RFC 8489 section 5).
const STUN_COOKIE: [u8; 4] = 0x2112_a442_u32.to_be_bytes();

/// Length of the header of STUN, in bytes (RFC 8489 section 5).
const STUN_HEADER: usize = 20;
/// Length of the header of a plaintext DTLS record, in bytes (RFC 9147 section 4).
const DTLS_HEADER: usize = 13;

/// Returns the protocol of a datagram.
///
/// The first byte decides (RFC 7983 section 7), if the protocol's header fits. STUN needs its magic
/// cookie, too: the packets of Scream, which uses the same port, begin with 1 and would otherwise
/// pass for it.
pub(super) fn protocol_of(datagram: &[u8]) -> Protocol {
    match datagram {
        [128..=191, ..] => Protocol::Media,
        [0..=3, _, _, _, cookie @ ..]
            if datagram.len() >= STUN_HEADER && cookie.starts_with(&STUN_COOKIE) =>
        {
            Protocol::Stun
        }
        [20..=63, ..] if datagram.len() >= DTLS_HEADER => Protocol::Dtls,
        _ => Protocol::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_byte_decides_the_protocol() {
        for first in 0..=u8::MAX {
            let expected = match first {
                0..=3 => Protocol::Stun,
                20..=63 => Protocol::Dtls,
                128..=191 => Protocol::Media,
                _ => Protocol::Unknown,
            };
            let mut datagram = vec![first, 0, 0, 0];
            datagram.extend(STUN_COOKIE);
            datagram.extend([0; 12]);
            assert_eq!(protocol_of(&datagram), expected, "{first}");
        }
    }

    #[test]
    fn stun_needs_its_magic_cookie() {
        let scream = [1; 1157];
        assert_eq!(protocol_of(&scream), Protocol::Unknown);
        let truncated = [0, 1, 0, 0, 0x21, 0x12, 0xa4];
        assert_eq!(protocol_of(&truncated), Protocol::Unknown);
    }

    #[test]
    fn empty_datagram_has_no_protocol() {
        assert_eq!(protocol_of(&[]), Protocol::Unknown);
    }
}
