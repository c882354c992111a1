//! The way to the server: which address, over which socket, and whether anybody takes what is
//! sent.
//!
//! UDP says little: a closed port answers with an ICMP message that a later send reports, a dead
//! host says nothing at all. So every datagram is sent, whatever the last ones met, and the name
//! is looked up again while sending fails.
//! Always: never waits; logs changes of state only; one socket at a time.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::resolver::{Answer, Resolver};

/// A failing link asks for a look-up this often.
const LOOK_UP_EVERY: Duration = Duration::from_secs(5);
/// Without an error for so long the link counts as working again.
const RECOVERED_AFTER: Duration = Duration::from_secs(1);

/// What a call has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Change {
    /// Nothing.
    None,
    /// From here on, another server may be listening, or the same one anew.
    Fresh,
}

/// See the module's text.
#[derive(Debug)]
pub struct Link {
    server: String,
    resolver: Resolver,
    path: Option<Path>,
    /// The last look-up failed.
    unresolved: bool,
    asked_at: Option<Instant>,
}

/// A socket that sends to one address.
#[derive(Debug)]
struct Path {
    socket: UdpSocket,
    to: SocketAddr,
    /// When sending failed last; `None` while it works.
    failed_at: Option<Instant>,
}

impl Link {
    /// A link that leads nowhere until the resolver has answered.
    pub fn new(server: String, resolver: Resolver) -> Self {
        Self {
            server,
            resolver,
            path: None,
            unresolved: false,
            asked_at: None,
        }
    }

    /// Takes what the resolver found out.
    pub fn handle_answer(&mut self, answer: Answer) -> Change {
        match answer {
            Ok(addresses) => {
                if std::mem::take(&mut self.unresolved) {
                    info!("{} is resolved again", self.server);
                }
                self.lead_to(&addresses)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.unresolved, true) {
                    warn!("cannot resolve {}: {error}; trying again", self.server);
                }
                Change::None
            }
        }
    }

    /// Sends one datagram, or drops it when there is no way.
    pub fn send(&mut self, now: Instant, datagram: &[u8]) -> Change {
        let Some(path) = &mut self.path else {
            return Change::None;
        };
        match path.send(now, datagram) {
            Sent::Well => Change::None,
            Sent::WellAgain => {
                info!("sending to {} again", path.to);
                Change::Fresh
            }
            Sent::Badly(error) => {
                if path.failed_at.replace(now).is_none() {
                    warn!("cannot send to {}: {error}; trying on", path.to);
                }
                self.ask(now);
                Change::None
            }
        }
    }

    fn ask(&mut self, now: Instant) {
        let recently = |asked| now.saturating_duration_since(asked) < LOOK_UP_EVERY;
        if !self.asked_at.is_some_and(recently) {
            self.asked_at = Some(now);
            self.resolver.look_up_now();
        }
    }

    /// Takes the first address of these that there is a way to.
    fn lead_to(&mut self, addresses: &[SocketAddr]) -> Change {
        let current = self
            .path
            .as_ref()
            .map(|path| (path.to, path.failed_at.is_some()));
        let mut reason = None;
        for to in in_order(addresses, current) {
            match open(to) {
                Ok(socket) => return self.take(socket, to),
                Err(error) => reason = Some((to, error)),
            }
        }
        if let (None, Some((to, error))) = (&self.path, reason) {
            warn!("no way to {to}: {error}; trying again");
        }
        Change::None
    }

    /// Goes over to a new socket, unless the old one leads the same way.
    fn take(&mut self, socket: UdpSocket, to: SocketAddr) -> Change {
        let local_ip = |socket: &UdpSocket| socket.local_addr().map(|address| address.ip()).ok();
        if let Some(path) = &self.path
            && path.to == to
            && local_ip(&path.socket) == local_ip(&socket)
        {
            return Change::None;
        }
        info!("sending to {to}");
        self.path = Some(Path {
            socket,
            to,
            failed_at: None,
        });
        Change::Fresh
    }
}

enum Sent {
    Well,
    WellAgain,
    Badly(io::Error),
}

impl Path {
    fn send(&mut self, now: Instant, datagram: &[u8]) -> Sent {
        let error = match self.socket.send(datagram) {
            Ok(_) => return self.note_success(now),
            // The socket's buffer is full, because the network card is slow: a lost packet.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Sent::Well,
            Err(error) => error,
        };
        // The error is about an earlier datagram, and this one has not been sent.
        if error.kind() == io::ErrorKind::ConnectionRefused {
            let _ = self.socket.send(datagram);
        }
        Sent::Badly(error)
    }

