//! The commands about the room as a whole: its groups, its log, and mutes that end by themselves.
//!
//! Always: as for every command, what is stored and what is shown agree when a command has ended. Only a
//! mute ends even if the disk refuses to store that, because people must hear the computer again.

use std::net::IpAddr;
use std::sync::Arc;

use raa_core::hub::Command;
use serde_json::Value;
use tracing::warn;

use super::plan::{self, NotUndoable, mute};
use super::{Author, Control, ControlError, Inner, finish};
use crate::engine::Snapshot;
use crate::id::ClientId;
use crate::store::log::{Limits, Query, Seen};
use crate::store::{Saved, StoreError};
use crate::watch::entry::{By, Entry, Kind};
use crate::watch::groups::{Arrangement, WantedGroup};
use crate::watch::unix_now_ms;

impl Control {
    /// Gives back what was before an entry of the log. Returns its client, and a snapshot that shows it.
    ///
    /// # Errors
    /// [`ControlError`].
    pub(crate) async fn undo(
        &self,
        entry: u64,
        author: Author,
    ) -> Result<(ClientId, Arc<Snapshot>), ControlError> {
        let inner = self.0.clone();
        finish(async move { inner.undo(entry, &author).await }).await
    }

    /// Marks sounds as seen for everyone, and returns the ids of those that nobody had seen.
    ///
    /// # Errors
    /// [`ControlError`].
    pub(crate) async fn see(&self, seen: Seen, author: Author) -> Result<Vec<u64>, ControlError> {
        let inner = self.0.clone();
        finish(async move { inner.see(seen, &author).await }).await
    }

    /// Replaces the groups, if nobody else has since `revision`.
    ///
    /// # Errors
    /// [`ControlError`].
    pub(crate) async fn arrange(
        &self,
        revision: u64,
        groups: Vec<WantedGroup>,
        author: Author,
    ) -> Result<Arc<Arrangement>, ControlError> {
        let inner = self.0.clone();
        finish(async move { inner.arrange(revision, groups, &author).await }).await
    }

    /// Ends the mutes of these clients, whose time is over.
    ///
    /// # Errors
    /// [`ControlError`]; then they are still muted.
    pub(crate) async fn end_mutes(&self, ssrcs: Vec<u32>) -> Result<(), ControlError> {
        let inner = self.0.clone();
        finish(async move { inner.end_mutes(ssrcs).await }).await
    }

    /// Stores the entries that wait, and deletes those beyond the limits if there are any.
    ///
    /// # Errors
    /// [`StoreError`]; then they wait for the next time.
    pub(crate) async fn flush_log(&self, limits: Option<Limits>) -> Result<usize, StoreError> {
        let inner = self.0.clone();
        // A caller that goes away must not let a second write begin.
        let writing = tokio::spawn(async move { inner.flush_log(limits).await });
        writing.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Returns the entries that `reader` asks for, the newest first. One reads at a time, and addresses in
    /// turns, so that a change waits for one reading at most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn read_log(
        &self,
        query: Query,
        reader: IpAddr,
    ) -> Result<Vec<Entry>, StoreError> {
        let _turn = self.0.readings.of(reader).await;
        self.flush_log(None).await?;
        self.0.store.read_log(query).await
    }

    /// Stores the peaks of the last ten minutes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn save_peaks(&self) -> Result<(), StoreError> {
        self.0.store.save_peaks(self.0.watch.keep_peaks()).await
    }
}

impl Inner {
    async fn undo(
        &self,
        id: u64,
        author: &Author,
    ) -> Result<(ClientId, Arc<Snapshot>), ControlError> {
        let _turn = self.turns.of(author.peer.ip()).await;
        let entry = self
            .store
            .entry(id)
            .await?
            .ok_or(ControlError::NoEntry(id))?;
        let Some(client) = entry.client else {
            return Err(ControlError::NotUndoable(id, entry.kind.word()));
        };
        let view = self.client(client)?;
        let marks = self.watch.marks(view.ssrc);
        if entry.undone {
            return Err(ControlError::Undone(id));
        }
        let change = plan::undoing(&entry, &view, &marks, unix_now_ms());
        let change = change.map_err(|reason| match reason {
            NotUndoable::Kind => ControlError::NotUndoable(id, entry.kind.word()),
            NotUndoable::ChangedSince => ControlError::ChangedSince("the setting"),
        })?;
        // Neither the entry that is undone nor the one about that takes in a later change.
        self.watch.finish_entry();
        let undone = Entry {
            undone: true,
            ..entry
        };
        self.apply(vec![view], &change, author, vec![undone])
            .await?;
        self.watch.finish_entry();
        Ok((client, self.engine.snapshot()))
    }

