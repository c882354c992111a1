//! The receiver's feedback: the reception of the stream, the round-trip time, and the receiver's
//! clock, which is echoed (RFC 3550 section 6.4, RFC 3611 sections 4.4 and 4.5).
//!
//! Reports are not authenticated, so they are hints only; the worst that a forged one can do is to
//! make every frame be sent four times. Only the news that another sender has the SSRC counts for more:
//! it must quote a packet that was just sent, whose numbers nobody elsewhere can know, and repeat itself
//! for [`BELIEVED_AFTER`] without a report in between.
//! Always: reports about other streams and malformed datagrams change nothing; a receiver that never
//! reports is not an error.

use std::time::{Duration, Instant};

use super::redundancy::{Adaptation, Redundancy};
use crate::rtcp::{self, Item, ReceptionReport, TimeEcho, ntp};

/// Own reports without an answer after which the receiver counts as not reporting. They are counted,
/// because a computer that sleeps does not wait for answers.
const UNANSWERED_REPORTS: u32 = 3;
/// Time since the first of these reports after which the receiver counts as not reporting.
const UNANSWERED_FOR: Duration = Duration::from_secs(15);

/// Time for which the receiver must have said that another sender has the SSRC before that is believed: a
/// change of address is over by then.
const BELIEVED_AFTER: Duration = Duration::from_secs(3);
/// Time without another word after which it is forgotten; the receiver repeats it after 10 s at most,
/// and later if it receives little.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);
/// Packets that are remembered, to know a quoted one again: more than a second of sound.
const REMEMBERED: usize = 64;

/// The state of the stream at the receiver, by its reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reception {
    /// No report has come yet, and it is too early to conclude anything.
    #[default]
    Unknown,
    /// Less than 1 % is lost.
    Good,
    /// Packets were lost between the receiver's last two reports.
    Losing {
        /// Packets lost, 1 to 100 %.
        percent: u8,
    },
    /// The receiver turns the stream away, because its SSRC belongs to another sender.
    SsrcTaken,
    /// Reports stopped or never came; a receiver without RTCP never sends any.
    NoReports,
}

impl Reception {
    fn of(fraction_lost: u8) -> Self {
        let hundredfold = u16::from(fraction_lost) * 100;
        if hundredfold < 256 {
            return Self::Good;
        }
        Self::Losing {
            percent: ((hundredfold + 128) / 256) as u8,
        }
    }
}

/// Own reports since the last answer.
#[derive(Debug, Clone, Copy)]
struct Unanswered {
    since: Instant,
    reports: u32,
}

/// The receiver has said that another sender has the SSRC.
#[derive(Debug, Clone, Copy)]
struct Taken {
    since: Instant,
    newest: Instant,
}

impl Taken {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.newest) >= FORGOTTEN_AFTER
    }
}

/// The newest packets, by their sequence numbers.
#[derive(Debug)]
struct Sent {
    newest: u16,
    /// The timestamp of a packet is at its sequence number modulo the length.
    timestamps: [Option<u32>; REMEMBERED],
}

impl Sent {
    fn note(&mut self, sequence_number: u16, timestamp: u32) {
        self.newest = sequence_number;
        self.timestamps[usize::from(sequence_number) % REMEMBERED] = Some(timestamp);
    }

    fn contains(&self, sequence_number: u16, timestamp: u32) -> bool {
        let age = usize::from(self.newest.wrapping_sub(sequence_number));
        let at = usize::from(sequence_number) % REMEMBERED;
        age < REMEMBERED && self.timestamps[at] == Some(timestamp)
    }
}

#[derive(Debug)]
pub(super) struct Feedback {
    ssrc: u32,
    sent: Sent,
    taken: Option<Taken>,
    reception: Reception,
    unanswered: Option<Unanswered>,
    round_trip: Option<Duration>,
    /// A clock that has not been echoed yet, and its arrival time.
    reference: Option<(Instant, TimeEcho)>,
    redundancy: Adaptation,
}

impl Feedback {
    /// Creates the feedback about the stream of `ssrc`.
    pub(super) fn new(ssrc: u32, least: Redundancy) -> Self {
        Self {
            ssrc,
            sent: Sent {
                newest: 0,
                timestamps: [None; REMEMBERED],
            },
            taken: None,
            reception: Reception::Unknown,
            unanswered: None,
            round_trip: None,
            reference: None,
            redundancy: Adaptation::new(least),
        }
    }

