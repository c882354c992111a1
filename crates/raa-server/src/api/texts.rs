//! The memory for long answers that are being sent to slow readers.
//!
//! An answer about hundreds of clients or thousands of entries has hundreds of kilobytes, and the server
//! holds it until its reader has all of it. Always: the texts that are still being read take
//! at most [`BUDGET`], however many clients read them; beyond it, those that read the oldest text are
//! disconnected.

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

use crate::refused_requests::{Reason, RefusedRequests};

/// Limit of all texts together, in bytes; a single one may be longer.
const BUDGET: usize = 32 << 20;
/// A reader holds a few parts at a time, never the whole text.
const PART: usize = 16 << 10;

/// The newest text, and older ones that are being read.
pub(crate) struct Texts {
    /// The newest text is the last one.
    kept: Mutex<VecDeque<Arc<Text>>>,
    refused: Arc<RefusedRequests>,
}

/// A text in parts.
pub(super) struct Text {
    parts: Vec<Bytes>,
    len: usize,
}

impl Texts {
    /// Counts readers that are disconnected in `refused`.
    pub(crate) fn new(refused: Arc<RefusedRequests>) -> Self {
        Self {
            kept: Mutex::default(),
            refused,
        }
    }

    /// Keeps a text until nobody reads it, and at least until the next one.
    pub(super) fn keep(&self, text: &[u8]) -> Arc<Text> {
        let text = Arc::new(Text::cut(text));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // One that somebody holds has a reader in a moment.
        kept.retain(|old| Arc::weak_count(old) > 0 || Arc::strong_count(old) > 1);
        kept.push_back(text.clone());
        while kept.len() > 1 && kept.iter().map(|text| text.len).sum::<usize>() > BUDGET {
            kept.pop_front();
        }
        text
    }

    /// Returns the response to `reader` with a text that is kept.
    pub(super) fn response(
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
            let detail = "it reads a long answer too slowly";
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

    fn lengths(texts: &Texts) -> Vec<usize> {
        let kept = texts.kept.lock().unwrap();
        kept.iter().map(|text| text.len).collect()
    }

    #[test]
    fn texts_that_nobody_reads_are_dropped() {
        let texts = Texts::new(Arc::default());
        let mut readers = Vec::new();
        for number in 0..10 {
            let text = texts.keep(&[0; 100_000]);
            if number % 3 == 0 {
                readers.push(Arc::downgrade(&text));
            }
        }
        assert_eq!(lengths(&texts).len(), 4);
        readers.clear();
        texts.keep(&[0; 100_000]);
        assert_eq!(lengths(&texts).len(), 1);
    }

    #[test]
    fn the_oldest_texts_leave_when_readers_are_slow() {
        let texts = Texts::new(Arc::default());
        let mut readers = Vec::new();
        for _ in 0..100 {
            readers.push(Arc::downgrade(&texts.keep(&[0; 1 << 20])));
        }
        let held: Vec<_> = readers.iter().filter_map(Weak::upgrade).collect();
        assert_eq!(held.iter().map(|text| text.len).sum::<usize>(), BUDGET);
        assert!(readers[99].upgrade().is_some(), "the newest");
        let _read = Arc::downgrade(&texts.keep(&vec![0; BUDGET + 1]));
        assert_eq!(
            lengths(&texts),
            [BUDGET + 1],
            "one that is too long is still sent"
        );
    }
}
