//! The senders that are turned away because the stream of their SSRC belongs to somebody else who sends
//! at the same time. They are told, so that they can choose another SSRC (RFC 3550 section 8.2).
//!
//! Always: bounded in memory and in work per packet. A sender is told only after both have sent for
//! [`TOLD_AFTER`], so that a change of address or a restart tells nobody; it is told once a second at
//! first, then more rarely, and never with more bytes than arrived from it, so that forged packets
//! cannot turn the server against a victim. The telling quotes a packet of the sender's own, which only
//! this server and the path to it have seen.

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::rtcp::SsrcTaken;

/// Senders that are remembered: a flood of forged ones displaces none that keeps sending.
const MAX_RIVALS: usize = 256;
/// Time for which a sender and the owner must both have sent.
const TOLD_AFTER: Duration = Duration::from_secs(2);
/// Time without a packet after which a sender counts as gone. Silence is 2.5 packets per second.
const GONE_AFTER: Duration = Duration::from_secs(1);
/// Tellings at intervals of a second.
const HURRIED: u32 = 10;
/// Interval of the later ones.
const SLOWLY: Duration = Duration::from_secs(10);

/// A packet that was turned away.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TurnedAway {
    pub(crate) arrival: Instant,
    pub(crate) from: SocketAddr,
    /// Address of this host that it was sent to, if known.
    pub(crate) to: Option<SocketAddr>,
    pub(crate) bytes: usize,
    pub(crate) packet: SsrcTaken,
}

/// The owner of an SSRC: its address, and when its newest packet arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) address: SocketAddr,
    pub(crate) last: Instant,
}

/// What is sent to a sender that was turned away.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Telling {
    pub(crate) to: SocketAddr,
    /// Address of this host from which it leaves, if known.
    pub(crate) from: Option<SocketAddr>,
    pub(crate) datagram: Bytes,
}

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Rivals(BTreeMap<(u32, SocketAddr), Rival>);

#[derive(Debug)]
struct Rival {
    since: Instant,
    newest: TurnedAway,
    /// Bytes that arrived since it was told last.
    bytes: usize,
    told: u32,
    told_at: Option<Instant>,
}

impl Rivals {
    /// Takes note of a packet that was turned away.
    #[cold]
    pub(crate) fn note(&mut self, turned_away: TurnedAway) {
        let key = (turned_away.packet.ssrc, turned_away.from);
        if let Some(rival) = self.0.get_mut(&key) {
            rival.add(turned_away);
            return;
        }
        if self.0.len() >= MAX_RIVALS {
            self.0
                .retain(|_, rival| !rival.is_gone(turned_away.arrival));
        }
        if self.0.len() < MAX_RIVALS {
            self.0.insert(key, Rival::new(turned_away));
        }
    }

    /// Passes on what is to be sent now; must be called once a second. `owner` returns the owner of an
    /// SSRC that is connected, `write` makes the datagram.
    pub(crate) fn tell(
        &mut self,
        now: Instant,
        owner: impl Fn(u32) -> Option<Owner>,
        mut write: impl FnMut(SsrcTaken) -> Bytes,
        mut send: impl FnMut(Telling),
    ) {
        self.0.retain(|&(ssrc, from), rival| {
            let Some(owner) = owner(ssrc).filter(|owner| owner.address != from) else {
                return false;
            };
            if rival.is_due(now, owner) {
                let datagram = write(rival.newest.packet);
                if datagram.len() <= rival.bytes {
                    (rival.bytes, rival.told, rival.told_at) = (0, rival.told + 1, Some(now));
                    let (to, from) = (from, rival.newest.to);
                    send(Telling { to, from, datagram });
                }
            }
            !rival.is_gone(now)
        });
    }
}

impl Rival {
    fn new(packet: TurnedAway) -> Self {
        Self {
            since: packet.arrival,
            newest: packet,
            bytes: packet.bytes,
            told: 0,
            told_at: None,
        }
    }

    fn add(&mut self, packet: TurnedAway) {
        if self.is_gone(packet.arrival) {
            *self = Self::new(packet);
            return;
        }
        self.bytes = self.bytes.saturating_add(packet.bytes);
        self.newest = packet;
    }

