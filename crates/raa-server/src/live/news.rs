//! The messages about what happened: entries of the log, and the peaks of each second.
//!
//! Always: a message is built once for all pages that keep up. A page that is behind gets the entries that
//! have changed since the ones that it has, and all peaks if it has missed a second.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::ws::Utf8Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::pace::text;
use crate::id::ClientId;
use crate::watch::entry::Entry;
use crate::watch::{FIRST_ENTRIES, Watch};

/// A message of type `log`. The first one follows the message of type `whole`; later ones come as it
/// happens.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogMessage {
    /// Always `log`.
    #[schema(example = "log")]
    r#type: &'static str,
    /// True in the first message, which replaces all entries that the page has. Absent in the others.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    first: bool,
    /// In the first message the newest entries, at most 200; later the new and the changed ones, each of
    /// which replaces the entry with its `id`. The oldest first.
    entries: Vec<Entry>,
}

/// The second message of type `peaks` is the first message about them, after the first one of type `log`:
/// the peaks of the last ten minutes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AllPeaksMessage {
    /// Always `peaks`.
    #[schema(example = "peaks")]
    r#type: &'static str,
    /// Always true: it replaces all peaks that the page has.
    first: bool,
    /// The second on the server's clock that follows the last byte.
    #[schema(example = 734)]
    to_s: i64,
    /// One byte for each second, in Base64, by client id. Clients without any byte but 0 are left out, and
    /// zeros at the begin are cut. The lower seven bits are 0 if no packet came in that second, 1 if it did
    /// not sound, else the peak in dBFS plus 121; the highest bit is set if sound was missing.
    #[schema(value_type = std::collections::BTreeMap<String, String>, example = json!({"5f0a11c2": "AW0B"}))]
    clients: ById<String>,
}

/// A message of type `peaks` without `first`: the peaks of one more second. It is left out if no client
/// sounded.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PeaksMessage {
    /// Always `peaks`.
    #[schema(example = "peaks")]
    r#type: &'static str,
    /// The second on the server's clock.
    #[schema(example = 734)]
    at_s: i64,
    /// The byte of that second, by client id. Clients that are left out were silent or offline.
    #[schema(value_type = std::collections::BTreeMap<String, u8>, example = json!({"5f0a11c2": 109}))]
    clients: ById<u8>,
}

/// Values by client id.
#[derive(Debug)]
struct ById<T>(Vec<(u32, T)>);

impl<T: Serialize> Serialize for ById<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(ssrc, value)| (ClientId(*ssrc), value)))
    }
}

/// Makes the messages about the log.
#[derive(Debug)]
pub(super) struct LogNews {
    watch: Watch,
    newest: Mutex<Newest>,
}

/// The newest message, which most pages need.
#[derive(Debug, Default)]
struct Newest {
    /// Numbers of the changes that it follows, and that it ends with.
    from: u64,
    to: u64,
    text: Utf8Bytes,
}

impl LogNews {
    pub(super) fn new(watch: Watch) -> Self {
        Self {
            watch,
            newest: Mutex::default(),
        }
    }

    /// Returns the first message, and the number of the change that it ends with.
    pub(super) fn first(&self) -> (Utf8Bytes, u64) {
        // What changes in between is sent twice.
        let number = *self.watch.changes().borrow();
        let message = LogMessage {
            r#type: "log",
            first: true,
            entries: self.watch.newest(FIRST_ENTRIES),
        };
        (text(&message), number)
    }

    /// Returns the message for a page that has everything up to the change with this number, and the
    /// number that it ends with; `None` if nothing has changed.
    pub(super) fn since(&self, number: u64) -> Option<(Utf8Bytes, u64)> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let last = *self.watch.changes().borrow();
        if (newest.from, newest.to) != (number, last) {
            let (entries, to) = self.watch.changed_since(number);
            let message = LogMessage {
                r#type: "log",
                first: false,
                entries,
            };
            let text = match message.entries.is_empty() {
                true => Utf8Bytes::default(),
                false => text(&message),
            };
            *newest = Newest {
                from: number,
                to,
                text,
            };
        }
        (!newest.text.is_empty()).then(|| (newest.text.clone(), newest.to))
    }
}

/// The peaks of one second, as pages are sent them.
#[derive(Debug, Clone, Default)]
pub(super) struct Second {
    pub(super) at_s: i64,
    /// Empty if no client sounded.
    pub(super) message: Utf8Bytes,
}

impl Second {
    /// Describes the newest whole second.
    pub(super) fn newest(watch: &Watch) -> Self {
        let (at_s, clients) = watch.newest_peaks();
        let message = match clients.is_empty() {
            true => Utf8Bytes::default(),
            false => text(&PeaksMessage {
                r#type: "peaks",
                at_s,
                clients: ById(clients),
            }),
        };
        Self { at_s, message }
    }
}

/// Makes the first message about peaks, once for all pages that connect in the same second.
#[derive(Debug, Default)]
pub(super) struct AllPeaks(Mutex<Option<(i64, Arc<Utf8Bytes>)>>);

impl AllPeaks {
    /// Returns the message, and the second that follows it.
    pub(super) fn message(&self, watch: &Watch) -> (Utf8Bytes, i64) {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let second = watch.second();
        if let Some((to_s, message)) = &*newest
            && *to_s == second
        {
            return (message.as_ref().clone(), *to_s);
        }
        let (to_s, clients) = watch.all_peaks();
        let clients = clients
            .into_iter()
            .map(|(ssrc, bytes)| (ssrc, STANDARD.encode(bytes)));
        let message = text(&AllPeaksMessage {
            r#type: "peaks",
            first: true,
            to_s,
            clients: ById(clients.collect()),
        });
        *newest = Some((to_s, Arc::new(message.clone())));
        (message, to_s)
    }
}
