//! A client, and the list of all.

use std::net::SocketAddr;
use std::time::Duration;

use raa_core::client::{ClientView, Status};
use raa_core::quality::QualityReport;
use raa_core::settings::Volume;
use raa_core::source::SourceStats;
use serde::Serialize;
use utoipa::ToSchema;

use super::words::{CaptureTroubleWord, QualityWord, StatusWord, WithheldWord};
use super::{hundredths, ms, rfc_3339, tenths};
use crate::engine::Snapshot;
use crate::id::ClientId;
use crate::watch::entry::{By, Entry};
use crate::watch::{Details, Watch, unix_now_ms};

/// Audio in one packet, in ms. A packet is sent when all of it has been captured.
const FRAME_MS: f64 = 20.0;

/// All clients.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClientList<'a> {
    /// Sorted by id.
    pub(crate) clients: Vec<ClientBody<'a>>,
}

/// One client: a computer that sends its audio or has sent it before.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClientBody<'a> {
    /// The SSRC as 8 lower-case hexadecimal digits. Only the built-in test client has the id
    /// `bgmtest0` instead.
    #[schema(example = "5f0a11c2")]
    pub(crate) id: ClientId,
    /// RTP synchronisation source (RFC 3550), a number from 0 to 4294967295.
    #[schema(example = 1_594_495_426_u32)]
    pub(crate) ssrc: u32,
    /// Name set by an operator, else the name that the sender reports by RTCP SDES, else empty; at
    /// most 64 characters.
    #[schema(example = "Ward 3", max_length = 64)]
    pub(crate) name: &'a str,
    /// Whether it sounds, sends silence, or is offline.
    pub(crate) status: StatusWord,
    /// Volume in the mix, in percent of the client's own amplitude, 0 to 200.
    #[schema(minimum = 0, maximum = 200, example = 100)]
    pub(crate) volume: u8,
    /// Whether it is left out of the mix. Its level is still measured.
    pub(crate) muted: bool,
    /// Who muted it; null if it is not muted, or if that is unknown.
    pub(crate) muted_by: Option<By>,
    /// When it was muted (RFC 3339); null if it is not muted, or if that is unknown.
    #[schema(example = "2026-11-29T02:44:10.123Z")]
    pub(crate) muted_since: Option<String>,
    /// When its mute ends (RFC 3339); null if it is not muted, or until somebody takes the mute back.
    #[schema(example = "2026-11-29T02:59:10.123Z")]
    pub(crate) muted_until: Option<String>,
    /// Who set its volume; null at 100 %, or if that is unknown.
    pub(crate) volume_by: Option<By>,
    /// When its volume was set (RFC 3339); null at 100 %, or if that is unknown.
    #[schema(example = "2026-11-29T02:44:10.123Z")]
    pub(crate) volume_since: Option<String>,
    /// Id of its group; null if it has none.
    #[schema(example = 1)]
    pub(crate) group: Option<u32>,
    /// Its place in its group, from 0 on; null if it has no group.
    #[schema(example = 0)]
    pub(crate) place: Option<u32>,
    /// Address and port that its last packet came from; null if none has arrived since the server
    /// started, or if the client is built in.
    #[schema(value_type = Option<String>, example = "192.0.2.7:51234")]
    pub(crate) address: Option<SocketAddr>,
    /// Level over the last 100 ms, before volume and mute.
    pub(crate) level: LevelBody,
    /// Whether it has ever sent a packet, in this run of the server or in an earlier one.
    pub(crate) seen_before: bool,
    /// Milliseconds since its last packet. Null if it has never sent one, or, if `seen_before` is
    /// true, if the time is unknown because the server's clock was wrong.
    #[schema(example = 12)]
    pub(crate) last_packet_ms_ago: Option<u64>,
    /// Milliseconds since the end of its last sound, also of one in an earlier run of the server;
    /// null if none is known.
    #[schema(example = 0)]
    pub(crate) last_sound_ms_ago: Option<u64>,
    /// End of its last sound (RFC 3339), and the present time while it sounds; null if none is known.
    #[schema(example = "2026-11-29T02:44:13.123Z")]
    pub(crate) last_sound_at: Option<String>,
    /// Its present or last sound, as the log has it; null if the log has none.
    pub(crate) last_sound: Option<LastSoundBody>,
    /// Peak level in dBFS from which it counts as sounding: its own setting, else the server's.
    #[schema(minimum = -90, maximum = 0, example = -60)]
    pub(crate) sounding_from_dbfs: f64,
    /// Whether it has sounded for two minutes without a break and without a change of its level, as
    /// a hum does. It still counts as sounding.
    pub(crate) steady: bool,
    /// Whether an operator has set its name, volume, mute or `sounding_from_dbfs`. Other clients are
    /// forgotten some time after they went away.
    pub(crate) configured: bool,
    /// Quality of its audio in the last ten seconds; null if no packets arrived.
    pub(crate) quality: Option<QualityWord>,
    /// Round-trip time between server and client, in ms; null if it is not known from the
    /// client's RTCP reports.
    #[schema(minimum = 0, example = 12.4)]
    pub(crate) round_trip_ms: Option<f64>,
    /// Estimated time from the capture of a sound to its place in the mix, in ms: a frame of
    /// 20 ms, half of `round_trip_ms`, and `delay_ms`; null if `round_trip_ms` is null.
    #[schema(minimum = 20, example = 67.4)]
    pub(crate) capture_to_mix_ms: Option<f64>,
    /// Address and port of another sender that uses the same SSRC at the moment; its packets are
    /// refused. Null if there is none.
    #[schema(value_type = Option<String>, example = "192.0.2.8:51234")]
    pub(crate) conflict: Option<SocketAddr>,
    /// Why it is in no mix although its packets arrive; null if nothing is wrong with them. Its
    /// `level` is that of the noise which they decode to, and it does not count as sounding.
    pub(crate) withheld: Option<WithheldWord>,
    /// Why it may hear nothing of its computer, as its sender reports it by RTCP; null if its
    /// capture works or if the sender does not say.
    pub(crate) capture_trouble: Option<CaptureTroubleWord>,
    /// Counters and measurements of its packets.
    pub(crate) stats: StatsBody,
}

