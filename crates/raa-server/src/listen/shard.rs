//! The listeners of one thread and the frames that all of them are sent.
//!
//! Knows no clock and no socket. Always: one pass writes once to each listener that takes
//! everything, asks nobody to wait for another, and costs a listener that takes nothing one
//! failed write.

use std::sync::Arc;
use std::time::Instant;

use tracing::debug;

use super::audience::{Audience, Seat};
use super::frames::Frames;
use super::listener::{Line, Listener, Sent};
use crate::websocket::End;

/// Listeners by place, and their frames.
pub(super) struct Shard<L> {
    frames: Frames,
    places: Vec<Option<Place<L>>>,
    vacant: Vec<usize>,
    audience: Arc<Audience>,
}

struct Place<L> {
    listener: Listener<L>,
    /// Until it gets no more frames.
    seat: Option<Seat>,
}

impl<L: Line> Shard<L> {
    pub(super) fn new(audience: Arc<Audience>) -> Self {
        Self {
            frames: Frames::default(),
            places: Vec::new(),
            vacant: Vec::new(),
            audience,
        }
    }

    /// True when nobody is left, not even to say goodbye to.
    pub(super) fn is_empty(&self) -> bool {
        self.vacant.len() == self.places.len()
    }

    /// One more listener, from the next frame on. Returns its place, which is its own until
    /// it is gone.
    pub(super) fn admit(&mut self, line: L, greeting: &[u8], early: &[u8], seat: Seat) -> usize {
        let listener = Listener::new(line, greeting, early, self.frames.end());
        let place = Some(Place {
            listener,
            seat: Some(seat),
        });
        if let Some(index) = self.vacant.pop() {
            self.places[index] = place;
            return index;
        }
        self.places.push(place);
        self.places.len() - 1
    }

    /// Whose place that is, if anybody's.
    pub(super) fn line(&self, index: usize) -> Option<&L> {
        Some(self.places.get(index)?.as_ref()?.listener.line())
    }

    /// One more frame for all.
    pub(super) fn push(&mut self, packet: &[u8]) {
        self.frames.push(packet);
    }

    /// So many frames were missed by all. Who lacked nothing before has not been too slow.
    pub(super) fn leave_out(&mut self, frames: u64) {
        self.frames.leave_out(frames);
        let places = self.places.iter_mut().flatten();
        let mut skipped = 0;
        for Place { listener, .. } in places.filter(|place| place.seat.is_some()) {
            if listener.missed(&self.frames) == frames {
                skipped += frames;
                listener.pass_over(&self.frames);
            }
        }
        self.audience.note_skipped(skipped);
    }

    /// Something has come from that one; returns how many bytes of it were taken.
    pub(super) fn hear(&mut self, index: usize, now: Instant) -> usize {
        match self.places.get_mut(index) {
            Some(Some(place)) => place.listener.hear(now),
            _ => 0,
        }
    }

    /// It is over for everybody.
    pub(super) fn dismiss(&mut self, end: End, now: Instant) {
        for place in self.places.iter_mut().flatten() {
            place.listener.leave(end, now);
        }
    }

    /// Drops one without a word.
    pub(super) fn remove(&mut self, index: usize) {
        if self
            .places
            .get_mut(index)
            .is_some_and(|place| place.take().is_some())
        {
            self.vacant.push(index);
        }
    }

    /// Sends everybody what they lack, and lets go who is done.
    pub(super) fn pass(&mut self, now: Instant) {
        let mut sent = Sent::default();
        for (index, slot) in self.places.iter_mut().enumerate() {
            let Some(place) = slot else { continue };
            sent += place.listener.send(&self.frames, now);
            if place.listener.end().is_none() {
                continue;
            }
            place.stand_up(&self.audience, &self.frames);
            if place.listener.is_done(now) {
                *slot = None;
                self.vacant.push(index);
            }
        }
        self.audience.note_writes(sent.writes);
        self.audience.note_skipped(sent.skipped);
    }
}

impl<L: Line> Place<L> {
    /// It listens no more: it is counted and told of once.
    fn stand_up(&mut self, audience: &Audience, frames: &Frames) {
        let (Some(seat), Some(end)) = (self.seat.take(), self.listener.end()) else {
            return;
        };
        drop(seat);
        if let End::Slow(_) = end {
            audience.note_skipped(self.listener.missed(frames));
            audience.note_closed_slow();
        }
        let address = self.listener.line().address();
        debug!(%address, ?end, "listener leaves");
    }
}

