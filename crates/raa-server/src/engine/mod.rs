//! The audio thread, which owns the hub and its inputs.
//!
//! It sleeps on its command inbox until a slot is due, drains the inputs, and plays the slot: one
//! wake-up in 20 ms. The rest of the server holds an [`EngineHandle`]: commands go in by a bounded
//! queue, mixed frames come out by a broadcast, and all reading is done from snapshots, so that
//! readers never reach this thread.
//!
//! Always: it waits for its slot and nothing else. Every queue that it writes to is bounded; when
//! one is full, the engine drops (a listener's frame, an event, a report to a sender) or refuses (a
//! command) and never waits.

mod demux;
mod handle;
mod health;
mod inputs;
mod music;
mod priority;
mod timing;
mod udp;
mod workers;

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use anyhow::Context as _;
use raa_core::SLOT;
use raa_core::client::KnownClient;
use raa_core::hub::{ClientEvent, Hub, HubConfig, Origin, Output};
use raa_core::refused::Refused;
use raa_core::rtp::StreamStart;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::id::TEST_MUSIC_SSRC;
use demux::Protocol;
use handle::Request;
pub(crate) use handle::{EngineError, EngineHandle, EngineThread, MixFrame, MixedSlot, Snapshot};
use health::Health;
use inputs::{Input, Inputs};
use music::MusicInput;
pub(crate) use priority::PRIORITY;
use timing::Durations;
pub(crate) use timing::{Histogram, Timing};
use udp::AudioSocket;
pub(crate) use udp::{QUEUED_DATAGRAM_BYTES, RECEIVE_BUFFER_BYTES};
use workers::{Workers, with_workers};

/// The name of the engine's thread.
pub(crate) const ENGINE_THREAD: &str = "engine";
/// Commands that can wait for the next slot; operators are far slower.
const INBOX: usize = 256;
/// Slots by which a reader of the mixes can be behind: 640 ms.
const MIX_RING: usize = 32;
/// Events by which the reader of client events can be behind.
const EVENTS: usize = 4096;
/// Slots from one snapshot to the next: ten snapshots a second.
const SNAPSHOT_SLOTS: u64 = 5;
/// Slots in a window of timing statistics: 5 s.
const STATS_SLOTS: u64 = 250;
/// Drains in a slot after a drain that found an input's queue a quarter full.
const PRESSING_DRAINS: u32 = 4;

/// The engine's settings and resources.
pub(crate) struct EngineConfig {
    /// Settings of the hub.
    pub(crate) hub: HubConfig,
    /// Bound sockets for the senders.
    pub(crate) sockets: Vec<UdpSocket>,
    /// Clients of earlier runs.
    pub(crate) known: Vec<KnownClient>,
    /// Whether the built-in test client plays.
    pub(crate) test_music: bool,
}

/// Starts the engine's thread.
///
/// # Errors
/// When a socket cannot be prepared or a thread cannot be started.
pub(crate) fn start(
    config: EngineConfig,
) -> anyhow::Result<(EngineHandle, EngineThread, Receiver<ClientEvent>)> {
    let (inbox, requests) = sync_channel(INBOX);
    let (events, event_receiver) = sync_channel(EVENTS);
    let (mixes, _) = broadcast::channel(MIX_RING);
    let health = Arc::new(Health::new(Instant::now()));
    let (engine, snapshot) = Engine::new(config, requests, events, mixes.clone(), health.clone())?;
    let ended = CancellationToken::new();
    let end = ended.clone().drop_guard();
    let thread = thread::Builder::new()
        .name(ENGINE_THREAD.into())
        .spawn(move || {
            let _end = end;
            engine.begin();
        })
        .context("the engine's thread cannot be started")?;
    Ok((
        EngineHandle {
            inbox,
            snapshot,
            mixes,
            health,
            ended,
        },
        EngineThread(thread),
        event_receiver,
    ))
}

