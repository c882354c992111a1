//! Places captured PCM in time and cuts it into frames.
//!
//! While capture flows, every sample follows the one before. A pause is measured by the clock,
//! to the sample, and filled with silence. After a pause the first blocks are held briefly: they
//! may be the backlog of a busy machine, which fills the pause, or the first sound after silence,
//! which does not.
//!
//! Always: frames lie on a grid of 20 ms, each after all earlier ones; at most [`MAX_PENDING`]
//! samples wait and as many are held, and beyond that the oldest are dropped.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::capture_clock::CaptureClock;
use super::{CAPTURE_GAP, MAX_PENDING};
use crate::{SLOT_SAMPLES, samples};

/// Samples of a frame.
pub(super) const FRAME: i64 = SLOT_SAMPLES as i64;
/// Time for which blocks are held after a pause, to see whether they are a backlog.
const HOLD: Duration = Duration::from_millis(10);
/// Unfilled part of a pause up to which capture was late and not paused.
const SPLICE: i64 = FRAME;
/// Lead of capture over the clock beyond which it is a backlog.
const MAX_LEAD: i64 = samples(60.0) as i64;
/// Lag of capture behind the clock beyond which samples were lost.
const MAX_LAG: i64 = samples(150.0) as i64;
/// Distance from the clock at which a pause becomes silence: a frame is complete 20 ms after its
/// start, and 20 ms more leave room for a block of that length that arrives next.
const SILENCE_BEHIND: i64 = 2 * FRAME;

/// The state of capture. `declared`: silence was sent in this pause.
#[derive(Debug, Clone, Copy)]
enum Capture {
    Paused {
        declared: bool,
    },
    Resuming {
        since: Instant,
        last: Instant,
        declared: bool,
    },
    Flowing {
        last: Instant,
    },
}

/// A frame's start, in samples since the packetizer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub at: i64,
    /// The frame does not continue the captured sound before it.
    pub after_gap: bool,
}

#[derive(Debug)]
pub(super) struct Timeline {
    clock: CaptureClock,
    capture: Capture,
    /// Captured and placed; begins at `head`.
    pending: VecDeque<f32>,
    /// Start of the next frame: a multiple of [`FRAME`], after all earlier frames.
    head: i64,
    /// Captured since the pause that is just ending.
    held: VecDeque<f32>,
    after_gap: bool,
    gaps: u64,
    dropped: u64,
}

impl Timeline {
    /// Sample 0 is captured at `start`.
    pub(super) fn new(start: Instant) -> Self {
        Self {
            clock: CaptureClock::new(start),
            // Nothing was captured before the start, and nothing is awaited from there.
            capture: Capture::Paused { declared: true },
            // A block joins before the oldest samples go.
            pending: VecDeque::with_capacity(3 * MAX_PENDING),
            head: 0,
            held: VecDeque::with_capacity(2 * MAX_PENDING),
            after_gap: false,
            gaps: 0,
            dropped: 0,
        }
    }

    /// The sample that is being captured at `now`.
    pub(super) fn position(&self, now: Instant) -> i64 {
        self.clock.position(now)
    }

    /// Pauses of capture, and losses in it.
    pub(super) fn gaps(&self) -> u64 {
        self.gaps
    }

