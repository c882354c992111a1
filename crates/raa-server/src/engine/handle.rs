//! The rest of the server's access to the engine: commands in, frames and snapshots out.
//!
//! Always: no holder of a handle makes the engine wait for longer than a copy takes.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use bytes::Bytes;
use raa_core::SLOT;
use raa_core::client::{ClientView, Status};
use raa_core::hub::{Command, CommandError, HubStats};
use raa_core::mix::MixId;
use raa_core::refused_senders::RefusedSender;
use tokio::sync::{broadcast, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::health::Health;
use super::timing::{Histogram, Timing};

/// The engine's state at one instant.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    /// The instant.
    pub(crate) taken: Instant,
    /// All clients, by SSRC.
    pub(crate) clients: Vec<ClientView>,
    /// The hub's counters.
    pub(crate) stats: HubStats,
    /// The senders that are being refused, the newest first.
    pub(crate) refused_senders: Vec<RefusedSender>,
    /// Duration of a slot's work, over the last full 5 s.
    pub(crate) mix_cycle: Timing,
    /// Lateness with which slots started, over the last full 5 s.
    pub(crate) slot_lateness: Timing,
    /// Durations of a slot's work since the start.
    pub(crate) mix_cycles: Histogram,
    /// Latenesses with which slots started, since the start.
    pub(crate) slot_latenesses: Histogram,
    /// Clients in the mix, mean over the last full 5 s.
    pub(crate) avg_active: f64,
    /// Datagrams lost because an input's queue was full.
    pub(crate) dropped_datagrams: u64,
    /// Reports to senders that could not be sent.
    pub(crate) unsent_reports: u64,
}

impl Snapshot {
    /// Returns one client.
    pub(crate) fn client(&self, ssrc: u32) -> Option<&ClientView> {
        let index = self
            .clients
            .binary_search_by_key(&ssrc, |client| client.ssrc)
            .ok()?;
        self.clients.get(index)
    }

    /// Returns how many clients have this status.
    pub(crate) fn count(&self, status: Status) -> usize {
        let clients = self.clients.iter();
        clients.filter(|client| client.status == status).count()
    }
}

/// One mix's frame of a slot.
#[derive(Debug, Clone)]
pub(crate) struct MixFrame {
    /// The mix.
    pub(crate) mix: MixId,
    /// An RTP packet with the encoded frame.
    pub(crate) datagram: Bytes,
}

/// The frames of all mixes of one slot.
pub(crate) type MixedSlot = Arc<[MixFrame]>;

/// The reason for which a command had no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EngineError {
    /// The hub refused it.
    #[error(transparent)]
    Refused(#[from] CommandError),
    /// The engine does not answer: it is overloaded or stopping.
    #[error("the audio engine is overloaded or stopping")]
    Unavailable,
}

pub(super) enum Request {
    Command(Command, oneshot::Sender<Result<(), CommandError>>),
    Shutdown,
}

/// Access to the running engine.
#[derive(Clone)]
pub(crate) struct EngineHandle {
    pub(super) inbox: SyncSender<Request>,
    pub(super) snapshot: watch::Receiver<Arc<Snapshot>>,
    pub(super) mixes: broadcast::Sender<MixedSlot>,
    pub(super) health: Arc<Health>,
    pub(super) ended: CancellationToken,
}

/// The running thread; it ends after [`EngineHandle::shutdown`].
pub(crate) struct EngineThread(pub(super) JoinHandle<()>);

impl EngineHandle {
    /// Applies a command between two slots; when this returns, the snapshot shows the change.
    ///
    /// # Errors
    /// [`EngineError`]; nothing has changed.
    pub(crate) async fn command(&self, command: Command) -> Result<(), EngineError> {
        let (reply, answer) = oneshot::channel();
        self.inbox
            .try_send(Request::Command(command, reply))
            .map_err(|_| EngineError::Unavailable)?;
        Ok(answer.await.map_err(|_| EngineError::Unavailable)??)
    }

    /// Returns the newest snapshot.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.borrow().clone()
    }

    /// Returns a receiver that is notified of every new snapshot.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.clone()
    }

    /// Returns a receiver of every slot's frames from now on; a slow reader misses the oldest slots.
    pub(crate) fn subscribe_mixes(&self) -> broadcast::Receiver<MixedSlot> {
        self.mixes.subscribe()
    }

    /// Returns whether a slot has been played within the last second.
    pub(crate) fn is_healthy(&self) -> bool {
        self.health.is_healthy(Instant::now())
    }

    /// Waits until the engine has ended, for any reason.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Makes the engine end after its current slot.
    pub(crate) fn shutdown(&self) {
        // A full inbox is emptied within a slot; an engine that has ended needs no request.
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
    pub(crate) fn join(self) -> thread::Result<()> {
        self.0.join()
    }
}
