//! What survives the process: what operators set, when clients were last seen and heard, and what happened.
//!
//! One thread owns the database; the rest of the server asks it through a bounded queue. Each table
//! has a file with its statements ([`clients`], [`log`], [`room`]); [`schema`] lists the steps that made the tables.
//! Always: when a call has returned `Ok`, the change is on the disk and survives kill -9 and power
//! loss; when it has returned an error, nothing has changed.

mod clients;
mod copy;
mod database;
mod error;
mod former;
pub(crate) mod inspect;
pub(crate) mod log;
mod look;
mod place;
mod room;
mod rows;
mod schema;
mod times;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use raa_core::client::KnownClient;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use crate::watch::Remembered;
use crate::watch::entry::{By, Entry};
use crate::watch::groups::Arrangement;
use crate::watch::peaks::Kept;

pub(crate) use clients::{LastSeen, Saved};
use database::Database;
pub(crate) use error::StoreError;
use log::{Limits, Query, Seen};

/// Length of the queue of writes that wait for the disk.
const QUEUE: usize = 16;

/// How long an operator's change waits for another program that holds the file. It may wait twice: to
/// begin and to end its transaction.
const CHANGE_PATIENCE: Duration = Duration::from_millis(800);
/// The same for what nobody waits for, and what is stored again soon.
const ROUTINE_PATIENCE: Duration = Duration::from_millis(100);

type Job = Box<dyn FnOnce(&mut Database) + Send>;

/// Clients that an operator deletes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deletion {
    pub(crate) ssrcs: Vec<u32>,
    /// The groups without them; `None` if none of them has a place.
    pub(crate) groups: Option<Arrangement>,
    /// The entries about it.
    pub(crate) entries: Vec<Entry>,
}

/// A handle to the store's thread.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    jobs: mpsc::Sender<Job>,
}

/// The store's thread; it ends when every [`Store`] is dropped.
#[derive(Debug)]
pub(crate) struct StoreThread(thread::JoinHandle<()>);

impl StoreThread {
    /// Waits until the last write is done and the database is closed.
    pub(crate) fn join(self) {
        // An error is a panic, which has ended the process already.
        let _ = self.0.join();
    }
}

/// Opens or creates the database in `dir`. Returns the clients it knows: all configured ones, and
/// the `max_unconfigured` others that were seen last; and what the watch remembers.
///
/// # Errors
/// When another server uses the folder, or a newer one has used it; the text is for the operator. All
/// else lets the server start, and is logged.
pub(crate) fn open(
    dir: &Path,
    max_unconfigured: usize,
) -> anyhow::Result<(Store, StoreThread, Vec<KnownClient>, Remembered)> {
    let path = path_in(dir);
    let (mut database, loaded) = Database::open(&path, max_unconfigured, SystemTime::now())
        .with_context(|| format!("cannot keep state in {} (--state-dir)", dir.display()))?;
    loaded.faults.report();
    let known = loaded.known;
    let times = known
        .iter()
        .filter(|client| client.seen_before && client.last_seen_ago.is_none());
    let unknown = times.count();
    if unknown > 0 {
        warn!(
            clients = unknown,
            "stored times lie in the future or long before this program existed, because this \
             computer's clock is or was wrong; they are shown as unknown"
        );
    }
    let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
    let thread = thread::Builder::new()
        .name("store".into())
        .spawn(move || {
            while let Some(job) = queue.blocking_recv() {
                job(&mut database);
            }
        })
        .context("cannot start the store's thread")?;
    Ok((
        Store { jobs },
        StoreThread(thread),
        known,
        loaded.remembered,
    ))
}

impl Store {
    /// Stores what an operator has set for these clients, and the entries about it, all or nothing.
    ///
    /// # Errors
    /// [`StoreError`]; then the old settings are still stored.
    pub(crate) async fn save(
        &self,
        clients: Vec<Saved>,
        entries: Vec<Entry>,
    ) -> Result<(), StoreError> {
        self.call(move |connection| {
            let transaction = connection.transaction()?;
            for client in &clients {
                clients::save(&transaction, client)?;
            }
            log::put(&transaction, &entries)?;
            transaction.commit()
        })
        .await
    }

    /// Stores the groups and the entries about their change, all or nothing.
    ///
    /// # Errors
    /// [`StoreError`]; then the old groups are still stored.
    pub(crate) async fn save_groups(
        &self,
        groups: Arrangement,
        entries: Vec<Entry>,
    ) -> Result<(), StoreError> {
        self.call(move |connection| {
            let transaction = connection.transaction()?;
            room::save_groups(&transaction, &groups)?;
            log::put(&transaction, &entries)?;
            transaction.commit()
        })
        .await
    }

