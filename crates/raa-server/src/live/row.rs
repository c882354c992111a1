//! The parts of the state that an open page shows all the time: a row for each client, and a few
//! figures of the server. Their doc comments are published documentation.
//!
//! Always: nothing here changes while nothing happens. Times are points in time and not ages, and
//! counters of packets are left to `GET /api/clients/{id}`.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use raa_core::client::{ClientView, Status};
use raa_core::quality::{FAIR_FROM_PERCENT, Quality};
use raa_core::refused_senders::RefusedSender;
use raa_core::settings::Volume;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::model::{CaptureTroubleWord, QualityWord, StatusWord, WithheldWord, tenths};
use crate::api::status::ServerFigures;
use crate::clock::ServerClock;
use crate::engine::Snapshot;
use crate::id::ClientId;
use crate::watch::entry::{By, Entry};
use crate::watch::walls::WallState;
use crate::watch::{Details, Watch};

/// One client in the events. Fields that `Client` has as well mean the same.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ClientRow {
    /// The SSRC as 8 lower-case hexadecimal digits, or `bgmtest0`.
    #[schema(example = "5f0a11c2")]
    pub(super) id: ClientId,
    /// Name set by an operator, else the name that the sender reports, else empty.
    #[schema(example = "Ward 3", max_length = 64)]
    pub(super) name: String,
    /// Whether it sounds, sends silence, or is offline.
    pub(super) status: StatusWord,
    /// Volume in the mix, in percent, 0 to 200.
    #[schema(minimum = 0, maximum = 200, example = 100)]
    pub(super) volume: u8,
    /// Whether it is left out of the mix.
    pub(super) muted: bool,
    /// Who muted it; null if it is not muted, or if that is unknown.
    pub(super) muted_by: Option<By>,
    /// When it was muted, on the server's clock, in ms; null if it is not muted, or if that is unknown.
    #[schema(example = 698_020)]
    pub(super) muted_since_ms: Option<i64>,
    /// When its mute ends, on the server's clock, in ms; null if it is not muted, or until somebody takes the
    /// mute back.
    #[schema(example = 1_598_020)]
    pub(super) muted_until_ms: Option<i64>,
    /// Who set its volume; null at 100 %, or if that is unknown.
    pub(super) volume_by: Option<By>,
    /// When its volume was set, on the server's clock, in ms; null at 100 %, or if that is unknown.
    #[schema(example = 698_020)]
    pub(super) volume_since_ms: Option<i64>,
    /// Id of its group; null if it has none.
    #[schema(example = 1)]
    pub(super) group: Option<u32>,
    /// Its place in its group, from 0 on; null if it has no group.
    #[schema(example = 0)]
    pub(super) place: Option<u32>,
    /// Address and port that its last packet came from; null if there is none.
    #[schema(value_type = Option<String>, example = "192.0.2.7:51234")]
    pub(super) address: Option<SocketAddr>,
    /// Whether it has ever sent a packet, in this run of the server or in an earlier one.
    pub(super) seen_before: bool,
    /// Time of its last packet on the server's clock, in ms; null unless it is offline, or if the
    /// time is unknown.
    #[schema(example = 734_512)]
    pub(super) last_packet_at_ms: Option<i64>,
    /// End of its last sound on the server's clock, in ms; null while it sounds, or if none is known.
    #[schema(example = 698_020)]
    pub(super) last_sound_at_ms: Option<i64>,
    /// Begin of its present or last sound on the server's clock, in ms; null if none is known.
    #[schema(example = 695_020)]
    pub(super) last_sound_began_at_ms: Option<i64>,
    /// Peak of its last sound in dBFS; null while it sounds, or if none is known.
    #[schema(example = -12.4)]
    pub(super) last_sound_peak_dbfs: Option<f64>,
    /// Id of the log's entry of its present or last sound; null if there is none.
    #[schema(example = 812)]
    pub(super) last_sound_id: Option<u64>,
    /// Whether somebody has seen that entry.
    pub(super) last_sound_seen: bool,
    /// Peak level in dBFS from which it counts as sounding.
    #[schema(minimum = -90, maximum = 0, example = -60)]
    pub(super) sounding_from_dbfs: f64,
    /// Whether it has sounded for two minutes without a break and without a change of its level.
    pub(super) steady: bool,
    /// Whether an operator has given it settings.
    pub(super) configured: bool,
    /// Quality of its audio in the last ten seconds; null if no packets arrived.
    pub(super) quality: Option<QualityWord>,
    /// If its quality is not good because sound is missing: frames that were concealed in the last ten
    /// seconds, in percent. Otherwise null.
    #[schema(minimum = 0.5, maximum = 100, example = 1.2)]
    pub(super) concealed_percent: Option<f64>,
    /// If its quality is not good because its delay is long: mean time from a packet's arrival to its
    /// playout, in ms. Otherwise null.
    #[schema(minimum = 0, example = 312)]
    pub(super) delay_ms: Option<u32>,
    /// Address and port of another sender that uses the same SSRC at the moment; null if there is
    /// none.
    #[schema(value_type = Option<String>, example = "192.0.2.8:51234")]
    pub(super) conflict: Option<SocketAddr>,
    /// Why it is in no mix although its packets arrive; null if nothing is wrong with them.
    pub(super) withheld: Option<WithheldWord>,
    /// Why it may hear nothing of its computer; null if its capture works.
    pub(super) capture_trouble: Option<CaptureTroubleWord>,
}

