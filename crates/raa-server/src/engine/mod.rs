//! The thread that owns the sound: the hub, the audio sockets, the test music.
//!
//! It sleeps on its command inbox until a slot is due, drains the sockets, and plays the slot:
//! one wake-up in 20 ms. The rest of the server holds an [`EngineHandle`]: commands go in by a
//! bounded queue, mixed frames come out by a broadcast, and everything that is read comes from a
//! snapshot, so that readers never reach this thread.
//!
//! Always: it waits for nothing but its slot; every queue it writes to is bounded, and what does
//! not fit is dropped (a listener's frame, an event, a report to a sender) or refused (a command),
//! never waited for.

mod handle;
mod health;
mod priority;
mod timing;
mod udp;
mod workers;

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use raa_core::SLOT;
use raa_core::client::KnownClient;
use raa_core::hub::{ClientEvent, Hub, HubConfig, Origin, Output};
use raa_core::refused::Refused;
use raa_core::rtp::StreamStart;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::id::TEST_MUSIC_SSRC;
use crate::testmusic::TestMusic;
use handle::Request;
pub use handle::{EngineError, EngineHandle, EngineThread, Snapshot};
use health::Health;
pub use timing::Timing;
use timing::Window;
use udp::AudioSocket;
use workers::{Workers, with_workers};

/// Commands that wait for the next slot; an operator's hand is slower.
const INBOX: usize = 256;
/// Frames that those who write the mix out can be behind: 640 ms.
const MIX_RING: usize = 32;
/// Events the store and the log can be behind.
const EVENTS: usize = 4096;
/// Slots from one snapshot to the next: ten snapshots a second.
const SNAPSHOT_SLOTS: u64 = 5;
/// Slots in a window of timing statistics: 5 s.
const STATS_SLOTS: u64 = 250;
/// Packets of the test music that wait after a stall at most, as a socket's queue would hold.
const MUSIC_BACKLOG: u64 = 250;
/// Drains in a slot when a socket's queue was a quarter full at the last one.
const PRESSING_DRAINS: u32 = 4;

/// What the engine needs to start.
pub struct EngineConfig {
    /// The hub's own settings.
    pub hub: HubConfig,
    /// Bound sockets that senders send to.
    pub sockets: Vec<UdpSocket>,
    /// The clients of earlier runs.
    pub known: Vec<KnownClient>,
    /// Whether the built-in test client plays.
    pub test_music: bool,
}

/// Starts the engine.
///
/// # Errors
/// When a socket cannot be prepared or the thread cannot be started.
pub fn start(
    config: EngineConfig,
) -> anyhow::Result<(EngineHandle, EngineThread, Receiver<ClientEvent>)> {
    let (inbox, requests) = sync_channel(INBOX);
    let (events, event_receiver) = sync_channel(EVENTS);
    let (mix, _) = broadcast::channel(MIX_RING);
    let health = Arc::new(Health::new(Instant::now()));
    let (engine, snapshot) = Engine::new(config, requests, events, mix.clone(), health.clone())?;
    let ended = CancellationToken::new();
    let end = ended.clone().drop_guard();
    let thread = thread::Builder::new()
        .name("engine".into())
        .spawn(move || {
            let _end = end;
            engine.begin();
        })
        .context("cannot start the engine's thread")?;
    Ok((
        EngineHandle {
            inbox,
            snapshot,
            mix,
            health,
            ended,
        },
        EngineThread(thread),
        event_receiver,
    ))
}

struct Engine {
    hub: Hub,
    sockets: Vec<AudioSocket>,
    music: Option<TestMusic>,
    /// The first slot whose packet has not been handed over.
    music_slot: u64,
    requests: Receiver<Request>,
    events: SyncSender<ClientEvent>,
    mix: broadcast::Sender<Bytes>,
    snapshot: watch::Sender<Arc<Snapshot>>,
    health: Arc<Health>,
    start: Instant,
    cycles: Window,
    lateness: Window,
    active: u64,
    summary: Summary,
    drains_per_slot: u32,
    unsent_reports: u64,
    warned: Vec<Refused>,
}

