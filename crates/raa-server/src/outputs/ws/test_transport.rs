//! A connection for tests, which takes as many bytes as a test allows and keeps them.
//!
//! The reader of a WebSocket client checks what it took.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Cursor, Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;

use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::{Role, WebSocket};
use tungstenite::{Error, Message};

use super::frames::append_message;
use super::transport::Transport;

/// The connection; its clones are the same one.
#[derive(Clone, Default)]
pub(super) struct TestTransport(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    /// Bytes that the next writes take; 0 makes a write fail for now. Later ones take everything.
    takes: VecDeque<usize>,
    is_stuck: bool,
    is_flush_stuck: bool,
    is_broken: bool,
    writes: Vec<Vec<u8>>,
    tries: usize,
    incoming: VecDeque<u8>,
}

impl TestTransport {
    /// Sets how many bytes each of the next writes takes.
    pub(super) fn take(&self, sizes: impl IntoIterator<Item = usize>) {
        self.0.borrow_mut().takes.extend(sizes);
    }

    /// Makes all writes fail for now, or ends that.
    pub(super) fn set_stuck(&self, is_stuck: bool) {
        self.0.borrow_mut().is_stuck = is_stuck;
    }

    /// Makes flushes fail for now, or ends that.
    pub(super) fn set_flush_stuck(&self, is_stuck: bool) {
        self.0.borrow_mut().is_flush_stuck = is_stuck;
    }

    /// Makes reads and writes fail for good.
    pub(super) fn break_off(&self) {
        self.0.borrow_mut().is_broken = true;
    }

    /// Makes the listener send a message, with a mask of zeros.
    pub(super) fn receive(&self, first: u8, payload: &[u8]) {
        let incoming = &mut self.0.borrow_mut().incoming;
        incoming.extend([first, 0x80 | payload.len() as u8, 0, 0, 0, 0]);
        incoming.extend(payload);
    }

    /// Returns how many bytes of the listener have not been read.
    pub(super) fn unread(&self) -> usize {
        self.0.borrow().incoming.len()
    }

    /// Returns the bytes that each write took since the last call.
    pub(super) fn writes(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.0.borrow_mut().writes)
    }

    /// Returns the number of writes, including those that took nothing.
    pub(super) fn tries(&self) -> usize {
        self.0.borrow().tries
    }

    /// Returns the messages that a client reads from the bytes since the last call.
    pub(super) fn messages(&self) -> Vec<Message> {
        messages(self.writes().concat())
    }
}

impl Read for TestTransport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.0.borrow_mut();
        if state.is_broken {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        match state.incoming.read(buffer) {
            Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
            read => read,
        }
    }
}

impl Write for TestTransport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.borrow_mut();
        state.tries += 1;
        if state.is_broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let takes = state.takes.pop_front().unwrap_or(bytes.len());
        if state.is_stuck || takes == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = &bytes[..takes.min(bytes.len())];
        state.writes.push(taken.to_vec());
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.0.borrow().is_flush_stuck {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(())
    }
}

impl Transport for TestTransport {
    fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], 1).into()
    }

    fn has_buffered_input(&self) -> bool {
        false
    }
}

/// Returns one frame in wire format.
pub(super) fn framed(packet: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    append_message(&mut bytes, OpCode::Data(Data::Binary), packet);
    bytes
}

/// Returns the messages that a client reads; panics unless the bytes are whole messages.
fn messages(bytes: Vec<u8>) -> Vec<Message> {
    let mut reader = WebSocket::from_raw_socket(Written(Cursor::new(bytes)), Role::Client, None);
    let mut messages = Vec::new();
    loop {
        match reader.read() {
            Ok(message) => messages.push(message),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error} after {messages:?}"),
        }
    }
    assert!(
        !matches!(reader.get_ref(), Written(bytes) if bytes.position() < bytes.get_ref().len() as u64),
        "bytes of an incomplete message are left"
    );
    messages
}

/// The bytes of all writes, for a reader whose answers are discarded.
struct Written(Cursor<Vec<u8>>);

impl Read for Written {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer) {
            Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
            read => read,
        }
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
