//! Receives the mix over many WebSocket connections and measures whether all frames come in time.
//!
//! One thread serves all listeners. It sleeps 5 ms at a time and then reads everything that has
//! arrived, so a frame wakes nothing up; its arrival time comes from the kernel. Frames that are
//! read together count as arrived with the last of them, so lateness is never underestimated.
//! Only some hundred listeners, spread evenly, are timed like that. The frames of the others are
//! only counted, about ten of them in one read, which leaves the machine to the server.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use raa_core::arrival::Clocks;
use raa_sim::measure::socket::raise_descriptor_limit;

use crate::connection::{Connection, Reader, clocks_now};
use crate::listener::{MixReport, Tally};
use crate::progress::Progress;

/// The interval at which sockets are read.
const TICK: Duration = Duration::from_millis(5);
/// New connections per tick, few enough that the open ones are still read in time.
const OPENED_PER_TICK: usize = 10;
/// The most listeners that are timed.
const MAX_TIMED: usize = 500;
/// Untimed listeners are read every 40th tick (200 ms).
const UNTIMED_TICKS: usize = 40;
/// Events per call of epoll.
const EVENTS: usize = 1024;

/// All listeners of a run.
pub(crate) struct Listeners {
    server: SocketAddr,
    wanted: usize,
    epoll: Epoll,
    /// `None` for a connection that has ended.
    connections: Vec<Option<Connection>>,
    /// Number of the next tick.
    tick: usize,
    disconnected: u64,
    tally: Tally,
    reader: Reader,
}

impl Listeners {
    /// Prepares `wanted` listeners of the server's web port, without connecting them.
    pub(crate) fn new(server: SocketAddr, wanted: u32) -> anyhow::Result<Self> {
        raise_descriptor_limit();
        Ok(Self {
            server,
            wanted: wanted as usize,
            epoll: Epoll::new(EpollCreateFlags::empty()).context("cannot use epoll")?,
            connections: Vec::with_capacity(wanted as usize),
            tick: 0,
            disconnected: 0,
            tally: Tally::default(),
            reader: Reader::new(),
        })
    }

