//! What a listener sends, in pieces of any size.
//!
//! Always: each read is bounded, and so are the answers to it.

use std::io::{self, Read};

use super::incoming::Incoming;
use crate::websocket::MAX_INCOMING;

/// The longest close frame: two bytes of header and 125 of payload.
const MAX_CLOSE_FRAME: usize = 127;

/// A connection: how much of it arrives early, in which pieces the rest comes, and its bytes.
pub(crate) fn websocket(bytes: &[u8]) {
    let Some((&[early, piece, closes], rest)) = bytes.split_first_chunk() else {
        return;
    };
    let (early, rest) = rest.split_at(rest.len().min(early.into()));
    let mut incoming = Incoming::new(early);
    let mut transport = Pieces {
        rest,
        piece: usize::from(piece) + 1,
        is_between: false,
    };
    let (mut received, mut answers) = (early.len(), Vec::new());
    for read in 0..=rest.len() {
        if read == usize::from(closes) {
            incoming.close(1001, "end", &mut answers);
        }
        let done = incoming.read(&mut transport, &mut answers);
        assert!(done.bytes <= MAX_INCOMING);
        received += done.bytes;
        assert!(answers.len() <= received + 2 * MAX_CLOSE_FRAME);
        if !done.is_open || transport.rest.is_empty() {
            break;
        }
    }
    check_answers(&answers);
}

/// Answers are whole pongs and close frames, unmasked.
fn check_answers(mut answers: &[u8]) {
    while !answers.is_empty() {
        let Some((&[first, len], rest)) = answers.split_first_chunk() else {
            panic!("an answer has a header");
        };
        assert!(matches!(first, 0x88 | 0x8a) && len <= 125, "{answers:?}");
        answers = rest.get(len.into()..).expect("an answer is whole");
    }
}

/// Bytes that arrive in pieces, with nothing to read between them.
struct Pieces<'a> {
    rest: &'a [u8],
    piece: usize,
    is_between: bool,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.is_between = !self.is_between;
        if !self.is_between || self.rest.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = buffer.len().min(self.piece).min(self.rest.len());
        let (now, later) = self.rest.split_at(len);
        buffer[..len].copy_from_slice(now);
        self.rest = later;
        Ok(len)
    }
}
