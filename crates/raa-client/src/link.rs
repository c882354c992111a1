//! The way to the server: which address, over which socket, whether anybody takes what is sent,
//! and what comes back.
//!
//! UDP says little: a closed port answers with an ICMP message that a later send reports, a dead
//! host says nothing at all. So every datagram is sent, whatever the last ones met, and the name
//! is looked up again while sending fails.
//! Always: never waits; logs and shows changes of state only; one socket at a time.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use raa_core::rtp;
use tracing::{info, warn};

use crate::resolver::{Answer, Resolver};
use crate::status::Board;

/// A failing link asks for a look-up this often.
const LOOK_UP_EVERY: Duration = Duration::from_secs(5);
/// So many datagrams that came back are read at a time; what is more waits in the socket, which
/// drops what is too much.
const READ_AT_MOST: usize = 8;
/// No report is longer; what is cut off is no RTCP any more.
const MAX_ANSWER_LEN: usize = 1500;
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
pub struct Link {
    server: String,
    /// `None` where nobody has said which server.
    resolver: Option<Resolver>,
    board: Board,
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
    /// What reading has met, for the next datagram to report.
    refused: Option<io::Error>,
}

impl Link {
    /// A link that leads nowhere until the resolver has answered.
    pub fn new(server: String, resolver: Resolver, board: Board) -> Self {
        board.update(|status| status.link.server = Some(server.clone()));
        Self {
            server,
            resolver: Some(resolver),
            ..Self::nowhere(board)
        }
    }

    /// A link that drops everything.
    pub fn nowhere(board: Board) -> Self {
        Self {
            server: String::new(),
            resolver: None,
            board,
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
                    self.board.update(|status| status.link.trouble = None);
                }
                self.lead_to(&addresses)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.unresolved, true) {
                    let trouble = format!("cannot resolve {}: {error}", self.server);
                    warn!("{trouble}; trying again");
                    self.show_trouble(trouble);
                }
                Change::None
            }
        }
    }

    /// Whether datagrams leave this computer, as far as is known.
    pub fn works(&self) -> bool {
        self.path
            .as_ref()
            .is_some_and(|path| path.failed_at.is_none())
    }

    /// Hands out the RTCP datagrams that came back. Looks for what speaks against sending as well:
    /// Windows reports that nobody listens there to the receiving side only.
    pub fn receive(&mut self, each: impl FnMut(&[u8])) {
        if let Some(path) = &mut self.path {
            path.receive(each);
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
                self.board.update(|status| status.link.trouble = None);
                Change::Fresh
            }
            Sent::Badly(error) => {
                if path.failed_at.replace(now).is_none() {
                    let trouble = format!("cannot send to {}: {error}", path.to);
                    warn!("{trouble}; trying on");
                    self.show_trouble(trouble);
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
            if let Some(resolver) = &self.resolver {
                resolver.look_up_now();
            }
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
            let trouble = format!("no way to {to}: {error}");
            warn!("{trouble}; trying again");
            self.show_trouble(trouble);
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
        self.board.update(|status| {
            status.link.to = Some(to);
            status.link.trouble = None;
        });
        self.path = Some(Path {
            socket,
            to,
            failed_at: None,
            refused: None,
        });
        Change::Fresh
    }

    fn show_trouble(&self, trouble: String) {
        self.board
            .update(|status| status.link.trouble = Some(trouble));
    }
}

enum Sent {
    Well,
    WellAgain,
    Badly(io::Error),
}

impl Path {
    fn send(&mut self, now: Instant, datagram: &[u8]) -> Sent {
        let sent = match self.refused.take() {
            Some(error) => Err(error),
            None => self.socket.send(datagram),
        };
        let error = match sent {
            Ok(_) => return self.note_success(now),
            // The socket's buffer is full, because the network card is slow: a lost packet.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Sent::Well,
            Err(error) => error,
        };
        // The error is about an earlier datagram, and this one has not been sent.
        if is_port_unreachable(&error) {
            let _ = self.socket.send(datagram);
        }
        Sent::Badly(error)
    }

    fn receive(&mut self, mut each: impl FnMut(&[u8])) {
        let mut answer = [0; MAX_ANSWER_LEN];
        for _ in 0..READ_AT_MOST {
            match self.socket.recv(&mut answer) {
                Ok(len) if rtp::is_rtcp(&answer[..len]) => each(&answer[..len]),
                Ok(_) => {}
                Err(error) if is_port_unreachable(&error) => {
                    self.refused = Some(error);
                    return;
                }
                Err(_) => return,
            }
        }
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

/// Linux calls it refused, Windows reset.
fn is_port_unreachable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset
    )
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
mod tests;
