//! Decides which snapshots become messages, and builds each message once for all readers. Pure: time
//! is an argument.
//!
//! Always: a change is published at most [`CHANGES_EVERY`] after the last one, a state with or without
//! changes at least once a second, and figures that change all the time no more often than a person
//! can read them.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::extract::ws::Utf8Bytes;
use raa_core::client::Status;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::changes::State;
use super::row::{ClientRow, ServerRow, level_of};
use crate::engine::Snapshot;
use crate::id::ClientId;

/// Shortest time between two messages of a kind. It is less than the 100 ms between two snapshots, so
/// only the extra snapshots after commands are left out.
const CHANGES_EVERY: Duration = Duration::from_millis(80);
/// Longest time between two states: a second, less half of the 100 ms between two snapshots.
const STATE_EVERY: Duration = Duration::from_millis(950);
/// Shortest time between two changes of the number of listeners.
const LISTENERS_EVERY: Duration = Duration::from_millis(250);
/// Shortest time between two changes of measurements, which are means over ten seconds.
const MEASURED_EVERY: Duration = Duration::from_millis(1950);
/// Shortest time between two changes of the list of refused senders.
const REFUSED_EVERY: Duration = Duration::from_millis(950);

/// A message of type `levels`. It is sent ten times a second while clients sound.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LevelsMessage<'a> {
    /// Always `levels`.
    #[schema(example = "levels")]
    r#type: &'static str,
    /// RMS and peak of each sounding client in dBFS, by client id.
    #[schema(
        value_type = std::collections::BTreeMap<String, [f64; 2]>,
        example = json!({"5f0a11c2": [-23.1, -12.0]})
    )]
    levels: Levels<'a>,
}

#[derive(Debug)]
struct Levels<'a>(&'a Snapshot);

impl Serialize for Levels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let clients = self.0.clients.iter();
        let sounding = clients.filter(|client| client.status == Status::Sounding);
        serializer.collect_map(sounding.map(|client| (ClientId(client.ssrc), level_of(client))))
    }
}

/// A state with the messages that lead to it.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) state: State,
    at: Instant,
    /// The number of the state that `changes` apply to.
    from: u64,
    /// The changes since that state, which most readers have.
    changes: Utf8Bytes,
    whole: OnceLock<Utf8Bytes>,
}

impl Published {
    /// Returns whether a later state would have been published if there were readers.
    pub(super) fn is_old(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) > 2 * STATE_EVERY
    }

    /// Returns the message for a new reader.
    pub(super) fn whole(&self) -> Utf8Bytes {
        let whole = self.whole.get_or_init(|| text(&self.state.whole()));
        whole.clone()
    }

    /// Returns the message for a reader that has `old`.
    pub(super) fn changes_since(&self, old: &Self) -> Utf8Bytes {
        if old.state.revision == self.from {
            return self.changes.clone();
        }
        text(&self.state.changes_since(&old.state))
    }
}

/// Turns snapshots into states.
#[derive(Debug, Default)]
pub(super) struct Pace {
    published: Option<Arc<Published>>,
    levels_at: Option<Instant>,
    measured_at: Option<Instant>,
    listeners_at: Option<Instant>,
    refused_at: Option<Instant>,
}

impl Pace {
    /// Returns whether a state may be published now.
    pub(super) fn is_state_due(&self, now: Instant) -> bool {
        is_due(self.published_at(), CHANGES_EVERY, now)
    }

    /// Returns whether levels may be published now.
    pub(super) fn are_levels_due(&self, now: Instant) -> bool {
        is_due(self.levels_at, CHANGES_EVERY, now)
    }

    /// Returns the state to publish, if there is news or if the last one was a second ago. `clients`
    /// are sorted by SSRC.
    pub(super) fn state(
        &mut self,
        now: Instant,
        now_ms: i64,
        clients: Vec<ClientRow>,
        server: ServerRow,
    ) -> Option<Arc<Published>> {
        let state = match self.published.clone() {
            Some(old) => State {
                revision: old.state.revision,
                now_ms,
                clients: self.clients(now, clients, &old.state),
                server: self.server(now, server, &old.state.server),
            },
            None => State {
                revision: 0,
                now_ms,
                clients: clients.into_iter().map(Arc::new).collect(),
                server: Arc::new(server),
            },
        };
        self.publish(now, state)
    }

    /// Returns the levels to publish, if any client sounds.
    pub(super) fn levels(&mut self, now: Instant, snapshot: &Snapshot) -> Option<Utf8Bytes> {
        let mut clients = snapshot.clients.iter();
        if !clients.any(|client| client.status == Status::Sounding) {
            return None;
        }
        self.levels_at = Some(now);
        Some(text(&LevelsMessage {
            r#type: "levels",
            levels: Levels(snapshot),
        }))
    }

    fn published_at(&self) -> Option<Instant> {
        self.published.as_ref().map(|published| published.at)
    }

    fn publish(&mut self, now: Instant, mut state: State) -> Option<Arc<Published>> {
        let old = self.published.as_ref().map(|published| &published.state);
        let is_news = old.is_none_or(|old| !state.looks_like(old));
        if !is_news && !is_due(self.published_at(), STATE_EVERY, now) {
            return None;
        }
        state.revision += u64::from(is_news);
        let published = Arc::new(Published {
            at: now,
            from: old.map_or(0, |old| old.revision),
            changes: old.map_or_else(Utf8Bytes::default, |old| text(&state.changes_since(old))),
            whole: OnceLock::new(),
            state,
        });
        self.published = Some(published.clone());
        Some(published)
    }

    /// Shares the rows that have not changed, and keeps measurements for a while.
    fn clients(&mut self, now: Instant, new: Vec<ClientRow>, old: &State) -> Vec<Arc<ClientRow>> {
        let is_measured = is_due(self.measured_at, MEASURED_EVERY, now);
        if is_measured {
            self.measured_at = Some(now);
        }
        let share = |mut row: ClientRow| {
            let Some(old) = old.client(row.id) else {
                return Arc::new(row);
            };
            if !is_measured {
                row.keep_measurements(old);
            }
            if row == **old {
                old.clone()
            } else {
                Arc::new(row)
            }
        };
        new.into_iter().map(share).collect()
    }

    fn server(&mut self, now: Instant, mut new: ServerRow, old: &Arc<ServerRow>) -> Arc<ServerRow> {
        if new.listeners != old.listeners {
            match is_due(self.listeners_at, LISTENERS_EVERY, now) {
                true => self.listeners_at = Some(now),
                false => new.listeners = old.listeners,
            }
        }
        if new.refused_senders != old.refused_senders {
            match is_due(self.refused_at, REFUSED_EVERY, now) {
                true => self.refused_at = Some(now),
                false => new.refused_senders.clone_from(&old.refused_senders),
            }
        }
        if new == **old {
            old.clone()
        } else {
            Arc::new(new)
        }
    }
}

fn is_due(last: Option<Instant>, every: Duration, now: Instant) -> bool {
    last.is_none_or(|last| now.saturating_duration_since(last) >= every)
}

pub(super) fn text(message: &impl Serialize) -> Utf8Bytes {
    // Serialising plain structs with text keys does not fail.
    serde_json::to_string(message).unwrap_or_default().into()
}
