//! What a listener's connection must offer, whether it is encrypted or not.

use std::io::{Read, Write};
use std::net::SocketAddr;

/// A connection after its WebSocket handshake.
///
/// It never blocks: it fails with `WouldBlock` instead. It may buffer in both directions, as TLS
/// does: bytes that `write` has taken are on their way only after `flush` has succeeded, and
/// readable bytes may be left inside that the kernel no longer reports.
pub(super) trait Transport: Read + Write {
    /// Returns the listener's address, for the log.
    fn address(&self) -> SocketAddr;

    /// Returns whether bytes can be read that have left the kernel already.
    fn has_buffered_input(&self) -> bool;
}
