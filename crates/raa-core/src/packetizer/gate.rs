//! Decides by level what is sound worth sending.
//!
//! libopus alone cannot: one bit of dither on silence makes it send at the full rate.
//! Always: opens with the very frame that is loud enough; closes only after [`HANGOVER_FRAMES`]
//! quiet frames in a row, so the pauses of speech and the decay of music pass whole.

use crate::level::from_dbfs;

/// A frame whose peak is below this is quiet. Dithered silence of 16 bits is at -90 dBFS; at
/// twice the volume a sound of -70 dBFS is still as quiet as -64 dBFS.
const THRESHOLD_DBFS: f32 = -70.0;
/// 400 ms: longer than the pauses between words.
const HANGOVER_FRAMES: u32 = 20;

/// What happens with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passage {
    /// It is sound after silence.
    Opens,
    /// It is sound, or the short quiet after it.
    Open,
    /// It is silence.
    Closed,
}

#[derive(Debug)]
pub(super) struct Gate {
    quiet_frames: u32,
}

impl Default for Gate {
    /// Closed.
    fn default() -> Self {
        Self {
            quiet_frames: HANGOVER_FRAMES,
        }
    }
}

impl Gate {
    /// Judges one frame by its peak, a linear magnitude.
    pub(super) fn pass(&mut self, peak: f32) -> Passage {
        if peak >= from_dbfs(THRESHOLD_DBFS) {
            let was_closed = self.is_closed();
            self.quiet_frames = 0;
            return if was_closed {
                Passage::Opens
            } else {
                Passage::Open
            };
        }
        self.quiet_frames = HANGOVER_FRAMES.min(self.quiet_frames + 1);
        if self.is_closed() {
            Passage::Closed
        } else {
            Passage::Open
        }
    }

    /// Closes at once: there is nothing to judge.
    pub(super) fn close(&mut self) {
        self.quiet_frames = HANGOVER_FRAMES;
    }

    fn is_closed(&self) -> bool {
        self.quiet_frames >= HANGOVER_FRAMES
    }
}