/// The present or last sound of a client. A client that sounds again and again has several sounds in one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LastSoundBody {
    /// Its entry in the log.
    #[schema(example = 812)]
    pub(crate) id: u64,
    /// When it began (RFC 3339).
    #[schema(example = "2026-11-29T02:44:10.123Z")]
    pub(crate) began: String,
    /// When it ended (RFC 3339); null while it goes on.
    #[schema(example = "2026-11-29T02:44:13.123Z")]
    pub(crate) ended: Option<String>,
    /// Its peak in dBFS; null while it goes on.
    #[schema(example = -12.4)]
    pub(crate) peak_dbfs: Option<f64>,
    /// Who has seen it; null if nobody has.
    pub(crate) seen_by: Option<By>,
}

/// A client after a change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangedClientBody<'a> {
    #[serde(flatten)]
    pub(crate) client: ClientBody<'a>,
    /// Time of the response on the server's clock, in ms since the server started. Events with a
    /// smaller `now_ms` do not know the change yet.
    #[schema(example = 734_912)]
    pub(crate) now_ms: i64,
}

/// Levels in dBFS. 0 is full scale; -120, the lowest value, is digital silence.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LevelBody {
    /// Root mean square in dBFS, from -120 to about +6.
    #[schema(minimum = -120, example = -23.1)]
    pub(crate) rms_dbfs: f64,
    /// Largest sample in dBFS, from -120 to about +6.
    #[schema(minimum = -120, example = -12.0)]
    pub(crate) peak_dbfs: f64,
}

