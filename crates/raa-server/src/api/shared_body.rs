//! A response about all clients, which is made once for each snapshot and shared by all who ask for it.
//!
//! Always: as long as a snapshot is the newest one, its text is made once; what slow readers hold is bounded
//! ([`Texts`]).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::response::Response;

use super::texts::{Text, Texts};
use crate::engine::Snapshot;
use crate::refused_requests::RefusedRequests;

/// The newest text, and older ones that are being read.
pub(crate) struct SharedBody {
    content_type: &'static str,
    render: Box<Render>,
    /// The newest text, and what it describes.
    newest: Mutex<Option<(Arc<Snapshot>, Arc<Text>)>>,
    texts: Texts,
}

/// Describes a snapshot.
type Render = dyn Fn(&Arc<Snapshot>) -> Vec<u8> + Send + Sync;

impl SharedBody {
    pub(crate) fn new(
        content_type: &'static str,
        refused: Arc<RefusedRequests>,
        render: impl Fn(&Arc<Snapshot>) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self {
            content_type,
            render: Box::new(render),
            newest: Mutex::default(),
            texts: Texts::new(refused),
        }
    }

    /// Returns the description of a snapshot as the response to `reader`.
    pub(crate) fn response(&self, snapshot: &Arc<Snapshot>, reader: SocketAddr) -> Response {
        let text = self.of(snapshot);
        self.texts.response(&text, self.content_type, reader)
    }

    fn of(&self, snapshot: &Arc<Snapshot>) -> Arc<Text> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((described, text)) = newest.as_ref()
            && Arc::ptr_eq(described, snapshot)
        {
            return text.clone();
        }
        let text = self.texts.keep(&(self.render)(snapshot));
        *newest = Some((snapshot.clone(), text.clone()));
        text
    }
}
