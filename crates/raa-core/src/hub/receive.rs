//! The hub's receiving half: datagrams become packets of clients.
//!
//! Always: RTP and RTCP of a client change something only if they come from the address that owns its
//! stream, or RTCP from the next port of that host; a refused datagram leaves every client's sound as it
//! was. One of an established stream occupies its sequence number, so that it does not count as lost. A
//! report from an address that claims a stream is refused, but held until the stream passes to it.

use core::net::SocketAddr;
use std::time::Instant;

use super::{Accepted, ClientEvent, Hub, Origin, Output};
use crate::claims::HeldReport;
use crate::client::{Client, PayloadTypes};
use crate::framing;
use crate::red::{self, Redundant};
use crate::refused::Refused;
use crate::rivals::TurnedAway;
use crate::rtcp::{self, SsrcTaken};
use crate::rtp::{Header, Packet};
use crate::settings::Name;
use crate::source::Insertion;

impl Hub {
    pub(super) fn take_rtp(
        &mut self,
        arrival: Instant,
        from: Origin,
        datagram: &[u8],
    ) -> Result<Accepted, Refused> {
        let packet = Packet::parse(datagram).map_err(|e| Refused::of_datagram(datagram, e))?;
        let redundant = self.parse_redundant(&packet)?;
        let own = redundant.map_or(packet.payload, |redundant| redundant.payload);
        let framing = framing::parse(own).ok_or(Refused::NotOpus)?;
        if from != Origin::Internal && self.config.reserved_ssrcs.contains(&packet.ssrc) {
            return Err(Refused::ReservedSsrc);
        }
        // Nearly every packet is of a known client, which is looked for only once.
        let Some(client) = self.clients.get_mut(&packet.ssrc) else {
            let Some(address) = from.address() else {
                self.add_internal(packet.ssrc);
                return self.take_rtp(arrival, from, datagram);
            };
            return self.take_newcomer(arrival, from, address, &packet, datagram);
        };
        let was_connected = client.is_connected();
        let max_delay = self.config.max_playout_delay;
        let address = from.address();
        let inserted = client.insert(
            arrival,
            address,
            &packet,
            redundant.as_ref(),
            &framing,
            max_delay,
        );
        let insertion = match inserted {
            Ok(insertion) => insertion,
            Err(reason) => {
                if let Some(other) = client.take_turned_away() {
                    self.note_turned_away(arrival, other, from, &packet, datagram.len());
                }
                return Err(reason);
            }
        };
        let is_repeat = insertion == Insertion::Repeated;
        client.payload_types = Some(PayloadTypes {
            packet: packet.payload_type,
            sound: redundant.map_or(packet.payload_type, |redundant| redundant.payload_type),
        });
        client
            .peer
            .take_sound(address, from.local(), datagram.len());
        if !was_connected {
            self.outputs
                .push_back(Output::Event(ClientEvent::Connected {
                    ssrc: packet.ssrc,
                    from,
                }));
        }
        if let Some(report) = client.take_held_report() {
            self.take_held_report(&report);
        }
        Ok(Accepted::Rtp {
            ssrc: packet.ssrc,
            is_repeat,
        })
    }

    /// Takes note of a sender whose SSRC belongs to another one, so that it can be told.
    #[cold]
    fn note_turned_away(
        &mut self,
        arrival: Instant,
        other: SocketAddr,
        from: Origin,
        packet: &Packet<'_>,
        bytes: usize,
    ) {
        self.rivals.note(TurnedAway {
            arrival,
            from: other,
            to: from.local(),
            bytes,
            packet: SsrcTaken {
                ssrc: packet.ssrc,
                sequence_number: packet.sequence_number,
                timestamp: packet.timestamp,
            },
        });
    }

    /// Takes the report of an address that owns a stream since its last packet.
    #[cold]
    fn take_held_report(&mut self, report: &HeldReport) {
        // It was well-formed when it came.
        let _ = self.take_rtcp(report.arrival, report.from.into(), &report.datagram);
    }

