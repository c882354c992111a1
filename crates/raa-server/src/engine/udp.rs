//! The audio port: drains what the kernel has queued, with the kernel's own arrival times, and
//! sends reports back.
//!
//! Always: never blocks; no allocation per datagram; a datagram's arrival is never in the future.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;

/// A second of a thousand senders; what the kernel grants may be less.
const RECEIVE_BUFFER_BYTES: usize = 8 << 20;
/// What the kernel accounts for one queued datagram of Opus: its own structures and a page's part.
const QUEUED_DATAGRAM_BYTES: usize = 1280;
/// Longer datagrams hold no Opus packet that RAA plays; they are cut here and refused.
const MAX_DATAGRAM: usize = 8192;
/// One drain takes no more than this, so that a flood cannot hold up the slot.
const MAX_PER_DRAIN: usize = 8192;

/// One UDP socket that senders send to.
pub(super) struct AudioSocket {
    socket: UdpSocket,
    is_ipv6: bool,
    buffer: Vec<u8>,
    control: Vec<u8>,
    /// Datagrams that fit into the kernel's queue.
    queue_len: usize,
    /// Datagrams the kernel had no room for, since the start; its counter wraps.
    dropped: u32,
}

impl AudioSocket {
    /// Prepares a bound socket.
    pub(super) fn new(socket: UdpSocket) -> anyhow::Result<Self> {
        socket
            .set_nonblocking(true)
            .context("cannot make the audio socket non-blocking")?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)
            .context("the kernel gives no arrival times (SO_TIMESTAMPNS)")?;
        setsockopt(&socket, sockopt::RxqOvfl, &1)
            .context("the kernel counts no dropped datagrams (SO_RXQ_OVFL)")?;
        // Only a privileged process may go beyond the system's limit.
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER_BYTES)
                .context("cannot size the receive buffer (SO_RCVBUF)")?;
        }
        let granted = nix::sys::socket::getsockopt(&socket, sockopt::RcvBuf)
            .context("cannot read the size of the receive buffer")?;
        let address = socket.local_addr();
        let is_ipv6 = address
            .context("the audio socket does not know its address")?
            .is_ipv6();
        Ok(Self {
            socket,
            is_ipv6,
            buffer: vec![0; MAX_DATAGRAM],
            control: nix::cmsg_space!(TimeSpec, u32),
            queue_len: granted / QUEUED_DATAGRAM_BYTES,
            dropped: 0,
        })
    }

    pub(super) fn dropped(&self) -> u64 {
        u64::from(self.dropped)
    }

    /// Sends a datagram unless it would have to wait.
    ///
    /// # Errors
    /// When the kernel takes it not now (its queue is full) or not at all (there is no way).
    pub(super) fn send(&self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        self.socket
            .send_to(datagram, as_seen_by(self.is_ipv6, to))
            .map(|_| ())
    }

    /// Whether datagrams from that address come in here: a socket of IPv6 takes both.
    pub(super) fn reaches(&self, to: SocketAddr) -> bool {
        self.is_ipv6 || to.is_ipv4()
    }

    /// Hands out every datagram the kernel has queued, with its arrival and its sender; true when
    /// there were so many that the queue could overflow within a slot.
    pub(super) fn drain(&mut self, mut each: impl FnMut(Instant, SocketAddr, &[u8])) -> bool {
        let clock = Clocks::now();
        let mut datagrams = 0;
        while datagrams < MAX_PER_DRAIN {
            let Some((arrived, from, len)) = self.receive() else {
                break;
            };
            datagrams += 1;
            if let Some(from) = from {
                each(clock.instant_of(arrived), from, &self.buffer[..len]);
            }
        }
        datagrams > self.queue_len / 4
    }

    fn receive(&mut self) -> Option<(Option<SystemTime>, Option<SocketAddr>, usize)> {
        // A connected sender's port may be closed, which says nothing of the next datagram.
        for _ in 0..MAX_PER_DRAIN {
            let mut slices = [IoSliceMut::new(&mut self.buffer)];
            let received = recvmsg::<SockaddrStorage>(
                self.socket.as_raw_fd(),
                &mut slices,
                Some(&mut self.control),
                MsgFlags::MSG_DONTWAIT,
            );
            let message = match received {
                Ok(message) => message,
                Err(Errno::EAGAIN) => return None,
                Err(Errno::EINTR | Errno::ECONNREFUSED) => continue,
                Err(_) => return None,
            };
            let mut arrived = None;
            for control in message.cmsgs().into_iter().flatten() {
                match control {
                    ControlMessageOwned::ScmTimestampns(at) => {
                        arrived = Some(SystemTime::UNIX_EPOCH + Duration::from(at));
                    }
                    ControlMessageOwned::RxqOvfl(total) => self.dropped = total,
                    _ => {}
                }
            }
            return Some((
                arrived,
                message.address.as_ref().and_then(socket_addr),
                message.bytes,
            ));
        }
        None
    }
}