    /// Stores entries of the log, and deletes those beyond the limits, all or nothing.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing of it is stored.
    pub(crate) async fn append(
        &self,
        entries: Vec<Entry>,
        limits: Option<Limits>,
    ) -> Result<(), StoreError> {
        let append = move |connection: &mut Connection| log::append(connection, &entries, limits);
        self.call_within(ROUTINE_PATIENCE, append).await
    }

    /// Returns the entries that are asked for, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn read_log(&self, query: Query) -> Result<Vec<Entry>, StoreError> {
        self.read(move |connection| log::read(connection, &query))
            .await
    }

    /// Returns one entry.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn entry(&self, id: u64) -> Result<Option<Entry>, StoreError> {
        self.call(move |connection| log::one(connection, id)).await
    }

    /// Marks sounds as seen that nobody has seen, and returns them.
    ///
    /// # Errors
    /// [`StoreError`]; then none is marked.
    pub(crate) async fn see(
        &self,
        seen: Seen,
        by: By,
        at_ms: i64,
    ) -> Result<Vec<Entry>, StoreError> {
        self.call(move |connection| log::see(connection, &seen, &by, at_ms))
            .await
    }

    /// Replaces the kept peaks.
    ///
    /// # Errors
    /// [`StoreError`]; then the old ones are still stored.
    pub(crate) async fn save_peaks(&self, peaks: Vec<Kept>) -> Result<(), StoreError> {
        let save = move |connection: &mut Connection| room::save_peaks(connection, &peaks);
        self.call_within(ROUTINE_PATIENCE, save).await
    }

    /// Deletes clients, and stores the groups without them and the entries about it, all or nothing.
    ///
    /// # Errors
    /// [`StoreError`]; then all of them are still stored.
    pub(crate) async fn delete_all(&self, deletion: Deletion) -> Result<(), StoreError> {
        self.call(move |connection| {
            let transaction = connection.transaction()?;
            clients::delete_all(&transaction, &deletion.ssrcs)?;
            if let Some(groups) = &deletion.groups {
                room::save_groups(&transaction, groups)?;
            }
            log::put(&transaction, &deletion.entries)?;
            transaction.commit()
        })
        .await
    }

    /// Stores again what [`Store::delete_all`] has deleted, and deletes the entries about it, all or nothing.
    ///
    /// # Errors
    /// [`StoreError`]; then none of them is stored.
    pub(crate) async fn put_back(
        &self,
        saved: Vec<Saved>,
        seen: Vec<LastSeen>,
        groups: Arrangement,
        entries: Vec<u64>,
    ) -> Result<(), StoreError> {
        self.call(move |connection| {
            let transaction = connection.transaction()?;
            clients::put_back(&transaction, &saved, &seen)?;
            room::save_groups(&transaction, &groups)?;
            log::delete(&transaction, &entries)?;
            transaction.commit()
        })
        .await
    }

    /// Stores when clients were last seen, and deletes the unconfigured ones of `evicted`.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing of it is stored.
    pub(crate) async fn save_last_seen(
        &self,
        seen: Vec<LastSeen>,
        evicted: Vec<u32>,
    ) -> Result<(), StoreError> {
        let save =
            move |connection: &mut Connection| clients::save_last_seen(connection, &seen, &evicted);
        self.call_within(ROUTINE_PATIENCE, save).await
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.call_within(CHANGE_PATIENCE, work).await
    }

    async fn call_within<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, result) = oneshot::channel();
        let job = Box::new(move |database: &mut Database| {
            // The caller may have gone away.
            let _ = reply.send(database.change(patience, work));
        });
        self.carry_out(job, result).await
    }

    /// Reads, unless the caller has gone away before its turn.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, result) = oneshot::channel();
        let job = Box::new(move |database: &mut Database| {
            if !reply.is_closed() {
                let _ = reply.send(database.change(ROUTINE_PATIENCE, work));
            }
        });
        self.carry_out(job, result).await
    }

    async fn carry_out<T>(
        &self,
        job: Job,
        result: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.jobs.send(job).await.map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
    }
}

/// Returns the path of the state's file in its folder.
fn path_in(dir: &Path) -> PathBuf {
    dir.join("raa.sqlite")
}

/// Returns the path with this text at its end.
fn with_suffix(path: &Path, suffix: impl AsRef<OsStr>) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests;
