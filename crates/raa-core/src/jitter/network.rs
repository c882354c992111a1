//! Derives the playout delay from the network's behaviour and the sender's clock.
//!
//! Notes every packet's arrival and returns the ideal position of play-out. All times are in
//! samples since the jitter buffer's origin.
//! Always: the target delay grows at once and shrinks gently, within its bounds; constant memory.

use std::time::Duration;

use super::SECOND;
use super::lateness::Lateness;
use super::transit::Transit;
use crate::sequence::Place;
use crate::{SLOT_SAMPLES, ms, samples_in};

/// Delay that playing in slots costs: a whole slot is decoded when it begins, so a packet that
/// starts anywhere in it must have arrived by then; and 1 ms for the engine's lateness.
const SLOT_COST: f64 = SLOT_SAMPLES as f64 + ms(1.0);
/// Lower limit of the playout delay.
const MIN_DELAY: f64 = ms(20.0);
/// Time constant with which an excessive delay shrinks: 1 s, in slots.
const SHRINK_SLOTS: f64 = 50.0;
/// Largest reduction of the delay per slot: 75 ms per second, as fast as time-scaling can follow.
const MAX_SHRINK: f64 = ms(1.5);
/// Time without a packet after which the next ones may be the burst at the end of a stall.
const STALL_GAP: f64 = ms(80.0);
/// Gap between two packets that ends a burst.
const BURST_GAP: f64 = ms(5.0);
/// Change of the transit time below which a packet took as long as the one before it.
const SAME_TRANSIT: f64 = ms(5.0);
/// Time for which a new transit time is on trial. The packets that a stall held back come at once;
/// on a slow link they take a while.
const TRIAL: f64 = SECOND;

/// The transit time before a gap, kept until it is known whether it still holds.
#[derive(Debug)]
struct Trial {
    since: f64,
    before: Transit,
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Network {
    /// Upper limit of the delay.
    max_delay: f64,
    transit: Transit,
    lateness: Lateness,
    /// Delay that covers the lateness; `None` if packets have come since it was computed.
    wanted: Option<f64>,
    /// Delay to play with; follows `wanted`.
    target: f64,
    last_arrival: f64,
    /// Sequence number of the newest packet; `None` before the first one.
    newest: Option<i64>,
    trial: Option<Trial>,
    /// Largest transit time in the current burst.
    burst: Option<f64>,
}

impl Network {
    pub(super) fn new(max_delay: Duration) -> Self {
        let lateness = Lateness::default();
        Self {
            max_delay: (samples_in(max_delay) as f64).max(MIN_DELAY),
            transit: Transit::default(),
            wanted: None,
            target: lateness.to_cover() + SLOT_COST,
            lateness,
            last_arrival: 0.0,
            newest: None,
            trial: None,
            burst: None,
        }
    }

    /// Returns the delay to play with.
    pub(super) fn target(&self) -> f64 {
        self.target
    }

    /// Returns how much faster the sender's clock runs than ours, as a share.
    pub(super) fn drift(&self) -> f64 {
        self.transit.drift()
    }

    /// Starts over with a new stream, perhaps on another path; the lateness stays known.
    pub(super) fn restart(&mut self) {
        self.transit.forget_path();
        self.lateness.drop_held();
        (self.newest, self.trial, self.burst) = (None, None, None);
    }

    /// Whether this packet, which has not been noted yet, is the first one after a gap and later
    /// than the delay covers: either the sender's clock stood still, or a stall has ended.
    pub(super) fn is_late_after_gap(&self, arrival: f64, place: Place) -> bool {
        self.newest.is_some_and(|newest| place.sequence > newest)
            && arrival - self.last_arrival > STALL_GAP
            && self.transit.lateness(arrival, place.timestamp) > self.covered()
    }

    /// Takes the transit time of the next packet as that of the path. If it was a stall, the
    /// packets behind it catch up and [`Network::note_arrival`] returns to the transit time of before.
    pub(super) fn try_new_transit(&mut self, arrival: f64) {
        self.trial = Some(Trial {
            since: arrival,
            before: self.transit.clone(),
        });
        self.transit.forget_path();
    }

    /// Whether a new transit time is on trial.
    pub(super) fn is_on_trial(&self) -> bool {
        self.trial.is_some()
    }

