//! An accepted TCP connection: its peer, and its share of the limit of connections.
//!
//! Always: a connection counts towards the limit until the last part of the server drops it, even
//! after it has left HTTP for a WebSocket.

use std::net::SocketAddr;

use tokio::sync::OwnedSemaphorePermit;

/// An accepted TCP connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    /// Keeps `permit` until the connection is dropped.
    pub(crate) fn new(peer: SocketAddr, permit: OwnedSemaphorePermit) -> Self {
        Self {
            peer,
            _permit: permit,
        }
    }
}
