//! One hub, its senders and their links, and one listener, on one simulated clock.
//!
//! [`World`] drives the hub as the server's engine does: it wakes when a slot is due, hands over
//! the datagrams that have arrived since with their arrival times, and plays the slot. Time jumps
//! from slot to slot, so an hour passes in about a second. [`OneSource`] simulates a single source
//! for tests that need no mix.
//! Always: the seed and the calls decide everything, so a failure can be repeated from its seed;
//! nothing sleeps and nothing reads a clock.

pub mod clip;
pub mod continuity;
pub mod in_flight;
pub mod link;
mod mix_listener;
mod one_source;
mod random;
mod sender;
pub mod sound;
mod wall_clock;

use std::time::{Duration, Instant, SystemTime};

use raa_core::SLOT;
use raa_core::arrival::{ArrivalClock, Clocks};
use raa_core::client::ClientView;
use raa_core::codec::{CodecError, Decoder, EncoderSettings};
use raa_core::hub::{Command, Hub, HubConfig, Origin, Output};
use raa_core::rtp::StreamStart;
use raa_core::settings::ClientSettings;

pub use clip::Clip;
use in_flight::InFlight;
pub use link::{Jitter, Link, Path};
pub use mix_listener::MixListener;
pub use one_source::OneSource;
pub use random::Random;
pub use sender::{Pause, Sender};
pub use wall_clock::WallClock;

/// The upper limit of the playout delay in every simulation.
pub const MAX_PLAYOUT_DELAY: Duration = Duration::from_millis(400);
/// The time without packets after which a client is offline.
pub const OFFLINE_AFTER: Duration = Duration::from_secs(10);

/// A simulated server with its senders, its network and one listener.
pub struct World {
    /// Receives every frame of the mix.
    pub listener: MixListener,
    /// The clock of the server's computer, by which its kernel stamps datagrams.
    pub wall_clock: WallClock,
    /// Everything that the hub put out apart from the mix and its reports to senders, with the
    /// time since the start.
    pub events: Vec<(Duration, Output)>,
    hub: Hub,
    arrivals: ArrivalClock,
    start: Instant,
    now: Duration,
    stalled_until: Duration,
    senders: Vec<(Sender, Path)>,
    /// Datagrams, with their origins when they were sent.
    in_flight: InFlight<(Origin, Vec<u8>)>,
    eavesdropper: Option<Eavesdropper>,
    random: Random,
}

/// A host that sees every datagram when it leaves its sender, and answers with its own.
pub type Eavesdropper = Box<dyn FnMut(Duration, &[u8]) -> Vec<Forged>>;

/// A datagram that no sender of the world has sent.
#[derive(Debug, Clone)]
pub struct Forged {
    /// When it arrives, in time since the start; not before now.
    pub arrival: Duration,
    /// Where it seems to come from.
    pub from: Origin,
    /// Its bytes.
    pub datagram: Vec<u8>,
}

impl World {
    /// Creates a world whose listener counts frames without decoding them.
    ///
    /// The mix is encoded at the lowest bitrate and complexity, because encoding would otherwise
    /// take most of the time of a simulated hour.
    ///
    /// # Errors
    /// Fails if libopus cannot allocate an encoder.
    pub fn new(seed: u64) -> Result<Self, CodecError> {
        Self::with(
            seed,
            EncoderSettings {
                bitrate: 500,
                complexity: 0,
            },
            MixListener::counting(),
        )
    }

    /// Creates a world whose listener decodes the mix and measures tones of these pitches, which
    /// must be multiples of 200 Hz.
    ///
    /// # Errors
    /// Fails if libopus cannot allocate an encoder or a decoder.
    pub fn listening(seed: u64, pitches_hz: &[u32]) -> Result<Self, CodecError> {
        Self::with(
            seed,
            EncoderSettings::default(),
            MixListener::decoding(Decoder::new()?, pitches_hz),
        )
    }

    fn with(
        seed: u64,
        encoder: EncoderSettings,
        listener: MixListener,
    ) -> Result<Self, CodecError> {
        let mut random = Random::new(seed);
        let mix_stream = StreamStart {
            ssrc: random.next_u64() as u32,
            sequence_number: random.next_u64() as u16,
            timestamp: random.next_u64() as u32,
        };
        let mut config = HubConfig {
            max_playout_delay: MAX_PLAYOUT_DELAY,
            offline_after: OFFLINE_AFTER,
            ..HubConfig::new(mix_stream, SystemTime::UNIX_EPOCH)
        };
        config.main_mix.encoder = encoder;
        // Only durations since the start are ever used, so its value does not matter.
        let start = Instant::now();
        Ok(Self {
            listener,
            wall_clock: WallClock::default(),
            events: Vec::new(),
            hub: Hub::new(config, start)?,
            arrivals: ArrivalClock::default(),
            start,
            now: Duration::ZERO,
            stalled_until: Duration::ZERO,
            senders: Vec::new(),
            in_flight: InFlight::default(),
            eavesdropper: None,
            random,
        })
    }

