//! The hub's inputs and outputs.
//!
//! Always: values only; nothing here decides anything.

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::OPUS_PAYLOAD_TYPE;
use crate::codec::CodecError;
use crate::mix::{Mix, MixConfig, MixId};
use crate::refused::RefusedCounts;
use crate::rtcp::CaptureTrouble;
use crate::rtp::StreamStart;
use crate::settings::{ClientSettings, Name, SoundingFrom};

/// The hub's configuration.
#[derive(Debug, Clone)]
pub struct HubConfig {
    /// RTP payload types that mean Opus, 0 to 127; 111 by default.
    pub payload_types: Vec<u8>,
    /// Upper limit of a client's playout delay, 20 to 400 ms; 400 ms by default.
    pub max_playout_delay: Duration,
    /// Time without a packet after which a client is offline; 5 s by default.
    pub offline_after: Duration,
    /// Clients without operator settings that are remembered; 1000 by default.
    pub max_unconfigured_clients: usize,
    /// Time after which an unconfigured client that went away is forgotten; a day by default,
    /// `None`: never.
    pub forget_unconfigured_after: Option<Duration>,
    /// Level from which a client without a setting of its own counts as sounding.
    pub sounding_from: SoundingFrom,
    /// SSRCs that are refused from the network; none by default.
    pub reserved_ssrcs: Vec<u32>,
    /// The mix that every hub has; the SSRC of its stream is also the server's in RTCP.
    pub main_mix: MixConfig,
    /// Further mixes; none by default.
    pub other_mixes: BTreeMap<MixId, MixConfig>,
    /// Wall-clock time at the hub's start, from which its RTCP reports count.
    pub wall_clock: SystemTime,
}

impl HubConfig {
    /// The defaults, which are those of the server's configuration file.
    pub fn new(mix_stream: StreamStart, wall_clock: SystemTime) -> Self {
        Self {
            payload_types: vec![OPUS_PAYLOAD_TYPE],
            max_playout_delay: Duration::from_millis(400),
            offline_after: Duration::from_secs(5),
            max_unconfigured_clients: 1000,
            forget_unconfigured_after: Some(Duration::from_hours(24)),
            sounding_from: SoundingFrom::default(),
            reserved_ssrcs: Vec::new(),
            main_mix: MixConfig::new(mix_stream),
            other_mixes: BTreeMap::new(),
            wall_clock,
        }
    }

    /// All mixes by ID, the main one first.
    pub(super) fn mixes(&self) -> Result<Vec<Mix>, CodecError> {
        let mut configs = self.other_mixes.clone();
        configs.insert(MixId::MAIN, self.main_mix.clone());
        let mixes = configs.into_iter().enumerate();
        mixes
            .map(|(place, (id, config))| Mix::new(id, place, config))
            .collect()
    }
}

/// An accepted datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// An RTP packet of a client's stream.
    Rtp {
        /// The client.
        ssrc: u32,
        /// Whether the same packet has come before; a repeat changes nothing.
        is_repeat: bool,
    },
    /// The first RTP packet of an unknown SSRC, kept until a second one follows it.
    First {
        /// The SSRC.
        ssrc: u32,
    },
    /// A well-formed RTCP datagram, of whatever effect.
    Rtcp,
}

/// A datagram's origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Another host, or a program on this one.
    Network {
        /// The sender's address.
        from: SocketAddr,
        /// The address of this host that the datagram was sent to; `None` if it is not known.
        to: Option<SocketAddr>,
    },
    /// An input inside the server.
    Internal,
}

/// A sender whose datagrams came to an unknown address of this host.
impl From<SocketAddr> for Origin {
    fn from(from: SocketAddr) -> Self {
        Self::Network { from, to: None }
    }
}

impl Origin {
    /// Returns the network address; `None` for a source inside the server.
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Network { from, .. } => Some(from),
            Self::Internal => None,
        }
    }

    /// Returns the address of this host that the datagram was sent to, if it is known.
    pub(super) fn local(self) -> Option<SocketAddr> {
        match self {
            Self::Network { to, .. } => to,
            Self::Internal => None,
        }
    }
}

/// An operator's command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Sets all settings of a client; an unknown one is added as offline.
    Configure {
        /// The client.
        ssrc: u32,
        /// Its new settings.
        settings: ClientSettings,
    },
    /// Sets all settings of these clients at once; unknown ones are added as offline.
    ConfigureAll {
        /// The clients with their new settings.
        settings: Vec<(u32, ClientSettings)>,
    },
    /// Removes an offline client.
    Forget {
        /// The client.
        ssrc: u32,
    },
    /// Removes those of these clients that are offline.
    ForgetOffline {
        /// The clients, in ascending order.
        ssrcs: Vec<u32>,
    },
}

/// The reason why a command was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No such client.
    #[error("no client has the SSRC {0:08x}")]
    NotFound(u32),
    /// Only offline clients can be forgotten.
    #[error("client {0:08x} is connected")]
    Connected(u32),
}

/// Something for the shell to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send one mix's packet of the slot to the listeners of that mix.
    Mix {
        /// The mix; those of one slot come in the order of their IDs.
        mix: MixId,
        /// An RTP packet.
        datagram: Bytes,
    },
    /// Send this RTCP packet to one sender, from the audio port.
    Send {
        /// The address that the sender's sound comes from.
        to: SocketAddr,
        /// The address of this host that the sound is sent to, from which the report must leave: a
        /// connected socket and a NAT accept no other. `None` if it is not known.
        from: Option<SocketAddr>,
        /// A receiver report (RFC 3550 section 6.4.2).
        datagram: Bytes,
    },
    /// Pass this event on to whoever stores or shows it.
    Event(ClientEvent),
}

/// A change of a client's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientEvent {
    /// Its first packet came, or the first one after it was offline.
    Connected {
        /// The client.
        ssrc: u32,
        /// The packet's origin.
        from: Origin,
    },
    /// It sent a BYE, or nothing for too long.
    Disconnected {
        /// The client.
        ssrc: u32,
    },
    /// It reports another name than before.
    SenderNamed {
        /// The client.
        ssrc: u32,
        /// The new name.
        name: Name,
    },
    /// It reports another trouble of its capture than before, or that it hears again.
    CaptureTrouble {
        /// The client.
        ssrc: u32,
        /// Why it may hear nothing of its computer; `None` if its capture works.
        trouble: Option<CaptureTrouble>,
    },
    /// It was unconfigured and made room for a new client. It may have been connected if its host
    /// had more clients than that of the new one.
    Evicted {
        /// The client.
        ssrc: u32,
    },
    /// It was unconfigured and has been offline for so long that it was forgotten.
    Expired {
        /// The client.
        ssrc: u32,
    },
}

/// Counters since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HubStats {
    /// Slots played: frames of each mix.
    pub slots: u64,
    /// Slots skipped after stalls.
    pub skipped_slots: u64,
    /// Clients that were in the main mix in the last slot.
    pub active: usize,
    /// Datagrams refused, by reason.
    pub refused: RefusedCounts,
}
