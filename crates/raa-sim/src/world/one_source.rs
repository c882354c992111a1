//! One sender, its path and the source that receives it, slot by slot, without a hub.
//!
//! Tests of reception alone need no mix, and without encoding one a day passes in seconds.
//! Always: the seed and the calls decide everything; nothing sleeps and nothing reads a clock.

use std::time::{Duration, Instant};

use raa_core::codec::{self, CodecError, MAX_PACKET_SAMPLES};
use raa_core::red::{self, Redundant};
use raa_core::rtp::Packet;
use raa_core::source::{Load, Scratch, Source, SourceStats};
use raa_core::{SLOT, SLOT_SAMPLES};

use super::in_flight::InFlight;
use super::link::{Link, Path};
use super::sender::Sender;
use super::{MAX_PLAYOUT_DELAY, OFFLINE_AFTER};

/// A source with one simulated sender.
pub struct OneSource {
    /// The sender; it may be changed at any time.
    pub sender: Sender,
    /// The path from the sender to the source; it may be changed at any time.
    pub path: Path,
    source: Source,
    last_arrival: Duration,
    in_flight: InFlight<Vec<u8>>,
    start: Instant,
    /// Slots played.
    slots: u32,
    scratch: Box<Scratch>,
    pcm: [f32; SLOT_SAMPLES],
}

impl OneSource {
    /// Creates a source; the path's random numbers come from `seed`.
    ///
    /// # Errors
    /// Fails if libopus cannot allocate a decoder.
    pub fn new(seed: u64, sender: Sender, link: Link) -> Result<Self, CodecError> {
        Ok(Self {
            sender,
            path: Path::new(link, seed),
            source: Source::new(MAX_PLAYOUT_DELAY)?,
            last_arrival: Duration::ZERO,
            in_flight: InFlight::default(),
            // Only durations since the start are ever used, so its value does not matter.
            start: Instant::now(),
            slots: 0,
            scratch: Box::new([0.0; MAX_PACKET_SAMPLES]),
            pcm: [0.0; SLOT_SAMPLES],
        })
    }

    /// The time of the last slot since the start.
    pub fn now(&self) -> Duration {
        SLOT * self.slots
    }

    /// The source's counters.
    pub fn stats(&self) -> SourceStats {
        self.source.stats()
    }

    /// Lets one slot pass and returns its sound.
    pub fn play(&mut self) -> &[f32; SLOT_SAMPLES] {
        self.slots += 1;
        let now = self.now();
        let Self {
            sender,
            path,
            in_flight,
            ..
        } = self;
        sender.send_until(now, |leaves, datagram| {
            path.send(leaves, datagram, in_flight);
        });
        while let Some((arrival, datagram)) = self.in_flight.take_arrived(now) {
            // Without memory, its sound is missing.
            let _ = self.source.prepare();
            insert(&mut self.source, self.start + arrival, &datagram);
            self.last_arrival = arrival;
        }
        if now == self.last_arrival + OFFLINE_AFTER {
            // As the hub does.
            self.source.forget_stream();
        }
        let due = self.start + now;
        if !self
            .source
            .play(due, Load::Normal, &mut self.scratch, &mut self.pcm)
        {
            self.pcm.fill(0.0);
        }
        &self.pcm
    }

    /// Lets `length` pass, rounded down to whole slots.
    pub fn run_for(&mut self, length: Duration) {
        let end = self.now() + length;
        while self.now() + SLOT <= end {
            self.play();
        }
    }

    /// Runs for `length` in steps of one second and returns the counters after every step.
    pub fn run_watched(&mut self, length: Duration) -> Vec<SourceStats> {
        (0..length.as_secs())
            .map(|_| {
                self.run_for(Duration::from_secs(1));
                self.stats()
            })
            .collect()
    }

    /// Returns the sound of the next `length`, which must be a multiple of a slot.
    pub fn record(&mut self, length: Duration) -> Vec<f32> {
        let slots = length.as_nanos() / SLOT.as_nanos();
        let mut pcm = Vec::with_capacity(slots as usize * SLOT_SAMPLES);
        (0..slots).for_each(|_| pcm.extend(self.play()));
        pcm
    }
}

/// Passes a datagram to the source as the hub does; anything but Opus in RTP is dropped.
fn insert(source: &mut Source, arrival: Instant, datagram: &[u8]) {
    let Ok(packet) = Packet::parse(datagram) else {
        return;
    };
    let redundant = match packet.payload_type {
        red::PAYLOAD_TYPE => Redundant::parse(packet.payload).ok(),
        _ => None,
    };
    let own = redundant.map_or(packet.payload, |redundant| redundant.payload);
    if let Some(samples) = codec::packet_samples(own) {
        source.insert(arrival, &packet, samples, redundant.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::world::clip::{AMPLITUDE, Clip};

    #[test]
    fn a_perfect_link_delivers_every_packet() {
        let clip = Arc::new(Clip::tone(800).unwrap());
        let sender = Sender::new(1, clip, Duration::ZERO, 0.0);
        let mut one = OneSource::new(1, sender, Link::default()).unwrap();
        let watched = one.run_watched(Duration::from_secs(2));
        assert_eq!((watched.len(), one.now()), (2, Duration::from_secs(2)));
        assert_eq!((one.stats().received, one.stats().concealed), (100, 0));
        let pcm = one.record(Duration::from_millis(100));
        let peak = pcm.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
        assert!((0.8..1.2).contains(&(peak / AMPLITUDE)), "{peak}");
        assert_eq!(pcm.len(), 5 * SLOT_SAMPLES);
    }
}