    /// Notes a packet of `samples`; `lost` more packets are missing than before it (negative:
    /// fewer). Returns its lateness, or `None` if the packet is part of a burst or later than any
    /// delay could cover.
    ///
    /// Packets of a burst waited for the same stall to end, which may never recur: only the
    /// longest wait counts, once, when the burst is over. A burst that did not catch up was no
    /// stall: the sender's clock stood still.
    pub(super) fn note_arrival(
        &mut self,
        arrival: f64,
        place: Place,
        samples: i64,
        lost: i64,
    ) -> Option<f64> {
        self.wanted = None;
        self.lateness.add_lost(lost);
        let transit = arrival - place.timestamp as f64;
        self.end_trial(arrival, place.timestamp, samples as f64);
        let late = self.transit.note(arrival, place.timestamp);
        self.lateness.pass(samples as f64);
        let gap = arrival - self.last_arrival;
        self.last_arrival = self.last_arrival.max(arrival);
        self.newest = self.newest.max(Some(place.sequence));
        if let Some(longest) = self.burst.as_mut().filter(|_| gap < BURST_GAP) {
            *longest = longest.max(transit);
            return None;
        }
        let least = transit - late;
        let ended = self.burst.take().map(|longest| longest - least);
        let was_stall = |longest: &f64| *longest < STALL_GAP / 2.0 || late < longest - SAME_TRANSIT;
        if let Some(longest) = ended.filter(was_stall) {
            self.came_too_late(Some(longest).filter(|&late| self.is_coverable(late)));
        }
        if gap > STALL_GAP {
            self.burst = Some(transit);
            return None;
        }
        self.is_coverable(late).then_some(late)
    }

    /// Ends the trial if this packet has caught up with the transit time of before, or if time is
    /// up. The last packet that a stall held back may have waited nearly as long as it lasts.
    fn end_trial(&mut self, arrival: f64, timestamp: i64, samples: f64) {
        if self.trial.is_none() {
            return;
        }
        let covered = self.covered() + samples;
        let Some(trial) = &mut self.trial else {
            return;
        };
        let has_caught_up = trial.before.lateness(arrival, timestamp) <= covered;
        if has_caught_up {
            self.transit = std::mem::take(&mut trial.before);
        }
        if has_caught_up || arrival - trial.since > TRIAL {
            self.trial = None;
        }
    }

    /// The last noted packet came in time, so those that came too late before it count as well.
    pub(super) fn came_in_time(&mut self, lateness: Option<f64>) {
        self.lateness.count_held();
        if let Some(lateness) = lateness {
            self.lateness.add(lateness);
        }
    }

    /// The last noted packet came too late; the next one shows whether the network or the sender's
    /// clock is the reason.
    pub(super) fn came_too_late(&mut self, lateness: Option<f64>) {
        if let Some(lateness) = lateness {
            self.lateness.hold(lateness);
        }
    }

    /// The sound of a missing packet came in another one, with this lateness.
    pub(super) fn came_as_repair(&mut self, lateness: f64) {
        self.lateness.add_repair(lateness);
    }

    /// Returns the lateness of redundant sound with this timestamp, or `None` if no allowed delay
    /// would play it.
    pub(super) fn repair_lateness(&self, arrival: f64, timestamp: i64) -> Option<f64> {
        let late = arrival - timestamp as f64 - self.transit.least_at(arrival)?;
        self.is_coverable(late).then_some(late)
    }

    /// Returns the timestamp to play at `due`, or `None` before the first packet.
    pub(super) fn ideal_at(&self, due: f64) -> Option<f64> {
        Some(due - self.transit.least_at(due)? - self.target)
    }

    /// Moves the target: up at once, down gently. Called once per slot.
    pub(super) fn follow_target(&mut self) {
        let lateness = &self.lateness;
        let wanted = *self
            .wanted
            .get_or_insert_with(|| lateness.to_cover() + SLOT_COST);
        let wanted = wanted.clamp(MIN_DELAY, self.max_delay);
        if wanted > self.target {
            self.target = wanted;
        } else {
            self.target -= ((self.target - wanted) / SHRINK_SLOTS).min(MAX_SHRINK);
        }
    }

    /// Returns the lateness that the delay covers at the moment.
    fn covered(&self) -> f64 {
        self.target - SLOT_COST
    }

    /// Whether the longest allowed delay covers this lateness.
    fn is_coverable(&self, late: f64) -> bool {
        late <= self.max_delay - SLOT_COST
    }
}
