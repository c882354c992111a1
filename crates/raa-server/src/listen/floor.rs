//! A shard together with the kernel's word on who of its listeners has said something.
//!
//! Always: a pass asks the kernel once, however many listen, and more often only while many talk;
//! it takes a bounded number of bytes from them, and waits for nobody.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::audience::{Audience, Seat};
use super::listener::Line;
use super::shard::Shard;
use crate::websocket::End;

/// Listeners that are heard in a pass at most; the others are heard in the next one, for the
/// kernel tells of those again last that it has told of.
const HEARD_PER_PASS: usize = 256;
/// As many of them at a time.
const HEARD_AT_ONCE: usize = 16;
/// Bytes after which nobody else is heard in a pass. Messages of no content cost most: these take
/// less than a millisecond.
const ENOUGH: usize = 32 * 1024;

/// Listeners with their sockets.
pub(super) struct Floor<L> {
    shard: Shard<L>,
    poll: Epoll,
    events: Vec<EpollEvent>,
    greeting: Arc<[u8]>,
}

impl Line for TcpStream {
    fn address(&self) -> SocketAddr {
        self.peer_addr().unwrap_or(([0, 0, 0, 0], 0).into())
    }
}

impl<L: Line + AsFd> Floor<L> {
    /// Nobody is there yet; `greeting` is the first message for everybody, as a frame.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub(super) fn new(audience: Arc<Audience>, greeting: Arc<[u8]>) -> io::Result<Self> {
        Ok(Self {
            shard: Shard::new(audience),
            poll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            events: vec![EpollEvent::empty(); HEARD_AT_ONCE],
            greeting,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shard.is_empty()
    }

    /// One more listener; its line never blocks.
    pub(super) fn admit(&mut self, line: L, early: &[u8], seat: Seat) {
        let index = self.shard.admit(line, &self.greeting, early, seat);
        let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP, index as u64);
        let line = self.shard.line(index);
        if line.is_none_or(|line| self.poll.add(line, event).is_err()) {
            // The system's memory is exhausted: nobody can be kept who is not heard.
            self.shard.remove(index);
        } else if !early.is_empty() {
            self.shard.hear(index, Instant::now());
        }
    }

    /// One more frame for all.
    pub(super) fn push(&mut self, packet: &[u8]) {
        self.shard.push(packet);
    }

    /// So many frames were missed by all.
    pub(super) fn leave_out(&mut self, frames: u64) {
        self.shard.leave_out(frames);
    }

    /// It is over for everybody.
    pub(super) fn dismiss(&mut self, end: End) {
        self.shard.dismiss(end, Instant::now());
    }

    /// Hears who has said something, and sends everybody what they lack.
    pub(super) fn pass(&mut self) {
        let now = Instant::now();
        let mut taken = 0;
        for _ in 0..HEARD_PER_PASS / HEARD_AT_ONCE {
            let events = &mut self.events;
            // Interrupted, as the only error there is, means that nobody is heard this time.
            let heard = self.poll.wait(events, EpollTimeout::ZERO).unwrap_or(0);
            for event in &self.events[..heard] {
                // The place was given as such a number.
                taken += self.shard.hear(event.data() as usize, now);
            }
            if heard < HEARD_AT_ONCE || taken >= ENOUGH {
                break;
            }
        }
        self.shard.pass(now);
    }
}

/// A floor without a server around it, for the benchmark: frames and passes over these streams.
#[doc(hidden)]
pub struct BareFloor(Floor<TcpStream>);

impl BareFloor {
    /// Takes streams that never block.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new(streams: impl IntoIterator<Item = TcpStream>) -> io::Result<Self> {
        let audience = Arc::<Audience>::default();
        let mut floor = Floor::new(audience.clone(), Arc::new([]))?;
        for stream in streams {
            floor.admit(stream, &[], audience.enter());
        }
        Ok(Self(floor))
    }

    /// What the shard's thread does for one frame.
    pub fn fan_out(&mut self, packet: &[u8]) {
        self.0.push(packet);
        self.0.pass();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::os::fd::BorrowedFd;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::websocket::MAX_INCOMING;

    const TALKERS: usize = 100;
    /// Bytes in a pass.
    const MOST: usize = 128 * 1024;
    /// A message of a client without content.
    const EMPTY: [u8; 6] = [0x82, 0x80, 0, 0, 0, 0];

    /// A socket, and how much was read from it.
    struct CountedLine {
        stream: TcpStream,
        read: Arc<AtomicUsize>,
    }

    impl Read for CountedLine {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let bytes = self.stream.read(buffer)?;
            self.read.fetch_add(bytes, Ordering::Relaxed);
            Ok(bytes)
        }
    }

    impl Write for CountedLine {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.stream.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl AsFd for CountedLine {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.stream.as_fd()
        }
    }

    impl Line for CountedLine {
        fn address(&self) -> SocketAddr {
            self.stream.address()
        }
    }

    /// Both ends of a connection.
    fn pair(door: &TcpListener) -> (TcpStream, TcpStream) {
        let far = TcpStream::connect(door.local_addr().unwrap()).unwrap();
        let (near, _) = door.accept().unwrap();
        near.set_nonblocking(true).unwrap();
        (far, near)
    }

    #[test]
    fn those_who_talk_without_end_are_heard_in_turns_a_bounded_part_in_a_pass() {
        let audience = Arc::<Audience>::default();
        let mut floor = Floor::new(audience.clone(), Arc::new([])).unwrap();
        let door = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let mut talkers = Vec::new();
        for _ in 0..TALKERS {
            let (mut far, stream) = pair(&door);
            far.write_all(&EMPTY.repeat(4 * MAX_INCOMING / EMPTY.len()))
                .unwrap();
            let read = Arc::<AtomicUsize>::default();
            let line = CountedLine {
                stream,
                read: read.clone(),
            };
            floor.admit(line, &[], audience.enter());
            talkers.push((far, read));
        }
        let read = || {
            let each = talkers.iter().map(|(_, read)| read.load(Ordering::Relaxed));
            each.collect::<Vec<_>>()
        };
        let enough_for_all = (TALKERS * MAX_INCOMING).div_ceil(ENOUGH);
        let mut before = 0;
        for pass in 0..enough_for_all {
            floor.pass();
            let all = read().into_iter().sum::<usize>();
            let taken = all - before;
            assert!((1..=MOST).contains(&taken), "pass {pass}: {taken}");
            before = all;
        }
        let each = read();
        assert!(each.iter().all(|&bytes| bytes > 0), "{each:?}");
        assert_eq!(audience.listeners(), TALKERS);
    }
}