    /// Tells the client of a refused packet, if it may be one of its stream.
    pub(super) fn note_refused(
        &mut self,
        arrival: Instant,
        from: Origin,
        datagram: &[u8],
        reason: Refused,
    ) {
        if let Some(header) = Header::parse(datagram).filter(|_| reason.may_be_in_stream())
            && let Some(client) = self.clients.get_mut(&header.ssrc)
        {
            client.note_refused(arrival, from.address(), &header, reason);
        }
    }

    /// Returns the redundant audio of a packet (RFC 2198), or `None` for plain Opus.
    fn parse_redundant<'a>(&self, packet: &Packet<'a>) -> Result<Option<Redundant<'a>>, Refused> {
        let is_opus = |payload_type| self.config.payload_types.contains(&payload_type);
        if is_opus(packet.payload_type) {
            return Ok(None);
        }
        if packet.payload_type != red::PAYLOAD_TYPE {
            return Err(Refused::PayloadType);
        }
        let redundant = Redundant::parse(packet.payload).map_err(|_| Refused::MalformedRed)?;
        let mut types = redundant.earlier().map(|earlier| earlier.payload_type);
        if !is_opus(redundant.payload_type) || !types.all(is_opus) {
            return Err(Refused::PayloadType);
        }
        Ok(Some(redundant))
    }

    pub(super) fn take_rtcp(
        &mut self,
        arrival: Instant,
        from: Origin,
        datagram: &[u8],
    ) -> Result<Accepted, Refused> {
        let (clients, outputs) = (&mut self.clients, &mut self.outputs);
        let reporter = &self.reporter;
        let origin = from;
        let from = from.address();
        // Its bytes allow reports to one client only, however many it names.
        let mut unpaid = datagram.len();
        let (mut is_owner, mut is_other) = (false, false);
        let mut newcomer = None;
        let parsed = rtcp::parse(datagram, |item| {
            let (rtcp::Item::SenderReport(rtcp::SenderReport { ssrc, .. })
            | rtcp::Item::Name { ssrc, .. }
            | rtcp::Item::ReferenceTimeEcho { from: ssrc, .. }
            | rtcp::Item::Capture { ssrc, .. }
            | rtcp::Item::Goodbye { ssrc }) = item
            else {
                return;
            };
            let Some(client) = clients.get_mut(&ssrc) else {
                newcomer = newcomer.or(Some(ssrc));
                return;
            };
            if !client.is_connected() {
                return;
            }
            if !client.is_reported_from(from) {
                if let Some(from) = from.filter(|_| !is_other) {
                    client.hold_report(arrival, from, datagram);
                }
                is_other = true;
                return;
            }
            is_owner = true;
            client.last_packet = client.last_packet.max(Some(arrival));
            // Reports go only to the address that the sound comes from.
            if client.peer.is_at(from) {
                client.peer.take_bytes(std::mem::take(&mut unpaid));
                reporter.take(&mut client.peer, arrival, &item);
            }
            outputs.extend(take_item(client, arrival, ssrc, &item).map(Output::Event));
        });
        parsed.map_err(|_| Refused::MalformedRtcp)?;
        if let (Some(ssrc), Some(address)) = (newcomer, from) {
            self.keep_report(arrival, ssrc, origin, address.ip(), datagram);
        }
        if is_other && !is_owner {
            return Err(Refused::NotOwner);
        }
        Ok(Accepted::Rtcp)
    }
}

/// Applies what a client reports about itself, and returns what changed.
fn take_item(
    client: &mut Client,
    arrival: Instant,
    ssrc: u32,
    item: &rtcp::Item<'_>,
) -> Option<ClientEvent> {
    match *item {
        rtcp::Item::Name { text, .. } => {
            let name = Name::from_sender(text)?;
            if client.sender_name.as_ref() == Some(&name) {
                return None;
            }
            client.sender_name = Some(name.clone());
            Some(ClientEvent::SenderNamed { ssrc, name })
        }
        rtcp::Item::Capture { trouble, .. } => client
            .note_capture(arrival, trouble)
            .then_some(ClientEvent::CaptureTrouble { ssrc, trouble }),
        rtcp::Item::Goodbye { .. } => {
            client.note_goodbye(arrival);
            None
        }
        _ => None,
    }
}
