//! Measures how a sender's clock runs compared with ours: least transit time and drift.
//!
//! A packet's transit is its arrival minus its timestamp, both in samples. Its zero is arbitrary;
//! its changes show the network's queues and the clocks. The fastest packet of every few seconds
//! met no queue, so these packets lie on a line whose slope is the drift (Moon,
//! Skelly and Towsley, "Estimation and removal of clock skew from network delay measurements",
//! 1999); here the line is fitted to the last minute of them by least squares.
//! Always: constant memory; a block's minimum is one number, however many packets it had.

use super::SECOND;
use crate::ms;

/// Seconds over which the current least transit is taken.
const RECENT: usize = 4;
/// Length of a block for measuring the drift: long enough for a stall to end within it.
const BLOCK: f64 = ms(4_000.0);
/// Blocks that the drift is measured over: a minute.
const BLOCKS: usize = 16;
/// Blocks needed to distinguish a drift from the network's noise.
const MIN_BLOCKS: usize = 4;
/// Age from which a measurement says nothing about the present.
const MEMORY: f64 = ms(10_000.0);
/// Largest plausible drift, as a share; sound cards stay below a tenth of it.
const MAX_DRIFT: f64 = 0.0015;
/// Distance from the line from which a block belongs to another network path.
const STEP: f64 = ms(4.0);

/// The fastest packet of a period.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    /// Arrival time, in samples.
    at: f64,
    transit: f64,
}

/// A ring of the fastest packets of the last `N` blocks, the newest one still growing.
#[derive(Debug, Clone)]
struct Blocks<const N: usize> {
    ring: [Block; N],
    count: usize,
    newest: usize,
    /// Start of the newest one.
    since: f64,
}

impl<const N: usize> Default for Blocks<N> {
    fn default() -> Self {
        Self {
            ring: [Block::default(); N],
            count: 0,
            newest: 0,
            since: 0.0,
        }
    }
}

impl<const N: usize> Blocks<N> {
    /// Whether the newest block is over.
    fn is_over(&self, now: f64, length: f64) -> bool {
        self.count == 0 || now - self.since >= length
    }

    fn begin(&mut self, block: Block) {
        self.newest = (self.newest + 1) % N;
        self.ring[self.newest] = block;
        self.count = N.min(self.count + 1);
        self.since = block.at;
    }

    fn lower(&mut self, block: Block, drift: f64) {
        if block.transit < self.ring[self.newest].carried_to(block.at, drift) {
            self.ring[self.newest] = block;
        }
    }

    /// Returns the blocks, newest first.
    fn iter(&self) -> impl Iterator<Item = Block> {
        (0..self.count).map(|ago| self.ring[(self.newest + N - ago) % N])
    }
}

impl Block {
    /// Returns its transit at another instant, along the drift.
    fn carried_to(self, at: f64, drift: f64) -> f64 {
        self.transit - drift * (at - self.at)
    }
}

/// See the module's text.
#[derive(Debug, Clone, Default)]
pub(super) struct Transit {
    recent: Blocks<RECENT>,
    blocks: Blocks<BLOCKS>,
    /// Ratio of the sender's clock rate to ours, minus one.
    drift: f64,
    is_measured: bool,
}

impl Transit {
    /// Returns how much faster the sender's clock runs than ours, as a share: 0.0001 is 100 ppm.
    pub(super) fn drift(&self) -> f64 {
        self.drift
    }

    /// Notes a packet and returns its lateness compared with the fastest ones: 0 or more samples.
    pub(super) fn note(&mut self, arrival: f64, timestamp: i64) -> f64 {
        let packet = Block {
            at: arrival,
            transit: arrival - timestamp as f64,
        };
        if self.recent.is_over(arrival, SECOND) {
            self.recent.begin(packet);
        } else {
            self.recent.lower(packet, self.drift);
        }
        if self.blocks.is_over(arrival, BLOCK) {
            self.measure_drift();
            self.blocks.begin(packet);
        } else {
            self.blocks.lower(packet, self.drift);
        }
        packet.transit - self.least(arrival)
    }

    /// Returns the lateness of a packet without noting it; negative if none was as fast.
    pub(super) fn lateness(&self, arrival: f64, timestamp: i64) -> f64 {
        arrival - timestamp as f64 - self.least(arrival)
    }

    /// Returns the transit of the fastest packets at an instant, or `None` before the first packet.
    pub(super) fn least_at(&self, now: f64) -> Option<f64> {
        (self.recent.count > 0).then(|| self.least(now))
    }

    /// Forgets the transit after a change of the network path; the drift stays.
    pub(super) fn forget_path(&mut self) {
        (self.recent.count, self.blocks.count) = (0, 0);
    }

    fn least(&self, now: f64) -> f64 {
        let mut blocks = self.recent.iter();
        let newest = blocks
            .next()
            .map_or(0.0, |newest| newest.carried_to(now, self.drift));
        let mut least = newest;
        for block in blocks {
            let transit = block.carried_to(now, self.drift);
            // No number here is NaN; `f64::min` would cost twice as much to handle it.
            if transit < least && now - block.at <= MEMORY {
                least = transit;
            }
        }
        least
    }