/// The statistics of the last full window.
#[derive(Debug, Clone, Copy, Default)]
struct Summary {
    mix_cycle: Timing,
    slot_lateness: Timing,
    avg_active: f64,
}

impl Engine {
    fn new(
        config: EngineConfig,
        requests: Receiver<Request>,
        events: SyncSender<ClientEvent>,
        mix: broadcast::Sender<Bytes>,
        health: Arc<Health>,
    ) -> anyhow::Result<(Self, watch::Receiver<Arc<Snapshot>>)> {
        let start = Instant::now();
        let mut hub = Hub::new(config.hub, start)?;
        config
            .known
            .into_iter()
            .for_each(|known| hub.restore(start, known));
        let music = config
            .test_music
            .then(|| TestMusic::start(random_stream(TEST_MUSIC_SSRC)));
        let sockets = config.sockets.into_iter().map(AudioSocket::new);
        let sockets: Vec<_> = sockets.collect::<Result<_, _>>()?;
        let summary = Summary::default();
        let first = snapshot_of(&hub, summary, &sockets, 0, start);
        let (snapshot, snapshots) = watch::channel(Arc::new(first));
        let engine = Self {
            hub,
            sockets,
            music: music.transpose()?,
            music_slot: 0,
            requests,
            events,
            mix,
            snapshot,
            health,
            start,
            cycles: Window::default(),
            lateness: Window::default(),
            active: 0,
            summary,
            drains_per_slot: 1,
            unsent_reports: 0,
            warned: Vec::new(),
        };
        Ok((engine, snapshots))
    }

    fn begin(self) {
        priority::raise_engine();
        with_workers(|workers| self.run(workers));
    }

