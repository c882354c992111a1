//! The audio socket: drains the kernel's queue, with the kernel's own arrival times, and sends
//! reports back, each from the address of this host that its receiver sends to.
//!
//! Always: never blocks; no allocation, system call or wake-up per datagram; no arrival time lies
//! in the future.

mod addresses;

use std::io::IoSliceMut;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use nix::errno::Errno;
use nix::libc::in6_pktinfo;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, recvmmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;
use raa_core::arrival::{ArrivalClock, Clocks};
use raa_core::hub::Origin;

use super::inputs::{Input, Take};

/// Receive buffer to ask for: a second of a thousand senders. The kernel may grant less.
pub(crate) const RECEIVE_BUFFER_BYTES: usize = 8 << 20;
/// Bytes that the kernel accounts for one queued datagram of Opus, its own structures included.
pub(crate) const QUEUED_DATAGRAM_BYTES: usize = 1280;
/// Length of the longest datagram that is taken. No Opus packet that RAA plays is longer.
pub(super) const MAX_DATAGRAM: usize = 8192;
/// Bytes read of a datagram: one more, so that one that is too long shows it.
const READ: usize = MAX_DATAGRAM + 1;
/// Distance between two buffers. It is not a power of two, so that their beginnings, where short
/// datagrams lie, do not compete for the same lines of the CPU's cache.
const STRIDE: usize = MAX_DATAGRAM + 320;
/// Datagrams taken by one system call.
const BATCH: usize = 64;
/// Datagrams taken in one drain at most, so that a flood cannot delay the slot.
const MAX_PER_DRAIN: usize = 8192;

/// A UDP socket that receives from senders.
pub(super) struct AudioSocket {
    socket: UdpSocket,
    is_ipv6: bool,
    port: u16,
    buffer: Vec<u8>,
    arrivals: ArrivalClock,
    /// Datagrams of Opus that fit into the kernel's queue.
    queue_len: usize,
    /// Datagrams that the kernel dropped since the start; its counter wraps.
    dropped: u32,
}

