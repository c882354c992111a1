//! Measures how late packets are and which lateness the playout delay must cover.
//!
//! A histogram of lateness that forgets over ten seconds; the delay covers all but one in two
//! hundred packets (the histogram method of Moon, Kurose and Towsley, "Packet audio playout delay
//! adjustment", 1998, with the forgetting of WebRTC's NetEq). Redundancy arrives later than the
//! packet that it replaces would have: while packets are being lost, the delay covers that, too.
//! Always: constant memory; the result grows with the packet that shows the need, and never
//! exceeds the largest lateness of the last ten seconds.

use crate::ms;

/// Width of a histogram bin.
const BIN: f64 = ms(2.0);
/// Number of bins, which reach to 600 ms.
const BINS: usize = 300;
/// Time constant with which packets are forgotten, in time of sound.
const MEMORY: f64 = ms(10_000.0);
/// Time constant with which redundancy is forgotten: longer, because it is rarer.
const REPAIR_MEMORY: f64 = ms(20_000.0);
/// Share of packets that may come late.
const LATE_SHARE: f32 = 0.005;
/// Remembered losses from which the delay covers redundancy. A single loss counts for 10 s.
const FEW_LOSSES: f32 = 0.6;
/// Window of the largest lateness, which is taken over this window and the one before.
const PEAK_WINDOW: f64 = ms(5_000.0);
/// Lateness assumed until [`LEARNING`] of sound was received; it makes a delay of 39 ms.
const ASSUMED: f64 = ms(18.0);
/// Sound to receive before the delay may be shorter than assumed at first.
const LEARNING: f64 = ms(10_000.0);
/// Late packets that are held until it is known whether they count.
const MAX_HELD: usize = 16;
/// Weight from which all counts are scaled down, before `f32` loses precision.
const RENORMALIZE_AT: f32 = 1e12;

/// A histogram whose counts fade.
#[derive(Debug)]
struct Fading {
    bins: [f32; BINS],
    total: f32,
    weight: f32,
    memory: f64,
    /// A number of samples, and the factor by which the weight grows in them.
    growth: (f64, f32),
}

impl Fading {
    fn new(memory: f64) -> Self {
        Self {
            bins: [0.0; BINS],
            total: 0.0,
            weight: 1.0,
            memory,
            growth: (0.0, 1.0),
        }
    }

    /// Lets `samples` of sound pass.
    fn pass(&mut self, samples: f64) {
        // One sender's packets nearly always have the same length.
        if samples != self.growth.0 {
            self.growth = (samples, (samples / self.memory).exp() as f32);
        }
        self.weight *= self.growth.1;
        if self.weight > RENORMALIZE_AT {
            let factor = 1.0 / self.weight;
            self.bins.iter_mut().for_each(|bin| *bin *= factor);
            self.total *= factor;
            self.weight = 1.0;
        }
    }

    fn add(&mut self, lateness: f64, count: f32) {
        let bin = ((lateness.max(0.0) / BIN) as usize).min(BINS - 1);
        self.bins[bin] += count * self.weight;
        self.total += count * self.weight;
    }

    /// Returns how many are remembered.
    fn remembered(&self) -> f32 {
        self.total / self.weight
    }

    /// Returns the upper edge of the lowest bin above which at most `count` remembered ones lie.
    fn all_but(&self, count: f32) -> f64 {
        let allowed = count * self.weight;
        // From below, because on a calm network all packets lie there.
        let mut above = self.total;
        if above <= allowed {
            return 0.0;
        }
        for (bin, mass) in self.bins.iter().enumerate() {
            above -= mass;
            if above <= allowed {
                return (bin + 1) as f64 * BIN;
            }
        }
        BINS as f64 * BIN
    }
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Lateness {
    packets: Fading,
    repairs: Fading,
    /// Lost packets, remembered as long as repairs.
    lost: f32,
    /// Packets that came too late since the last one in time. If the sender's clock has changed,
    /// they say nothing about the network.
    held: [f64; MAX_HELD],
    held_count: usize,
    /// Largest lateness of this window and of the one before.
    peaks: [f64; 2],
    window_left: f64,
    learning_left: f64,
}

impl Default for Lateness {
    fn default() -> Self {
        Self {
            packets: Fading::new(MEMORY),
            repairs: Fading::new(REPAIR_MEMORY),
            lost: 0.0,
            held: [0.0; MAX_HELD],
            held_count: 0,
            peaks: [0.0; 2],
            window_left: PEAK_WINDOW,
            learning_left: LEARNING,
        }
    }
}

impl Lateness {
    /// Counts a packet that came `lateness` samples after the fastest ones would have.
    pub(super) fn add(&mut self, lateness: f64) {
        self.packets.add(lateness, 1.0);
        self.peaks[0] = self.peaks[0].max(lateness);
    }

    /// Holds a packet that came too late until it is known whether it counts.
    pub(super) fn hold(&mut self, lateness: f64) {
        if let Some(held) = self.held.get_mut(self.held_count) {
            *held = lateness;
            self.held_count += 1;
        }
    }

