//! The result of a run, as a table for people or as JSON for programs.

use std::time::Instant;

use serde::Serialize;

use crate::api::{Reception, ServerState, Status, Timing};
use crate::args::Args;
use crate::figures::Figures;
use crate::histogram::Percentiles;
use crate::listener::MixReport;
use crate::senders::SendReport;

/// Everything that is measured at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// The state from the API; `None` without it.
    pub server: Option<ServerState>,
    /// CPU time of the process given by `--pid`, in seconds.
    pub process_cpu_s: Option<f64>,
    pub packets_sent: u64,
    pub own_cpu_s: f64,
    pub at: Instant,
}

/// The figures of the measured time. `send_errors` and `send_lateness` include the warm-up.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    server: String,
    clients: u32,
    speaking: u32,
    seconds: f64,
    #[serde(flatten)]
    figures: Option<Figures>,
    /// CPU of the process given by `--pid`, in percent of one core.
    process_cpu_percent: Option<f64>,
    packets_sent: u64,
    send_errors: u64,
    own_cpu_percent: f64,
    send_lateness: Option<Percentiles>,
    listeners: Option<MixReport>,
}

impl Report {
    pub(crate) fn new(
        args: &Args,
        sent: Option<&SendReport>,
        before: &Sample,
        windows: &[Status],
        after: &Sample,
        listeners: Option<MixReport>,
    ) -> Self {
        let seconds = after.at.duration_since(before.at).as_secs_f64();
        let states = before.server.as_ref().zip(after.server.as_ref());
        let process = before.process_cpu_s.zip(after.process_cpu_s);
        Self {
            server: args.host.clone(),
            clients: args.clients,
            speaking: args.speaking(),
            seconds,
            figures: states
                .map(|(before, after)| Figures::new(args, before, windows, after, seconds)),
            process_cpu_percent: process
                .map(|(before_s, after_s)| 100.0 * (after_s - before_s) / seconds),
            packets_sent: after.packets_sent - before.packets_sent,
            send_errors: sent.map_or(0, |sent| sent.errors),
            own_cpu_percent: 100.0 * (after.own_cpu_s - before.own_cpu_s) / seconds,
            send_lateness: sent.map(|sent| sent.lateness),
            listeners,
        }
    }

    pub(crate) fn print(&self, json: bool) {
        if json {
            // Numbers and texts can always be written as JSON.
            println!("{}", serde_json::to_string_pretty(self).unwrap_or_default());
        } else {
            print!("{}", self.table());
        }
    }

    fn table(&self) -> String {
        let version = self.figures.as_ref().map_or_else(String::new, |figures| {
            format!("raa-server {} at ", figures.server_version)
        });
        let title = format!(
            "{} clients, {} speaking, {:.0} s against {version}{}",
            self.clients, self.speaking, self.seconds, self.server
        );
        let figures = self.figures.as_ref();
        let process = self
            .process_cpu_percent
            .map(|percent| row("process", &format!("{percent:.2} % of one core")));
        let rows = [
            figures.map(server_rows).unwrap_or_default(),
            process.into_iter().collect(),
            self.packet_rows(),
            self.listeners
                .as_ref()
                .map(listener_rows)
                .unwrap_or_default(),
        ];
        format!("{title}\n{}\n", rows.concat().join("\n"))
    }

    fn packet_rows(&self) -> Vec<String> {
        let mut packets = format!("{} sent", self.packets_sent);
        let mut rows = Vec::new();
        if let Some(figures) = &self.figures {
            let Reception {
                received,
                lost,
                late,
                concealed,
                ..
            } = figures.reception;
            packets += &format!(
                ", {received} received, {} refused, {} dropped",
                figures.packets_refused, figures.dropped_datagrams
            );
            let losses = format!("{lost} lost, {late} late, {concealed} frames concealed");
            rows.push(row("of these", &losses));
        }
        rows.insert(0, row("packets", &packets));
        let mut own = format!("{:.1} % of one core", self.own_cpu_percent);
        if let Some(Percentiles { p99_ms, .. }) = self.send_lateness {
            own += &format!(", {} errors, {p99_ms:.1} ms late at p99", self.send_errors);
        }
        rows.push(row("raa-load", &own));
        rows
    }
}