    /// Adds a sender behind a link and returns its handle.
    pub fn add(&mut self, sender: Sender, link: Link) -> usize {
        self.senders
            .push((sender, Path::new(link, self.random.next_u64())));
        self.senders.len() - 1
    }

    /// The sender with this handle; changes apply from now on.
    pub fn sender(&mut self, handle: usize) -> &mut Sender {
        &mut self.senders[handle].0
    }

    /// The path from this sender to the server; changes apply from now on.
    pub fn path(&mut self, handle: usize) -> &mut Path {
        &mut self.senders[handle].1
    }

    /// The time since the start.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// The hub, for calls that the server would make.
    pub fn hub(&mut self) -> &mut Hub {
        &mut self.hub
    }

    /// Converts a time since the start to the hub's clock.
    pub fn instant(&self, at: Duration) -> Instant {
        self.start + at
    }

    /// The client's state as an operator sees it, or `None` if the hub does not know it.
    pub fn client(&self, ssrc: u32) -> Option<ClientView> {
        self.hub.client(ssrc, self.start + self.now)
    }

    /// Applies the settings that an operator makes.
    pub fn configure(&mut self, ssrc: u32, settings: ClientSettings) {
        // The hub refuses only `Forget`.
        let _ = self
            .hub
            .handle_command(Command::Configure { ssrc, settings });
    }

    /// Stops the server's process for `length`; datagrams that arrive meanwhile wait in its socket.
    pub fn stall_server(&mut self, length: Duration) {
        self.stalled_until = self.now + length;
    }

    /// Delivers a datagram to the hub now, from any origin.
    pub fn inject(&mut self, from: Origin, datagram: &[u8]) {
        // A refusal is counted by the hub.
        let _ = self
            .hub
            .handle_packet(self.start + self.now, from, datagram);
        self.drain();
    }

    /// Sends a datagram that arrives later.
    pub fn forge(&mut self, forged: Forged) {
        let arrival = forged.arrival.max(self.now);
        self.in_flight.send(arrival, (forged.from, forged.datagram));
    }

    /// Lets a host see all datagrams from now on.
    pub fn set_eavesdropper(&mut self, eavesdropper: Eavesdropper) {
        self.eavesdropper = Some(eavesdropper);
    }

    /// Lets `length` pass, slot by slot.
    pub fn run_for(&mut self, length: Duration) {
        let end = self.now + length;
        loop {
            let due = self.hub.poll_timeout().duration_since(self.start);
            let wake = due.max(self.stalled_until);
            if wake > end {
                self.now = end;
                return;
            }
            self.now = wake;
            self.send();
            self.deliver();
            self.hub.handle_timeout(self.start + self.now);
            self.drain();
        }
    }

    /// Runs for `length` in steps of one second and calls `each` after every step.
    pub fn run_watched(&mut self, length: Duration, mut each: impl FnMut(&mut Self)) {
        let end = self.now + length;
        while self.now < end {
            self.run_for(Duration::from_secs(1).min(end - self.now));
            each(self);
        }
    }

    /// The number of slots that have been due since the start, played or skipped.
    pub fn slots_due(&self) -> u64 {
        (self.now.as_nanos() / SLOT.as_nanos()) as u64
    }

    fn send(&mut self) {
        let (in_flight, eavesdropper) = (&mut self.in_flight, &mut self.eavesdropper);
        for (sender, path) in &mut self.senders {
            let from = Origin::from(sender.address);
            sender.send_until(self.now, |leaves, datagram| {
                for forged in eavesdropper
                    .iter_mut()
                    .flat_map(|each| each(leaves, &datagram))
                {
                    in_flight.send(forged.arrival, (forged.from, forged.datagram));
                }
                path.send(leaves, (from, datagram), in_flight);
            });
        }
    }

    fn deliver(&mut self) {
        let clocks = Clocks {
            monotonic: self.start + self.now,
            wall: self.wall_clock.at(self.now),
        };
        while let Some((arrival, (from, datagram))) = self.in_flight.take_arrived(self.now) {
            let stamp = self.wall_clock.at(arrival);
            let arrival = self.arrivals.instant_of(&clocks, Some(stamp));
            // A refusal is counted by the hub.
            let _ = self.hub.handle_packet(arrival, from, &datagram);
        }
        self.arrivals.end_drain(clocks, true);
    }

    fn drain(&mut self) {
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Mix { datagram, .. } => self.listener.receive(&datagram),
                // Simulated senders ignore reports.
                Output::Send { .. } => {}
                other => self.events.push((self.now, other)),
            }
        }
    }
}
