//! Finds a packet's place in its stream and counts losses, duplicates and reordering.
//!
//! Sequence numbers and timestamps are unwrapped to 64 bits, so that no other module has to handle
//! a wrap. Counting follows RFC 3550 appendices A.1, A.3 and A.8. A packet of the stream that is no
//! sound (comfort noise, padding) occupies its number: it is neither sound nor lost.
//! Always: a packet that does not continue the stream changes nothing until a second one
//! continues *it* and the stream itself has fallen silent, so neither a forged packet nor a
//! second sender with the same SSRC can move an established stream.

mod numbers;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use self::numbers::{Number, Numbers};
use crate::rtp::Packet;
use crate::{SAMPLE_RATE, samples_in, seconds_between};

/// RFC 3550 appendix A.1: a larger step forward is a restart, not loss.
const MAX_DROPOUT: i64 = 3000;
/// RFC 3550 appendix A.1: a larger step back is a restart, not reordering. Also how far back
/// duplicates are recognised.
const MAX_MISORDER: i64 = 100;
/// Time since a stream's last packet below which it cannot have been restarted: longer than a few
/// lost packets, and short enough for a restarted sender to be audible within 200 ms.
const STILL_ACTIVE: Duration = Duration::from_millis(80);
/// Difference between a timestamp's advance and the elapsed time up to which a packet from another
/// address follows the stream: 200 ms, in samples.
const MAX_PLACE_SKEW: i64 = SAMPLE_RATE as i64 / 5;
/// Packets that may be missing before such a packet in addition to those that fit into the time.
const MAX_PLACE_STEPS: i64 = 4;
/// Time after which the packet that followed a stray says nothing about when the stray was sent.
pub(crate) const MAX_CANDIDATE_AGE: Duration = Duration::from_secs(1);
/// Largest difference between a timestamp's advance and the elapsed time, in samples.
const MAX_TIMESTAMP_SKEW: i64 = 2 * SAMPLE_RATE as i64;

/// A packet's place in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Unwrapped sequence number; those of packets without sound are left out of the count, so that
    /// a gap means loss.
    pub sequence: i64,
    /// Unwrapped RTP timestamp, in samples.
    pub timestamp: i64,
}

/// A packet's relation to the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It continues the stream.
    Continues(Place),
    /// It begins a new stream, so everything buffered must be forgotten.
    Restarts(Place),
    /// It continues the new stream that the last stray began, which has now its place, too.
    Confirms {
        /// The place of the stray.
        first: Place,
        /// The place of this packet.
        place: Place,
    },
    /// It arrived before.
    Duplicate,
    /// It does not fit; perhaps the first packet of a restarted sender, so it should be kept until
    /// the next one.
    Stray,
}

/// Counters of one SSRC's packets since its first one.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct ReceiveStats {
    pub received: u64,
    pub duplicate: u64,
    pub reordered: u64,
    /// Expected and not arrived (RFC 3550 appendix A.3), over all restarts.
    pub lost: u64,
    /// Interarrival jitter (RFC 3550 appendix A.8), in samples.
    pub jitter: f64,
}

/// Follows one SSRC through wraps, reordering, duplicates and restarts.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    stream: Option<Stream>,
    candidate: Option<Candidate>,
    stats: ReceiveStats,
}

#[derive(Debug)]
struct Stream {
    /// The newest packet of sound, with its own sequence number.
    newest: Place,
    newest_arrival: Instant,
    numbers: Numbers,
    last_transit: LastTransit,
}

/// The last packet whose transit time entered the jitter.
#[derive(Debug, Clone, Copy)]
struct LastTransit {
    timestamp: i64,
    arrival: Instant,
}

/// A packet that may be the first one of a restarted sender.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) sequence_number: u16,
    pub(crate) timestamp: u32,
    pub(crate) arrival: Instant,
}

impl Sequence {
    pub(crate) fn stats(&self) -> ReceiveStats {
        self.stats
    }

    /// Counts one packet and returns its relation to the stream.
    pub(crate) fn receive(&mut self, arrival: Instant, packet: &Packet<'_>) -> Verdict {
        self.stats.received += 1;
        self.receive_uncounted(arrival, packet)
    }

