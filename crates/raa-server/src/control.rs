//! Carries out operators' commands, one after the other, those of different addresses in turns.
//!
//! A change is stored first and applied afterwards: a confirmed change survives kill -9, and a
//! change that the disk refused is not applied either. Always: store and engine agree between two
//! commands; a command that has begun is finished even if the client that sent it has gone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use raa_core::client::{ClientView, Status};
use raa_core::hub::{Command, CommandError};
use raa_core::settings::{ClientSettings, Name, SoundingFrom, Volume};
use tracing::error;

use crate::change_log::ChangeLog;
use crate::engine::{EngineError, EngineHandle, Snapshot};
use crate::id::ClientId;
use crate::store::{LastSeen, Store, StoreError};

mod bulk;
mod turns;

pub(crate) use bulk::{Forgotten, Kept};
use turns::Turns;

/// Longest wait for the engine, which normally applies a command within a slot.
const ENGINE_LIMIT: Duration = Duration::from_secs(2);

/// A change to a client's settings; a field that is `None` stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Change {
    /// New name; `Some(None)` restores the name that the sender reports.
    pub(crate) name: Option<Option<Name>>,
    /// New volume.
    pub(crate) volume: Option<Volume>,
    /// New mute state.
    pub(crate) muted: Option<bool>,
    /// New level from which it counts as sounding; `Some(None)` restores the server's setting.
    pub(crate) sounding_from: Option<Option<SoundingFrom>>,
}

impl Change {
    fn applied_to(self, old: &ClientSettings) -> ClientSettings {
        ClientSettings {
            name: self.name.unwrap_or_else(|| old.name.clone()),
            volume: self.volume.unwrap_or(old.volume),
            muted: self.muted.unwrap_or(old.muted),
            sounding_from: self.sounding_from.unwrap_or(old.sounding_from),
        }
    }
}

/// Why a command was not carried out. Nothing has changed in this case.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    /// There is no such client.
    #[error("there is no client with the id {0}")]
    Unknown(ClientId),
    /// The client is connected, so it can't be deleted.
    #[error("client {0} is connected; only offline clients can be deleted")]
    Connected(ClientId),
    /// So many clients have settings that no further one can have any.
    #[error(
        "{0} clients have settings, as many as max_configured_clients in raa-server.toml allows; \
         delete some that are offline, or raise it"
    )]
    TooManyConfigured(usize),
    /// The disk, or another program that holds the file, refused the change.
    #[error("the change was not made because it cannot be stored: {0}")]
    NotStored(#[from] StoreError),
    /// The engine is stalled or stopping.
    #[error("the audio engine does not respond")]
    Unavailable,
}

/// The only way to change clients. Clones share one queue of commands.
#[derive(Clone)]
pub(crate) struct Control(Arc<Inner>);

struct Inner {
    engine: EngineHandle,
    store: Store,
    changes: ChangeLog,
    max_configured: usize,
    /// Held from reading the old state until the new one is applied.
    turns: Turns,
}

impl Control {
    /// Controls `engine` and `store`, which nothing else may change.
    /// At most `max_configured` clients can have settings.
    pub(crate) fn new(engine: EngineHandle, store: Store, max_configured: usize) -> Self {
        Self(Arc::new(Inner {
            engine,
            store,
            changes: ChangeLog::default(),
            max_configured,
            turns: Turns::default(),
        }))
    }

    /// Returns the log of changes.
    pub(crate) fn changes(&self) -> &ChangeLog {
        &self.0.changes
    }

    /// Changes a client's settings for the host at `peer` and returns a snapshot that shows the
    /// change.
    ///
    /// # Errors
    /// [`ControlError`].
    pub(crate) async fn change(
        &self,
        id: ClientId,
        change: Change,
        peer: SocketAddr,
    ) -> Result<Arc<Snapshot>, ControlError> {
        let inner = self.0.clone();
        finish(async move { inner.change(id, change, peer).await }).await
    }

