//! Carries out operators' commands, one after the other, those of different addresses in turns.
//!
//! A change is stored first and applied afterwards: a confirmed change survives kill -9, and a
//! change that the disk refused is not applied either. Always: store and engine agree between two
//! commands; a command that has begun is finished even if the client that sent it has gone.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use raa_core::client::ClientView;
use raa_core::hub::{Command, CommandError};
use raa_core::settings::Name;
use tokio::sync::Mutex;
use tracing::error;

use crate::change_log::ChangeLog;
use crate::connection::Requester;
use crate::engine::{EngineError, EngineHandle, Snapshot};
use crate::id::ClientId;
use crate::store::{LastSeen, Saved, Store, StoreError};
use crate::watch::entry::{By, Entry};
use crate::watch::{Watch, unix_now_ms};

mod deletion;
mod plan;
mod room;
mod turns;

pub(crate) use deletion::{Forgotten, Kept};
pub(crate) use plan::{Change, MuteEnd};
use plan::{Fact, Plan};
use turns::Turns;

/// Longest wait for the engine, which normally applies a command within a slot.
const ENGINE_LIMIT: Duration = Duration::from_secs(2);

/// Who gives a command.
#[derive(Debug, Clone)]
pub(crate) struct Author {
    /// Address of the host.
    pub(crate) peer: SocketAddr,
    /// Name of the desk, if it gave one.
    pub(crate) desk: Option<Name>,
}

impl Author {
    /// Whoever sends a request.
    pub(crate) fn of(requester: &Requester) -> Self {
        Self {
            peer: requester.address,
            desk: requester.desk.clone(),
        }
    }

