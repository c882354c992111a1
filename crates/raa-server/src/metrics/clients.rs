//! The metrics of each known client, with its SSRC as their only label.
//!
//! Always: a value that is not known has no sample, instead of one that looks like a measurement.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use raa_core::client::{ClientView, Status};
use raa_core::quality::Quality;

use super::NO_EXEMPLAR;
use crate::api::model::tenths;
use crate::engine::Snapshot;
use crate::id::ClientId;

/// A counter of each client.
struct Counter {
    name: &'static str,
    help: &'static str,
    value: fn(&ClientView) -> u64,
}

/// A measurement of each client.
struct Gauge {
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
    /// The second argument is the time at which the client was looked at.
    value: fn(&ClientView, SystemTime) -> Option<f64>,
}

const COUNTERS: [Counter; 8] = [
    Counter {
        name: "raa_client_packets_received",
        help: "Packets received.",
        value: |client| client.stats.received,
    },
    Counter {
        name: "raa_client_packets_lost",
        help: "Packets expected by their sequence numbers that never arrived.",
        value: |client| client.stats.lost,
    },
    Counter {
        name: "raa_client_packets_late",
        help: "Packets that arrived after their slot.",
        value: |client| client.stats.late,
    },
    Counter {
        name: "raa_client_packets_duplicate",
        help: "Packets that arrived again.",
        value: |client| client.stats.duplicate,
    },
    Counter {
        name: "raa_client_packets_reordered",
        help: "Packets that arrived after one that was sent later.",
        value: |client| client.stats.reordered,
    },
    Counter {
        name: "raa_client_frames_concealed",
        help: "Frames of 20 ms that were missing and could not be repaired.",
        value: |client| client.stats.concealed,
    },
    Counter {
        name: "raa_client_frames_repaired",
        help: "Frames of 20 ms that were missing and were played from another packet.",
        value: |client| client.stats.repaired,
    },
    Counter {
        name: "raa_client_frames_over_budget",
        help: "Frames that were left out because the client sends more than can be played.",
        value: |client| client.stats.over_budget,
    },
];

const GAUGES: [Gauge; 19] = [
    Gauge {
        name: "raa_client_connected",
        help: "Whether its packets arrive, sounding or silent.",
        unit: None,
        value: |client, _| truth(client.status != Status::Offline),
    },
    Gauge {
        name: "raa_client_sounding",
        help: "Whether it sounds.",
        unit: None,
        value: |client, _| truth(client.status == Status::Sounding),
    },
    Gauge {
        name: "raa_client_muted",
        help: "Whether it is left out of the mix by an operator.",
        unit: None,
        value: |client, _| truth(client.settings.muted),
    },
    Gauge {
        name: "raa_client_withheld",
        help: "Whether it is left out of the mix because its packets are not Opus.",
        unit: None,
        value: |client, _| truth(client.withheld.is_some()),
    },
    Gauge {
        name: "raa_client_capture_trouble",
        help: "Whether its sender reports that it may hear nothing of its computer.",
        unit: None,
        value: |client, _| truth(client.capture_trouble.is_some()),
    },
    Gauge {
        name: "raa_client_conflict",
        help: "Whether another sender uses its SSRC.",
        unit: None,
        value: |client, _| truth(client.conflict.is_some()),
    },
    Gauge {
        name: "raa_client_quality",
        help: "Quality of its sound in the last ten seconds: 2 good, 1 fair, 0 bad.",
        unit: None,
        value: |client, _| {
            client.quality.map(|report| match report.quality {
                Quality::Good => 2.0,
                Quality::Fair => 1.0,
                Quality::Bad => 0.0,
            })
        },
    },
    Gauge {
        name: "raa_client_loss_ratio",
        help: "Packets that the network lost in the last ten seconds, before repair, of those expected.",
        unit: None,
        value: |client, _| client.quality.map(|report| report.loss_percent / 100.0),
    },
    Gauge {
        name: "raa_client_concealed_ratio",
        help: "Frames that were missing after repair in the last ten seconds, of all.",
        unit: None,
        value: |client, _| {
            client
                .quality
                .map(|report| report.concealed_percent / 100.0)
        },
    },
    Gauge {
        name: "raa_client_peak_level_dbfs",
        help: "Largest sample of the last 100 ms in dBFS, before volume and mute; -120 is silence.",
        unit: None,
        value: |client, _| Some(tenths(client.level.peak_dbfs.into())),
    },
    Gauge {
        name: "raa_client_rms_level_dbfs",
        help: "Root mean square of the last 100 ms in dBFS, before volume and mute; -120 is silence.",
        unit: None,
        value: |client, _| Some(tenths(client.level.rms_dbfs.into())),
    },
    Gauge {
        name: "raa_client_volume_ratio",
        help: "Volume in the mix; 1 is the client's own amplitude.",
        unit: None,
        value: |client, _| Some(f64::from(client.settings.volume.percent()) / 100.0),
    },
    Gauge {
        name: "raa_client_delay",
        help: "Mean time from a packet's arrival to its play-out.",
        unit: Some(Unit::Seconds),
        value: |client, _| measured(client, client.stats.delay_ms / 1000.0),
    },
    Gauge {
        name: "raa_client_target_delay",
        help: "Target of the delay, which follows the network.",
        unit: Some(Unit::Seconds),
        value: |client, _| measured(client, client.stats.target_delay_ms / 1000.0),
    },
    Gauge {
        name: "raa_client_jitter",
        help: "Interarrival jitter (RFC 3550).",
        unit: Some(Unit::Seconds),
        value: |client, _| measured(client, client.stats.jitter_ms / 1000.0),
    },
    Gauge {
        name: "raa_client_round_trip",
        help: "Round-trip time between server and client.",
        unit: Some(Unit::Seconds),
        value: |client, _| client.round_trip.map(|trip| trip.as_secs_f64()),
    },
    Gauge {
        name: "raa_client_clock_drift_ratio",
        help: "How much faster the client's sample clock runs than the server's clock.",
        unit: None,
        value: |client, _| measured(client, client.stats.drift_ppm / 1e6),
    },
    Gauge {
        name: "raa_client_last_packet_timestamp",
        help: "Time of its last packet, since 1970.",
        unit: Some(Unit::Seconds),
        value: |client, taken| unix_time(taken, client.last_packet_ago),
    },
    Gauge {
        name: "raa_client_last_sound_timestamp",
        help: "End of its last sound, since 1970.",
        unit: Some(Unit::Seconds),
        value: |client, taken| unix_time(taken, client.last_sound_ago),
    },
];

