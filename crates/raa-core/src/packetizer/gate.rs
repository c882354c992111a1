//! Decides by level which frames are sound worth sending.
//!
//! The DTX of libopus is not enough: one bit of dither on silence makes it send at the full rate.
//! Always: opens with the first frame that is loud enough; closes only after [`HANGOVER_FRAMES`]
//! quiet frames in a row, so that pauses of speech and the decay of music pass unharmed.

use crate::level::from_dbfs;

/// Peak below which a frame is quiet. Dithered 16-bit silence is at -90 dBFS; at a volume of 200 %
/// a sound of -70 dBFS still has only -64 dBFS.
const THRESHOLD_DBFS: f32 = -70.0;
/// Quiet frames that still pass: 400 ms, longer than the pauses between words.
const HANGOVER_FRAMES: u32 = 20;

/// The gate's decision about a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passage {
    /// The frame is the first sound after silence.
    Opens,
    /// The frame is sound, or quiet within the hangover.
    Open,
    /// The frame is silence.
    Closed,
}

#[derive(Debug)]
pub(super) struct Gate {
    quiet_frames: u32,
}

impl Default for Gate {
    /// Returns a closed gate.
    fn default() -> Self {
        Self {
            quiet_frames: HANGOVER_FRAMES,
        }
    }
}

impl Gate {
    /// Decides about one frame by its peak, a linear magnitude.
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

    /// Closes at once, without a hangover.
    pub(super) fn close(&mut self) {
        self.quiet_frames = HANGOVER_FRAMES;
    }

    fn is_closed(&self) -> bool {
        self.quiet_frames >= HANGOVER_FRAMES
    }
}
