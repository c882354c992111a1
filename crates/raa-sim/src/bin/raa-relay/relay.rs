//! The relay: one socket that senders send to, and for each sender one socket to the server.
//!
//! Always: datagrams from the server go to the sender they are meant for; the numbers of senders
//! and of datagrams on their way are limited, and excess datagrams are lost as in a real network.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use raa_sim::Link;
use raa_sim::Random;
use raa_sim::measure::socket;
use raa_sim::world::in_flight::InFlight;
use raa_sim::world::link::Path;

/// The most senders whose datagrams are forwarded.
const MAX_SENDERS: usize = 256;
/// The most datagrams on their way.
const MAX_IN_FLIGHT: usize = 65_536;
/// Size of the receive buffer in bytes, larger than any datagram.
const BUFFER: usize = 65_536;

/// The network that the relay simulates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// The properties of both directions.
    pub link: Link,
    /// Time since the first datagram from which the network is perfect; `None` for never.
    pub calm_after: Option<Duration>,
    /// The seed of all random numbers.
    pub seed: u64,
}

/// Forwards datagrams in both directions.
pub(crate) struct Relay {
    socket: UdpSocket,
    server: SocketAddr,
    plan: Plan,
    random: Random,
    senders: Vec<Sender>,
    in_flight: InFlight<(Direction, Vec<u8>)>,
    start: Instant,
    first_datagram: Option<Duration>,
    buffer: Box<[u8]>,
}

struct Sender {
    address: SocketAddr,
    /// The socket whose address the server sees as the sender's.
    socket: UdpSocket,
    to_server: Path,
    to_sender: Path,
}

/// The direction of a datagram, with the index of its sender.
#[derive(Debug, Clone, Copy)]
enum Direction {
    ToServer(usize),
    ToSender(usize),
}

