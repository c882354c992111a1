//! What comes back from the receiver: whether and how well the stream is heard, how long the way
//! is, and the receiver's clock, which is echoed (RFC 3550 section 6.4, RFC 3611 sections 4.4, 4.5).
//!
//! Nobody proves who he is here, so all of it is information; the worst that a forged report does
//! is to have every frame sent four times.
//! Always: reports of other streams, and datagrams with any fault, change nothing; a receiver that
//! never answers is no error.

use std::time::{Duration, Instant};

use super::redundancy::{Adaptation, Redundancy};
use crate::rtcp::{self, Item, ReceptionReport, TimeEcho, ntp};

/// So many reports of ours without an answer, and so long after the first of them: nobody hears.
/// A computer that has slept has not waited for an answer meanwhile.
const UNANSWERED_REPORTS: u32 = 3;
const UNANSWERED_FOR: Duration = Duration::from_secs(15);

/// What the receiver's reports say about the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reception {
    /// No report has come, and it is too early to conclude anything.
    #[default]
    Unknown,
    /// Less than 1 % is lost.
    Good,
    /// Packets were lost between the receiver's last two reports.
    Losing {
        /// 1 to 100.
        percent: u8,
    },
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

/// Reports that went out since the last answer.
#[derive(Debug, Clone, Copy)]
struct Unanswered {
    since: Instant,
    reports: u32,
}

#[derive(Debug)]
pub(super) struct Feedback {
    ssrc: u32,
    reception: Reception,
    unanswered: Option<Unanswered>,
    round_trip: Option<Duration>,
    /// A clock that is not echoed yet, and when it came.
    reference: Option<(Instant, TimeEcho)>,
    redundancy: Adaptation,
}

impl Feedback {
    /// About the stream of this SSRC.
    pub(super) fn new(ssrc: u32, least: Redundancy) -> Self {
        Self {
            ssrc,
            reception: Reception::Unknown,
            unanswered: None,
            round_trip: None,
            reference: None,
            redundancy: Adaptation::new(least),
        }
    }

    /// The receiver may be another one from now on. What was lost may be lost again.
    pub(super) fn forget_receiver(&mut self) {
        self.reception = Reception::Unknown;
        self.unanswered = None;
        self.round_trip = None;
        self.reference = None;
    }

    /// How many earlier frames a packet carries now.
    pub(super) fn redundancy(&self) -> u8 {
        self.redundancy.current()
    }

    pub(super) fn reception(&self, now: Instant) -> Reception {
        if self.is_unanswered(now) {
            return Reception::NoReports;
        }
        self.reception
    }

    /// How long the way there and back takes, by the last report.
    pub(super) fn round_trip(&self, now: Instant) -> Option<Duration> {
        self.round_trip.filter(|_| !self.is_unanswered(now))
    }

    /// A report goes out at `now`; the answer is what it echoes.
    pub(super) fn begin_report(&mut self, now: Instant) -> Option<TimeEcho> {
        let unanswered = self.unanswered.get_or_insert(Unanswered {
            since: now,
            reports: 0,
        });
        unanswered.reports = unanswered.reports.saturating_add(1);
        self.reference.take().map(|(came_at, echo)| TimeEcho {
            delay: ntp::short(now.saturating_duration_since(came_at)),
            ..echo
        })
    }

    /// Takes a datagram at `now`; by the clock of our reports it came at `arrival`, unless that is
    /// not known well enough to measure by it.
    pub(super) fn handle_datagram(&mut self, now: Instant, arrival: Option<u64>, datagram: &[u8]) {
        if rtcp::parse(datagram, |_| ()).is_err() {
            return;
        }
        // It has just been read without a fault.
        let _ = rtcp::parse(datagram, |item| match item {
            Item::ReceptionReport { report, .. } if report.ssrc == self.ssrc => {
                self.handle_report(now, arrival, &report);
            }
            // The other side would take the wait for a part of the way.
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

    fn handle_report(&mut self, now: Instant, arrival: Option<u64>, report: &ReceptionReport) {
        self.reception = Reception::of(report.fraction_lost);
        self.unanswered = None;
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