/// Counters of RTP packets since the server started, and current measurements. `concealed` and
/// `repaired` count frames of 20 ms, `over_budget` those of the sender.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatsBody {
    /// Packets received.
    pub(crate) received: u64,
    /// Packets expected by their sequence numbers that never arrived.
    pub(crate) lost: u64,
    /// Packets that arrived after their slot.
    pub(crate) late: u64,
    /// Packets that arrived again.
    pub(crate) duplicate: u64,
    /// Packets that arrived after one that was sent later.
    pub(crate) reordered: u64,
    /// Frames that were concealed, because their packet was lost or late and no other packet
    /// carried them.
    pub(crate) concealed: u64,
    /// Frames whose packet was lost or late, and which were played from another packet.
    pub(crate) repaired: u64,
    /// Frames that were left out because the client sends more than 60 ms of sound per slot of 20 ms.
    pub(crate) over_budget: u64,
    /// Packets that the network lost in the last ten seconds, before any repair, in percent of
    /// those expected; null if no packets arrived.
    #[schema(minimum = 0, maximum = 100, example = 1.2)]
    pub(crate) loss_percent: Option<f64>,
    /// Frames that were concealed in the last ten seconds, in percent of all frames; null if no
    /// packets arrived.
    #[schema(minimum = 0, maximum = 100, example = 0.1)]
    pub(crate) concealed_percent: Option<f64>,
    /// Mean time from a packet's arrival to its playout, in ms.
    #[schema(minimum = 0, example = 41.2)]
    pub(crate) delay_ms: f64,
    /// Target of `delay_ms`, which follows the network, in ms.
    #[schema(minimum = 0, example = 40.0)]
    pub(crate) target_delay_ms: f64,
    /// How much faster the client's sample clock runs than the server's clock, in parts per
    /// million.
    #[schema(example = -12.5)]
    pub(crate) drift_ppm: f64,
    /// Interarrival jitter (RFC 3550 section 6.4.1), in ms.
    #[schema(minimum = 0, example = 0.8)]
    pub(crate) jitter_ms: f64,
}

impl<'a> ClientList<'a> {
    pub(crate) fn of(snapshot: &'a Snapshot, watch: &Watch) -> Self {
        let details = watch.details_of(&snapshot.clients);
        Self::sorted(snapshot, snapshot.clients.iter().zip(details))
    }

    /// Those with this name.
    pub(crate) fn named(name: &str, snapshot: &'a Snapshot, watch: &Watch) -> Self {
        let named = snapshot
            .clients
            .iter()
            .filter(|client| client.name() == name);
        Self::sorted(
            snapshot,
            named.map(|client| (client, watch.details(client.ssrc))),
        )
    }

    /// Those with these ids.
    pub(crate) fn with(ids: &[ClientId], snapshot: &'a Snapshot, watch: &Watch) -> Self {
        let known = ids.iter().filter_map(|id| snapshot.client(id.0));
        Self::sorted(
            snapshot,
            known.map(|client| (client, watch.details(client.ssrc))),
        )
    }

