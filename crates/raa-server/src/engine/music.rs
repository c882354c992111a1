//! The test music as an input: its packet of every slot, in time, as from any sender.
//!
//! Always: a packet depends on its slot alone; after a stall the packets that a socket's queue
//! would have held are still there, and no more.

use std::time::{Duration, Instant};

use raa_core::SLOT;
use raa_core::hub::Origin;
use raa_core::rtp::StreamStart;

use super::inputs::{Input, Take};
use crate::testmusic::TestMusic;

/// Packets that wait after a stall at most: 5 s.
const BACKLOG_SLOTS: u64 = 250;
/// Slots from one RTCP packet with the client's name to the next: 5 s.
const DESCRIPTION_SLOTS: u64 = 250;

pub(super) struct MusicInput {
    music: TestMusic,
    /// The due time of slot 0.
    start: Instant,
    /// The first slot whose packet has not been passed on.
    next: u64,
}

impl MusicInput {
    /// Starts rendering the music; its first packet belongs to the slot at `start`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(stream: StreamStart, start: Instant) -> anyhow::Result<Self> {
        Ok(Self {
            music: TestMusic::start(stream)?,
            start,
            next: 0,
        })
    }
}

impl Input for MusicInput {
    fn drain(&mut self, due: Instant, take: &mut Take<'_>) -> bool {
        let end = (due.duration_since(self.start).as_nanos() / SLOT.as_nanos()) as u64;
        for slot in self.next.max(end.saturating_sub(BACKLOG_SLOTS))..end {
            let arrival = self.start + Duration::from_nanos(SLOT.as_nanos() as u64 * slot);
            let Some(datagram) = self.music.datagram(slot) else {
                continue;
            };
            take(arrival, Origin::Internal, datagram);
            if slot.is_multiple_of(DESCRIPTION_SLOTS) {
                take(arrival, Origin::Internal, self.music.description(slot));
            }
        }
        self.next = self.next.max(end);
        false
    }
}
