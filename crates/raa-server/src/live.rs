//! `GET /api/events`: sends pages the state, then its changes and the levels, ten times a second.
//!
//! [`pace`] decides which snapshots become messages, [`changes`] finds what differs, [`row`] says what
//! is sent about a client. Always: each message is built once for all readers that keep up. No reader has
//! a queue: a slow one gets, in one message, all that has changed since the state it was last sent.

mod changes;
mod pace;
mod row;

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::api::error::{ApiError, ErrorBody};
use crate::api::listen::{Claimant, claim, valid};
use crate::api::status::ServerFigures;
use crate::connection::Connection;
use crate::engine::{EngineHandle, Snapshot};
use crate::websocket::{self, End};
pub(crate) use changes::{ChangesMessage, WholeMessage};
pub(crate) use pace::LevelsMessage;
use pace::{Pace, Published};
pub(crate) use row::{ClientRow, ServerRow};

/// Turns the engine's snapshots into messages for all connected pages.
#[derive(Clone)]
pub(crate) struct Live(Arc<Inner>);

struct Inner {
    engine: EngineHandle,
    figures: ServerFigures,
    feed: Feed,
    stop: CancellationToken,
}

impl Live {
    /// Sends nothing to pages until [`Live::run`] is called.
    pub(crate) fn new(
        engine: EngineHandle,
        figures: ServerFigures,
        stop: CancellationToken,
    ) -> Self {
        Self(Arc::new(Inner {
            engine,
            figures,
            feed: Feed::default(),
            stop,
        }))
    }

    /// Builds the messages until the server stops.
    pub(crate) async fn run(self) {
        let inner = self.0;
        let mut snapshots = inner.engine.watch();
        let mut pace = Pace::default();
        loop {
            // While no page is open, snapshots do not wake this task.
            tokio::select! {
                () = inner.feed.is_read() => {}
                () = inner.stop.cancelled() => return,
            }
            tokio::select! {
                changed = snapshots.changed() => if changed.is_err() { return },
                () = inner.stop.cancelled() => return,
            }
            let snapshot = snapshots.borrow_and_update().clone();
            inner.publish(Instant::now(), &mut pace, &snapshot);
        }
    }
}

impl Inner {
    fn publish(&self, now: Instant, pace: &mut Pace, snapshot: &Snapshot) {
        if pace.is_state_due(now) {
            let clock = self.figures.clock();
            let rows = snapshot.clients.iter();
            let rows = rows.map(|client| ClientRow::of(client, snapshot.taken, clock));
            let server = ServerRow::of(&self.figures, snapshot);
            let news = pace.state(now, clock.ms(snapshot.taken), rows.collect(), server);
            if news.is_some() {
                self.feed.state.send_replace(news);
            }
        }
        if pace.are_levels_due(now)
            && let Some(levels) = pace.levels(now, snapshot)
        {
            self.feed.levels.send_replace(levels);
        }
    }

    async fn push(&self, socket: &mut WebSocket) -> End {
        let (mut states, mut levels) = self.feed.subscribe();
        let mut shown = tokio::select! {
            () = self.stop.cancelled() => return End::Stopping,
            end = websocket::wait_for_close(socket) => return end,
            first = first_state(&mut states) => first,
        };
        let mut message = shown.whole();
        loop {
            if let Err(end) = websocket::send(socket, Message::Text(message), &self.stop).await {
                return end;
            }
            message = tokio::select! {
                biased;
                () = self.stop.cancelled() => return End::Stopping,
                end = websocket::wait_for_close(socket) => return end,
                newest = next_state(&mut states) => {
                    let changes = newest.changes_since(&shown);
                    shown = newest;
                    changes
                }
                Ok(()) = levels.changed() => levels.borrow_and_update().clone(),
            };
        }
    }
}

type States = watch::Receiver<Option<Arc<Published>>>;

/// Returns a state that is new enough to begin with. While no page was open, none was published.
async fn first_state(states: &mut States) -> Arc<Published> {
    let known = states.borrow_and_update().clone();
    match known.filter(|known| !known.is_old(Instant::now())) {
        Some(known) => known,
        None => next_state(states).await,
    }
}

async fn next_state(states: &mut States) -> Arc<Published> {
    loop {
        if states.changed().await.is_err() {
            // The sender lives as long as the readers.
            std::future::pending::<()>().await;
        }
        if let Some(newest) = states.borrow_and_update().clone() {
            return newest;
        }
    }
}

/// The newest state and levels, for every connection to pick up.
#[derive(Debug)]
struct Feed {
    state: watch::Sender<Option<Arc<Published>>>,
    levels: watch::Sender<Utf8Bytes>,
    opened: Notify,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            state: watch::Sender::new(None),
            levels: watch::Sender::new(Utf8Bytes::default()),
            opened: Notify::new(),
        }
    }
}

impl Feed {
    /// Returns receivers for the states and the levels from now on.
    fn subscribe(&self) -> (States, watch::Receiver<Utf8Bytes>) {
        let receivers = (self.state.subscribe(), self.levels.subscribe());
        self.opened.notify_one();
        receivers
    }

    /// Waits until at least one connection reads.
    async fn is_read(&self) {
        while self.state.receiver_count() == 0 {
            self.opened.notified().await;
        }
    }
}

/// Follow the state and the levels of all clients (WebSocket).
///
/// The server sends text messages of the types `WholeMessage` (first), `ChangesMessage` and
/// `LevelsMessage`. A client that reads slowly gets fewer messages, each with all changes since the
/// one before. The server disconnects a client that reads nothing for 10 s with code 1013; when the
/// server stops, the code is 1001.
#[utoipa::path(
    get, path = "/api/events", tag = "clients",
    responses(
        (status = 101, description = "The connection is now a WebSocket", body = WholeMessage),
        (status = 403, description = "The host is not a name of this server, or the page is of another site", body = ErrorBody),
        (status = 429, description = "The address has as many WebSockets as one may have", body = ErrorBody),
        (status = 426, description = "The request is not a WebSocket handshake", body = ErrorBody),
    )
)]
pub(crate) async fn events(
    State(live): State<Live>,
    State(connections): State<TaskTracker>,
    (Extension(connection), Extension(requester), State(refused)): Claimant,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = valid(websocket::prepare(upgrade), &connection, &requester)?;
    claim(&connection, &requester, &refused)?;
    let serve = move |socket| connections.track_future(serve(live, connection, socket));
    Ok(upgrade.on_upgrade(serve))
}

async fn serve(live: Live, connection: Arc<Connection>, mut socket: WebSocket) {
    let end = live.0.push(&mut socket).await;
    debug!(address = %connection.peer, ?end, "page disconnected");
    websocket::close(socket, end).await;
}

#[cfg(test)]
mod tests;
