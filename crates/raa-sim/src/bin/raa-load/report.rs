//! What a run has shown, as a table for people or JSON for programs.

use std::time::Instant;

use serde::Serialize;

use crate::api::{Reception, Status, Timing};
use crate::args::Args;
use crate::histogram::Percentiles;
use crate::listeners::Heard;
use crate::senders::Sent;

/// A look at the server.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub status: Status,
    /// Of this run's clients.
    pub reception: Reception,
    pub packets_sent: u64,
    pub own_cpu_s: f64,
    pub at: Instant,
}

/// See the module's text. Only `send_errors` and `send_lateness` are of the warming-up as well.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    server: String,
    server_version: String,
    clients: u32,
    speaking: u32,
    seconds: f64,
    /// The mean of all 5 s windows, and the worst p99 and maximum of any.
    mix_cycle: Timing,
    slot_lateness: Timing,
    slots: u64,
    skipped_slots: u64,
    avg_active: f64,
    server_cpu_percent: f64,
    server_rss_bytes: u64,
    server_clients: u64,
    packets_sent: u64,
    send_errors: u64,
    packets_refused: u64,
    reception: Reception,
    own_cpu_percent: f64,
    send_lateness: Percentiles,
    listeners: Option<Heard>,
}

impl Report {
    pub(crate) fn new(
        args: &Args,
        sent: &Sent,
        before: &Sample,
        windows: &[Status],
        after: &Sample,
        listeners: Option<Heard>,
    ) -> Self {
        let seconds = after.at.duration_since(before.at).as_secs_f64();
        let refused = |sample: &Sample| sample.status.refused_packets.values().sum::<u64>();
        let server_cpu_s = after.status.process.cpu_s - before.status.process.cpu_s;
        Self {
            server: args.host.clone(),
            server_version: after.status.version.clone(),
            clients: args.clients,
            speaking: args.speaking(),
            seconds,
            mix_cycle: over(windows, |status| status.mix_cycle),
            slot_lateness: over(windows, |status| status.slot_lateness),
            slots: after.status.slots - before.status.slots,
            skipped_slots: after.status.skipped_slots - before.status.skipped_slots,
            avg_active: mean(windows.iter().map(|status| status.avg_active)),
            server_cpu_percent: 100.0 * server_cpu_s / seconds,
            server_rss_bytes: after.status.process.rss_bytes,
            server_clients: after.status.clients,
            packets_sent: after.packets_sent - before.packets_sent,
            send_errors: sent.errors,
            packets_refused: refused(after) - refused(before),
            reception: after.reception.since(before.reception),
            own_cpu_percent: 100.0 * (after.own_cpu_s - before.own_cpu_s) / seconds,
            send_lateness: sent.lateness,
            listeners,
        }
    }

    pub(crate) fn print(&self, json: bool) {
        if json {
            // Numbers and texts only: there is nothing that JSON has no word for.
            println!("{}", serde_json::to_string_pretty(self).unwrap_or_default());
        } else {
            print!("{}", self.table());
        }
    }

    fn table(&self) -> String {
        let title = format!(
            "{} clients, {} speaking, {:.0} s against raa-server {} at {}",
            self.clients, self.speaking, self.seconds, self.server_version, self.server
        );
        let rows = [self.server_rows(), self.packet_rows(), self.listener_rows()];
        format!("{title}\n{}\n", rows.concat().join("\n"))
    }

    fn server_rows(&self) -> Vec<String> {
        let slots = format!("{} played, {} skipped", self.slots, self.skipped_slots);
        let server = format!(
            "{:.1} % of one core, {:.1} MiB, {} clients",
            self.server_cpu_percent,
            self.server_rss_bytes as f64 / f64::from(1 << 20),
            self.server_clients
        );
        vec![
            timing("mix cycle", self.mix_cycle),
            timing("slots begin late by", self.slot_lateness),
            row("slots", &slots),
            row(
                "in the mix",
                &format!("{:.1} clients on average", self.avg_active),
            ),
            row("server", &server),
        ]
    }

    fn packet_rows(&self) -> Vec<String> {
        let Reception {
            received,
            lost,
            late,
            concealed,
            ..
        } = self.reception;
        let packets = format!(
            "{} sent, {received} received, {} refused",
            self.packets_sent, self.packets_refused
        );
        let suffered = format!("{lost} lost, {late} late, {concealed} frames concealed");
        let own = format!(
            "{:.1} % of one core, {} errors, {:.1} ms late at p99",
            self.own_cpu_percent, self.send_errors, self.send_lateness.p99_ms
        );
        vec![
            row("packets", &packets),
            row("of these", &suffered),
            row("raa-load", &own),
        ]
    }

