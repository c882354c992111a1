//! One listener: what it has been sent, what it is owed, and when it has to go.
//!
//! Knows no clock and no socket: `now` is an argument, and a line is whatever can be read and
//! written without waiting. Always: a frame that has been begun is finished before anything else
//! is sent; a listener that takes nothing costs no memory but the rest of that frame; one that
//! falls behind is skipped to live and counted when it takes something again; nobody has to go for
//! what the server itself has left out.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

use super::frames::Frames;
use super::incoming::{Incoming, is_for_later};
use crate::websocket::{CLOSE_LIMIT, End, MAX_INCOMING, SEND_LIMIT, farewell};

/// A listener that had to be skipped this often
const MAX_SKIPS: usize = 10;
/// within this time can't keep up.
const SKIP_WINDOW: Duration = Duration::from_secs(30);
/// Room for what is owed, in bytes, that is kept when nothing is: the rest of a frame.
const KEPT_ROOM: usize = 1024;

/// A connection after its handshake that never blocks: `WouldBlock` is its answer instead.
pub(super) trait Line: Read + Write {
    /// Whose it is, for the log.
    fn address(&self) -> SocketAddr;
}

/// One listener and its place in the mix.
pub(super) struct Listener<L> {
    line: L,
    /// The first frame that has not been begun.
    next: u64,
    /// Goes before all frames: the rest of one, answers, a goodbye.
    owed: Vec<u8>,
    /// Since when nothing has been taken, if something is to be sent.
    blocked: Option<Instant>,
    patience: Patience,
    incoming: Option<Box<Incoming>>,
    leaving: Option<Leaving>,
}

/// The end of a listener, which may take a moment.
struct Leaving {
    end: End,
    /// It is waited for no longer.
    until: Instant,
    /// Whether the listener has its goodbye still to say.
    is_answer_due: bool,
}

/// What was sent to a listener.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// Writes that took frames, or a part of one.
    pub(super) writes: u64,
    /// Frames that it was skipped over.
    pub(super) skipped: u64,
}

impl AddAssign for Sent {
    fn add_assign(&mut self, other: Self) {
        self.writes += other.writes;
        self.skipped += other.skipped;
    }
}

/// What became of a write.
enum Written {
    Some(usize),
    Nothing,
    Broken,
}

impl<L: Line> Listener<L> {
    /// Begins with `greeting`, a whole message, and the frame at `next`; `early` are bytes that
    /// have come together with the handshake.
    pub(super) fn new(line: L, greeting: &[u8], early: &[u8], next: u64) -> Self {
        Self {
            line,
            next,
            owed: greeting.to_vec(),
            blocked: None,
            patience: Patience::default(),
            incoming: (!early.is_empty()).then(|| Box::new(Incoming::new(early))),
            leaving: None,
        }
    }

    pub(super) fn line(&self) -> &L {
        &self.line
    }

    /// Why it gets no more frames, once that is so.
    pub(super) fn end(&self) -> Option<End> {
        self.leaving.as_ref().map(|leaving| leaving.end)
    }

    /// Whether the connection can be dropped.
    pub(super) fn is_done(&self, now: Instant) -> bool {
        self.leaving.as_ref().is_some_and(|leaving| {
            now >= leaving.until || self.owed.is_empty() && !leaving.is_answer_due
        })
    }

    /// Takes what has come from it, a bounded part at a time; returns how many bytes that were.
    pub(super) fn hear(&mut self, now: Instant) -> usize {
        if self.owed.len() >= MAX_INCOMING {
            return 0; // Who does not take answers is not listened to.
        }
        let incoming = self
            .incoming
            .get_or_insert_with(|| Box::new(Incoming::new(&[])));
        let heard = incoming.take(&mut self.line, &mut self.owed);
        match &mut self.leaving {
            _ if heard.goes_on => {}
            Some(leaving) => leaving.is_answer_due = false,
            None => self.leave(End::Gone, now),
        }
        heard.bytes
    }