impl AudioSocket {
    /// Prepares a bound socket.
    pub(super) fn new(socket: UdpSocket) -> anyhow::Result<Self> {
        socket
            .set_nonblocking(true)
            .context("the audio socket cannot be made non-blocking")?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)
            .context("the kernel provides no arrival times (SO_TIMESTAMPNS)")?;
        setsockopt(&socket, sockopt::RxqOvfl, &1)
            .context("the kernel does not count dropped datagrams (SO_RXQ_OVFL)")?;
        // Only a privileged process may exceed the system's limit.
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER_BYTES)
                .context("the receive buffer cannot be resized (SO_RCVBUF)")?;
        }
        let granted = nix::sys::socket::getsockopt(&socket, sockopt::RcvBuf)
            .context("the size of the receive buffer cannot be read")?;
        let address = socket.local_addr();
        let address = address.context("the audio socket has no address")?;
        let is_ipv6 = address.is_ipv6();
        addresses::ask_for_destinations(&socket, is_ipv6)
            .context("the kernel does not report destinations (IP_PKTINFO)")?;
        Ok(Self {
            socket,
            is_ipv6,
            port: address.port(),
            buffer: vec![0; BATCH * STRIDE],
            arrivals: ArrivalClock::default(),
            queue_len: granted / QUEUED_DATAGRAM_BYTES,
            dropped: 0,
        })
    }

    /// Passes every queued datagram on with its arrival time and its origin. Returns whether there
    /// were so many that the kernel's queue could overflow within a slot.
    fn drain(&mut self, mut each: impl FnMut(Instant, Origin, &[u8])) -> bool {
        let clock = clocks_now();
        let (mut datagrams, mut is_empty) = (0, false);
        while datagrams < MAX_PER_DRAIN && !is_empty {
            let taken = self.take_batch(&clock, &mut each);
            datagrams += taken;
            is_empty = taken < BATCH;
        }
        self.arrivals.end_drain(clock, is_empty);
        datagrams > self.queue_len / 4
    }

    /// Takes up to [`BATCH`] datagrams with one system call and returns their number.
    fn take_batch(
        &mut self,
        clock: &Clocks,
        each: &mut impl FnMut(Instant, Origin, &[u8]),
    ) -> usize {
        let mut buffers = self.buffer.chunks_exact_mut(STRIDE);
        let mut slices: [_; BATCH] = std::array::from_fn(|_| {
            // There are as many buffers as slices.
            let buffer = buffers.next().unwrap_or_default();
            [IoSliceMut::new(&mut buffer[..READ])]
        });
        // The kernel overwrites the buffer sizes in the headers with the lengths of what it wrote,
        // so every batch needs fresh ones.
        let space = nix::cmsg_space!(TimeSpec, u32, in6_pktinfo);
        let mut headers = MultiHeaders::preallocate(BATCH, Some(space));
        let flags = MsgFlags::MSG_DONTWAIT;
        let fd = self.socket.as_raw_fd();
        let messages = match recvmmsg(fd, &mut headers, slices.iter_mut(), flags, None) {
            Ok(messages) => messages,
            // An ICMP error about one sender says nothing about the datagrams in the queue: the
            // read is repeated, as after a full batch.
            Err(Errno::EINTR | Errno::ECONNREFUSED) => return BATCH,
            Err(_) => return 0,
        };
        let mut taken = 0;
        for message in messages {
            taken += 1;
            let (mut arrived, mut to) = (None, None);
            for control in message.cmsgs().into_iter().flatten() {
                match control {
                    ControlMessageOwned::ScmTimestampns(at) => {
                        arrived = Some(SystemTime::UNIX_EPOCH + Duration::from(at));
                    }
                    ControlMessageOwned::RxqOvfl(total) => self.dropped = total,
                    ControlMessageOwned::Ipv4PacketInfo(info) => {
                        to = Some(addresses::local_v4(&info, self.port));
                    }
                    ControlMessageOwned::Ipv6PacketInfo(info) => {
                        to = Some(addresses::local_v6(&info, self.port));
                    }
                    _ => {}
                }
            }
            // An empty datagram has no slice; it is still refused and counted.
            let datagram = message.iovs().next().unwrap_or_default();
            if let Some(from) = message.address.as_ref().and_then(addresses::sender_of) {
                let origin = Origin::Network { from, to };
                each(self.arrivals.instant_of(clock, arrived), origin, datagram);
            }
        }
        taken
    }
}

impl Input for AudioSocket {
    fn drain(&mut self, _due: Instant, take: &mut Take<'_>) -> bool {
        self.drain(take)
    }

    fn dropped(&self) -> u64 {
        u64::from(self.dropped)
    }

    /// An IPv6 socket reaches IPv4 addresses, too. Without the address `from`, which this host may
    /// have lost meanwhile, the kernel chooses one.
    fn send(&self, to: SocketAddr, from: Option<SocketAddr>, datagram: &[u8]) -> bool {
        if !self.is_ipv6 && to.is_ipv6() {
            return false;
        }
        let sent =
            from.map(|from| addresses::send_from(&self.socket, self.is_ipv6, from, to, datagram));
        match sent {
            Some(Ok(())) => true,
            Some(Err(Errno::EAGAIN)) => false,
            None | Some(Err(_)) => {
                let to = addresses::as_seen_by(self.is_ipv6, to);
                self.socket.send_to(datagram, to).is_ok()
            }
        }
    }
}