    fn is_gone(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.newest.arrival) >= GONE_AFTER
    }

    /// Whether it has sent for long enough while the owner sends, too, and was not told just before.
    fn is_due(&self, now: Instant, owner: Owner) -> bool {
        let lasts = self.newest.arrival.saturating_duration_since(self.since) >= TOLD_AFTER;
        let is_recent = now.saturating_duration_since(owner.last) < GONE_AFTER;
        let is_rested =
            |at: Instant| self.told < HURRIED || now.saturating_duration_since(at) >= SLOWLY;
        lasts && is_recent && !self.is_gone(now) && self.told_at.is_none_or(is_rested)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSRC: u32 = 7;
    const KEEP_ALIVE: Duration = Duration::from_millis(400);

    fn address(port: u16) -> SocketAddr {
        ([192, 0, 2, 1], port).into()
    }

    struct World {
        rivals: Rivals,
        start: Instant,
        now: Instant,
    }

    impl World {
        fn new() -> Self {
            let start = crate::any_instant();
            Self {
                rivals: Rivals::default(),
                start,
                now: start,
            }
        }

        /// Lets these ports send packets of this many bytes for a time, in which the owner sends until
        /// `owner_until`, and returns whom the server has told.
        fn run(
            &mut self,
            ports: std::ops::Range<u16>,
            bytes: usize,
            time: Duration,
            owner_until: Option<Duration>,
        ) -> Vec<u16> {
            let mut told = Vec::new();
            let until = self.now + time;
            let mut tells_at = self.now + Duration::from_secs(1);
            while self.now < until {
                for port in ports.clone() {
                    self.rivals.note(TurnedAway {
                        arrival: self.now,
                        from: address(port),
                        to: None,
                        bytes,
                        packet: SsrcTaken {
                            sequence_number: port,
                            timestamp: 0,
                            ssrc: SSRC,
                        },
                    });
                }
                self.now += KEEP_ALIVE;
                if self.now >= tells_at {
                    tells_at += Duration::from_secs(1);
                    let last = owner_until.map_or(self.now, |end| self.now.min(self.start + end));
                    let owner = |_| {
                        let address = address(1);
                        Some(Owner { address, last })
                    };
                    let write = |taken: SsrcTaken| {
                        assert_eq!(taken.ssrc, SSRC);
                        Bytes::from_static(&[0; 56])
                    };
                    let send = |telling: Telling| told.push(telling.to.port());
                    self.rivals.tell(self.now, owner, write, send);
                }
            }
            told
        }
    }

    #[test]
    fn two_that_send_at_once_are_a_collision() {
        let mut world = World::new();
        let second = Duration::from_secs(1);
        assert_eq!(world.run(2..4, 60, 2 * second, None), [], "it is too early");
        let mut told = world.run(2..4, 60, 3 * second, None);
        told.dedup();
        assert!(told.len() >= 4 && told[..2] == [2, 3], "{told:?}");
    }

    #[test]
    fn an_owner_that_stopped_sending_collides_with_nobody() {
        let mut world = World::new();
        let second = Duration::from_secs(1);
        assert_eq!(world.run(2..3, 60, 10 * second, Some(second)), []);
    }

    #[test]
    fn the_owner_itself_is_not_told() {
        let mut world = World::new();
        assert_eq!(world.run(1..2, 60, Duration::from_secs(10), None), []);
    }

    #[test]
    fn tellings_never_have_more_bytes_than_arrived() {
        let mut world = World::new();
        let told = world.run(2..3, 13, Duration::from_secs(60), None);
        let arrived = 60_000 / 400 * 13;
        assert!(!told.is_empty() && told.len() * 56 <= arrived, "{told:?}");
    }

    #[test]
    fn a_sender_that_takes_no_notice_is_told_rarely() {
        let mut world = World::new();
        let told = world.run(2..3, 1000, Duration::from_secs(100), None);
        assert!((15..=20).contains(&told.len()), "{}", told.len());
    }

    #[test]
    fn a_flood_of_senders_displaces_none_that_keeps_sending() {
        let mut world = World::new();
        let second = Duration::from_secs(1);
        world.run(2..3, 60, second, None);
        let told = world.run(2..2002, 60, 3 * second, None);
        assert!(told.contains(&2), "{told:?}");
        assert!(world.rivals.0.len() <= MAX_RIVALS);
        // Those that are gone make room.
        let told = world.run(3000..3200, 60, 5 * second, None);
        assert!((3000..3200).all(|port| told.contains(&port)), "{told:?}");
    }
}
