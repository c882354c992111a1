//! The threads that write the mixes to their listeners, each for its own shard of them.
//!
//! A thread sleeps on the engine's broadcast and serves all its listeners when a slot's frames
//! come: one wake-up per slot and shard, none per listener. Without listeners it sleeps on its
//! queue of new ones. Always: the engine never waits for it; a late thread takes all waiting slots
//! at once; it ends within a bounded time after the server's stop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use raa_core::mix::MixId;
use tokio::runtime::Handle;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::mpsc::error::SendError;
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use super::frames::Frames;
use super::hello::greeting;
use super::listener::Listener;
use super::poller::Poller;
use super::stats::{ListenerGuard, ListenerStats, ShardGuard};
use super::stream::{Socket, WsStream};
use crate::connection::Connection;
use crate::engine::{EngineHandle, MixedSlot};
use crate::websocket::{CLOSE_LIMIT, End};

/// Listeners of one shard before the next one gets any: they take 5 of 20 ms.
const SHARD_LISTENERS: usize = 1000;
/// Maximum number of shards; more would only share the same network.
const MAX_SHARDS: usize = 8;
/// New listeners that wait for their shard's next slot; further ones wait for room here.
const NEW_LISTENERS: usize = 256;
/// Pause between two checks for answers to close frames.
const CLOSE_PAUSE: Duration = Duration::from_millis(10);

/// Access to the threads.
pub(crate) struct Fanout {
    shards: Vec<ShardHandle>,
    mixes: BTreeMap<&'static str, Offer>,
    stats: Arc<ListenerStats>,
}

/// A mix that listeners can choose.
#[derive(Clone)]
pub(crate) struct Offer {
    mix: MixId,
    /// The first message of its listeners, as a WebSocket frame.
    greeting: Arc<[u8]>,
}

/// The running threads; they end after the server's stop.
pub(crate) struct FanoutThreads(Vec<JoinHandle<()>>);

struct ShardHandle {
    new_listeners: mpsc::Sender<NewListener>,
    connections: Arc<AtomicUsize>,
}

struct NewListener {
    stream: WsStream,
    offer: Offer,
    /// Bytes that arrived together with the handshake.
    early: Bytes,
    guard: ListenerGuard,
}

impl NewListener {
    /// Sends a close frame at once: the buffer of a new socket has room for it.
    fn refuse(self, end: End) {
        let now = Instant::now();
        let mut listener = Listener::new(self.stream, &[], &self.early, 0);
        listener.close(end, now);
        listener.send(&Frames::default(), now);
    }
}

