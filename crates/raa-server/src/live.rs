//! `GET /api/events`: pushes to pages the state, when it changes and every second, and the levels,
//! ten times a second.
//!
//! One task builds each message once for all connections. Always: a slow connection gets the newest
//! state when it is ready to receive, never a queue of old ones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use raa_core::client::{ClientView, Status};
use serde::{Serialize, Serializer};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;
use utoipa::ToSchema;

use crate::api::error::{ApiError, ErrorBody};
use crate::api::listen::claim;
use crate::api::model::{ClientBody, ClientList, StatusBody, tenths};
use crate::api::status::ServerFigures;
use crate::connection::{Connection, Requester};
use crate::engine::{EngineHandle, Snapshot};
use crate::id::ClientId;
use crate::outputs::ws::stats::ListenerStats;
use crate::refused_requests::RefusedRequests;
use crate::websocket::{self, End};

/// Time between two states while nothing changes: a second, less half of the 100 ms between two
/// snapshots.
const STATE_EVERY: Duration = Duration::from_millis(950);
/// Shortest time between two levels. It is less than the 100 ms between two snapshots, so only the
/// extra snapshot after a command brings no levels.
const LEVELS_EVERY: Duration = Duration::from_millis(80);

/// A message of type `state`. It is sent on connect, at once when a client's settings or status or
/// the number of listeners change, and every second.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StateMessage<'a> {
    /// Always `state`.
    #[schema(example = "state")]
    r#type: &'static str,
    /// All clients, as in `GET /api/clients`.
    clients: Vec<ClientBody<'a>>,
    /// The server's figures, as in `GET /api/status`.
    status: StatusBody,
}

/// A message of type `levels`. It is sent ten times a second while clients sound.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LevelsMessage<'a> {
    /// Always `levels`.
    #[schema(example = "levels")]
    r#type: &'static str,
    /// RMS and peak of each sounding client in dBFS, by client id.
    #[schema(
        value_type = std::collections::BTreeMap<String, [f64; 2]>,
        example = json!({"5f0a11c2": [-23.1, -12.0]})
    )]
    levels: Levels<'a>,
}

#[derive(Debug)]
struct Levels<'a>(&'a [ClientView]);

impl Serialize for Levels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sounding = self
            .0
            .iter()
            .filter(|client| client.status == Status::Sounding);
        serializer.collect_map(sounding.map(|client| {
            let level = client.level;
            let pair = [
                tenths(level.rms_dbfs.into()),
                tenths(level.peak_dbfs.into()),
            ];
            (ClientId(client.ssrc), pair)
        }))
    }
}

/// Turns the engine's snapshots into messages for all connected pages.
#[derive(Clone)]
pub(crate) struct Live(Arc<Inner>);

struct Inner {
    engine: EngineHandle,
    listeners: Arc<ListenerStats>,
    figures: ServerFigures,
    feed: Feed,
    stop: CancellationToken,
}

impl Live {
    /// Sends nothing to pages until [`Live::run`] is called, except the first state.
    pub(crate) fn new(
        engine: EngineHandle,
        listeners: Arc<ListenerStats>,
        figures: ServerFigures,
        stop: CancellationToken,
    ) -> Self {
        Self(Arc::new(Inner {
            engine,
            listeners,
            figures,
            feed: Feed::default(),
            stop,
        }))
    }

    /// Builds the messages until the server stops.
    pub(crate) async fn run(self) {
        let inner = self.0;
        let mut snapshots = inner.engine.watch();
        let mut listeners = inner.listeners.watch();
        let mut shown = inner.engine.snapshot();
        let mut state_at = Instant::now();
        let mut levels_at = state_at;
        loop {
            // While no page is open, snapshots do not wake this task.
            tokio::select! {
                () = inner.feed.is_read() => {}
                () = inner.stop.cancelled() => return,
            }
            let listeners_changed = tokio::select! {
                changed = snapshots.changed() => match changed {
                    Ok(()) => false,
                    Err(_engine_ended) => return,
                },
                _ = listeners.changed() => true,
                () = inner.stop.cancelled() => return,
            };
            let (now, snapshot) = (Instant::now(), snapshots.borrow_and_update().clone());
            if listeners_changed
                || now.duration_since(state_at) >= STATE_EVERY
                || !looks_the_same(&shown, &snapshot)
            {
                state_at = now;
                inner.feed.state.send_replace(inner.state_text(&snapshot));
            }
            if now.duration_since(levels_at) >= LEVELS_EVERY && is_sounding(&snapshot) {
                levels_at = now;
                inner.feed.levels.send_replace(levels_text(&snapshot));
            }
            shown = snapshot;
        }
    }
}

impl Inner {
    fn state_text(&self, snapshot: &Snapshot) -> Utf8Bytes {
        let ClientList { clients } = ClientList::of(snapshot);
        text(&StateMessage {
            r#type: "state",
            clients,
            status: self.figures.with(snapshot),
        })
    }