impl ClientRow {
    /// Describes a client as it was at the moment `taken`.
    /// `epoch_ms` is the Unix time at which the server's clock was 0.
    pub(super) fn of(
        client: &ClientView,
        details: Details,
        taken: Instant,
        clock: ServerClock,
        epoch_ms: i64,
    ) -> Self {
        let Details {
            marks,
            place,
            last_sound,
        } = details;
        let (group, place) = place.unzip();
        let sound = SoundRow::of(client, last_sound, epoch_ms);
        let is_muted = client.settings.muted;
        let is_set = client.settings.volume != Volume::default();
        let unix = |unix_ms: Option<i64>| unix_ms.map(|unix_ms| unix_ms - epoch_ms);
        let at = |ago| clock.ms_before(taken, ago);
        let is = |status| client.status == status;
        let (concealed_percent, delay_ms) = trouble(client).unzip();
        Self {
            id: ClientId(client.ssrc),
            name: client.name().to_owned(),
            status: client.status.into(),
            volume: client.settings.volume.percent(),
            muted: is_muted,
            muted_by: marks.muted_by.filter(|_| is_muted),
            muted_since_ms: unix(marks.muted_since_ms).filter(|_| is_muted),
            muted_until_ms: unix(marks.muted_until_ms).filter(|_| is_muted),
            volume_by: marks.volume_by.filter(|_| is_set),
            volume_since_ms: unix(marks.volume_since_ms).filter(|_| is_set),
            group,
            place,
            address: client.address,
            seen_before: client.seen_before,
            last_packet_at_ms: client
                .last_packet_ago
                .filter(|_| is(Status::Offline))
                .map(at),
            last_sound_at_ms: client
                .last_sound_ago
                .filter(|_| !is(Status::Sounding))
                .map(at),
            last_sound_began_at_ms: client.sound_began_ago.map(at).or(sound.began_ms),
            last_sound_peak_dbfs: sound.peak_dbfs.filter(|_| !is(Status::Sounding)),
            last_sound_id: sound.id,
            last_sound_seen: sound.is_seen,
            sounding_from_dbfs: client.sounding_from.dbfs(),
            steady: client.steady,
            configured: client.settings.is_configured(),
            quality: client.quality.map(|report| report.quality.into()),
            concealed_percent: concealed_percent.flatten(),
            delay_ms: delay_ms.flatten(),
            conflict: client.conflict,
            withheld: client.withheld.map(WithheldWord::from),
            capture_trouble: client.capture_trouble.map(CaptureTroubleWord::from),
        }
    }

    /// Keeps the measurements of an older row, if its quality has the same word.
    pub(super) fn keep_measurements(&mut self, old: &Self) {
        if self.quality == old.quality {
            self.concealed_percent = old.concealed_percent;
            self.delay_ms = old.delay_ms;
        }
    }
}

/// What the log says about a client's present or last sound.
#[derive(Debug, Default)]
struct SoundRow {
    began_ms: Option<i64>,
    peak_dbfs: Option<f64>,
    id: Option<u64>,
    is_seen: bool,
}

impl SoundRow {
    fn of(client: &ClientView, entry: Option<Entry>, epoch_ms: i64) -> Self {
        let peak = client.sound_peak_dbfs.map(|peak| tenths(peak.into()));
        let Some(entry) = entry else {
            return Self {
                peak_dbfs: peak,
                ..Self::default()
            };
        };
        Self {
            began_ms: Some(entry.at_ms - epoch_ms),
            peak_dbfs: peak.or(entry.peak_dbfs),
            id: Some(entry.id),
            is_seen: entry.seen_by.is_some(),
        }
    }
}

/// Returns the share of missing sound or the delay, whichever of them makes a quality less than good.
fn trouble(client: &ClientView) -> Option<(Option<f64>, Option<u32>)> {
    let report = client.quality?;
    let delay_ms = client.stats.delay_ms.round() as u32;
    match report.quality {
        Quality::Good => None,
        _ if report.concealed_percent < FAIR_FROM_PERCENT => Some((None, Some(delay_ms))),
        _ => Some((Some(tenths(report.concealed_percent)), None)),
    }
}

