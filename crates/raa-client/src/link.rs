//! The path to the server: its address, the socket, and the datagrams in both directions.
//!
//! UDP reports little: a closed port causes an ICMP message, which a later send returns as an error;
//! a dead host causes nothing at all. So every datagram is sent, whatever happened to earlier ones,
//! and the name is looked up again while sending fails.
//!
//! Always: never waits; reports changes of state only; one socket at a time.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use raa_core::rtp;
use tracing::{info, warn};

use crate::resolver::{Answer, Resolver};
use crate::status::{SharedStatus, Trouble};

/// The pause between two look-ups that a failing link requests.
const LOOK_UP_EVERY: Duration = Duration::from_secs(5);
/// Datagrams read at a time; more of them wait in the socket, which drops any excess.
const READ_AT_MOST: usize = 8;
/// Bytes of a datagram that are read; no report is longer, and a truncated one is not valid RTCP.
const MAX_REPORT_LEN: usize = 1500;
/// Time without an error after which the link counts as working again.
const RECOVERED_AFTER: Duration = Duration::from_secs(1);

/// The effect of a call on the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// Another server may be receiving from now on, or the same one after a restart.
    Fresh,
}

/// The link; see the module's text.
pub(crate) struct Link {
    server: String,
    /// `None` if no server is set.
    resolver: Option<Resolver>,
    status: SharedStatus,
    path: Option<Path>,
    /// The last look-up failed.
    unresolved: bool,
    requested_at: Option<Instant>,
}

/// A socket that sends to one address.
#[derive(Debug)]
struct Path {
    socket: UdpSocket,
    to: SocketAddr,
    /// When sending last failed; `None` while it works.
    failed_at: Option<Instant>,
    /// An error found while reading, to be reported by the next send.
    refused: Option<io::Error>,
}

impl Link {
    /// Creates a link that drops everything until the resolver has found an address.
    pub(crate) fn new(server: String, resolver: Resolver, status: SharedStatus) -> Self {
        status.update(|status| status.link.server = Some(server.clone()));
        Self {
            server,
            resolver: Some(resolver),
            ..Self::nowhere(status)
        }
    }

    /// Creates a link without a server, which drops everything.
    pub(crate) fn nowhere(status: SharedStatus) -> Self {
        Self {
            server: String::new(),
            resolver: None,
            status,
            path: None,
            unresolved: false,
            requested_at: None,
        }
    }