    /// Frames that there were and that it has not begun.
    pub(super) fn missed(&self, frames: &Frames) -> u64 {
        frames.end() - self.next
    }

    /// Goes on with what comes next, because the frames that it lacks are there no more.
    pub(super) fn pass_over(&mut self, frames: &Frames) {
        self.next = frames.end();
    }

    /// Sends all that it lacks, in one write when nothing is owed.
    pub(super) fn send(&mut self, frames: &Frames, now: Instant) -> Sent {
        if !self.owed.is_empty() && !self.pay(now) || self.leaving.is_some() {
            return Sent::default();
        }
        let is_behind = self.next < frames.first();
        // Whoever is late once would stay late: of those that wait, only the newest.
        let from = if is_behind {
            frames.end() - 1
        } else {
            self.next
        };
        let bytes = frames.since(from);
        if bytes.is_empty() {
            return Sent::default();
        }
        let written = write(&mut self.line, bytes);
        let Some(written) = self.judge(written, now) else {
            return Sent::default();
        };
        let skipped = from - self.next;
        let (next, rest) = frames.after(from, written);
        self.next = next;
        self.owed.extend_from_slice(rest);
        if is_behind && self.patience.is_exhausted_by_skip(now) {
            self.leave(End::Slow("skipped to live 10 times within 30 s"), now);
        }
        Sent { writes: 1, skipped }
    }

    /// Says goodbye, unless that has happened.
    pub(super) fn leave(&mut self, end: End, now: Instant) {
        if self.leaving.is_some() {
            return;
        }
        let farewell = farewell(end);
        if let Some((code, reason)) = farewell {
            self.incoming
                .get_or_insert_with(|| Box::new(Incoming::new(&[])))
                .close(code, reason, &mut self.owed);
        }
        self.leaving = Some(Leaving {
            end,
            until: now + CLOSE_LIMIT,
            is_answer_due: farewell.is_some(),
        });
    }

    /// Sends what is owed; true when that was all.
    fn pay(&mut self, now: Instant) -> bool {
        let written = write(&mut self.line, &self.owed);
        if let Some(written) = self.judge(written, now) {
            self.owed.drain(..written);
            if self.owed.is_empty() {
                // Who has sent much at once is not to keep the room for the answers.
                self.owed.shrink_to(KEPT_ROOM);
            }
        }
        self.owed.is_empty()
    }

    /// How many bytes were taken, if any; a listener that takes nothing for long has to go.
    fn judge(&mut self, written: Written, now: Instant) -> Option<usize> {
        match written {
            Written::Some(bytes) => {
                self.blocked = None;
                return Some(bytes);
            }
            Written::Nothing => {
                let since = *self.blocked.get_or_insert(now);
                if now.duration_since(since) >= SEND_LIMIT {
                    self.leave(End::Slow("nothing was taken for 10 s"), now);
                }
            }
            Written::Broken => self.give_up(now),
        }
        None
    }

    /// There is nobody any more.
    fn give_up(&mut self, now: Instant) {
        self.leave(End::Gone, now);
        if let Some(leaving) = &mut self.leaving {
            leaving.until = now;
        }
    }
}

fn write(line: &mut impl Write, bytes: &[u8]) -> Written {
    match line.write(bytes) {
        Ok(0) => Written::Nothing,
        Ok(bytes) => Written::Some(bytes),
        Err(error) if is_for_later(&error) => Written::Nothing,
        Err(_) => Written::Broken,
    }
}

/// When a listener was skipped to live.
#[derive(Debug, Default)]
struct Patience {
    skips: VecDeque<Instant>,
}

impl Patience {
    fn is_exhausted_by_skip(&mut self, now: Instant) -> bool {
        self.skips.push_back(now);
        self.skips
            .retain(|&skip| now.duration_since(skip) < SKIP_WINDOW);
        self.skips.len() >= MAX_SKIPS
    }
}

#[cfg(test)]
mod tests;
