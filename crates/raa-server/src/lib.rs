//! The shell around raa-core: sockets, threads, HTTP and the disk.
//!
//! [`run`] is the whole server, given its sockets and a stop signal, so a test can start several
//! servers in one process. From the ground up, and without circles: `connection`, `id`, `rate_limit`,
//! `websocket`, `engine` and `store`; then `control`, `journal` and `outputs`; then `api`, `live` and
//! `http`. Always: when `run` returns, everything it started has ended, and what operators have set
//! is on the disk.

mod access;
mod api;
mod change_log;
mod clock;
pub mod config;
mod connection;
mod control;
mod descriptors;
mod doctor;
mod engine;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod id;
mod journal;
mod keeper;
mod limits;
mod live;
mod log;
mod metrics;
mod outputs;
pub mod process;
mod rate_limit;
mod refused_requests;
mod signals;
mod sockets;
mod store;
mod supervisor;
#[cfg(test)]
mod test_client;
mod testmusic;
mod watch;
mod websocket;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow};
use raa_core::client::KnownClient;
use raa_core::codec::EncoderSettings;
use raa_core::hub::HubConfig;
use raa_core::mix::MixId;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use access::Access;
use api::clients::SharedList;
use api::log::LogTexts;
use api::status::ServerFigures;
use config::Config;
use connection::PlaceTable;
use control::Control;
use engine::{EngineConfig, EngineHandle, EngineThread};
use http::App;
use http::accept::Gate;
use http::guard::Guard;
use http::page::Page;
use id::TEST_MUSIC_SSRC;
use keeper::Retention;
use limits::changes::Changes;
use limits::places::Limits;
use live::Live;
use metrics::Metrics;
use outputs::ws;
use outputs::ws::fanout::FanoutThreads;
#[doc(hidden)]
pub use outputs::ws::poller::BarePoller;
use outputs::ws::stats::ListenerStats;
use refused_requests::RefusedRequests;
pub use sockets::Sockets;
use store::StoreThread;
use supervisor::Supervisor;
use watch::Watch;

/// Longest wait for the connections to close when the server stops.
const CLOSE_LIMIT: Duration = Duration::from_millis(600);
/// Longest wait for the disk, which may be stuck, when the server stops.
const DISK_LIMIT: Duration = Duration::from_millis(300);

/// What the server needs in addition to its sockets.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The configuration.
    pub config: Config,
    /// The folder that keeps the state.
    pub state_dir: PathBuf,
    /// The folder to serve the page from, instead of the files in the binary.
    pub web_dir: Option<PathBuf>,
}

/// Serves until `stop` is cancelled.
///
/// # Errors
/// When the server can't start, or when its engine has ended by itself.
pub async fn run(setup: Setup, sockets: Sockets, stop: CancellationToken) -> anyhow::Result<()> {
    run_supervised(setup, sockets, stop, None).await
}

/// Serves like [`run`], and reports to the supervisor.
async fn run_supervised(
    setup: Setup,
    sockets: Sockets,
    stop: CancellationToken,
    supervisor: Option<Supervisor>,
) -> anyhow::Result<()> {
    let (udp, http) = sockets.addresses()?;
    let running = Running::start(setup, sockets, supervisor, stop.child_token())?;
    info!(%udp, %http, "listening");
    tokio::select! {
        () = stop.cancelled() => info!("stopping"),
        () = running.engine.ended() => {}
    }
    running.end().await?;
    if stop.is_cancelled() {
        Ok(())
    } else {
        Err(anyhow!("the audio engine has ended"))
    }
}

/// Everything that was started and must be ended.
struct Running {
    engine: EngineHandle,
    stop: CancellationToken,
    /// The tasks of all connections.
    connections: TaskTracker,
    accepting: JoinHandle<()>,
    pushing: JoinHandle<()>,
    journal: JoinHandle<()>,
    /// Keeps the watch.
    keeper: JoinHandle<()>,
    reporting: Option<JoinHandle<()>>,
    fanout_threads: FanoutThreads,
    engine_thread: EngineThread,
    store_thread: StoreThread,
}