    /// Connects and receives until `progress` says stop. Only frames that arrive while `progress`
    /// is measuring count.
    pub(crate) fn run(mut self, progress: &Progress) -> anyhow::Result<MixReport> {
        let mut due = Instant::now();
        while !progress.stop.load(Ordering::Relaxed) {
            self.open_some()?;
            if self.connections.len() == self.wanted {
                progress.listening.store(true, Ordering::Relaxed);
            }
            self.drain(progress.measuring.load(Ordering::Relaxed))?;
            // Ticks that were missed in a stall are not made up for.
            due = (due + TICK).max(Instant::now());
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let kernel_times = self.reader.has_kernel_times();
        Ok(self
            .tally
            .report(self.wanted as u32, self.disconnected, kernel_times))
    }

    fn open_some(&mut self) -> anyhow::Result<()> {
        let missing = self.wanted - self.connections.len();
        for _ in 0..missing.min(OPENED_PER_TICK) {
            let n = self.connections.len();
            let is_timed = n.is_multiple_of(self.wanted.div_ceil(MAX_TIMED));
            let connection = Connection::open(self.server, is_timed)
                .with_context(|| format!("listener {}", n + 1))?;
            if is_timed {
                let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
                let event = EpollEvent::new(flags, n as u64);
                self.epoll.add(connection.stream(), event)?;
            }
            self.connections.push(Some(connection));
        }
        Ok(())
    }

    /// Reads the timed listeners that have data, and the untimed ones of this tick.
    fn drain(&mut self, is_measuring: bool) -> anyhow::Result<()> {
        for n in (self.tick % UNTIMED_TICKS..self.connections.len()).step_by(UNTIMED_TICKS) {
            if self.connections[n]
                .as_ref()
                .is_some_and(|one| !one.is_timed())
            {
                self.read(n, clocks_now(), is_measuring);
            }
        }
        self.tick += 1;
        let mut events = [EpollEvent::empty(); EVENTS];
        loop {
            let count = match self.epoll.wait(&mut events, EpollTimeout::ZERO) {
                Err(Errno::EINTR) => continue,
                count => count.context("cannot wait for the listeners' sockets")?,
            };
            let clocks = clocks_now();
            for event in &events[..count] {
                self.read(event.data() as usize, clocks, is_measuring);
            }
            if count < EVENTS {
                return Ok(());
            }
        }
    }

    /// Reads one connection. Dropping an ended one also removes it from epoll.
    fn read(&mut self, n: usize, clocks: Clocks, is_measuring: bool) {
        let tally = is_measuring.then_some(&mut self.tally);
        if let Some(connection) = &mut self.connections[n]
            && !connection.read(&mut self.reader, clocks, tally)
        {
            self.connections[n] = None;
            self.disconnected += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use raa_core::rtp::Packet;
    use raa_core::{OPUS_PAYLOAD_TYPE, SLOT_SAMPLES};
    use tokio_tungstenite::tungstenite::{Message, accept};

    use super::*;

    fn frame(n: u16) -> Message {
        let packet = Packet {
            marker: false,
            payload_type: OPUS_PAYLOAD_TYPE,
            sequence_number: n,
            timestamp: u32::from(n) * SLOT_SAMPLES as u32,
            ssrc: 1,
            payload: &[0; 160],
        };
        let mut bytes = Vec::new();
        packet.write(&mut bytes);
        Message::binary(bytes)
    }

    /// The server sends frames 0 to 9 without number 5, and a close frame to the first listener.
    #[test]
    fn frames_and_closed_connections_are_counted() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut listeners = Listeners::new(server.local_addr().unwrap(), 2).unwrap();
        let accepting = thread::spawn(move || {
            let accepted = (0..2).map(|_| accept(server.accept().unwrap().0).unwrap());
            accepted.collect::<Vec<_>>()
        });
        listeners.open_some().unwrap();
        let mut sockets = accepting.join().unwrap();
        for socket in &mut sockets {
            socket.send(Message::text("{}")).unwrap();
            for n in (0..10).filter(|&n| n != 5) {
                socket.send(frame(n)).unwrap();
            }
        }
        sockets[0].close(None).unwrap();
        for _ in 0..1000 {
            listeners.drain(true).unwrap();
            if listeners.tally.frames == 18 && listeners.disconnected == 1 {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!((listeners.tally.frames, listeners.tally.missing), (18, 2));
        assert_eq!(
            (listeners.connections.len(), listeners.disconnected),
            (2, 1)
        );
    }

    #[test]
    fn some_listeners_are_timed_and_all_are_counted() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let mut listeners = Listeners::new(address, 2 * MAX_TIMED as u32).unwrap();
        let accepting = thread::spawn(move || {
            let accepted =
                (0..OPENED_PER_TICK).map(|_| accept(server.accept().unwrap().0).unwrap());
            accepted.collect::<Vec<_>>()
        });
        listeners.open_some().unwrap();
        for socket in &mut accepting.join().unwrap() {
            (0..60).for_each(|n| socket.send(frame(n)).unwrap());
        }
        for _ in 0..1000 {
            listeners.drain(true).unwrap();
            if listeners.tally.frames == 60 * OPENED_PER_TICK as u64 {
                break;
            }
        }
        assert_eq!(listeners.tally.frames, 60 * OPENED_PER_TICK as u64);
        let connections = listeners.connections.iter().flatten();
        let timed = connections.filter(|connection| connection.is_timed());
        assert_eq!(timed.count(), OPENED_PER_TICK / 2);
        // After the first second, ten frames of each timed listener count.
        let timed_frames = listeners.tally.lateness.count();
        assert_eq!(timed_frames, 10 * OPENED_PER_TICK as u64 / 2);
    }
}
