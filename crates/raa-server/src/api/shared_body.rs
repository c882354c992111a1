//! The list of all clients as a response, which is made once and shared by all who ask for it.
//!
//! A list of hundreds of clients has hundreds of kilobytes, and a client that asks for it and reads slowly
//! makes the server hold it. Always: lists that are still being read take at most [`BUDGET`], however
//! many clients read them; beyond it, those that read the oldest list are disconnected.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::model::ClientList;
use crate::engine::Snapshot;
use crate::refused_requests::{Reason, RefusedRequests};

/// Limit of all lists together, in bytes; a single one may be longer.
const BUDGET: usize = 32 << 20;
/// A reader holds a few parts at a time, never the whole list.
const PART: usize = 16 << 10;

/// The newest list, and older ones that are being read.
pub(crate) struct SharedLists {
    lists: Mutex<Lists>,
    refused: Arc<RefusedRequests>,
}

#[derive(Default)]
struct Lists {
    /// What the newest list shows.
    shown: Option<Arc<Snapshot>>,
    /// The newest list is the last one.
    kept: VecDeque<Arc<List>>,
}

struct List {
    parts: Vec<Bytes>,
    len: usize,
}

impl SharedLists {
    pub(crate) fn new(refused: Arc<RefusedRequests>) -> Self {
        Self {
            lists: Mutex::default(),
            refused,
        }
    }

    /// Returns the list of a snapshot as the response to `reader`.
    pub(super) fn response(&self, snapshot: &Arc<Snapshot>, reader: SocketAddr) -> Response {
        let list = self.of(snapshot);
        let mut response = Response::new(Body::new(Reading {
            left: list.len,
            list: Arc::downgrade(&list),
            next: 0,
            reader,
            refused: self.refused.clone(),
        }));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }

    fn of(&self, snapshot: &Arc<Snapshot>) -> Arc<List> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let is_newest = lists
            .shown
            .as_ref()
            .is_some_and(|shown| Arc::ptr_eq(shown, snapshot));
        if is_newest && let Some(list) = lists.kept.back() {
            return list.clone();
        }
        let list = Arc::new(List::of(snapshot));
        lists.shown = Some(snapshot.clone());
        lists.keep(list.clone());
        list
    }
}

impl Lists {
    fn keep(&mut self, list: Arc<List>) {
        self.kept.retain(|old| Arc::weak_count(old) > 0);
        self.kept.push_back(list);
        while self.kept.len() > 1 && self.kept.iter().map(|list| list.len).sum::<usize>() > BUDGET {
            self.kept.pop_front();
        }
    }
}

impl List {
    fn of(snapshot: &Snapshot) -> Self {
        // Serialising plain structs with text keys does not fail.
        Self::cut(&serde_json::to_vec(&ClientList::of(snapshot)).unwrap_or_default())
    }

    /// Each part has memory of its own, so that a reader of one does not hold the others.
    fn cut(json: &[u8]) -> Self {
        Self {
            parts: json.chunks(PART).map(Bytes::copy_from_slice).collect(),
            len: json.len(),
        }
    }
}

/// A response under way.
struct Reading {
    list: Weak<List>,
    /// Index of the next part.
    next: usize,
    /// Bytes that follow.
    left: usize,
    reader: SocketAddr,
    refused: Arc<RefusedRequests>,
}

#[derive(Debug, thiserror::Error)]
#[error("the list is too old")]
struct TooOld;

impl hyper::body::Body for Reading {
    type Data = Bytes;
    type Error = TooOld;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TooOld>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let part = self
            .list
            .upgrade()
            .and_then(|list| list.parts.get(self.next).cloned());
        let Some(part) = part else {
            self.left = 0;
            let detail = "it reads the list of clients too slowly";
            self.refused.note(Reason::SlowReader, self.reader, detail);
            return Poll::Ready(Some(Err(TooOld)));
        };
        self.next += 1;
        self.left -= part.len();
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_nobody_reads_are_dropped() {
        let mut lists = Lists::default();
        let mut readers = Vec::new();
        for number in 0..10 {
            let list = Arc::new(List::cut(&[0; 100_000]));
            if number % 3 == 0 {
                readers.push(Arc::downgrade(&list));
            }
            lists.keep(list);
        }
        assert_eq!(lists.kept.len(), 4);
        readers.clear();
        lists.keep(Arc::new(List::cut(&[0; 100_000])));
        assert_eq!(lists.kept.len(), 1);
    }

    #[test]
    fn the_oldest_lists_leave_when_readers_are_slow() {
        let mut lists = Lists::default();
        let mut readers = Vec::new();
        for _ in 0..100 {
            let list = Arc::new(List::cut(&[0; 1 << 20]));
            readers.push(Arc::downgrade(&list));
            lists.keep(list);
        }
        let held: Vec<_> = readers.iter().filter_map(Weak::upgrade).collect();
        assert_eq!(held.iter().map(|list| list.len).sum::<usize>(), BUDGET);
        assert!(readers[99].upgrade().is_some(), "the newest");
        lists.keep(Arc::new(List::cut(&vec![0; BUDGET + 1])));
        assert_eq!(lists.kept.len(), 1, "one that is too long is still sent");
    }
}