/// Reads both clocks at the same moment, as far as the scheduler lets it.
fn clocks_now() -> Clocks {
    const APART: Duration = Duration::from_micros(50);
    const TRIES: usize = 3;
    let read = || {
        let (monotonic, wall) = (Instant::now(), SystemTime::now());
        (monotonic.elapsed(), Clocks { monotonic, wall })
    };
    let (mut apart, mut clocks) = read();
    for _ in 1..TRIES {
        if apart < APART {
            break;
        }
        let (again_apart, again) = read();
        if again_apart < apart {
            (apart, clocks) = (again_apart, again);
        }
    }
    clocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queued_datagrams_keep_their_arrival_times() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        let mut socket = AudioSocket::new(receiver).unwrap();
        // The kernel begins to stamp a moment after the system's first socket has asked for it.
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
        assert_eq!(seen[1].1.address(), sender.local_addr().ok());
        let apart = seen[1].0 - seen[0].0;
        assert!(apart >= Duration::from_millis(55), "{apart:?}");
        assert!(seen[1].0 <= Instant::now());
    }

    #[test]
    fn datagrams_received_during_a_drain_keep_their_times() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        let mut socket = AudioSocket::new(receiver).unwrap();
        // A full batch, after which the kernel is asked for more.
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
    fn senders_of_both_families_get_answers() {
        for (bind, host) in [
            ("127.0.0.1:0", "127.0.0.1"),
            ("[::]:0", "127.0.0.1"),
            ("[::]:0", "::1"),
        ] {
            let Ok(receiver) = UdpSocket::bind(bind) else {
                // A system without IPv6 can only run the first case.
                assert!(UdpSocket::bind("[::1]:0").is_err());
                continue;
            };
            let to = (host, receiver.local_addr().unwrap().port());
            let mut socket = AudioSocket::new(receiver).unwrap();
            let sender = UdpSocket::bind((host, 0)).unwrap();
            sender.send_to(b"question", to).unwrap();
            let mut received_from = None;
            socket.drain(|_, from, _| received_from = from.address());
            let received_from = received_from.unwrap();
            assert_eq!(received_from, sender.local_addr().unwrap());
            assert!(socket.send(received_from, None, b"answer"));
            let mut answer = [0; 10];
            let (len, from) = sender.recv_from(&mut answer).unwrap();
            assert_eq!((&answer[..len], from.port()), (&b"answer"[..], to.1));
        }
    }

    #[test]
    fn dropped_datagrams_are_counted() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        let mut socket = AudioSocket::new(receiver).unwrap();
        let mut send_and_drain = |datagrams: usize| {
            for n in 0..datagrams {
                sender.send_to(&n.to_be_bytes(), to).unwrap();
            }
            let mut taken = Vec::new();
            for _ in 0..=datagrams / MAX_PER_DRAIN {
                socket.drain(|_, _, datagram| taken.push(datagram.to_vec()));
            }
            (taken, socket.dropped as usize)
        };
        let (taken, dropped) = send_and_drain(3 * BATCH + 1);
        assert_eq!(dropped, 0);
        let sent = (0..3 * BATCH + 1).map(|n| n.to_be_bytes().to_vec());
        assert!(taken.into_iter().eq(sent));
        let too_many = 8 * RECEIVE_BUFFER_BYTES / QUEUED_DATAGRAM_BYTES;
        let (taken, _) = send_and_drain(too_many);
        // The kernel reports the count with the next datagram that it queues.
        let (_, dropped) = send_and_drain(1);
        assert!(dropped > 0);
        assert_eq!(taken.len() + dropped, too_many);
    }

    #[test]
    fn empty_datagrams_are_passed_on() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        let mut socket = AudioSocket::new(receiver).unwrap();
        for datagram in [&b"before"[..], b"", b"after"] {
            sender.send_to(datagram, to).unwrap();
        }
        let mut lens = Vec::new();
        socket.drain(|_, _, datagram| lens.push(datagram.len()));
        assert_eq!(lens, [6, 0, 5]);
    }

    #[test]
    fn ipv4_sockets_do_not_send_to_ipv6() {
        let socket = AudioSocket::new(UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
        assert!(!socket.send("[::1]:9".parse().unwrap(), None, b"x"));
    }
}
