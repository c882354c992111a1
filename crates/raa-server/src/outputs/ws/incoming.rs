//! One listener's incoming messages: pings and close frames are answered, the rest is ignored.
//!
//! Created with the first byte, which most listeners never send. Always: each read is bounded, and
//! so are the answers: as long as the pings, plus one close frame. Answers go to the listener's own
//! queue and never past it to the socket.

use std::io::{self, Read, Write};

use tungstenite::Error;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};

use crate::websocket::MAX_INCOMING;

/// Initial size of the read buffer, in bytes; it grows for longer messages, which are rare.
const READ_BUFFER: usize = 256;

/// The result of one read.
pub(super) struct Received {
    /// Bytes read from the connection.
    pub(super) bytes: usize,
    /// Whether more can follow: false after a close frame, the end of the connection, or an error.
    pub(super) is_open: bool,
}

/// Reads messages and answers them (RFC 6455 sections 5.5 and 7).
pub(super) struct Incoming(WebSocketContext);

impl Incoming {
    /// Creates a reader; `early` are bytes that arrived together with the handshake.
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

    /// Reads up to [`MAX_INCOMING`] bytes and appends the answers.
    pub(super) fn read(&mut self, transport: &mut impl Read, answers: &mut Vec<u8>) -> Received {
        let mut ends = Ends {
            transport,
            budget: MAX_INCOMING,
            answers,
        };
        let is_open = loop {
            match self.0.read(&mut ends) {
                Ok(_ignored) => {}
                Err(Error::Io(error)) => break is_temporary(&error),
                Err(_closed) => break false,
            }
        };
        Received {
            bytes: MAX_INCOMING - ends.budget,
            is_open,
        }
    }

    /// Appends a close frame; from then on [`Incoming::read`] waits for the answer to it.
    pub(super) fn close(&mut self, code: u16, reason: &'static str, answers: &mut Vec<u8>) {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: reason.into(),
        };
        let mut ends = Ends {
            transport: &mut io::empty(),
            budget: 0,
            answers,
        };
        // This fails after a close frame of the listener, which is answered already.
        let _ = self.0.close(&mut ends, Some(frame));
    }
}

/// Returns whether a read or write can succeed when it is repeated later.
pub(super) fn is_temporary(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, WouldBlock};
    matches!(error.kind(), WouldBlock | Interrupted)
}

/// The connection to read from and the queue to write to, as one stream.
struct Ends<'a, R> {
    transport: &'a mut R,
    budget: usize,
    answers: &'a mut Vec<u8>,
}

impl<R: Read> Read for Ends<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(self.budget);
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let read = self.transport.read(&mut buffer[..room])?;
        self.budget -= read;
        Ok(read)
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

    /// Returns a client's message with a mask of zeros.
    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
        bytes.extend_from_slice(payload);
        bytes
    }

    /// A connection with these bytes, and no more for now.
    struct Bytes(io::Cursor<Vec<u8>>);

    impl Read for Bytes {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer) {
                Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
                read => read,
            }
        }
    }

    fn read(incoming: &mut Incoming, bytes: Vec<u8>) -> (bool, Vec<u8>) {
        let mut answers = Vec::new();
        let received = incoming.read(&mut Bytes(io::Cursor::new(bytes)), &mut answers);
        (received.is_open, answers)
    }

    #[test]
    fn pings_are_answered_and_messages_are_ignored() {
        let mut incoming = Incoming::new(&[]);
        let (is_open, answers) = read(&mut incoming, masked(0x89, b"there?"));
        assert_eq!((is_open, &answers[..]), (true, &b"\x8a\x06there?"[..]));
        assert_eq!(
            read(&mut incoming, masked(0x81, b"talk")),
            (true, Vec::new())
        );
    }

    #[test]
    fn early_bytes_are_read_first() {
        let mut incoming = Incoming::new(&masked(0x89, b"early")[..8]);
        let (is_open, answers) = read(&mut incoming, b"rly".to_vec());
        assert_eq!((is_open, &answers[..]), (true, &b"\x8a\x05early"[..]));
    }

    #[test]
    fn close_frame_is_answered_and_ends_reading() {
        let mut incoming = Incoming::new(&[]);
        let (is_open, answers) = read(&mut incoming, masked(0x88, b"\x03\xe8bye"));
        assert_eq!(
            (is_open, &answers[..]),
            (false, &b"\x88\x05\x03\xe8bye"[..])
        );
    }

    #[test]
    fn our_close_frame_awaits_an_answer() {
        let mut incoming = Incoming::new(&[]);
        let mut answers = Vec::new();
        incoming.close(1001, "end", &mut answers);
        assert_eq!(answers, b"\x88\x05\x03\xe9end");
        assert_eq!(
            read(&mut incoming, masked(0x81, b"talk")),
            (true, Vec::new())
        );
        assert_eq!(
            read(&mut incoming, masked(0x88, b"\x03\xe9")),
            (false, Vec::new())
        );
    }

    #[test]
    fn floods_are_read_in_bounded_parts() {
        // Empty fragments never complete a message.
        let flood: Vec<u8> = (0..10_000)
            .flat_map(|n| masked(u8::from(n == 0), &[]))
            .collect();
        let pings: Vec<u8> = (0..10_000).flat_map(|_| masked(0x89, &[])).collect();
        for bytes in [flood, pings] {
            let mut incoming = Incoming::new(&[]);
            let mut transport = Bytes(io::Cursor::new(bytes));
            let mut answers = Vec::new();
            let received = incoming.read(&mut transport, &mut answers);
            assert_eq!((received.bytes, received.is_open), (MAX_INCOMING, true));
            assert_eq!(transport.0.position(), MAX_INCOMING as u64);
            assert!(answers.len() <= MAX_INCOMING, "{}", answers.len());
        }
    }

    #[test]
    fn long_messages_end_reading() {
        let mut incoming = Incoming::new(&[]);
        let (is_open, answers) = read(&mut incoming, vec![0x82, 0xfe, 0x10, 0x01, 0, 0, 0, 0]);
        assert_eq!((is_open, answers), (false, Vec::new()));
    }
}
