//! Deletes clients that are offline, with their settings, their places, and entries of the log about it.
//!
//! Always: a client that connects meanwhile keeps its settings and its place, and has no entry.

use std::collections::BTreeSet;
use std::time::Instant;

use raa_core::client::{ClientView, Status};
use raa_core::hub::Command;
use serde_json::Value;

use super::{Author, ControlError, Inner, seen_times};
use crate::engine::Snapshot;
use crate::id::ClientId;
use crate::store::{Deletion, StoreError};
use crate::watch::entry::{Entry, Kind};
use crate::watch::groups::Arrangement;

/// The result of deleting clients.
#[derive(Debug, Default)]
pub(crate) struct Forgotten {
    /// The deleted ones.
    pub(crate) forgotten: Vec<ClientId>,
    /// The others.
    pub(crate) kept: Vec<(ClientId, Kept)>,
}

/// Why a client was not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is connected.
    Connected,
    /// There is no such client.
    Unknown,
}

impl Inner {
    pub(super) async fn forget(&self, id: ClientId, author: &Author) -> Result<(), ControlError> {
        let done = self.forget_offline(vec![id], author).await?;
        match done.kept.first() {
            None => Ok(()),
            Some((_, Kept::Connected)) => Err(ControlError::Connected(id)),
            Some((_, Kept::Unknown)) => Err(ControlError::Unknown(id)),
        }
    }

    pub(super) async fn forget_offline(
        &self,
        ids: Vec<ClientId>,
        author: &Author,
    ) -> Result<Forgotten, ControlError> {
        let _turn = self.turns.of(author.peer.ip()).await;
        let before = self.engine.snapshot();
        let (offline, mut done) = offline_of(&before, ids);
        if offline.is_empty() {
            return Ok(done);
        }
        self.require_engine()?;
        let deletion = self.deletion_of(&offline, author);
        self.store.delete_all(deletion.clone()).await?;
        let ssrcs = deletion.ssrcs;
        let forgotten = self.command(Command::ForgetOffline { ssrcs }).await;
        let after = self.engine.snapshot();
        let is_back = |ssrc| after.client(ssrc).is_some();
        let (back, gone): (Vec<&ClientView>, Vec<_>) =
            offline.into_iter().partition(|client| is_back(client.ssrc));
        let (undone, entries) = deletion
            .entries
            .into_iter()
            .partition(|entry| entry.client.is_some_and(|id| is_back(id.0)));
        let gone: Vec<u32> = gone.iter().map(|client| client.ssrc).collect();
        let groups = self.groups_without(&gone);
        if !back.is_empty() {
            self.put_back(&before, &back, groups.clone(), undone)
                .await?;
        }
        forgotten?;
        self.watch.forget(&gone);
        if let Some(groups) = groups {
            self.watch.set_groups(groups);
        }
        self.watch.stored(entries);
        let connected = |client: &ClientView| (ClientId(client.ssrc), Kept::Connected);
        done.kept.extend(back.into_iter().map(connected));
        done.forgotten = gone.into_iter().map(ClientId).collect();
        if !done.forgotten.is_empty() {
            self.changes
                .note_deletion(Instant::now(), author.peer, &done.forgotten);
        }
        Ok(done)
    }

    /// Returns what is stored when these clients are deleted.
    fn deletion_of(&self, clients: &[&ClientView], author: &Author) -> Deletion {
        let act = |client: &&ClientView| {
            let nothing = [Value::Null, Value::Null];
            self.watch
                .act(Kind::Forgotten, author.by(), Some(client), nothing)
        };
        let ssrcs: Vec<u32> = clients.iter().map(|client| client.ssrc).collect();
        Deletion {
            groups: self.groups_without(&ssrcs),
            entries: clients.iter().map(act).collect(),
            ssrcs,
        }
    }

    /// Stores clients again that came back while they were deleted, with `groups`, or the present ones if
    /// these do not change, and without the entries about their deletion.
    async fn put_back(
        &self,
        before: &Snapshot,
        back: &[&ClientView],
        groups: Option<Arrangement>,
        entries: Vec<Entry>,
    ) -> Result<(), StoreError> {
        let saved = back.iter().map(|client| self.saved(client)).collect();
        let seen = seen_times(before, back.iter().copied());
        let groups = groups.unwrap_or_else(|| (*self.watch.groups()).clone());
        let entries = entries.into_iter().map(|entry| entry.id).collect();
        self.store.put_back(saved, seen, groups, entries).await
    }

    /// Returns the groups without these clients; `None` if they have no places.
    fn groups_without(&self, ssrcs: &[u32]) -> Option<Arrangement> {
        let groups = self.watch.groups();
        let is_placed = ssrcs.iter().any(|&ssrc| groups.place(ssrc).is_some());
        is_placed.then(|| groups.without(ssrcs))
    }
}

/// Returns those of the clients that are offline, each once and by SSRC, and which ones are kept.
fn offline_of(snapshot: &Snapshot, ids: Vec<ClientId>) -> (Vec<&ClientView>, Forgotten) {
    let mut done = Forgotten::default();
    let mut offline = Vec::new();
    let ssrcs: BTreeSet<u32> = ids.into_iter().map(|id| id.0).collect();
    for ssrc in ssrcs {
        match snapshot.client(ssrc) {
            Some(client) if client.status == Status::Offline => offline.push(client),
            Some(_) => done.kept.push((ClientId(ssrc), Kept::Connected)),
            None => done.kept.push((ClientId(ssrc), Kept::Unknown)),
        }
    }
    (offline, done)
}
