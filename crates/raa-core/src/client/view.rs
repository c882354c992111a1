//! A client as the rest of the program sees it: its state at one instant, and what is kept over a restart.

use core::net::SocketAddr;
use std::time::Duration;

use crate::level::Level;
use crate::quality::QualityReport;
use crate::rtcp::CaptureTrouble;
use crate::settings::{ClientSettings, Name, SoundingFrom};
use crate::source::SourceStats;

/// The status of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It sounds, muted or not.
    Sounding,
    /// Its packets arrive and are silent.
    Connected,
    /// No packets arrive.
    Offline,
}

/// The reason why a client is in no mix although its packets arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// Its packets are not Opus.
    NotOpus,
}

/// A client of an earlier run of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownClient {
    /// Its SSRC.
    pub ssrc: u32,
    /// The operator's settings.
    pub settings: ClientSettings,
    /// The sender's own name.
    pub sender_name: Option<Name>,
    /// Whether it has ever sent a packet.
    pub seen_before: bool,
    /// Time since its last packet; `None` if it is unknown, too.
    pub last_seen_ago: Option<Duration>,
    /// Time since it last sounded; `None` if it is unknown, too.
    pub last_sound_ago: Option<Duration>,
}

/// The state of one client at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientView {
    /// Its SSRC.
    pub ssrc: u32,
    /// The operator's settings.
    pub settings: ClientSettings,
    /// The sender's own name (RTCP SDES).
    pub sender_name: Option<Name>,
    /// Its status.
    pub status: Status,
    /// The address that its sound comes from; `None` for a client inside the server.
    pub address: Option<SocketAddr>,
    /// Level before volume and mute, over the last 100 ms.
    pub level: Level,
    /// Whether it has ever sent a packet.
    pub seen_before: bool,
    /// Time since its last packet; `None` if it is unknown, too.
    pub last_packet_ago: Option<Duration>,
    /// Time since the end of its last sound; `None` if it is unknown, too.
    pub last_sound_ago: Option<Duration>,
    /// Time since the begin of the present or the last sound; `None` if it had none in this run.
    pub sound_began_ago: Option<Duration>,
    /// Peak of that sound in dBFS; `None` if there was none in this run.
    pub sound_peak_dbfs: Option<f32>,
    /// Level from which it counts as sounding: its own setting, else the server's.
    pub sounding_from: SoundingFrom,
    /// Whether it has sounded for so long without a break or a change that it is taken for a hum.
    pub steady: bool,
    /// Counters and state of its stream.
    pub stats: SourceStats,
    /// Quality of its audio in the last ten seconds; `None` if nothing arrived.
    pub quality: Option<QualityReport>,
    /// Address of another sender with the same SSRC, while there is one.
    pub conflict: Option<SocketAddr>,
    /// The reason why it is in no mix although its packets arrive, or `None`.
    pub withheld: Option<Withheld>,
    /// Round-trip time by its last report; `None` until there is one.
    pub round_trip: Option<Duration>,
    /// Why it may hear nothing of its computer, by its last report.
    pub capture_trouble: Option<CaptureTrouble>,
    /// The payload types of its newest packet; `None` if none has arrived since the start.
    pub payload_types: Option<PayloadTypes>,
}

/// The RTP payload types of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadTypes {
    /// In the packet's header.
    pub packet: u8,
    /// Of the Opus in it, which differs if the packet also repeats earlier frames (RFC 2198).
    pub sound: u8,
}

impl ClientView {
    /// Returns its name: the operator's, else the sender's own; empty if there is none.
    pub fn name(&self) -> &str {
        let name = self.settings.name.as_ref().or(self.sender_name.as_ref());
        name.map_or("", Name::as_str)
    }
}
