//! Redundancy (RFC 2198): repeats earlier frames, so that a lost packet is not a lost frame.
//!
//! This file decides which frames are repeated and adapts their number to the loss that the
//! receiver reports. A single repeated frame is the one before the last, so that two packets lost
//! in a row cost nothing; further ones fill the places around it.
//! Always: repeats frames of the current talkspurt only; never fewer than configured and never
//! more than [`MAX_REDUNDANCY`]; no allocation after the start.

use std::time::{Duration, Instant};

use super::timeline::FRAME;
use crate::red::{self, Earlier};
use crate::{OPUS_PAYLOAD_TYPE, codec};

/// Maximum number of earlier frames in a packet.
pub const MAX_REDUNDANCY: u8 = 3;

/// Minimum number of earlier frames in a packet, 0 to 3. Each costs as many bytes as the audio
/// itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redundancy(u8);

/// A redundancy outside 0 to 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("redundancy is {0}; it must be a whole number from 0 to 3")]
pub struct RedundancyError(pub i64);

impl Redundancy {
    /// Checks a number of frames.
    ///
    /// # Errors
    /// [`RedundancyError`] outside 0 to 3.
    pub fn new(frames: i64) -> Result<Self, RedundancyError> {
        match u8::try_from(frames) {
            Ok(valid @ 0..=MAX_REDUNDANCY) => Ok(Self(valid)),
            _ => Err(RedundancyError(frames)),
        }
    }

    /// Returns the number of frames, 0 to 3.
    pub fn frames(self) -> u8 {
        self.0
    }
}

impl Default for Redundancy {
    fn default() -> Self {
        Self(1)
    }
}

/// The earlier frames that a packet carries.
#[derive(Debug, Clone, Copy)]
pub(super) enum Carried {
    /// Frames at these distances before its own, in frames.
    Back(&'static [i64]),
    /// Up to this many of the last frames, at any distance.
    Last(usize),
}

impl Carried {
    /// Returns the frames for a packet of sound.
    pub(super) fn with_sound(redundancy: u8) -> Self {
        Self::Back(match redundancy {
            0 => &[],
            1 => &[2],
            2 => &[1, 2],
            _ => &[1, 2, 3],
        })
    }

    /// Returns the frames for the first packet of silence: those that no later packet of sound
    /// will repeat. These are two even where a packet of sound carries only one.
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

/// A frame that was sent; an empty payload marks an unused place.
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

    /// Forgets all frames at the end of a talkspurt.
    pub(super) fn forget(&mut self) {
        self.0.iter_mut().for_each(|frame| frame.payload.clear());
    }

    /// Remembers a frame that was sent as sound.
    pub(super) fn push(&mut self, at: i64, payload: &[u8]) {
        self.0.rotate_right(1);
        let newest = &mut self.0[0];
        newest.at = at;
        newest.payload.clear();
        if payload.len() <= red::MAX_BLOCK_LEN {
            newest.payload.extend(payload);
        }
    }

    /// Returns the earlier frames for a packet whose own frame begins at `at`, the earliest first.
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

/// Loss in percent, and the earlier frames carried from that loss on. A frame is lost when all
/// packets that carry it are. With independent losses and one earlier frame, that is one frame in
/// 10,000 at 1 % loss and one in 600, an audible gap every 12 s, at 4 %; with two earlier frames one
/// in 15,000 at 4 % and one in 600 at 12 %. Too many frames cost bytes, too few cost audio.
const STEPS: [(u16, u8); 3] = [(12, 3), (4, 2), (1, 1)];
/// Time of lower need after which one frame fewer is carried. Losses come in spells; a number that
/// follows each of them would be late every time.
const CALM: Duration = Duration::from_secs(30);
/// Reports of lower need after which one frame fewer is carried.
const CALM_REPORTS: u32 = 6;

/// Adapts the number of earlier frames to the loss that the receiver reports.
#[derive(Debug)]
pub(super) struct Adaptation {
    least: u8,
    current: u8,
    /// Start of the time in which fewer frames would have been enough.
    calm_since: Option<Instant>,
    calm_reports: u32,
}

impl Adaptation {
    /// Begins with the minimum.
    pub(super) fn new(least: Redundancy) -> Self {
        Self {
            least: least.frames(),
            current: least.frames(),
            calm_since: None,
            calm_reports: 0,
        }
    }

    /// Returns the number of earlier frames to carry now: 0 to 3.
    pub(super) fn current(&self) -> u8 {
        self.current
    }

    /// Handles the loss that a report at `now` states for the time since the previous report, in
    /// 256ths.
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
