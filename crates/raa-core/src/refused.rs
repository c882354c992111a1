//! Why the hub refuses a datagram: small values, counted by reason and never logged each.

use crate::rtp::ParseError;

/// A reason; any host on the network can cause each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Refused {
    /// Too short for an RTP packet with a payload.
    TooShort,
    /// Neither RTP nor anything known.
    NotRtp,
    /// A packet of Scream, a virtual sound card that uses the same port.
    Scream,
    /// The RTP header announces more than the datagram has.
    Truncated,
    /// Not one of the configured payload types.
    PayloadType,
    /// Redundant audio (RFC 2198) whose lengths lie.
    MalformedRed,
    /// The payload is no Opus packet.
    NotOpus,
    /// RTCP whose lengths lie.
    MalformedRtcp,
    /// An SSRC that only the server itself uses.
    ReservedSsrc,
    /// It does not continue its SSRC's stream: a restarted sender's first packet, or a second
    /// sender with the same SSRC.
    Stray,
    /// As many clients without settings are known as the configuration allows, and all of them
    /// are connected; or too many new ones came at once.
    TooManyClients,
}

impl Refused {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::TooShort,
        Self::NotRtp,
        Self::Scream,
        Self::Truncated,
        Self::PayloadType,
        Self::MalformedRed,
        Self::NotOpus,
        Self::MalformedRtcp,
        Self::ReservedSsrc,
        Self::Stray,
        Self::TooManyClients,
    ];

    /// The name of the reason's counter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::NotRtp => "not_rtp",
            Self::Scream => "scream",
            Self::Truncated => "truncated",
            Self::PayloadType => "payload_type",
            Self::MalformedRed => "malformed_red",
            Self::NotOpus => "not_opus",
            Self::MalformedRtcp => "malformed_rtcp",
            Self::ReservedSsrc => "reserved_ssrc",
            Self::Stray => "stray",
            Self::TooManyClients => "too_many_clients",
        }
    }

    /// Names the reason of a datagram that is no RTP packet.
    pub(crate) fn of_datagram(datagram: &[u8], error: ParseError) -> Self {
        /// 5 bytes of header and 1152 bytes of PCM.
        const SCREAM_LEN: usize = 1157;
        match error {
            ParseError::TooShort(_) => Self::TooShort,
            ParseError::Version(_) if datagram.len() == SCREAM_LEN => Self::Scream,
            ParseError::Version(_) => Self::NotRtp,
            ParseError::Truncated => Self::Truncated,
        }
    }
}

/// How many datagrams were refused, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RefusedCounts([u64; Refused::ALL.len()]);

impl RefusedCounts {
    pub(crate) fn count(&mut self, reason: Refused) {
        self.0[reason as usize] += 1;
    }

    /// Each reason with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Refused, u64)> {
        Refused::ALL.into_iter().zip(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter_and_name() {
        for (number, reason) in Refused::ALL.into_iter().enumerate() {
            let mut counts = RefusedCounts::default();
            counts.count(reason);
            let counted: Vec<_> = counts.iter().filter(|(_, count)| *count > 0).collect();
            assert_eq!((reason as usize, counted), (number, vec![(reason, 1)]));
        }
        let mut names: Vec<_> = Refused::ALL.map(Refused::as_str).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Refused::ALL.len());
    }
}