#[cfg(test)]
mod tests {
    use super::super::testline::{TestLine, framed};
    use super::*;

    /// A shard with so many listeners and their lines.
    fn shard(listeners: usize) -> (Shard<TestLine>, Vec<TestLine>, Arc<Audience>) {
        let audience = Arc::<Audience>::default();
        let mut shard = Shard::new(audience.clone());
        let lines: Vec<_> = (0..listeners).map(|_| TestLine::default()).collect();
        for (index, line) in lines.iter().enumerate() {
            assert_eq!(shard.admit(line.clone(), &[], &[], audience.enter()), index);
        }
        (shard, lines, audience)
    }

    #[test]
    fn a_frame_is_one_write_for_each_listener() {
        let (mut shard, lines, _) = shard(100);
        let now = Instant::now();
        for _ in 0..50 {
            shard.push(b"packet");
            shard.pass(now);
        }
        for line in lines {
            assert_eq!(line.tries(), 50);
            assert_eq!(line.writes(), vec![framed(b"packet"); 50]);
        }
    }

    #[test]
    fn a_slow_listener_is_skipped_alone() {
        let (mut shard, lines, audience) = shard(10);
        let now = Instant::now();
        lines[4].set_stuck(true);
        for slot in 0..100u8 {
            lines[4].set_stuck(slot < 99);
            shard.push(&[slot]);
            shard.pass(now);
        }
        for (index, line) in lines.iter().enumerate() {
            assert_eq!(line.messages().len(), if index == 4 { 1 } else { 100 });
        }
        assert_eq!((audience.frames_skipped(), audience.listeners()), (99, 10));
    }

    #[test]
    fn what_the_server_leaves_out_is_nobodys_slowness() {
        let (mut shard, lines, audience) = shard(3);
        let now = Instant::now();
        for _ in 0..20 {
            shard.push(b"packet");
            shard.pass(now);
            shard.leave_out(7);
        }
        shard.push(b"live");
        shard.pass(now);
        assert_eq!((audience.listeners(), audience.frames_skipped()), (3, 420));
        for line in &lines {
            assert_eq!(line.messages().len(), 21);
        }
    }

    #[test]
    fn who_lacks_frames_when_some_are_left_out_lacks_them_all() {
        let (mut shard, lines, audience) = shard(2);
        let now = Instant::now();
        lines[1].set_stuck(true);
        for _ in 0..5 {
            shard.push(b"packet");
            shard.pass(now);
        }
        shard.leave_out(7);
        lines[1].set_stuck(false);
        shard.push(b"live");
        shard.pass(now);
        assert_eq!(audience.frames_skipped(), 7 + 12);
        assert_eq!(lines[0].messages().len(), 6);
        assert_eq!(lines[1].writes(), [framed(b"live")]);
    }

    #[test]
    fn who_is_closed_for_taking_nothing_has_missed_all_since() {
        let (mut shard, lines, audience) = shard(1);
        let now = Instant::now();
        lines[0].set_stuck(true);
        for slot in 0..=500 {
            shard.push(b"packet");
            shard.pass(now + raa_core::SLOT * slot);
        }
        assert_eq!(
            (audience.closed_slow(), audience.frames_skipped()),
            (1, 501)
        );
    }

    #[test]
    fn writes_are_counted_and_frames_share_them() {
        let (mut shard, _lines, audience) = shard(10);
        for _ in 0..50 {
            shard.push(b"packet");
            shard.push(b"packet");
            shard.pass(Instant::now());
        }
        assert_eq!(audience.writes(), 500);
    }

    #[test]
    fn places_are_given_again_and_counts_are_true() {
        let (mut shard, lines, audience) = shard(3);
        let now = Instant::now();
        lines[1].break_off();
        shard.push(b"a");
        shard.pass(now);
        assert_eq!((audience.listeners(), audience.closed_slow()), (2, 0));
        let newcomer = TestLine::default();
        assert_eq!(shard.admit(newcomer.clone(), &[], &[], audience.enter()), 1);
        shard.push(b"b");
        shard.pass(now);
        assert_eq!(newcomer.writes(), [framed(b"b")], "from the next frame on");
        shard.remove(0);
        shard.remove(0);
        assert_eq!(audience.listeners(), 2);
        shard.dismiss(End::Slow("no reason"), now);
        shard.pass(now);
        assert_eq!((audience.listeners(), audience.closed_slow()), (0, 2));
        assert!(!shard.is_empty(), "they may answer");
        shard.pass(now + crate::websocket::CLOSE_LIMIT);
        assert!(shard.is_empty());
    }
}
