//! Turns one source's bursty, reordered, lossy packets into one frame per slot.
//!
//! Holds encoded payloads only, in the order of their RTP timestamps: decoding waits for
//! play-out, so that packets are decoded in order and a gap is concealed by the decoder that
//! knows the past. The cursor is the timestamp of the next sample to be decoded.
//!
//! Always: never looks at a clock; never holds more than the queue's capacity; the cursor goes
//! on in every slot, heard or not, so what a stall delays is dropped and not played late; no
//! allocation once the payload buffers have grown to the sender's packet size.

mod queue;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use self::queue::{Entry, Queue};
use crate::sequence::Place;
use crate::{SLOT, SLOT_SAMPLES, samples_in, seconds_between};

/// Over how long the waiting times of packets are averaged before the delay is judged,
const JUDGE_EVERY: Duration = Duration::from_secs(1);
/// and over how many at least: in a pause, whose few packets show a drift all the same, that
/// takes longer.
const JUDGE_MIN_PACKETS: u32 = 5;
/// How far the mean wait may be off its target before it is put right.
const TOLERANCE: Duration = SLOT;
/// In so many judgements in a row the wait must be off before sound is cut or stretched for it.
const JUDGEMENTS_IN_SOUND: u32 = 2;
/// How late a packet counts at most in the mean wait.
const MAX_LATENESS: Duration = Duration::from_millis(60);
/// Slots in which packets arrived, but only late ones, until the sender's clock is taken anew.
const LATE_SLOTS_TO_RESYNC: u32 = 8;