    fn sorted(
        snapshot: &Snapshot,
        clients: impl Iterator<Item = (&'a ClientView, Details)>,
    ) -> Self {
        let age = snapshot.taken.elapsed();
        let bodies = clients.map(|(client, details)| ClientBody::of(client, details, age));
        let mut clients: Vec<_> = bodies.collect();
        clients.sort_by_key(|client| client.id.sort_key());
        Self { clients }
    }
}

impl<'a> ClientBody<'a> {
    /// Describes a client; `age` is the age of its view.
    pub(crate) fn of(client: &'a ClientView, details: Details, age: Duration) -> Self {
        let marks = details.marks;
        let (group, place) = details.place.unzip();
        let is_muted = client.settings.muted;
        let is_set = client.settings.volume != Volume::default();
        let ms_ago = |ago: Option<Duration>| ago.map(|ago| (ago + age).as_millis() as u64);
        Self {
            id: ClientId(client.ssrc),
            ssrc: client.ssrc,
            name: client.name(),
            status: client.status.into(),
            volume: client.settings.volume.percent(),
            muted: is_muted,
            muted_by: marks.muted_by.filter(|_| is_muted),
            muted_since: marks.muted_since_ms.filter(|_| is_muted).map(rfc_3339),
            muted_until: marks.muted_until_ms.filter(|_| is_muted).map(rfc_3339),
            volume_by: marks.volume_by.filter(|_| is_set),
            volume_since: marks.volume_since_ms.filter(|_| is_set).map(rfc_3339),
            group,
            place,
            address: client.address,
            level: LevelBody {
                rms_dbfs: tenths(client.level.rms_dbfs.into()),
                peak_dbfs: tenths(client.level.peak_dbfs.into()),
            },
            seen_before: client.seen_before,
            last_packet_ms_ago: ms_ago(client.last_packet_ago),
            last_sound_ms_ago: ms_ago(client.last_sound_ago),
            last_sound_at: last_sound_at(client, age),
            last_sound: details.last_sound.map(LastSoundBody::from),
            sounding_from_dbfs: client.sounding_from.dbfs(),
            steady: client.steady,
            configured: client.settings.is_configured(),
            quality: client.quality.map(|report| report.quality.into()),
            round_trip_ms: client.round_trip.map(ms),
            capture_to_mix_ms: client
                .round_trip
                .map(|trip| tenths(FRAME_MS + trip.as_secs_f64() * 500.0 + client.stats.delay_ms)),
            conflict: client.conflict,
            withheld: client.withheld.map(WithheldWord::from),
            capture_trouble: client.capture_trouble.map(CaptureTroubleWord::from),
            stats: StatsBody::of(&client.stats, client.quality),
        }
    }
}

/// Returns the end of a client's last sound, and the present time while it sounds.
fn last_sound_at(client: &ClientView, age: Duration) -> Option<String> {
    let ago = match client.status {
        Status::Sounding => Duration::ZERO,
        _ => client.last_sound_ago? + age,
    };
    let ago_ms = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
    Some(rfc_3339(unix_now_ms().saturating_sub(ago_ms)))
}

impl From<Entry> for LastSoundBody {
    fn from(sound: Entry) -> Self {
        Self {
            id: sound.id,
            began: rfc_3339(sound.at_ms),
            ended: sound.ended_ms.map(rfc_3339),
            peak_dbfs: sound.peak_dbfs.filter(|_| sound.ended_ms.is_some()),
            seen_by: sound.seen_by,
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
            over_budget: stats.over_budget,
            loss_percent: lately.map(|report| hundredths(report.loss_percent)),
            concealed_percent: lately.map(|report| hundredths(report.concealed_percent)),
            delay_ms: tenths(stats.delay_ms),
            target_delay_ms: tenths(stats.target_delay_ms),
            drift_ppm: tenths(stats.drift_ppm),
            jitter_ms: tenths(stats.jitter_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use raa_core::client::Withheld;
    use raa_core::quality::Quality;
    use raa_core::rtcp::CaptureTrouble;
    use serde_json::json;

    use super::*;
    use crate::test_client::client;

    fn view(quality: Option<QualityReport>, round_trip: Option<Duration>) -> ClientView {
        ClientView {
            stats: SourceStats {
                repaired: 5,
                over_budget: 6,
                delay_ms: 41.26,
                target_delay_ms: 60.04,
                drift_ppm: -12.34,
                ..SourceStats::default()
            },
            quality,
            conflict: Some(SocketAddr::from(([192, 0, 2, 8], 51234))),
            withheld: Some(Withheld::NotOpus),
            round_trip,
            ..client(7)
        }
    }

    #[test]
    fn known_measurements_are_rounded() {
        let quality = QualityReport {
            quality: Quality::Fair,
            loss_percent: 12.346,
            concealed_percent: 1.0 / 3.0,
        };
        let view = view(Some(quality), Some(Duration::from_micros(12_440)));
        let body = json!(ClientBody::of(&view, Details::default(), Duration::ZERO));
        assert_eq!(body["quality"], "fair");
        assert_eq!(body["conflict"], "192.0.2.8:51234");
        assert_eq!(body["withheld"], "not_opus");
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
        assert_eq!(stats["over_budget"], 6);
    }

    #[test]
    fn capture_troubles_have_words() {
        for (trouble, word) in [
            (CaptureTrouble::Muted, "muted"),
            (CaptureTrouble::TurnedDown, "turned_down"),
            (CaptureTrouble::NoDevice, "no_device"),
            (CaptureTrouble::Reopening, "reopening"),
        ] {
            let view = ClientView {
                capture_trouble: Some(trouble),
                ..view(None, None)
            };
            let body = json!(ClientBody::of(&view, Details::default(), Duration::ZERO));
            assert_eq!(body["capture_trouble"], word);
        }
    }

    #[test]
    fn unknown_measurements_are_null() {
        let body = json!(ClientBody::of(
            &view(None, None),
            Details::default(),
            Duration::ZERO
        ));
        for field in [
            "quality",
            "round_trip_ms",
            "capture_to_mix_ms",
            "capture_trouble",
        ] {
            assert_eq!(body[field], json!(null), "{field}");
        }
        let stats = &body["stats"];
        assert_eq!(
            (&stats["loss_percent"], &stats["concealed_percent"]),
            (&json!(null), &json!(null))
        );
    }
}
