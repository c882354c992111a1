//! What was written last, for every connection to pick up.

use axum::extract::ws::Utf8Bytes;
use tokio::sync::{Notify, watch};

/// The latest message of each kind.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) state: watch::Sender<Utf8Bytes>,
    pub(super) levels: watch::Sender<Utf8Bytes>,
    opened: Notify,
}

impl Default for Feed {
    fn default() -> Self {
        let empty = || watch::Sender::new(Utf8Bytes::default());
        Self {
            state: empty(),
            levels: empty(),
            opened: Notify::new(),
        }
    }
}

impl Feed {
    /// What is written from now on: states, and levels.
    pub(super) fn subscribe(&self) -> (watch::Receiver<Utf8Bytes>, watch::Receiver<Utf8Bytes>) {
        let receivers = (self.state.subscribe(), self.levels.subscribe());
        self.opened.notify_one();
        receivers
    }

    /// Waits until somebody reads.
    pub(super) async fn is_read(&self) {
        while self.state.receiver_count() == 0 {
            self.opened.notified().await;
        }
    }
}
