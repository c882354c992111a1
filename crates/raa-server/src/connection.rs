//! An accepted TCP connection: its peer, and its share of the limit of connections.
//!
//! Always: a connection counts towards the limit until the last part of the server drops it, even
//! after it has left HTTP for a WebSocket.

use std::net::{IpAddr, SocketAddr};

use tokio::sync::OwnedSemaphorePermit;

/// The host that a request comes from: the connection's peer, or whom a listed proxy forwards it for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Requester(pub(crate) SocketAddr);

/// An accepted TCP connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// An IPv4 address as such, although the socket sees it as part of an IPv6 address.
    pub(crate) peer: SocketAddr,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    /// Keeps `permit` until the connection is dropped.
    pub(crate) fn new(peer: SocketAddr, permit: OwnedSemaphorePermit) -> Self {
        Self {
            peer: match peer.ip().to_canonical() {
                ip @ IpAddr::V4(_) => SocketAddr::new(ip, peer.port()),
                // A link-local address needs its scope.
                IpAddr::V6(_) => peer,
            },
            _permit: permit,
        }
    }
}
