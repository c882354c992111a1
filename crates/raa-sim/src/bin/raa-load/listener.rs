//! The frames that one listener receives of the mix, and the sum over all listeners.
//!
//! Lateness is measured against the RTP timestamps, relative to the frame that arrived earliest.

use std::time::{Duration, Instant};

use raa_core::rtp::Packet;
use raa_core::{SAMPLE_RATE, SLOT};
use raa_sim::world::continuity::Continuity;
use serde::Serialize;

use crate::histogram::{Histogram, Percentiles};

/// Frames whose lateness does not count yet: one second, in which the earliest frame is found.
const SETTLING_FRAMES: u64 = 50;

/// The reception of all listeners together.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct MixReport {
    pub listeners: u32,
    pub frames: u64,
    /// Frames that listeners did not receive.
    pub missing: u64,
    /// Slots that the server skipped, counted once for each listener.
    pub skipped_slots: u64,
    /// Listeners whose connection ended early, since the start of the run.
    pub disconnected: u64,
    /// The lateness of the timed listeners' frames.
    pub lateness: Percentiles,
    /// Share of the timed listeners' frames that were more than a slot late, in percent.
    pub late_percent: f64,
    /// Whether arrival times come from the kernel. Otherwise they are the times of reading.
    pub kernel_times: bool,
}

/// Counts for a [`MixReport`].
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) frames: u64,
    pub(crate) missing: u64,
    pub(crate) skipped_slots: u64,
    pub(crate) lateness: Histogram,
}

impl Tally {
    pub(crate) fn report(
        &self,
        listeners: u32,
        disconnected: u64,
        kernel_times: bool,
    ) -> MixReport {
        MixReport {
            listeners,
            frames: self.frames,
            missing: self.missing,
            skipped_slots: self.skipped_slots,
            disconnected,
            lateness: self.lateness.percentiles(),
            late_percent: 100.0 * self.lateness.share_over(SLOT),
            kernel_times,
        }
    }
}

/// One listener of the mix.
#[derive(Default)]
pub(crate) struct MixListener {
    continuity: Continuity,
    frames: u64,
    /// Samples since the first frame.
    position: u64,
    /// When the first frame would have arrived if it had been as early as the earliest one.
    origin: Option<Instant>,
}

impl MixListener {
    /// Takes one frame that arrived at `at`, if that is measured. It counts in `tally`, if given.
    pub(crate) fn receive(
        &mut self,
        at: Option<Instant>,
        packet: &Packet<'_>,
        tally: Option<&mut Tally>,
    ) {
        let step = self.continuity.advance(packet);
        self.position += step.map_or(0, |step| step.samples.into());
        self.frames += 1;
        let lateness = at.map(|at| self.lateness(at));
        let Some(tally) = tally else { return };
        tally.frames += 1;
        if let Some(step) = step {
            tally.missing += u64::from(step.missing_frames());
            tally.skipped_slots += u64::from(step.skipped_slots());
        }
        if let Some(lateness) = lateness
            && self.frames > SETTLING_FRAMES
        {
            tally.lateness.push(lateness);
        }
    }

    /// Returns the lateness of the frame that has just arrived.
    fn lateness(&mut self, at: Instant) -> Duration {
        let into = Duration::from_secs_f64(self.position as f64 / f64::from(SAMPLE_RATE));
        let origin = at.checked_sub(into).unwrap_or(at);
        let earliest = self.origin.map_or(origin, |earliest| earliest.min(origin));
        self.origin = Some(earliest);
        origin - earliest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes on frame number `n` of slot `slot`, which arrives `late_ms` late.
    fn receive(
        listener: &mut MixListener,
        tally: Option<&mut Tally>,
        start: Instant,
        frame: (u16, u32, u64),
    ) {
        let (n, slot, late_ms) = frame;
        let packet = Packet {
            marker: false,
            payload_type: 111,
            sequence_number: n.wrapping_add(65_500),
            timestamp: (slot * 960).wrapping_add(u32::MAX - 5000),
            ssrc: 1,
            payload: &[0],
        };
        let at = start + Duration::from_millis(u64::from(slot) * 20 + late_ms);
        listener.receive(Some(at), &packet, tally);
    }

    #[test]
    fn missing_frames_skipped_slots_and_lateness_are_separate() {
        let (mut listener, mut tally) = (MixListener::default(), Tally::default());
        let start = Instant::now() + Duration::from_secs(1);
        let mut frame = |n, slot, late_ms| {
            receive(&mut listener, Some(&mut tally), start, (n, slot, late_ms));
        };
        (0..100).for_each(|n| frame(n, n.into(), 0));
        // This listener misses two frames, and then the server skips three slots.
        frame(102, 102, 0);
        frame(103, 106, 7);
        assert_eq!(
            (tally.frames, tally.missing, tally.skipped_slots),
            (102, 2, 3)
        );
        let Percentiles { p50_ms, max_ms, .. } = tally.lateness.percentiles();
        assert!(
            p50_ms < 0.11 && (7.0..7.2).contains(&max_ms),
            "{p50_ms} {max_ms}"
        );
    }

    #[test]
    fn frames_before_measuring_only_find_the_earliest() {
        let (mut listener, mut tally) = (MixListener::default(), Tally::default());
        let start = Instant::now() + Duration::from_secs(1);
        (0..60).for_each(|n| receive(&mut listener, None, start, (n, n.into(), 1)));
        for n in 60..160 {
            let late_ms = if n % 10 == 0 { 31 } else { 3 };
            receive(
                &mut listener,
                Some(&mut tally),
                start,
                (n, n.into(), late_ms),
            );
        }
        let report = tally.report(1, 0, true);
        assert_eq!((report.frames, report.missing), (100, 0));
        assert!((report.late_percent - 10.0).abs() < 1e-9, "{report:?}");
        assert!((report.lateness.max_ms - 30.1).abs() < 0.11, "{report:?}");
    }
}