    fn receive_uncounted(&mut self, arrival: Instant, packet: &Packet<'_>) -> Verdict {
        let Some(stream) = &mut self.stream else {
            let first = Candidate::of(arrival, packet);
            return Verdict::Restarts(self.restart(first));
        };
        let step = stream.numbers.step_to(packet.sequence_number);
        let advance = stream.advance_to(packet.timestamp);
        if !stream.is_continued_by(arrival, step, advance) {
            return self.consider_restart(arrival, packet);
        }
        self.candidate = None;
        let own = Place {
            sequence: stream.numbers.highest + step,
            timestamp: stream.newest.timestamp + advance,
        };
        match stream.numbers.take(step) {
            Number::New { missing } => self.stats.lost += missing,
            Number::Missing => {
                self.stats.reordered += 1;
                self.stats.lost = self.stats.lost.saturating_sub(1);
            }
            Number::WithoutSound => self.stats.reordered += 1,
            Number::Arrived => {
                self.stats.duplicate += 1;
                return Verdict::Duplicate;
            }
        }
        if own.sequence > stream.newest.sequence {
            (stream.newest, stream.newest_arrival) = (own, arrival);
            stream.update_jitter(&mut self.stats.jitter, own.timestamp, arrival);
        }
        Verdict::Continues(Place {
            sequence: own.sequence - stream.numbers.without_sound_before(step),
            ..own
        })
    }

    /// Takes a packet of this SSRC that is no sound, and returns whether it lies within the stream. It
    /// then occupies its number and changes nothing else; a packet of sound with the same number still
    /// counts.
    pub(crate) fn occupy(
        &mut self,
        arrival: Instant,
        sequence_number: u16,
        timestamp: u32,
    ) -> bool {
        let Some(stream) = &mut self.stream else {
            return false;
        };
        let step = stream.numbers.step_to(sequence_number);
        let advance = stream.advance_to(timestamp);
        if !stream.is_near(arrival, step, advance) {
            return false;
        }
        match stream.numbers.occupy(step) {
            Number::New { missing } => self.stats.lost += missing,
            Number::Missing => self.stats.lost = self.stats.lost.saturating_sub(1),
            Number::WithoutSound | Number::Arrived => return false,
        }
        true
    }

    /// Whether a packet of sound came within the last 80 ms, so that the stream can't have been restarted.
    pub(crate) fn is_active(&self, now: Instant) -> bool {
        self.stream
            .as_ref()
            .is_some_and(|stream| stream.is_still_active(now))
    }

    /// Returns the arrival of the stream's newest packet of sound.
    pub(crate) fn newest_arrival(&self) -> Option<Instant> {
        self.stream.as_ref().map(|stream| stream.newest_arrival)
    }

    /// Whether a packet is a copy of one that arrived lately, by its numbers.
    pub(crate) fn has_arrived(&self, next: &Candidate) -> bool {
        self.would_continue(next)
            && self
                .stream
                .as_ref()
                .is_some_and(|stream| stream.numbers.has_arrived(next.sequence_number))
    }

    /// Whether a packet of sound would continue the stream.
    pub(crate) fn would_continue(&self, next: &Candidate) -> bool {
        self.stream.as_ref().is_some_and(|stream| {
            let step = stream.numbers.step_to(next.sequence_number);
            stream.is_continued_by(next.arrival, step, stream.advance_to(next.timestamp))
        })
    }

    /// Returns the place of a packet of `samples` whose numbers follow the stream's to within 200 ms of
    /// the time that has passed, and whether no packet's time lies free between the two; `None` if its
    /// numbers are any others. Only a sender that knows the stream's numbers meets them.
    pub(crate) fn place_of_next(&self, next: &Candidate, samples: i64) -> Option<(Place, bool)> {
        let stream = self.stream.as_ref()?;
        let step = stream.numbers.step_to(next.sequence_number);
        let advance = stream.advance_to(next.timestamp);
        let elapsed = samples_in(next.arrival.checked_duration_since(stream.newest_arrival)?);
        let most = (elapsed + MAX_PLACE_SKEW) / samples.max(1) + MAX_PLACE_STEPS;
        if !(1..=most).contains(&step) || advance <= 0 || (advance - elapsed).abs() > MAX_PLACE_SKEW
        {
            return None;
        }
        let place = Place {
            sequence: stream.numbers.highest + step - stream.numbers.without_sound_before(step),
            timestamp: stream.newest.timestamp + advance,
        };
        Some((place, advance == step * samples))
    }

    /// Makes the next packet start a new stream, whatever its numbers; the counters continue.
    pub(crate) fn forget_stream(&mut self) {
        (self.stream, self.candidate) = (None, None);
    }

