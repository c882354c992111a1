//! A shard together with the kernel's word on who of its listeners has said something.
//!
//! Always: a pass asks the kernel once, however many listen, takes a bounded number of bytes from
//! them, and waits for nobody.

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

/// Listeners that are heard in a pass; the others are heard in the next one.
const HEARD_PER_PASS: usize = 256;

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
            events: vec![EpollEvent::empty(); HEARD_PER_PASS],
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
        let events = &mut self.events;
        // Interrupted, as the only error there is, means that nobody is heard this time.
        let heard = self.poll.wait(events, EpollTimeout::ZERO).unwrap_or(0);
        let now = Instant::now();
        for event in &self.events[..heard] {
            // The place was given as such a number.
            self.shard.hear(event.data() as usize, now);
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