    async fn push(&self, socket: &mut WebSocket) -> End {
        let (mut state, mut levels) = self.feed.subscribe();
        // The feed's state may be old: it is not updated while no page is connected.
        let mut message = self.state_text(&self.engine.snapshot());
        loop {
            if let Err(end) = websocket::send(socket, Message::Text(message), &self.stop).await {
                return end;
            }
            message = tokio::select! {
                biased;
                () = self.stop.cancelled() => return End::Stopping,
                end = websocket::wait_for_close(socket) => return end,
                Ok(()) = state.changed() => state.borrow_and_update().clone(),
                Ok(()) = levels.changed() => levels.borrow_and_update().clone(),
            };
        }
    }
}

/// The newest message of each kind, for every connection to pick up.
#[derive(Debug)]
struct Feed {
    state: watch::Sender<Utf8Bytes>,
    levels: watch::Sender<Utf8Bytes>,
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
    /// Returns receivers for the states and the levels from now on.
    fn subscribe(&self) -> (watch::Receiver<Utf8Bytes>, watch::Receiver<Utf8Bytes>) {
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

fn levels_text(snapshot: &Snapshot) -> Utf8Bytes {
    text(&LevelsMessage {
        r#type: "levels",
        levels: Levels(&snapshot.clients),
    })
}

fn text(message: &impl Serialize) -> Utf8Bytes {
    // Serialising plain structs with text keys does not fail.
    serde_json::to_string(message).unwrap_or_default().into()
}

fn is_sounding(snapshot: &Snapshot) -> bool {
    snapshot
        .clients
        .iter()
        .any(|client| client.status == Status::Sounding)
}

/// Returns whether nothing has changed that a page must show at once.
fn looks_the_same(old: &Snapshot, new: &Snapshot) -> bool {
    let same = |(old, new): (&ClientView, &ClientView)| {
        old.ssrc == new.ssrc
            && old.status == new.status
            && old.settings == new.settings
            && old.sender_name == new.sender_name
            && old.steady == new.steady
    };
    old.clients.len() == new.clients.len() && old.clients.iter().zip(&new.clients).all(same)
}

/// Follow the state and the levels of all clients (WebSocket).
///
/// The server sends text messages of the types `StateMessage` and `LevelsMessage`. It disconnects a
/// client that reads nothing for 10 s with code 1013; when the server stops, the code is 1001.
#[utoipa::path(
    get, path = "/api/events", tag = "clients",
    responses(
        (status = 101, description = "The connection is now a WebSocket", body = StateMessage),
        (status = 403, description = "The host is not a name of this server, or the page is of another site", body = ErrorBody),
        (status = 429, description = "The address has as many WebSockets as one may have", body = ErrorBody),
        (status = 426, description = "The request is not a WebSocket handshake", body = ErrorBody),
    )
)]
pub(crate) async fn events(
    State(live): State<Live>,
    State(connections): State<TaskTracker>,
    State(refused): State<Arc<RefusedRequests>>,
    Extension(connection): Extension<Arc<Connection>>,
    Extension(requester): Extension<Requester>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = websocket::prepare(upgrade)?;
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
mod tests {
    use super::*;
    use crate::engine::Timing;
    use raa_core::hub::HubStats;
    use raa_core::level::Level;
    use raa_core::settings::{ClientSettings, Name, SoundingFrom};
    use raa_core::source::SourceStats;

    fn client(ssrc: u32, status: Status) -> ClientView {
        ClientView {
            ssrc,
            settings: ClientSettings::default(),
            sender_name: None,
            status,
            address: None,
            level: Level {
                rms_dbfs: -23.08,
                peak_dbfs: -12.0,
            },
            seen_before: false,
            last_packet_ago: None,
            last_sound_ago: None,
            sounding_from: SoundingFrom::default(),
            steady: false,
            stats: SourceStats::default(),
            quality: None,
            conflict: None,
            withheld: None,
            round_trip: None,
            capture_trouble: None,
        }
    }

    fn snapshot(clients: Vec<ClientView>) -> Snapshot {
        Snapshot {
            taken: Instant::now(),
            clients,
            stats: HubStats::default(),
            refused_senders: Vec::new(),
            mix_cycle: Timing::default(),
            slot_lateness: Timing::default(),
            avg_active: 0.0,
            dropped_datagrams: 0,
            unsent_reports: 0,
        }
    }

    #[test]
    fn only_sounding_clients_have_levels() {
        let clients = vec![client(1, Status::Sounding), client(2, Status::Connected)];
        let text = levels_text(&snapshot(clients));
        assert_eq!(
            text.as_str(),
            r#"{"type":"levels","levels":{"00000001":[-23.1,-12.0]}}"#
        );
    }

    #[test]
    fn visible_changes_are_noticed() {
        let old = snapshot(vec![
            client(1, Status::Connected),
            client(2, Status::Offline),
        ]);
        let check = |same: bool, change: &dyn Fn(&mut Vec<ClientView>)| {
            let mut new = old.clone();
            change(&mut new.clients);
            assert_eq!(looks_the_same(&old, &new), same);
        };
        check(true, &|_| {});
        check(true, &|clients| clients[0].level = Level::SILENCE);
        check(true, &|clients| clients[0].stats.received = 7);
        check(false, &|clients| clients[1].status = Status::Sounding);
        check(false, &|clients| clients[1].settings.muted = true);
        check(false, &|clients| {
            clients[0].sender_name = Name::new("a").ok()
        });
        check(false, &|clients| _ = clients.pop());
        check(false, &|clients| clients[1].ssrc = 3);
    }
}
