//! What one listener says: nothing that matters, but pings and its goodbye are answered.
//!
//! Made when the first byte comes, which from most listeners never happens. Always: what is read
//! at a time is bounded, and so are the answers: as long as the pings, and one goodbye. They go to
//! the listener's own queue, never past it to the socket.

use std::io::{self, Read, Write};

use tungstenite::Error;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};

use crate::websocket::MAX_INCOMING;

/// Listeners have hardly anything to say; for a longer message it grows.
const READ_BUFFER: usize = 256;

/// What a listener has said at a time.
pub(super) struct Heard {
    /// Its length on the wire.
    pub(super) bytes: usize,
    /// Whether more may come: not after a close frame, the end of the connection, or an error.
    pub(super) goes_on: bool,
}

/// Reads messages and answers them (RFC 6455 sections 5.5 and 7).
pub(super) struct Incoming(WebSocketContext);

impl Incoming {
    /// `early` has come together with the handshake.
    pub(super) fn new(early: &[u8]) -> Self {
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_INCOMING))
            .max_frame_size(Some(MAX_INCOMING))
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0);
        let config = Some(config);
        Self(WebSocketContext::from_partially_read(
            early.to_vec(),
            Role::Server,
            config,
        ))
    }

    /// Takes what has come, [`MAX_INCOMING`] bytes at most, and appends the answers.
    pub(super) fn take(&mut self, line: &mut impl Read, answers: &mut Vec<u8>) -> Heard {
        let mut ends = Ends {
            line,
            budget: MAX_INCOMING,
            answers,
        };
        let goes_on = loop {
            match self.0.read(&mut ends) {
                Ok(_ignored) => {}
                Err(Error::Io(error)) => break is_for_later(&error),
                Err(_over) => break false,
            }
        };
        Heard {
            bytes: MAX_INCOMING - ends.budget,
            goes_on,
        }
    }

    /// Appends a close frame; from then on [`Incoming::take`] waits for the answer to it.
    pub(super) fn close(&mut self, code: u16, reason: &'static str, answers: &mut Vec<u8>) {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: reason.into(),
        };
        let mut ends = Ends {
            line: &mut io::empty(),
            budget: 0,
            answers,
        };
        // It fails when the listener has said goodbye itself; then there is nothing to say.
        let _ = self.0.close(&mut ends, Some(frame));
    }
}

/// Whether the same may work at another time.
pub(super) fn is_for_later(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, WouldBlock};
    matches!(error.kind(), WouldBlock | Interrupted)
}

/// The socket to read from and the queue to write to, as one stream.
struct Ends<'a, R> {
    line: &'a mut R,
    budget: usize,
    answers: &'a mut Vec<u8>,
}

impl<R: Read> Read for Ends<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(self.budget);
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = self.line.read(&mut buffer[..room])?;
        self.budget -= taken;
        Ok(taken)
    }
}

impl<R> Write for Ends<'_, R> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.answers.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of a client; its mask is zero.
    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
        bytes.extend_from_slice(payload);
        bytes
    }

    /// A line that has these bytes and then nothing for now.
    struct Sayings(io::Cursor<Vec<u8>>);

    impl Read for Sayings {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer) {
                Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
                taken => taken,
            }
        }
    }

    fn take(incoming: &mut Incoming, bytes: Vec<u8>) -> (bool, Vec<u8>) {
        let mut answers = Vec::new();
        let heard = incoming.take(&mut Sayings(io::Cursor::new(bytes)), &mut answers);
        (heard.goes_on, answers)
    }

    #[test]
    fn a_ping_is_answered_and_talk_is_not() {
        let mut incoming = Incoming::new(&[]);
        let (goes_on, answers) = take(&mut incoming, masked(0x89, b"there?"));
        assert_eq!((goes_on, &answers[..]), (true, &b"\x8a\x06there?"[..]));
        assert_eq!(
            take(&mut incoming, masked(0x81, b"talk")),
            (true, Vec::new())
        );
    }

    #[test]
    fn what_came_with_the_handshake_is_not_lost() {
        let mut incoming = Incoming::new(&masked(0x89, b"early")[..8]);
        let (goes_on, answers) = take(&mut incoming, b"rly".to_vec());
        assert_eq!((goes_on, &answers[..]), (true, &b"\x8a\x05early"[..]));
    }

    #[test]
    fn a_close_frame_is_answered_and_ends_it() {
        let mut incoming = Incoming::new(&[]);
        let (goes_on, answers) = take(&mut incoming, masked(0x88, b"\x03\xe8bye"));
        assert_eq!(
            (goes_on, &answers[..]),
            (false, &b"\x88\x05\x03\xe8bye"[..])
        );
    }

    #[test]
    fn after_our_goodbye_the_answer_is_awaited() {
        let mut incoming = Incoming::new(&[]);
        let mut answers = Vec::new();
        incoming.close(1001, "end", &mut answers);
        assert_eq!(answers, b"\x88\x05\x03\xe9end");
        assert_eq!(
            take(&mut incoming, masked(0x81, b"talk")),
            (true, Vec::new())
        );
        assert_eq!(
            take(&mut incoming, masked(0x88, b"\x03\xe9")),
            (false, Vec::new())
        );
    }

    #[test]
    fn a_flood_is_read_piece_by_piece() {
        // Fragments that are empty never make a message.
        let flood: Vec<u8> = (0..10_000)
            .flat_map(|n| masked(u8::from(n == 0), &[]))
            .collect();
        let pings: Vec<u8> = (0..10_000).flat_map(|_| masked(0x89, &[])).collect();
        for bytes in [flood, pings] {
            let mut incoming = Incoming::new(&[]);
            let mut line = Sayings(io::Cursor::new(bytes));
            let mut answers = Vec::new();
            let heard = incoming.take(&mut line, &mut answers);
            assert_eq!((heard.bytes, heard.goes_on), (MAX_INCOMING, true));
            assert_eq!(line.0.position(), MAX_INCOMING as u64);
            assert!(answers.len() <= MAX_INCOMING, "{}", answers.len());
        }
    }

    #[test]
    fn too_long_a_message_ends_it() {
        let mut incoming = Incoming::new(&[]);
        let (goes_on, answers) = take(&mut incoming, vec![0x82, 0xfe, 0x10, 0x01, 0, 0, 0, 0]);
        assert_eq!((goes_on, answers), (false, Vec::new()));
    }
}
