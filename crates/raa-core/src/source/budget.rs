//! How much a source may decode, so that no sender takes the time of the others.
//!
//! Packets last up to 120 ms, so a sender whose packets overlap could have far more decoded than is
//! played. A legal one never comes near the limit: it has 20 ms decoded per slot on average, and a
//! packet of 120 ms, or two of these in one slot, at most.
//! Always: at most 60 ms of sound per slot on average, concealment included.

use crate::{SLOT_SAMPLES, samples};

/// Samples that become free in every slot: 60 ms.
const PER_SLOT: i64 = 3 * SLOT_SAMPLES as i64;
/// Samples that are free at most. Two packets of 120 ms meet in a slot when the first one is played
/// from near its end on.
const MOST: i64 = samples(240.0) as i64;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Budget {
    /// Samples that are free; negative after a packet that was longer than what was left.
    left: i64,
    spent: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            left: MOST,
            spent: 0,
        }
    }
}

impl Budget {
    /// Begins a slot.
    pub(super) fn begin_slot(&mut self) {
        self.left = (self.left + PER_SLOT).min(MOST);
    }

    /// Whether anything may be decoded.
    pub(super) fn is_left(&self) -> bool {
        self.left > 0
    }

    /// Takes decoded samples from the budget.
    pub(super) fn spend(&mut self, samples: usize) {
        self.left -= samples as i64;
        self.spent += samples as u64;
    }

    /// Returns all samples that were decoded.
    pub(super) fn spent(&self) -> u64 {
        self.spent
    }
}
