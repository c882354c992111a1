//! `GET /api/events`: sends pages the state and what happened, then the changes of both and the levels, ten
//! times a second.
//!
//! [`pace`] decides which snapshots become messages, [`changes`] finds what differs, [`row`] says what
//! is sent about a client, and [`news`] what is sent of the log and the peaks. [`report`] is what a page says
//! of itself. Always: each message is built once for all readers that keep up. No reader has
//! a queue: a slow one gets, in one message, all that has changed since the state it was last sent.

mod changes;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod news;
mod pace;
mod report;
mod row;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

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
use crate::watch::Watch;
use crate::websocket::{self, End};
pub(crate) use changes::{ChangesMessage, WholeMessage};
use news::{AllPeaks, LogNews, Second};
pub(crate) use news::{AllPeaksMessage, LogMessage, PeaksMessage};
pub(crate) use pace::LevelsMessage;
use pace::{Pace, Published};
use report::Reporter;
pub(crate) use report::{PageMessage, RefusedMessage};
pub(crate) use row::{ClientRow, ServerRow};

/// Shortest time between two messages about the log.
const LOG_EVERY: Duration = Duration::from_millis(100);
/// Shortest time between two messages that are read from one page.
const READ_EVERY: Duration = Duration::from_millis(5);

/// Turns the engine's snapshots into messages for all connected pages.
#[derive(Clone)]
pub(crate) struct Live(Arc<Inner>);

struct Inner {
    engine: EngineHandle,
    figures: ServerFigures,
    watch: Watch,
    log: LogNews,
    all_peaks: AllPeaks,
    feed: Feed,
    stop: CancellationToken,
}

impl Live {
    /// Sends nothing to pages until [`Live::run`] is called.
    pub(crate) fn new(
        engine: EngineHandle,
        figures: ServerFigures,
        watch: Watch,
        stop: CancellationToken,
    ) -> Self {
        Self(Arc::new(Inner {
            engine,
            figures,
            log: LogNews::new(watch.clone()),
            all_peaks: AllPeaks::default(),
            watch,
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
            let (clock, epoch_ms) = (self.figures.clock(), self.watch.epoch_ms());
            let details = self.watch.details_of(&snapshot.clients);
            let rows = snapshot.clients.iter().zip(details);
            let rows = rows.map(|(client, details)| {
                ClientRow::of(client, details, snapshot.taken, clock, epoch_ms)
            });
            let server = ServerRow::of(&self.figures, &self.watch, snapshot);
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
        if self.watch.second() - 1 != self.feed.seconds.borrow().at_s {
            self.feed.seconds.send_replace(Second::newest(&self.watch));
        }
    }

    async fn push(&self, socket: &mut WebSocket, reporter: &mut Reporter) -> End {
        let (mut states, mut levels) = self.feed.subscribe();
        let (mut seconds, mut log_changes) = (self.feed.seconds.subscribe(), self.watch.changes());
        let mut next_read = tokio::time::Instant::now();
        let mut shown = loop {
            tokio::select! {
                () = self.stop.cancelled() => return End::Stopping,
                said = incoming(socket, &mut next_read) => match said {
                    Some(said) => reporter.take(said),
                    None => return End::Gone,
                },
                first = first_state(&mut states) => break first,
            }
        };
        log_changes.mark_unchanged();
        seconds.mark_unchanged();
        let (log, mut log_number) = self.log.first();
        let (peaks, mut next_second) = self.all_peaks.message(&self.watch);
        let mut next_log = tokio::time::Instant::now();
        for first in [shown.whole(), log, peaks] {
            if let Err(end) = websocket::send(socket, Message::Text(first), &self.stop).await {
                return end;
            }
        }
        loop {
            let message = tokio::select! {
                biased;
                () = self.stop.cancelled() => return End::Stopping,
                said = incoming(socket, &mut next_read) => match said {
                    Some(said) => {
                        reporter.take(said);
                        None
                    }
                    None => return End::Gone,
                },
                () = reporter.is_due() => reporter.look(),
                newest = next_state(&mut states) => {
                    let changes = newest.changes_since(&shown);
                    shown = newest;
                    Some(changes)
                }
                () = log_is_due(&mut log_changes, next_log) => {
                    next_log = tokio::time::Instant::now() + LOG_EVERY;
                    self.log.since(log_number).map(|(message, number)| {
                        log_number = number;
                        message
                    })
                }
                Ok(()) = seconds.changed() => {
                    let second = seconds.borrow_and_update().clone();
                    self.peaks(&second, &mut next_second)
                }
                Ok(()) = levels.changed() => Some(levels.borrow_and_update().clone()),
            };
            if let Some(message) = message
                && let Err(end) = websocket::send(socket, Message::Text(message), &self.stop).await
            {
                return end;
            }
        }
    }

    /// Returns the message about a second, or about all if the page lacks the one before.
    fn peaks(&self, second: &Second, next: &mut i64) -> Option<Utf8Bytes> {
        if second.at_s < *next {
            return None;
        }
        if second.at_s > *next {
            let (message, to_s) = self.all_peaks.message(&self.watch);
            *next = to_s;
            return Some(message);
        }
        *next += 1;
        (!second.message.is_empty()).then(|| second.message.clone())
    }
}

/// Waits until the log has changed, and until another message about it may be sent.
async fn log_is_due(changes: &mut watch::Receiver<u64>, not_before: tokio::time::Instant) {
    tokio::time::sleep_until(not_before).await;
    if changes.changed().await.is_err() {
        // The sender lives as long as the watch.
        std::future::pending::<()>().await;
    }
}

/// Waits until the page says something about itself; `None` if it has closed the connection. What a page
/// sends without a break is read slowly, and then its network holds it back.
async fn incoming(
    socket: &mut WebSocket,
    next_read: &mut tokio::time::Instant,
) -> Option<Utf8Bytes> {
    loop {
        tokio::time::sleep_until(*next_read).await;
        let message = socket.recv().await?;
        *next_read = tokio::time::Instant::now() + READ_EVERY;
        match message {
            Err(_) | Ok(Message::Close(_)) => return None,
            Ok(Message::Text(text)) => return Some(text),
            Ok(_) => {}
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
    seconds: watch::Sender<Second>,
    opened: Notify,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            state: watch::Sender::new(None),
            levels: watch::Sender::new(Utf8Bytes::default()),
            seconds: watch::Sender::new(Second::default()),
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
/// The server sends text messages: first a `WholeMessage`, a `LogMessage` and an `AllPeaksMessage`, and then
/// `ChangesMessage`, `LevelsMessage`, `LogMessage` and `PeaksMessage` as they come. Messages of types that
/// a client does not know must be ignored. A client that reads slowly gets fewer messages, each with all
/// changes since the one before. A page may say by a `PageMessage` whether it is a wall that plays, when it
/// connects and when that changes, at most four times a second; a wrong one is answered by a
/// `RefusedMessage`. The server disconnects a client that reads nothing for 10 s with code 1013; when the
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
    let address = requester.address.ip();
    let serve = move |socket| connections.track_future(serve(live, connection, address, socket));
    Ok(upgrade.on_upgrade(serve))
}

async fn serve(live: Live, connection: Arc<Connection>, address: IpAddr, mut socket: WebSocket) {
    // When the connection ends, a wall is gone.
    let mut reporter = Reporter::new(live.0.watch.clone(), address);
    let end = live.0.push(&mut socket, &mut reporter).await;
    drop(reporter);
    debug!(address = %connection.peer, ?end, "page disconnected");
    websocket::close(socket, end).await;
}

#[cfg(test)]
mod tests;