    /// Fits the line through the blocks, if they lie on one.
    fn measure_drift(&mut self) {
        let (origin, before) = {
            let mut blocks = self.blocks.iter();
            (blocks.next(), blocks.next())
        };
        let Some(origin) = origin else {
            return;
        };
        // A drift that has not been measured yet looks like a step.
        let step = if self.is_measured { STEP } else { 3.0 * STEP };
        let is_off = |before: Block| {
            (origin.transit - before.carried_to(origin.at, self.drift)).abs() > step
        };
        if before.is_some_and(is_off) {
            // The blocks before it belong to another path. Two steps in a row mean that the
            // drift was measured wrongly.
            self.is_measured &= self.blocks.count > 2;
            self.blocks.count = 1;
        }
        if let Some(drift) = self.slope(origin) {
            self.drift = drift.clamp(-MAX_DRIFT, MAX_DRIFT);
            self.is_measured = true;
        }
    }

    /// Returns the least-squares slope, relative to `origin` so that days of samples cost no
    /// precision.
    fn slope(&self, origin: Block) -> Option<f64> {
        let count = self.blocks.count;
        let points = || {
            let blocks = self.blocks.iter();
            blocks.map(|block| (block.at - origin.at, block.transit - origin.transit))
        };
        let sum = points().fold((0.0, 0.0), |sum, (t, x)| (sum.0 + t, sum.1 + x));
        let (mean_t, mean_x) = (sum.0 / count as f64, sum.1 / count as f64);
        let (mut variance, mut covariance) = (0.0, 0.0);
        for (t, x) in points() {
            variance += (t - mean_t) * (t - mean_t);
            covariance += (t - mean_t) * (x - mean_x);
        }
        (count >= MIN_BLOCKS && variance > 0.0).then(|| -covariance / variance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends packets every 20 ms by a clock that is fast by `drift`, each with lateness `late(n)`.
    fn run(
        transit: &mut Transit,
        from: u32,
        to: u32,
        drift: f64,
        late: impl Fn(u32) -> f64,
    ) -> f64 {
        let mut last = 0.0;
        for n in from..to {
            let sent = f64::from(n) * 960.0;
            last = transit.note(sent / (1.0 + drift) + 5000.0 + late(n), (n * 960).into());
        }
        last
    }

    /// Returns a scattered number from 0 to 1.
    fn scatter(n: u32) -> f64 {
        f64::from(n.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24)
    }

    #[test]
    fn drift_is_measured_through_jitter() {
        for drift in [0.0, 50e-6, -500e-6, 1000e-6, -1000e-6] {
            let mut transit = Transit::default();
            run(&mut transit, 0, 3500, drift, |n| {
                -1200.0 * (1.0 - scatter(n)).ln()
            });
            let off = transit.drift() - drift;
            assert!(off.abs() < 15e-6, "{drift}: {}", transit.drift());
        }
    }

    #[test]
    fn lateness_is_relative_to_the_fastest_packet() {
        let mut transit = Transit::default();
        let late = run(
            &mut transit,
            0,
            100,
            0.0,
            |n| if n == 99 { 480.0 } else { 0.0 },
        );
        assert!((late - 480.0).abs() < 1e-6, "{late}");
        assert_eq!(transit.least_at(2_000_000.0), Some(5000.0));
    }

    #[test]
    fn path_changes_are_not_taken_for_drift() {
        let mut transit = Transit::default();
        run(&mut transit, 0, 2000, 0.0, |_| 0.0);
        run(&mut transit, 2000, 2400, 0.0, |_| 1440.0);
        assert_eq!(transit.least_at(2400.0 * 960.0), Some(6440.0));
        run(&mut transit, 2400, 5000, 0.0, |_| 1440.0);
        assert!(transit.drift().abs() < 5e-6, "{}", transit.drift());
    }

    #[test]
    fn filling_queue_distorts_the_drift_only_briefly() {
        let mut transit = Transit::default();
        // The queue grows by 1.4 ms per second for 20 s.
        let filling = |n: u32| 1.4 * f64::from(n.min(1000)) * 0.02 * 48.0;
        run(&mut transit, 0, 1000, 0.0, filling);
        assert!(transit.drift() < -1000e-6, "{}", transit.drift());
        run(&mut transit, 1000, 8000, 0.0, filling);
        assert!(transit.drift().abs() < 20e-6, "{}", transit.drift());
    }

    #[test]
    fn transit_is_measured_again_after_a_long_pause() {
        let mut transit = Transit::default();
        run(&mut transit, 0, 100, 0.0, |_| 0.0);
        assert!(run(&mut transit, 50_000, 50_001, 0.0, |_| 700.0).abs() < 1e-6);
    }
}
