//! The parts of the state that an open page shows all the time: a row for each client, and a few
//! figures of the server. Their doc comments are published documentation.
//!
//! Always: nothing here changes while nothing happens. Times are points in time and not ages, and
//! counters of packets are left to `GET /api/clients/{id}`.

use std::net::SocketAddr;
use std::time::Instant;

use raa_core::client::{ClientView, Status};
use raa_core::quality::{FAIR_FROM_PERCENT, Quality};
use raa_core::refused_senders::RefusedSender;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::model::{CaptureTroubleWord, QualityWord, StatusWord, WithheldWord, tenths};
use crate::api::status::ServerFigures;
use crate::clock::ServerClock;
use crate::engine::Snapshot;
use crate::id::ClientId;

/// One client in the events. Fields that `Client` has as well mean the same.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ClientRow {
    /// The SSRC as 8 lower-case hexadecimal digits, or `bgmtest0`.
    #[schema(value_type = String, example = "5f0a11c2")]
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
    pub(super) fn of(client: &ClientView, taken: Instant, clock: ServerClock) -> Self {
        let at = |ago| clock.ms_before(taken, ago);
        let is = |status| client.status == status;
        let (concealed_percent, delay_ms) = trouble(client).unzip();
        Self {
            id: ClientId(client.ssrc),
            name: client.name().to_owned(),
            status: client.status.into(),
            volume: client.settings.volume.percent(),
            muted: client.settings.muted,
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
    /// Senders that are being refused, at most 32, the newest first.
    pub(super) refused_senders: Vec<RefusedRow>,
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
    pub(super) fn of(figures: &ServerFigures, snapshot: &Snapshot) -> Self {
        let clock = figures.clock();
        let refused = snapshot.refused_senders.iter();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            udp_port: figures.udp_port(),
            listeners: figures.listeners(),
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
