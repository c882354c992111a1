//! RTCP (RFC 3550 section 6): the compound packets that RAA reads and writes.
//!
//! Source descriptions and sender reports carry a sender's name and clock. Reception reports
//! return the quality of its stream, and extended reports (RFC 3611) let both sides measure the
//! round trip. Application-defined packets say why a sender may hear nothing of its computer, and tell a
//! sender that another one has its SSRC. All other packet types and extended report blocks are ignored.
//! Always: no input panics; a compound packet is refused from the first wrong length on.

mod capture;
pub mod ntp;
mod parse;
#[cfg(test)]
mod tests;
pub(crate) mod timing;
mod write;

pub use self::capture::CaptureTrouble;
pub use self::parse::parse;
pub use self::write::{
    write_capture_trouble, write_goodbye, write_receiver_report, write_report, write_ssrc_taken,
};

const VERSION: u8 = 2;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const APPLICATION_DEFINED: u8 = 204;
const EXTENDED_REPORT: u8 = 207;

const ITEM_END: u8 = 0;
const ITEM_CNAME: u8 = 1;
const ITEM_NAME: u8 = 2;
const ITEM_TOOL: u8 = 6;

/// Name and subtype of RAA's own packets (RFC 3550 section 6.7).
const APPLICATION_NAME: [u8; 4] = *b"RAA ";
const SUBTYPE_CAPTURE: u8 = 1;
const SUBTYPE_SSRC_TAKEN: u8 = 2;

const BLOCK_REFERENCE_TIME: u8 = 4;
const BLOCK_REFERENCE_TIME_ECHO: u8 = 5;

/// Reception reports that fit into one report; their count has 5 bits.
pub const MAX_RECEPTION_REPORTS: usize = 31;
/// The longest text of one SDES item, in bytes.
pub const MAX_ITEM_LEN: usize = 255;

/// Reports a wrong length, a wrong version or a fragment. The caller counts these and never logs
/// each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed RTCP")]
pub struct Malformed;

/// One item of information in a compound packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// The sender's clock (RFC 3550 section 6.4.1).
    SenderReport(SenderReport),
    /// The sender's name for people (SDES NAME, else CNAME); not checked for UTF-8.
    Name {
        /// SSRC of the sender.
        ssrc: u32,
        /// Up to 255 bytes; UTF-8 if the sender follows the RFC.
        text: &'a [u8],
    },
    /// One reception report block of a sender report or receiver report.
    ReceptionReport {
        /// SSRC of the receiver that reports.
        from: u32,
        /// Its view of one stream.
        report: ReceptionReport,
    },
    /// The clock of a receiver that asks for its echo (RFC 3611 section 4.4).
    ReferenceTime {
        /// SSRC of the clock's owner.
        ssrc: u32,
        /// Wall clock as a 64-bit NTP timestamp.
        ntp: u64,
    },
    /// The echo of a reference time (RFC 3611 section 4.5).
    ReferenceTimeEcho {
        /// SSRC of the sender of the echo.
        from: u32,
        /// SSRC of the clock's owner.
        ssrc: u32,
        /// The middle 32 bits of the reference time; 0 if none had arrived.
        last: u32,
        /// Time since its arrival, in units of 1/65536 s.
        delay: u32,
    },
    /// What the sender says about its own capture, in a packet of RAA's own.
    Capture {
        /// SSRC of the sender.
        ssrc: u32,
        /// Why it may hear nothing; `None` if its capture works.
        trouble: Option<CaptureTrouble>,
    },
    /// The receiver turns a sender away, because its SSRC belongs to another one; in a packet of RAA's
    /// own.
    SsrcTaken(SsrcTaken),
    /// The sender leaves (BYE).
    Goodbye {
        /// SSRC of the sender.
        ssrc: u32,
    },
}

/// The packet that a receiver turned away, because its SSRC belongs to another sender (RFC 3550 section
/// 8.2). Its sequence number and timestamp begin at random numbers, so that only those who have seen the
/// packet can name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SsrcTaken {
    /// SSRC of the packet.
    pub ssrc: u32,
    /// Its sequence number.
    pub sequence_number: u16,
    /// Its RTP timestamp.
    pub timestamp: u32,
}

/// The sender information of a sender report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport {
    /// SSRC of the sender.
    pub ssrc: u32,
    /// Wall clock as a 64-bit NTP timestamp.
    pub ntp: u64,
    /// The same instant as an RTP timestamp.
    pub rtp_timestamp: u32,
    /// RTP packets sent so far.
    pub packets: u32,
    /// Payload bytes sent so far.
    pub octets: u32,
}

/// A sender's description of itself (RFC 3550 section 6.5). Texts are cut at 255 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description<'a> {
    /// SSRC of the sender.
    pub ssrc: u32,
    /// A unique and lasting identifier such as `user@host`.
    pub cname: &'a str,
    /// The name for people.
    pub name: &'a str,
    /// Program and version.
    pub tool: &'a str,
}

/// A receiver's view of one stream (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceptionReport {
    /// SSRC of the stream.
    pub ssrc: u32,
    /// Share of packets lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Packets lost since the beginning; negative if more duplicates arrived than packets were
    /// lost. Written as 24 bits and limited to their range.
    pub cumulative_lost: i32,
    /// The highest sequence number received; the upper 16 bits count its wraps.
    pub highest_sequence: u32,
    /// Interarrival jitter in timestamp units (RFC 3550 appendix A.8).
    pub jitter: u32,
    /// The middle 32 bits of the NTP timestamp in the last sender report; 0 if none had arrived.
    pub last_sender_report: u32,
    /// Time since its arrival, in units of 1/65536 s.
    pub delay_since_last_sender_report: u32,
}

/// A sender's echo of a receiver's reference time (RFC 3611 section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeEcho {
    /// SSRC of the clock's owner.
    pub ssrc: u32,
    /// The middle 32 bits of the reference time.
    pub last: u32,
    /// Time since its arrival, in units of 1/65536 s.
    pub delay: u32,
}