    /// Samples that came too late or too many at once.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(super) fn is_paused(&self) -> bool {
        matches!(self.capture, Capture::Paused { .. })
    }

    /// Takes a block whose last sample was captured at `now`.
    pub(super) fn push(&mut self, now: Instant, pcm: &[f32]) {
        self.handle_timeout(now);
        let (old, pcm) = pcm.split_at(pcm.len().saturating_sub(MAX_PENDING));
        self.dropped += old.len() as u64;
        match self.capture {
            Capture::Paused { declared } => {
                self.capture = Capture::Resuming {
                    since: now,
                    last: now,
                    declared,
                };
                self.hold(pcm);
            }
            Capture::Resuming {
                since, declared, ..
            } => {
                self.capture = Capture::Resuming {
                    since,
                    last: now,
                    declared,
                };
                self.hold(pcm);
            }
            Capture::Flowing { .. } => {
                self.capture = Capture::Flowing { last: now };
                self.append(now, pcm);
            }
        }
        self.bound_pending();
    }

    /// Lets time pass.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let since = |then| now.saturating_duration_since(then);
        if let Capture::Resuming {
            since: began,
            last,
            declared,
        } = self.capture
            && since(began) >= HOLD
        {
            self.capture = Capture::Flowing { last };
            self.resume(last, declared);
            self.bound_pending();
        }
        if let Capture::Flowing { last } = self.capture
            && since(last) >= CAPTURE_GAP
        {
            self.capture = Capture::Paused { declared: false };
        }
    }

    /// Returns when something happens without PCM; silence begins no earlier than `not_before`.
    pub(super) fn due(&self, not_before: i64) -> Instant {
        match self.capture {
            Capture::Paused { .. } => {
                let at = self.first_free().max(not_before);
                self.clock.instant_at(at + SILENCE_BEHIND)
            }
            Capture::Resuming { since, .. } => since + HOLD,
            Capture::Flowing { last } => last + CAPTURE_GAP,
        }
    }

    /// Moves the next whole frame into `frame`.
    pub(super) fn next_frame(&mut self, frame: &mut [f32; SLOT_SAMPLES]) -> Option<Place> {
        if self.pending.len() < SLOT_SAMPLES {
            return None;
        }
        for (sample, captured) in frame.iter_mut().zip(self.pending.drain(..SLOT_SAMPLES)) {
            *sample = captured;
        }
        let at = self.head;
        self.head += FRAME;
        Some(Place {
            at,
            after_gap: std::mem::take(&mut self.after_gap),
        })
    }

    /// While capture pauses, returns the latest frame that nothing will be captured for, if it does
    /// not lie before `not_before`.
    pub(super) fn declare_silence(&mut self, now: Instant, not_before: i64) -> Option<i64> {
        let Capture::Paused { declared } = self.capture else {
            return None;
        };
        let latest = self.clock.position(now) - SILENCE_BEHIND;
        if latest < self.first_free().max(not_before) {
            return None;
        }
        self.gaps += u64::from(!declared);
        self.capture = Capture::Paused { declared: true };
        let at = frame_start(latest);
        // The rest of a partial frame can no longer arrive in time.
        self.pending.clear();
        self.head = at + FRAME;
        Some(at)
    }

    /// Returns the position of the next captured sample while capture flows.
    fn end(&self) -> i64 {
        self.head + self.pending.len() as i64
    }

    /// Returns the start of the first frame that nothing has been captured for.
    fn first_free(&self) -> i64 {
        if self.pending.is_empty() {
            self.head
        } else {
            self.head + FRAME
        }
    }

    fn hold(&mut self, pcm: &[f32]) {
        self.held.extend(pcm);
        let old = self.held.len().saturating_sub(MAX_PENDING);
        self.drop_held(old);
    }

    /// Places the held blocks, the last of which came at `last`.
    fn resume(&mut self, last: Instant, declared: bool) {
        let start = self.clock.position(last) - self.held.len() as i64;
        let ahead = self.end() - start;
        if declared || ahead < -SPLICE {
            self.gaps += u64::from(!declared);
            self.pass_silence(start);
            // The time before has already been declared silent.
            self.drop_held((self.end() - start).max(0) as usize);
        } else if ahead > MAX_LEAD {
            self.drop_held(ahead as usize);
        }
        self.pending.append(&mut self.held);
    }

    /// Appends a block of flowing capture.
    fn append(&mut self, now: Instant, pcm: &[f32]) {
        let len = pcm.len() as i64;
        let live = self.clock.position(now);
        let lead = self.end() + len - live;
        let mut fresh = pcm;
        if lead < -MAX_LAG {
            self.gaps += 1;
            self.pass_silence(live - len);
        } else if lead > MAX_LEAD {
            fresh = self.drop_backlog(lead as usize, pcm);
        } else {
            self.clock.follow(now, self.end() + len);
        }
        self.pending.extend(fresh);
    }

    /// Adds silence up to the sample `to`; frames of nothing but silence are left out.
    fn pass_silence(&mut self, to: i64) {
        self.after_gap = true;
        let start = frame_start(to);
        if start > self.head {
            self.pending.clear();
            self.head = start;
        }
        if to > self.end() {
            self.pending.resize((to - self.head) as usize, 0.0);
        }
    }

    /// Drops the oldest `samples` that wait, so that the rest is live again.
    fn drop_backlog<'a>(&mut self, samples: usize, pcm: &'a [f32]) -> &'a [f32] {
        let waiting = samples.min(self.pending.len());
        self.pending.drain(..waiting);
        let fresh = (samples - waiting).min(pcm.len());
        self.dropped += (waiting + fresh) as u64;
        &pcm[fresh..]
    }

    fn drop_held(&mut self, samples: usize) {
        let samples = samples.min(self.held.len());
        self.held.drain(..samples);
        self.dropped += samples as u64;
    }

    fn bound_pending(&mut self) {
        while self.pending.len() > MAX_PENDING {
            self.pending.drain(..SLOT_SAMPLES);
            self.head += FRAME;
            self.dropped += SLOT_SAMPLES as u64;
        }
    }
}

fn frame_start(position: i64) -> i64 {
    position - position.rem_euclid(FRAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn pauses_and_bursts_allocate_nothing() {
        let start = crate::any_instant();
        let mut timeline = Timeline::new(start);
        let capacity =
            |timeline: &Timeline| (timeline.pending.capacity(), timeline.held.capacity());
        let before = capacity(&timeline);
        let mut now = start;
        for round in 0..5000 {
            // A pause every 100 rounds, and then a burst.
            now += if round % 100 == 0 { 500 * MS } else { 10 * MS };
            for _ in 0..if round % 100 < 10 { 20 } else { 1 } {
                timeline.push(now, &[0.1; 480]);
            }
            assert!(timeline.pending.len() <= MAX_PENDING && timeline.held.len() <= MAX_PENDING);
        }
        assert_eq!(capacity(&timeline), before);
    }

    #[test]
    fn silence_fills_pauses_to_the_sample() {
        let start = crate::any_instant();
        let mut timeline = Timeline::new(start);
        let mut frame = [0.0; SLOT_SAMPLES];
        // 20 ms of sound that end 37 ms after the start begin at sample 816.
        timeline.push(start + 37 * MS, &[1.0; 960]);
        timeline.handle_timeout(start + 47 * MS);
        let place = timeline.next_frame(&mut frame);
        assert_eq!(
            place,
            Some(Place {
                at: 0,
                after_gap: true
            })
        );
        assert!(frame[..816].iter().all(|x| *x == 0.0) && frame[816..].iter().all(|x| *x == 1.0));
        assert_eq!(timeline.next_frame(&mut frame), None);
    }
}
