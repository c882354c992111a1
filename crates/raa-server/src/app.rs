//! What every request may need, in one place.

use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::desk::Desk;
use crate::engine::EngineHandle;
use crate::events::feed::Feed;
use crate::http::page::Page;
use crate::listen::audience::Audience;
use crate::listen::fanout::Fanout;

/// Shared by all connections.
pub(crate) struct App {
    pub(crate) engine: EngineHandle,
    pub(crate) desk: Desk,
    pub(crate) audience: Arc<Audience>,
    pub(crate) fanout: Fanout,
    pub(crate) feed: Feed,
    pub(crate) page: Page,
    pub(crate) started: Instant,
    /// Cancelled when the server shall end.
    pub(crate) stop: CancellationToken,
    /// Every connection, so that the end can wait for their goodbyes.
    pub(crate) connections: TaskTracker,
}
