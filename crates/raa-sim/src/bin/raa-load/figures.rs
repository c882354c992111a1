//! The server's own figures over a run.

use serde::Serialize;

use crate::api::{Reception, ServerState, Status, Timing};
use crate::args::Args;

/// The server's part of the report. The timings have the mean of all 5 s windows, and the highest
/// p99 and maximum of any.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    pub server_version: String,
    pub mix_cycle: Timing,
    pub slot_lateness: Timing,
    pub slots: u64,
    pub skipped_slots: u64,
    pub avg_active: f64,
    /// The share of slots x speakers that were played and not concealed, in percent. Skipped slots
    /// count as not played. `None` if speakers pause.
    pub heard_percent: Option<f64>,
    pub server_cpu_percent: f64,
    pub server_rss_bytes: u64,
    pub server_clients: u64,
    pub packets_refused: u64,
    /// Datagrams that the kernel dropped because the receive buffer was full.
    pub dropped_datagrams: u64,
    /// System calls in which the server wrote frames to listeners.
    pub listener_writes: u64,
    /// Frames that the server skipped for slow listeners.
    pub listener_frames_skipped: u64,
    pub listeners_closed_slow: u64,
    pub reception: Reception,
}

impl Figures {
    /// Computes the figures from the states at the beginning and the end, `seconds` apart.
    pub(crate) fn new(
        args: &Args,
        before: &ServerState,
        windows: &[Status],
        after: &ServerState,
        seconds: f64,
    ) -> Self {
        let (first, last) = (&before.status, &after.status);
        let refused = |status: &Status| status.refused_packets.values().sum::<u64>();
        let slots = last.slots - first.slots;
        let skipped_slots = last.skipped_slots - first.skipped_slots;
        let played = (slots, skipped_slots);
        let avg_active = mean(windows.iter().map(|status| status.avg_active));
        let concealed = after.speakers.since(before.speakers).concealed;
        Self {
            server_version: last.version.clone(),
            mix_cycle: combine(windows, |status| status.mix_cycle),
            slot_lateness: combine(windows, |status| status.slot_lateness),
            slots,
            skipped_slots,
            avg_active,
            heard_percent: (args.speaking() > 0 && !args.dtx)
                .then(|| heard_percent(avg_active, concealed, played, args.speaking())),
            server_cpu_percent: 100.0 * (last.process.cpu_s - first.process.cpu_s) / seconds,
            server_rss_bytes: last.process.rss_bytes,
            server_clients: last.clients,
            packets_refused: refused(last) - refused(first),
            dropped_datagrams: last.dropped_datagrams - first.dropped_datagrams,
            listener_writes: last.listener_writes - first.listener_writes,
            listener_frames_skipped: last.listener_frames_skipped - first.listener_frames_skipped,
            listeners_closed_slow: last.listeners_closed_slow - first.listeners_closed_slow,
            reception: after.all.since(before.all),
        }
    }
}

/// Computes `heard_percent` from the numbers of slots played and skipped. Other clients in the mix,
/// such as the test music, do not make up for missing speakers.
fn heard_percent(avg_active: f64, concealed: u64, slots: (u64, u64), speaking: u32) -> f64 {
    let (played, skipped) = (slots.0 as f64, slots.1 as f64);
    let speaking = f64::from(speaking);
    let in_mix = (avg_active / speaking).min(1.0) * played;
    let whole = (in_mix - concealed as f64 / speaking).max(0.0);
    100.0 * whole / (played + skipped).max(1.0)
}

/// Combines the timings of all windows: the mean, and the highest p99 and maximum of any.
fn combine(windows: &[Status], timing: impl Fn(&Status) -> Timing) -> Timing {
    let highest = |of: fn(Timing) -> f64| {
        windows
            .iter()
            .map(|status| of(timing(status)))
            .fold(0.0, f64::max)
    };
    Timing {
        mean_ms: mean(windows.iter().map(|status| timing(status).mean_ms)),
        p99_ms: highest(|timing| timing.p99_ms),
        max_ms: highest(|timing| timing.max_ms),
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1) as f64;
    values.sum::<f64>() / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concealed_and_skipped_slots_are_not_heard() {
        assert!((heard_percent(10.0, 0, (3000, 0), 10) - 100.0).abs() < 1e-9);
        assert!((heard_percent(11.0, 300, (3000, 0), 10) - 99.0).abs() < 1e-9);
        assert!((heard_percent(2.3, 0, (3000, 0), 10) - 23.0).abs() < 1e-9);
        assert!((heard_percent(10.0, 0, (1000, 3000), 10) - 25.0).abs() < 1e-9);
    }
}