impl Running {
    fn start(
        setup: Setup,
        sockets: Sockets,
        supervisor: Option<Supervisor>,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let max_unconfigured = setup.config.max_unconfigured_clients.into();
        let (store, store_thread, known, remembered) =
            store::open(&setup.state_dir, max_unconfigured)?;
        let (udp, _) = sockets.addresses()?;
        let config = engine_config(&setup.config, sockets.udp, known);
        let (engine, engine_thread, client_events) = engine::start(config)?;
        let max_configured = setup.config.max_configured_clients as usize;
        let listeners = Arc::<ListenerStats>::default();
        let mixes = [("main", MixId::MAIN)];
        let (fanout, fanout_threads) = ws::fanout::start(&engine, &listeners, &mixes, &stop)?;
        let refused = Arc::<RefusedRequests>::default();
        let figures = ServerFigures::new(listeners, refused.clone(), udp.port());
        let reported = figures.clone();
        let watch = Watch::new(remembered, figures.clock());
        let control = Control::new(engine.clone(), store, watch.clone(), max_configured);
        let live = Live::new(engine.clone(), figures.clone(), watch.clone(), stop.clone());
        let connections = TaskTracker::new();
        let access = Arc::new(access(&setup.config));
        let places = PlaceTable::new(http_limits(&setup.config));
        let (per_second, burst) = (setup.config.changes_per_second, setup.config.changes_burst);
        let changes = Changes::new(per_second, burst);
        let guard = Guard::new(access.clone(), refused.clone(), places.clone(), changes);
        let app = App {
            engine: engine.clone(),
            control: control.clone(),
            watch: watch.clone(),
            figures: figures.clone(),
            live: live.clone(),
            fanout: Arc::new(fanout),
            page: Arc::new(Page::new(setup.web_dir)),
            refused: refused.clone(),
            list: SharedList::new(refused.clone(), watch.clone()),
            log_texts: LogTexts::new(refused.clone()),
            metrics: Metrics::new(figures.clone(), refused.clone(), watch.clone()),
            connections: connections.clone(),
        };
        let router = http::router(app, guard, &access, &setup.config.base_path);
        let gate = Gate {
            places,
            access,
            refused,
            engine: engine.clone(),
        };
        let listener = TcpListener::from_std(sockets.http).context("cannot accept connections")?;
        let accept = http::accept::run(listener, router, gate, stop.clone(), connections.clone());
        let report = |supervisor: Supervisor| {
            tokio::spawn(supervisor.follow(engine.clone(), reported, stop.clone()))
        };
        let retention = Retention {
            days: setup.config.log_days,
            count: setup.config.log_entries,
        };
        let (kept, keeping) = (engine.clone(), control.clone());
        let keeper = keeper::run(kept, watch, keeping, retention, stop.clone());
        Ok(Self {
            keeper: tokio::spawn(keeper),
            reporting: supervisor.map(report),
            accepting: tokio::spawn(accept),
            pushing: tokio::spawn(live.run()),
            journal: tokio::spawn(journal::run(client_events, control, stop.clone())),
            engine,
            stop,
            connections,
            fanout_threads,
            engine_thread,
            store_thread,
        })
    }

    /// Closes all connections, stores a last time, and waits for tasks and threads to end.
    async fn end(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.connections.close();
        let fanout = spawn_blocking(move || self.fanout_threads.join());
        let closed = async { tokio::join!(self.connections.wait(), fanout) };
        let _ = timeout(CLOSE_LIMIT, closed).await;
        // An error of a task is a panic, which has been logged.
        let _ = tokio::join!(self.accepting, self.pushing);
        if let Some(reporting) = self.reporting {
            let _ = reporting.await;
        }
        if timeout(DISK_LIMIT, self.journal).await.is_err() {
            warn!("the disk is too slow to store when clients were last seen");
        }
        if timeout(DISK_LIMIT, self.keeper).await.is_err() {
            warn!("the disk is too slow to store what happened last");
        }
        self.engine.shutdown();
        let engine = spawn_blocking(move || self.engine_thread.join()).await?;
        // The end does not wait for a stuck disk; everything confirmed is on it.
        let _ = timeout(DISK_LIMIT, spawn_blocking(move || self.store_thread.join())).await;
        engine.map_err(|_| anyhow!("the audio engine has panicked"))
    }
}

fn http_limits(config: &Config) -> Limits {
    Limits {
        total: descriptors::max_connections(http::accept::MAX_CONNECTIONS),
        connections: config.max_connections_per_address.into(),
        sockets: config.max_listeners_per_address.into(),
    }
}

fn access(config: &Config) -> Access {
    let mut hosts = access::own_names();
    let names: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    info!(
        names = names.join(" "),
        "the page has these names of the computer"
    );
    hosts.extend(config.allowed_hosts.iter().cloned());
    let (origins, proxies) = (&config.allowed_origins, &config.trusted_proxies);
    Access::new(hosts, origins.clone(), proxies.clone())
}

fn engine_config(
    config: &Config,
    udp: std::net::UdpSocket,
    known: Vec<KnownClient>,
) -> EngineConfig {
    // While the test client is switched off, its settings stay stored, but it is not shown.
    let is_shown = |known: &KnownClient| config.test_music || known.ssrc != TEST_MUSIC_SSRC;
    EngineConfig {
        hub: hub_config(config),
        sockets: vec![udp],
        known: known.into_iter().filter(is_shown).collect(),
        test_music: config.test_music,
    }
}

fn hub_config(config: &Config) -> HubConfig {
    let mix_stream = engine::random_stream(rand::random());
    let mut hub = HubConfig {
        payload_types: config.payload_types.clone(),
        max_playout_delay: Duration::from_millis(config.max_playout_delay_ms.into()),
        offline_after: Duration::from_secs(config.offline_after_s.into()),
        max_unconfigured_clients: config.max_unconfigured_clients.into(),
        forget_unconfigured_after: match config.forget_unconfigured_after_h {
            0 => None,
            hours => Some(Duration::from_hours(hours.into())),
        },
        sounding_from: config.sounding_from_dbfs,
        reserved_ssrcs: vec![TEST_MUSIC_SSRC],
        ..HubConfig::new(mix_stream, SystemTime::now())
    };
    hub.main_mix.encoder = EncoderSettings {
        bitrate: config.bitrate,
        complexity: config.complexity,
    };
    hub
}
