//! What a run has shown of the server, by its own account.

use serde::Serialize;

use crate::api::{Look, Reception, Status, Timing};
use crate::args::Args;

/// The server's part of the report.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    pub server_version: String,
    /// The mean of all 5 s windows, and the worst p99 and maximum of any.
    pub mix_cycle: Timing,
    pub slot_lateness: Timing,
    pub slots: u64,
    pub skipped_slots: u64,
    pub avg_active: f64,
    /// Percent of slots x speakers, skipped slots included, that were played and not concealed;
    /// `None` if speakers pause.
    pub heard_percent: Option<f64>,
    pub server_cpu_percent: f64,
    pub server_rss_bytes: u64,
    pub server_clients: u64,
    pub packets_refused: u64,
    /// Datagrams that the kernel had no room for.
    pub dropped_datagrams: u64,
    /// System calls by which the server wrote frames to listeners.
    pub listener_writes: u64,
    /// Frames that the server did not send to slow listeners.
    pub listener_frames_skipped: u64,
    pub listeners_closed_slow: u64,
    pub reception: Reception,
}

impl Figures {
    /// `seconds` lie between the two looks.
    pub(crate) fn new(
        args: &Args,
        before: &Look,
        windows: &[Status],
        after: &Look,
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
            mix_cycle: over(windows, |status| status.mix_cycle),
            slot_lateness: over(windows, |status| status.slot_lateness),
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

/// `slots` are those that were played and those that were skipped. Who else is in the mix, as the
/// test music, does not make up for a speaker that is not.
fn heard_percent(avg_active: f64, concealed: u64, slots: (u64, u64), speaking: u32) -> f64 {
    let (played, skipped) = (slots.0 as f64, slots.1 as f64);
    let speaking = f64::from(speaking);
    let in_mix = (avg_active / speaking).min(1.0) * played;
    let heard = (in_mix - concealed as f64 / speaking).max(0.0);
    100.0 * heard / (played + skipped).max(1.0)
}

/// The mean of all windows, and the worst p99 and maximum of any.
fn over(windows: &[Status], timing: impl Fn(&Status) -> Timing) -> Timing {
    let worst = |of: fn(Timing) -> f64| {
        windows
            .iter()
            .map(|status| of(timing(status)))
            .fold(0.0, f64::max)
    };
    Timing {
        mean_ms: mean(windows.iter().map(|status| timing(status).mean_ms)),
        p99_ms: worst(|timing| timing.p99_ms),
        max_ms: worst(|timing| timing.max_ms),
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
    fn a_speaker_is_heard_where_a_slot_is_played_with_it_and_not_concealed() {
        assert!((heard_percent(10.0, 0, (3000, 0), 10) - 100.0).abs() < 1e-9);
        assert!((heard_percent(11.0, 300, (3000, 0), 10) - 99.0).abs() < 1e-9);
        assert!((heard_percent(2.3, 0, (3000, 0), 10) - 23.0).abs() < 1e-9);
        assert!((heard_percent(10.0, 0, (1000, 3000), 10) - 25.0).abs() < 1e-9);
    }
}
