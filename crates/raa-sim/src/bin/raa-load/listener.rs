//! What one listener hears of the mix, and what all of them together have met.
//!
//! Lateness is measured against the RTP timestamps, from the frame that came earliest.

use std::time::{Duration, Instant};

use raa_core::rtp::Packet;
use raa_core::{SAMPLE_RATE, SLOT, SLOT_SAMPLES};
use serde::Serialize;

use crate::histogram::{Histogram, Percentiles};

/// Frames until lateness counts: one second, in which the earliest frame is found.
const SETTLING_FRAMES: u64 = 50;

/// What all listeners together have met.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Heard {
    pub listeners: u32,
    pub frames: u64,
    /// Frames that a listener was not sent.
    pub missing: u64,
    /// Slots that the server itself skipped, once for each listener.
    pub skipped_slots: u64,
    /// Listeners whose connection ended before its time, since the beginning.
    pub disconnected: u64,
    /// Of the timed listeners' frames, as is the next.
    pub lateness: Percentiles,
    /// Share of the frames that came more than a slot late, in percent.
    pub late_percent: f64,
    /// Whether the kernel told when frames came; else a frame came when it was read.
    pub kernel_times: bool,
}

/// See [`Heard`].
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) frames: u64,
    pub(crate) missing: u64,
    pub(crate) skipped_slots: u64,
    pub(crate) lateness: Histogram,
}

impl Tally {
    pub(crate) fn heard(&self, listeners: u32, disconnected: u64, kernel_times: bool) -> Heard {
        Heard {
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

/// One listener.
#[derive(Default)]
pub(crate) struct MixListener {
    last: Option<(u16, u32)>,
    frames: u64,
    /// Samples since the first frame.
    position: u64,
    /// When the first frame would have come, had it been as early as the earliest.
    origin: Option<Instant>,
}

impl MixListener {
    /// Hears one frame that came at `at`, if that is known; it counts if there is a tally.
    pub(crate) fn take(
        &mut self,
        at: Option<Instant>,
        packet: &Packet<'_>,
        tally: Option<&mut Tally>,
    ) {
        let (missing, skipped) = self.gap_before(packet);
        self.frames += 1;
        let lateness = at.map(|at| self.lateness(at));
        let Some(tally) = tally else { return };
        tally.frames += 1;
        tally.missing += u64::from(missing);
        tally.skipped_slots += u64::from(skipped);
        if let Some(lateness) = lateness
            && self.frames > SETTLING_FRAMES
        {
            tally.lateness.push(lateness);
        }
    }

    /// Of the frame that has just come.
    fn lateness(&mut self, at: Instant) -> Duration {
        let into = Duration::from_secs_f64(self.position as f64 / f64::from(SAMPLE_RATE));
        let origin = at.checked_sub(into).unwrap_or(at);
        let earliest = self.origin.map_or(origin, |earliest| earliest.min(origin));
        self.origin = Some(earliest);
        origin - earliest
    }

    /// Frames that this listener was not sent, and slots that nobody was.
    fn gap_before(&mut self, packet: &Packet<'_>) -> (u16, u32) {
        let (sequence_number, timestamp) = (packet.sequence_number, packet.timestamp);
        let Some((last_number, last_timestamp)) = self.last.replace((sequence_number, timestamp))
        else {
            return (0, 0);
        };
        let missing = sequence_number.wrapping_sub(last_number).saturating_sub(1);
        let samples = timestamp.wrapping_sub(last_timestamp);
        self.position += u64::from(samples);
        let slots = samples / SLOT_SAMPLES as u32;
        (missing, slots.saturating_sub(1 + u32::from(missing)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frame number `n` of slot `slot`, which comes `late_ms` late.
    fn hear(
        ear: &mut MixListener,
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
        ear.take(Some(at), &packet, tally);
    }

    #[test]
    fn missing_frames_skipped_slots_and_lateness_are_told_apart() {
        let (mut ear, mut tally) = (MixListener::default(), Tally::default());
        let start = Instant::now() + Duration::from_secs(1);
        let mut hear = |n, slot, late_ms| {
            hear(&mut ear, Some(&mut tally), start, (n, slot, late_ms));
        };
        (0..100).for_each(|n| hear(n, n.into(), 0));
        // Two frames are not sent to this listener, then the server skips three slots.
        hear(102, 102, 0);
        hear(103, 106, 7);
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
    fn frames_of_the_warm_up_set_the_pace_and_do_not_count() {
        let (mut ear, mut tally) = (MixListener::default(), Tally::default());
        let start = Instant::now() + Duration::from_secs(1);
        (0..60).for_each(|n| hear(&mut ear, None, start, (n, n.into(), 1)));
        for n in 60..160 {
            let late_ms = if n % 10 == 0 { 31 } else { 3 };
            hear(&mut ear, Some(&mut tally), start, (n, n.into(), late_ms));
        }
        let heard = tally.heard(1, 0, true);
        assert_eq!((heard.frames, heard.missing), (100, 0));
        assert!((heard.late_percent - 10.0).abs() < 1e-9, "{heard:?}");
        assert!((heard.lateness.max_ms - 30.1).abs() < 0.11, "{heard:?}");
    }
}