/// The server in the events. Fields that `Status` has as well mean the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ServerRow {
    /// Version of the server.
    #[schema(example = "0.1.0")]
    pub(super) version: &'static str,
    /// UDP port that senders send to.
    #[schema(example = 4010)]
    pub(super) udp_port: u16,
    /// Connections that listen to the mix.
    pub(super) listeners: usize,
    /// Unix time in ms at which the server's clock was 0. It changes when the computer's clock is set.
    #[schema(example = 1_795_919_515_211_i64)]
    pub(super) epoch_ms: i64,
    /// Number of the arrangement of the groups.
    #[schema(example = 1_795_920_250_124_u64)]
    pub(super) groups_revision: u64,
    /// The groups in their order.
    pub(super) groups: Vec<GroupRow>,
    /// The walls, at most 64, by name.
    pub(super) walls: Vec<WallRow>,
    /// Senders that are being refused, at most 32, the newest first.
    pub(super) refused_senders: Vec<RefusedRow>,
}

/// A group in the events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct GroupRow {
    /// Its id.
    #[schema(example = 1)]
    id: u32,
    /// Its name.
    #[schema(example = "Floor 1", max_length = 64)]
    name: String,
}

/// A wall: a page that nobody sits at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct WallRow {
    /// Its id, which is another one after a reload.
    #[schema(example = 7)]
    id: u32,
    /// Name that the wall gives itself.
    #[schema(example = "Wall north", max_length = 64)]
    name: String,
    /// Address of its browser.
    #[schema(value_type = String, example = "192.0.2.9")]
    address: IpAddr,
    /// Whether it plays.
    state: WallState,
    /// Since when, on the server's clock, in ms.
    #[schema(example = 698_020)]
    since_ms: i64,
    /// Its delay in ms; null if it is not known.
    #[schema(example = 84)]
    delay_ms: Option<u32>,
}

/// A refused sender in the events. Fields that `RefusedSender` has as well mean the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct RefusedRow {
    /// Address and port that its packets come from.
    #[schema(value_type = String, example = "192.0.2.9:51234")]
    pub(super) address: SocketAddr,
    /// Why most of its packets are refused: a key of `refused_packets`.
    #[schema(example = "payload_type")]
    pub(super) reason: &'static str,
    /// RTP payload type of its newest packet, 0 to 127; null if it was not RTP.
    #[schema(maximum = 127, example = 96)]
    pub(super) payload_type: Option<u8>,
    /// SSRC of its newest packet; null if it was not RTP.
    #[schema(example = 1_594_495_426_u32)]
    pub(super) ssrc: Option<u32>,
    /// Packets that were refused.
    pub(super) packets: u64,
    /// Time of the first of them on the server's clock, in ms.
    pub(super) since_at_ms: i64,
    /// Time of the newest of them on the server's clock, in ms.
    pub(super) last_at_ms: i64,
}

impl ServerRow {
    /// Describes the server at the moment of `snapshot`.
    pub(super) fn of(figures: &ServerFigures, watch: &Watch, snapshot: &Snapshot) -> Self {
        let clock = figures.clock();
        let arrangement = watch.groups();
        let groups = arrangement.groups().iter().map(|group| GroupRow {
            id: group.id,
            name: group.name.as_str().to_owned(),
        });
        let walls = watch.walls().into_iter().map(|wall| WallRow {
            id: wall.id,
            name: wall.name.as_str().to_owned(),
            address: wall.address,
            state: wall.state,
            since_ms: clock.ms(wall.since),
            delay_ms: wall.delay_ms,
        });
        let refused = snapshot.refused_senders.iter();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            udp_port: figures.udp_port(),
            listeners: figures.listeners(),
            epoch_ms: watch.epoch_ms(),
            groups_revision: arrangement.revision,
            groups: groups.collect(),
            walls: walls.collect(),
            refused_senders: refused
                .map(|sender| RefusedRow::of(sender, clock))
                .collect(),
        }
    }
}

impl RefusedRow {
    fn of(sender: &RefusedSender, clock: ServerClock) -> Self {
        Self {
            address: sender.address,
            reason: sender.reason.as_str(),
            payload_type: sender.payload_type,
            ssrc: sender.ssrc,
            packets: sender.packets,
            since_at_ms: clock.ms(sender.since),
            last_at_ms: clock.ms(sender.last),
        }
    }
}

/// Returns RMS and peak of a client, in dBFS.
pub(super) fn level_of(client: &ClientView) -> [f64; 2] {
    [client.level.rms_dbfs, client.level.peak_dbfs].map(|dbfs| tenths(dbfs.into()))
}
