//! What concerns many clients at once: which ones can be deleted, and when they were seen.
//!
//! Always: pure, except that it reads the clock once for all clients, so that their times keep
//! their distances and their order.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use raa_core::client::{ClientView, Status};

use crate::engine::Snapshot;
use crate::id::ClientId;
use crate::store::LastSeen;

/// What became of clients that were to be deleted.
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

/// Returns those of the clients that are offline, each once and by SSRC, and which ones are kept.
pub(super) fn offline_of(snapshot: &Snapshot, ids: Vec<ClientId>) -> (Vec<&ClientView>, Forgotten) {
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

/// Returns when these clients of a snapshot were last seen and heard; those that were never seen
/// are left out.
pub(super) fn seen_times<'a>(
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
