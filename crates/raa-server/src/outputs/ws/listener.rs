//! One listener: the frames that it has been sent, the bytes that are pending, and its end.
//!
//! Knows no clock and no socket: `now` is an argument, and the connection is a [`Transport`].
//! Always: a frame that has been begun is finished before anything else is sent; a listener that
//! reads nothing costs no memory but the rest of that frame; one that falls behind is skipped to
//! live, and counted once it reads again; frames that the server itself has skipped never count
//! against a listener.

use std::collections::VecDeque;
use std::io::Write;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

use super::frames::Frames;
use super::incoming::{Incoming, is_temporary};
use super::transport::Transport;
use crate::websocket::{CLOSE_LIMIT, End, MAX_INCOMING, SEND_LIMIT, close_frame};

/// Skips within [`SKIP_WINDOW`] after which a listener is disconnected.
const MAX_SKIPS: usize = 10;
/// The time over which skips are counted.
const SKIP_WINDOW: Duration = Duration::from_secs(30);
/// Capacity of the pending bytes that is kept while none are pending: the rest of a frame fits.
const KEPT_CAPACITY: usize = 1024;

/// One listener and its position in its mix.
pub(super) struct Listener<T> {
    transport: T,
    /// The first frame that has not been begun.
    next: u64,
    /// Bytes to send before any frame: the rest of one, answers, a close frame.
    pending: Vec<u8>,
    /// Whether the transport holds bytes that it has not sent.
    is_unflushed: bool,
    /// The time since which the connection has taken nothing, if there is something to send.
    blocked: Option<Instant>,
    skips: SkipBudget,
    incoming: Option<Box<Incoming>>,
    closing: Option<Closing>,
}

/// The end of a connection, which may take a moment.
struct Closing {
    end: End,
    /// The connection is dropped at this time at the latest.
    deadline: Instant,
    /// Whether the listener's own close frame is still to come.
    awaits_answer: bool,
}

/// Counters of one pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// Writes that took frames, or a part of one.
    pub(super) writes: u64,
    /// Frames over which listeners were skipped.
    pub(super) skipped: u64,
}

impl AddAssign for Sent {
    fn add_assign(&mut self, other: Self) {
        self.writes += other.writes;
        self.skipped += other.skipped;
    }
}

/// The result of a write or flush.
enum Written {
    Some(usize),
    Nothing,
    Broken,
}

impl<T: Transport> Listener<T> {
    /// Begins with `greeting`, a whole message, and the frame at `next`; `early` are bytes that
    /// arrived together with the handshake.
    pub(super) fn new(transport: T, greeting: &[u8], early: &[u8], next: u64) -> Self {
        Self {
            transport,
            next,
            pending: greeting.to_vec(),
            is_unflushed: false,
            blocked: None,
            skips: SkipBudget::default(),
            incoming: (!early.is_empty()).then(|| Box::new(Incoming::new(early))),
            closing: None,
        }
    }

    pub(super) fn transport(&self) -> &T {
        &self.transport
    }

    /// Returns why it gets no more frames; `None` while it gets them.
    pub(super) fn end(&self) -> Option<End> {
        self.closing.as_ref().map(|closing| closing.end)
    }

    /// Returns whether the connection can be dropped.
    pub(super) fn is_done(&self, now: Instant) -> bool {
        let is_sent = self.pending.is_empty() && !self.is_unflushed;
        self.closing
            .as_ref()
            .is_some_and(|closing| now >= closing.deadline || is_sent && !closing.awaits_answer)
    }

    /// Reads a bounded part of what has arrived and returns its length in bytes.
    pub(super) fn read(&mut self, now: Instant) -> usize {
        if self.pending.len() >= MAX_INCOMING {
            return 0; // It does not read its answers, so it gets no more of them.
        }
        let incoming = self
            .incoming
            .get_or_insert_with(|| Box::new(Incoming::new(&[])));
        let received = incoming.read(&mut self.transport, &mut self.pending);
        match &mut self.closing {
            _ if received.is_open => {}
            Some(closing) => closing.awaits_answer = false,
            None => self.close(End::Gone, now),
        }
        received.bytes
    }

    /// Returns how many existing frames have not been begun.
    pub(super) fn missed(&self, frames: &Frames) -> u64 {
        frames.end() - self.next
    }

    /// Continues with the next frame, because the missing ones no longer exist.
    pub(super) fn skip_to_end(&mut self, frames: &Frames) {
        self.next = frames.end();
    }