    fn consider_restart(&mut self, arrival: Instant, packet: &Packet<'_>) -> Verdict {
        let now = Candidate::of(arrival, packet);
        let before = self.candidate.replace(now);
        let Some(before) = before.filter(|before| now.follows(*before)) else {
            return Verdict::Stray;
        };
        let stream = self.stream.as_ref();
        if stream.is_some_and(|stream| stream.is_still_active(arrival)) {
            return Verdict::Stray;
        }
        if before.arrival + MAX_CANDIDATE_AGE < arrival {
            return Verdict::Restarts(self.restart(now));
        }
        let first = self.restart(before);
        match self.receive_uncounted(arrival, packet) {
            Verdict::Continues(place) => Verdict::Confirms { first, place },
            // It follows the candidate, so it continues the stream that begins there.
            other => other,
        }
    }

    fn restart(&mut self, first: Candidate) -> Place {
        let place = Place {
            sequence: i64::from(first.sequence_number),
            timestamp: i64::from(first.timestamp),
        };
        self.candidate = None;
        self.stream = Some(Stream {
            newest: place,
            newest_arrival: first.arrival,
            numbers: Numbers::new(place.sequence),
            last_transit: LastTransit {
                timestamp: place.timestamp,
                arrival: first.arrival,
            },
        });
        place
    }

    /// Returns the highest sequence number, unwrapped.
    pub(crate) fn highest_sequence(&self) -> Option<i64> {
        self.stream.as_ref().map(|stream| stream.numbers.highest)
    }
}

impl Stream {
    /// Returns the samples from the newest packet of sound to a timestamp.
    fn advance_to(&self, timestamp: u32) -> i64 {
        i64::from(timestamp.wrapping_sub(self.newest.timestamp as u32) as i32)
    }

    /// Whether a packet of sound fits, `step` numbers after the highest and `advance` samples after
    /// the newest one of sound.
    fn is_continued_by(&self, arrival: Instant, step: i64, advance: i64) -> bool {
        if !(-MAX_MISORDER..=MAX_DROPOUT).contains(&step) {
            return false;
        }
        let later = self.numbers.highest + step - self.newest.sequence;
        match later {
            0 => advance == 0,
            // Without the time that has passed, which takes longer to compute, nearly all fit.
            1.. => {
                (1..=MAX_TIMESTAMP_SKEW).contains(&advance)
                    || 0 < advance && advance <= self.latest_advance(arrival)
            }
            _ => (-MAX_TIMESTAMP_SKEW..0).contains(&advance),
        }
    }

    /// Whether a packet without sound lies within the stream. Its timestamp may repeat another one.
    fn is_near(&self, arrival: Instant, step: i64, advance: i64) -> bool {
        (-MAX_MISORDER..=MAX_MISORDER).contains(&step)
            && (-MAX_TIMESTAMP_SKEW..=self.latest_advance(arrival)).contains(&advance)
    }

    fn latest_advance(&self, arrival: Instant) -> i64 {
        samples_in(arrival.saturating_duration_since(self.newest_arrival)) + MAX_TIMESTAMP_SKEW
    }

    fn is_still_active(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.newest_arrival) < STILL_ACTIVE
    }

    fn update_jitter(&mut self, jitter: &mut f64, timestamp: i64, arrival: Instant) {
        let before = std::mem::replace(&mut self.last_transit, LastTransit { timestamp, arrival });
        let sent_apart = (timestamp - before.timestamp) as f64;
        let arrived_apart = seconds_between(before.arrival, arrival) * f64::from(SAMPLE_RATE);
        *jitter += ((arrived_apart - sent_apart).abs() - *jitter) / 16.0;
    }
}

impl Candidate {
    pub(crate) fn of(arrival: Instant, packet: &Packet<'_>) -> Self {
        Self {
            sequence_number: packet.sequence_number,
            timestamp: packet.timestamp,
            arrival,
        }
    }

    /// Whether it follows `before`, with up to three lost packets in between.
    pub(crate) fn follows(self, before: Self) -> bool {
        follows(
            (before.sequence_number, before.timestamp),
            (self.sequence_number, self.timestamp),
        )
    }
}

/// Returns whether a packet follows another one of an unknown stream, with up to three lost packets
/// in between. Both are given by sequence number and timestamp.
pub(crate) fn follows(before: (u16, u32), packet: (u16, u32)) -> bool {
    let step = packet.0.wrapping_sub(before.0);
    let advance = packet.1.wrapping_sub(before.1);
    (1..=4).contains(&step) && (1..=SAMPLE_RATE).contains(&advance)
}
