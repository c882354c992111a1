//! The first packets of streams that the hub does not know, kept until a second one follows.
//!
//! Anyone can invent SSRCs, so one packet makes no client (RFC 3550 appendix A.1). The first packet is
//! kept because an alarm begins in it, and so is a report that follows it.
//! Always: the packets of one host, all packets and all bytes are bounded. When the table is full, the
//! host with the most packets loses its oldest one, so that a flood from one host never keeps another
//! host's newcomer out. If that is no help (a host's share is full, or a flood forges addresses), a
//! newcomer waits: it tries again with every packet, and places are free again within two seconds.

use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::Origin;
use crate::host::Host;
use crate::rtp::Packet;
use crate::sequence;

/// Packets kept of one host: enough for a thousand computers behind one address.
const MAX_PER_HOST: usize = 1024;
/// Packets kept of all hosts.
const MAX: usize = 4096;
/// Bytes kept of all hosts. Beyond it, only a first packet's numbers are kept: the second packet still
/// makes a client, but the first one is not played.
const MAX_BYTES: usize = 8 << 20;
/// Age from which a packet goes: longer than the 400 ms between the packets of a silent client.
const MAX_AGE: Duration = Duration::from_millis(900);
/// Addresses at which a report's SSRC is looked for.
const MAX_ADDRESSES: usize = 8;

/// An SSRC at an address.
type Stream = (u32, SocketAddr);

/// The first packet of a stream.
#[derive(Debug)]
pub(super) struct First {
    pub(super) arrival: Instant,
    pub(super) from: Origin,
    /// The whole datagram; `None` if there was no room for it.
    pub(super) datagram: Option<Vec<u8>>,
    /// The newest RTCP datagram after it.
    pub(super) report: Option<Report>,
    /// Whether it was refused because too many others appeared at once.
    pub(super) has_waited: bool,
    sequence_number: u16,
    timestamp: u32,
}

/// An RTCP datagram about a stream.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) arrival: Instant,
    pub(super) from: Origin,
    pub(super) datagram: Vec<u8>,
}

/// What became of a packet of an unknown stream.
#[derive(Debug)]
pub(super) enum Taken {
    /// It follows this packet, which is no longer in the table.
    Follows(First),
    /// It is in the table, in place of another one of its stream or of a host with more packets.
    Kept(Option<First>),
    /// There is no place for it.
    NoPlace,
}

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Firsts {
    streams: BTreeMap<Stream, First>,
    /// The streams of each host, the oldest first.
    hosts: BTreeMap<Host, VecDeque<Stream>>,
    /// The hosts by the number of their streams.
    crowded: BTreeSet<(usize, Host)>,
    bytes: usize,
}

impl First {
    fn bytes(&self) -> usize {
        let report = self.report.as_ref().map(|report| report.datagram.len());
        self.datagram.as_ref().map_or(0, Vec::len) + report.unwrap_or(0)
    }

    /// Whether `packet` is the next one of this stream, or the one before, which this one has overtaken
    /// on the way.
    fn is_followed_by(&self, arrival: Instant, packet: &Packet<'_>) -> bool {
        let own = (self.sequence_number, self.timestamp);
        let other = (packet.sequence_number, packet.timestamp);
        arrival.saturating_duration_since(self.arrival) <= MAX_AGE
            && (sequence::follows(own, other) || sequence::follows(other, own))
    }
}

