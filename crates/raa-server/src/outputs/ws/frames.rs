//! The newest frames of one mix, in wire format, for all its listeners in a shard.
//!
//! Each packet becomes a WebSocket message once (RFC 6455 section 5.2), and the messages are
//! contiguous, so that a listener gets all its missing frames in one write. Always: at most
//! [`FRAMES`] are kept; positions count frames from the first one and are never reused.

use std::collections::VecDeque;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

/// Frames by which a listener can be behind before it is skipped to live: 640 ms.
pub(super) const FRAMES: usize = 32;

/// A queue of frames; every listener reads it at its own position.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The bytes of the kept frames.
    bytes: Vec<u8>,
    /// The start of each kept frame, in bytes since the first frame ever.
    starts: VecDeque<u64>,
    /// Bytes of all frames ever.
    total: u64,
    /// The position of the next frame.
    end: u64,
}

impl Frames {
    /// Returns the oldest position that is kept; [`Frames::end`] if there is none.
    pub(super) fn first(&self) -> u64 {
        self.end - self.starts.len() as u64
    }

    /// Returns the position after the newest frame.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Appends a frame; the oldest one makes room.
    pub(super) fn push(&mut self, packet: &[u8]) {
        if self.starts.len() == FRAMES {
            self.starts.pop_front();
            let kept = self.offset(self.starts.front().copied());
            self.bytes.drain(..self.bytes.len() - kept);
        }
        self.starts.push_back(self.total);
        let before = self.bytes.len();
        append_message(&mut self.bytes, OpCode::Data(Data::Binary), packet);
        self.total += (self.bytes.len() - before) as u64;
        self.end += 1;
    }

    /// Skips frames that the server itself has missed; no listener can get them.
    pub(super) fn skip(&mut self, frames: u64) {
        self.bytes.clear();
        self.starts.clear();
        self.end += frames;
    }

    /// Returns the bytes of all frames from a position on; empty if that one is not kept.
    pub(super) fn since(&self, position: u64) -> &[u8] {
        let kept = self.offset(self.start(position));
        &self.bytes[self.bytes.len() - kept..]
    }

    /// Returns the state after `written` bytes of [`Frames::since`] `position`: the position of the
    /// next frame that was not begun, and the rest of the one that was.
    pub(super) fn after(&self, position: u64, written: usize) -> (u64, &[u8]) {
        let reached = self.start(position).unwrap_or(self.total) + written as u64;
        let begun = self.starts.partition_point(|&start| start < reached);
        let rest = self.offset(Some(reached.min(self.total)));
        let later = self.offset(self.starts.get(begun).copied());
        let rest = &self.bytes[self.bytes.len() - rest..self.bytes.len() - later];
        (self.first() + begun as u64, rest)
    }

    /// Returns the start of a frame, if it is kept.
    fn start(&self, position: u64) -> Option<u64> {
        let index = position.checked_sub(self.first())?;
        self.starts.get(usize::try_from(index).ok()?).copied()
    }

    /// Returns the number of bytes from `start` to the end; 0 for `None`.
    fn offset(&self, start: Option<u64>) -> usize {
        (self.total - start.unwrap_or(self.total)) as usize
    }
}

/// Appends a whole WebSocket message as one unmasked frame, as servers send it.
pub(super) fn append_message(bytes: &mut Vec<u8>, opcode: OpCode, payload: &[u8]) {
    let header = FrameHeader {
        opcode,
        ..FrameHeader::default()
    };
    // Writing into a vector does not fail.
    let _ = header.format(payload.len() as u64, bytes);
    bytes.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames whose payload has as many bytes as their position modulo 200.
    fn frames(count: u64) -> Frames {
        let mut frames = Frames::default();
        (0..count).for_each(|n| frames.push(&payload(n)));
        frames
    }

    fn payload(position: u64) -> Vec<u8> {
        vec![position as u8; (position % 200) as usize]
    }

    fn on_the_wire(positions: std::ops::Range<u64>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for position in positions {
            append_message(&mut bytes, OpCode::Data(Data::Binary), &payload(position));
        }
        bytes
    }

    #[test]
    fn newest_frames_are_kept_in_order() {
        let frames = frames(500);
        assert_eq!((frames.first(), frames.end()), (500 - FRAMES as u64, 500));
        for position in frames.first()..=frames.end() {
            assert_eq!(frames.since(position), on_the_wire(position..500));
        }
        assert_eq!(frames.since(3), b"", "too old");
        assert!(frames.bytes.len() < FRAMES * 202);
    }

    #[test]
    fn a_frame_is_one_unmasked_binary_message() {
        let mut frames = Frames::default();
        frames.push(&[7; 100]);
        assert_eq!(frames.since(0)[..3], [0x82, 100, 7]);
        frames.push(&[7; 1000]);
        assert_eq!(frames.since(1)[..5], [0x82, 126, 3, 232, 7]);
    }

    #[test]
    fn partial_writes_leave_the_rest_of_a_frame() {
        let frames = frames(130);
        let from = frames.first() + 5;
        let all = frames.since(from).to_vec();
        for written in 0..=all.len() {
            let (next, rest) = frames.after(from, written);
            let mut whole = all[..written].to_vec();
            whole.extend_from_slice(rest);
            assert_eq!(whole, on_the_wire(from..next), "{written}");
            let before = on_the_wire(from..next.max(from + 1) - 1);
            assert!(written == 0 || before.len() < written, "{written}");
        }
    }

    #[test]
    fn skipped_frames_are_not_kept() {
        let mut frames = frames(20);
        frames.skip(100);
        assert_eq!((frames.first(), frames.end()), (120, 120));
        assert_eq!(frames.since(119), b"");
        frames.push(&payload(120));
        assert_eq!(frames.since(120), on_the_wire(120..121));
    }
}