    fn listener_rows(&self) -> Vec<String> {
        let Some(heard) = &self.listeners else {
            return Vec::new();
        };
        let counts = format!(
            "{}, {} frames, {} missing, {} disconnected",
            heard.listeners, heard.frames, heard.missing, heard.disconnected
        );
        let Percentiles {
            p50_ms,
            p99_ms,
            max_ms,
        } = heard.lateness;
        let lateness = format!("p50 {p50_ms:.2}   p99 {p99_ms:.2}   max {max_ms:.2} ms");
        vec![
            row("listeners", &counts),
            row("frames come late by", &lateness),
        ]
    }
}

fn timing(what: &str, timing: Timing) -> String {
    let Timing {
        mean_ms,
        p99_ms,
        max_ms,
    } = timing;
    row(
        what,
        &format!("mean {mean_ms:.2}   p99 {p99_ms:.2}   max {max_ms:.2} ms"),
    )
}

fn row(what: &str, text: &str) -> String {
    format!("  {what:<20} {text}")
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
    use std::time::Duration;

    use clap::Parser as _;

    use super::*;

    fn status(text: &str) -> Status {
        let whole = format!(
            r#"{{"version":"0.1.0","uptime_s":12,"listeners":3,"clients":41,"avg_active":11.0,
               "refused_packets":{{"too_short":1,"stray":2}},"listener_frames_skipped":0,
               "listeners_closed_slow":0,"skipped_slots":0,{text}}}"#
        );
        serde_json::from_str(&whole).unwrap()
    }

    fn sample(at: Instant, status: &Status, received: u64) -> Sample {
        Sample {
            status: status.clone(),
            reception: Reception {
                received,
                lost: received / 100,
                ..Reception::default()
            },
            packets_sent: received + 50,
            own_cpu_s: 1.0,
            at,
        }
    }

    fn report() -> Report {
        let early = status(
            r#""mix_cycle":{"mean_ms":0.2,"p99_ms":0.5,"max_ms":9.0},"slots":100,
               "slot_lateness":{"mean_ms":0.1,"p99_ms":0.2,"max_ms":0.3},
               "process":{"cpu_s":1.0,"rss_bytes":10485760}"#,
        );
        let late = status(
            r#""mix_cycle":{"mean_ms":0.4,"p99_ms":0.7,"max_ms":1.0},"slots":600,
               "slot_lateness":{"mean_ms":0.1,"p99_ms":0.2,"max_ms":0.3},
               "process":{"cpu_s":1.5,"rss_bytes":20971520}"#,
        );
        let sent = Sent {
            errors: 0,
            lateness: Percentiles {
                p50_ms: 0.1,
                p99_ms: 0.2,
                max_ms: 0.3,
            },
        };
        let args = Args::parse_from(["raa-load", "40", "10", "h"]);
        let start = Instant::now();
        let before = sample(start, &early, 1000);
        let after = sample(start + Duration::from_secs(10), &late, 6000);
        Report::new(&args, &sent, &before, &[early, late], &after, None)
    }

    #[test]
    fn figures_are_of_the_measured_time_and_the_worst_window_counts() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(json["slots"], 500);
        assert_eq!(json["packets_sent"], 5000);
        assert_eq!(
            (&json["reception"]["received"], &json["reception"]["lost"]),
            (&5000.into(), &50.into())
        );
        assert_eq!(json["packets_refused"], 0);
        assert!((json["server_cpu_percent"].as_f64().unwrap() - 5.0).abs() < 1e-9);
        let cycle = &json["mix_cycle"];
        assert!((cycle["mean_ms"].as_f64().unwrap() - 0.3).abs() < 1e-9);
        assert_eq!(
            (cycle["p99_ms"].as_f64(), cycle["max_ms"].as_f64()),
            (Some(0.7), Some(9.0))
        );
    }

    #[test]
    fn the_table_says_what_the_json_says() {
        let table = report().table();
        for text in [
            "40 clients, 10 speaking, 10 s against raa-server 0.1.0 at h",
            "mean 0.30   p99 0.70   max 9.00 ms",
            "500 played, 0 skipped",
            "5.0 % of one core, 20.0 MiB, 41 clients",
            "5000 sent, 5000 received, 0 refused",
            "50 lost, 0 late, 0 frames concealed",
        ] {
            assert!(table.contains(text), "{text} is not in\n{table}");
        }
    }
}