    fn run(mut self, mut workers: Workers<'_>) {
        let mut next_drain = self.start + SLOT;
        loop {
            let wait = next_drain.saturating_duration_since(Instant::now());
            match self.requests.recv_timeout(wait) {
                Ok(Request::Command(command, reply)) => {
                    let done = self.hub.handle_command(command);
                    self.publish();
                    // Who asked may have gone away meanwhile.
                    let _ = reply.send(done);
                }
                Ok(Request::Shutdown) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = Instant::now();
            if now < next_drain {
                continue;
            }
            self.drain();
            if now >= self.hub.poll_timeout() {
                self.play_slot(&mut workers, now);
            }
            let drain_every = SLOT / self.drains_per_slot;
            let slot = self.hub.poll_timeout();
            next_drain = slot.min(now + drain_every);
            // A drain so near the slot that it would be woken twice for it waits for the slot.
            if slot.saturating_duration_since(next_drain) < drain_every / 2 {
                next_drain = slot;
            }
        }
    }

    fn play_slot(&mut self, workers: &mut Workers<'_>, started: Instant) {
        let due = self.hub.poll_timeout();
        self.lateness.push(started.saturating_duration_since(due));
        self.play_music(due);
        workers.play(&mut self.hub, started);
        self.forward_outputs();
        self.active += self.hub.stats().active as u64;
        self.health.slot_played(started);
        self.cycles.push(started.elapsed());
        let slots = self.hub.stats().slots;
        if slots.is_multiple_of(STATS_SLOTS) {
            self.close_window();
        }
        if slots.is_multiple_of(SNAPSHOT_SLOTS) {
            self.publish();
        }
    }

    fn drain(&mut self) {
        let mut is_pressing = false;
        for socket in &mut self.sockets {
            is_pressing |= socket.drain(|arrival, from, datagram| {
                let taken = self.hub.handle_packet(arrival, Origin::Network(from), datagram);
                if let Err(reason) = taken
                    && !self.warned.contains(&reason)
                {
                    self.warned.push(reason);
                    let (reason, bytes) = (reason.as_str(), datagram.len());
                    warn!(reason, bytes, %from, "refused a datagram; more of this kind are only counted");
                }
            });
        }
        self.drains_per_slot = if is_pressing { PRESSING_DRAINS } else { 1 };
        self.forward_outputs();
    }

    /// Hands over the packets of all slots up to the one that is due: like any sender's, those
    /// of a stall have arrived in time and waited.
    fn play_music(&mut self, due: Instant) {
        let Some(music) = &mut self.music else { return };
        let current = (due.duration_since(self.start).as_nanos() / SLOT.as_nanos()) as u64;
        for slot in self.music_slot.max(current.saturating_sub(MUSIC_BACKLOG))..current {
            let arrival = self.start + Duration::from_nanos(SLOT.as_nanos() as u64 * slot);
            let Some(datagram) = music.datagram(slot) else {
                continue;
            };
            // Its own packets are well-formed; a refusal is counted like any other.
            let _ = self.hub.handle_packet(arrival, Origin::Internal, datagram);
            if slot.is_multiple_of(STATS_SLOTS) {
                let description = music.description(slot);
                let _ = self
                    .hub
                    .handle_packet(arrival, Origin::Internal, description);
            }
        }
        self.music_slot = current;
    }

    fn forward_outputs(&mut self) {
        while let Some(output) = self.hub.poll_output() {
            match output {
                // An error means that nobody listens.
                Output::Mix {
                    datagram: frame, ..
                } => _ = self.mix.send(frame),
                // The store catches up with what it missed when it next saves everything.
                Output::Event(event) => _ = self.events.try_send(event),
                Output::Send { to, datagram } => self.send(to, &datagram),
            }
        }
    }

    /// The next report makes up for one that could not be sent.
    fn send(&mut self, to: SocketAddr, datagram: &[u8]) {
        let socket = self.sockets.iter().find(|socket| socket.reaches(to));
        let sent = socket.is_some_and(|socket| socket.send(to, datagram).is_ok());
        self.unsent_reports += u64::from(!sent);
    }

    fn close_window(&mut self) {
        let Timing {
            mean_ms,
            p99_ms,
            max_ms,
        } = self.cycles.close();
        let avg_active = self.active as f64 / STATS_SLOTS as f64;
        info!(mean_ms, p99_ms, max_ms, avg_active, "mix cycle stats");
        let mix_cycle = Timing {
            mean_ms,
            p99_ms,
            max_ms,
        };
        let slot_lateness = self.lateness.close();
        let Timing {
            mean_ms,
            p99_ms,
            max_ms,
        } = slot_lateness;
        let skipped_slots = self.hub.stats().skipped_slots;
        info!(
            mean_ms,
            p99_ms, max_ms, skipped_slots, "slot lateness stats"
        );
        self.active = 0;
        self.summary = Summary {
            mix_cycle,
            slot_lateness,
            avg_active,
        };
    }

    fn publish(&self) {
        let (hub, sockets) = (&self.hub, &self.sockets);
        let now = Instant::now();
        let snapshot = snapshot_of(hub, self.summary, sockets, self.unsent_reports, now);
        self.snapshot.send_replace(Arc::new(snapshot));
    }
}

fn snapshot_of(
    hub: &Hub,
    summary: Summary,
    sockets: &[AudioSocket],
    unsent_reports: u64,
    now: Instant,
) -> Snapshot {
    Snapshot {
        taken: now,
        clients: hub.clients(now).collect(),
        stats: *hub.stats(),
        mix_cycle: summary.mix_cycle,
        slot_lateness: summary.slot_lateness,
        avg_active: summary.avg_active,
        dropped_datagrams: sockets.iter().map(AudioSocket::dropped).sum(),
        unsent_reports,
    }
}

/// Random first values of a stream with a given SSRC.
pub fn random_stream(ssrc: u32) -> StreamStart {
    StreamStart {
        ssrc,
        sequence_number: rand::random(),
        timestamp: rand::random(),
    }
}
