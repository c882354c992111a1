//! Decides which streams become clients: those whose second packet follows their first.
//!
//! Always: one packet makes no client; the work of one slot is bounded, and one host cannot use up
//! the admissions of a slot; configured clients and those of an earlier run need no admission.

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeSet;
use std::time::Instant;

use super::firsts::{First, Report, Taken};
use super::rows::Rows;
use super::{Accepted, ClientEvent, Hub, Origin, Output};
use crate::host::Host;
use crate::refused::Refused;
use crate::rtp::Packet;
use crate::settings::ClientSettings;

/// New clients per slot; it bounds the cost of a flood of forged SSRCs.
const MAX_NEW_PER_SLOT: u32 = 50;
/// New clients per slot beyond that, one of each host that has had none in the slot.
const MAX_FIRST_PER_SLOT: u32 = 25;
/// New clients per slot beyond both that were refused before: senders that go on, unlike forgers.
const MAX_WAITING_PER_SLOT: u32 = 25;

/// The admissions of the current slot.
#[derive(Debug, Default)]
pub(super) struct Admissions {
    count: u32,
    hosts: BTreeSet<Host>,
    /// The rows of the unconfigured clients, counted when the slot's first admission needs them.
    rows: Option<Rows>,
}

impl Admissions {
    /// Ends the slot.
    pub(super) fn end_slot(&mut self) {
        self.count = 0;
        self.hosts.clear();
        self.rows = None;
    }

    /// Forgets the rows, because clients have changed.
    pub(super) fn forget_rows(&mut self) {
        self.rows = None;
    }

    fn permit(&self, host: Host, has_waited: bool) -> bool {
        let limit = match (self.hosts.contains(&host), has_waited) {
            (false, true) => MAX_NEW_PER_SLOT + MAX_FIRST_PER_SLOT + MAX_WAITING_PER_SLOT,
            (false, false) => MAX_NEW_PER_SLOT + MAX_FIRST_PER_SLOT,
            (true, _) => MAX_NEW_PER_SLOT,
        };
        self.count < limit
    }

    fn note(&mut self, host: Host) {
        self.count += 1;
        self.hosts.insert(host);
    }
}

impl Hub {
    /// Takes a packet of an unknown SSRC. The second one of a stream makes a client, which plays the
    /// first one, too.
    pub(super) fn take_newcomer(
        &mut self,
        arrival: Instant,
        from: Origin,
        address: SocketAddr,
        packet: &Packet<'_>,
        datagram: &[u8],
    ) -> Result<Accepted, Refused> {
        let ssrc = packet.ssrc;
        let taken = self.firsts.take(arrival, from, address, packet, datagram);
        match taken {
            Taken::Follows(first) => match self.admit(ssrc, address.into(), first.has_waited) {
                Ok(()) => {
                    self.take_first(first);
                    self.take_rtp(arrival, from, datagram)
                }
                Err(reason) => {
                    // The next packet tries again.
                    let _ = self.firsts.take(arrival, from, address, packet, datagram);
                    self.firsts.wait(ssrc, address);
                    Err(reason)
                }
            },
            Taken::Kept(gone) => {
                if let Some(gone) = gone {
                    self.refuse_first(arrival, &gone);
                }
                Ok(Accepted::First { ssrc })
            }
            Taken::NoPlace => Err(Refused::Unconfirmed),
        }
    }

    /// Keeps a report about an unknown SSRC, if its first packet is kept.
    pub(super) fn keep_report(
        &mut self,
        arrival: Instant,
        ssrc: u32,
        from: Origin,
        host: IpAddr,
        datagram: &[u8],
    ) {
        self.firsts.take_report(ssrc, host, || Report {
            arrival,
            from,
            datagram: datagram.to_vec(),
        });
    }

    /// Adds the client of an input inside the server.
    pub(super) fn add_internal(&mut self, ssrc: u32) {
        let client = self.new_client(ssrc, ClientSettings::default());
        self.clients.insert(ssrc, client);
        self.admissions.forget_rows();
    }

    /// Refuses the packets that nothing has followed; must be called once a second.
    pub(super) fn refuse_unconfirmed(&mut self, now: Instant) {
        for first in self.firsts.take_old(now) {
            self.refuse_first(now, &first);
        }
    }

    /// Plays the packet that the client's second one confirmed.
    fn take_first(&mut self, first: First) {
        if let Some(datagram) = first.datagram {
            let _ = self.take_rtp(first.arrival, first.from, &datagram);
        }
        if let Some(report) = first.report {
            let _ = self.take_rtcp(report.arrival, report.from, &report.datagram);
        }
    }

    fn refuse_first(&mut self, now: Instant, first: &First) {
        let datagram = first.datagram.as_deref().unwrap_or_default();
        self.refuse(now, first.from, datagram, Refused::Unconfirmed);
    }

    /// Adds a client, if necessary in place of an unconfigured one.
    fn admit(&mut self, ssrc: u32, host: Host, has_waited: bool) -> Result<(), Refused> {
        if !self.admissions.permit(host, has_waited) {
            return Err(Refused::TooManyClients);
        }
        let rows = self.admissions.rows.get_or_insert_with(|| {
            let clients = self.clients.iter();
            let internal = |ssrc: &u32| self.config.reserved_ssrcs.contains(ssrc);
            Rows::of(clients.filter(|(ssrc, _)| !internal(ssrc)))
        });
        let max = self.config.max_unconfigured_clients;
        if rows.len() >= max {
            let gone = rows.take(host, max).ok_or(Refused::TooManyClients)?;
            self.clients.remove(&gone);
            let evicted = ClientEvent::Evicted { ssrc: gone };
            self.outputs.push_back(Output::Event(evicted));
        }
        if let Some(rows) = &mut self.admissions.rows {
            rows.add(ssrc, host, self.next_slot);
        }
        self.admissions.note(host);
        let client = self.new_client(ssrc, ClientSettings::default());
        self.clients.insert(ssrc, client);
        Ok(())
    }
}
