//! One hub, its senders and their links, and one listener, on one simulated clock.
//!
//! Time jumps from slot to slot, so an hour passes in about a second. [`OneSource`] has one source
//! alone, for what needs no mix. A failed simulation is repeated from its seed.
//!
//! The world does to the hub what the server's engine does: it wakes when a slot is due, hands
//! over what has arrived since, with the times of arrival, and plays the slot.
//! Always: the seed and the calls decide everything; nothing sleeps and nothing asks the time.

pub mod clip;
pub mod in_flight;
pub mod link;
mod mix_listener;
mod one_source;
mod random;
mod sender;
pub mod sound;

use std::time::{Duration, Instant, SystemTime};

use raa_core::SLOT;
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

/// No world's hub delays its senders by more.
pub const MAX_PLAYOUT_DELAY: Duration = Duration::from_millis(400);
/// After so long without a packet a client is offline.
pub const OFFLINE_AFTER: Duration = Duration::from_secs(10);

/// See the module's text.
pub struct World {
    /// The listener.
    pub ear: MixListener,
    /// What the hub said besides the mix, and when.
    pub events: Vec<(Duration, Output)>,
    hub: Hub,
    start: Instant,
    now: Duration,
    stalled_until: Duration,
    senders: Vec<(Sender, Path)>,
    /// Datagrams, with the handles of their senders.
    in_flight: InFlight<(usize, Vec<u8>)>,
    random: Random,
}

impl World {
    /// A world whose listener only counts frames: for hours, in which a mix that is encoded in
    /// earnest would take most of the time. The frames are made all the same, with nothing in.
    ///
    /// # Errors
    /// When there is no memory for an encoder.
    pub fn new(seed: u64) -> Result<Self, CodecError> {
        Self::with(
            seed,
            EncoderSettings {
                bitrate: 500,
                complexity: 0,
            },
            MixListener::deaf(),
        )
    }

    /// A world whose listener hears the tones of these pitches, multiples of 200 Hz.
    ///
    /// # Errors
    /// When there is no memory for an encoder.
    pub fn listening(seed: u64, pitches_hz: &[u32]) -> Result<Self, CodecError> {
        Self::with(
            seed,
            EncoderSettings::default(),
            MixListener::hearing(Decoder::new()?, pitches_hz),
        )
    }

    fn with(seed: u64, encoder: EncoderSettings, ear: MixListener) -> Result<Self, CodecError> {
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
        // Only differences from it are ever used, so it does not matter when this is.
        let start = Instant::now();
        Ok(Self {
            ear,
            events: Vec::new(),
            hub: Hub::new(config, start)?,
            start,
            now: Duration::ZERO,
            stalled_until: Duration::ZERO,
            senders: Vec::new(),
            in_flight: InFlight::default(),
            random,
        })
    }

    /// Adds a sender behind a link; the answer is its handle.
    pub fn add(&mut self, sender: Sender, link: Link) -> usize {
        self.senders
            .push((sender, Path::new(link, self.random.next_u64())));
        self.senders.len() - 1
    }

    /// A sender, to make it do something else from now on.
    pub fn sender(&mut self, handle: usize) -> &mut Sender {
        &mut self.senders[handle].0
    }

    /// A sender's path, to change it from now on.
    pub fn path(&mut self, handle: usize) -> &mut Path {
        &mut self.senders[handle].1
    }

    /// The time since the beginning.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// The hub, for what a shell would do to it.
    pub fn hub(&mut self) -> &mut Hub {
        &mut self.hub
    }

    /// An instant as the hub knows it.
    pub fn instant(&self, at: Duration) -> Instant {
        self.start + at
    }

    /// What the operator sees of a client.
    pub fn client(&self, ssrc: u32) -> Option<ClientView> {
        self.hub.client(ssrc, self.start + self.now)
    }

    /// What an operator does.
    pub fn configure(&mut self, ssrc: u32, settings: ClientSettings) {
        // Only `Forget` can be refused.
        let _ = self
            .hub
            .handle_command(Command::Configure { ssrc, settings });
    }

    /// The server's process stands still for so long; what arrives waits in its socket.
    pub fn stall_server(&mut self, length: Duration) {
        self.stalled_until = self.now + length;
    }

    /// A datagram arrives now, from anywhere.
    pub fn inject(&mut self, from: Origin, datagram: &[u8]) {
        // The hub counts what it refuses.
        let _ = self
            .hub
            .handle_packet(self.start + self.now, from, datagram);
        self.drain();
    }

    /// Lets time pass: from slot to slot, and to the end of a stall.
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

    /// Runs `length` in steps of a second and calls `each` after every one of them.
    pub fn run_watched(&mut self, length: Duration, mut each: impl FnMut(&mut Self)) {
        let end = self.now + length;
        while self.now < end {
            self.run_for(Duration::from_secs(1).min(end - self.now));
            each(self);
        }
    }

    /// Slots that were due until now.
    pub fn slots_due(&self) -> u64 {
        (self.now.as_nanos() / SLOT.as_nanos()) as u64
    }

    fn send(&mut self) {
        for (handle, (sender, path)) in self.senders.iter_mut().enumerate() {
            sender.send_until(self.now, |leaves, datagram| {
                path.send(leaves, (handle, datagram), &mut self.in_flight);
            });
        }
    }

    fn deliver(&mut self) {
        while let Some((arrival, (sender, datagram))) = self.in_flight.take_arrived(self.now) {
            let from = Origin::Network(self.senders[sender].0.address);
            // The hub counts what it refuses.
            let _ = self
                .hub
                .handle_packet(self.start + arrival, from, &datagram);
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Mix {
                    datagram: frame, ..
                } => self.ear.take(&frame),
                // These senders read nothing.
                Output::Send { .. } => {}
                other => self.events.push((self.now, other)),
            }
        }
    }
}
