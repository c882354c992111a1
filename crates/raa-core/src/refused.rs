//! The reasons for which the hub refuses a datagram, and their counters.
//!
//! Always: any host can cause a refusal, so each is counted and none is logged on its own.

use crate::rtp::ParseError;

/// The reason for which a datagram is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Refused {
    /// The datagram is too short for an RTP packet with a payload.
    TooShort,
    /// The datagram is longer than the server reads.
    TooLong,
    /// The datagram is neither RTP nor another known protocol.
    NotRtp,
    /// A packet of Scream, a virtual sound card that uses the same port.
    Scream,
    /// The RTP header announces more bytes than the datagram has.
    Truncated,
    /// The payload type is not one of those configured.
    PayloadType,
    /// Redundant audio (RFC 2198) has a wrong length.
    MalformedRed,
    /// The payload is not an Opus packet.
    NotOpus,
    /// RTCP has a wrong length.
    MalformedRtcp,
    /// The SSRC is reserved for the server itself.
    ReservedSsrc,
    /// The packet comes from the address that owns its SSRC's stream and does not continue it: it is
    /// the first packet of a restarted sender.
    Stray,
    /// The packet, or the RTCP, is about a client's stream and comes from an address that does not own
    /// it: a copy, a second sender with the same SSRC, or the first packets from a new address.
    NotOwner,
    /// The maximum number of unconfigured clients is reached and none of them gives way to this
    /// host, or too many new clients appeared at once.
    TooManyClients,
    /// The first packet of a new SSRC, which no second one followed.
    Unconfirmed,
    /// The frame was accepted, and left out in play-out because its client had too much to decode.
    OverBudget,
}

impl Refused {
    /// All reasons, in the order of their discriminants.
    pub const ALL: [Self; 15] = [
        Self::TooShort,
        Self::TooLong,
        Self::NotRtp,
        Self::Scream,
        Self::Truncated,
        Self::PayloadType,
        Self::MalformedRed,
        Self::NotOpus,
        Self::MalformedRtcp,
        Self::ReservedSsrc,
        Self::Stray,
        Self::NotOwner,
        Self::TooManyClients,
        Self::Unconfirmed,
        Self::OverBudget,
    ];

    /// Returns the name of the reason's counter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::NotRtp => "not_rtp",
            Self::Scream => "scream",
            Self::Truncated => "truncated",
            Self::PayloadType => "payload_type",
            Self::MalformedRed => "malformed_red",
            Self::NotOpus => "not_opus",
            Self::MalformedRtcp => "malformed_rtcp",
            Self::ReservedSsrc => "reserved_ssrc",
            Self::Stray => "stray",
            Self::NotOwner => "not_owner",
            Self::TooManyClients => "too_many_clients",
            Self::Unconfirmed => "unconfirmed",
            Self::OverBudget => "over_budget",
        }
    }

    /// Whether the refused datagram may be one of a client's stream: RTP of another kind, or without
    /// sound.
    pub(crate) fn may_be_in_stream(self) -> bool {
        matches!(
            self,
            Self::TooShort
                | Self::Truncated
                | Self::PayloadType
                | Self::MalformedRed
                | Self::NotOpus
        )
    }

    /// Returns the reason for a datagram that cannot be parsed as RTP.
    pub(crate) fn of_datagram(datagram: &[u8], error: ParseError) -> Self {
        /// Length of a Scream packet: 5 bytes of header and 1152 bytes of PCM.
        const SCREAM_LEN: usize = 1157;
        match error {
            ParseError::TooShort(_) => Self::TooShort,
            ParseError::Version(_) if datagram.len() == SCREAM_LEN => Self::Scream,
            ParseError::Version(_) => Self::NotRtp,
            ParseError::Truncated => Self::Truncated,
        }
    }
}

/// Counts of refused datagrams, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RefusedCounts([u64; Refused::ALL.len()]);

impl RefusedCounts {
    pub(crate) fn count(&mut self, reason: Refused) {
        self.add(reason, 1);
    }

    pub(crate) fn add(&mut self, reason: Refused, count: u64) {
        self.0[reason as usize] += count;
    }

    /// Returns every reason with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Refused, u64)> {
        Refused::ALL.into_iter().zip(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_counter_and_name() {
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