    /// Deletes an offline client.
    ///
    /// # Errors
    /// [`ControlError`].
    pub(crate) async fn forget(&self, id: ClientId, peer: SocketAddr) -> Result<(), ControlError> {
        let inner = self.0.clone();
        finish(async move { inner.forget(id, peer).await }).await
    }

    /// Deletes those of these clients that are offline, all of them at once.
    ///
    /// # Errors
    /// [`ControlError`].
    pub(crate) async fn forget_offline(
        &self,
        ids: Vec<ClientId>,
        peer: SocketAddr,
    ) -> Result<Forgotten, ControlError> {
        let inner = self.0.clone();
        finish(async move { inner.forget_offline(ids, peer).await }).await
    }

    /// Stores when clients were last seen, for those seen within the last `window`, and deletes the
    /// unconfigured ones of `evicted`.
    ///
    /// # Errors
    /// When the disk refuses the write.
    pub(crate) async fn save_last_seen(
        &self,
        window: Duration,
        evicted: Vec<u32>,
    ) -> Result<(), StoreError> {
        let _turn = self.0.turns.of_server().await;
        let seen = seen_within(&self.0.engine.snapshot(), window);
        if seen.is_empty() && evicted.is_empty() {
            return Ok(());
        }
        self.0.store.save_last_seen(seen, evicted).await
    }
}

impl Inner {
    async fn change(
        &self,
        id: ClientId,
        change: Change,
        peer: SocketAddr,
    ) -> Result<Arc<Snapshot>, ControlError> {
        let _turn = self.turns.of(peer.ip()).await;
        let old = self.client(id)?;
        let new = change.applied_to(&old.settings);
        if new != old.settings {
            if new.is_configured() && !old.settings.is_configured() {
                self.require_room()?;
            }
            self.require_engine()?;
            self.store.save_settings(id.0, new.clone()).await?;
            self.command(Command::Configure {
                ssrc: id.0,
                settings: new.clone(),
            })
            .await?;
            self.changes.note_change(Instant::now(), peer, &old, &new);
        }
        Ok(self.engine.snapshot())
    }

    async fn forget(&self, id: ClientId, peer: SocketAddr) -> Result<(), ControlError> {
        let _turn = self.turns.of(peer.ip()).await;
        let client = self.client(id)?;
        if client.status != Status::Offline {
            return Err(ControlError::Connected(id));
        }
        self.require_engine()?;
        self.store.delete(id.0).await?;
        let forgotten = self.command(Command::Forget { ssrc: id.0 }).await;
        if forgotten.is_err() {
            // The client has just come back, so it keeps its settings.
            self.store.save_settings(id.0, client.settings).await?;
        }
        forgotten?;
        self.changes.note_deletion(Instant::now(), peer, &[id]);
        Ok(())
    }

    async fn forget_offline(
        &self,
        ids: Vec<ClientId>,
        peer: SocketAddr,
    ) -> Result<Forgotten, ControlError> {
        let _turn = self.turns.of(peer.ip()).await;
        let before = self.engine.snapshot();
        let (offline, mut done) = bulk::offline_of(&before, ids);
        if offline.is_empty() {
            return Ok(done);
        }
        self.require_engine()?;
        let ssrcs: Vec<u32> = offline.iter().map(|client| client.ssrc).collect();
        self.store.delete_all(ssrcs.clone()).await?;
        let forgotten = self.command(Command::ForgetOffline { ssrcs }).await;
        let after = self.engine.snapshot();
        // Those that have just come back keep their settings.
        let back = offline
            .iter()
            .filter(|client| after.client(client.ssrc).is_some());
        let back: Vec<&ClientView> = back.copied().collect();
        if !back.is_empty() {
            let settings = back
                .iter()
                .map(|client| (client.ssrc, client.settings.clone()));
            let seen = bulk::seen_times(&before, back.iter().copied());
            self.store.put_back(settings.collect(), seen).await?;
        }
        forgotten?;
        let is_back = |client: &&ClientView| back.iter().any(|back| back.ssrc == client.ssrc);
        let (kept, gone): (Vec<&ClientView>, Vec<_>) = offline.into_iter().partition(is_back);
        let connected = |client: &ClientView| (ClientId(client.ssrc), Kept::Connected);
        done.kept.extend(kept.into_iter().map(connected));
        done.forgotten = gone
            .into_iter()
            .map(|client| ClientId(client.ssrc))
            .collect();
        let now = Instant::now();
        self.changes.note_deletion(now, peer, &done.forgotten);
        Ok(done)
    }