    fn note_success(&mut self, now: Instant) -> Sent {
        let long_ago = |failed| now.saturating_duration_since(failed) >= RECOVERED_AFTER;
        if self.failed_at.is_some_and(long_ago) {
            self.failed_at = None;
            return Sent::WellAgain;
        }
        Sent::Well
    }
}

/// The order in which to try addresses: the current one first while it works, so that a name
/// with several addresses does not make the client jump; the one after it when it fails.
fn in_order(
    addresses: &[SocketAddr],
    current: Option<(SocketAddr, bool)>,
) -> impl Iterator<Item = SocketAddr> {
    let first = current.and_then(|(to, fails)| {
        let at = addresses.iter().position(|address| *address == to)?;
        Some(at + usize::from(fails))
    });
    addresses
        .iter()
        .copied()
        .cycle()
        .skip(first.unwrap_or(0))
        .take(addresses.len())
}

/// A socket that can only talk to `to`: so the system reports that nobody listens there.
fn open(to: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match to {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(to)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> SocketAddr {
        ([192, 0, 2, last], 4010).into()
    }

    #[test]
    fn a_working_address_is_kept_and_a_failing_one_left() {
        let addresses = [1, 2, 3].map(address);
        let check = |current: Option<(u8, bool)>, expected: &[u8]| {
            let current = current.map(|(last, fails)| (address(last), fails));
            let order: Vec<_> = in_order(&addresses, current).collect();
            assert_eq!(
                order,
                expected
                    .iter()
                    .map(|&last| address(last))
                    .collect::<Vec<_>>()
            );
        };
        check(None, &[1, 2, 3]);
        check(Some((2, false)), &[2, 3, 1]);
        check(Some((2, true)), &[3, 1, 2]);
        check(Some((3, true)), &[1, 2, 3]);
        check(Some((9, false)), &[1, 2, 3]);
        assert_eq!(in_order(&[], None).count(), 0);
    }

    #[test]
    fn a_server_that_moves_is_followed() {
        let receivers = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let [old, new] = receivers
            .each_ref()
            .map(|receiver| receiver.local_addr().unwrap());
        let mut link = Link::new("raa.example".into(), Resolver::unattended());
        let now = Instant::now();
        assert_eq!(link.send(now, b"nowhere to go yet"), Change::None);
        assert_eq!(link.handle_answer(Ok(vec![old])), Change::Fresh);
        assert_eq!(link.handle_answer(Err("no network".into())), Change::None);
        assert_eq!(
            link.handle_answer(Ok(vec![new, old])),
            Change::None,
            "the old one still works"
        );
        assert_eq!(link.send(now, b"old"), Change::None);
        assert_eq!(link.handle_answer(Ok(vec![new])), Change::Fresh);
        assert_eq!(link.send(now, b"new"), Change::None);
        for (receiver, expected) in receivers.iter().zip([b"old", b"new"]) {
            let mut datagram = [0; 16];
            receiver
                .set_read_timeout(Some(Duration::from_secs(5)))
                .unwrap();
            assert_eq!(receiver.recv(&mut datagram).unwrap(), expected.len());
            assert_eq!(&datagram[..expected.len()], expected);
        }
    }

    #[test]
    fn a_link_recovers_a_second_after_its_last_error() {
        let start = Instant::now();
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        let mut path = Path {
            socket: open(to).unwrap(),
            to,
            failed_at: Some(start),
        };
        let at = |ms| start + Duration::from_millis(ms);
        assert!(matches!(path.send(at(999), b"x"), Sent::Well));
        assert!(matches!(path.send(at(1000), b"x"), Sent::WellAgain));
        assert!(matches!(path.send(at(2000), b"x"), Sent::Well));
    }

    #[test]
    fn a_closed_port_is_noticed() {
        let to = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let mut path = Path {
            socket: open(to).unwrap(),
            to,
            failed_at: None,
        };
        let now = Instant::now();
        assert!(matches!(path.send(now, b"x"), Sent::Well));
        assert!(matches!(path.send(now, b"x"), Sent::Badly(_)));
    }
}
