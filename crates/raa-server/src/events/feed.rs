//! What was written last, for every connection to pick up.

use axum::extract::ws::Utf8Bytes;
use tokio::sync::watch;

/// The latest message of each kind.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(super) state: watch::Sender<Utf8Bytes>,
    pub(super) levels: watch::Sender<Utf8Bytes>,
}

impl Default for Feed {
    fn default() -> Self {
        let empty = || watch::Sender::new(Utf8Bytes::default());
        Self {
            state: empty(),
            levels: empty(),
        }
    }
}
