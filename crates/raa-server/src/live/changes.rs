//! The state of the events at one moment, and the difference between two of these. Pure.
//!
//! Always: the old state with the changes between two states is the new one, however far they are
//! apart, so a slow reader needs no queue: it gets what has changed since the state that it has.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::row::{ClientRow, ServerRow};
use crate::id::ClientId;

/// Everything that an open page shows, except levels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    /// Grows by one with each change.
    pub(super) revision: u64,
    /// The moment, on the server's clock.
    pub(super) now_ms: i64,
    /// By SSRC. Rows that have not changed are shared between states.
    pub(super) clients: Vec<Arc<ClientRow>>,
    /// The server.
    pub(super) server: Arc<ServerRow>,
}

/// A message of type `whole`, the first one on every connection: the state of everything.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WholeMessage<'a> {
    /// Always `whole`.
    #[schema(example = "whole")]
    r#type: &'static str,
    /// Number of this state.
    #[schema(example = 17)]
    revision: u64,
    /// Time of this state on the server's clock, in ms since the server started.
    #[schema(example = 734_912)]
    now_ms: i64,
    /// All clients.
    clients: Vec<&'a ClientRow>,
    /// The server.
    server: &'a ServerRow,
}

/// A message of type `changes`: the difference from the state of the message before. It comes at once
/// when something changes, at most ten times a second, and otherwise every second.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangesMessage {
    /// Always `changes`.
    #[schema(example = "changes")]
    r#type: &'static str,
    /// Number of the state that the changes apply to: the `revision` of the message before.
    #[schema(example = 17)]
    from: u64,
    /// Number of the new state; the same as `from` if nothing has changed.
    #[schema(example = 18)]
    revision: u64,
    /// Time of the new state on the server's clock, in ms since the server started.
    #[schema(example = 735_012)]
    now_ms: i64,
    /// New clients as whole `ClientRow`, and of other clients the `id` and the fields that have
    /// changed. Absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>, required = false, example = json!([{"id": "5f0a11c2", "volume": 80}]))]
    clients: Vec<Map<String, Value>>,
    /// Ids of the clients that no longer exist. Absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, example = json!(["00000001"]))]
    gone: Vec<ClientId>,
    /// The fields of `ServerRow` that have changed. Absent if there are none.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object, required = false, example = json!({"listeners": 3}))]
    server: Map<String, Value>,
}

impl State {
    /// Returns the row of a client.
    pub(super) fn client(&self, id: ClientId) -> Option<&Arc<ClientRow>> {
        let index = self.clients.binary_search_by_key(&id.0, |row| row.id.0);
        self.clients.get(index.ok()?)
    }

    /// Returns the message that describes this state alone.
    pub(super) fn whole(&self) -> WholeMessage<'_> {
        WholeMessage {
            r#type: "whole",
            revision: self.revision,
            now_ms: self.now_ms,
            clients: self.clients.iter().map(Arc::as_ref).collect(),
            server: &self.server,
        }
    }

    /// Returns the message that makes this state of an older one.
    pub(super) fn changes_since(&self, old: &Self) -> ChangesMessage {
        let mut message = ChangesMessage {
            r#type: "changes",
            from: old.revision,
            revision: self.revision,
            now_ms: self.now_ms,
            clients: Vec::new(),
            gone: Vec::new(),
            server: Map::new(),
        };
        if !Arc::ptr_eq(&self.server, &old.server) {
            message.server = changed_fields(&*old.server, &*self.server);
        }
        let mut olds = old.clients.iter().peekable();
        let mut news = self.clients.iter().peekable();
        loop {
            let order = match (olds.peek(), news.peek()) {
                (Some(old), Some(new)) => old.id.0.cmp(&new.id.0),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return message,
            };
            let old = if order.is_le() { olds.next() } else { None };
            let new = if order.is_ge() { news.next() } else { None };
            match (old, new) {
                (Some(old), Some(new)) if Arc::ptr_eq(old, new) || old == new => {}
                (Some(old), Some(new)) => message.clients.push(changed_row(old, new)),
                (Some(old), None) => message.gone.push(old.id),
                (None, new) => message.clients.extend(new.map(|new| fields(&**new))),
            }
        }
    }

    /// Returns whether the page shows the same, whatever the time and the number are.
    pub(super) fn looks_like(&self, other: &Self) -> bool {
        let same = |(a, b): (&Arc<ClientRow>, &Arc<ClientRow>)| Arc::ptr_eq(a, b) || a == b;
        self.server == other.server
            && self.clients.len() == other.clients.len()
            && self.clients.iter().zip(&other.clients).all(same)
    }
}

fn changed_row(old: &ClientRow, new: &ClientRow) -> Map<String, Value> {
    let mut changed = changed_fields(old, new);
    changed.insert("id".into(), new.id.to_string().into());
    changed
}

/// Returns those fields of `new` whose values differ from those of `old`.
fn changed_fields(old: &impl Serialize, new: &impl Serialize) -> Map<String, Value> {
    let old = fields(old);
    let mut changed = fields(new);
    changed.retain(|name, value| old.get(name) != Some(value));
    changed
}

fn fields(row: &impl Serialize) -> Map<String, Value> {
    // Serialising plain structs with text keys does not fail.
    match serde_json::to_value(row) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}
