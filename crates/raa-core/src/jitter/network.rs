//! What the network's behaviour, and the sender's clock, ask of the playout delay.
//!
//! Takes note of every packet's arrival; answers where play-out should stand. All times are in
//! samples since the jitter buffer's origin.
//! Always: the delay that is asked for grows at once and shrinks gently, within its bounds;
//! constant memory.

use std::time::Duration;

use super::lateness::Lateness;
use super::transit::Transit;
use crate::{SLOT_SAMPLES, samples_in};

/// A slot's first sample is decoded when the slot begins, its last one, too: a packet that starts
/// anywhere in it must be there by then, which costs a slot; and 1 ms for the engine's lateness.
const SLOT_COST: f64 = SLOT_SAMPLES as f64 + 48.0;
/// The least playout delay: 20 ms.
const MIN_DELAY: f64 = SLOT_SAMPLES as f64;
/// A delay that is longer than needed comes down with this time constant: 1 s, in slots,
const SHRINK_SLOTS: f64 = 50.0;
/// and no faster than time-scaling follows: 75 ms in a second, in samples per slot.
const MAX_SHRINK: f64 = 72.0;
/// When nothing came for so long, 80 ms, the network may have stood still, and what comes then
/// may be a burst.
const STALL_GAP: f64 = 3840.0;
/// A burst ends with the first packet that comes so long after the one before: 5 ms.
const BURST_GAP: f64 = 240.0;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Network {
    /// The delay is never longer than this.
    max_delay: f64,
    transit: Transit,
    lateness: Lateness,
    /// The delay that the lateness asks for; `None` when packets have come since.
    wanted: Option<f64>,
    /// The delay aimed at, on its way there.
    target: f64,
    last_arrival: f64,
    /// The longest wait of the packets of a burst that has not ended.
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
            burst: None,
        }
    }

    /// The delay that is asked for.
    pub(super) fn target(&self) -> f64 {
        self.target
    }

    /// How much faster the sender's clock runs than ours, as a share.
    pub(super) fn drift(&self) -> f64 {
        self.transit.drift()
    }

    /// The sender begins anew, perhaps elsewhere; how its network behaves stays known.
    pub(super) fn restart(&mut self) {
        self.transit.forget_way();
        self.lateness.drop_held();
        self.burst = None;
    }

    /// A packet of `samples` has come, and `lost` more are missing than before it, or (negative)
    /// fewer. What it tells of how late packets come; `None` when that is nothing of its own, or
    /// more than any delay could cover.
    ///
    /// What comes in a burst, after nothing came for a while, waited for the same end, which may
    /// never come again: of it only the longest wait counts, once, when the burst is over.
    pub(super) fn note_arrival(
        &mut self,
        arrival: f64,
        timestamp: i64,
        samples: i64,
        lost: i64,
    ) -> Option<f64> {
        self.wanted = None;
        self.lateness.add_lost(lost);
        let late = self.transit.note(arrival, timestamp);
        self.lateness.pass(samples as f64);
        let gap = arrival - self.last_arrival;
        self.last_arrival = self.last_arrival.max(arrival);
        if let Some(longest) = self.burst.as_mut().filter(|_| gap < BURST_GAP) {
            *longest = longest.max(late);
            return None;
        }
        let ended = self.burst.take();
        self.came_too_late(ended.filter(|&late| self.is_coverable(late)));
        if gap > STALL_GAP {
            self.burst = Some(late);
            return None;
        }
        self.is_coverable(late).then_some(late)
    }

    /// The packet noted last came in time to be played. With it counts what came too late before.
    pub(super) fn came_in_time(&mut self, lateness: Option<f64>) {
        self.lateness.count_held();
        if let Some(lateness) = lateness {
            self.lateness.add(lateness);
        }
    }

    /// It came too late, which may be the network or the sender's clock: the next packet tells.
    pub(super) fn came_too_late(&mut self, lateness: Option<f64>) {
        if let Some(lateness) = lateness {
            self.lateness.hold(lateness);
        }
    }

    /// The sound of a missing packet came in another one, so late.
    pub(super) fn came_as_repair(&mut self, lateness: f64) {
        self.lateness.add_repair(lateness);
    }

    /// How late it is when sound of this timestamp comes in another packet; `None` when no delay
    /// that is allowed would have it in time.
    pub(super) fn repair_lateness(&self, arrival: f64, timestamp: i64) -> Option<f64> {
        let late = arrival - timestamp as f64 - self.transit.least_at(arrival)?;
        self.is_coverable(late).then_some(late)
    }

    /// Which timestamp is to be played at `due`; `None` before the first packet.
    pub(super) fn ideal_at(&self, due: f64) -> Option<f64> {
        Some(due - self.transit.least_at(due)? - self.target)
    }

    /// Grows at once, shrinks gently; to be called once a slot.
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

    /// Whether the longest delay covers a packet that is so late.
    fn is_coverable(&self, late: f64) -> bool {
        late <= self.max_delay - SLOT_COST
    }
}
