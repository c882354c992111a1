//! Decides from a stream's packets whether they are Opus.
//!
//! Nothing in RTP says which codec a sender uses, and nearly every sequence of bytes decodes to some
//! noise. So each packet is compared with the one before it, by its framing, its table of contents
//! (TOC) and its timestamp, and contradictions add up. A stream is heard from its first packet, until
//! the contradictions withhold it from the mixes. It comes back when it has been consistent for a
//! while.
//!
//! Always: no single contradiction withholds a stream; only packets of the stream that come from its
//! sender's address are evidence.

mod multistream;

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use self::multistream::Chains;
use crate::framing::Framing;
use crate::rtp::Packet;
use crate::{samples, samples_in};

/// Points of a contradiction that no encoder and no packetizer makes.
const IMPOSSIBLE: u32 = 4;
/// Points of a coincidence that is rare in Opus.
const UNLIKELY: u32 = 3;

/// Points of a change of the TOC that comes together with a short gap.
const UNUSUAL: u32 = 2;
/// Points that withhold a stream on trial.
const TRIAL_LIMIT: u32 = 7;
/// Points that withhold a stream that has been consistent for a while.
const TRUSTED_LIMIT: u32 = 12;
/// Consistent sound that outweighs a point, in samples.
const FORGIVING: usize = samples(80.0);
/// Consistent packets in a row that end the trial, or bring a withheld stream back. Long packets
/// need not be as many: see [`PROOF_TIME`].
const PROOF_PACKETS: u32 = 50;
/// Consistent sound that proves as much, in at least [`FEWEST_PROOFS`] packets.
const PROOF_TIME: usize = samples(1000.0);
/// The fewest packets that prove something.
const FEWEST_PROOFS: u32 = 16;
/// Samples by which timestamps may fall behind the packets' durations. GStreamer leaves out the
/// encoder's look-ahead of 6.5 ms once; timestamps that were kept in milliseconds jitter by one.
const MAX_OVERLAP: i64 = samples(10.0) as i64;
/// Samples of a gap that no encoder leaves before one packet after the other: 5 to 100 ms. Shorter
/// ones are jitter of the timestamps, and in DTX a packet comes every 400 ms.
const SHORT_GAP: RangeInclusive<i64> = samples(5.0) as i64..=samples(100.0) as i64;
/// Packets within which two changes of the TOC are unlikely.
const CHANGES_APART: u32 = 3;
/// Bytes of a SILK frame per 10 ms beyond those of any encoder: 320 kbit/s. libopus makes up to 304.
const MAX_SILK_BYTES: usize = 400;
/// Bytes of a SILK frame per 10 ms beyond those of nearly every encoder.
const MANY_SILK_BYTES: usize = 200;
/// Bytes of a CELT frame per 10 ms beyond the bitrates that people use: 1 Mbit/s.
const MANY_CELT_BYTES: usize = 1250;

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Probation {
    state: State,
    points: u32,
    last: Option<Last>,
    /// Samples by which timestamps have fallen behind the packets' durations.
    overlap: i64,
    /// Changes of the TOC to something new that came soon after each other. libopus makes three when
    /// it begins or when sound and bitrate change, and then goes to and fro between those.
    changes: u32,
    /// The last kinds of packets before the present one.
    earlier_kinds: [u8; 3],
    /// Packets since the last of them.
    since_change: u32,
    /// Packets in a row with a gap before them.
    gaps: u32,
    /// Samples of consistent packets that have not outweighed a point.
    consistent: usize,
    chains: Chains,
    /// Whether it is withheld as multistream.
    has_many_streams: bool,
    proof: Proof,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    OnTrial,
    Trusted,
    Withheld,
}

/// The newest packet.
#[derive(Debug, Clone, Copy)]
struct Last {
    sequence_number: u16,
    timestamp: u32,
    samples: i64,
    /// Configuration and channels.
    kind: u8,
}

/// Consistent packets in a row.
#[derive(Debug, Default, Clone, Copy)]
struct Proof {
    packets: u32,
    samples: usize,
    began: Option<Instant>,
}

impl Probation {
    /// Whether the stream must stay out of the mixes.
    pub(crate) fn is_withheld(&self) -> bool {
        self.state == State::Withheld
    }

    /// Begins with another stream of the same sender. A withheld one stays withheld, so that a sender
    /// that pauses is not heard again after each pause.
    pub(crate) fn restart(&mut self) {
        *self = Self {
            has_many_streams: self.has_many_streams,
            state: match self.state {
                State::Withheld => State::Withheld,
                State::OnTrial | State::Trusted => State::OnTrial,
            },
            ..Self::default()
        };
    }

    /// Takes a packet of the stream that is not Opus by its framing.
    pub(crate) fn take_malformed(&mut self) {
        self.proof = Proof::default();
        if self.state == State::OnTrial && self.chains.is_likely() {
            // A packet of several streams is malformed where its frames ought to have one length.
            self.accuse(TRIAL_LIMIT);
        } else {
            self.accuse(IMPOSSIBLE);
        }
    }

    /// Takes a packet of the stream; `own` is its Opus packet without redundancy.
    #[inline]
    pub(crate) fn take(
        &mut self,
        arrival: Instant,
        packet: &Packet<'_>,
        own: &[u8],
        framing: &Framing,
    ) {
        let now = Last {
            sequence_number: packet.sequence_number,
            timestamp: packet.timestamp,
            samples: framing.samples as i64,
            kind: own[0] >> 2,
        };
        if self.is_as_trusted(&now) && size_points(own[0], framing, false) == 0 {
            (self.last, self.gaps) = (Some(now), 0);
            self.since_change = self.since_change.saturating_add(1);
        } else {
            self.judge(arrival, now, own, framing);
        }
    }

