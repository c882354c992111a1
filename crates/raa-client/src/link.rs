//! The path to the server: its address, the socket, and the datagrams in both directions.
//!
//! UDP reports little: a closed port causes an ICMP message, which a later send returns as an error;
//! a dead host causes nothing at all. So every datagram is sent, whatever happened to earlier ones,
//! and the name is looked up again while sending fails. [`trials`] decides what to do about an address
//! that never answers.
//!
//! Always: never waits; reports changes of state only; one socket, and one more during a trial.

mod trials;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use raa_core::rtp;
use tracing::{info, warn};

use self::trials::{Step, Trials};
use crate::resolver::{Answer, Resolver};
use crate::status::{SharedStatus, Trouble};

/// The pause between two look-ups that a failing link requests.
const LOOK_UP_EVERY: Duration = Duration::from_secs(5);
/// Datagrams read at a time; more of them wait in the socket, which drops any excess.
const READ_AT_MOST: usize = 8;
/// Length of the longest datagram that is taken; no report is longer.
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
    trials: Trials,
    /// The path that is tried in addition.
    trial: Option<Path>,
    /// There was no route to any of the addresses.
    no_route: bool,
    /// The last look-up failed.
    unresolved: bool,
    /// The server turns this client away.
    ssrc_taken: bool,
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
            trials: Trials::default(),
            trial: None,
            no_route: false,
            unresolved: false,
            ssrc_taken: false,
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
                let addresses = trials::in_turns(&addresses);
                self.trials.set_addresses(&addresses);
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

    /// Notes whether the server turns this client away, because another one has its SSRC.
    pub(crate) fn set_ssrc_taken(&mut self, taken: bool) {
        if self.ssrc_taken == taken {
            return;
        }
        self.ssrc_taken = taken;
        if taken {
            self.report(Trouble::SsrcTaken);
        } else {
            self.status.update(|status| {
                let taken = |trouble: &mut Trouble| *trouble == Trouble::SsrcTaken;
                status.link.trouble.take_if(taken);
            });
        }
    }

    /// Passes received RTCP datagrams to `each`. Also finds out whether the server's port is closed:
    /// Windows reports that to the receiving side only.
    pub(crate) fn receive(&mut self, now: Instant, mut each: impl FnMut(&[u8])) {
        let Some(path) = &mut self.path else {
            return;
        };
        if path.receive(&mut each) {
            self.trials.note_answer(now, path.to);
            self.trial = None;
        } else if let Some(trial) = &mut self.trial
            && trial.receive(&mut each)
        {
            self.adopt_trial(now);
        }
    }

    /// Sends one datagram, or drops it if there is no address yet.
    pub(crate) fn send(&mut self, now: Instant, datagram: &[u8]) -> Change {
        let begun = self.begin_or_end_trial(now);
        let sent = self.send_to_server(now, datagram);
        // Last, because a server behind both addresses reports to the one that its newest packet
        // came from.
        self.send_on_trial(now, datagram);
        match sent {
            Change::None => begun,
            Change::Fresh => Change::Fresh,
        }
    }

    fn begin_or_end_trial(&mut self, now: Instant) -> Change {
        if self.path.is_none() {
            return Change::None;
        }
        match self.trials.poll(now) {
            Step::Stay => Change::None,
            Step::End => {
                self.trial = None;
                Change::None
            }
            Step::Try(to) => {
                self.trial = open(to).map(|socket| Path::new(socket, to)).ok();
                // Its server must learn about this stream before it can answer.
                Change::Fresh
            }
        }
    }

    fn send_on_trial(&mut self, now: Instant, datagram: &[u8]) {
        let sent = self.trial.as_mut().map(|trial| trial.send(now, datagram));
        if !matches!(sent, Some(SendResult::Ok | SendResult::Recovered)) {
            self.trials.give_up(now);
        }
    }

    /// Goes on with the address on trial, because it answers.
    fn adopt_trial(&mut self, now: Instant) {
        let Some(trial) = self.trial.take() else {
            return;
        };
        let to = trial.to;
        self.trials.note_answer(now, to);
        if let Some(old) = self.path.replace(trial) {
            info!("sending to {to}, which answers; {} does not", old.to);
        }
        self.status.update(|status| {
            status.link.to = Some(to);
            status.link.trouble = None;
        });
    }

    fn send_to_server(&mut self, now: Instant, datagram: &[u8]) -> Change {
        let Some(path) = &mut self.path else {
            if self.no_route {
                self.request_look_up(now);
            }
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
            if !std::mem::replace(&mut self.no_route, true) {
                self.report(Trouble::NoRoute { to, reason });
            }
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
        self.path = Some(Path::new(socket, to));
        self.no_route = false;
        self.trial = None;
        self.trials.begin(to);
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
    fn new(socket: UdpSocket, to: SocketAddr) -> Self {
        Self {
            socket,
            to,
            failed_at: None,
            refused: None,
        }
    }

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

    /// Passes received RTCP datagrams to `each` and returns whether there was one.
    fn receive(&mut self, mut each: impl FnMut(&[u8])) -> bool {
        let mut has_answered = false;
        // One byte more, so that a datagram that is too long shows it.
        let mut datagram = [0; MAX_REPORT_LEN + 1];
        for _ in 0..READ_AT_MOST {
            match self.socket.recv(&mut datagram) {
                Ok(len) if len <= MAX_REPORT_LEN && rtp::is_rtcp(&datagram[..len]) => {
                    has_answered = true;
                    each(&datagram[..len]);
                }
                Ok(_) => {}
                Err(error) if is_port_unreachable(&error) => {
                    self.refused = Some(error);
                    break;
                }
                Err(_) => break,
            }
        }
        has_answered
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
