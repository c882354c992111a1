//! Turns one source's bursty, reordered, lossy packets into one frame per slot.
//!
//! It holds encoded payloads only, in the order of their RTP timestamps: decoding waits for
//! play-out, so that packets are decoded in order and the decoder that knows the past conceals
//! gaps. The cursor is the timestamp of the next sample to decode. The source holds the decoded
//! samples that have not been played; the playhead lies that many samples before the cursor.
//!
//! Contract with the source, once per slot: [`JitterBuffer::begin_slot`]; then
//! [`JitterBuffer::next`] until enough samples are decoded, each call moving the cursor; then
//! [`JitterBuffer::end_slot`] with the number of samples that the source still holds, from which
//! this buffer knows the playhead. Around [`JitterBuffer::leap`] and
//! [`JitterBuffer::skip_samples`] the source drops its samples as those methods say.
//!
//! The playout delay is the time from the arrival of a packet that met no queue to its play-out.
//! Each slot reports how far the delay is off its target; the source corrects it by time-scaling,
//! and this buffer in silence, where no correction is audible.
//!
//! Always: never looks at a clock; never holds more than the queue's capacity; the cursor moves
//! on in every slot, so packets delayed by a stall are dropped and not played late; no allocation
//! once the payload buffers have grown to the sender's packet size.

mod lateness;
mod network;
mod playout;
mod queue;
#[cfg(test)]
mod tests;
mod transit;

use std::time::{Duration, Instant};

use self::network::Network;
use self::playout::Playout;
use self::queue::{Entry, Queue};
use crate::sequence::Place;
use crate::{SAMPLE_RATE, SLOT_SAMPLES, codec, samples, seconds_between};

/// Samples per second, the unit of all times here.
const SECOND: f64 = SAMPLE_RATE as f64;
/// Granularity of libopus' concealment, in samples.
pub(crate) const CONCEAL_STEP: usize = samples(2.5);
/// Longest frame that in-band FEC carries, in samples.
const MAX_FEC: i64 = samples(60.0) as i64;
/// Delay that a new sender's first packet may have to be played from its start: the second packet came
/// up to 120 ms after it.
const MAX_LATE_BEGINNING: f64 = samples(120.0) as f64;
/// Delay below which the missing start of that packet is not worth a longer delay.
const MIN_LATE_BEGINNING: f64 = samples(2.5) as f64;

/// The decoder's next step.
#[derive(Debug, PartialEq)]
pub(crate) enum Next<'a> {
    /// Decode this packet and drop its first `skip` samples.
    Packet { payload: &'a [u8], skip: usize },
    /// Bridge this many samples: the packet is lost or late, or the sender is silent. `fec` is the
    /// packet right after them if it carries them as in-band FEC.
    Gap {
        samples: usize,
        fec: Option<&'a [u8]>,
    },
}

/// The state of play-out at the start of a slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Steering {
    /// Samples by which the delay is too long (positive) or too short (negative).
    pub error: f64,
    /// How much faster the sender's clock runs than ours, as a share.
    pub drift: f64,
    /// Timestamp of the next sample to play.
    pub playhead: i64,
}

/// Counters and state of a jitter buffer.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct JitterStats {
    /// Packets that arrived after their slot.
    pub late: u64,
    /// Samples that were bridged because their packet was lost or late; silence does not count.
    pub concealed_samples: u64,
    /// Samples of lost or late packets that another packet carried.
    pub repaired_samples: u64,
    /// Mean time from a packet's arrival to its play-out, in samples.
    pub mean_wait: f64,
    /// Target of the playout delay, in samples.
    pub target: f64,
    /// How much faster the sender's clock runs than ours, as a share.
    pub drift: f64,
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct JitterBuffer {
    network: Network,
    queue: Queue,
    playout: Option<Playout>,
    has_played: bool,
    /// Time from which samples are counted.
    origin: Option<Instant>,
    /// The last payload returned; its buffer is reused.
    current: Vec<u8>,
    stats: JitterStats,
}