struct Engine {
    hub: Hub,
    inputs: Inputs,
    requests: Receiver<Request>,
    events: SyncSender<ClientEvent>,
    mixes: broadcast::Sender<MixedSlot>,
    /// Frames of the current slot.
    frames: Vec<MixFrame>,
    snapshot: watch::Sender<Arc<Snapshot>>,
    health: Arc<Health>,
    cycles: Durations,
    lateness: Durations,
    active: u64,
    summary: Summary,
    drains_per_slot: u32,
    unsent_reports: u64,
    /// Reasons for a refusal that are in the log already.
    warned: Vec<Refused>,
}

/// Statistics of the last full window.
#[derive(Debug, Clone, Copy, Default)]
struct Summary {
    mix_cycle: Timing,
    slot_lateness: Timing,
    avg_active: f64,
}

/// What a snapshot shows besides the hub.
struct Figures {
    summary: Summary,
    mix_cycles: Histogram,
    slot_latenesses: Histogram,
    dropped_datagrams: u64,
    unsent_reports: u64,
}

impl Engine {
    fn new(
        config: EngineConfig,
        requests: Receiver<Request>,
        events: SyncSender<ClientEvent>,
        mixes: broadcast::Sender<MixedSlot>,
        health: Arc<Health>,
    ) -> anyhow::Result<(Self, watch::Receiver<Arc<Snapshot>>)> {
        let start = Instant::now();
        let mut hub = Hub::new(config.hub, start)?;
        config
            .known
            .into_iter()
            .for_each(|known| hub.restore(start, known));
        let inputs = open_inputs(config.sockets, config.test_music, start)?;
        let (cycles, lateness) = (Durations::of_cycles(), Durations::of_lateness());
        let figures = Figures {
            summary: Summary::default(),
            mix_cycles: cycles.histogram(),
            slot_latenesses: lateness.histogram(),
            dropped_datagrams: inputs.dropped(),
            unsent_reports: 0,
        };
        let first = snapshot_of(&hub, figures, start);
        let (snapshot, snapshots) = watch::channel(Arc::new(first));
        let engine = Self {
            hub,
            inputs,
            requests,
            events,
            mixes,
            frames: Vec::new(),
            snapshot,
            health,
            cycles,
            lateness,
            active: 0,
            summary: Summary::default(),
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
        let mut next_drain = self.hub.poll_timeout();
        loop {
            let wait = next_drain.saturating_duration_since(Instant::now());
            match self.requests.recv_timeout(wait) {
                Ok(Request::Command(command, reply)) => {
                    let done = self.hub.handle_command(command);
                    self.publish();
                    // The client that asked may have disconnected.
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
            // A drain shortly before the slot would cost a second wake-up: the slot's own is enough.
            if slot.saturating_duration_since(next_drain) < drain_every / 2 {
                next_drain = slot;
            }
        }
    }

    fn play_slot(&mut self, workers: &mut Workers<'_>, started: Instant) {
        let due = self.hub.poll_timeout();
        self.lateness.push(started.saturating_duration_since(due));
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
        let due = self.hub.poll_timeout();
        let (hub, warned) = (&mut self.hub, &mut self.warned);
        let is_pressing = self.inputs.drain(due, &mut |arrival, from, datagram| {
            if let Err(reason) = take(hub, arrival, from, datagram)
                && !warned.contains(&reason)
            {
                warned.push(reason);
                let (reason, bytes) = (reason.as_str(), datagram.len());
                let from = from.address().map(tracing::field::display);
                warn!(
                    reason,
                    bytes, from, "refused a datagram; more of this kind are only counted"
                );
            }
        });
        self.drains_per_slot = if is_pressing { PRESSING_DRAINS } else { 1 };
        self.forward_outputs();
    }

    fn forward_outputs(&mut self) {
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Mix { mix, datagram } => self.frames.push(MixFrame { mix, datagram }),
                // The store makes up for a lost event when it next saves everything.
                Output::Event(event) => _ = self.events.try_send(event),
                Output::Send { to, from, datagram } => self.send(to, from, &datagram),
            }
        }
        if !self.frames.is_empty() {
            // An error means that there are no listeners.
            let _ = self.mixes.send(self.frames.drain(..).collect());
        }
    }

    /// Sends a report; the next one makes up for one that could not be sent.
    fn send(&mut self, to: SocketAddr, from: Option<SocketAddr>, datagram: &[u8]) {
        self.unsent_reports += u64::from(!self.inputs.send(to, from, datagram));
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
        let figures = Figures {
            summary: self.summary,
            mix_cycles: self.cycles.histogram(),
            slot_latenesses: self.lateness.histogram(),
            dropped_datagrams: self.inputs.dropped(),
            unsent_reports: self.unsent_reports,
        };
        let snapshot = snapshot_of(&self.hub, figures, Instant::now());
        self.snapshot.send_replace(Arc::new(snapshot));
    }
}

/// Opens the inputs: the audio sockets, and the test music if it plays.
fn open_inputs(
    sockets: Vec<UdpSocket>,
    test_music: bool,
    start: Instant,
) -> anyhow::Result<Inputs> {
    let mut inputs: Vec<Box<dyn Input + Send>> = Vec::new();
    for socket in sockets {
        inputs.push(Box::new(AudioSocket::new(socket)?));
    }
    if test_music {
        let stream = random_stream(TEST_MUSIC_SSRC);
        inputs.push(Box::new(MusicInput::start(stream, start)?));
    }
    Ok(Inputs::new(inputs))
}

/// Passes a datagram on by its protocol.
fn take(hub: &mut Hub, arrival: Instant, from: Origin, datagram: &[u8]) -> Result<(), Refused> {
    if datagram.len() > udp::MAX_DATAGRAM {
        let reason = Refused::TooLong;
        hub.refuse(arrival, from, datagram, reason);
        return Err(reason);
    }
    match demux::protocol_of(datagram) {
        Protocol::Media | Protocol::Unknown => hub
            .handle_packet(arrival, from, datagram)
            .map(|_accepted| ()),
        // No session takes these yet.
        Protocol::Stun | Protocol::Dtls => {
            let reason = Refused::NotRtp;
            hub.refuse(arrival, from, datagram, reason);
            Err(reason)
        }
    }
}

fn snapshot_of(hub: &Hub, figures: Figures, now: Instant) -> Snapshot {
    let Summary {
        mix_cycle,
        slot_lateness,
        avg_active,
    } = figures.summary;
    Snapshot {
        taken: now,
        clients: hub.clients(now).collect(),
        stats: *hub.stats(),
        refused_senders: hub.refused_senders(now),
        mix_cycle,
        slot_lateness,
        mix_cycles: figures.mix_cycles,
        slot_latenesses: figures.slot_latenesses,
        avg_active,
        dropped_datagrams: figures.dropped_datagrams,
        unsent_reports: figures.unsent_reports,
    }
}

/// Returns random first values for the stream of an SSRC (RFC 3550 section 5.1).
pub(crate) fn random_stream(ssrc: u32) -> StreamStart {
    StreamStart {
        ssrc,
        sequence_number: rand::random(),
        timestamp: rand::random(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demultiplexer_keeps_the_reasons_for_refusals() {
        let start = Instant::now();
        let config = || HubConfig::new(random_stream(1), std::time::SystemTime::now());
        for first in 0..=u8::MAX {
            for len in [1, 8, 11, 12, 13, 20, 100] {
                let mut datagram = vec![first; len];
                let cookie = [0x21, 0x12, 0xa4, 0x42];
                for (to, byte) in datagram.iter_mut().skip(4).zip(cookie) {
                    *to = byte;
                }
                let mut hub = Hub::new(config(), start).unwrap();
                let alone = hub
                    .handle_packet(start, Origin::Internal, &datagram)
                    .map(drop);
                let mut hub = Hub::new(config(), start).unwrap();
                let taken = take(&mut hub, start, Origin::Internal, &datagram);
                assert_eq!(taken, alone, "first byte {first}, {len} bytes");
            }
        }
    }
}