    fn client(&self, id: ClientId) -> Result<ClientView, ControlError> {
        let snapshot = self.engine.snapshot();
        let client = snapshot.client(id.0).cloned();
        client.ok_or(ControlError::Unknown(id))
    }

    /// Checks that one more client can have settings.
    fn require_room(&self) -> Result<(), ControlError> {
        let snapshot = self.engine.snapshot();
        let configured = snapshot.clients.iter();
        let configured = configured.filter(|client| client.settings.is_configured());
        match configured.count() {
            count if count >= self.max_configured => Err(ControlError::TooManyConfigured(count)),
            _ => Ok(()),
        }
    }

    /// Checks the engine before the store is written to, so that the two keep agreeing.
    fn require_engine(&self) -> Result<(), ControlError> {
        if self.engine.is_healthy() {
            Ok(())
        } else {
            Err(ControlError::Unavailable)
        }
    }

    async fn command(&self, command: Command) -> Result<(), ControlError> {
        let answer = tokio::time::timeout(ENGINE_LIMIT, self.engine.command(command)).await;
        match answer.unwrap_or(Err(EngineError::Unavailable)) {
            Ok(()) => Ok(()),
            Err(EngineError::Refused(CommandError::NotFound(ssrc))) => {
                Err(ControlError::Unknown(ClientId(ssrc)))
            }
            Err(EngineError::Refused(CommandError::Connected(ssrc))) => {
                Err(ControlError::Connected(ClientId(ssrc)))
            }
            Err(EngineError::Unavailable) => Err(ControlError::Unavailable),
        }
    }
}

/// Runs `work` to its end even if the returned future is dropped, as happens when a browser closes
/// its connection.
async fn finish<T: Send + 'static>(
    work: impl Future<Output = Result<T, ControlError>> + Send + 'static,
) -> Result<T, ControlError> {
    match tokio::spawn(work).await {
        Ok(done) => {
            if let Err(ControlError::NotStored(reason)) = &done {
                error!(%reason, "a change was refused because it cannot be stored");
            }
            done
        }
        Err(_stopping) => Err(ControlError::Unavailable),
    }
}

fn seen_within(snapshot: &Snapshot, window: Duration) -> Vec<LastSeen> {
    let clients = snapshot.clients.iter();
    let seen = clients.filter(|client| client.last_packet_ago.is_some_and(|ago| ago <= window));
    bulk::seen_times(snapshot, seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_keeps_the_other_fields() {
        let old = ClientSettings {
            name: Name::new("Ward 3").ok(),
            volume: Volume::new(50).unwrap(),
            muted: true,
            sounding_from: SoundingFrom::new(-40.0).ok(),
        };
        assert_eq!(Change::default().applied_to(&old), old);
        let change = Change {
            volume: Volume::new(0).ok(),
            ..Change::default()
        };
        let expected = ClientSettings {
            volume: Volume::new(0).unwrap(),
            ..old.clone()
        };
        assert_eq!(change.applied_to(&old), expected);
        let change = Change {
            name: Some(Name::new("b").ok()),
            muted: Some(false),
            volume: None,
            sounding_from: Some(None),
        };
        let expected = ClientSettings {
            name: Name::new("b").ok(),
            muted: false,
            sounding_from: None,
            ..old.clone()
        };
        assert_eq!(change.applied_to(&old), expected);
        let change = Change {
            name: Some(None),
            ..Change::default()
        };
        let expected = ClientSettings {
            name: None,
            ..old.clone()
        };
        assert_eq!(change.applied_to(&old), expected);
    }
}
