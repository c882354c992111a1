//! The server's receiver reports: they tell a sender its reception, and carry a clock whose echo gives
//! the round-trip time (RFC 3550 section 6.4, RFC 3611 section 4).
//!
//! Always: reports go only to the address that the client's audio comes from, only after a sender
//! report from that address, and never have more bytes than arrived from there since the last one, so
//! that forged packets cannot turn the server against a victim. After a BYE there are no reports.

use core::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use crate::SAMPLE_RATE;
use crate::rtcp::timing::{INTERVAL, Intervals, WallClock};
use crate::rtcp::{self, ReceptionReport, SenderReport, SsrcTaken, ntp};
use crate::source::SourceStats;

/// Intervals without a report after which a sender counts as not reporting (RFC 3550 section 6.3.5).
const SILENT_INTERVALS: u32 = 5;

/// The server as an RTCP receiver.
#[derive(Debug)]
pub(crate) struct Reporter {
    /// The SSRC of the mix.
    ssrc: u32,
    cname: String,
    clock: WallClock,
    intervals: Intervals,
    scratch: Vec<u8>,
}

/// The RTCP state of one client: what it has sent since the last report to it.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    /// Source address of its audio.
    address: Option<SocketAddr>,
    /// Address of this host that its audio is sent to, if known.
    local: Option<SocketAddr>,
    /// Bytes received from there since the last report.
    bytes: usize,
    /// Packets of its stream since the last report.
    packets: u64,
    last: Option<LastSenderReport>,
    due: Option<Instant>,
    /// Net loss when the stream began.
    lost_before_stream: i64,
    /// Net loss at the last report.
    lost_before: i64,
    round_trip: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
struct LastSenderReport {
    /// The middle 32 bits of its NTP timestamp.
    ntp: u32,
    arrival: Instant,
}

impl Peer {
    /// Forgets a client that has disconnected; counting starts again from `stats`.
    pub(crate) fn restart(&mut self, stats: &SourceStats) {
        let lost = net_loss(stats);
        *self = Self {
            lost_before_stream: lost,
            lost_before: lost,
            ..Self::default()
        };
    }

    /// Counts a packet of its stream, which came from `from` to this host's address `to`; `from` is
    /// `None` for a source inside the server.
    pub(crate) fn take_sound(
        &mut self,
        from: Option<SocketAddr>,
        to: Option<SocketAddr>,
        bytes: usize,
    ) {
        if self.address != from {
            // The new address has not asked for reports yet, and gets the first one at once.
            (self.address, self.bytes, self.last, self.due) = (from, 0, None, None);
        }
        self.local = to;
        self.bytes = self.bytes.saturating_add(bytes);
        self.packets += 1;
    }

    /// Counts packets of its stream that arrived before their address owned it. Their bytes allow no
    /// reports.
    pub(crate) fn count_packets(&mut self, packets: usize) {
        self.packets += packets as u64;
    }

    /// Counts the bytes of an RTCP datagram from the address of its audio.
    pub(crate) fn take_bytes(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    pub(crate) fn is_at(&self, from: Option<SocketAddr>) -> bool {
        from.is_some() && self.address == from
    }

    /// Returns the address of this host from which reports to it leave, if known.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        self.local
    }

    fn take_sender_report(&mut self, arrival: Instant, report: &SenderReport) {
        self.last = Some(LastSenderReport {
            ntp: ntp::middle(report.ntp),
            arrival,
        });
        self.due.get_or_insert(arrival);
    }

    /// Returns the round-trip time to the client.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Returns whether a report is due, has news, and has a receiver that still reports.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        let is_reporting = |last: LastSenderReport| {
            now.saturating_duration_since(last.arrival) < INTERVAL * SILENT_INTERVALS
        };
        self.due.is_some_and(|due| due <= now)
            && self.packets > 0
            && self.last.is_some_and(is_reporting)
    }

    /// Returns the fraction of packets lost since the last report, in 256ths (RFC 3550 appendix A.3).
    fn fraction_lost(&self, lost: i64) -> u8 {
        let lost = lost - self.lost_before;
        let expected = lost + self.packets as i64;
        // Duplicates can outweigh the loss.
        (lost.max(0) * 256 / expected.max(1)).min(255) as u8
    }
}