fn server_rows(figures: &Figures) -> Vec<String> {
    let slots = format!(
        "{} played, {} skipped",
        figures.slots, figures.skipped_slots
    );
    let server = format!(
        "{:.1} % of one core, {:.1} MiB, {} clients",
        figures.server_cpu_percent,
        figures.server_rss_bytes as f64 / f64::from(1 << 20),
        figures.server_clients
    );
    let mut in_mix = format!("{:.1} clients on average", figures.avg_active);
    if let Some(percent) = figures.heard_percent {
        in_mix += &format!(", {percent:.2} % of slots x speakers");
    }
    vec![
        timing("mix cycle", figures.mix_cycle),
        timing("slot lateness", figures.slot_lateness),
        row("slots", &slots),
        row("in the mix", &in_mix),
        row("server", &server),
    ]
}

fn listener_rows(report: &MixReport) -> Vec<String> {
    let counts = format!(
        "{}, {} frames, {} missing, {} disconnected",
        report.listeners, report.frames, report.missing, report.disconnected
    );
    let Percentiles {
        p50_ms,
        p99_ms,
        max_ms,
    } = report.lateness;
    let lateness = format!(
        "p50 {p50_ms:.2}   p99 {p99_ms:.2}   max {max_ms:.2} ms, {:.3} % above 20 ms",
        report.late_percent
    );
    vec![row("listeners", &counts), row("frame lateness", &lateness)]
}

fn timing(name: &str, timing: Timing) -> String {
    let Timing {
        mean_ms,
        p99_ms,
        max_ms,
    } = timing;
    row(
        name,
        &format!("mean {mean_ms:.2}   p99 {p99_ms:.2}   max {max_ms:.2} ms"),
    )
}

fn row(name: &str, text: &str) -> String {
    format!("  {name:<20} {text}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn status(text: &str) -> Status {
        let whole = format!(
            r#"{{"version":"0.1.0","uptime_s":12,"listeners":3,"clients":41,"avg_active":11.0,
               "refused_packets":{{"too_short":1,"stray":2}},"listener_writes":9,"listener_frames_skipped":0,
               "dropped_datagrams":7,
               "listeners_closed_slow":0,"skipped_slots":0,{text}}}"#
        );
        serde_json::from_str(&whole).unwrap()
    }

    fn sample(at: Instant, status: &Status, received: u64) -> Sample {
        let all = Reception {
            received,
            lost: received / 100,
            ..Reception::default()
        };
        Sample {
            server: Some(ServerState {
                status: status.clone(),
                all,
                speakers: all,
            }),
            process_cpu_s: Some(received as f64 / 1000.0),
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
        let sent = SendReport {
            errors: 0,
            lateness: Percentiles {
                p50_ms: 0.1,
                p99_ms: 0.2,
                max_ms: 0.3,
            },
        };
        let args = Args::parse_words(["raa-load", "40", "10", "h"]).unwrap();
        let start = Instant::now();
        let before = sample(start, &early, 1000);
        let after = sample(start + Duration::from_secs(10), &late, 6000);
        Report::new(&args, Some(&sent), &before, &[early, late], &after, None)
    }

    #[test]
    fn figures_cover_the_measured_time() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(json["slots"], 500);
        assert_eq!(json["packets_sent"], 5000);
        assert_eq!(
            (&json["reception"]["received"], &json["reception"]["lost"]),
            (&5000.into(), &50.into())
        );
        assert_eq!(json["packets_refused"], 0);
        assert!((json["server_cpu_percent"].as_f64().unwrap() - 5.0).abs() < 1e-9);
        assert!((json["process_cpu_percent"].as_f64().unwrap() - 50.0).abs() < 1e-9);
        let cycle = &json["mix_cycle"];
        assert!((cycle["mean_ms"].as_f64().unwrap() - 0.3).abs() < 1e-9);
        assert_eq!(
            (cycle["p99_ms"].as_f64(), cycle["max_ms"].as_f64()),
            (Some(0.7), Some(9.0))
        );
    }

    #[test]
    fn the_table_has_the_figures() {
        let table = report().table();
        for text in [
            "40 clients, 10 speaking, 10 s against raa-server 0.1.0 at h",
            "mean 0.30   p99 0.70   max 9.00 ms",
            "500 played, 0 skipped",
            "5.0 % of one core, 20.0 MiB, 41 clients",
            "5000 sent, 5000 received, 0 refused, 0 dropped",
            "50.00 % of one core",
            "50 lost, 0 late, 0 frames concealed",
        ] {
            assert!(table.contains(text), "{text} is not in\n{table}");
        }
    }
}
