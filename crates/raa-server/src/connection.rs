//! One accepted TCP connection: its peer, and its place among the connections the server allows.
//!
//! A connection keeps its place while any part of the server holds it, also after it has left
//! HTTP for a WebSocket.

use std::net::SocketAddr;

use tokio::sync::OwnedSemaphorePermit;

/// One accepted TCP connection. It counts towards the limit of connections until it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    /// Holds `permit` for as long as the connection is used.
    pub(crate) fn new(peer: SocketAddr, permit: OwnedSemaphorePermit) -> Self {
        Self {
            peer,
            _permit: permit,
        }
    }
}
