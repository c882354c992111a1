//! The JSON of the API, as it goes out. What stands here is the documentation, too.
//!
//! Always: numbers are finite; times in ms are relative to the moment of the answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use raa_core::client::{ClientView, Status};
use raa_core::source::SourceStats;
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::{Snapshot, Timing};
use crate::id::ClientId;

/// All clients.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClientList<'a> {
    /// Sorted by id.
    pub(crate) clients: Vec<ClientBody<'a>>,
}

/// One client: a computer that sends its sound, or has sent it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClientBody<'a> {
    /// The SSRC as 8 lower-case hexadecimal digits; the built-in test client alone has the id
    /// `bgmtest0`.
    #[schema(value_type = String, example = "5f0a11c2")]
    pub(crate) id: ClientId,
    /// The RTP synchronisation source (RFC 3550), a number from 0 to 4294967295.
    #[schema(example = 1_594_495_426_u32)]
    pub(crate) ssrc: u32,
    /// What the operator has set, else what the sender calls itself by RTCP SDES, else empty;
    /// at most 64 characters.
    #[schema(example = "Ward 3", max_length = 64)]
    pub(crate) name: &'a str,
    /// How it is doing.
    pub(crate) status: StatusWord,
    /// How loud it is in the mix, in percent of its own level (amplitude), 0 to 200.
    #[schema(minimum = 0, maximum = 200, example = 100)]
    pub(crate) volume: u8,
    /// A muted client is left out of the mix; its level is measured all the same.
    pub(crate) muted: bool,
    /// Address and port that its last packet came from; null if there was none in this run of
    /// the server, or if the client is built in.
    #[schema(value_type = Option<String>, example = "192.0.2.7:51234")]
    pub(crate) address: Option<SocketAddr>,
    /// Its sound's level over the last 100 ms, before volume and mute.
    pub(crate) level: LevelBody,
    /// Milliseconds since its last packet; null if it was never heard.
    #[schema(example = 12)]
    pub(crate) last_packet_ms_ago: Option<u64>,
    /// Milliseconds since it last sounded; null if it did not in this run of the server.
    #[schema(example = 0)]
    pub(crate) last_sound_ms_ago: Option<u64>,
    /// What its packets have suffered since the server's start.
    pub(crate) stats: StatsBody,
}

/// How a client is doing.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StatusWord {
    /// It sounded (a peak above -60 dBFS) within the last second, muted or not.
    Sounding,
    /// Its packets arrive and are silent.
    Connected,
    /// Nothing arrives.
    Offline,
}

/// Levels in dBFS: 0 is full scale, the floor -120 is digital silence.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LevelBody {
    /// Root mean square, in dBFS, -120 to about +6.
    #[schema(minimum = -120, example = -23.1)]
    pub(crate) rms_dbfs: f64,
    /// Largest sample, in dBFS, -120 to about +6.
    #[schema(minimum = -120, example = -12.0)]
    pub(crate) peak_dbfs: f64,
}

/// Counters of RTP packets (frames of 20 ms for `concealed`), and two means.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatsBody {
    /// All packets of this SSRC.
    pub(crate) received: u64,
    /// Expected by their sequence numbers and never arrived.
    pub(crate) lost: u64,
    /// Arrived when their slot had passed.
    pub(crate) late: u64,
    /// Arrived more than once.
    pub(crate) duplicate: u64,
    /// Arrived after a packet that was sent later.
    pub(crate) reordered: u64,
    /// Frames of 20 ms that were concealed because their packet was lost or late.
    pub(crate) concealed: u64,
    /// Mean time a packet waits between arrival and play-out, in ms.
    #[schema(minimum = 0, example = 41.2)]
    pub(crate) delay_ms: f64,
    /// Interarrival jitter (RFC 3550 section 6.4.1), in ms.
    #[schema(minimum = 0, example = 0.8)]
    pub(crate) jitter_ms: f64,
}

