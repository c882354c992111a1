//! Decides which address owns a client's stream, and when the stream passes to another one.
//!
//! A stream belongs to one address and port. Packets of any other change nothing, until the owner has
//! been silent for 80 ms and two packets of the other follow each other, and they either follow the
//! stream's own numbers (a NAT's new port, another network) or come from the owner's host (a program
//! that was started again). The owner before can take the stream back at once, and so can a host that
//! the client had before the one that began while the client was offline: a stranger that was quicker
//! keeps nobody out.
//! Always: what others send is held, and costs the stream nothing: no number, no counter, no delay; a
//! frame that seems to continue the stream is played only where there would be a gap.

use core::net::SocketAddr;
use std::time::Instant;

use super::Client;
use crate::claims::{Claim, HeldReport};
use crate::framing::{self, Framing};
use crate::probation::Probation;
use crate::red::{self, Redundant};
use crate::refused::Refused;
use crate::rtp::Packet;
use crate::sequence::Candidate;
use crate::source::Insertion;

impl Client {
    /// Lets any address begin with the stream of a client that is offline.
    #[cold]
    pub(super) fn begin_at(&mut self, from: Option<SocketAddr>) {
        if self.address != from {
            // The same program would have kept its address.
            self.probation = Probation::default();
        }
        if let Some(now) = from {
            self.ownership.begin(self.address, now);
        }
        self.address = from;
    }

    /// Takes a packet from an address that does not own the stream.
    ///
    /// # Errors
    /// [`Refused::NotOwner`] unless the stream now passes to this address.
    #[cold]
    pub(super) fn take_from_other(
        &mut self,
        arrival: Instant,
        from: Option<SocketAddr>,
        packet: &Packet<'_>,
        redundant: Option<&Redundant<'_>>,
        framing: &Framing,
    ) -> Result<Insertion, Refused> {
        let (Some(owner), Some(other)) = (self.address, from) else {
            return Err(Refused::NotOwner);
        };
        let Some(source) = &mut self.source else {
            return Err(Refused::NotOwner);
        };
        let next = Candidate::of(arrival, packet);
        let place = source.place_of_next(&next, framing.samples);
        let claim = match place {
            _ if self.ownership.is_former(owner, other) => Claim::Former,
            Some(_) if owner.ip() == other.ip() => Claim::ContinuesHere,
            Some(_) => Claim::Continues,
            // A copy of what has come is no second sender that an operator should look for.
            None if source.has_arrived(&next) => return Err(Refused::NotOwner),
            None if owner.ip() == other.ip() => Claim::Restart,
            None => {
                self.turned_away = Some(other);
                self.note_stray(arrival, other);
                return Err(Refused::NotOwner);
            }
        };
        if let Some((place, true)) = place {
            let own = redundant.map_or(packet.payload, |redundant| redundant.payload);
            let displaces = claim >= Claim::ContinuesHere;
            source.insert_provisional(arrival, place, framing.samples, own, displaces);
        }
        let (is_active, seen) = (source.is_active(arrival), source.newest_arrival());
        let claims = self.ownership.claims();
        claims.take(arrival, other, claim, packet, seen);
        if (is_active && claim != Claim::Former) || !claims.is_first(arrival, other) {
            // One that knows the stream's numbers is the same sender on another way.
            self.turned_away = (claim == Claim::Restart).then_some(other);
            self.note_stray(arrival, other);
            return Err(Refused::NotOwner);
        }
        self.hand_over(owner, other, claim)
    }

    /// Holds a report from an address that claims the stream.
    #[cold]
    pub(crate) fn hold_report(&mut self, arrival: Instant, from: SocketAddr, datagram: &[u8]) {
        let reports_for = |claimant| reports_for(claimant, from);
        self.ownership
            .hold_report(arrival, from, datagram, reports_for);
    }

    /// Takes out the report of the address that has just taken the stream over.
    #[inline]
    pub(crate) fn take_held_report(&mut self) -> Option<Box<HeldReport>> {
        self.ownership.take_report()
    }

    /// Whether RTCP of this address is the client's.
    pub(crate) fn is_reported_from(&self, from: Option<SocketAddr>) -> bool {
        self.address == from
            || self
                .address
                .zip(from)
                .is_some_and(|(owner, from)| reports_for(owner, from))
    }

    /// Passes the stream to another address, with the packets that are held of it.
    fn hand_over(
        &mut self,
        owner: SocketAddr,
        other: SocketAddr,
        claim: Claim,
    ) -> Result<Insertion, Refused> {
        let held = self.ownership.pass(owner, other, claim);
        (self.address, self.strays) = (Some(other), None);
        let first = held
            .front()
            .map(|held| Candidate::of(held.arrival, &held.packet()));
        if let Some(source) = &mut self.source {
            source.drop_provisional();
            if !first.is_some_and(|first| source.would_continue(&first)) {
                source.expect_another_stream();
                self.probation = Probation::default();
            }
        }
        self.peer.count_packets(held.len().saturating_sub(1));
        let mut insertion = Err(Refused::NotOwner);
        for held in &held {
            let packet = held.packet();
            let is_red = packet.payload_type == red::PAYLOAD_TYPE;
            let redundant = is_red
                .then(|| Redundant::parse(packet.payload).ok())
                .flatten();
            let own = redundant.map_or(packet.payload, |redundant| redundant.payload);
            // It was checked when it came.
            if let Some(framing) = framing::parse(own) {
                insertion = self.insert_own(held.arrival, &packet, redundant.as_ref(), &framing);
            }
        }
        insertion
    }
}

/// Whether RTCP of this address may be about the sound of `sender`: it comes from there, or from the
/// next port of that host (RFC 3550 section 11).
fn reports_for(sender: SocketAddr, from: SocketAddr) -> bool {
    let is_next_port = sender.port().checked_add(1) == Some(from.port());
    sender == from || sender.ip() == from.ip() && is_next_port
}
