//! Who holds the server's connections, and who gets the next one.
//!
//! Each address has a number of connections and a number of WebSockets. A connection without a request is
//! idle; idle connections make room, the one that has been idle longest first, because a browser opens another
//! one when it needs it. The last places are kept for addresses that have none, and when all places are
//! taken, such an address gets one from the address that has the most. Always: pure; no more than `total` places
//! are held, except for at most [`MAX_CLOSING`] that are about to be left.

use std::collections::{BTreeMap, HashMap};

use crate::access::Address;

/// Connections that have been told to close and still exist; while there are as many, none is told.
const MAX_CLOSING: usize = 8;
/// The part of all places that is kept for addresses that have none.
const RESERVED: usize = 16;

/// How many places there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// All connections.
    pub(crate) total: usize,
    /// Connections of one address that are not WebSockets.
    pub(crate) connections: usize,
    /// WebSockets of one address.
    pub(crate) sockets: usize,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// The address has as many as it may have.
    Address,
    /// The server has as many as it can have.
    Server,
}

/// Identifies a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PlaceId(u64);

/// What a place is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A connection of this address.
    Direct,
    /// A connection of a proxy, whose requests have places of their own.
    Proxy,
    /// A request that a proxy forwards for this address.
    Forwarded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Idle since this tick.
    Idle(u64),
    Busy,
    Socket,
    /// Told to close; another connection has its place.
    Closing,
}

#[derive(Debug)]
struct Entry<C> {
    address: Address,
    holder: Holder,
    state: State,
    close: C,
}

#[derive(Debug, Default)]
struct Shares {
    connections: usize,
    sockets: usize,
    /// By the tick since when they are idle.
    idle: BTreeMap<u64, PlaceId>,
}

/// All places. `C` closes a connection; it is handed out when one must make room.
#[derive(Debug)]
pub(crate) struct Places<C> {
    limits: Limits,
    /// Numbers places and orders idle ones.
    ticks: u64,
    held: usize,
    closing: usize,
    entries: HashMap<PlaceId, Entry<C>>,
    addresses: HashMap<Address, Shares>,
}

