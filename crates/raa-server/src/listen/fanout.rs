//! The threads that write the mix to its listeners, each for its own shard of them.
//!
//! A thread sleeps on the engine's broadcast and serves all of its listeners when a frame comes:
//! one wake-up per slot and shard, none per listener. Without listeners it sleeps on its queue of
//! newcomers. Always: the engine never waits for it; when it is late, it takes all frames that
//! wait at once; it ends a bounded time after the server's stop.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::mpsc::error::SendError;
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use super::audience::{Audience, Seat};
use super::floor::Floor;
use super::frames::Frames;
use super::listener::{Line, Listener};
use crate::connection::Connection;
use crate::engine::EngineHandle;
use crate::websocket::{CLOSE_LIMIT, End};

/// One shard has so many listeners before the next one gets any: they take 5 ms of 20.
const SHARD_LISTENERS: usize = 1000;
/// More shards would only share the same wire.
const MAX_SHARDS: usize = 8;
/// Newcomers that wait for the next frame; more wait for room here.
const NEWCOMERS: usize = 256;
/// Pause between two looks at who has said goodbye.
const GOODBYE_PAUSE: Duration = Duration::from_millis(10);

/// The way to the threads.
pub(crate) struct Fanout {
    shards: Vec<Entrance>,
    audience: Arc<Audience>,
}

/// The running threads; they end after the server's stop.
pub(crate) struct FanoutThreads(Vec<JoinHandle<()>>);

struct Entrance {
    newcomers: mpsc::Sender<Newcomer>,
    listeners: Arc<AtomicUsize>,
}

struct Newcomer {
    wire: Wire,
    early: Bytes,
    seat: Seat,
}

impl Newcomer {
    /// Says goodbye at once: a new socket has room for that.
    fn turn_away(self, end: End) {
        let now = Instant::now();
        let mut listener = Listener::new(self.wire, &[], &self.early, 0);
        listener.leave(end, now);
        listener.send(&Frames::default(), now);
    }
}

/// Starts one thread per core.
///
/// # Errors
/// When the system has no thread or no descriptor left.
pub(crate) fn start(
    engine: &EngineHandle,
    audience: &Arc<Audience>,
    greeting: &Arc<[u8]>,
    stop: &CancellationToken,
) -> anyhow::Result<(Fanout, FanoutThreads)> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let (mut shards, mut threads) = (Vec::new(), Vec::new());
    for number in 0..cores.min(MAX_SHARDS) {
        let (newcomers, queue) = mpsc::channel(NEWCOMERS);
        let worker = Worker {
            newcomers: queue,
            engine: engine.clone(),
            stop: stop.clone(),
            runtime: Handle::current(),
            floor: Floor::new(audience.clone(), greeting.clone())?,
        };
        let thread = thread::Builder::new()
            .name(format!("fanout-{number}"))
            .spawn(move || worker.run())
            .context("cannot start a thread for listeners")?;
        threads.push(thread);
        shards.push(Entrance {
            newcomers,
            listeners: Arc::default(),
        });
    }
    let audience = audience.clone();
    Ok((Fanout { shards, audience }, FanoutThreads(threads)))
}

impl Fanout {
    /// Hands over a listener after its handshake; `early` has come together with it.
    ///
    /// # Errors
    /// When the stream cannot be taken out of the runtime.
    pub(super) async fn admit(
        &self,
        stream: tokio::net::TcpStream,
        early: Bytes,
        connection: Arc<Connection>,
    ) -> io::Result<()> {
        let seat = self.audience.enter();
        let stream = stream.into_std()?;
        let shard = &self.shards[choose(self.shards.iter().map(Entrance::load))];
        let newcomer = Newcomer {
            wire: Wire {
                stream,
                connection,
                _berth: Berth::new(&shard.listeners),
            },
            early,
            seat,
        };
        if let Err(SendError(late)) = shard.newcomers.send(newcomer).await {
            late.turn_away(End::Stopping);
        }
        Ok(())
    }
}

impl Entrance {
    /// Its listeners; a thread that has ended gets none as long as there is another.
    fn load(&self) -> usize {
        if self.newcomers.is_closed() {
            return usize::MAX;
        }
        self.listeners.load(Ordering::Relaxed)
    }
}

