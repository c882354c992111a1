//! An accepted TCP connection: its peer, and its place among those of its address.
//!
//! Always: a connection counts until the last part of the server drops it, even after it has left
//! HTTP for a WebSocket.

mod place;
mod stream;

use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;

use raa_core::settings::Name;
use tokio_util::sync::CancellationToken;

pub(crate) use place::{Place, PlaceTable};
pub(crate) use stream::PatientStream;

use crate::limits::places::Full;

/// The host that a request comes from: the connection's peer, or whom a listed proxy forwards it for.
#[derive(Debug, Clone)]
pub(crate) struct Requester {
    /// Without the port, if a proxy does not name it.
    pub(crate) address: SocketAddr,
    /// Name of the desk that makes a change, by the header `X-Raa-Desk`.
    pub(crate) desk: Option<Name>,
    /// The place of a request that a proxy forwards.
    pub(crate) place: Option<Place>,
}

/// An accepted TCP connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// An IPv4 address as such, although the socket sees it as part of an IPv6 address.
    pub(crate) peer: SocketAddr,
    pub(crate) place: Place,
    /// Cancelled when the connection must make room for another one.
    pub(crate) closing: CancellationToken,
    /// The place of the forwarded request that has become a WebSocket.
    forwarded: OnceLock<Place>,
}

impl Connection {
    /// Keeps `place` until the connection is dropped; `closing` is what the place closes.
    pub(crate) fn new(peer: SocketAddr, place: Place, closing: CancellationToken) -> Self {
        Self {
            peer: canonical(peer),
            place,
            closing,
            forwarded: OnceLock::new(),
        }
    }

    /// Returns whether the requester may have one more WebSocket.
    pub(crate) fn has_socket(&self, requester: &Requester) -> bool {
        requester.place.as_ref().unwrap_or(&self.place).has_socket()
    }

    /// Counts the connection as a WebSocket of the requester until its end.
    ///
    /// # Errors
    /// [`Full`] if the requester has as many as one may have.
    pub(crate) fn become_socket(&self, requester: &Requester) -> Result<(), Full> {
        if let Some(place) = &requester.place {
            place.become_socket()?;
            // A connection becomes a WebSocket once.
            let _ = self.forwarded.set(place.clone());
        }
        self.place.become_socket()
    }
}

/// Returns an IPv4 address as such.
pub(crate) fn canonical(peer: SocketAddr) -> SocketAddr {
    match peer.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, peer.port()),
        // A link-local address needs its scope.
        IpAddr::V6(_) => peer,
    }
}