impl JitterBuffer {
    /// Creates a buffer with an upper limit of the playout delay.
    pub(crate) fn new(max_delay: Duration) -> Self {
        Self {
            network: Network::new(max_delay),
            queue: Queue::default(),
            playout: None,
            has_played: false,
            origin: None,
            current: Vec::new(),
            stats: JitterStats::default(),
        }
    }

    pub(crate) fn stats(&self) -> JitterStats {
        JitterStats {
            target: self.network.target(),
            drift: self.network.drift(),
            ..self.stats
        }
    }

    /// Drops everything and starts over with the next packet; the network's figures stay.
    pub(crate) fn restart(&mut self) {
        self.queue.clear();
        self.playout = None;
        self.network.restart();
    }

    /// Does the same, and gives the memory of packets back.
    pub(crate) fn release(&mut self) {
        self.restart();
        (self.queue, self.current) = (Queue::default(), Vec::new());
    }

    #[cfg(test)]
    pub(crate) fn buffered_bytes(&self) -> usize {
        self.queue.buffered_bytes() + self.current.capacity()
    }

    /// Stores a packet of `samples`, which the caller has checked not to be a duplicate. `lost` more
    /// packets are missing than before it; negative if fewer are.
    pub(crate) fn insert(
        &mut self,
        arrival: Instant,
        place: Place,
        samples: usize,
        lost: i64,
        payload: &[u8],
    ) {
        let samples = samples as i64;
        let arrival = self.time(arrival);
        if self.network.is_late_after_gap(arrival, place) {
            self.network.try_new_transit(arrival);
            self.playout.iter_mut().for_each(Playout::resume);
        }
        let lateness = self.network.note_arrival(arrival, place, samples, lost);
        if !self.network.is_on_trial() {
            self.drop_stalled();
        }
        let network = &mut self.network;
        if let Some(lateness) = lateness.filter(|_| lost > 0 && codec::has_fec(payload)) {
            // The missing packet before it can be played from this one if the delay allows.
            network.came_as_repair(lateness + samples as f64);
        }
        if let Some(playout) = &mut self.playout {
            playout.arrived_in_slot = true;
            if playout.is_late(place.timestamp + samples) {
                self.stats.late += 1;
                network.came_too_late(lateness);
                self.stats.concealed_samples += playout.resolve_gap(place, samples);
                return;
            }
            playout.kept_in_slot = true;
            // Until the first packet after a gap is played, the cursor does not say when.
            if playout.resumed_from.is_none() {
                let played_at = playout.next_slot
                    + (place.timestamp as f64 - (playout.cursor as f64 - playout.decoded));
                let share = (samples as f64 / SECOND).min(1.0);
                self.stats.mean_wait += (played_at - arrival - self.stats.mean_wait) * share;
            }
        }
        network.came_in_time(lateness);
        self.queue.insert(place, samples, None, payload);
        self.bound();
    }

    /// Stores an earlier frame that a packet carries, unless it is there or has been played.
    pub(crate) fn insert_repair(
        &mut self,
        arrival: Instant,
        place: Place,
        samples: usize,
        payload: &[u8],
    ) {
        let samples = samples as i64;
        let arrival = self.time(arrival);
        let Some(late) = self.network.repair_lateness(arrival, place.timestamp) else {
            return;
        };
        if let Some(playout) = &mut self.playout
            && place.timestamp + samples <= playout.played_until()
        {
            if playout.is_missing(place.timestamp) {
                self.network.came_as_repair(late);
            }
            return;
        }
        self.queue.insert(place, samples, Some(late), payload);
        self.bound();
    }

    /// Stores a frame that seems to continue the stream, until another one takes its place: it is played
    /// only instead of concealment. It takes the place of another such frame only if it `displaces` it.
    pub(crate) fn insert_provisional(
        &mut self,
        arrival: Instant,
        place: Place,
        samples: usize,
        payload: &[u8],
        displaces: bool,
    ) {
        let samples = samples as i64;
        let arrival = self.time(arrival);
        let played = self.playout.as_ref().map(Playout::played_until);
        if let Some(late) = self.network.repair_lateness(arrival, place.timestamp)
            && played.is_none_or(|played| place.timestamp >= played)
        {
            self.queue
                .insert_provisional(place, samples, late, payload, displaces);
        }
    }

