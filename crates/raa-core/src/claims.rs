//! The addresses that send with a client's SSRC without owning its stream.
//!
//! After a change of network, of a NAT's port, or a restart, the sender of a stream has another address.
//! Its first packets are held here, and played once it has proved itself; its newest report is held,
//! too, so that the server answers at once. [`crate::client`] decides who may claim a stream.
//! Always: at most [`MAX_CLAIMANTS`] addresses, each with up to [`MAX_FRAMES`] packets of up to
//! [`MAX_BYTES`] in all, and one report of up to [`MAX_REPORT_BYTES`]; a better claim is never displaced
//! by a worse one.

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::rtp::Packet;
use crate::sequence::{Candidate, MAX_CANDIDATE_AGE};

/// Addresses that are remembered.
const MAX_CLAIMANTS: usize = 4;
/// Packets held of each: 80 ms of packets of 5 ms.
const MAX_FRAMES: usize = 16;
/// Bytes held of each: two packets of 120 ms at the highest bitrate of Opus.
const MAX_BYTES: usize = 16 << 10;
/// Bytes of a report that is held: twice those of the longest that RAA's client sends.
const MAX_REPORT_BYTES: usize = 1 << 10;
/// Time for which a better claim comes before another one after its last packet.
const GOES_FIRST_FOR: Duration = Duration::from_millis(200);

/// How good the claim of an address is, from the worst to the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Claim {
    /// It is one of the owner's host, with any numbers: a restarted program.
    Restart,
    /// It knows the stream's numbers: the owner in another network.
    Continues,
    /// It is one of the owner's host and knows the stream's numbers: a NAT's new port.
    ContinuesHere,
    /// The stream was its own before.
    Former,
}

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Claims(Vec<Claimant>);

#[derive(Debug)]
struct Claimant {
    address: SocketAddr,
    /// That of its newest packet.
    claim: Claim,
    /// Arrival of the first of the packets that follow each other.
    since: Instant,
    /// Packets that follow each other.
    packets: u32,
    newest: Candidate,
    held: VecDeque<Held>,
    report: Option<HeldReport>,
}

/// An RTCP datagram that is held.
#[derive(Debug)]
pub(crate) struct HeldReport {
    pub(crate) arrival: Instant,
    /// The address that sent it.
    pub(crate) from: SocketAddr,
    pub(crate) datagram: Vec<u8>,
}

/// A packet that is held.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) arrival: Instant,
    marker: bool,
    payload_type: u8,
    sequence_number: u16,
    timestamp: u32,
    ssrc: u32,
    payload: Vec<u8>,
}

impl Held {
    pub(crate) fn packet(&self) -> Packet<'_> {
        Packet {
            marker: self.marker,
            payload_type: self.payload_type,
            sequence_number: self.sequence_number,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            payload: &self.payload,
        }
    }
}

impl Claims {
    /// Holds a packet of an address that claims the stream. `owner_seen` is the arrival of the owner's
    /// last packet. What came before it counts only if the address owned the stream before.
    pub(crate) fn take(
        &mut self,
        arrival: Instant,
        address: SocketAddr,
        claim: Claim,
        packet: &Packet<'_>,
        owner_seen: Option<Instant>,
    ) {
        let newest = Candidate::of(arrival, packet);
        let Some(claimant) = self.place_for(newest, address, claim) else {
            return;
        };
        let is_continued = newest.follows(claimant.newest)
            && arrival.saturating_duration_since(claimant.newest.arrival) <= MAX_CANDIDATE_AGE
            // Packets that did not fit the stream say nothing about those that do.
            && (claimant.claim == Claim::Restart) == (claim == Claim::Restart);
        if !is_continued {
            claimant.restart(arrival);
        } else if claim != Claim::Former {
            claimant.forget_until(owner_seen, arrival);
        }
        (claimant.claim, claimant.newest) = (claim, newest);
        claimant.packets = claimant.packets.saturating_add(1);
        claimant.hold(arrival, packet);
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
        let mut claimants = self.0.iter_mut();
        if let Some(claimant) = claimants.find(|each| reports_for(each.address))
            && datagram.len() <= MAX_REPORT_BYTES
        {
            claimant.report = Some(HeldReport {
                arrival,
                from,
                datagram: datagram.to_vec(),
            });
        }
    }

