//! A sender's RTCP: when it is due and what it says (RFC 3550 section 6).
//!
//! The group is one sender and one server, so the interval is the RFC's least one, 5 s, and
//! needs no reconsideration when members come and go.
//! Always: the first report follows the first RTP packet at once (section 6.2 allows that for
//! unicast); then 0.5 to 1.5 intervals lie between two.

use std::time::{Duration, Instant, SystemTime};

use super::Identity;
use crate::rtcp::{self, Description, SenderReport, TimeEcho, ntp};

const INTERVAL: Duration = Duration::from_secs(5);

/// What a report says of the stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct SenderState {
    pub now: Instant,
    pub ssrc: u32,
    /// The timestamp that belongs to `now`.
    pub rtp_timestamp: u32,
    pub packets: u64,
    pub octets: u64,
    /// What it echoes of the receiver's clock.
    pub echo: Option<TimeEcho>,
}

#[derive(Debug)]
pub(super) struct Reports {
    identity: Identity,
    start: Instant,
    /// Time since the Unix epoch at `start`.
    started_at: Duration,
    random: u64,
    due: Option<Instant>,
}

impl Reports {
    pub(super) fn new(
        identity: Identity,
        seed: u64,
        start: Instant,
        wall_clock: SystemTime,
    ) -> Self {
        let started_at = wall_clock
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        // Zero is the one state that xorshift never leaves.
        Self {
            identity,
            start,
            started_at,
            random: seed | 1,
            due: None,
        }
    }

    /// When the next report is due; `None` before the first RTP packet.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The next report is due at `now`.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.due = Some(now);
    }

    /// Appends a compound packet of sender report and description.
    pub(super) fn write(&mut self, state: &SenderState, out: &mut Vec<u8>) {
        self.due = Some(state.now + INTERVAL.mul_f64(0.5 + self.next_random()));
        self.append(state, out);
    }

    /// Appends a compound packet that ends with a BYE.
    pub(super) fn write_goodbye(&self, state: &SenderState, out: &mut Vec<u8>) {
        self.append(state, out);
        rtcp::write_goodbye(state.ssrc, out);
    }

    fn append(&self, state: &SenderState, out: &mut Vec<u8>) {
        let report = SenderReport {
            ssrc: state.ssrc,
            ntp: self.ntp(state.now),
            rtp_timestamp: state.rtp_timestamp,
            // Both counters wrap, as the RFC says.
            packets: state.packets as u32,
            octets: state.octets as u32,
        };
        let Identity { cname, name, tool } = &self.identity;
        rtcp::write_report(
            &report,
            &Description {
                ssrc: state.ssrc,
                cname,
                name,
                tool,
            },
            state.echo,
            out,
        );
    }

    /// An instant by the clock of these reports, as NTP timestamp.
    pub(super) fn ntp(&self, now: Instant) -> u64 {
        ntp::timestamp(self.started_at + now.saturating_duration_since(self.start))
    }

    /// 0 to 1, by xorshift64.
    fn next_random(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }
}