impl Relay {
    pub(crate) fn new(listen: SocketAddr, server: SocketAddr, plan: Plan) -> io::Result<Self> {
        let socket = UdpSocket::bind(listen)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            server,
            plan,
            random: Random::new(plan.seed),
            senders: Vec::new(),
            in_flight: InFlight::default(),
            start: Instant::now(),
            first_datagram: None,
            buffer: vec![0; BUFFER].into(),
        })
    }

    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Waits up to `at_most` for something to do, and does it.
    pub(crate) fn run_once(&mut self, at_most: Duration) -> io::Result<()> {
        let due = self.in_flight.next_arrival();
        let until_due = due.map(|due| due.saturating_sub(self.start.elapsed()));
        self.wait(until_due.unwrap_or(at_most).min(at_most))?;
        self.receive_from_senders();
        self.receive_from_server();
        self.forward_due();
        Ok(())
    }

    fn wait(&self, length: Duration) -> io::Result<()> {
        let sockets = self.senders.iter().map(|sender| &sender.socket);
        let mut fds: Vec<PollFd<'_>> = std::iter::once(&self.socket)
            .chain(sockets)
            .map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN))
            .collect();
        match ppoll(&mut fds, Some(TimeSpec::from_duration(length)), None) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn receive_from_senders(&mut self) {
        // An error here reports that an earlier datagram did not reach its sender.
        while let Ok((len, address)) = self.socket.recv_from(&mut self.buffer) {
            if let Some(sender) = self.sender(address) {
                self.send(Direction::ToServer(sender), len);
            }
        }
    }

    fn receive_from_server(&mut self) {
        for sender in 0..self.senders.len() {
            // An error here reports that the server is not running yet.
            while let Ok(len) = self.senders[sender].socket.recv(&mut self.buffer) {
                self.send(Direction::ToSender(sender), len);
            }
        }
    }

    /// Returns the index of the sender at this address; `None` if there are too many senders.
    fn sender(&mut self, address: SocketAddr) -> Option<usize> {
        let known = self.senders.iter().position(|s| s.address == address);
        if known.is_some() || self.senders.len() >= MAX_SENDERS {
            return known;
        }
        let socket = socket::connect(self.server).ok()?;
        socket.set_nonblocking(true).ok()?;
        let mut path = || Path::new(self.plan.link, self.random.next_u64());
        self.senders.push(Sender {
            address,
            socket,
            to_server: path(),
            to_sender: path(),
        });
        Some(self.senders.len() - 1)
    }

    /// Sends the first `len` bytes of the buffer into the simulated network.
    fn send(&mut self, direction: Direction, len: usize) {
        if self.in_flight.len() >= MAX_IN_FLIGHT {
            return;
        }
        let now = self.start.elapsed();
        let calm = self.is_calm(now);
        let path = match direction {
            Direction::ToServer(sender) => &mut self.senders[sender].to_server,
            Direction::ToSender(sender) => &mut self.senders[sender].to_sender,
        };
        if calm {
            path.link = Link::default();
        }
        let datagram = self.buffer[..len].to_vec();
        path.send(now, (direction, datagram), &mut self.in_flight);
    }

    fn is_calm(&mut self, now: Duration) -> bool {
        let first = *self.first_datagram.get_or_insert(now);
        self.plan
            .calm_after
            .is_some_and(|after| now >= first + after)
    }

    fn forward_due(&mut self) {
        let now = self.start.elapsed();
        while let Some((_, (direction, datagram))) = self.in_flight.take_arrived(now) {
            // A network does not report what it could not deliver.
            let _ = match direction {
                Direction::ToServer(sender) => self.senders[sender].socket.send(&datagram),
                Direction::ToSender(sender) => {
                    let address = self.senders[sender].address;
                    self.socket.send_to(&datagram, address)
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: ([u8; 4], u16) = ([127, 0, 0, 1], 0);
    const TIMEOUT: Duration = Duration::from_secs(5);

    fn socket() -> UdpSocket {
        let socket = UdpSocket::bind(SocketAddr::from(ANY)).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    }

    fn relay_to(server: &UdpSocket, link: Link, calm_after: Option<Duration>) -> Relay {
        let plan = Plan {
            link,
            calm_after,
            seed: 1,
        };
        Relay::new(ANY.into(), server.local_addr().unwrap(), plan).unwrap()
    }

    /// Runs the relay until a datagram arrives at `socket`.
    fn receive(relay: &mut Relay, socket: &UdpSocket) -> (String, SocketAddr) {
        let mut buffer = [0; 100];
        let end = Instant::now() + TIMEOUT;
        while Instant::now() < end {
            if let Ok((len, from)) = socket.recv_from(&mut buffer) {
                return (String::from_utf8(buffer[..len].to_vec()).unwrap(), from);
            }
            relay.run_once(Duration::from_millis(1)).unwrap();
        }
        panic!("no datagram arrived");
    }

    #[test]
    fn each_sender_receives_its_own_replies() {
        let (server, alice, bob) = (socket(), socket(), socket());
        let link = Link {
            delay: Duration::from_millis(3),
            ..Link::default()
        };
        let mut relay = relay_to(&server, link, None);
        let to = relay.local_address().unwrap();
        for (sender, name) in [(&alice, "alice"), (&bob, "bob"), (&alice, "alice")] {
            sender.send_to(name.as_bytes(), to).unwrap();
            let (received, from) = receive(&mut relay, &server);
            assert_eq!(received, name);
            let answer = format!("hello {name}");
            server.send_to(answer.as_bytes(), from).unwrap();
            assert_eq!(receive(&mut relay, sender), (answer, to));
        }
        assert_eq!(relay.senders.len(), 2);
    }

    /// Sends a hundred datagrams and returns those that arrive.
    fn send_hundred(relay: &mut Relay, server: &UdpSocket) -> Vec<u8> {
        let sender = socket();
        let to = relay.local_address().unwrap();
        for n in 0..100 {
            sender.send_to(&[n], to).unwrap();
            relay.run_once(Duration::ZERO).unwrap();
        }
        while !relay.in_flight.is_empty() {
            relay.run_once(TIMEOUT).unwrap();
        }
        let mut buffer = [0; 100];
        std::iter::from_fn(|| server.recv(&mut buffer).is_ok().then(|| buffer[0])).collect()
    }

    #[test]
    fn datagrams_are_lost_duplicated_and_reordered() {
        let server = socket();
        let link = Link {
            loss: 0.2,
            duplicate: 0.1,
            reorder: 0.1,
            ..Link::default()
        };
        let arrived = send_hundred(&mut relay_to(&server, link, None), &server);
        let mut different = arrived.clone();
        different.sort_unstable();
        different.dedup();
        assert!((60..95).contains(&different.len()), "{}", different.len());
        assert!(arrived.len() > different.len(), "some arrive twice");
        assert!(!arrived.is_sorted(), "some are overtaken");
    }

    #[test]
    fn a_calm_network_delivers_everything_in_order() {
        let server = socket();
        let link = Link {
            loss: 1.0,
            ..Link::default()
        };
        let mut relay = relay_to(&server, link, Some(Duration::ZERO));
        assert_eq!(
            send_hundred(&mut relay, &server),
            (0..100).collect::<Vec<_>>()
        );
        let mut relay = relay_to(&server, link, None);
        assert_eq!(send_hundred(&mut relay, &server), []);
    }
}