    /// Counts the held packets: the network made them late.
    pub(super) fn count_held(&mut self) {
        if self.held_count == 0 {
            return;
        }
        let (held, count) = (self.held, std::mem::take(&mut self.held_count));
        held.into_iter()
            .take(count)
            .for_each(|lateness| self.add(lateness));
    }

    /// Forgets the held packets: the network did not make them late.
    pub(super) fn drop_held(&mut self) {
        self.held_count = 0;
    }

    /// Lets `samples` of the sender's sound pass.
    #[inline]
    pub(super) fn pass(&mut self, samples: f64) {
        self.packets.pass(samples);
        self.repairs.pass(samples);
        if self.lost > 0.0 {
            self.lost *= (-samples / REPAIR_MEMORY).exp() as f32;
        }
        if self.learning_left > 0.0 {
            self.learning_left = (self.learning_left - samples).max(0.0);
        }
        self.window_left -= samples;
        if self.window_left <= 0.0 {
            self.peaks = [0.0, self.peaks[0]];
            self.window_left = PEAK_WINDOW;
        }
    }

    /// Counts lost packets; negative if some were not lost after all.
    pub(super) fn add_lost(&mut self, packets: i64) {
        if packets != 0 {
            self.lost = (self.lost + packets as f32).max(0.0);
        }
    }

    /// Counts a missing packet whose sound came in another one, `lateness` samples after the
    /// fastest packets would have come.
    pub(super) fn add_repair(&mut self, lateness: f64) {
        self.repairs.add(lateness, 1.0);
    }

    /// Returns the lateness that the delay must cover, in samples.
    pub(super) fn to_cover(&self) -> f64 {
        let allowed = LATE_SHARE * self.packets.remembered();
        let packets = self.packets.all_but(allowed);
        let shown = self.peaks[0].max(self.peaks[1]) + BIN;
        let repairs = if self.lost >= FEW_LOSSES {
            self.repairs.all_but(FEW_LOSSES)
        } else {
            0.0
        };
        let at_first = if self.learning_left > 0.0 {
            ASSUMED
        } else {
            0.0
        };
        packets.min(shown).max(repairs).max(at_first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: f64 = 48.0;

    fn run(lateness: &mut Lateness, seconds: u32, late_ms: impl Fn(u32) -> f64) {
        (0..50 * seconds).for_each(|n| {
            lateness.pass(960.0);
            lateness.add(late_ms(n) * MS);
        });
    }

    fn cover_ms(lateness: &Lateness) -> f64 {
        lateness.to_cover() / MS
    }

    /// Exponential with this mean, by the golden ratio's multiples.
    fn exponential(mean_ms: f64) -> impl Fn(u32) -> f64 {
        move |n| {
            -mean_ms
                * (1.0 - f64::from(n) * 0.618_033_988_749)
                    .rem_euclid(1.0)
                    .max(1e-6)
                    .ln()
        }
    }

    #[test]
    fn initial_lateness_is_assumed_until_learnt() {
        let mut lateness = Lateness::default();
        assert_eq!(cover_ms(&lateness), 18.0);
        run(&mut lateness, 15, |_| 0.0);
        assert_eq!(cover_ms(&lateness), 2.0);
    }

    #[test]
    fn all_but_one_packet_in_200_are_covered() {
        let mut lateness = Lateness::default();
        run(&mut lateness, 60, exponential(20.0));
        // ln 200 = 5.3 means.
        assert!(
            (96.0..118.0).contains(&cover_ms(&lateness)),
            "{}",
            cover_ms(&lateness)
        );
    }

    #[test]
    fn storms_count_at_once_and_for_ten_seconds() {
        let mut lateness = Lateness::default();
        run(&mut lateness, 60, |_| 0.0);
        run(&mut lateness, 1, |n| if n % 4 == 0 { 120.0 } else { 0.0 });
        assert!(cover_ms(&lateness) >= 120.0);
        run(&mut lateness, 10, |_| 1.0);
        assert!(cover_ms(&lateness) <= 4.0, "{}", cover_ms(&lateness));
    }

    #[test]
    fn single_late_packet_does_not_count() {
        let mut lateness = Lateness::default();
        run(&mut lateness, 60, |n| if n == 2900 { 300.0 } else { 0.0 });
        assert_eq!(cover_ms(&lateness), 2.0);
    }

    #[test]
    fn redundancy_counts_only_while_packets_are_lost() {
        let mut lateness = Lateness::default();
        run(&mut lateness, 60, |_| 0.0);
        lateness.add_repair(40.0 * MS);
        assert_eq!(cover_ms(&lateness), 2.0);
        lateness.add_lost(1);
        assert_eq!(cover_ms(&lateness), 42.0);
        run(&mut lateness, 12, |_| 0.0);
        assert_eq!(cover_ms(&lateness), 2.0);
    }

    #[test]
    fn weights_keep_their_precision_for_long() {
        let mut packets = Fading::new(MEMORY);
        for _ in 0..200_000 {
            packets.pass(96_000.0);
            packets.add(0.0, 1.0);
        }
        assert!(
            (4.9..5.7).contains(&packets.remembered()),
            "{}",
            packets.remembered()
        );
    }
}