/// How the server is doing. All counters are since its start.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatusBody {
    /// The server's version.
    #[schema(example = "0.1.0")]
    pub(crate) version: &'static str,
    /// Seconds since the start.
    pub(crate) uptime_s: u64,
    /// People (connections) who listen to the mix.
    pub(crate) listeners: usize,
    /// Clients known, offline ones included.
    pub(crate) clients: usize,
    /// How long the work of a slot takes, over the last full 5 s.
    pub(crate) mix_cycle: TimingBody,
    /// How late slots start, over the last full 5 s.
    pub(crate) slot_lateness: TimingBody,
    /// Slots of 20 ms played.
    pub(crate) slots: u64,
    /// Slots left out because the server stood still.
    pub(crate) skipped_slots: u64,
    /// Clients in the mix, mean over the last full 5 s.
    #[schema(minimum = 0)]
    pub(crate) avg_active: f64,
    /// Datagrams refused, by reason: `too_short`, `not_rtp`, `scream` (a packet of that virtual
    /// sound card), `truncated`, `payload_type`, `not_opus`, `malformed_rtcp`, `reserved_ssrc`,
    /// `stray` (does not continue its SSRC's stream), `too_many_clients`.
    #[schema(example = json!({"too_short": 0, "not_rtp": 2}))]
    pub(crate) refused_packets: BTreeMap<&'static str, u64>,
    /// Datagrams the kernel had no room for.
    pub(crate) dropped_datagrams: u64,
    /// Frames that slow listeners missed.
    pub(crate) listener_frames_skipped: u64,
    /// Listeners closed because they were too slow.
    pub(crate) listeners_closed_slow: u64,
    /// The server's process.
    pub(crate) process: ProcessBody,
}

/// A distribution of durations, in ms.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TimingBody {
    /// Arithmetic mean.
    pub(crate) mean_ms: f64,
    /// 99 of 100 are not longer.
    pub p99_ms: f64,
    /// The longest.
    pub(crate) max_ms: f64,
}

/// What the process uses.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProcessBody {
    /// CPU time since the start, of all threads, in seconds.
    pub(crate) cpu_s: f64,
    /// Memory in RAM, in bytes.
    pub(crate) rss_bytes: u64,
}

impl<'a> ClientList<'a> {
    pub(crate) fn of(snapshot: &'a Snapshot) -> Self {
        let age = snapshot.taken.elapsed();
        let bodies = snapshot
            .clients
            .iter()
            .map(|client| ClientBody::of(client, age));
        let mut clients: Vec<_> = bodies.collect();
        clients.sort_by_key(|client| client.id.sort_key());
        Self { clients }
    }
}

impl<'a> ClientBody<'a> {
    /// `age` is how old the view is.
    pub(crate) fn of(client: &'a ClientView, age: Duration) -> Self {
        let ms_ago = |ago: Option<Duration>| ago.map(|ago| (ago + age).as_millis() as u64);
        Self {
            id: ClientId(client.ssrc),
            ssrc: client.ssrc,
            name: client.name(),
            status: client.status.into(),
            volume: client.settings.volume.percent(),
            muted: client.settings.muted,
            address: client.address,
            level: LevelBody {
                rms_dbfs: tenths(client.level.rms_dbfs.into()),
                peak_dbfs: tenths(client.level.peak_dbfs.into()),
            },
            last_packet_ms_ago: ms_ago(client.last_packet_ago),
            last_sound_ms_ago: ms_ago(client.last_sound_ago),
            stats: client.stats.into(),
        }
    }
}

impl From<Status> for StatusWord {
    fn from(status: Status) -> Self {
        match status {
            Status::Sounding => Self::Sounding,
            Status::Connected => Self::Connected,
            Status::Offline => Self::Offline,
        }
    }
}

impl From<SourceStats> for StatsBody {
    fn from(stats: SourceStats) -> Self {
        Self {
            received: stats.received,
            lost: stats.lost,
            late: stats.late,
            duplicate: stats.duplicate,
            reordered: stats.reordered,
            concealed: stats.concealed,
            delay_ms: tenths(stats.delay_ms),
            jitter_ms: tenths(stats.jitter_ms),
        }
    }
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

/// What can be heard or matters is no finer than this.
pub(crate) fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

pub(crate) fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