    /// Forgets the receiver, which may have changed. The redundancy stays, because the losses may be
    /// on this side.
    pub(super) fn forget_receiver(&mut self) {
        self.reception = Reception::Unknown;
        self.taken = None;
        self.unanswered = None;
        self.round_trip = None;
        self.reference = None;
    }

    /// Returns the number of earlier frames to carry now.
    pub(super) fn redundancy(&self) -> u8 {
        self.redundancy.current()
    }

    /// Remembers a packet that is sent.
    pub(super) fn note_sent(&mut self, sequence_number: u16, timestamp: u32) {
        self.sent.note(sequence_number, timestamp);
    }

    /// Goes on with another SSRC, of which the receiver knows nothing.
    pub(super) fn change_ssrc(&mut self, ssrc: u32) {
        self.ssrc = ssrc;
        self.forget_receiver();
    }

    /// Whether the receiver has said for long enough that another sender has the SSRC.
    pub(super) fn is_ssrc_taken(&self) -> bool {
        let lasts =
            |taken: Taken| taken.newest.saturating_duration_since(taken.since) >= BELIEVED_AFTER;
        self.taken.is_some_and(lasts)
    }

    pub(super) fn reception(&self, now: Instant) -> Reception {
        if self.taken.is_some_and(|taken| !taken.is_over(now)) {
            return Reception::SsrcTaken;
        }
        if self.is_unanswered(now) {
            return Reception::NoReports;
        }
        self.reception
    }

    /// Returns the round-trip time by the last report.
    pub(super) fn round_trip(&self, now: Instant) -> Option<Duration> {
        self.round_trip.filter(|_| !self.is_unanswered(now))
    }

    /// Notes that a report is sent at `now`, and returns the echo for it.
    pub(super) fn begin_report(&mut self, now: Instant) -> Option<TimeEcho> {
        let unanswered = self.unanswered.get_or_insert(Unanswered {
            since: now,
            reports: 0,
        });
        unanswered.reports = unanswered.reports.saturating_add(1);
        self.reference.take().map(|(arrival, echo)| TimeEcho {
            delay: ntp::short(now.saturating_duration_since(arrival)),
            ..echo
        })
    }

    /// Handles a datagram at `now`. `arrival` is its arrival by the clock of the own reports; `None`
    /// if that is not known precisely enough to measure with it.
    pub(super) fn handle_datagram(&mut self, now: Instant, arrival: Option<u64>, datagram: &[u8]) {
        if rtcp::parse(datagram, |_| ()).is_err() {
            return;
        }
        // It has just been parsed without an error.
        let _ = rtcp::parse(datagram, |item| match item {
            Item::ReceptionReport { report, .. } if report.ssrc == self.ssrc => {
                self.handle_report(now, arrival, &report);
            }
            Item::SsrcTaken(packet)
                if packet.ssrc == self.ssrc
                    && self.sent.contains(packet.sequence_number, packet.timestamp) =>
            {
                self.handle_ssrc_taken(now);
            }
            // Without a precise arrival, the wait would count as part of the round trip.
            Item::ReferenceTime { ssrc, ntp } if arrival.is_some() => {
                let echo = TimeEcho {
                    ssrc,
                    last: ntp::middle(ntp),
                    delay: 0,
                };
                self.reference = Some((now, echo));
            }
            _ => {}
        });
    }

    fn handle_ssrc_taken(&mut self, now: Instant) {
        let before = self.taken.filter(|taken| !taken.is_over(now));
        self.taken = Some(Taken {
            since: before.map_or(now, |taken| taken.since),
            newest: now,
        });
    }

    fn handle_report(&mut self, now: Instant, arrival: Option<u64>, report: &ReceptionReport) {
        self.reception = Reception::of(report.fraction_lost);
        self.unanswered = None;
        // A receiver that takes the stream does not turn it away.
        self.taken = None;
        self.redundancy.handle_loss(now, report.fraction_lost);
        let measured = arrival.and_then(|arrival| {
            ntp::round_trip(
                arrival,
                report.last_sender_report,
                report.delay_since_last_sender_report,
            )
        });
        self.round_trip = measured.or(self.round_trip);
    }

    fn is_unanswered(&self, now: Instant) -> bool {
        self.unanswered.is_some_and(|unanswered| {
            unanswered.reports >= UNANSWERED_REPORTS
                && now.saturating_duration_since(unanswered.since) >= UNANSWERED_FOR
        })
    }
}