    /// Drops the provisional frames that have not been played.
    pub(crate) fn drop_provisional(&mut self) {
        self.queue.drop_provisional(|_| true);
    }

    /// Begins the slot that is due at `due`. `is_silent` means that the source has no sound left, so
    /// that the delay can be corrected here. Returns `None` while there is nothing to play.
    pub(crate) fn begin_slot(&mut self, due: Instant, is_silent: bool) -> Option<Steering> {
        let due = self.time(due);
        self.network.follow_target();
        if self
            .playout
            .as_mut()
            .is_some_and(Playout::only_late_packets)
        {
            self.restart();
        }
        let ideal = self.network.ideal_at(due)?;
        let begins_whole = self.playout.is_none() && self.start_playing(ideal)?;
        let front = self.queue.front().map(|e| e.place.timestamp as f64);
        let playout = self.playout.as_mut()?;
        playout.next_slot = due + SLOT_SAMPLES as f64;
        playout.is_silent = is_silent;
        if !begins_whole && (is_silent || playout.resumed_from.is_some()) {
            playout.place_in_silence(ideal, front);
        }
        if let Some(cursor) = &mut playout.resumed_from {
            *cursor += SLOT_SAMPLES as i64;
        }
        let playhead = playout.cursor as f64 - playout.decoded;
        Some(Steering {
            error: ideal - playhead,
            drift: self.network.drift(),
            playhead: playhead as i64,
        })
    }

    /// Whether the next packet continues the decoded sound, so that more can be decoded now.
    pub(crate) fn has_next(&self) -> bool {
        let Some(playout) = &self.playout else {
            return false;
        };
        self.front(playout)
            .is_some_and(|front| front.place.timestamp <= playout.cursor)
    }

    /// Returns the samples of silence before the next packet, up to `limit`.
    pub(crate) fn silence_ahead(&self, limit: usize) -> usize {
        let Some(playout) = &self.playout else {
            return limit;
        };
        self.front(playout).map_or(limit, |e| {
            (e.place.timestamp - playout.cursor).clamp(0, limit as i64) as usize
        })
    }

