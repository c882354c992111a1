//! Reports to the supervisor that started the server: ready, alive, stopping (systemd's sd_notify(3)).
//!
//! A watchdog that any thread could feed would prove nothing. This one is fed only while the engine
//! plays its slots, which is also what `/healthz` reports, and by a task of the runtime, so that neither
//! a stuck engine nor a stuck runtime goes unnoticed. Always: without a supervisor nothing happens; one
//! that can't be reached costs a line in the log and nothing else.

mod socket;

use std::env;
use std::process;
use std::time::Duration;

use raa_core::client::Status;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::api::status::ServerFigures;
use crate::engine::{EngineHandle, Snapshot};
use socket::NotifySocket;

/// Time between two reports to a supervisor that sets no time limit.
const USUAL_PERIOD: Duration = Duration::from_secs(5);

/// The supervisor of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Supervisor {
    socket: NotifySocket,
    /// Time without a sign of life after which it kills the process; `None` if it never does.
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// Returns the supervisor that the environment names.
    pub(crate) fn of_process() -> Option<Self> {
        Self::of(process::id(), |name| env::var(name).ok())
    }

    fn of(pid: u32, get: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let socket = get("NOTIFY_SOCKET").filter(|text| !text.is_empty())?;
        // A process passes its environment on, but the watchdog is meant for one process.
        let is_meant = get("WATCHDOG_PID").is_none_or(|text| text.parse() == Ok(pid));
        let limit = get("WATCHDOG_USEC").and_then(|text| text.parse().ok());
        let limit = limit.filter(|&microseconds| is_meant && microseconds > 0);
        Some(Self {
            socket: NotifySocket::new(socket),
            watchdog: limit.map(Duration::from_micros),
        })
    }

    /// Reports that the server is ready once a slot has been played, then its life, until `stop` is
    /// cancelled or the engine has ended; last, that it is stopping.
    pub(crate) async fn follow(
        self,
        engine: EngineHandle,
        figures: ServerFigures,
        stop: CancellationToken,
    ) {
        let mut reporter = Reporter::new(self.socket);
        tokio::select! {
            () = stop.cancelled() => {}
            () = engine.ended() => {}
            () = report(&mut reporter, self.watchdog, &engine, &figures) => {}
        }
        reporter.send("STOPPING=1").await;
    }
}

/// Reports for as long as it is polled.
async fn report(
    reporter: &mut Reporter,
    watchdog: Option<Duration>,
    engine: &EngineHandle,
    figures: &ServerFigures,
) {
    let mut snapshots = engine.watch();
    // An error means that the engine has ended.
    let _ = snapshots.wait_for(|snapshot| has_played(snapshot)).await;
    let period = watchdog.map_or(USUAL_PERIOD, |limit| (limit / 3).min(USUAL_PERIOD));
    if let Some(limit) = watchdog {
        let limit_s = limit.as_secs_f64();
        info!(limit_s, "the supervisor's watchdog follows the engine");
    }
    let mut ticks = interval(period.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let is_healthy = engine.is_healthy();
        let status = if is_healthy {
            status(&engine.snapshot(), figures)
        } else {
            "the engine plays no slots".to_owned()
        };
        reporter
            .report(is_healthy, watchdog.is_some(), &status)
            .await;
    }
}

fn has_played(snapshot: &Snapshot) -> bool {
    snapshot.stats.slots > 0
}

/// Returns what `systemctl status` shows.
fn status(snapshot: &Snapshot, figures: &ServerFigures) -> String {
    let sounding = snapshot.count(Status::Sounding);
    let online = sounding + snapshot.count(Status::Connected);
    format!(
        "{online} of {} computers online, {sounding} sounding, {} listening",
        snapshot.clients.len(),
        figures.listeners(),
    )
}

/// Sends what has changed, and logs the first failure of a series.
struct Reporter {
    socket: NotifySocket,
    /// Whether the supervisor has received that the server is ready.
    is_ready: bool,
    status: String,
    has_failed: bool,
}

impl Reporter {
    fn new(socket: NotifySocket) -> Self {
        Self {
            socket,
            is_ready: false,
            status: String::new(),
            has_failed: false,
        }
    }

    async fn report(&mut self, is_healthy: bool, has_watchdog: bool, status: &str) {
        let mut lines = Vec::new();
        if is_healthy && !self.is_ready {
            lines.push("READY=1".to_owned());
        }
        if is_healthy && has_watchdog {
            lines.push("WATCHDOG=1".to_owned());
        }
        if status != self.status {
            lines.push(format!("STATUS={status}"));
        }
        if !lines.is_empty() && self.send(&lines.join("\n")).await {
            self.is_ready |= is_healthy;
            status.clone_into(&mut self.status);
        }
    }

    /// Returns whether the supervisor has received these lines.
    async fn send(&mut self, lines: &str) -> bool {
        let sent = self.socket.send(lines).await;
        if let Err(error) = &sent
            && !self.has_failed
        {
            warn!(%error, "the supervisor can't be told (NOTIFY_SOCKET): {lines:?}");
        }
        self.has_failed = sent.is_err();
        sent.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOCKET: (&str, &str) = ("NOTIFY_SOCKET", "/run/notify");
    const LIMIT: (&str, &str) = ("WATCHDOG_USEC", "10000000");

    fn supervisor(variables: &[(&str, &str)]) -> Option<Supervisor> {
        Supervisor::of(7, |wanted| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_names_supervisor_and_limit() {
        let ten = Some(Duration::from_secs(10));
        for (variables, expected) in [
            (&[LIMIT][..], None),
            (&[("NOTIFY_SOCKET", ""), LIMIT], None),
            (&[SOCKET], Some(None)),
            (&[SOCKET, LIMIT], Some(ten)),
            (&[SOCKET, LIMIT, ("WATCHDOG_PID", "7")], Some(ten)),
            (&[SOCKET, LIMIT, ("WATCHDOG_PID", "8")], Some(None)),
            (&[SOCKET, LIMIT, ("WATCHDOG_PID", "")], Some(None)),
            (&[SOCKET, ("WATCHDOG_USEC", "0")], Some(None)),
            (&[SOCKET, ("WATCHDOG_USEC", "soon")], Some(None)),
        ] {
            let found = supervisor(variables).map(|supervisor| supervisor.watchdog);
            assert_eq!(found, expected, "{variables:?}");
        }
    }
}