    /// Whether two packets of this address follow each other, and no other address does the same with a
    /// better claim, or with an equal one that is older.
    pub(crate) fn is_first(&self, now: Instant, address: SocketAddr) -> bool {
        let mut claimants = self.0.iter();
        let Some(own) = claimants.find(|each| each.address == address) else {
            return false;
        };
        let goes_first = |other: &Claimant| {
            other.packets > 1
                && now.saturating_duration_since(other.newest.arrival) < GOES_FIRST_FOR
                && (other.claim > own.claim || other.claim == own.claim && other.since < own.since)
        };
        own.packets > 1 && !self.0.iter().any(goes_first)
    }

    /// Returns the packets held of an address, oldest first, and its report.
    pub(crate) fn into_held(self, address: SocketAddr) -> (VecDeque<Held>, Option<HeldReport>) {
        let mut claimants = self.0.into_iter();
        let Some(mut own) = claimants.find(|each| each.address == address) else {
            return Default::default();
        };
        let stale = own.held.len().saturating_sub(own.packets as usize);
        own.held.drain(..stale);
        (own.held, own.report)
    }

    /// Whether all packets are so old that nothing can follow them.
    pub(crate) fn are_over(&self, now: Instant) -> bool {
        self.0.iter().all(|claimant| claimant.is_over(now))
    }

    /// Returns the address's entry, which may take the place of the oldest one whose claim is no
    /// better.
    fn place_for(
        &mut self,
        newest: Candidate,
        address: SocketAddr,
        claim: Claim,
    ) -> Option<&mut Claimant> {
        let now = newest.arrival;
        if let Some(at) = self.0.iter().position(|each| each.address == address) {
            return self.0.get_mut(at);
        }
        if self.0.len() < MAX_CLAIMANTS {
            self.0.push(Claimant::new(address, claim, newest));
            return self.0.last_mut();
        }
        let others = self.0.iter_mut();
        let oldest = others
            .filter(|each| each.claim <= claim || each.is_over(now))
            .min_by_key(|each| each.newest.arrival)?;
        // Its buffers are used again.
        let held = std::mem::take(&mut oldest.held);
        *oldest = Claimant::new(address, claim, newest);
        oldest.held = held;
        Some(oldest)
    }
}

impl Claimant {
    fn new(address: SocketAddr, claim: Claim, newest: Candidate) -> Self {
        Self {
            address,
            claim,
            since: newest.arrival,
            packets: 0,
            newest,
            held: VecDeque::new(),
            report: None,
        }
    }

    fn restart(&mut self, arrival: Instant) {
        (self.packets, self.since, self.report) = (0, arrival, None);
        self.held.truncate(MAX_FRAMES);
    }

    /// Forgets what came before the owner's last packet, when the stream was not to be had.
    fn forget_until(&mut self, owner_seen: Option<Instant>, now: Instant) {
        let Some(seen) = owner_seen.filter(|seen| self.since <= *seen) else {
            return;
        };
        let later = self.valid().filter(|held| held.arrival > seen);
        let (packets, since) = (later.clone().count(), later.map(|held| held.arrival).min());
        (self.packets, self.since) = (packets as u32, since.unwrap_or(now));
    }

    /// Returns the held packets that follow each other. Those before them are out of date; only their
    /// buffers are used again.
    fn valid(&self) -> impl Iterator<Item = &Held> + Clone {
        let stale = self.held.len().saturating_sub(self.packets as usize);
        self.held.range(stale..)
    }

    fn hold(&mut self, arrival: Instant, packet: &Packet<'_>) {
        let valid = (self.packets - 1) as usize;
        let stale = self.held.len().saturating_sub(valid);
        let spare = (stale > 0 || self.held.len() >= MAX_FRAMES)
            .then(|| self.held.pop_front())
            .flatten();
        let mut payload = spare.map(|spare| spare.payload).unwrap_or_default();
        payload.clear();
        payload.extend_from_slice(packet.payload);
        self.held.push_back(Held {
            arrival,
            marker: packet.marker,
            payload_type: packet.payload_type,
            sequence_number: packet.sequence_number,
            timestamp: packet.timestamp,
            ssrc: packet.ssrc,
            payload,
        });
        let mut bytes: usize = self.held.iter().map(|held| held.payload.capacity()).sum();
        while bytes > MAX_BYTES && self.held.len() > 1 {
            let oldest = self.held.pop_front();
            bytes -= oldest.map_or(0, |oldest| oldest.payload.capacity());
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.newest.arrival) > MAX_CANDIDATE_AGE
    }
}