/// What the decoder shall do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<'a> {
    /// Decode this packet and leave out its first `skip` samples.
    Packet { payload: &'a [u8], skip: usize },
    /// Bridge this many samples: the packet is lost or late, or the sender is silent.
    Gap(usize),
    /// The delay was too long and a part is left out: join the two ends without a click.
    Jump,
    /// Nothing has been heard of this source, or not enough to begin.
    Idle,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// It waits for its slot.
    Kept,
    /// Its slot has passed.
    Late,
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct JitterBuffer {
    target: Duration,
    queue: Queue,
    playout: Option<Playout>,
    /// The payload handed out last; its buffer is reused.
    current: Vec<u8>,
    late: u64,
    concealed_samples: u64,
    mean_wait: Duration,
}

/// The state while playing.
#[derive(Debug)]
struct Playout {
    /// Timestamp of the next sample to decode.
    cursor: i64,
    /// Decoded and not yet played, in samples: the listener is so far behind the cursor.
    decoded: i64,
    /// When the next slot is due.
    next_slot: Instant,
    /// The sequence number that continues what was decoded.
    expected: i64,
    /// Since this timestamp nothing has been decoded; what arrives next tells whether the
    /// sender was silent or the network lost something.
    gap_start: Option<i64>,
    waits: Waits,
    arrived_in_slot: bool,
    kept_in_slot: bool,
    late_slots: u32,
}

/// How long packets wait between their arrival and their play-out.
#[derive(Debug)]
struct Waits {
    since: Instant,
    sum_s: f64,
    count: u32,
    judgements_off: u32,
    /// Samples to leave out (positive) or to put in (negative).
    correction: i64,
}

impl JitterBuffer {
    /// Packets shall wait `target` on average.
    pub(crate) fn new(target: Duration) -> Self {
        Self {
            target,
            queue: Queue::default(),
            playout: None,
            current: Vec::new(),
            late: 0,
            concealed_samples: 0,
            mean_wait: Duration::ZERO,
        }
    }

    /// Packets that arrived when their slot had passed.
    pub(crate) fn late(&self) -> u64 {
        self.late
    }

    /// Samples that were bridged because their packet was lost or late; silence is none.
    pub(crate) fn concealed_samples(&self) -> u64 {
        self.concealed_samples
    }

    /// The mean time between a packet's arrival and its play-out, of about the last second.
    pub(crate) fn mean_wait(&self) -> Duration {
        self.mean_wait
    }

    /// Drops everything and begins anew with the next packet.
    pub(crate) fn restart(&mut self) {
        self.queue.clear();
        self.playout = None;
    }

    /// Stores a packet of `samples` (never a duplicate: the caller has told those apart).
    pub(crate) fn insert(
        &mut self,
        arrival: Instant,
        place: Place,
        samples: usize,
        payload: &[u8],
    ) -> Inserted {
        let samples = samples as i64;
        if let Some(playout) = &mut self.playout {
            playout.note_arrival(arrival, place.timestamp);
            if place.timestamp + samples <= playout.cursor {
                self.late += 1;
                self.concealed_samples += playout.resolve_gap(place, samples);
                return Inserted::Late;
            }
            playout.kept_in_slot = true;
        }
        self.queue.insert(arrival, place, samples, payload);
        while self.queue.is_overfull() {
            self.drop_oldest();
        }
        Inserted::Kept
    }

    /// Begins the slot that is due at `due`.
    pub(crate) fn begin_slot(&mut self, due: Instant) {
        if let Some(playout) = &mut self.playout {
            playout.next_slot = due + SLOT;
            if playout.only_late_packets() {
                self.restart();
            } else {
                self.judge_wait(due);
            }
        } else {
            self.start_playing(due);
        }
    }

    /// What comes next; `wanted` samples are missing in this slot.
    pub(crate) fn next(&mut self, wanted: usize) -> Next<'_> {
        let Some(playout) = &mut self.playout else {
            return Next::Idle;
        };
        if playout.waits.correction > 0 {
            return self.leave_out();
        }
        if let Some(gap) = playout.put_in(wanted as i64) {
            return Next::Gap(gap);
        }
        while self
            .queue
            .front()
            .is_some_and(|e| e.is_before(playout.cursor))
        {
            self.queue.drop_front();
        }
        match self.queue.front() {
            Some(entry) if entry.place.timestamp <= playout.cursor => self.take_front(),
            Some(entry) => {
                let gap = (entry.place.timestamp - playout.cursor).min(wanted as i64);
                Next::Gap(playout.bridge(gap))
            }
            None => Next::Gap(playout.bridge(wanted as i64)),
        }
    }

    /// Ends the slot; `decoded` samples are decoded and wait for the next one.
    pub(crate) fn end_slot(&mut self, decoded: usize) {
        if let Some(playout) = &mut self.playout {
            playout.decoded = decoded as i64;
        }
    }

    /// Passes over slots that nobody heard, so that the delay stays what it was. The caller
    /// drops as much of what it has decoded.
    pub(crate) fn skip_samples(&mut self, samples: i64) {
        if let Some(playout) = &mut self.playout {
            let cursor = playout
                .cursor
                .max(playout.cursor - playout.decoded + samples);
            playout.decoded = (playout.decoded - samples).max(0);
            playout.pass_over(&self.queue, cursor);
        }
    }

    fn drop_oldest(&mut self) {
        self.queue.drop_front();
        if let (Some(playout), Some(front)) = (&mut self.playout, self.queue.front()) {
            playout.cursor = playout.cursor.max(front.place.timestamp);
            playout.expected = playout.expected.max(front.place.sequence);
        }
    }

    /// Begins with the packet that has waited nearest to the target, measured by the least
    /// delayed packet: after a burst that is not the first one.
    fn start_playing(&mut self, due: Instant) {
        let age = |e: &Entry| samples_in(due.saturating_duration_since(e.arrival));
        let Some(live) = self.queue.iter().map(|e| e.place.timestamp + age(e)).max() else {
            return;
        };
        let wanted = live - samples_in(self.target) - SLOT_SAMPLES as i64 / 2;
        if self
            .queue
            .front()
            .is_some_and(|e| e.place.timestamp > wanted + SLOT_SAMPLES as i64)
        {
            return;
        }
        while self.queue.len() > 1
            && self
                .queue
                .front()
                .is_some_and(|e| e.place.timestamp < wanted)
        {
            self.queue.drop_front();
        }
        let Some(&Place {
            sequence,
            timestamp,
        }) = self.queue.front().map(|e| &e.place)
        else {
            return;
        };
        self.playout = Some(Playout {
            cursor: timestamp,
            decoded: 0,
            next_slot: due + SLOT,
            expected: sequence,
            gap_start: None,
            waits: Waits::new(due),
            arrived_in_slot: false,
            kept_in_slot: false,
            late_slots: 0,
        });
        self.mean_wait = self.target;
    }

    fn take_front(&mut self) -> Next<'_> {
        let (Some(playout), Some(entry)) = (&mut self.playout, self.queue.pop_front()) else {
            return Next::Idle;
        };
        self.concealed_samples += playout.resolve_gap(entry.place, entry.samples);
        let skip = playout.cursor - entry.place.timestamp;
        playout.cursor = entry.place.timestamp + entry.samples;
        playout.gap_start = None;
        let played = std::mem::replace(&mut self.current, entry.payload);
        self.queue.recycle(played);
        Next::Packet {
            payload: &self.current,
            skip: skip as usize,
        }
    }

    /// Compares the mean wait with its target; puts it right in a pause at once, in sound when
    /// it stays wrong.
    fn judge_wait(&mut self, due: Instant) {
        let Some(playout) = &mut self.playout else {
            return;
        };
        let in_pause = playout.gap_start.is_some() && self.queue.is_empty();
        let Some(mean_s) = playout.waits.mean_if_due(due) else {
            return;
        };
        self.mean_wait = Duration::from_secs_f64(mean_s.max(0.0));
        let off_s = mean_s - self.target.as_secs_f64();
        if off_s.abs() <= TOLERANCE.as_secs_f64() {
            playout.waits.judgements_off = 0;
            return;
        }
        playout.waits.judgements_off += 1;
        if in_pause || playout.waits.judgements_off >= JUDGEMENTS_IN_SOUND {
            // Whole slots, so that packets of one slot go on to be played whole.
            let slots = (off_s / SLOT.as_secs_f64()).round() as i64;
            playout.waits.correction = slots * SLOT_SAMPLES as i64;
            playout.waits.judgements_off = 0;
        }
    }

    fn leave_out(&mut self) -> Next<'_> {
        if let Some(playout) = &mut self.playout {
            let cursor = playout.cursor + std::mem::take(&mut playout.waits.correction);
            playout.pass_over(&self.queue, cursor);
        }
        Next::Jump
    }
}

