//! A sender's RTCP: its timing and its contents (RFC 3550 section 6).
//!
//! Always: the first report follows the first RTP packet at once, which section 6.2 allows for
//! unicast; the next ones follow after 0.5 to 1.5 intervals of 5 s.

use std::time::{Duration, Instant, SystemTime};

use super::Identity;
use crate::rtcp::timing::{Intervals, WallClock};
use crate::rtcp::{self, CaptureTrouble, Description, SenderReport, TimeEcho};

/// Time between two reports of which the second only tells a change of the capture.
const MIN_INTERVAL: Duration = Duration::from_millis(200);

/// The state of the stream as a report states it.
#[derive(Debug, Clone, Copy)]
pub(super) struct SenderState {
    pub now: Instant,
    pub ssrc: u32,
    /// The RTP timestamp of `now`.
    pub rtp_timestamp: u32,
    pub packets: u64,
    pub octets: u64,
    /// The echo of the receiver's clock.
    pub echo: Option<TimeEcho>,
}

#[derive(Debug)]
pub(super) struct Reports {
    identity: Identity,
    clock: WallClock,
    intervals: Intervals,
    due: Option<Instant>,
    last: Option<Instant>,
    capture_trouble: Option<CaptureTrouble>,
}

impl Reports {
    pub(super) fn new(
        identity: Identity,
        seed: u64,
        start: Instant,
        wall_clock: SystemTime,
    ) -> Self {
        Self {
            identity,
            clock: WallClock::new(start, wall_clock),
            intervals: Intervals::new(seed),
            due: None,
            last: None,
            capture_trouble: None,
        }
    }

    /// Returns when the next report is due; `None` before the first RTP packet.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Sets the identifier of a stream with another SSRC.
    pub(super) fn set_cname(&mut self, cname: String) {
        self.identity.cname = cname;
    }

    /// Makes the next report due at `now`.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.due = Some(now);
    }

    /// Sets what the reports say about the capture. Once there have been reports, a change is
    /// reported at once, but five times a second at most.
    pub(super) fn set_capture_trouble(&mut self, now: Instant, trouble: Option<CaptureTrouble>) {
        if self.capture_trouble == trouble {
            return;
        }
        self.capture_trouble = trouble;
        let soon = self.last.map(|last| now.max(last + MIN_INTERVAL));
        self.due = self.due.map(|due| soon.map_or(due, |soon| due.min(soon)));
    }

    /// Appends a compound packet of sender report and description.
    pub(super) fn write(&mut self, state: &SenderState, out: &mut Vec<u8>) {
        self.due = Some(state.now + self.intervals.next());
        self.last = Some(state.now);
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
            // Both counters wrap (RFC 3550 section 6.4.1 gives them 32 bits).
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
        // In every report, so that a loss or a restart of the server heals.
        rtcp::write_capture_trouble(state.ssrc, self.capture_trouble, out);
    }

    /// Returns the NTP timestamp of an instant by the clock of these reports.
    pub(super) fn ntp(&self, now: Instant) -> u64 {
        self.clock.ntp(now)
    }
}
