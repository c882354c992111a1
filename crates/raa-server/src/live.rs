//! `GET /api/events`: what pages show, pushed: the whole state when it changes and every second,
//! and the levels ten times a second.
//!
//! One task writes each message once, for all connections. Always: a slow connection is given
//! the latest state when it is ready for one, and never a queue of old ones.

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
use crate::api::model::{ClientBody, ClientList, StatusBody, tenths};
use crate::api::status::ServerFigures;
use crate::connection::Connection;
use crate::engine::{EngineHandle, Snapshot};
use crate::id::ClientId;
use crate::outputs::ws::stats::ListenerStats;
use crate::websocket::{self, End};

/// The state comes this often even when nothing changes; snapshots come every 100 ms.
const STATE_EVERY: Duration = Duration::from_millis(950);
/// A command's extra snapshot brings no extra levels.
const LEVELS_EVERY: Duration = Duration::from_millis(80);

/// A message of type `state`: on connect, at once after any change of a client's settings or
/// status or of the number of listeners, and every second.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StateMessage<'a> {
    /// `state`.
    #[schema(example = "state")]
    r#type: &'static str,
    /// As `GET /api/clients` answers.
    clients: Vec<ClientBody<'a>>,
    /// As `GET /api/status` answers.
    status: StatusBody,
}

/// A message of type `levels`: ten times a second while clients sound.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LevelsMessage<'a> {
    /// `levels`.
    #[schema(example = "levels")]
    r#type: &'static str,
    /// By id, RMS and peak in dBFS of each client that sounds.
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

/// The way from the engine's snapshots to all connected pages.
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
    /// Writes nothing before [`Live::run`].
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

    /// Writes the messages until the server ends.
    pub(crate) async fn run(self) {
        let inner = self.0;
        let mut snapshots = inner.engine.watch();
        let mut listeners = inner.listeners.watch();
        let mut shown = inner.engine.snapshot();
        let mut state_at = Instant::now();
        let mut levels_at = state_at;
        loop {
            // While no page is open, a snapshot is no reason to wake up.
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
        // The feed's own state may be old: nobody writes it while nobody is connected.
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

/// The latest message of each kind.
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
    /// What is written from now on: states, and levels.
    fn subscribe(&self) -> (watch::Receiver<Utf8Bytes>, watch::Receiver<Utf8Bytes>) {
        let receivers = (self.state.subscribe(), self.levels.subscribe());
        self.opened.notify_one();
        receivers
    }

    /// Waits until somebody reads.
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
    // Plain structs with text keys have no reason to fail.
    serde_json::to_string(message).unwrap_or_default().into()
}

fn is_sounding(snapshot: &Snapshot) -> bool {
    snapshot
        .clients
        .iter()
        .any(|client| client.status == Status::Sounding)
}

/// Whether nothing has changed that a person must see at once.
fn looks_the_same(old: &Snapshot, new: &Snapshot) -> bool {
    let same = |(old, new): (&ClientView, &ClientView)| {
        old.ssrc == new.ssrc
            && old.status == new.status
            && old.settings == new.settings
            && old.sender_name == new.sender_name
    };
    old.clients.len() == new.clients.len() && old.clients.iter().zip(&new.clients).all(same)
}

/// State and levels of all clients, pushed (WebSocket).
///
/// Text messages, of the types `StateMessage` and `LevelsMessage`. A connection that takes
/// nothing for 10 s is closed with code 1013; when the server ends, with 1001.
#[utoipa::path(
    get, path = "/api/events", tag = "clients",
    responses(
        (status = 101, description = "The connection is a WebSocket now", body = StateMessage),
        (status = 426, description = "No WebSocket handshake", body = ErrorBody),
    )
)]
pub(crate) async fn events(
    State(live): State<Live>,
    State(connections): State<TaskTracker>,
    Extension(connection): Extension<Arc<Connection>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = websocket::prepare(upgrade)?;
    let serve = move |socket| connections.track_future(serve(live, connection, socket));
    Ok(upgrade.on_upgrade(serve))
}

async fn serve(live: Live, connection: Arc<Connection>, mut socket: WebSocket) {
    let end = live.0.push(&mut socket).await;
    debug!(address = %connection.peer, ?end, "page leaves");
    websocket::close(socket, end).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Timing;
    use raa_core::hub::HubStats;
    use raa_core::level::Level;
    use raa_core::settings::{ClientSettings, Name};
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
            last_packet_ago: None,
            last_sound_ago: None,
            stats: SourceStats::default(),
            quality: None,
            conflict: None,
            round_trip: None,
        }
    }

    fn snapshot(clients: Vec<ClientView>) -> Snapshot {
        Snapshot {
            taken: Instant::now(),
            clients,
            stats: HubStats::default(),
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
    fn what_a_person_must_see_at_once_is_noticed() {
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