/// IPv4 addresses look as such, also on a socket for both.
fn socket_addr(storage: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddr::from((v4.ip(), v4.port())));
    }
    let v6 = storage.as_sockaddr_in6()?;
    Some(SocketAddr::from((v6.ip().to_canonical(), v6.port())))
}

/// The other way round: a socket of IPv6 sends to an IPv4 address by its mapped form.
fn as_seen_by(is_ipv6: bool, to: SocketAddr) -> SocketAddr {
    match to {
        SocketAddr::V4(v4) if is_ipv6 => {
            SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0).into()
        }
        _ => to,
    }
}

/// The kernel stamps with the wall clock, the engine lives by the monotonic one.
struct Clocks {
    monotonic: Instant,
    wall: SystemTime,
}

impl Clocks {
    fn now() -> Self {
        Self {
            monotonic: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// A datagram without a stamp, or one from beyond a step of the wall clock, arrived just now.
    fn instant_of(&self, arrived: Option<SystemTime>) -> Instant {
        /// Nothing stays in the queue for longer while the engine lives.
        const LONGEST_WAIT: Duration = Duration::from_secs(10);
        arrived
            .and_then(|at| self.wall.duration_since(at).ok())
            .filter(|age| *age < LONGEST_WAIT)
            .and_then(|age| self.monotonic.checked_sub(age))
            .unwrap_or(self.monotonic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queued_datagrams_keep_the_time_of_their_arrival() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        let mut socket = AudioSocket::new(receiver).unwrap();
        // The kernel stamps nothing yet for a moment after the system's first socket asked for it.
        let mut is_stamped = false;
        while !is_stamped {
            sender.send_to(b"try", to).unwrap();
            std::thread::sleep(Duration::from_millis(5));
            let now = Instant::now();
            socket.drain(|at, _, _| is_stamped = at < now);
        }
        sender.send_to(b"first", to).unwrap();
        std::thread::sleep(Duration::from_millis(60));
        sender.send_to(b"second", to).unwrap();
        let mut seen = Vec::new();
        let is_pressing = socket.drain(|at, from, bytes| seen.push((at, from, bytes.to_vec())));
        assert_eq!((seen.len(), is_pressing), (2, false));
        assert_eq!(seen[0].2, b"first");
        assert_eq!(seen[1].1, sender.local_addr().unwrap());
        let apart = seen[1].0 - seen[0].0;
        assert!(apart >= Duration::from_millis(55), "{apart:?}");
        assert!(seen[1].0 <= Instant::now());
    }

    #[test]
    fn who_was_heard_can_be_answered_in_either_family() {
        for (bind, host) in [
            ("127.0.0.1:0", "127.0.0.1"),
            ("[::]:0", "127.0.0.1"),
            ("[::]:0", "::1"),
        ] {
            let Ok(receiver) = UdpSocket::bind(bind) else {
                // A system without IPv6 has the first case alone.
                assert!(UdpSocket::bind("[::1]:0").is_err());
                continue;
            };
            let to = (host, receiver.local_addr().unwrap().port());
            let mut socket = AudioSocket::new(receiver).unwrap();
            let sender = UdpSocket::bind((host, 0)).unwrap();
            sender.send_to(b"question", to).unwrap();
            let mut heard = None;
            socket.drain(|_, from, _| heard = Some(from));
            let heard = heard.unwrap();
            assert_eq!(heard, sender.local_addr().unwrap());
            assert!(socket.reaches(heard));
            socket.send(heard, b"answer").unwrap();
            let mut answer = [0; 10];
            let (len, from) = sender.recv_from(&mut answer).unwrap();
            assert_eq!((&answer[..len], from.port()), (&b"answer"[..], to.1));
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused_at_once() {
        let socket = AudioSocket::new(UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
        assert!(!socket.reaches("[::1]:9".parse().unwrap()));
        assert!(socket.send("[::1]:9".parse().unwrap(), b"x").is_err());
    }

    #[test]
    fn a_step_of_the_wall_clock_does_not_reach_the_sound() {
        let clocks = Clocks::now();
        let hour = Duration::from_secs(3600);
        assert_eq!(
            clocks.instant_of(Some(clocks.wall + hour)),
            clocks.monotonic
        );
        assert_eq!(
            clocks.instant_of(Some(clocks.wall - hour)),
            clocks.monotonic
        );
        assert_eq!(clocks.instant_of(None), clocks.monotonic);
    }
}
