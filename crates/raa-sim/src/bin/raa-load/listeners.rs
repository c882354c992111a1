//! Listeners of the mix over WebSocket: do all frames come, and in time?
//!
//! One thread for all of them. Lateness is measured against the RTP timestamps, from the frame
//! that came earliest.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::StreamExt as _;
use raa_core::SAMPLE_RATE;
use raa_core::rtp::Packet;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

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
    /// Slots that the server itself skipped.
    pub skipped_slots: u64,
    /// Listeners whose connection ended before its time.
    pub disconnected: u64,
    pub lateness: Percentiles,
}

#[derive(Default)]
struct Tally {
    frames: u64,
    missing: u64,
    skipped_slots: u64,
    lateness: Histogram,
}

/// Connects `count` listeners and hears until `end`.
pub(crate) fn listen(url: &str, count: u32, end: Instant) -> anyhow::Result<Heard> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(tokio::task::LocalSet::new().run_until(async {
        let tally = Rc::new(RefCell::new(Tally::default()));
        let mut tasks = JoinSet::new();
        for _ in 0..count {
            let (socket, _) = tokio_tungstenite::connect_async(url)
                .await
                .with_context(|| format!("cannot listen to {url}"))?;
            let tally = Rc::clone(&tally);
            tasks.spawn_local(async move {
                let hear = hear(socket, &tally);
                // Running out of time is how it should end.
                tokio::time::timeout_at(end.into(), hear).await.is_err()
            });
        }
        let stayed = tasks
            .join_all()
            .await
            .into_iter()
            .filter(|stayed| *stayed)
            .count() as u64;
        let tally = tally.borrow();
        Ok(Heard {
            listeners: count,
            frames: tally.frames,
            missing: tally.missing,
            skipped_slots: tally.skipped_slots,
            disconnected: u64::from(count) - stayed,
            lateness: tally.lateness.percentiles(),
        })
    }))
}

/// Hears one connection to its end.
async fn hear<S>(mut socket: S, tally: &RefCell<Tally>)
where
    S: futures_util::Stream<Item = Result<Message, tokio_tungstenite::tungstenite::Error>> + Unpin,
{
    let mut ear = Ear::default();
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Binary(frame) = message
            && let Ok(packet) = Packet::parse(&frame)
        {
            ear.take(Instant::now(), &packet, &mut tally.borrow_mut());
        }
    }
}

/// One listener.
#[derive(Default)]
struct Ear {
    last: Option<(u16, u32)>,
    frames: u64,
    /// Samples since the first frame.
    position: u64,
    /// When the first frame would have come, had it been as early as the earliest.
    origin: Option<Instant>,
}

impl Ear {
    fn take(&mut self, now: Instant, packet: &Packet<'_>, tally: &mut Tally) {
        let (sequence_number, timestamp) = (packet.sequence_number, packet.timestamp);
        if let Some((last_number, last_timestamp)) = self.last.replace((sequence_number, timestamp))
        {
            let missing = sequence_number.wrapping_sub(last_number).saturating_sub(1);
            let samples = timestamp.wrapping_sub(last_timestamp);
            self.position += u64::from(samples);
            tally.missing += u64::from(missing);
            tally.skipped_slots +=
                u64::from((samples / 960).saturating_sub(1 + u32::from(missing)));
        }
        self.frames += 1;
        tally.frames += 1;
        let into = Duration::from_secs_f64(self.position as f64 / f64::from(SAMPLE_RATE));
        let origin = now.checked_sub(into).unwrap_or(now);
        let earliest = self.origin.map_or(origin, |earliest| earliest.min(origin));
        self.origin = Some(earliest);
        if self.frames > SETTLING_FRAMES {
            tally.lateness.push(origin - earliest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_frames_skipped_slots_and_lateness_are_told_apart() {
        let (mut ear, mut tally) = (Ear::default(), Tally::default());
        let start = Instant::now() + Duration::from_secs(1);
        let mut hear = |n: u16, slot: u32, late_ms: u64| {
            let packet = Packet {
                marker: false,
                payload_type: 111,
                sequence_number: n.wrapping_add(65_500),
                timestamp: (slot * 960).wrapping_add(u32::MAX - 5000),
                ssrc: 1,
                payload: &[0],
            };
            let at = start + Duration::from_millis(u64::from(slot) * 20 + late_ms);
            ear.take(at, &packet, &mut tally);
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
}