impl<C: Clone> Places<C> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            ticks: 0,
            held: 0,
            closing: 0,
            entries: HashMap::new(),
            addresses: HashMap::new(),
        }
    }

    /// Gives a place, and the connection that must be closed for it, if any.
    ///
    /// # Errors
    /// [`Full`].
    pub(crate) fn enter(
        &mut self,
        address: Address,
        holder: Holder,
        close: C,
    ) -> Result<(PlaceId, Option<C>), Full> {
        let room = match holder {
            Holder::Direct => self.room_for(address)?,
            Holder::Proxy if self.held >= self.limits.total => self.take_from_most()?,
            Holder::Proxy => None,
            Holder::Forwarded if self.connections_of(address) >= self.limits.connections => {
                return Err(Full::Address);
            }
            Holder::Forwarded => None,
        };
        let closed = room.map(|id| self.displace(id));
        self.ticks += 1;
        let id = PlaceId(self.ticks);
        let entry = Entry {
            address,
            holder,
            state: State::Busy,
            close,
        };
        self.entries.insert(id, entry);
        if holder != Holder::Forwarded {
            self.held += 1;
        }
        if holder != Holder::Proxy {
            self.addresses.entry(address).or_default().connections += 1;
        }
        self.rest(id);
        Ok((id, closed))
    }

    /// A request has come on this connection.
    pub(crate) fn work(&mut self, id: PlaceId) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if let State::Idle(since) = entry.state {
            entry.state = State::Busy;
            if let Some(shares) = self.addresses.get_mut(&entry.address) {
                shares.idle.remove(&since);
            }
        }
    }

    /// The request is answered, and the connection idle.
    pub(crate) fn rest(&mut self, id: PlaceId) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        // Proxies close their idle connections themselves, before they could lose a request.
        if entry.state == State::Busy && entry.holder == Holder::Direct {
            self.ticks += 1;
            entry.state = State::Idle(self.ticks);
            let shares = self.addresses.entry(entry.address).or_default();
            shares.idle.insert(self.ticks, id);
        }
    }

    /// Returns whether the connection may become a WebSocket.
    pub(crate) fn has_socket(&self, id: PlaceId) -> bool {
        self.entries.get(&id).is_none_or(|entry| {
            let shares = self.addresses.get(&entry.address);
            let sockets = shares.map_or(0, |shares| shares.sockets);
            entry.holder == Holder::Proxy || sockets < self.limits.sockets
        })
    }

    /// The connection becomes a WebSocket, and counts as one from now on.
    ///
    /// # Errors
    /// [`Full::Address`]; the connection stays what it is.
    pub(crate) fn become_socket(&mut self, id: PlaceId) -> Result<(), Full> {
        self.work(id);
        let Some(entry) = self.entries.get_mut(&id) else {
            return Ok(());
        };
        if entry.state != State::Busy {
            return Ok(());
        }
        if entry.holder != Holder::Proxy {
            let shares = self.addresses.entry(entry.address).or_default();
            if shares.sockets >= self.limits.sockets {
                return Err(Full::Address);
            }
            shares.sockets += 1;
            shares.connections -= 1;
        }
        entry.state = State::Socket;
        Ok(())
    }

    /// The place is free again.
    pub(crate) fn leave(&mut self, id: PlaceId) {
        self.work(id);
        let Some(entry) = self.entries.remove(&id) else {
            return;
        };
        if entry.state == State::Closing {
            self.closing -= 1;
        } else {
            self.give_up(entry.address, entry.holder, entry.state);
        }
    }

    /// Returns the idle connection that must make room, if any must.
    fn room_for(&self, address: Address) -> Result<Option<PlaceId>, Full> {
        let own = self.addresses.get(&address);
        let oldest = || own.and_then(|own| own.idle.values().next().copied());
        let is_out_of_connections = self.connections_of(address) >= self.limits.connections;
        let free = self.limits.total.saturating_sub(self.held);
        let is_reserved = own.is_some() && free <= self.limits.total / RESERVED;
        if is_out_of_connections || is_reserved {
            let full = if is_out_of_connections {
                Full::Address
            } else {
                Full::Server
            };
            let oldest = oldest().filter(|_| self.closing < MAX_CLOSING);
            return oldest.map(Some).ok_or(full);
        }
        if free == 0 {
            self.take_from_most()
        } else {
            Ok(None)
        }
    }

    /// Returns the oldest idle connection of the address that has the most connections.
    fn take_from_most(&self) -> Result<Option<PlaceId>, Full> {
        if self.closing >= MAX_CLOSING {
            return Err(Full::Server);
        }
        let idle = self
            .addresses
            .values()
            .filter(|shares| !shares.idle.is_empty());
        let most = idle.max_by_key(|shares| shares.connections + shares.sockets);
        let oldest = most.and_then(|shares| shares.idle.values().next().copied());
        oldest.map(Some).ok_or(Full::Server)
    }

    fn displace(&mut self, id: PlaceId) -> C {
        self.work(id);
        let entry = self.entries.get_mut(&id).expect("an idle place exists");
        entry.state = State::Closing;
        let (address, holder, close) = (entry.address, entry.holder, entry.close.clone());
        self.closing += 1;
        self.give_up(address, holder, State::Busy);
        close
    }

    fn give_up(&mut self, address: Address, holder: Holder, state: State) {
        if holder != Holder::Forwarded {
            self.held -= 1;
        }
        let Some(shares) = self.addresses.get_mut(&address) else {
            return;
        };
        match (holder, state) {
            (Holder::Proxy, _) => {}
            (_, State::Socket) => shares.sockets -= 1,
            _ => shares.connections -= 1,
        }
        if shares.connections + shares.sockets == 0 {
            self.addresses.remove(&address);
        }
    }

    fn connections_of(&self, address: Address) -> usize {
        self.addresses
            .get(&address)
            .map_or(0, |own| own.connections)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const LIMITS: Limits = Limits {
        total: 64,
        connections: 8,
        sockets: 4,
    };

    fn host(number: u32) -> Address {
        IpAddr::V4(Ipv4Addr::from_bits(number)).into()
    }

    /// Enters with the number of the connection as what closes it.
    fn enter(
        places: &mut Places<u32>,
        address: u32,
        number: u32,
    ) -> Result<(PlaceId, Option<u32>), Full> {
        places.enter(host(address), Holder::Direct, number)
    }

    fn busy(places: &mut Places<u32>, address: u32) -> Result<PlaceId, Full> {
        let (id, closed) = enter(places, address, 0)?;
        assert_eq!(closed, None);
        places.work(id);
        Ok(id)
    }

    fn socket(places: &mut Places<u32>, address: u32) -> PlaceId {
        let id = busy(places, address).unwrap();
        places.become_socket(id).unwrap();
        id
    }

    #[test]
    fn the_longest_idle_connection_makes_room() {
        let mut places = Places::new(LIMITS);
        let ids: Vec<_> = (0..8)
            .map(|n| enter(&mut places, 1, n).unwrap().0)
            .collect();
        // Number 0 works and rests again, so number 1 has been idle longest; number 2 is busy.
        places.work(ids[0]);
        places.rest(ids[0]);
        places.work(ids[2]);
        let closed: Vec<_> = (8..12)
            .map(|n| enter(&mut places, 1, n).unwrap().1)
            .collect();
        assert_eq!(closed, [Some(1), Some(3), Some(4), Some(5)]);
        assert_eq!(places.held, 8);
        for id in [ids[1], ids[3], ids[4], ids[5]] {
            places.leave(id);
        }
        assert_eq!((places.held, places.closing), (8, 0));
    }

    #[test]
    fn busy_connections_of_an_address_are_limited() {
        let mut places = Places::new(LIMITS);
        let ids: Vec<_> = (0..8).map(|_| busy(&mut places, 1).unwrap()).collect();
        assert_eq!(enter(&mut places, 1, 9), Err(Full::Address));
        assert!(enter(&mut places, 2, 9).is_ok(), "another address");
        places.leave(ids[0]);
        assert!(enter(&mut places, 1, 9).is_ok());
    }

    #[test]
    fn websockets_have_a_limit_of_their_own() {
        let mut places = Places::new(LIMITS);
        let sockets: Vec<_> = (0..4).map(|_| socket(&mut places, 1)).collect();
        let next = busy(&mut places, 1).unwrap();
        assert_eq!(places.become_socket(next), Err(Full::Address));
        for _ in 0..7 {
            busy(&mut places, 1).unwrap();
        }
        assert_eq!(enter(&mut places, 1, 9), Err(Full::Address));
        places.leave(sockets[0]);
        assert_eq!(places.become_socket(next), Ok(()));
        places.rest(next);
        assert_eq!(
            enter(&mut places, 1, 9).unwrap().1,
            None,
            "a WebSocket is never idle"
        );
    }

    #[test]
    fn the_last_places_are_for_newcomers() {
        let mut places = Places::new(LIMITS);
        let mut refused = 0;
        for address in 0..10 {
            refused += (0..8)
                .filter(|_| busy(&mut places, address).is_err())
                .count();
        }
        // Seven addresses take 56, the eighth takes 4, and a place each is left for four newcomers,
        // of whom two come.
        assert_eq!((refused, places.held), (18, 62));
        assert_eq!(busy(&mut places, 1), Err(Full::Address));
        assert_eq!(busy(&mut places, 8), Err(Full::Server));
        assert!(busy(&mut places, 100).is_ok());
        assert!(busy(&mut places, 101).is_ok());
        assert_eq!(busy(&mut places, 102), Err(Full::Server), "nobody is idle");
    }

    #[test]
    fn a_newcomer_takes_from_the_address_with_most() {
        let mut places = Places::new(LIMITS);
        for address in 0..12 {
            for _ in 0..5 {
                enter(&mut places, address, address).unwrap();
            }
        }
        for _ in 0..3 {
            places.enter(host(50), Holder::Proxy, 50).unwrap();
        }
        enter(&mut places, 12, 12).unwrap();
        assert_eq!(places.held, LIMITS.total);
        let mut closed = [0; 13];
        for newcomer in 100..107 {
            let victim = enter(&mut places, newcomer, newcomer).unwrap().1;
            closed[victim.expect("a place is taken") as usize] += 1;
        }
        assert!(closed.iter().all(|&count| count <= 1), "{closed:?}");
        assert_eq!((closed[12], closed.iter().sum::<i32>()), (0, 7), "in turns");
        assert_eq!(places.held, LIMITS.total);
        let proxy = places.enter(host(50), Holder::Proxy, 50);
        assert!(proxy.is_ok_and(|(_, closed)| closed.is_some()));
    }

    #[test]
    fn few_connections_are_being_closed() {
        let mut places = Places::new(Limits {
            total: 1000,
            connections: 100,
            sockets: 1,
        });
        for n in 0..100 {
            enter(&mut places, 1, n).unwrap();
        }
        let closed = (0..100)
            .filter_map(|n| enter(&mut places, 1, n).ok())
            .count();
        assert_eq!(closed, MAX_CLOSING);
    }

    #[test]
    fn forwarded_requests_count_for_their_address() {
        let mut places = Places::new(LIMITS);
        for _ in 0..20 {
            places.enter(host(50), Holder::Proxy, 0).unwrap();
        }
        let forwarded = |places: &mut Places<u32>, address| {
            places
                .enter(host(address), Holder::Forwarded, 0)
                .map(|(id, _)| id)
        };
        let ids: Vec<_> = (0..8).map(|_| forwarded(&mut places, 1).unwrap()).collect();
        assert_eq!(forwarded(&mut places, 1), Err(Full::Address));
        assert!(forwarded(&mut places, 2).is_ok());
        for &id in &ids[..4] {
            places.become_socket(id).unwrap();
        }
        assert_eq!(places.become_socket(ids[4]), Err(Full::Address));
        assert_eq!(places.held, 20);
    }

    #[test]
    fn everything_is_given_back() {
        let mut places = Places::new(LIMITS);
        let mut ids = Vec::new();
        for n in 0..400 {
            let holder = [Holder::Direct, Holder::Proxy, Holder::Forwarded][n as usize % 3];
            let Ok((id, _)) = places.enter(host(n % 7), holder, n) else {
                continue;
            };
            match n % 4 {
                0 => places.work(id),
                1 => _ = places.become_socket(id),
                _ => {}
            }
            ids.push(id);
        }
        assert!(ids.len() > 100, "{}", ids.len());
        for id in ids {
            places.leave(id);
            places.leave(id);
        }
        assert_eq!((places.held, places.closing), (0, 0));
        assert!(places.entries.is_empty() && places.addresses.is_empty());
    }
}
