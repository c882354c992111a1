//! The shell around raa-core: sockets, threads, HTTP and the disk.
//!
//! [`run`] is the whole server between two sockets and a stop signal, so tests start as many of
//! them in one process as they like. Always: when `run` returns, everything it started has ended,
//! and what operators have set is on the disk.

mod api;
pub mod config;
mod connection;
mod control;
pub mod engine;
mod http;
pub mod id;
mod journal;
mod live;
mod log;
mod outputs;
pub mod process;
mod rate_limit;
mod sockets;
mod store;
mod testmusic;
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

use api::status::ServerFigures;
use config::Config;
use control::Control;
use engine::{EngineConfig, EngineHandle, EngineThread};
use http::App;
use http::page::Page;
use id::TEST_MUSIC_SSRC;
use live::Live;
use outputs::ws;
use outputs::ws::fanout::FanoutThreads;
#[doc(hidden)]
pub use outputs::ws::poller::BarePoller;
use outputs::ws::stats::ListenerStats;
pub use sockets::Sockets;
use store::StoreThread;

/// How long the end waits for browsers to take their goodbye.
const GOODBYE_LIMIT: Duration = Duration::from_millis(600);
/// How long it waits for a disk that may be stuck.
const DISK_LIMIT: Duration = Duration::from_millis(300);

/// What the server needs beside its sockets.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The keys' values.
    pub config: Config,
    /// Where the state is kept.
    pub state_dir: PathBuf,
    /// Where the page is served from instead of the binary.
    pub web_dir: Option<PathBuf>,
}

/// Serves until `stop` is cancelled, or until the engine ends by itself, which is an error.
///
/// # Errors
/// When the server can't start, or its engine has ended.
pub async fn run(setup: Setup, sockets: Sockets, stop: CancellationToken) -> anyhow::Result<()> {
    let (udp, http) = sockets.addresses()?;
    let running = Running::start(setup, sockets, stop.child_token())?;
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

/// Everything that has been started and must be ended.
struct Running {
    engine: EngineHandle,
    stop: CancellationToken,
    /// The tasks of all connections.
    connections: TaskTracker,
    serving: JoinHandle<()>,
    feeding: JoinHandle<()>,
    keeping: JoinHandle<()>,
    fanout_threads: FanoutThreads,
    engine_thread: EngineThread,
    store_thread: StoreThread,
}

impl Running {
    fn start(setup: Setup, sockets: Sockets, stop: CancellationToken) -> anyhow::Result<Self> {
        let max_unconfigured = setup.config.max_unconfigured_clients.into();
        let (store, store_thread, known) = store::open(&setup.state_dir, max_unconfigured)?;
        let config = engine_config(&setup.config, sockets.udp, known);
        let (engine, engine_thread, client_events) = engine::start(config)?;
        let control = Control::new(engine.clone(), store);
        let listeners = Arc::<ListenerStats>::default();
        let mixes = [("main", MixId::MAIN)];
        let (fanout, fanout_threads) = ws::fanout::start(&engine, &listeners, &mixes, &stop)?;
        let figures = ServerFigures::new(listeners.clone());
        let live = Live::new(engine.clone(), listeners, figures.clone(), stop.clone());
        let connections = TaskTracker::new();
        let router = http::router(App {
            engine: engine.clone(),
            control: control.clone(),
            figures,
            live: live.clone(),
            fanout: Arc::new(fanout),
            page: Arc::new(Page::new(setup.web_dir)),
            connections: connections.clone(),
        });
        let listener = TcpListener::from_std(sockets.http).context("cannot accept connections")?;
        let serve = http::accept::run(listener, router, stop.clone(), connections.clone());
        Ok(Self {
            serving: tokio::spawn(serve),
            feeding: tokio::spawn(live.run()),
            keeping: tokio::spawn(journal::run(client_events, control, stop.clone())),
            engine,
            stop,
            connections,
            fanout_threads,
            engine_thread,
            store_thread,
        })
    }

    /// Says goodbye to everybody, stores a last time, and waits for the threads.
    async fn end(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.connections.close();
        let fanout = spawn_blocking(move || self.fanout_threads.join());
        let goodbyes = async { tokio::join!(self.connections.wait(), fanout) };
        let _ = timeout(GOODBYE_LIMIT, goodbyes).await;
        // Errors of these are panics, which have been told already.
        let _ = tokio::join!(self.serving, self.feeding);
        if timeout(DISK_LIMIT, self.keeping).await.is_err() {
            warn!("the disk is too slow to store when clients were last heard");
        }
        self.engine.shutdown();
        let engine = spawn_blocking(move || self.engine_thread.join()).await?;
        // A disk that is stuck is left behind; what was confirmed is on it.
        let _ = timeout(DISK_LIMIT, spawn_blocking(move || self.store_thread.join())).await;
        engine.map_err(|_| anyhow!("the audio engine has panicked"))
    }
}

fn engine_config(
    config: &Config,
    udp: std::net::UdpSocket,
    known: Vec<KnownClient>,
) -> EngineConfig {
    // What was set of the test client is kept while it is switched off, but not shown.
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
        reserved_ssrcs: vec![TEST_MUSIC_SSRC],
        ..HubConfig::new(mix_stream, SystemTime::now())
    };
    hub.main_mix.encoder = EncoderSettings {
        bitrate: config.bitrate,
        complexity: config.complexity,
    };
    hub
}