    /// Takes an answer of the resolver.
    pub(crate) fn handle_answer(&mut self, answer: Answer) -> Change {
        match answer {
            Ok(addresses) => {
                if std::mem::take(&mut self.unresolved) {
                    info!("{} can be resolved again", self.server);
                    self.status.update(|status| status.link.trouble = None);
                }
                self.use_one_of(&addresses)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.unresolved, true) {
                    self.report(Trouble::Resolve {
                        server: self.server.clone(),
                        reason: error.to_string(),
                    });
                }
                Change::None
            }
        }
    }

    /// Returns whether datagrams leave this computer, as far as is known.
    pub(crate) fn works(&self) -> bool {
        self.path
            .as_ref()
            .is_some_and(|path| path.failed_at.is_none())
    }

    /// Passes received RTCP datagrams to `each`. Also finds out whether the server's port is closed:
    /// Windows reports that to the receiving side only.
    pub(crate) fn receive(&mut self, each: impl FnMut(&[u8])) {
        if let Some(path) = &mut self.path {
            path.receive(each);
        }
    }

    /// Sends one datagram, or drops it if there is no address yet.
    pub(crate) fn send(&mut self, now: Instant, datagram: &[u8]) -> Change {
        let Some(path) = &mut self.path else {
            return Change::None;
        };
        match path.send(now, datagram) {
            SendResult::Ok => Change::None,
            SendResult::Recovered => {
                info!("sending to {} again", path.to);
                self.status.update(|status| status.link.trouble = None);
                Change::Fresh
            }
            SendResult::Failed(error) => {
                if path.failed_at.replace(now).is_none() {
                    let to = path.to;
                    let reason = error.to_string();
                    self.report(Trouble::Send { to, reason });
                }
                self.request_look_up(now);
                Change::None
            }
        }
    }

    fn request_look_up(&mut self, now: Instant) {
        let recently = |requested| now.saturating_duration_since(requested) < LOOK_UP_EVERY;
        if !self.requested_at.is_some_and(recently) {
            self.requested_at = Some(now);
            if let Some(resolver) = &self.resolver {
                resolver.look_up_now();
            }
        }
    }

    /// Uses the first of these addresses to which there is a route.
    fn use_one_of(&mut self, addresses: &[SocketAddr]) -> Change {
        let current = self
            .path
            .as_ref()
            .map(|path| (path.to, path.failed_at.is_some()));
        let mut reason = None;
        for to in in_order(addresses, current) {
            match open(to) {
                Ok(socket) => return self.use_socket(socket, to),
                Err(error) => reason = Some((to, error)),
            }
        }
        if let (None, Some((to, error))) = (&self.path, reason) {
            let reason = error.to_string();
            self.report(Trouble::NoRoute { to, reason });
        }
        Change::None
    }

    /// Changes to a new socket, unless the old one has the same addresses at both ends.
    fn use_socket(&mut self, socket: UdpSocket, to: SocketAddr) -> Change {
        let local_ip = |socket: &UdpSocket| socket.local_addr().map(|address| address.ip()).ok();
        if let Some(path) = &self.path
            && path.to == to
            && local_ip(&path.socket) == local_ip(&socket)
        {
            return Change::None;
        }
        info!("sending to {to}");
        self.status.update(|status| {
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

    fn report(&self, trouble: Trouble) {
        warn!("{trouble}; retrying");
        self.status
            .update(|status| status.link.trouble = Some(trouble));
    }
}

/// The result of sending one datagram.
enum SendResult {
    Ok,
    /// It works again after errors.
    Recovered,
    Failed(io::Error),
}

impl Path {
    fn send(&mut self, now: Instant, datagram: &[u8]) -> SendResult {
        let sent = match self.refused.take() {
            Some(error) => Err(error),
            None => self.socket.send(datagram),
        };
        let error = match sent {
            Ok(_) => return self.note_success(now),
            // The socket's buffer is full because the network is slow: the packet is lost.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return SendResult::Ok,
            Err(error) => error,
        };
        // The error belongs to an earlier datagram, and this one has not been sent.
        if is_port_unreachable(&error) {
            let _ = self.socket.send(datagram);
        }
        SendResult::Failed(error)
    }

    fn receive(&mut self, mut each: impl FnMut(&[u8])) {
        let mut datagram = [0; MAX_REPORT_LEN];
        for _ in 0..READ_AT_MOST {
            match self.socket.recv(&mut datagram) {
                Ok(len) if rtp::is_rtcp(&datagram[..len]) => each(&datagram[..len]),
                Ok(_) => {}
                Err(error) if is_port_unreachable(&error) => {
                    self.refused = Some(error);
                    return;
                }
                Err(_) => return,
            }
        }
    }

    fn note_success(&mut self, now: Instant) -> SendResult {
        let long_ago = |failed| now.saturating_duration_since(failed) >= RECOVERED_AFTER;
        if self.failed_at.is_some_and(long_ago) {
            self.failed_at = None;
            return SendResult::Recovered;
        }
        SendResult::Ok
    }
}

/// Returns whether the server's port is closed: "refused" on Linux, "reset" on Windows.
fn is_port_unreachable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset
    )
}

/// Returns the order in which to try the addresses: the current one first while it works, so that a
/// name with several addresses does not make the client switch; the next one if it fails.
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

/// Opens a socket connected to `to`, so that the system reports a closed port.
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