impl FanoutThreads {
    /// Waits for their end.
    pub(crate) fn join(self) {
        for thread in self.0 {
            // An error is a panic, which has been told already.
            let _ = thread.join();
        }
    }
}

/// The first shard that has room, else the emptiest one.
fn choose(listeners: impl Iterator<Item = usize>) -> usize {
    let rank = |(index, count): &(usize, usize)| match *count {
        count if count < SHARD_LISTENERS => (0, *index),
        count => (count, *index),
    };
    listeners
        .enumerate()
        .min_by_key(rank)
        .map_or(0, |(index, _)| index)
}

/// A listener's socket, with what it takes as long as it is open.
struct Wire {
    stream: TcpStream,
    connection: Arc<Connection>,
    _berth: Berth,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Line for Wire {
    fn address(&self) -> SocketAddr {
        self.connection.peer
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Counts a shard's connection until it is dropped.
struct Berth(Arc<AtomicUsize>);

impl Berth {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Berth {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One thread.
struct Worker {
    newcomers: mpsc::Receiver<Newcomer>,
    engine: EngineHandle,
    stop: CancellationToken,
    /// Wakes the thread; nothing of it runs there.
    runtime: Handle,
    floor: Floor<Wire>,
}

impl Worker {
    fn run(mut self) {
        while let Some(newcomer) = self.first_newcomer() {
            // Without listeners the engine has nobody to send to.
            let mut mix = self.engine.subscribe_mix();
            self.admit(newcomer);
            while !self.floor.is_empty() && self.take_frames(&mut mix) {
                self.floor.pass();
            }
        }
        self.say_goodbye();
    }

    /// Sleeps until somebody comes; `None` when the server stops.
    fn first_newcomer(&mut self) -> Option<Newcomer> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => None,
                newcomer = self.newcomers.recv() => newcomer,
            }
        })
    }

    /// Sleeps until a frame is there and takes all that wait, as well as who has come meanwhile;
    /// false when the server stops.
    fn take_frames(&mut self, mix: &mut broadcast::Receiver<Bytes>) -> bool {
        let first = self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => Err(RecvError::Closed),
                frame = mix.recv() => frame,
            }
        });
        match first {
            Ok(frame) => self.floor.push(&frame),
            Err(RecvError::Lagged(missed)) => self.floor.leave_out(missed),
            Err(RecvError::Closed) => return false,
        }
        loop {
            match mix.try_recv() {
                Ok(frame) => self.floor.push(&frame),
                Err(TryRecvError::Lagged(missed)) => self.floor.leave_out(missed),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        // Behind the frames, which went before they were here.
        self.admit_waiting();
        true
    }

    fn admit(&mut self, newcomer: Newcomer) {
        let Newcomer { wire, early, seat } = newcomer;
        self.floor.admit(wire, &early, seat);
    }

    fn admit_waiting(&mut self) {
        for _ in 0..NEWCOMERS {
            let Ok(newcomer) = self.newcomers.try_recv() else {
                return;
            };
            self.admit(newcomer);
        }
    }

    /// Tells everybody of the end and waits for their answers.
    fn say_goodbye(&mut self) {
        let until = Instant::now() + CLOSE_LIMIT;
        // Who comes from now on is turned away at the entrance.
        self.newcomers.close();
        loop {
            self.admit_waiting();
            self.floor.dismiss(End::Stopping);
            self.floor.pass();
            if self.floor.is_empty() || Instant::now() >= until {
                return;
            }
            thread::sleep(GOODBYE_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_filled_one_after_the_other_and_then_evenly() {
        let mut counts = [0; 3];
        for listener in 0..3000 {
            let chosen = choose(counts.iter().copied());
            assert_eq!(chosen, listener / 1000, "{counts:?}");
            counts[chosen] += 1;
        }
        for _ in 0..300 {
            counts[choose(counts.iter().copied())] += 1;
        }
        assert_eq!(counts, [1100; 3]);
        counts[1] = 999;
        assert_eq!(choose(counts.into_iter()), 1, "where there is room again");
    }
}