impl Playout {
    /// Notes how long before its slot a packet came: the slot that decodes its first sample, for
    /// a short packet that plays late in its slot must be here when the slot begins.
    fn note_arrival(&mut self, arrival: Instant, timestamp: i64) {
        self.arrived_in_slot = true;
        let ahead = timestamp - (self.cursor - self.decoded);
        let slots = ahead.div_euclid(SLOT_SAMPLES as i64);
        self.waits
            .add(seconds_between(arrival, self.next_slot) + slots as f64 * SLOT.as_secs_f64());
    }

    /// A packet has come: how much of the gap before it was sound that is missing now?
    /// At most the packets that its sequence number shows to be missing, and the part of itself
    /// for which it is late; the rest of the gap was the sender's silence.
    fn resolve_gap(&mut self, place: Place, samples: i64) -> u64 {
        if place.sequence < self.expected {
            return 0;
        }
        let missing = (place.sequence - self.expected).saturating_mul(samples);
        self.expected = place.sequence + 1;
        let Some(gap_start) = self.gap_start else {
            return 0;
        };
        let end = (place.timestamp + samples).clamp(gap_start, self.cursor);
        let start = place.timestamp.clamp(gap_start, self.cursor);
        self.gap_start = Some(end);
        ((start - gap_start).min(missing) + (end - start)) as u64
    }

    /// Moves the cursor without decoding; what lies between is neither silence nor loss.
    fn pass_over(&mut self, queue: &Queue, cursor: i64) {
        (self.cursor, self.gap_start) = (cursor, None);
        if let Some(last) = queue.iter().take_while(|e| e.is_before(cursor)).last() {
            self.expected = self.expected.max(last.place.sequence + 1);
        }
    }

    fn bridge(&mut self, samples: i64) -> usize {
        self.gap_start.get_or_insert(self.cursor);
        self.cursor += samples;
        samples as usize
    }

    /// Part of a correction that makes the delay longer: the cursor stays where it is.
    fn put_in(&mut self, wanted: i64) -> Option<usize> {
        if self.waits.correction >= 0 {
            return None;
        }
        let samples = wanted.min(-self.waits.correction);
        self.waits.correction += samples;
        Some(samples as usize)
    }

    /// Whether for so long only late packets came that the sender's clock must have changed.
    fn only_late_packets(&mut self) -> bool {
        if self.kept_in_slot {
            self.late_slots = 0;
        } else if self.arrived_in_slot {
            self.late_slots += 1;
        }
        (self.arrived_in_slot, self.kept_in_slot) = (false, false);
        self.late_slots >= LATE_SLOTS_TO_RESYNC
    }
}

impl Waits {
    fn new(since: Instant) -> Self {
        Self {
            since,
            sum_s: 0.0,
            count: 0,
            judgements_off: 0,
            correction: 0,
        }
    }

    fn add(&mut self, wait_s: f64) {
        // What a stall delayed says nothing about the delay; being late for ever is not judged
        // here but answered by taking the sender's clock anew.
        self.sum_s += wait_s.max(-MAX_LATENESS.as_secs_f64());
        self.count += 1;
    }

    fn mean_if_due(&mut self, now: Instant) -> Option<f64> {
        let long_enough = now.saturating_duration_since(self.since) >= JUDGE_EVERY;
        if !long_enough || self.count < JUDGE_MIN_PACKETS {
            return None;
        }
        let mean = self.sum_s / f64::from(self.count);
        (self.since, self.sum_s, self.count) = (now, 0.0, 0);
        Some(mean)
    }
}
