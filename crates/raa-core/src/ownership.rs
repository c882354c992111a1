//! The addresses that a client's stream had and has, and which of them goes first.
//!
//! Always: a fixed number of addresses; a flood of strangers displaces none of the first ones.

use core::net::{IpAddr, SocketAddr};
use std::collections::VecDeque;
use std::time::Instant;

use crate::claims::{Claim, Claims, Held, HeldReport};

/// Hosts of a client that are remembered.
const MAX_HOSTS: usize = 4;

/// The addresses that a client had before, and those that claim its stream now.
#[derive(Debug, Default)]
pub(crate) struct Ownership {
    /// Hosts that began with its stream while it was offline, the first one first. A host that took
    /// the stream over by its numbers has the place of the one before it.
    hosts: [Option<IpAddr>; MAX_HOSTS],
    /// The owner that the present one displaced.
    displaced: Option<SocketAddr>,
    claims: Option<Box<Claims>>,
    /// The report that was held of the address that has just taken the stream over.
    report: Option<Box<HeldReport>>,
}

impl Ownership {
    /// Notes that another address begins.
    pub(crate) fn begin(&mut self, before: Option<SocketAddr>, now: SocketAddr) {
        self.displaced = before.filter(|before| *before != now);
        if self.rank(now.ip()) < MAX_HOSTS {
            return;
        }
        // A flood of strangers costs the last place, never the first ones.
        let free = self.hosts.iter().position(Option::is_none);
        self.hosts[free.unwrap_or(MAX_HOSTS - 1)] = Some(now.ip());
    }

    /// Passes the stream to another address, and returns the packets that are held of it, oldest first.
    pub(crate) fn pass(
        &mut self,
        before: SocketAddr,
        now: SocketAddr,
        claim: Claim,
    ) -> VecDeque<Held> {
        self.displaced = (claim != Claim::Former).then_some(before);
        if claim == Claim::Continues {
            let rank = self.rank(before.ip()).min(self.rank(now.ip()));
            if let Some(host) = self.hosts.get_mut(rank) {
                *host = Some(now.ip());
            }
        }
        let claims = self.claims.take().unwrap_or_default();
        let (held, report) = claims.into_held(now);
        self.report = report.map(Box::new);
        held
    }

    /// Holds a report from this address, if it is one of a claimant; `reports_for` says whether it may
    /// report for the address of a claimant's sound.
    pub(crate) fn hold_report(
        &mut self,
        arrival: Instant,
        from: SocketAddr,
        datagram: &[u8],
        reports_for: impl Fn(SocketAddr) -> bool,
    ) {
        if let Some(claims) = &mut self.claims {
            claims.hold_report(arrival, from, datagram, reports_for);
        }
    }

    /// Takes out the report of the address that has just taken the stream over.
    #[inline]
    pub(crate) fn take_report(&mut self) -> Option<Box<HeldReport>> {
        self.report.take()
    }

    /// Returns the addresses that claim the stream.
    pub(crate) fn claims(&mut self) -> &mut Claims {
        self.claims.get_or_insert_default()
    }

    /// Whether the other address may take the stream back, although its owner sends.
    pub(crate) fn is_former(&self, owner: SocketAddr, other: SocketAddr) -> bool {
        self.displaced == Some(other) || self.rank(other.ip()) < self.rank(owner.ip())
    }

    /// Returns a host's place among all that the client had.
    fn rank(&self, host: IpAddr) -> usize {
        let at = self.hosts.iter().position(|each| *each == Some(host));
        at.unwrap_or(MAX_HOSTS)
    }

    /// Forgets all claims.
    pub(crate) fn forget_claims(&mut self) {
        self.claims = None;
    }

    /// Gives the memory of claims back that nobody pursues.
    pub(crate) fn forget_old_claims(&mut self, now: Instant) {
        self.claims.take_if(|claims| claims.are_over(now));
    }
}
