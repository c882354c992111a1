//! The listeners of one thread, and the frames of their mixes.
//!
//! Knows no clock and no socket. Always: one pass makes one write for each listener that takes
//! everything, makes none wait for another, and costs one failed write for a listener that takes
//! nothing; frames are kept only for mixes that have listeners here.

use std::sync::Arc;
use std::time::Instant;

use raa_core::mix::MixId;
use tracing::debug;

use super::frames::Frames;
use super::listener::{Listener, Sent};
use super::stats::{ListenerGuard, ListenerStats};
use super::transport::Transport;
use crate::engine::MixFrame;
use crate::websocket::End;

/// Listeners by place, and the frames of their mixes.
pub(super) struct Shard<T> {
    mixes: Vec<Mix>,
    places: Vec<Option<Place<T>>>,
    vacant: Vec<usize>,
    stats: Arc<ListenerStats>,
}

/// The frames of one mix, and how many listeners of it are here.
struct Mix {
    id: MixId,
    frames: Frames,
    listeners: usize,
}

struct Place<T> {
    listener: Listener<T>,
    /// Index of its mix.
    mix: usize,
    /// Counts the listener while it gets frames.
    guard: Option<ListenerGuard>,
}

impl<T: Transport> Shard<T> {
    pub(super) fn new(stats: Arc<ListenerStats>) -> Self {
        Self {
            mixes: Vec::new(),
            places: Vec::new(),
            vacant: Vec::new(),
            stats,
        }
    }

    /// Returns whether no connection is left, not even one that is being closed.
    pub(super) fn is_empty(&self) -> bool {
        self.vacant.len() == self.places.len()
    }

    /// Adds a listener of `mix`, from the next frame on. Returns its place, which no other
    /// listener gets while it is there.
    pub(super) fn admit(
        &mut self,
        transport: T,
        mix: MixId,
        greeting: &[u8],
        early: &[u8],
        guard: ListenerGuard,
    ) -> usize {
        let mix = self.enter_mix(mix);
        let next = self.mixes[mix].frames.end();
        let place = Some(Place {
            listener: Listener::new(transport, greeting, early, next),
            mix,
            guard: Some(guard),
        });
        if let Some(index) = self.vacant.pop() {
            self.places[index] = place;
            return index;
        }
        self.places.push(place);
        self.places.len() - 1
    }

    /// Returns the connection at a place, if there is one.
    pub(super) fn transport(&self, index: usize) -> Option<&T> {
        Some(self.places.get(index)?.as_ref()?.listener.transport())
    }

    /// Appends the frames of one slot, each to its mix.
    pub(super) fn push(&mut self, slot: &[MixFrame]) {
        for MixFrame { mix, datagram } in slot {
            let mut mixes = self.mixes.iter_mut();
            if let Some(mix) = mixes.find(|known| known.id == *mix && known.listeners > 0) {
                mix.frames.push(datagram);
            }
        }
    }

    /// Skips slots that the thread has missed. A listener that was up to date is not slow: it
    /// continues with the next frame.
    pub(super) fn skip(&mut self, slots: u64) {
        for mix in &mut self.mixes {
            mix.frames.skip(slots);
        }
        let mut skipped = 0;
        let places = self.places.iter_mut().flatten();
        for place in places.filter(|place| place.guard.is_some()) {
            let frames = &self.mixes[place.mix].frames;
            if place.listener.missed(frames) == slots {
                skipped += slots;
                place.listener.skip_to_end(frames);
            }
        }
        self.stats.count_skipped(skipped);
    }

    /// Reads from a listener and returns the number of bytes.
    pub(super) fn read(&mut self, index: usize, now: Instant) -> usize {
        match self.places.get_mut(index) {
            Some(Some(place)) => place.listener.read(now),
            _ => 0,
        }
    }

    /// Begins to close every connection.
    pub(super) fn close_all(&mut self, end: End, now: Instant) {
        for place in self.places.iter_mut().flatten() {
            place.listener.close(end, now);
        }
    }

    /// Drops a connection without a close frame.
    pub(super) fn remove(&mut self, index: usize) {
        let place = self.places.get_mut(index).and_then(Option::take);
        if let Some(place) = place {
            self.vacant.push(index);
            self.leave_mix(place.mix);
        }
    }

    /// Sends all listeners their missing frames, and drops the connections that are done.
    pub(super) fn pass(&mut self, now: Instant) {
        let mut sent = Sent::default();
        for index in 0..self.places.len() {
            let Some(place) = &mut self.places[index] else {
                continue;
            };
            let frames = &self.mixes[place.mix].frames;
            sent += place.listener.send(frames, now);
            if place.listener.end().is_none() {
                continue;
            }
            place.retire(&self.stats, frames);
            if place.listener.is_done(now) {
                self.remove(index);
            }
        }
        self.stats.count_writes(sent.writes);
        self.stats.count_skipped(sent.skipped);
    }

