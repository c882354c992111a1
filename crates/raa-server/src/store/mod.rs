//! What survives the process: names, volumes, mutes, and when clients were last heard.
//!
//! One thread owns the database; the rest of the server asks it through a bounded queue.
//! Always: when a call has returned `Ok`, the change is on the disk and survives kill -9 and
//! power loss; when it has returned an error, nothing has changed.

mod database;

use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Context as _;
use raa_core::client::KnownClient;
use raa_core::settings::ClientSettings;
use tokio::sync::{mpsc, oneshot};

use database::Database;
pub(crate) use database::LastSeen;

/// Writes that wait for the disk.
const QUEUE: usize = 16;

/// Why a change was not kept; the text is for the operator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// A full disk, a folder without permission, a broken disk.
    #[error("{0}")]
    Refused(#[from] rusqlite::Error),
    /// The server is stopping.
    #[error("the store is closed")]
    Closed,
}

type Job = Box<dyn FnOnce(&mut Database) + Send>;

/// The way to the store's thread.
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
        // A panic has ended the process already.
        let _ = self.0.join();
    }
}

/// Opens or creates the database in `dir` and returns the clients it knows: all that an operator
/// has set, and the `max_unset` others heard last.
///
/// # Errors
/// When the folder can't be used; the text is for the operator.
pub(crate) fn open(
    dir: &Path,
    max_unset: usize,
) -> anyhow::Result<(Store, StoreThread, Vec<KnownClient>)> {
    let path: PathBuf = dir.join("raa.sqlite");
    let mut database = Database::open(&path)
        .with_context(|| format!("cannot keep state in {} (--state-dir)", dir.display()))?;
    let known = database
        .load(max_unset)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
    let thread = thread::Builder::new()
        .name("store".into())
        .spawn(move || {
            while let Some(job) = queue.blocking_recv() {
                job(&mut database);
            }
        })
        .context("cannot start the store's thread")?;
    Ok((Store { jobs }, StoreThread(thread), known))
}

impl Store {
    /// Keeps what an operator has set.
    ///
    /// # Errors
    /// [`StoreError`]; then the old settings are still kept.
    pub(crate) async fn save_settings(
        &self,
        ssrc: u32,
        settings: ClientSettings,
    ) -> Result<(), StoreError> {
        self.call(move |database| database.save_settings(ssrc, &settings))
            .await
    }

    /// Forgets a client.
    ///
    /// # Errors
    /// [`StoreError`]; then it is still kept.
    pub(crate) async fn delete(&self, ssrc: u32) -> Result<(), StoreError> {
        self.call(move |database| database.delete(ssrc)).await
    }

    /// Keeps when clients were heard, and forgets those of `evicted` that nobody has set.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing of it is kept.
    pub(crate) async fn save_last_seen(
        &self,
        heard: Vec<LastSeen>,
        evicted: Vec<u32>,
    ) -> Result<(), StoreError> {
        self.call(move |database| database.save_last_seen(&heard, &evicted))
            .await
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(move |database: &mut Database| {
            // Who asked may have gone away meanwhile.
            let _ = reply.send(work(database));
        });
        self.jobs.send(job).await.map_err(|_| StoreError::Closed)?;
        Ok(answer.await.map_err(|_| StoreError::Closed)??)
    }
}
