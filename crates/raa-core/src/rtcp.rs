//! RTCP (RFC 3550 section 6): what RAA reads of compound packets, and what either side writes.
//!
//! Descriptions and sender reports tell a sender's name and clock. Reception reports tell it how
//! it is heard, and extended reports (RFC 3611) let both sides know how long the way is. All other
//! packet types, and all other blocks of extended reports, are stepped over.
//! Always: no input panics; a compound packet whose lengths lie is refused from there on.

pub mod ntp;
mod parse;
#[cfg(test)]
mod tests;
pub(crate) mod timing;
mod write;

pub use self::parse::parse;
pub use self::write::{write_goodbye, write_receiver_report, write_report};

const VERSION: u8 = 2;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const EXTENDED_REPORT: u8 = 207;

const ITEM_END: u8 = 0;
const ITEM_CNAME: u8 = 1;
const ITEM_NAME: u8 = 2;
const ITEM_TOOL: u8 = 6;

const BLOCK_REFERENCE_TIME: u8 = 4;
const BLOCK_REFERENCE_TIME_ECHO: u8 = 5;

/// One report has at most so many reception reports: 5 bits count them.
pub const MAX_RECEPTION_REPORTS: usize = 31;
/// The text of one SDES item has at most so many bytes.
pub const MAX_ITEM_LEN: usize = 255;

/// A lying length, a wrong version or a fragment; counted by the caller, never logged each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed RTCP")]
pub struct Malformed;

/// One statement of a compound packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// The sender's clock (RFC 3550 section 6.4.1).
    SenderReport(SenderReport),
    /// The name a person knows the sender by (SDES NAME, else CNAME); not checked for UTF-8.
    Name {
        /// Whose name it is.
        ssrc: u32,
        /// Up to 255 bytes, UTF-8 when the sender keeps to the RFC.
        text: &'a [u8],
    },
    /// How a receiver hears one stream; each of the blocks of a sender's or receiver's report.
    ReceptionReport {
        /// Who hears it.
        from: u32,
        /// What it hears.
        report: ReceptionReport,
    },
    /// The clock of somebody who wants it echoed (RFC 3611 section 4.4).
    ReferenceTime {
        /// Whose clock it is.
        ssrc: u32,
        /// Wall clock as a 64-bit NTP timestamp.
        ntp: u64,
    },
    /// The echo of a reference time (RFC 3611 section 4.5).
    ReferenceTimeEcho {
        /// Who echoes it.
        from: u32,
        /// Whose clock it is.
        ssrc: u32,
        /// The middle 32 bits of the reference time; 0 when none had arrived.
        last: u32,
        /// How long ago it had arrived, in units of 1/65536 s.
        delay: u32,
    },
    /// The sender leaves.
    Goodbye {
        /// Who leaves.
        ssrc: u32,
    },
}

/// The sender information of a sender report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport {
    /// Who reports.
    pub ssrc: u32,
    /// Wall clock as a 64-bit NTP timestamp.
    pub ntp: u64,
    /// The same instant as RTP timestamp.
    pub rtp_timestamp: u32,
    /// RTP packets sent so far.
    pub packets: u32,
    /// Payload bytes sent so far.
    pub octets: u32,
}

/// What a sender says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description<'a> {
    /// Who it is.
    pub ssrc: u32,
    /// Unique and lasting, as `user@host`; cut at 255 bytes like all texts.
    pub cname: &'a str,
    /// The name for people.
    pub name: &'a str,
    /// Program and version.
    pub tool: &'a str,
}

/// How one stream is heard (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceptionReport {
    /// Whose stream it is.
    pub ssrc: u32,
    /// What was lost since the last report, in 256ths of what was sent.
    pub fraction_lost: u8,
    /// Packets lost since the beginning; below 0 when more came twice than were lost. Written as
    /// 24 bits, held at their ends.
    pub cumulative_lost: i32,
    /// The highest sequence number, and how often it has wrapped in the upper 16 bits.
    pub highest_sequence: u32,
    /// Interarrival jitter in timestamp units (RFC 3550 appendix A.8).
    pub jitter: u32,
    /// The middle 32 bits of the timestamp in the last sender report; 0 when none had arrived.
    pub last_sender_report: u32,
    /// How long ago that had arrived, in units of 1/65536 s.
    pub delay_since_last_sender_report: u32,
}

/// What a sender gives back of a receiver's reference time (RFC 3611 section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeEcho {
    /// Whose clock it is.
    pub ssrc: u32,
    /// The middle 32 bits of the reference time.
    pub last: u32,
    /// How long ago it arrived, in units of 1/65536 s.
    pub delay: u32,
}