impl Firsts {
    /// Takes a packet of an unknown stream.
    pub(super) fn take(
        &mut self,
        arrival: Instant,
        from: Origin,
        address: SocketAddr,
        packet: &Packet<'_>,
        datagram: &[u8],
    ) -> Taken {
        let stream = (packet.ssrc, address);
        let before = self.streams.get(&stream);
        let is_known = before.is_some();
        if before.is_some_and(|first| first.is_followed_by(arrival, packet))
            && let Some(first) = self.remove(stream)
        {
            return Taken::Follows(first);
        }
        let mut gone = None;
        if !is_known {
            match self.make_place(address.into()) {
                Ok(first) => gone = first,
                Err(NoPlace) => return Taken::NoPlace,
            }
        }
        let fits = self.bytes + datagram.len() <= MAX_BYTES;
        let first = First {
            arrival,
            from,
            datagram: fits.then(|| datagram.to_vec()),
            report: None,
            has_waited: false,
            sequence_number: packet.sequence_number,
            timestamp: packet.timestamp,
        };
        self.bytes += first.bytes();
        if let Some(replaced) = self.streams.insert(stream, first) {
            self.bytes -= replaced.bytes();
            return Taken::Kept(Some(replaced));
        }
        self.change_host(address.into(), |streams| streams.push_back(stream));
        Taken::Kept(gone)
    }

    /// Notes that this stream waits for its admission.
    pub(super) fn wait(&mut self, ssrc: u32, address: SocketAddr) {
        if let Some(first) = self.streams.get_mut(&(ssrc, address)) {
            first.has_waited = true;
        }
    }

    /// Keeps a report of a stream whose first packet came from the same host.
    pub(super) fn take_report(&mut self, ssrc: u32, host: IpAddr, report: impl FnOnce() -> Report) {
        let least = SocketAddr::from(([0, 0, 0, 0], 0));
        let firsts = self.streams.range_mut((ssrc, least)..).take(MAX_ADDRESSES);
        let mut firsts = firsts.take_while(|((of, _), _)| *of == ssrc);
        let Some((_, first)) = firsts.find(|((_, address), _)| address.ip() == host) else {
            return;
        };
        self.bytes -= first.bytes();
        let report = report();
        let len = first.bytes() + report.datagram.len();
        first.report = (self.bytes + len <= MAX_BYTES).then_some(report);
        self.bytes += first.bytes();
    }

    /// Takes out the packets that nothing followed in time; must be called once a second.
    pub(super) fn take_old(&mut self, now: Instant) -> Vec<First> {
        let is_old = |first: &First| now.saturating_duration_since(first.arrival) >= MAX_AGE;
        let streams = self.streams.iter().filter(|(_, first)| is_old(first));
        let streams: Vec<_> = streams.map(|(&stream, _)| stream).collect();
        let firsts = streams.into_iter().filter_map(|stream| self.remove(stream));
        firsts.collect()
    }

    /// Makes a place for a stream of this host, and returns the packet that had it.
    fn make_place(&mut self, host: Host) -> Result<Option<First>, NoPlace> {
        let own = self.hosts.get(&host).map_or(0, VecDeque::len);
        if own >= MAX_PER_HOST {
            return Err(NoPlace);
        }
        if self.streams.len() < MAX {
            return Ok(None);
        }
        let largest = self.crowded.last().filter(|&&(count, _)| count > own + 1);
        let (_, largest) = *largest.ok_or(NoPlace)?;
        let oldest = self.hosts.get(&largest).and_then(|streams| streams.front());
        let oldest = *oldest.ok_or(NoPlace)?;
        Ok(self.remove(oldest))
    }

    fn remove(&mut self, stream: Stream) -> Option<First> {
        let first = self.streams.remove(&stream)?;
        self.bytes -= first.bytes();
        self.change_host(stream.1.into(), |streams| {
            if let Some(at) = streams.iter().position(|&each| each == stream) {
                streams.remove(at);
            }
        });
        Some(first)
    }

    fn change_host(&mut self, host: Host, change: impl FnOnce(&mut VecDeque<Stream>)) {
        let streams = self.hosts.entry(host).or_default();
        self.crowded.remove(&(streams.len(), host));
        change(streams);
        if streams.is_empty() {
            self.hosts.remove(&host);
        } else {
            self.crowded.insert((streams.len(), host));
        }
    }
}

/// There is no place for another packet of this host.
struct NoPlace;

#[cfg(test)]
mod tests;
