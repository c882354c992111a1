//! The part of the server's API that the load generator reads.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use ureq::Agent;

use crate::args::Args;

/// A client of the server's API.
pub(crate) struct Api {
    agent: Agent,
    /// Host and port.
    authority: String,
}

/// The body of `GET /api/status`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Status {
    pub version: String,
    pub clients: u64,
    pub mix_cycle: Timing,
    pub slot_lateness: Timing,
    pub slots: u64,
    pub skipped_slots: u64,
    pub avg_active: f64,
    pub refused_packets: BTreeMap<String, u64>,
    pub dropped_datagrams: u64,
    pub listener_writes: u64,
    pub listener_frames_skipped: u64,
    pub listeners_closed_slow: u64,
    pub process: Process,
}

/// A timing of the server over its last 5 s.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize)]
pub(crate) struct Timing {
    pub mean_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

/// The resources of the server's process.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Process {
    pub cpu_s: f64,
    pub rss_bytes: u64,
}

/// The state of the server at one moment.
#[derive(Debug, Clone)]
pub(crate) struct ServerState {
    pub status: Status,
    /// The sum over this run's clients.
    pub all: Reception,
    /// The sum over those that speak.
    pub speakers: Reception,
}

/// The body of `GET /api/clients`.
#[derive(Debug, Deserialize)]
pub(crate) struct Clients {
    clients: Vec<Client>,
}

#[derive(Debug, Deserialize)]
struct Client {
    ssrc: u32,
    stats: Reception,
}

/// The server's counters of received packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Reception {
    pub received: u64,
    pub lost: u64,
    pub late: u64,
    pub duplicate: u64,
    pub reordered: u64,
    pub concealed: u64,
}

impl Api {
    pub(crate) fn new(args: &Args) -> Self {
        // Only the given host is contacted, whatever proxy the environment names.
        let config = Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(10)))
            .proxy(None);
        let host = if args.host.contains(':') {
            format!("[{}]", args.host)
        } else {
            args.host.clone()
        };
        Self {
            agent: config.build().into(),
            authority: format!("{host}:{}", args.http_port),
        }
    }

    pub(crate) fn status(&self) -> anyhow::Result<Status> {
        self.get("/api/status")
    }

    pub(crate) fn clients(&self) -> anyhow::Result<Clients> {
        self.get("/api/clients")
    }

    fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let url = format!("http://{}{path}", self.authority);
        let mut response = self.agent.get(&url).call().with_context(|| {
            format!(
                "cannot read {url}; start the server there, or set its web port with --http-port"
            )
        })?;
        response
            .body_mut()
            // The list of ten thousand clients takes several MB.
            .with_config()
            .limit(64 << 20)
            .read_json()
            .with_context(|| format!("{url} is not the API of an RAA server"))
    }
}

impl Clients {
    /// Sums up the clients whose SSRC is `ours`.
    pub(crate) fn reception(&self, ours: impl Fn(u32) -> bool) -> Reception {
        let stats = self.clients.iter().filter(|client| ours(client.ssrc));
        stats.map(|client| client.stats).sum()
    }
}

impl std::iter::Sum for Reception {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |a, b| a.zip(b, |a, b| a + b))
    }
}

impl Reception {
    /// Returns the difference to an earlier state.
    pub(crate) fn since(self, before: Self) -> Self {
        self.zip(before, u64::saturating_sub)
    }

    fn zip(self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            received: f(self.received, other.received),
            lost: f(self.lost, other.lost),
            late: f(self.late, other.late),
            duplicate: f(self.duplicate, other.duplicate),
            reordered: f(self.reordered, other.reordered),
            concealed: f(self.concealed, other.concealed),
        }
    }
}
