//! The state of play-out: the cursor, the samples before it, and which of them were missing.
//!
//! Always: the cursor goes back only where nothing has been decoded, and no sound is played twice: before
//! a packet that was awaited after a gap, the cursor passes over timestamps that were played, in silence.

use std::ops::Range;

use super::Next;
use super::queue::Queue;
use crate::sequence::Place;

/// Slots with only late packets after which the sender's clock is measured again.
const LATE_SLOTS_TO_RESYNC: u32 = 8;
/// Delay that a talkspurt's first packet may have beyond the target to be played from its start.
const MAX_LATE_ONSET: f64 = 2880.0;

/// The state while playing.
#[derive(Debug)]
pub(super) struct Playout {
    /// Timestamp of the next sample to decode.
    pub(super) cursor: i64,
    /// Decoded samples that have not been played: the playhead's distance from the cursor.
    pub(super) decoded: f64,
    /// Time at which the next slot is due, in samples.
    pub(super) next_slot: f64,
    /// Sequence number of the last decoded packet.
    pub(super) expected: i64,
    /// Timestamp from which nothing has been decoded; the next packet shows whether the sender was
    /// silent or packets were lost.
    pub(super) gap_start: Option<i64>,
    /// Timestamps at which sound was last found to be missing.
    pub(super) missed: Range<i64>,
    /// The cursor that would hold if the packet that is awaited after a gap came from a stall;
    /// `None` if none is awaited.
    pub(super) resumed_from: Option<i64>,
    /// Nothing is audible in this slot, so the cursor may still go back.
    pub(super) is_silent: bool,
    pub(super) arrived_in_slot: bool,
    pub(super) kept_in_slot: bool,
    pub(super) late_slots: u32,
}

impl Playout {
    /// Corrects the delay at once, in silence: the cursor passes no waiting packet forward. It
    /// passes played sound backward only to wait for the first packet after a gap: where the
    /// sender's clock stood still, more time must pass than there are timestamps.
    pub(super) fn place_in_silence(&mut self, ideal: f64, front: Option<f64>) {
        let wanted = match front {
            Some(front) if front < ideal => front.max(ideal - MAX_LATE_ONSET),
            _ => ideal,
        };
        let played = self.cursor - self.decoded.ceil() as i64;
        let floor = match self.resumed_from {
            Some(_) => i64::MIN,
            None => self.gap_start.unwrap_or(played),
        };
        let cursor = (wanted.floor() as i64).max(floor);
        self.decoded = 0.0;
        self.cursor = cursor;
    }

    /// Goes back to the start of the gap, because the packet that has come after it is to be played
    /// from its start.
    pub(super) fn resume(&mut self) {
        if let Some(gap_start) = self.gap_start {
            self.resumed_from.get_or_insert(self.cursor);
            self.cursor = gap_start;
        }
    }

    /// Whether sound that ends at `end` can no longer be played.
    pub(super) fn is_late(&self, end: i64) -> bool {
        let grace = if self.is_silent {
            MAX_LATE_ONSET as i64
        } else {
            0
        };
        end <= (self.cursor - grace).max(self.gap_start.unwrap_or(self.cursor))
    }

    /// Returns the timestamp before which everything was played or passed over.
    pub(super) fn played_until(&self) -> i64 {
        self.cursor.max(self.gap_start.unwrap_or(self.cursor))
    }

    /// Returns how much of the gap before a packet that has come was missing sound: at most the
    /// packets that its sequence number shows to be missing, and the part of itself that is late.
    /// The rest of the gap was the sender's silence.
    pub(super) fn resolve_gap(&mut self, place: Place, samples: i64) -> u64 {
        if place.sequence < self.expected {
            return 0;
        }
        let missing = (place.sequence - self.expected).saturating_mul(samples);
        self.expected = place.sequence + 1;
        let Some(gap_start) = self.gap_start else {
            return 0;
        };
        let cursor = self.played_until();
        let end = (place.timestamp + samples).clamp(gap_start, cursor);
        let start = place.timestamp.clamp(gap_start, cursor);
        self.gap_start = Some(end);
        if missing > 0 && start > gap_start {
            self.missed = gap_start..start;
        }
        ((start - gap_start).min(missing) + (end - start)) as u64
    }

    /// Whether nothing was decoded for this timestamp.
    pub(super) fn is_missing(&self, timestamp: i64) -> bool {
        self.missed.contains(&timestamp) || self.gap_start.is_some_and(|start| timestamp >= start)
    }

    /// Moves the cursor without decoding; the skipped part is neither silence nor loss.
    pub(super) fn pass_over(&mut self, queue: &Queue, cursor: i64) {
        (self.cursor, self.gap_start) = (cursor, None);
        if let Some(last) = queue.iter().take_while(|e| e.is_before(cursor)).last() {
            self.expected = self.expected.max(last.place.sequence + 1);
        }
    }

    pub(super) fn bridge<'a>(&mut self, samples: i64) -> Next<'a> {
        self.gap_start.get_or_insert(self.cursor);
        self.cursor += samples;
        Next::Gap {
            samples: samples as usize,
            fec: None,
        }
    }

    /// Whether so many slots had only late packets that the sender's clock must have changed.
    pub(super) fn only_late_packets(&mut self) -> bool {
        if self.kept_in_slot {
            self.late_slots = 0;
        } else if self.arrived_in_slot {
            self.late_slots += 1;
        }
        (self.arrived_in_slot, self.kept_in_slot) = (false, false);
        self.late_slots >= LATE_SLOTS_TO_RESYNC
    }
}