    #[inline(never)]
    fn judge(&mut self, arrival: Instant, now: Last, own: &[u8], framing: &Framing) {
        let points = match self.last {
            Some(last) => match now.step_from(&last) {
                // Out of order.
                i16::MIN..=0 => return,
                step => self.points_after(&last, &now, step),
            },
            None => 0,
        };
        self.last = Some(now);
        let points = points + size_points(own[0], framing, points > 0);
        if self.is_multistream(own, framing.samples) {
            self.has_many_streams = true;
            self.accuse(TRUSTED_LIMIT);
        } else if points > 0 {
            self.accuse(points);
        } else {
            self.forgive(framing.samples);
        }
        self.prove(arrival, framing.samples, points);
    }

    /// Whether a packet of a stream without a doubt continues it exactly, as nearly all do.
    fn is_as_trusted(&self, now: &Last) -> bool {
        self.state == State::Trusted
            && self.points == 0
            && self.last.is_some_and(|last| {
                now.sequence_number == last.sequence_number.wrapping_add(1)
                    && i64::from(now.timestamp.wrapping_sub(last.timestamp)) == last.samples
                    && now.kind == last.kind
            })
    }

    /// Points of a packet, by the one before it.
    fn points_after(&mut self, last: &Last, now: &Last, step: i16) -> u32 {
        let advance = i64::from(now.timestamp.wrapping_sub(last.timestamp) as i32);
        let mut points = 0;
        // Packets between the two had a duration, too, but it is unknown.
        self.overlap = (self.overlap + last.samples - advance).max(0);
        if self.overlap > MAX_OVERLAP {
            self.overlap = 0;
            points += IMPOSSIBLE;
        }
        let is_gap = step == 1 && SHORT_GAP.contains(&(advance - last.samples));
        self.gaps = if is_gap { self.gaps + 1 } else { 0 };
        if self.gaps > 1 {
            points += UNLIKELY;
        }
        self.since_change = self.since_change.saturating_add(1);
        if now.kind != last.kind && !self.earlier_kinds.contains(&now.kind) {
            let is_soon = std::mem::take(&mut self.since_change) < CHANGES_APART;
            self.changes = if is_soon { self.changes + 1 } else { 1 };
            let [_, second, third] = self.earlier_kinds;
            self.earlier_kinds = [second, third, last.kind];
            points += self.changes.min(IMPOSSIBLE);
            if is_gap {
                points += UNUSUAL;
            }
        }
        points
    }

    /// Looks for several streams in one packet, unless the stream is known to have one.
    fn is_multistream(&mut self, own: &[u8], samples: usize) -> bool {
        self.state != State::Trusted && self.chains.take(own, samples)
    }

    fn accuse(&mut self, points: u32) {
        let limit = match self.state {
            State::OnTrial => TRIAL_LIMIT,
            State::Trusted | State::Withheld => TRUSTED_LIMIT,
        };
        self.points = (self.points + points).min(limit);
        if self.points == limit {
            self.state = State::Withheld;
            self.proof = Proof::default();
        }
    }

    /// Takes back points for consistent sound.
    fn forgive(&mut self, samples: usize) {
        self.consistent += samples;
        let points = (self.consistent / FORGIVING) as u32;
        self.consistent %= FORGIVING;
        self.points = self.points.saturating_sub(points);
    }

    /// Counts consistent packets, and draws the conclusion.
    fn prove(&mut self, arrival: Instant, samples: usize, points: u32) {
        if self.state == State::Trusted {
            return;
        }
        if points > 1 || self.has_many_streams && self.chains.is_suspect() {
            self.proof = Proof::default();
            return;
        }
        if self.state == State::OnTrial && self.chains.is_likely() {
            // Several streams that are silent repeat themselves, which must not end the trial.
            return;
        }
        self.proof.packets += 1;
        self.proof.samples += samples;
        let began = *self.proof.began.get_or_insert(arrival);
        if self
            .proof
            .is_enough(arrival.saturating_duration_since(began))
        {
            (self.state, self.points) = (State::Trusted, 0);
            self.has_many_streams = false;
        }
    }
}

impl Last {
    fn step_from(&self, before: &Self) -> i16 {
        self.sequence_number.wrapping_sub(before.sequence_number) as i16
    }
}

impl Proof {
    /// Whether it is long enough, and its sound as long as the time in which it came.
    fn is_enough(&self, took: Duration) -> bool {
        let is_long = self.packets >= FEWEST_PROOFS && self.samples >= PROOF_TIME
            || self.packets >= PROOF_PACKETS && self.samples >= PROOF_TIME / 2;
        is_long && samples_in(took) >= self.samples as i64 / 2
    }
}

/// Points of a packet's size: SILK that no encoder makes, and in doubt a bitrate that nobody uses.
fn size_points(toc: u8, framing: &Framing, is_doubtful: bool) -> u32 {
    let is_silk = toc >> 3 < 12;
    let is_beyond =
        |bytes_in_10_ms| framing.frame_bytes * samples(10.0) > bytes_in_10_ms * framing.samples;
    if is_silk && is_beyond(MAX_SILK_BYTES) || is_doubtful && is_beyond(MANY_CELT_BYTES) {
        IMPOSSIBLE
    } else if is_silk && is_doubtful && is_beyond(MANY_SILK_BYTES) {
        // libopus makes one such packet when length and bitrate change at once.
        UNLIKELY
    } else {
        0
    }
}
