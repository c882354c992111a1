//! What of the server's API the load generator reads.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use ureq::Agent;

use crate::args::Args;

/// The server's HTTP side.
pub(crate) struct Api {
    agent: Agent,
    /// Host and port.
    authority: String,
}

/// `GET /api/status`.
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

/// A summary of the server's last 5 s.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize)]
pub(crate) struct Timing {
    pub mean_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

/// What the server's process has used.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Process {
    pub cpu_s: f64,
    pub rss_bytes: u64,
}

/// What one look at the server tells.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub status: Status,
    /// Of this run's clients.
    pub all: Reception,
    /// Of those that speak.
    pub speakers: Reception,
}

/// `GET /api/clients`.
#[derive(Debug, Deserialize)]
pub(crate) struct Clients {
    clients: Vec<Client>,
}

#[derive(Debug, Deserialize)]
struct Client {
    ssrc: u32,
    stats: Reception,
}

/// What packets have suffered.
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
        // Only the named host is talked to, whatever proxy the environment names.
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
                "cannot read {url}; start the server there, or name its web port with --http-port"
            )
        })?;
        response
            .body_mut()
            // Ten thousand clients are some MB.
            .with_config()
            .limit(64 << 20)
            .read_json()
            .with_context(|| format!("{url} is not the API of an RAA server"))
    }
}

impl Clients {
    /// The sum over the clients whose SSRC is `ours`.
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
    /// What has come to it since `before`.
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
