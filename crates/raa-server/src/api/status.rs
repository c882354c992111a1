//! `/api/status` and `/healthz`: the server's own figures, and whether it works.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use raa_core::refused::Refused;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::{ApiError, ErrorBody};
use super::model::{ProcessBody, StatusBody, thousandths};
use super::refused;
use crate::clock::ServerClock;
use crate::engine::{EngineHandle, Snapshot};
use crate::outputs::ws::stats::ListenerStats;
use crate::refused_requests::RefusedRequests;

/// The response of a working server.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthBody {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// The figures of the server that do not come from the engine.
#[derive(Debug, Clone)]
pub(crate) struct ServerFigures {
    started: Instant,
    listeners: Arc<ListenerStats>,
    refused: Arc<RefusedRequests>,
    udp_port: u16,
}

impl ServerFigures {
    /// Counts the uptime from now on; `udp_port` is the port that senders send to.
    pub(crate) fn new(
        listeners: Arc<ListenerStats>,
        refused: Arc<RefusedRequests>,
        udp_port: u16,
    ) -> Self {
        Self {
            started: Instant::now(),
            listeners,
            refused,
            udp_port,
        }
    }

    /// Returns the clock that counts from the server's start.
    pub(crate) fn clock(&self) -> ServerClock {
        ServerClock::new(self.started)
    }

    /// Returns the number of listeners.
    pub(crate) fn listeners(&self) -> usize {
        self.listeners.listeners()
    }

    /// Returns the port that senders send to.
    pub(crate) fn udp_port(&self) -> u16 {
        self.udp_port
    }

    /// Combines these figures with the engine's.
    pub(crate) fn with(&self, snapshot: &Snapshot) -> StatusBody {
        let refused = snapshot.stats.refused.iter();
        StatusBody {
            version: env!("CARGO_PKG_VERSION"),
            uptime_s: self.started.elapsed().as_secs(),
            udp_port: self.udp_port,
            listeners: self.listeners.listeners(),
            clients: snapshot.clients.len(),
            mix_cycle: snapshot.mix_cycle.into(),
            slot_lateness: snapshot.slot_lateness.into(),
            slots: snapshot.stats.slots,
            skipped_slots: snapshot.stats.skipped_slots,
            avg_active: thousandths(snapshot.avg_active),
            refused_packets: refused
                .map(|(reason, count)| (Refused::as_str(reason), count))
                .collect(),
            refused_senders: refused::bodies(snapshot),
            refused_requests: self.refused.counts(),
            dropped_datagrams: snapshot.dropped_datagrams,
            unsent_reports: snapshot.unsent_reports,
            listener_writes: self.listeners.writes(),
            listener_frames_skipped: self.listeners.frames_skipped(),
            listeners_closed_slow: self.listeners.closed_slow(),
            process: process(),
        }
    }
}

/// Read the server's figures.
#[utoipa::path(
    get, path = "/api/status", tag = "server",
    responses((status = 200, description = "The server's figures", body = StatusBody))
)]
pub(crate) async fn status(
    State(engine): State<EngineHandle>,
    State(figures): State<ServerFigures>,
) -> Json<StatusBody> {
    Json(figures.with(&engine.snapshot()))
}

/// Check that the server plays audio, for supervisors and load balancers.
#[utoipa::path(
    get, path = "/healthz", tag = "server",
    responses(
        (status = 200, description = "The engine plays its slots", body = HealthBody),
        (status = 503, description = "The engine has played no slot for a second", body = ErrorBody),
    )
)]
pub(crate) async fn healthz(State(engine): State<EngineHandle>) -> Response {
    if engine.is_healthy() {
        Json(HealthBody { status: "ok" }).into_response()
    } else {
        ApiError::engine_unavailable().into_response()
    }
}

/// Measures this process; a figure that the system does not provide is zero.
fn process() -> ProcessBody {
    let cpu = getrusage(UsageWho::RUSAGE_SELF)
        .map(|usage| (usage.user_time() + usage.system_time()).num_milliseconds());
    let memory = fs::read_to_string("/proc/self/status").unwrap_or_default();
    ProcessBody {
        pid: std::process::id(),
        cpu_s: cpu.unwrap_or_default() as f64 / 1000.0,
        rss_bytes: resident_bytes(&memory).unwrap_or_default(),
    }
}

/// Extracts the resident memory from the text of `/proc/PID/status`.
fn resident_bytes(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_grows_with_work() {
        let before = process().cpu_s;
        // Reading the figures is work, too, so some of it remains in a release build.
        let work = || std::hint::black_box((0..100_000_u64).sum::<u64>());
        let has_grown = (0..100_000).any(|_| work() > 0 && process().cpu_s > before + 0.02);
        assert!(has_grown, "{before}");
    }

    #[test]
    fn resident_memory_is_read_from_the_kernel() {
        let resident = process().rss_bytes;
        assert!((1 << 20..1 << 40).contains(&resident), "{resident}");
        assert_eq!(
            resident_bytes("VmSize:\t 9 kB\nVmRSS:\t   1234 kB\n"),
            Some(1234 * 1024)
        );
        assert_eq!(resident_bytes("VmRSS:\t many"), None);
    }
}