    /// Returns the decoder's next step and moves the cursor past it; `wanted` samples are missing in
    /// this slot.
    pub(crate) fn next(&mut self, wanted: usize) -> Next<'_> {
        let Some(playout) = &mut self.playout else {
            return Next::Gap {
                samples: wanted,
                fec: None,
            };
        };
        // A packet with less left than the shortest packet is not worth decoding.
        let worthwhile = playout.cursor + CONCEAL_STEP as i64 - 1;
        while self.queue.front().is_some_and(|e| e.is_before(worthwhile)) {
            self.queue.drop_front();
        }
        let wanted = wanted.next_multiple_of(CONCEAL_STEP) as i64;
        let Some(front) = self.queue.front() else {
            return playout.bridge(wanted);
        };
        let gap = front.place.timestamp - playout.cursor;
        if gap <= 0 {
            return self.take_front();
        }
        let is_next = front.place.sequence == playout.expected + 1;
        // From a partial frame libopus would only continue the past.
        let is_whole = gap == front.samples && gap <= MAX_FEC;
        if is_next && is_whole && codec::has_fec(&front.payload) {
            self.stats.repaired_samples += gap as u64;
            playout.cursor += gap;
            playout.expected = front.place.sequence;
            return Next::Gap {
                samples: gap as usize,
                fec: self.queue.front().map(|front| front.payload.as_slice()),
            };
        }
        playout.bridge(gap.min(wanted))
    }

    /// Ends the slot; the source holds `decoded` samples for later slots.
    pub(crate) fn end_slot(&mut self, decoded: f64) {
        if let Some(playout) = &mut self.playout {
            playout.decoded = decoded;
        }
    }

    /// Leaves out `samples` from the cursor on to correct the delay. The source must have dropped
    /// all its samples.
    pub(crate) fn leap(&mut self, samples: i64) {
        if let Some(playout) = &mut self.playout {
            playout.decoded = 0.0;
            let cursor = playout.cursor + samples;
            playout.pass_over(&self.queue, cursor);
        }
    }

    /// Passes over slots that were not played, so that the delay stays the same. The source must
    /// drop as many of its samples.
    pub(crate) fn skip_samples(&mut self, samples: i64) {
        if let Some(playout) = &mut self.playout {
            let played = playout.cursor as f64 - playout.decoded + samples as f64;
            let cursor = playout.cursor.max(played.ceil() as i64);
            playout.decoded = cursor as f64 - played;
            playout.pass_over(&self.queue, cursor);
        }
    }

    /// Drops what is too late after all, if the packets after a gap came from a stall.
    fn drop_stalled(&mut self) {
        let Some(playout) = &mut self.playout else {
            return;
        };
        let Some(cursor) = playout.resumed_from.take() else {
            return;
        };
        playout.cursor = playout.cursor.max(cursor);
        while let Some(front) = self.queue.front()
            && playout.is_late(front.place.timestamp + front.samples)
        {
            self.stats.late += u64::from(front.repairs.is_none());
            self.stats.concealed_samples += playout.resolve_gap(front.place, front.samples);
            self.queue.drop_front();
        }
    }

    /// Returns the first frame that can still be played.
    fn front(&self, playout: &Playout) -> Option<&Entry> {
        self.queue.iter().find(|e| !e.is_before(playout.cursor))
    }

    /// Returns the samples since the origin, which is the first instant seen.
    fn time(&mut self, at: Instant) -> f64 {
        let origin = *self.origin.get_or_insert(at);
        seconds_between(origin, at) * SECOND
    }

    fn bound(&mut self) {
        while self.queue.is_overfull() {
            self.queue.drop_front();
            if let (Some(playout), Some(front)) = (&mut self.playout, self.queue.front()) {
                playout.cursor = playout.cursor.max(front.place.timestamp);
                playout.expected = playout.expected.max(front.place.sequence);
            }
        }
    }

    /// Begins in silence at the ideal position: the first packet is played when it is due, and of a
    /// burst only the live part. Returns whether it begins later than that: the very first packet was
    /// kept until a second one came, and is still played whole.
    fn start_playing(&mut self, ideal: f64) -> Option<bool> {
        let front = self.queue.front()?;
        let late = ideal - front.place.timestamp as f64;
        let begins_whole = !self.has_played
            && front.repairs.is_none()
            && (MIN_LATE_BEGINNING..=MAX_LATE_BEGINNING).contains(&late);
        let cursor = if begins_whole {
            front.place.timestamp
        } else {
            ideal.floor() as i64
        };
        let mut playout = Playout {
            cursor,
            decoded: 0.0,
            next_slot: 0.0,
            expected: front.place.sequence,
            gap_start: None,
            missed: 0..0,
            resumed_from: None,
            is_silent: true,
            arrived_in_slot: false,
            kept_in_slot: false,
            late_slots: 0,
        };
        if !self.has_played {
            playout.pass_over(&self.queue, cursor);
        }
        self.playout = Some(playout);
        self.has_played = true;
        self.stats.mean_wait = self.network.target();
        Some(begins_whole)
    }

    fn take_front(&mut self) -> Next<'_> {
        let (Some(playout), Some(entry)) = (&mut self.playout, self.queue.pop_front()) else {
            return Next::Gap {
                samples: 0,
                fec: None,
            };
        };
        let Entry {
            place,
            samples,
            repairs,
            payload,
            ..
        } = entry;
        self.stats.concealed_samples += playout.resolve_gap(place, samples);
        let skip = playout.cursor - place.timestamp;
        if let Some(late) = repairs {
            self.network.came_as_repair(late);
            self.stats.repaired_samples += (samples - skip) as u64;
        }
        playout.cursor = place.timestamp + samples;
        (playout.gap_start, playout.resumed_from) = (None, None);
        let played = std::mem::replace(&mut self.current, payload);
        self.queue.recycle(played);
        Next::Packet {
            payload: &self.current,
            skip: skip as usize,
        }
    }
}
