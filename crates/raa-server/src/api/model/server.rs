//! The figures of the server.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::super::refused::RefusedSenderBody;
use super::thousandths;
use crate::engine::Timing;

/// Figures of the server. Counters begin at its start.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatusBody {
    /// Version of the server.
    #[schema(example = "0.1.0")]
    pub(crate) version: &'static str,
    /// Seconds since the server started.
    pub(crate) uptime_s: u64,
    /// UDP port that senders send to.
    #[schema(example = 4010)]
    pub(crate) udp_port: u16,
    /// Connections that listen to the mix.
    pub(crate) listeners: usize,
    /// Known clients, including offline ones.
    pub(crate) clients: usize,
    /// Working time per slot, over the last full period of 5 s.
    pub(crate) mix_cycle: TimingBody,
    /// Delay of the start of a slot, over the last full period of 5 s.
    pub(crate) slot_lateness: TimingBody,
    /// Slots of 20 ms that were played.
    pub(crate) slots: u64,
    /// Slots that were skipped because the server was stalled.
    pub(crate) skipped_slots: u64,
    /// Mean number of clients in the mix, over the last full period of 5 s.
    #[schema(minimum = 0)]
    pub(crate) avg_active: f64,
    /// Refused datagrams by reason: `too_short`, `too_long`, `not_rtp`, `scream` (a packet of that virtual
    /// sound card), `truncated`, `payload_type`, `malformed_red`, `not_opus`, `malformed_rtcp`, `reserved_ssrc`,
    /// `stray` (does not continue its SSRC's stream), `not_owner` (about a client's stream, from an
    /// address that does not own it), `too_many_clients`,
    /// `unconfirmed` (no second packet followed the first one of a new SSRC), `over_budget`.
    #[schema(example = json!({"too_short": 0, "not_rtp": 2}))]
    pub(crate) refused_packets: BTreeMap<&'static str, u64>,
    /// Senders that are being refused, as in `GET /api/refused`.
    pub(crate) refused_senders: Vec<RefusedSenderBody>,
    /// Refused HTTP requests and connections by reason: `connections_per_address`, `connections` (the
    /// server's limit), `changes_per_address`, `host` (came under a name that is not the server's), `origin`
    /// (sent by a page of another site), `slow_reader` (did not read the answer).
    #[schema(example = json!({"connections_per_address": 0, "host": 2}))]
    pub(crate) refused_requests: BTreeMap<&'static str, u64>,
    /// Datagrams that the kernel dropped because its queue was full.
    pub(crate) dropped_datagrams: u64,
    /// RTCP reports to senders that could not be sent.
    pub(crate) unsent_reports: u64,
    /// System calls that wrote frames to listeners: one per frame while listeners and server keep
    /// up, fewer when several frames are sent together.
    pub(crate) listener_writes: u64,
    /// Frames that listeners missed because they were too slow or the server was stalled.
    pub(crate) listener_frames_skipped: u64,
    /// Listeners that were disconnected because they were too slow.
    pub(crate) listeners_closed_slow: u64,
    /// Resources that the server's process uses.
    pub(crate) process: ProcessBody,
}

/// A distribution of durations, in ms.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TimingBody {
    /// Mean.
    pub(crate) mean_ms: f64,
    /// 99th percentile.
    pub(crate) p99_ms: f64,
    /// Maximum.
    pub(crate) max_ms: f64,
}

/// Resources that a process uses.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProcessBody {
    /// Its number on the server's computer; in a container, its number there.
    #[schema(example = 4711)]
    pub(crate) pid: u32,
    /// CPU time of all threads since the start, in seconds.
    pub(crate) cpu_s: f64,
    /// Resident memory, in bytes.
    pub(crate) rss_bytes: u64,
}

impl From<Timing> for TimingBody {
    fn from(timing: Timing) -> Self {
        Self {
            mean_ms: thousandths(timing.mean_ms),
            p99_ms: thousandths(timing.p99_ms),
            max_ms: thousandths(timing.max_ms),
        }
    }
}
