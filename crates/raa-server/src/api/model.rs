//! The JSON of the API, as it goes out. What stands here is the documentation, too.
//!
//! Always: numbers are finite; times in ms are relative to the moment of the answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use raa_core::client::{ClientView, Status};
use raa_core::quality::{Quality, QualityReport};
use raa_core::source::SourceStats;
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::{Snapshot, Timing};
use crate::id::ClientId;

/// A sender's packet holds so much sound, which has all sounded when it is sent.
const FRAME_MS: f64 = 20.0;

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
    /// How well it was heard in the last ten seconds; null if nothing came.
    pub(crate) quality: Option<QualityWord>,
    /// From the server to the client and back, in ms; null if its reports (RTCP) do not tell.
    #[schema(minimum = 0, example = 12.4)]
    pub(crate) round_trip_ms: Option<f64>,
    /// From the sound in the computer to the mix, in ms: a frame of 20 ms, half of
    /// `round_trip_ms`, and `delay_ms`. An estimate; null without a round trip.
    #[schema(minimum = 20, example = 67.4)]
    pub(crate) capture_to_mix_ms: Option<f64>,
    /// Address and port of another sender that uses the same SSRC and is not heard, while it
    /// sends; null if there is none.
    #[schema(value_type = Option<String>, example = "192.0.2.8:51234")]
    pub(crate) conflict: Option<SocketAddr>,
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

/// How well a client was heard in the last ten seconds.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum QualityWord {
    /// Less than 0.5 % of its sound was missing, and its delay is at most 250 ms.
    Good,
    /// Less than 3 % of its sound was missing.
    Fair,
    /// More was missing.
    Bad,
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

/// Counters of RTP packets (frames of 20 ms for `concealed` and `repaired`) since the server's
/// start, and what holds now.
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
    /// Frames of 20 ms that were concealed because their packet was lost or late, and could not be
    /// repaired.
    pub(crate) concealed: u64,
    /// Frames of 20 ms whose packet was lost or late, and whose sound another packet carried.
    pub(crate) repaired: u64,
    /// Packets that the network lost, before any repair, in percent of those expected in the last
    /// ten seconds; null if nothing came.
    #[schema(minimum = 0, maximum = 100, example = 1.2)]
    pub(crate) loss_percent: Option<f64>,
    /// What `concealed` was in the last ten seconds, in percent of all frames; null if nothing
    /// came.
    #[schema(minimum = 0, maximum = 100, example = 0.1)]
    pub(crate) concealed_percent: Option<f64>,
    /// Mean time a packet waits between arrival and play-out, in ms.
    #[schema(minimum = 0, example = 41.2)]
    pub(crate) delay_ms: f64,
    /// What `delay_ms` aims at, as the network's behaviour asks for, in ms.
    #[schema(minimum = 0, example = 40.0)]
    pub(crate) target_delay_ms: f64,
    /// How much faster the client's clock runs than the server's, in parts per million.
    #[schema(example = -12.5)]
    pub(crate) drift_ppm: f64,
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
    /// Reports to senders (RTCP) that could not be sent.
    pub(crate) unsent_reports: u64,
    /// System calls that wrote frames to listeners: one a frame while listeners and server keep
    /// up, and fewer when several frames go out at once.
    pub(crate) listener_writes: u64,
    /// Frames that listeners missed, because they were too slow or the server stood still.
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
            quality: client.quality.map(|report| report.quality.into()),
            round_trip_ms: client.round_trip.map(ms),
            capture_to_mix_ms: client
                .round_trip
                .map(|trip| tenths(FRAME_MS + trip.as_secs_f64() * 500.0 + client.stats.delay_ms)),
            conflict: client.conflict,
            stats: StatsBody::of(&client.stats, client.quality),
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

impl From<Quality> for QualityWord {
    fn from(quality: Quality) -> Self {
        match quality {
            Quality::Good => Self::Good,
            Quality::Fair => Self::Fair,
            Quality::Bad => Self::Bad,
        }
    }
}

impl StatsBody {
    fn of(stats: &SourceStats, lately: Option<QualityReport>) -> Self {
        Self {
            received: stats.received,
            lost: stats.lost,
            late: stats.late,
            duplicate: stats.duplicate,
            reordered: stats.reordered,
            concealed: stats.concealed,
            repaired: stats.repaired,
            loss_percent: lately.map(|report| hundredths(report.loss_percent)),
            concealed_percent: lately.map(|report| hundredths(report.concealed_percent)),
            delay_ms: tenths(stats.delay_ms),
            target_delay_ms: tenths(stats.target_delay_ms),
            drift_ppm: tenths(stats.drift_ppm),
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

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn ms(time: Duration) -> f64 {
    tenths(time.as_secs_f64() * 1000.0)
}

pub(crate) fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use raa_core::level::Level;
    use raa_core::settings::ClientSettings;
    use serde_json::json;

    use super::*;

    fn view(quality: Option<QualityReport>, round_trip: Option<Duration>) -> ClientView {
        ClientView {
            ssrc: 7,
            settings: ClientSettings::default(),
            sender_name: None,
            status: Status::Sounding,
            address: None,
            level: Level::SILENCE,
            last_packet_ago: None,
            last_sound_ago: None,
            stats: SourceStats {
                repaired: 5,
                delay_ms: 41.26,
                target_delay_ms: 60.04,
                drift_ppm: -12.34,
                ..SourceStats::default()
            },
            quality,
            conflict: Some(SocketAddr::from(([192, 0, 2, 8], 51234))),
            round_trip,
        }
    }

    #[test]
    fn quality_round_trip_and_conflict_are_told() {
        let quality = QualityReport {
            quality: Quality::Fair,
            loss_percent: 12.346,
            concealed_percent: 1.0 / 3.0,
        };
        let view = view(Some(quality), Some(Duration::from_micros(12_440)));
        let body = json!(ClientBody::of(&view, Duration::ZERO));
        assert_eq!(body["quality"], "fair");
        assert_eq!(body["conflict"], "192.0.2.8:51234");
        assert_eq!(body["round_trip_ms"], 12.4);
        // 20 + 6.22 + 41.26.
        assert_eq!(body["capture_to_mix_ms"], 67.5);
        let stats = &body["stats"];
        assert_eq!(
            (&stats["loss_percent"], &stats["concealed_percent"]),
            (&json!(12.35), &json!(0.33))
        );
        assert_eq!(
            (&stats["target_delay_ms"], &stats["drift_ppm"]),
            (&json!(60.0), &json!(-12.3))
        );
        assert_eq!(stats["repaired"], 5);
    }

    #[test]
    fn what_is_not_known_is_null() {
        let body = json!(ClientBody::of(&view(None, None), Duration::ZERO));
        for field in ["quality", "round_trip_ms", "capture_to_mix_ms"] {
            assert_eq!(body[field], json!(null), "{field}");
        }
        let stats = &body["stats"];
        assert_eq!(
            (&stats["loss_percent"], &stats["concealed_percent"]),
            (&json!(null), &json!(null))
        );
    }
}
