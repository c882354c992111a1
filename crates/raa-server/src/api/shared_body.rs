//! A response about all clients, which is made once for each snapshot and shared by all who ask for it.
//!
//! What describes hundreds of clients has hundreds of kilobytes, and a client that asks for it and reads slowly
//! makes the server hold it. Always: the texts that are still being read take at most [`BUDGET`], however
//! many clients read them; beyond it, those that read the oldest text are disconnected.

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

use crate::engine::Snapshot;
use crate::refused_requests::{Reason, RefusedRequests};

/// Limit of all texts together, in bytes; a single one may be longer.
const BUDGET: usize = 32 << 20;
/// A reader holds a few parts at a time, never the whole text.
const PART: usize = 16 << 10;

/// The newest text, and older ones that are being read.
pub(crate) struct SharedBody {
    content_type: &'static str,
    render: Box<Render>,
    texts: Mutex<Texts>,
    refused: Arc<RefusedRequests>,
}

/// Describes a snapshot.
type Render = dyn Fn(&Arc<Snapshot>) -> Vec<u8> + Send + Sync;

#[derive(Default)]
struct Texts {
    /// What the newest text describes.
    described: Option<Arc<Snapshot>>,
    /// The newest text is the last one.
    kept: VecDeque<Arc<Text>>,
}

struct Text {
    parts: Vec<Bytes>,
    len: usize,
}

impl SharedBody {
    pub(crate) fn new(
        content_type: &'static str,
        refused: Arc<RefusedRequests>,
        render: impl Fn(&Arc<Snapshot>) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self {
            content_type,
            render: Box::new(render),
            texts: Mutex::default(),
            refused,
        }
    }

    /// Returns the description of a snapshot as the response to `reader`.
    pub(crate) fn response(&self, snapshot: &Arc<Snapshot>, reader: SocketAddr) -> Response {
        let text = self.of(snapshot);
        self.reading(&text, self.content_type, reader)
    }

    /// Returns a text of its own as the response to `reader`.
    pub(crate) fn once(
        &self,
        text: &[u8],
        content_type: &'static str,
        reader: SocketAddr,
    ) -> Response {
        let text = Arc::new(Text::cut(text));
        // A text that nobody reads is dropped by the next one.
        let _is_read = Arc::downgrade(&text);
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.keep(text.clone());
        drop(texts);
        self.reading(&text, content_type, reader)
    }

    fn reading(
        &self,
        text: &Arc<Text>,
        content_type: &'static str,
        reader: SocketAddr,
    ) -> Response {
        let mut response = Response::new(Body::new(Reading {
            left: text.len,
            text: Arc::downgrade(text),
            next: 0,
            reader,
            refused: self.refused.clone(),
        }));
        let content_type = HeaderValue::from_static(content_type);
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response
    }

    fn of(&self, snapshot: &Arc<Snapshot>) -> Arc<Text> {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let is_newest = texts
            .described
            .as_ref()
            .is_some_and(|described| Arc::ptr_eq(described, snapshot));
        if is_newest && let Some(text) = texts.kept.back() {
            return text.clone();
        }
        let text = Arc::new(Text::cut(&(self.render)(snapshot)));
        texts.described = Some(snapshot.clone());
        texts.keep(text.clone());
        text
    }
}

impl Texts {
    fn keep(&mut self, text: Arc<Text>) {
        self.kept.retain(|old| Arc::weak_count(old) > 0);
        self.kept.push_back(text);
        while self.kept.len() > 1 && self.kept.iter().map(|text| text.len).sum::<usize>() > BUDGET {
            self.kept.pop_front();
        }
    }
}

impl Text {
    /// Each part has memory of its own, so that a reader of one does not hold the others.
    fn cut(text: &[u8]) -> Self {
        Self {
            parts: text.chunks(PART).map(Bytes::copy_from_slice).collect(),
            len: text.len(),
        }
    }
}

/// A response under way.
struct Reading {
    text: Weak<Text>,
    /// Index of the next part.
    next: usize,
    /// Bytes that follow.
    left: usize,
    reader: SocketAddr,
    refused: Arc<RefusedRequests>,
}

#[derive(Debug, thiserror::Error)]
#[error("the text is too old")]
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
            .text
            .upgrade()
            .and_then(|text| text.parts.get(self.next).cloned());
        let Some(part) = part else {
            self.left = 0;
            let detail = "it reads what describes all clients too slowly";
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
    fn texts_that_nobody_reads_are_dropped() {
        let mut texts = Texts::default();
        let mut readers = Vec::new();
        for number in 0..10 {
            let text = Arc::new(Text::cut(&[0; 100_000]));
            if number % 3 == 0 {
                readers.push(Arc::downgrade(&text));
            }
            texts.keep(text);
        }
        assert_eq!(texts.kept.len(), 4);
        readers.clear();
        texts.keep(Arc::new(Text::cut(&[0; 100_000])));
        assert_eq!(texts.kept.len(), 1);
    }

    #[test]
    fn the_oldest_texts_leave_when_readers_are_slow() {
        let mut texts = Texts::default();
        let mut readers = Vec::new();
        for _ in 0..100 {
            let text = Arc::new(Text::cut(&[0; 1 << 20]));
            readers.push(Arc::downgrade(&text));
            texts.keep(text);
        }
        let held: Vec<_> = readers.iter().filter_map(Weak::upgrade).collect();
        assert_eq!(held.iter().map(|text| text.len).sum::<usize>(), BUDGET);
        assert!(readers[99].upgrade().is_some(), "the newest");
        texts.keep(Arc::new(Text::cut(&vec![0; BUDGET + 1])));
        assert_eq!(texts.kept.len(), 1, "one that is too long is still sent");
    }
}
