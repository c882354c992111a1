//! A shard with its sockets: finds out which listeners have sent something, and runs the passes.
//!
//! Always: a pass asks the kernel once, however many listeners there are, and more often only
//! while many of them send; it reads a bounded number of bytes and waits for no listener.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use raa_core::mix::MixId;

use super::shard::Shard;
use super::stats::{ListenerGuard, ListenerStats};
use super::transport::Transport;
use crate::engine::MixFrame;
use crate::websocket::End;

/// Listeners that are read from in a pass at most. The others get their turn in the next pass: the
/// kernel reports those last that it has reported most recently.
const READS_PER_PASS: usize = 256;
/// Listeners that the kernel reports at a time.
const REPORTED_AT_ONCE: usize = 16;
/// Bytes after which a pass reads no more. Empty messages cost most: these take less than 1 ms.
const READ_BUDGET: usize = 32 * 1024;
/// The part of [`READ_BUDGET`] for input that transports hold; the rest is for listeners that the
/// kernel reports, so that neither kind starves the other.
const BUFFERED_BUDGET: usize = READ_BUDGET / 2;

/// Listeners with their sockets.
pub(super) struct Poller<T> {
    shard: Shard<T>,
    epoll: Epoll,
    events: Vec<EpollEvent>,
    /// Places whose transport has input that the kernel does not report, in reading order.
    buffered: VecDeque<usize>,
}

impl Transport for TcpStream {
    fn address(&self) -> SocketAddr {
        self.peer_addr().unwrap_or(([0, 0, 0, 0], 0).into())
    }

    fn has_buffered_input(&self) -> bool {
        false
    }
}

impl<T: Transport + AsFd> Poller<T> {
    /// Creates a poller without listeners.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub(super) fn new(stats: Arc<ListenerStats>) -> io::Result<Self> {
        Ok(Self {
            shard: Shard::new(stats),
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            events: vec![EpollEvent::empty(); REPORTED_AT_ONCE],
            buffered: VecDeque::new(),
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shard.is_empty()
    }

    /// Adds a listener of `mix`. `greeting` is its first message, as a WebSocket frame; `early` are
    /// bytes that arrived together with the handshake.
    pub(super) fn admit(
        &mut self,
        transport: T,
        mix: MixId,
        greeting: &[u8],
        early: &[u8],
        guard: ListenerGuard,
    ) {
        let index = self.shard.admit(transport, mix, greeting, early, guard);
        let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP, index as u64);
        let transport = self.shard.transport(index);
        if transport.is_none_or(|transport| self.epoll.add(transport, event).is_err()) {
            // The system's memory is exhausted, and a listener's close frame would go unnoticed.
            self.shard.remove(index);
        } else if !early.is_empty() || self.has_buffered_input(index) {
            self.read(index, Instant::now());
        }
    }

    /// Appends the frames of one slot.
    pub(super) fn push(&mut self, slot: &[MixFrame]) {
        self.shard.push(slot);
    }

    /// Skips slots that the thread has missed.
    pub(super) fn skip(&mut self, slots: u64) {
        self.shard.skip(slots);
    }

    /// Begins to close every connection.
    pub(super) fn close_all(&mut self, end: End) {
        self.shard.close_all(end, Instant::now());
    }

    /// Reads from the listeners that have sent something, and sends all of them their missing
    /// frames.
    pub(super) fn pass(&mut self) {
        let now = Instant::now();
        let mut read = self.read_buffered(now);
        for _ in 0..READS_PER_PASS / REPORTED_AT_ONCE {
            if read >= READ_BUDGET {
                break;
            }
            // The only error is an interrupt; the next pass asks again.
            let reported = self.epoll.wait(&mut self.events, EpollTimeout::ZERO);
            let reported = reported.unwrap_or(0);
            for event in 0..reported {
                read += self.read(self.events[event].data() as usize, now);
            }
            if reported < REPORTED_AT_ONCE {
                break;
            }
        }
        self.shard.pass(now);
    }

    /// Reads input that transports hold; what exceeds the budget stays for the next pass.
    fn read_buffered(&mut self, now: Instant) -> usize {
        let mut read = 0;
        for _ in 0..self.buffered.len().min(READS_PER_PASS) {
            if read >= BUFFERED_BUDGET {
                break;
            }
            if let Some(index) = self.buffered.pop_front() {
                read += self.read(index, now);
            }
        }
        read
    }