pub(super) fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    snapshot: &Snapshot,
    now: SystemTime,
) -> fmt::Result {
    let clients = &snapshot.clients;
    if clients.is_empty() {
        return Ok(());
    }
    names(encoder, clients)?;
    for counter in &COUNTERS {
        let mut metric =
            encoder.encode_descriptor(counter.name, counter.help, None, MetricType::Counter)?;
        for client in clients {
            metric
                .encode_family(&[("ssrc", client.ssrc)])?
                .encode_counter(&(counter.value)(client), NO_EXEMPLAR)?;
        }
    }
    let taken = now.checked_sub(snapshot.taken.elapsed()).unwrap_or(now);
    for gauge in &GAUGES {
        let (name, unit) = (gauge.name, gauge.unit.as_ref());
        let mut metric = encoder.encode_descriptor(name, gauge.help, unit, MetricType::Gauge)?;
        for client in clients {
            if let Some(value) = (gauge.value)(client, taken) {
                metric
                    .encode_family(&[("ssrc", client.ssrc)])?
                    .encode_gauge(&value)?;
            }
        }
    }
    Ok(())
}

/// The only metric with a client's name, which others join by `ssrc`.
fn names(encoder: &mut DescriptorEncoder<'_>, clients: &[ClientView]) -> fmt::Result {
    let help = "A client's id in the API and its name.";
    let mut metric = encoder.encode_descriptor("raa_client", help, None, MetricType::Info)?;
    for client in clients {
        metric.encode_info(&[
            ("ssrc", client.ssrc.to_string()),
            ("id", ClientId(client.ssrc).to_string()),
            ("name", client.name().to_owned()),
        ])?;
    }
    Ok(())
}

fn truth(is_true: bool) -> Option<f64> {
    Some(f64::from(u8::from(is_true)))
}

/// A measurement of a client's packets, which is known once there are some.
fn measured(client: &ClientView, value: f64) -> Option<f64> {
    (client.stats.received > 0).then_some(value)
}

fn unix_time(taken: SystemTime, ago: Option<Duration>) -> Option<f64> {
    let time = taken.checked_sub(ago?)?.duration_since(UNIX_EPOCH).ok()?;
    Some(time.as_millis() as f64 / 1000.0)
}