impl Reporter {
    /// Creates the reporter of the stream `ssrc`, which should be random: it seeds the report times.
    pub(crate) fn new(ssrc: u32, start: Instant, wall_clock: SystemTime) -> Self {
        Self {
            ssrc,
            cname: format!("raa-{ssrc:08x}"),
            clock: WallClock::new(start, wall_clock),
            intervals: Intervals::new(u64::from(ssrc) << 32 | u64::from(ssrc)),
            scratch: Vec::new(),
        }
    }

    /// Handles an RTCP item that came from the address of the client's audio.
    pub(crate) fn take(&self, peer: &mut Peer, arrival: Instant, item: &rtcp::Item<'_>) {
        match *item {
            rtcp::Item::SenderReport(report) => peer.take_sender_report(arrival, &report),
            // Echoes of other clocks do not measure the path to this server.
            rtcp::Item::ReferenceTimeEcho {
                ssrc, last, delay, ..
            } if ssrc == self.ssrc => {
                let trip = ntp::round_trip(self.clock.ntp(arrival), last, delay);
                peer.round_trip = trip.or(peer.round_trip);
            }
            rtcp::Item::Goodbye { .. } => peer.last = None,
            _ => {}
        }
    }

    /// Returns the report that is due to a client, and its address; `highest` is the client's newest
    /// sequence number, unwrapped. `None` until the client has sent as many bytes as the report has.
    pub(crate) fn report(
        &mut self,
        now: Instant,
        ssrc: u32,
        peer: &mut Peer,
        stats: &SourceStats,
        highest: i64,
    ) -> Option<(SocketAddr, Bytes)> {
        let (to, last) = (peer.address?, peer.last?);
        let lost = net_loss(stats);
        let delay = ntp::short(now.saturating_duration_since(last.arrival));
        let report = ReceptionReport {
            ssrc,
            fraction_lost: peer.fraction_lost(lost),
            cumulative_lost: i32::try_from(lost - peer.lost_before_stream).unwrap_or(i32::MAX),
            // The unwrapped number has the cycles in the upper 16 bits, as the RFC requires.
            highest_sequence: highest as u32,
            jitter: (stats.jitter_ms * f64::from(SAMPLE_RATE) / 1000.0) as u32,
            last_sender_report: last.ntp,
            // A sender without a clock sends 0, which here means that there was no sender report.
            delay_since_last_sender_report: if last.ntp == 0 { 0 } else { delay },
        };
        self.write(now, report);
        if self.scratch.len() > peer.bytes {
            return None;
        }
        (peer.bytes, peer.packets, peer.lost_before) = (0, 0, lost);
        peer.due = Some(now + self.intervals.next());
        Some((to, Bytes::copy_from_slice(&self.scratch)))
    }

    /// Returns the datagram that tells a sender that its SSRC belongs to another one.
    pub(crate) fn ssrc_taken(&mut self, taken: SsrcTaken) -> Bytes {
        self.scratch.clear();
        rtcp::write_ssrc_taken(self.ssrc, &self.cname, taken, &mut self.scratch);
        Bytes::copy_from_slice(&self.scratch)
    }

    fn write(&mut self, now: Instant, report: ReceptionReport) {
        self.scratch.clear();
        let reference_time = self.clock.ntp(now);
        rtcp::write_receiver_report(
            self.ssrc,
            &[report],
            &self.cname,
            reference_time,
            &mut self.scratch,
        );
    }
}

/// Returns the packets expected minus those received, duplicates included (RFC 3550 section 6.4.1).
fn net_loss(stats: &SourceStats) -> i64 {
    stats.lost as i64 - stats.duplicate as i64
}

#[cfg(test)]
mod tests;
