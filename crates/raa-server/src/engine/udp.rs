//! The audio port: drains what the kernel has queued, with the kernel's own arrival times, and
//! sends reports back.
//!
//! Always: never blocks; no allocation, system call or wake-up per datagram; a datagram's arrival
//! is never in the future.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;

/// A second of a thousand senders; what the kernel grants may be less.
const RECEIVE_BUFFER_BYTES: usize = 8 << 20;
/// What the kernel accounts for one queued datagram of Opus: its own structures and a page's part.
const QUEUED_DATAGRAM_BYTES: usize = 1280;
/// Longer datagrams hold no Opus packet that RAA plays; they are cut here and refused.
const MAX_DATAGRAM: usize = 8192;
/// From one buffer to the next: not a power of two, so that the beginnings, where the short
/// datagrams lie, share no place in the CPU's cache.
const STRIDE: usize = MAX_DATAGRAM + 320;
/// Datagrams taken by one system call.
const BATCH: usize = 64;
/// One drain takes no more than this, so that a flood cannot hold up the slot.
const MAX_PER_DRAIN: usize = 8192;

/// One UDP socket that senders send to.
pub(super) struct AudioSocket {
    socket: UdpSocket,
    is_ipv6: bool,
    buffer: Vec<u8>,
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
            buffer: vec![0; BATCH * STRIDE],
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
            let taken = self.take_batch(&clock, &mut each);
            datagrams += taken;
            if taken < BATCH {
                break;
            }
        }
        datagrams > self.queue_len / 4
    }

    /// Takes up to [`BATCH`] datagrams with one system call; how many.
    fn take_batch(
        &mut self,
        clock: &Clocks,
        each: &mut impl FnMut(Instant, SocketAddr, &[u8]),
    ) -> usize {
        let mut buffers = self.buffer.chunks_exact_mut(STRIDE);
        let mut slices: [_; BATCH] = std::array::from_fn(|_| {
            // There are as many buffers as slices.
            let buffer = buffers.next().unwrap_or_default();
            [IoSliceMut::new(&mut buffer[..MAX_DATAGRAM])]
        });
        // Made anew for every batch: the kernel leaves in it how much it wrote, and would take
        // that for the room there is.
        let mut headers = MultiHeaders::preallocate(BATCH, Some(nix::cmsg_space!(TimeSpec, u32)));
        let flags = MsgFlags::MSG_DONTWAIT;
        let fd = self.socket.as_raw_fd();
        let messages = match recvmmsg(fd, &mut headers, slices.iter_mut(), flags, None) {
            Ok(messages) => messages,
            // A connected sender's port may be closed, which says nothing of what waits behind:
            // asked again, as after a full batch.
            Err(Errno::EINTR | Errno::ECONNREFUSED) => return BATCH,
            Err(_) => return 0,
        };
        let mut taken = 0;
        for message in messages {
            taken += 1;
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
            // Of an empty datagram there is no slice, and it is refused and counted all the same.
            let datagram = message.iovs().next().unwrap_or_default();
            if let Some(from) = message.address.as_ref().and_then(socket_addr) {
                each(clock.instant_of(arrived), from, datagram);
            }
        }
        taken
    }
}

/// IPv4 addresses look as such, also on a socket for both.
fn socket_addr(storage: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddr::from((v4.ip(), v4.port())));
    }
    let v6 = SocketAddrV6::from(*storage.as_sockaddr_in6()?);
    Some(match v6.ip().to_ipv4_mapped() {
        Some(v4) => SocketAddr::from((v4, v6.port())),
        // With its scope: a link-local address means nothing without.
        None => v6.into(),
    })
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
        /// Nor does it take longer to empty, while which more may come.
        const LONGEST_DRAIN: Duration = Duration::from_millis(100);
        let at = arrived.and_then(|at| match self.wall.duration_since(at) {
            Ok(age) if age < LONGEST_WAIT => self.monotonic.checked_sub(age),
            Err(ahead) if ahead.duration() < LONGEST_DRAIN => {
                self.monotonic.checked_add(ahead.duration())
            }
            _ => None,
        });
        at.unwrap_or(self.monotonic)
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
    fn what_comes_while_others_are_taken_keeps_its_time_too() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        let mut socket = AudioSocket::new(receiver).unwrap();
        // As many as are taken at once: more are asked for.
        (0..BATCH).for_each(|_| _ = sender.send_to(b"before", to).unwrap());
        let mut arrivals = Vec::new();
        socket.drain(|at, _, _| {
            arrivals.push(at);
            if arrivals.len() == BATCH {
                std::thread::sleep(Duration::from_millis(30));
                sender.send_to(b"meanwhile", to).unwrap();
            }
        });
        assert_eq!(arrivals.len(), BATCH + 1);
        let apart = arrivals[BATCH] - arrivals[BATCH - 1];
        assert!(apart >= Duration::from_millis(25), "{apart:?}");
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
    fn all_that_waits_is_taken_and_what_found_no_room_is_counted() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        let mut socket = AudioSocket::new(receiver).unwrap();
        let mut send_and_take = |datagrams: usize| {
            for n in 0..datagrams {
                sender.send_to(&n.to_be_bytes(), to).unwrap();
            }
            let mut taken = Vec::new();
            for _ in 0..=datagrams / MAX_PER_DRAIN {
                socket.drain(|_, _, datagram| taken.push(datagram.to_vec()));
            }
            (taken, socket.dropped() as usize)
        };
        let (taken, dropped) = send_and_take(3 * BATCH + 1);
        assert_eq!(dropped, 0);
        let sent = (0..3 * BATCH + 1).map(|n| n.to_be_bytes().to_vec());
        assert!(taken.into_iter().eq(sent));
        let too_many = 8 * RECEIVE_BUFFER_BYTES / QUEUED_DATAGRAM_BYTES;
        let (taken, _) = send_and_take(too_many);
        // The kernel tells with the first datagram that finds room again.
        let (_, dropped) = send_and_take(1);
        assert!(dropped > 0);
        assert_eq!(taken.len() + dropped, too_many);
    }

    #[test]
    fn an_empty_datagram_is_handed_out() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        let mut socket = AudioSocket::new(receiver).unwrap();
        for datagram in [&b"before"[..], b"", b"behind"] {
            sender.send_to(datagram, to).unwrap();
        }
        let mut lens = Vec::new();
        socket.drain(|_, _, datagram| lens.push(datagram.len()));
        assert_eq!(lens, [6, 0, 6]);
    }

    #[test]
    fn an_address_of_one_link_keeps_the_link() {
        let of_link = SocketAddrV6::new("fe80::7".parse().unwrap(), 5000, 0, 3);
        let storage = SockaddrStorage::from(of_link);
        assert_eq!(socket_addr(&storage), Some(of_link.into()));
        let mapped = SocketAddrV6::new("::ffff:192.0.2.7".parse().unwrap(), 5000, 0, 0);
        let storage = SockaddrStorage::from(mapped);
        let plain = "192.0.2.7:5000".parse().unwrap();
        assert_eq!(socket_addr(&storage), Some(plain));
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
