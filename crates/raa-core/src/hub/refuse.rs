//! Refused datagrams: each is counted, and its sender is noted for the operator.
//!
//! Always: a packet of a connected client's own stream, such as comfort noise, never lists its
//! sender as refused, because the client's row shows how it is doing.

use core::net::SocketAddr;
use std::time::Instant;

use super::{Hub, Origin};
use crate::red::{self, Redundant};
use crate::refused::Refused;
use crate::refused_senders::Refusal;
use crate::rtp::{self, Packet};

impl Hub {
    /// Counts a datagram that is refused, by the hub or by its shell, and takes note of its sender.
    pub fn refuse(&mut self, arrival: Instant, from: Origin, datagram: &[u8], reason: Refused) {
        self.stats.refused.count(reason);
        let Origin::Network { from: address, .. } = from else {
            return;
        };
        let header = rtp_header(datagram);
        if header.is_some_and(|(_, ssrc)| self.is_client_at(ssrc, address)) {
            return;
        }
        let refusal = Refusal {
            reason,
            payload_type: header.map(|(payload_type, _)| payload_type),
            ssrc: header.map(|(_, ssrc)| ssrc),
        };
        self.refused_senders.note(arrival, address, refusal);
    }

    fn is_client_at(&self, ssrc: u32, address: SocketAddr) -> bool {
        let client = self.clients.get(&ssrc);
        client.is_some_and(|client| client.is_connected() && client.address == Some(address))
    }
}

/// Returns the payload type and the SSRC of a datagram that looks like RTP. Of redundant audio, it
/// is the type of its own frame, since that is what a sender is set to.
fn rtp_header(datagram: &[u8]) -> Option<(u8, u32)> {
    if rtp::is_rtcp(datagram) {
        return None;
    }
    let packet = Packet::parse(datagram).ok()?;
    let payload_type = match Redundant::parse(packet.payload) {
        Ok(redundant) if packet.payload_type == red::PAYLOAD_TYPE => redundant.payload_type,
        _ => packet.payload_type,
    };
    Some((payload_type, packet.ssrc))
}
