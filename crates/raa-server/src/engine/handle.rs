//! What the rest of the server holds of the engine: commands in, frames and snapshots out.
//!
//! Always: nobody who holds this makes the engine wait for longer than a copy takes.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use bytes::Bytes;
use raa_core::SLOT;
use raa_core::client::ClientView;
use raa_core::hub::{Command, CommandError, HubStats};
use tokio::sync::{broadcast, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::health::Health;
use super::timing::Timing;

/// Everything there is to read of the engine.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When it was taken.
    pub taken: Instant,
    /// All clients, by SSRC.
    pub clients: Vec<ClientView>,
    /// The hub's counters.
    pub stats: HubStats,
    /// How long slots took, over the last full 5 s.
    pub mix_cycle: Timing,
    /// How late slots started, over the last full 5 s.
    pub slot_lateness: Timing,
    /// Clients in the mix, mean over the last full 5 s.
    pub avg_active: f64,
    /// Datagrams the kernel had no room for.
    pub dropped_datagrams: u64,
    /// Reports to senders that could not be sent.
    pub unsent_reports: u64,
}

impl Snapshot {
    /// One client.
    pub(crate) fn client(&self, ssrc: u32) -> Option<&ClientView> {
        let index = self
            .clients
            .binary_search_by_key(&ssrc, |client| client.ssrc)
            .ok()?;
        self.clients.get(index)
    }
}

/// Why a command had no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The hub refused it.
    #[error(transparent)]
    Refused(#[from] CommandError),
    /// The engine does not answer: it is overloaded or stopping.
    #[error("the engine takes no commands at the moment")]
    Unavailable,
}

pub(super) enum Request {
    Command(Command, oneshot::Sender<Result<(), CommandError>>),
    Shutdown,
}

/// The rest of the server's hold on the engine.
#[derive(Clone)]
pub struct EngineHandle {
    pub(super) inbox: SyncSender<Request>,
    pub(super) snapshot: watch::Receiver<Arc<Snapshot>>,
    pub(super) mix: broadcast::Sender<Bytes>,
    pub(super) health: Arc<Health>,
    pub(super) ended: CancellationToken,
}

/// The running thread; it ends after [`EngineHandle::shutdown`].
pub struct EngineThread(pub(super) JoinHandle<()>);

impl EngineHandle {
    /// Has a command applied between two slots; the snapshot shows the change when this returns.
    ///
    /// # Errors
    /// [`EngineError`]; then nothing has changed.
    pub async fn command(&self, command: Command) -> Result<(), EngineError> {
        let (reply, answer) = oneshot::channel();
        self.inbox
            .try_send(Request::Command(command, reply))
            .map_err(|_| EngineError::Unavailable)?;
        Ok(answer.await.map_err(|_| EngineError::Unavailable)??)
    }

    /// The newest snapshot.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.borrow().clone()
    }

    /// Tells of every new snapshot.
    pub fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.clone()
    }

    /// Every mixed frame from now on; who is too slow misses the oldest ones.
    pub fn subscribe_mix(&self) -> broadcast::Receiver<Bytes> {
        self.mix.subscribe()
    }

    /// False when no slot has been played for a second.
    pub fn is_healthy(&self) -> bool {
        self.health.is_healthy(Instant::now())
    }

    /// Waits until the engine has ended, for whatever reason.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Lets the engine end after its current slot.
    pub fn shutdown(&self) {
        // A full inbox is emptied within a slot; an engine that is gone needs no word.
        while let Err(TrySendError::Full(_)) = self.inbox.try_send(Request::Shutdown) {
            thread::sleep(SLOT);
        }
    }
}

impl EngineThread {
    /// Waits for the end.
    ///
    /// # Errors
    /// When the engine has panicked.
    pub fn join(self) -> thread::Result<()> {
        self.0.join()
    }
}