    fn read(&mut self, index: usize, now: Instant) -> usize {
        let bytes = self.shard.read(index, now);
        if self.has_buffered_input(index) && !self.buffered.contains(&index) {
            self.buffered.push_back(index);
        }
        bytes
    }

    fn has_buffered_input(&self, index: usize) -> bool {
        let transport = self.shard.transport(index);
        transport.is_some_and(Transport::has_buffered_input)
    }
}

/// A poller without a server around it, for the benchmark.
#[doc(hidden)]
pub struct BarePoller {
    poller: Poller<TcpStream>,
    slot: [MixFrame; 1],
}

impl BarePoller {
    /// Takes streams that never block; `packet` is the frame of every slot.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new(
        streams: impl IntoIterator<Item = TcpStream>,
        packet: &'static [u8],
    ) -> io::Result<Self> {
        let stats = Arc::<ListenerStats>::default();
        let mut poller = Poller::new(stats.clone())?;
        for stream in streams {
            poller.admit(stream, MixId::MAIN, &[], &[], stats.enter());
        }
        let slot = [MixFrame {
            mix: MixId::MAIN,
            datagram: Bytes::from_static(packet),
        }];
        Ok(Self { poller, slot })
    }

    /// Does the work of a fan-out thread for one slot.
    pub fn fan_out(&mut self) {
        self.poller.push(&self.slot);
        self.poller.pass();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::os::fd::BorrowedFd;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::websocket::MAX_INCOMING;

    const FLOODING: usize = 100;
    /// The most bytes read in a pass.
    const MOST: usize = 128 * 1024;
    /// A client's message without content.
    const EMPTY: [u8; 6] = [0x82, 0x80, 0, 0, 0, 0];

    /// A socket that counts the bytes read from it.
    struct CountedTransport {
        stream: TcpStream,
        read: Arc<AtomicUsize>,
    }

    impl Read for CountedTransport {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let bytes = self.stream.read(buffer)?;
            self.read.fetch_add(bytes, Ordering::Relaxed);
            Ok(bytes)
        }
    }

    impl Write for CountedTransport {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.stream.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl AsFd for CountedTransport {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.stream.as_fd()
        }
    }

    impl Transport for CountedTransport {
        fn address(&self) -> SocketAddr {
            self.stream.address()
        }

        fn has_buffered_input(&self) -> bool {
            false
        }
    }

    /// A socket behind buffers, as under TLS: reads take all that the kernel has, and writes reach
    /// the kernel with a flush.
    struct BufferedTransport {
        stream: TcpStream,
        incoming: VecDeque<u8>,
        outgoing: Vec<u8>,
        reads: Cell<usize>,
    }

    impl BufferedTransport {
        fn new(stream: TcpStream) -> Self {
            Self {
                stream,
                incoming: VecDeque::new(),
                outgoing: Vec::new(),
                reads: Cell::new(0),
            }
        }
    }

    impl Read for BufferedTransport {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.reads.set(self.reads.get() + 1);
            let mut chunk = [0; 64 * 1024];
            while let Ok(bytes @ 1..) = self.stream.read(&mut chunk) {
                self.incoming.extend(&chunk[..bytes]);
            }
            match self.incoming.read(buffer)? {
                0 => Err(io::ErrorKind::WouldBlock.into()),
                bytes => Ok(bytes),
            }
        }
    }

    impl Write for BufferedTransport {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.outgoing.extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            while !self.outgoing.is_empty() {
                let bytes = self.stream.write(&self.outgoing)?;
                self.outgoing.drain(..bytes);
            }
            Ok(())
        }
    }

    impl AsFd for BufferedTransport {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.stream.as_fd()
        }
    }

    impl Transport for BufferedTransport {
        fn address(&self) -> SocketAddr {
            self.stream.address()
        }

        fn has_buffered_input(&self) -> bool {
            !self.incoming.is_empty()
        }
    }

    /// Returns both ends of a connection, the listener's first.
    fn pair(server: &TcpListener) -> (TcpStream, TcpStream) {
        let far = TcpStream::connect(server.local_addr().unwrap()).unwrap();
        let (near, _) = server.accept().unwrap();
        near.set_nonblocking(true).unwrap();
        (far, near)
    }

    fn server() -> TcpListener {
        TcpListener::bind(("127.0.0.1", 0)).unwrap()
    }

    #[test]
    fn flooding_listeners_share_the_read_budget() {
        let stats = Arc::<ListenerStats>::default();
        let mut poller = Poller::new(stats.clone()).unwrap();
        let server = server();
        let mut flooding = Vec::new();
        for _ in 0..FLOODING {
            let (mut far, stream) = pair(&server);
            far.write_all(&EMPTY.repeat(4 * MAX_INCOMING / EMPTY.len()))
                .unwrap();
            let read = Arc::<AtomicUsize>::default();
            let transport = CountedTransport {
                stream,
                read: read.clone(),
            };
            poller.admit(transport, MixId::MAIN, &[], &[], stats.enter());
            flooding.push((far, read));
        }
        let read = || {
            let each = flooding
                .iter()
                .map(|(_, read)| read.load(Ordering::Relaxed));
            each.collect::<Vec<_>>()
        };
        let passes_for_all = (FLOODING * MAX_INCOMING).div_ceil(READ_BUDGET);
        let mut before = 0;
        for pass in 0..passes_for_all {
            poller.pass();
            let all = read().into_iter().sum::<usize>();
            let bytes = all - before;
            assert!((1..=MOST).contains(&bytes), "pass {pass}: {bytes}");
            before = all;
        }
        let each = read();
        assert!(each.iter().all(|&bytes| bytes > 0), "{each:?}");
        assert_eq!(stats.listeners(), FLOODING);
    }

    /// A poller with one listener behind buffers, and the listener's end.
    fn buffered() -> (Poller<BufferedTransport>, TcpStream) {
        let stats = Arc::<ListenerStats>::default();
        let mut poller = Poller::new(stats.clone()).unwrap();
        let (far, stream) = pair(&server());
        let transport = BufferedTransport::new(stream);
        poller.admit(transport, MixId::MAIN, b"hello", &[], stats.enter());
        (poller, far)
    }

    #[test]
    fn buffered_input_is_read_without_new_events() {
        let (mut poller, mut far) = buffered();
        far.write_all(&EMPTY.repeat(3 * MAX_INCOMING / EMPTY.len()))
            .unwrap();
        let left =
            |poller: &Poller<BufferedTransport>| poller.shard.transport(0).unwrap().incoming.len();
        poller.pass();
        let first = left(&poller);
        assert!(first > MAX_INCOMING, "more than one read: {first}");
        for _ in 0..3 {
            poller.pass();
        }
        assert_eq!((left(&poller), poller.buffered.len()), (0, 0));
        let reads = poller.shard.transport(0).unwrap().reads.get();
        (0..10).for_each(|_| poller.pass());
        let after = poller.shard.transport(0).unwrap().reads.get();
        assert_eq!(after, reads, "a silent listener is not read");
    }

    #[test]
    fn frames_and_close_frames_are_flushed() {
        let (mut poller, mut far) = buffered();
        let slot = [MixFrame {
            mix: MixId::MAIN,
            datagram: Bytes::from_static(b"packet"),
        }];
        poller.push(&slot);
        poller.pass();
        let mut received = [0; 13];
        far.read_exact(&mut received).unwrap();
        assert_eq!(&received, b"hello\x82\x06packet");
        poller.close_all(End::Stopping);
        poller.pass();
        let mut goodbye = [0; 4];
        far.read_exact(&mut goodbye).unwrap();
        assert_eq!(goodbye[..2], [0x88, 20]);
        assert_eq!(goodbye[2..], 1001u16.to_be_bytes());
    }

    #[test]
    fn buffered_floods_leave_others_their_turn() {
        let stats = Arc::<ListenerStats>::default();
        let mut poller = Poller::new(stats.clone()).unwrap();
        let server = server();
        let mut flooding = Vec::new();
        let flood = EMPTY.repeat(MAX_INCOMING / EMPTY.len() + 1);
        for _ in 0..2 * READ_BUDGET / MAX_INCOMING {
            let (mut far, stream) = pair(&server);
            far.write_all(&flood.repeat(2)).unwrap();
            let transport = BufferedTransport::new(stream);
            poller.admit(transport, MixId::MAIN, &[], &[], stats.enter());
            flooding.push(far);
        }
        poller.pass();
        poller.pass();
        let (mut far, stream) = pair(&server);
        let transport = BufferedTransport::new(stream);
        poller.admit(transport, MixId::MAIN, &[], &[], stats.enter());
        // An empty ping.
        far.write_all(&[0x89, 0x80, 0, 0, 0, 0]).unwrap();
        for _ in 0..20 {
            for far in &mut flooding {
                far.write_all(&flood).unwrap();
            }
            poller.pass();
        }
        far.set_nonblocking(true).unwrap();
        let mut answer = [0; 2];
        far.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [0x8a, 0]);
    }
}