    async fn see(&self, seen: Seen, author: &Author) -> Result<Vec<u64>, ControlError> {
        let _turn = self.turns.of(author.peer.ip()).await;
        let (by, now_ms) = (author.by(), unix_now_ms());
        // Sounds of the last second may not be stored yet.
        self.flush_log(None).await?;
        let marked = self.store.see(seen, by.clone(), now_ms).await?;
        let mut ids: Vec<u64> = marked.iter().map(|entry| entry.id).collect();
        ids.sort_unstable();
        self.watch.show_seen(marked, &by, now_ms);
        Ok(ids)
    }

    async fn arrange(
        &self,
        revision: u64,
        wanted: Vec<WantedGroup>,
        author: &Author,
    ) -> Result<Arc<Arrangement>, ControlError> {
        let _turn = self.turns.of(author.peer.ip()).await;
        let old = self.watch.groups();
        if old.revision != revision {
            return Err(ControlError::ChangedSince("the arrangement"));
        }
        let new = old.changed(wanted);
        if new.groups() == old.groups() {
            return Ok(old);
        }
        let snapshot = self.engine.snapshot();
        let mut settings = Vec::new();
        let mut more_configured = 0;
        for ssrc in new.placed().filter(|&ssrc| old.place(ssrc).is_none()) {
            let client = snapshot
                .client(ssrc)
                .ok_or(ControlError::NoPlace(ClientId(ssrc)))?;
            more_configured += usize::from(!client.settings.is_configured());
            settings.push((ssrc, client.settings.clone()));
        }
        let gone = old.placed().filter(|&ssrc| new.place(ssrc).is_none());
        let gone = gone.filter_map(|ssrc| Some((ssrc, snapshot.client(ssrc)?.settings.clone())));
        settings.extend(gone);
        for (ssrc, settings) in &mut settings {
            settings.placed = new.place(*ssrc).is_some();
        }
        self.require_room(more_configured)?;
        self.require_engine()?;
        let nothing = [Value::Null, Value::Null];
        let entry = self.watch.act(Kind::Groups, author.by(), None, nothing);
        self.store
            .save_groups(new.clone(), vec![entry.clone()])
            .await?;
        self.watch.set_groups(new);
        self.command(Command::ConfigureAll { settings }).await?;
        self.watch.stored(vec![entry]);
        Ok(self.watch.groups())
    }

    async fn end_mutes(&self, ssrcs: Vec<u32>) -> Result<(), ControlError> {
        let _turn = self.turns.of_server().await;
        let snapshot = self.engine.snapshot();
        let (mut saved, mut entries) = (Vec::new(), Vec::new());
        for ssrc in ssrcs {
            let marks = self.watch.marks(ssrc);
            let muted = snapshot.client(ssrc).filter(|client| client.settings.muted);
            let Some(client) = muted else {
                self.watch.set_marks(ssrc, marks.without_mute());
                continue;
            };
            let mut settings = client.settings.clone();
            settings.muted = false;
            let by = By::server();
            let new = marks.after(&client.settings, &settings, false, None, &by, 0);
            let change = [mute(&client.settings, &marks), mute(&settings, &new)];
            entries.push(self.watch.act(Kind::MuteEnded, by, Some(client), change));
            saved.push(Saved {
                ssrc,
                settings,
                marks: new,
            });
        }
        if saved.is_empty() {
            return Ok(());
        }
        self.require_engine()?;
        let settings = saved
            .iter()
            .map(|saved| (saved.ssrc, saved.settings.clone()));
        let settings = settings.collect();
        let marks: Vec<_> = saved
            .iter()
            .map(|saved| (saved.ssrc, saved.marks.clone()))
            .collect();
        let stored = self.store.save(saved, entries.clone()).await;
        self.command(Command::ConfigureAll { settings }).await?;
        for (ssrc, marks) in marks {
            self.watch.set_marks(ssrc, marks);
        }
        match stored {
            Ok(()) => self.watch.stored(entries),
            Err(reason) => {
                // After a restart it is muted, and its time is over again.
                warn!(%reason, "mutes have ended, which cannot be stored");
                entries.into_iter().for_each(|entry| self.watch.put(entry));
            }
        }
        Ok(())
    }

    async fn flush_log(&self, limits: Option<Limits>) -> Result<usize, StoreError> {
        let _one_at_a_time = self.flushing.lock().await;
        let entries = self.watch.take_pending();
        let count = entries.len();
        if count == 0 && limits.is_none() {
            return Ok(0);
        }
        let stored = self.store.append(entries.clone(), limits).await;
        if stored.is_err() {
            self.watch.give_back(entries);
        }
        stored?;
        Ok(count)
    }
}