    /// Counts a listener of a mix and returns the mix's index.
    fn enter_mix(&mut self, id: MixId) -> usize {
        let known = self.mixes.iter().position(|mix| mix.id == id);
        let unused = || self.mixes.iter().position(|mix| mix.listeners == 0);
        let index = known.or_else(unused).unwrap_or(self.mixes.len());
        if index == self.mixes.len() {
            self.mixes.push(Mix::of(id));
        } else if self.mixes[index].id != id {
            self.mixes[index] = Mix::of(id);
        }
        self.mixes[index].listeners += 1;
        index
    }

    /// Forgets the frames of a mix with its last listener.
    fn leave_mix(&mut self, index: usize) {
        let mix = &mut self.mixes[index];
        mix.listeners -= 1;
        if mix.listeners == 0 {
            mix.frames = Frames::default();
        }
    }
}

impl Mix {
    fn of(id: MixId) -> Self {
        Self {
            id,
            frames: Frames::default(),
            listeners: 0,
        }
    }
}

impl<T: Transport> Place<T> {
    /// Stops counting a listener that gets no more frames.
    fn retire(&mut self, stats: &ListenerStats, frames: &Frames) {
        let (Some(guard), Some(end)) = (self.guard.take(), self.listener.end()) else {
            return;
        };
        drop(guard);
        if let End::Slow(_) = end {
            stats.count_skipped(self.listener.missed(frames));
            stats.count_closed_slow();
        }
        let address = self.listener.transport().address();
        debug!(%address, ?end, "listener disconnected");
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_transport::{TestTransport, framed};
    use super::*;

    const OTHER: MixId = MixId(7);

    type Case = (Shard<TestTransport>, Vec<TestTransport>, Arc<ListenerStats>);

    /// A shard with listeners of these mixes, and their connections.
    fn shard_of(mixes: &[MixId]) -> Case {
        let stats = Arc::<ListenerStats>::default();
        let mut shard = Shard::new(stats.clone());
        let transports: Vec<_> = mixes.iter().map(|_| TestTransport::default()).collect();
        for (index, (transport, mix)) in transports.iter().zip(mixes).enumerate() {
            let place = shard.admit(transport.clone(), *mix, &[], &[], stats.enter());
            assert_eq!(place, index);
        }
        (shard, transports, stats)
    }

    fn shard(listeners: usize) -> Case {
        shard_of(&vec![MixId::MAIN; listeners])
    }

    fn frame(mix: MixId, packet: &'static [u8]) -> MixFrame {
        MixFrame {
            mix,
            datagram: packet.into(),
        }
    }

    /// A slot with one frame of the main mix.
    fn slot(packet: &[u8]) -> [MixFrame; 1] {
        let datagram = bytes::Bytes::copy_from_slice(packet);
        [MixFrame {
            mix: MixId::MAIN,
            datagram,
        }]
    }

    #[test]
    fn each_frame_is_one_write_per_listener() {
        let (mut shard, transports, _) = shard(100);
        let now = Instant::now();
        for _ in 0..50 {
            shard.push(&slot(b"packet"));
            shard.pass(now);
        }
        for transport in transports {
            assert_eq!(transport.tries(), 50);
            assert_eq!(transport.writes(), vec![framed(b"packet"); 50]);
        }
    }

    #[test]
    fn listeners_get_only_their_mix() {
        let (mut shard, transports, _) = shard_of(&[MixId::MAIN, OTHER, MixId::MAIN]);
        for _ in 0..3 {
            shard.push(&[frame(MixId::MAIN, b"main"), frame(OTHER, b"other")]);
            shard.push(&[frame(MixId(8), b"nobody listens")]);
            shard.pass(Instant::now());
        }
        for (transport, packet) in transports.iter().zip([&b"main"[..], b"other", b"main"]) {
            assert_eq!(transport.writes(), vec![framed(packet); 3]);
        }
    }

    #[test]
    fn missed_slots_are_skipped_in_every_mix() {
        let (mut shard, transports, stats) = shard_of(&[MixId::MAIN, OTHER]);
        let both = [frame(MixId::MAIN, b"main"), frame(OTHER, b"other")];
        transports[1].set_stuck(true);
        shard.push(&both);
        shard.pass(Instant::now());
        shard.skip(5);
        assert_eq!(stats.frames_skipped(), 5, "the stuck one is counted later");
        transports[1].set_stuck(false);
        shard.push(&both);
        shard.pass(Instant::now());
        assert_eq!(transports[0].writes(), vec![framed(b"main"); 2]);
        assert_eq!(transports[1].writes(), [framed(b"other")]);
        assert_eq!(stats.frames_skipped(), 5 + 6);
    }

    #[test]
    fn frames_are_kept_only_for_mixes_with_listeners() {
        let (mut shard, _transports, stats) = shard_of(&[MixId::MAIN, OTHER]);
        shard.remove(1);
        shard.push(&[frame(OTHER, b"nobody listens")]);
        let late = TestTransport::default();
        assert_eq!(shard.admit(late.clone(), OTHER, &[], &[], stats.enter()), 1);
        shard.push(&[frame(OTHER, b"live")]);
        shard.pass(Instant::now());
        assert_eq!(late.writes(), [framed(b"live")]);
        for id in 100..200 {
            shard.remove(1);
            shard.admit(late.clone(), MixId(id), &[], &[], stats.enter());
        }
        assert_eq!(shard.mixes.len(), 2, "an unused entry is taken again");
    }

    #[test]
    fn slow_listener_is_skipped_alone() {
        let (mut shard, transports, stats) = shard(10);
        let now = Instant::now();
        for n in 0..100u8 {
            transports[4].set_stuck(n < 99);
            shard.push(&slot(&[n]));
            shard.pass(now);
        }
        for (index, transport) in transports.iter().enumerate() {
            let expected = if index == 4 { 1 } else { 100 };
            assert_eq!(transport.messages().len(), expected);
        }
        assert_eq!((stats.frames_skipped(), stats.listeners()), (99, 10));
    }

    #[test]
    fn missed_slots_do_not_make_listeners_slow() {
        let (mut shard, transports, stats) = shard(3);
        let now = Instant::now();
        for _ in 0..20 {
            shard.push(&slot(b"packet"));
            shard.pass(now);
            shard.skip(7);
        }
        shard.push(&slot(b"live"));
        shard.pass(now);
        assert_eq!((stats.listeners(), stats.frames_skipped()), (3, 420));
        for transport in &transports {
            assert_eq!(transport.messages().len(), 21);
        }
    }

    #[test]
    fn late_listeners_miss_all_frames_before_a_skip() {
        let (mut shard, transports, stats) = shard(2);
        let now = Instant::now();
        transports[1].set_stuck(true);
        for _ in 0..5 {
            shard.push(&slot(b"packet"));
            shard.pass(now);
        }
        shard.skip(7);
        transports[1].set_stuck(false);
        shard.push(&slot(b"live"));
        shard.pass(now);
        assert_eq!(stats.frames_skipped(), 7 + 12);
        assert_eq!(transports[0].messages().len(), 6);
        assert_eq!(transports[1].writes(), [framed(b"live")]);
    }

    #[test]
    fn stuck_listener_misses_all_frames_until_its_end() {
        let (mut shard, transports, stats) = shard(1);
        let now = Instant::now();
        transports[0].set_stuck(true);
        for n in 0..=500 {
            shard.push(&slot(b"packet"));
            shard.pass(now + raa_core::SLOT * n);
        }
        assert_eq!((stats.closed_slow(), stats.frames_skipped()), (1, 501));
    }

    #[test]
    fn frames_of_one_pass_share_a_write() {
        let (mut shard, _transports, stats) = shard(10);
        for _ in 0..50 {
            shard.push(&slot(b"packet"));
            shard.push(&slot(b"packet"));
            shard.pass(Instant::now());
        }
        assert_eq!(stats.writes(), 500);
    }

    #[test]
    fn places_are_reused_and_counted() {
        let (mut shard, transports, stats) = shard(3);
        let now = Instant::now();
        transports[1].break_off();
        shard.push(&slot(b"a"));
        shard.pass(now);
        assert_eq!((stats.listeners(), stats.closed_slow()), (2, 0));
        let late = TestTransport::default();
        let place = shard.admit(late.clone(), MixId::MAIN, &[], &[], stats.enter());
        assert_eq!(place, 1);
        shard.push(&slot(b"b"));
        shard.pass(now);
        assert_eq!(late.writes(), [framed(b"b")], "from the next frame on");
        shard.remove(0);
        shard.remove(0);
        assert_eq!(stats.listeners(), 2);
        shard.close_all(End::Slow("no reason"), now);
        shard.pass(now);
        assert_eq!((stats.listeners(), stats.closed_slow()), (0, 2));
        assert!(!shard.is_empty(), "they may answer");
        shard.pass(now + crate::websocket::CLOSE_LIMIT);
        assert!(shard.is_empty());
    }
}