    fn by(&self) -> By {
        By::host(self.peer.ip(), self.desk.as_ref().map(Name::as_str))
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
    /// There is no such entry in the log.
    #[error("there is no entry with the id {0} in the log")]
    NoEntry(u64),
    /// The entry is about something that has no former value.
    #[error("entry {0} is of the kind {1}, which can't be undone")]
    NotUndoable(u64, &'static str),
    /// The entry has been undone.
    #[error("entry {0} has been undone already")]
    Undone(u64),
    /// Somebody has changed the same again.
    #[error("{0} was changed again since; read it and try again")]
    ChangedSince(&'static str),
    /// A client that does not exist can't get a place.
    #[error("clients has {0}, which is no client; it must have ids of known clients")]
    NoPlace(ClientId),
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
    watch: Watch,
    changes: ChangeLog,
    max_configured: usize,
    /// Held while entries of the log are on their way to the disk.
    flushing: Mutex<()>,
    /// Held from reading the old state until the new one is applied.
    turns: Turns,
    /// Held while the log is read.
    readings: Turns,
}

impl Control {
    /// Controls `engine` and `store`, which nothing else may change.
    /// At most `max_configured` clients can have settings.
    pub(crate) fn new(
        engine: EngineHandle,
        store: Store,
        watch: Watch,
        max_configured: usize,
    ) -> Self {
        Self(Arc::new(Inner {
            engine,
            store,
            watch,
            changes: ChangeLog::default(),
            max_configured,
            flushing: Mutex::default(),
            turns: Turns::default(),
            readings: Turns::default(),
        }))
    }

    /// Returns the log of changes.
    pub(crate) fn changes(&self) -> &ChangeLog {
        &self.0.changes
    }

    /// Changes a client's settings and returns a snapshot that shows the change.
    ///
    /// # Errors
    /// [`ControlError`].
    pub(crate) async fn change(
        &self,
        id: ClientId,
        change: Change,
        author: Author,
    ) -> Result<Arc<Snapshot>, ControlError> {
        let inner = self.0.clone();
        finish(async move { inner.change(id, &change, &author).await }).await
    }

    /// Changes the settings of those of these clients that exist, all of them or none, and returns a
    /// snapshot that shows the change.
    ///
    /// # Errors
    /// [`ControlError`].
    pub(crate) async fn change_all(
        &self,
        ids: Vec<ClientId>,
        change: Change,
        author: Author,
    ) -> Result<Arc<Snapshot>, ControlError> {
        let inner = self.0.clone();
        finish(async move { inner.change_all(&ids, &change, &author).await }).await
    }

    /// Deletes an offline client.
    ///
    /// # Errors
    /// [`ControlError`].
    pub(crate) async fn forget(&self, id: ClientId, author: Author) -> Result<(), ControlError> {
        let inner = self.0.clone();
        finish(async move { inner.forget(id, &author).await }).await
    }

    /// Deletes those of these clients that are offline, all of them at once.
    ///
    /// # Errors
    /// [`ControlError`].
    pub(crate) async fn forget_offline(
        &self,
        ids: Vec<ClientId>,
        author: Author,
    ) -> Result<Forgotten, ControlError> {
        let inner = self.0.clone();
        finish(async move { inner.forget_offline(ids, &author).await }).await
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
        change: &Change,
        author: &Author,
    ) -> Result<Arc<Snapshot>, ControlError> {
        let _turn = self.turns.of(author.peer.ip()).await;
        let old = self.client(id)?;
        self.apply(vec![old], change, author, Vec::new()).await?;
        Ok(self.engine.snapshot())
    }

    async fn change_all(
        &self,
        ids: &[ClientId],
        change: &Change,
        author: &Author,
    ) -> Result<Arc<Snapshot>, ControlError> {
        let _turn = self.turns.of(author.peer.ip()).await;
        let snapshot = self.engine.snapshot();
        let ssrcs: BTreeSet<u32> = ids.iter().map(|id| id.0).collect();
        let known = ssrcs
            .iter()
            .filter_map(|&ssrc| snapshot.client(ssrc).cloned());
        self.apply(known.collect(), change, author, Vec::new())
            .await?;
        Ok(self.engine.snapshot())
    }

    /// Makes a change to these clients: stores it with its entries and further ones, and applies it then.
    async fn apply(
        &self,
        clients: Vec<ClientView>,
        change: &Change,
        author: &Author,
        more: Vec<Entry>,
    ) -> Result<(), ControlError> {
        let (by, now_ms) = (author.by(), unix_now_ms());
        let planned = |client: ClientView| {
            let plan = plan::plan(&client, &self.watch.marks(client.ssrc), change, &by, now_ms);
            (client, plan)
        };
        let mut plans: Vec<(ClientView, Plan)> = clients.into_iter().map(planned).collect();
        plans.retain(|(_, plan)| !plan.facts.is_empty());
        if plans.is_empty() && more.is_empty() {
            return Ok(());
        }
        let is_new = |(old, plan): &&(ClientView, Plan)| {
            plan.settings.is_configured() && !old.settings.is_configured()
        };
        self.require_room(plans.iter().filter(is_new).count())?;
        self.require_engine()?;
        let mut entries = more;
        for (client, plan) in &plans {
            let act = |fact: &Fact| {
                self.watch
                    .act(fact.kind, by.clone(), Some(client), fact.change.clone())
            };
            entries.extend(plan.facts.iter().map(act));
        }
        let saved = plans.iter().map(|(client, plan)| Saved {
            ssrc: client.ssrc,
            settings: plan.settings.clone(),
            marks: plan.marks.clone(),
        });
        self.store.save(saved.collect(), entries.clone()).await?;
        for (client, plan) in &plans {
            self.watch.set_marks(client.ssrc, plan.marks.clone());
        }
        let settings = plans
            .iter()
            .map(|(client, plan)| (client.ssrc, plan.settings.clone()));
        let settings = settings.collect();
        self.command(Command::ConfigureAll { settings }).await?;
        self.watch.stored(entries);
        for (client, plan) in &plans {
            self.changes
                .note_change(Instant::now(), author.peer, client, &plan.settings);
        }
        Ok(())
    }

    fn saved(&self, client: &ClientView) -> Saved {
        Saved {
            ssrc: client.ssrc,
            settings: client.settings.clone(),
            marks: self.watch.marks(client.ssrc),
        }
    }

    fn client(&self, id: ClientId) -> Result<ClientView, ControlError> {
        let snapshot = self.engine.snapshot();
        let client = snapshot.client(id.0).cloned();
        client.ok_or(ControlError::Unknown(id))
    }

    /// Checks that this many more clients can have settings.
    fn require_room(&self, more: usize) -> Result<(), ControlError> {
        if more == 0 {
            return Ok(());
        }
        let snapshot = self.engine.snapshot();
        let configured = snapshot.clients.iter();
        let configured = configured.filter(|client| client.settings.is_configured());
        match configured.count() {
            count if count + more > self.max_configured => {
                Err(ControlError::TooManyConfigured(count))
            }
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
    seen_times(snapshot, seen)
}

/// Returns when these clients of a snapshot were last seen and heard; those that were never seen
/// are left out. It reads the clock once, so that their times keep their distances and their order.
fn seen_times<'a>(
    snapshot: &Snapshot,
    clients: impl Iterator<Item = &'a ClientView>,
) -> Vec<LastSeen> {
    let taken = SystemTime::now().checked_sub(snapshot.taken.elapsed());
    let at = |ago: Duration| taken?.checked_sub(ago);
    let seen = |client: &ClientView| {
        Some(LastSeen {
            ssrc: client.ssrc,
            sender_name: client.sender_name.clone(),
            at: at(client.last_packet_ago?)?,
            last_sound: client.last_sound_ago.and_then(at),
        })
    };
    clients.filter_map(seen).collect()
}