/// Starts one thread per core for the mixes of these names.
///
/// # Errors
/// When the system has no thread or no descriptor left.
pub(crate) fn start(
    engine: &EngineHandle,
    stats: &Arc<ListenerStats>,
    mixes: &[(&'static str, MixId)],
    stop: &CancellationToken,
) -> anyhow::Result<(Fanout, FanoutThreads)> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let (mut shards, mut threads) = (Vec::new(), Vec::new());
    for number in 0..cores.min(MAX_SHARDS) {
        let (new_listeners, queue) = mpsc::channel(NEW_LISTENERS);
        let worker = Worker {
            new_listeners: queue,
            engine: engine.clone(),
            stop: stop.clone(),
            runtime: Handle::current(),
            poller: Poller::new(stats.clone())?,
        };
        let thread = thread::Builder::new()
            .name(format!("fanout-{number}"))
            .spawn(move || worker.run())
            .context("a thread for listeners cannot be started")?;
        threads.push(thread);
        shards.push(ShardHandle {
            new_listeners,
            connections: Arc::default(),
        });
    }
    let offer = |&(name, mix): &(&'static str, MixId)| {
        let greeting = greeting(name);
        (name, Offer { mix, greeting })
    };
    let fanout = Fanout {
        shards,
        mixes: mixes.iter().map(offer).collect(),
        stats: stats.clone(),
    };
    Ok((fanout, FanoutThreads(threads)))
}

impl Fanout {
    /// Returns the mix of a name, if there is one.
    pub(crate) fn offer(&self, name: &str) -> Option<Offer> {
        self.mixes.get(name).cloned()
    }

    /// Passes a listener on to a shard after its handshake; `early` are bytes that arrived together
    /// with it.
    pub(super) async fn admit(
        &self,
        socket: Socket,
        early: Bytes,
        connection: Arc<Connection>,
        offer: Offer,
    ) {
        let shard = &self.shards[choose(self.shards.iter().map(ShardHandle::load))];
        let guard = ShardGuard::new(&shard.connections);
        let listener = NewListener {
            stream: WsStream::new(socket, connection, guard),
            offer,
            early,
            guard: self.stats.enter(),
        };
        if let Err(SendError(late)) = shard.new_listeners.send(listener).await {
            late.refuse(End::Stopping);
        }
    }
}

impl ShardHandle {
    /// Returns the number of connections; a thread that has ended counts as full.
    fn load(&self) -> usize {
        if self.new_listeners.is_closed() {
            return usize::MAX;
        }
        self.connections.load(Ordering::Relaxed)
    }
}

impl FanoutThreads {
    /// Waits for their end.
    pub(crate) fn join(self) {
        for thread in self.0 {
            // An error is a panic, which is in the log already.
            let _ = thread.join();
        }
    }
}

/// Returns the index of the first shard with room, else of the emptiest one.
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

/// One thread.
struct Worker {
    new_listeners: mpsc::Receiver<NewListener>,
    engine: EngineHandle,
    stop: CancellationToken,
    /// Wakes the thread; none of its work runs there.
    runtime: Handle,
    poller: Poller<WsStream>,
}

impl Worker {
    fn run(mut self) {
        while let Some(listener) = self.first_listener() {
            // Without listeners the engine has no subscriber to send to.
            let mut slots = self.engine.subscribe_mixes();
            self.admit(listener);
            while !self.poller.is_empty() && self.take_slots(&mut slots) {
                self.poller.pass();
            }
        }
        self.close_all();
    }

    /// Sleeps until a listener comes; `None` when the server stops.
    fn first_listener(&mut self) -> Option<NewListener> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => None,
                listener = self.new_listeners.recv() => listener,
            }
        })
    }

    /// Sleeps until a slot's frames come, and takes all waiting slots and new listeners. Returns
    /// false when the server stops.
    fn take_slots(&mut self, slots: &mut broadcast::Receiver<MixedSlot>) -> bool {
        let first = self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => Err(RecvError::Closed),
                slot = slots.recv() => slot,
            }
        });
        match first {
            Ok(slot) => self.poller.push(&slot),
            Err(RecvError::Lagged(missed)) => self.poller.skip(missed),
            Err(RecvError::Closed) => return false,
        }
        loop {
            match slots.try_recv() {
                Ok(slot) => self.poller.push(&slot),
                Err(TryRecvError::Lagged(missed)) => self.poller.skip(missed),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        // After the frames, which are older than the new listeners.
        self.admit_waiting();
        true
    }

    fn admit(&mut self, listener: NewListener) {
        let NewListener {
            stream,
            offer,
            early,
            guard,
        } = listener;
        self.poller
            .admit(stream, offer.mix, &offer.greeting, &early, guard);
    }

    fn admit_waiting(&mut self) {
        for _ in 0..NEW_LISTENERS {
            let Ok(listener) = self.new_listeners.try_recv() else {
                return;
            };
            self.admit(listener);
        }
    }

    /// Closes every connection and waits for the answers.
    fn close_all(&mut self) {
        let deadline = Instant::now() + CLOSE_LIMIT;
        // Later listeners are refused by `Fanout::admit`.
        self.new_listeners.close();
        loop {
            self.admit_waiting();
            self.poller.close_all(End::Stopping);
            self.poller.pass();
            if self.poller.is_empty() || Instant::now() >= deadline {
                return;
            }
            thread::sleep(CLOSE_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_filled_in_turn_then_evenly() {
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
        assert_eq!(choose(counts.into_iter()), 1, "the first one with room");
    }
}