    /// Sends all missing frames, in one write when nothing is pending.
    pub(super) fn send(&mut self, frames: &Frames, now: Instant) -> Sent {
        if !self.send_pending(now) || self.closing.is_some() {
            return Sent::default();
        }
        let is_behind = self.next < frames.first();
        // A listener that gets old frames stays late, so it continues with the newest.
        let from = if is_behind {
            frames.end() - 1
        } else {
            self.next
        };
        let bytes = frames.since(from);
        if bytes.is_empty() {
            return Sent::default();
        }
        let written = write(&mut self.transport, bytes);
        let Some(written) = self.note(written, now) else {
            return Sent::default();
        };
        let skipped = from - self.next;
        let (next, rest) = frames.after(from, written);
        self.next = next;
        self.pending.extend_from_slice(rest);
        self.flush(now);
        if is_behind && self.skips.is_exhausted_by_skip(now) {
            self.close(End::Slow("skipped to live 10 times within 30 s"), now);
        }
        Sent { writes: 1, skipped }
    }

    /// Begins to close the connection, unless that has begun already.
    pub(super) fn close(&mut self, end: End, now: Instant) {
        if self.closing.is_some() {
            return;
        }
        let close_frame = close_frame(end);
        if let Some((code, reason)) = close_frame {
            self.incoming
                .get_or_insert_with(|| Box::new(Incoming::new(&[])))
                .close(code, reason, &mut self.pending);
        }
        self.closing = Some(Closing {
            end,
            deadline: now + CLOSE_LIMIT,
            awaits_answer: close_frame.is_some(),
        });
    }

    /// Sends the pending bytes and returns whether none are left.
    fn send_pending(&mut self, now: Instant) -> bool {
        if self.is_unflushed {
            self.flush(now);
        }
        if !self.pending.is_empty() && !self.is_unflushed {
            let written = write(&mut self.transport, &self.pending);
            if let Some(written) = self.note(written, now) {
                self.pending.drain(..written);
                if self.pending.is_empty() {
                    // Many answers at once are no reason to keep memory for them.
                    self.pending.shrink_to(KEPT_CAPACITY);
                }
                self.flush(now);
            }
        }
        self.pending.is_empty() && !self.is_unflushed
    }

    /// Sends the bytes that the transport buffers, as far as it can without blocking. While some
    /// are left it gets no more, so that they stay bounded.
    fn flush(&mut self, now: Instant) {
        let flushed = match self.transport.flush() {
            Ok(()) => Written::Some(0),
            Err(error) if is_temporary(&error) => Written::Nothing,
            Err(_) => Written::Broken,
        };
        self.is_unflushed = self.note(flushed, now).is_none();
    }

    /// Returns how many bytes the connection took, if any. A connection that takes nothing for
    /// [`SEND_LIMIT`] is closed.
    fn note(&mut self, written: Written, now: Instant) -> Option<usize> {
        match written {
            Written::Some(bytes) => {
                self.blocked = None;
                return Some(bytes);
            }
            Written::Nothing => {
                let since = *self.blocked.get_or_insert(now);
                if now.duration_since(since) >= SEND_LIMIT {
                    self.close(End::NOTHING_READ, now);
                }
            }
            Written::Broken => self.abort(now),
        }
        None
    }

    /// Closes a connection that no longer works.
    fn abort(&mut self, now: Instant) {
        self.close(End::Gone, now);
        if let Some(closing) = &mut self.closing {
            closing.deadline = now;
        }
    }
}

fn write(transport: &mut impl Write, bytes: &[u8]) -> Written {
    match transport.write(bytes) {
        Ok(0) => Written::Nothing,
        Ok(bytes) => Written::Some(bytes),
        Err(error) if is_temporary(&error) => Written::Nothing,
        Err(_) => Written::Broken,
    }
}

/// The times at which a listener was skipped to live.
#[derive(Debug, Default)]
struct SkipBudget {
    skips: VecDeque<Instant>,
}

impl SkipBudget {
    /// Counts a skip and returns whether there have been too many of late.
    fn is_exhausted_by_skip(&mut self, now: Instant) -> bool {
        self.skips.push_back(now);
        self.skips
            .retain(|&skip| now.duration_since(skip) < SKIP_WINDOW);
        self.skips.len() >= MAX_SKIPS
    }
}

#[cfg(test)]
mod tests;
