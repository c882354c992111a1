//! Earlier frames sent once more, so that a lost packet is not a lost frame (RFC 2198): how many,
//! which ones, and how their number follows what the receiver tells of losses.
//!
//! One earlier frame is the one before the last, so that two packets lost in a row cost nothing;
//! more fill up what lies between and behind.
//! Always: only frames of one talkspurt; never fewer than configured nor more than
//! [`MAX_REDUNDANCY`]; no allocation after the start.

use std::time::{Duration, Instant};

use super::timeline::FRAME;
use crate::red::{self, Earlier};
use crate::{OPUS_PAYLOAD_TYPE, codec};

/// The most earlier frames that a packet carries.
pub const MAX_REDUNDANCY: u8 = 3;

/// How many earlier frames a packet carries at least: 0 to 3, of which each costs as many bytes
/// again as the sound alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redundancy(u8);

/// A redundancy outside 0 to 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("redundancy is {0}, allowed are whole numbers from 0 to 3")]
pub struct RedundancyError(pub i64);

impl Redundancy {
    /// # Errors
    /// [`RedundancyError`] outside 0 to 3.
    pub fn new(frames: i64) -> Result<Self, RedundancyError> {
        match u8::try_from(frames) {
            Ok(valid @ 0..=MAX_REDUNDANCY) => Ok(Self(valid)),
            _ => Err(RedundancyError(frames)),
        }
    }

    /// 0 to 3.
    pub fn frames(self) -> u8 {
        self.0
    }
}

impl Default for Redundancy {
    fn default() -> Self {
        Self(1)
    }
}

/// Which earlier frames a packet carries.
#[derive(Debug, Clone, Copy)]
pub(super) enum Carried {
    /// Those that began so many frames before its own.
    Back(&'static [i64]),
    /// The last ones, so many at most, wherever they lie.
    Last(usize),
}

impl Carried {
    /// In a packet of sound.
    pub(super) fn with_sound(redundancy: u8) -> Self {
        Self::Back(match redundancy {
            0 => &[],
            1 => &[2],
            2 => &[1, 2],
            _ => &[1, 2, 3],
        })
    }

    /// In the first packet of silence: what no packet of sound comes for any more. Those are two
    /// frames even where a packet of sound carries only one.
    pub(super) fn with_silence(redundancy: u8) -> Self {
        Self::Last(match redundancy {
            0 => 0,
            frames => usize::from(frames).max(2),
        })
    }
}

/// The last frames of the talkspurt, newest first.
#[derive(Debug)]
pub(super) struct History([Frame; MAX_REDUNDANCY as usize]);

/// One that was sent; with an empty payload there is none.
#[derive(Debug)]
struct Frame {
    at: i64,
    payload: Vec<u8>,
}

impl History {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| Frame {
            at: 0,
            payload: Vec::with_capacity(codec::MAX_ENCODED_LEN),
        }))
    }

    /// The talkspurt has ended.
    pub(super) fn forget(&mut self) {
        self.0.iter_mut().for_each(|frame| frame.payload.clear());
    }

    /// Takes a frame that was sent as sound.
    pub(super) fn push(&mut self, at: i64, payload: &[u8]) {
        self.0.rotate_right(1);
        let newest = &mut self.0[0];
        newest.at = at;
        newest.payload.clear();
        if payload.len() <= red::MAX_BLOCK_LEN {
            newest.payload.extend(payload);
        }
    }

    /// What a packet whose own frame begins at `at` carries, the earliest first.
    pub(super) fn earlier(
        &self,
        at: i64,
        carried: Carried,
    ) -> impl Iterator<Item = Earlier<'_>> + Clone {
        let is_carried = move |place: usize, back: i64| match carried {
            Carried::Back(frames) => frames.iter().any(|distance| distance * FRAME == back),
            Carried::Last(count) => place < count,
        };
        let newest_first = self.0.iter().enumerate();
        newest_first.rev().filter_map(move |(place, frame)| {
            let back = at - frame.at;
            let offset = u16::try_from(back).ok()?;
            let fits = offset <= red::MAX_OFFSET && !frame.payload.is_empty();
            (fits && is_carried(place, back)).then_some(Earlier {
                payload_type: OPUS_PAYLOAD_TYPE,
                offset,
                payload: &frame.payload,
            })
        })
    }
}

/// From which loss on, in percent, how many frames are carried. A frame is lost when all its
/// packets are: of independent losses of 1 % with one earlier frame one frame in 10,000, of 4 %
/// with one still one in 600, which is a fault every 12 s, and with two one in 15,000. At 12 %
/// two leave one in 600 again. Wrongly raised, it costs bytes; wrongly not raised, sound.
const STEPS: [(u16, u8); 3] = [(12, 3), (4, 2), (1, 1)];
/// After so long, and so many reports, of less need one frame fewer is carried: losses come in
/// spells, and going up and down between them would be late for every one.
const CALM: Duration = Duration::from_secs(30);
const CALM_REPORTS: u32 = 6;

/// How many earlier frames are carried, now that the receiver tells of losses.
#[derive(Debug)]
pub(super) struct Adaptation {
    least: u8,
    current: u8,
    /// Since when, and in how many reports, fewer were enough.
    calm_since: Option<Instant>,
    calm_reports: u32,
}

impl Adaptation {
    /// Begins with the least.
    pub(super) fn new(least: Redundancy) -> Self {
        Self {
            least: least.frames(),
            current: least.frames(),
            calm_since: None,
            calm_reports: 0,
        }
    }

    /// How many frames are carried now: 0 to 3.
    pub(super) fn current(&self) -> u8 {
        self.current
    }

    /// Takes what a report said at `now`: the loss since the one before, in 256ths.
    pub(super) fn handle_loss(&mut self, now: Instant, fraction_lost: u8) {
        let needed = needed(fraction_lost).max(self.least);
        if needed >= self.current {
            self.current = needed;
            self.begin_calm(now);
            return;
        }
        self.calm_reports += 1;
        let calm = |since| now.saturating_duration_since(since) >= CALM;
        if self.calm_reports >= CALM_REPORTS && self.calm_since.is_some_and(calm) {
            self.current -= 1;
            self.begin_calm(now);
        }
    }

    fn begin_calm(&mut self, now: Instant) {
        self.calm_since = Some(now);
        self.calm_reports = 0;
    }
}

fn needed(fraction_lost: u8) -> u8 {
    let loss = u16::from(fraction_lost) * 100;
    let step = STEPS.iter().find(|(percent, _)| loss >= percent * 256);
    step.map_or(0, |(_, frames)| *frames)
}
