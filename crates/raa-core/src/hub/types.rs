//! What goes into a hub and comes out of it.
//!
//! Always: values only; nothing here decides anything.

use core::net::SocketAddr;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::codec::EncoderSettings;
use crate::refused::RefusedCounts;
use crate::rtp::StreamStart;
use crate::settings::{ClientSettings, Name};

/// What the hub is set to.
#[derive(Debug, Clone)]
pub struct HubConfig {
    /// The payload types that mean Opus, 0 to 127.
    pub payload_types: Vec<u8>,
    /// The playout delay follows the network, up to this; 20 to 400 ms.
    pub max_playout_delay: Duration,
    /// A client is offline when no packet came for so long.
    pub offline_after: Duration,
    /// So many clients are remembered that no operator has touched.
    pub max_unset_clients: usize,
    /// SSRCs that are refused from the network.
    pub reserved_ssrcs: Vec<u32>,
    /// How the mix is encoded.
    pub encoder: EncoderSettings,
    /// Where the mix's own RTP stream begins; random (RFC 3550 section 5.1).
    pub mix_stream: StreamStart,
    /// What the wall clock says when the hub starts; reports to senders tell it.
    pub wall_clock: SystemTime,
}

/// Where a datagram comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Another host, or a program on this one.
    Network(SocketAddr),
    /// A source inside the server.
    Internal,
}

impl Origin {
    pub(super) fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Network(address) => Some(address),
            Self::Internal => None,
        }
    }
}

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Sets all settings of a client; one that is not known becomes known, as offline.
    Configure {
        /// Whom.
        ssrc: u32,
        /// To what.
        settings: ClientSettings,
    },
    /// Removes an offline client.
    Forget {
        /// Whom.
        ssrc: u32,
    },
}

/// Why a command was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No such client.
    #[error("no client has the SSRC {0:08x}")]
    NotFound(u32),
    /// Only offline clients can be forgotten.
    #[error("client {0:08x} is connected")]
    Connected(u32),
}

/// What the shell must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this RTP packet to every listener.
    Mix(Bytes),
    /// Send this RTCP packet to one sender, from the audio port.
    Send {
        /// Where its sound comes from.
        to: SocketAddr,
        /// A receiver report (RFC 3550 section 6.4.2).
        datagram: Bytes,
    },
    /// Tell those who keep or show it.
    Event(ClientEvent),
}

/// What has become of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientEvent {
    /// Its first packet came, or the first one after it was offline.
    Connected {
        /// Who.
        ssrc: u32,
        /// From where.
        from: Origin,
    },
    /// It said goodbye or was not heard for too long.
    Disconnected {
        /// Who.
        ssrc: u32,
    },
    /// It tells another name of itself than before.
    SenderNamed {
        /// Who.
        ssrc: u32,
        /// How it is called.
        name: Name,
    },
    /// It was offline and no operator had touched it, so it made room for a new one.
    Evicted {
        /// Who.
        ssrc: u32,
    },
}

/// Counters since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HubStats {
    /// Slots played: frames of the mix.
    pub slots: u64,
    /// Slots left out after stalls.
    pub skipped_slots: u64,
    /// Clients that were in the mix in the last slot.
    pub active: usize,
    /// Datagrams refused, by reason.
    pub refused: RefusedCounts,
}
