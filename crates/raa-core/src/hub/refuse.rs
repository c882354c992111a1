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
use crate::rtp::{Header, Packet};

impl Hub {
    /// Counts a datagram that is refused, by the hub or by its shell, and takes note of its sender.
    pub fn refuse(&mut self, arrival: Instant, from: Origin, datagram: &[u8], reason: Refused) {
        self.stats.refused.count(reason);
        let Origin::Network { from: address, .. } = from else {
            return;
        };
        let header = Header::parse(datagram);
        let ssrc = header.map(|header| header.ssrc);
        if ssrc.is_some_and(|ssrc| self.is_client_at(ssrc, address)) {
            return;
        }
        let refusal = Refusal {
            reason,
            payload_type: ssrc.and_then(|_| self.payload_type(datagram)),
            ssrc,
        };
        self.refused_senders.note(arrival, address, refusal);
    }

    /// Returns the payload type of a datagram that looks like RTP. Of redundant audio, it is that of
    /// the block which is not Opus, since that is what the sender must change.
    fn payload_type(&self, datagram: &[u8]) -> Option<u8> {
        let payload_type = datagram.get(1)? & 0x7f;
        let packet = Packet::parse(datagram).ok();
        let packet = packet.filter(|packet| packet.payload_type == red::PAYLOAD_TYPE);
        let redundant = packet.and_then(|packet| Redundant::parse(packet.payload).ok());
        let is_opus = |payload_type: u8| self.config.payload_types.contains(&payload_type);
        let blocks = redundant.iter().flat_map(|redundant| {
            let earlier = redundant.earlier().map(|earlier| earlier.payload_type);
            earlier.chain([redundant.payload_type])
        });
        let other = blocks.into_iter().find(|&block| !is_opus(block));
        Some(other.unwrap_or(payload_type))
    }

    fn is_client_at(&self, ssrc: u32, address: SocketAddr) -> bool {
        let client = self.clients.get(&ssrc);
        client.is_some_and(|client| client.is_connected() && client.address == Some(address))
    }
}
