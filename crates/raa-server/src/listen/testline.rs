//! A listener's line for tests: takes as much as it is told to, and keeps what it took.
//!
//! What it took is judged by a WebSocket client's own reader.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Cursor, Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;

use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::{Role, WebSocket};
use tungstenite::{Error, Message};

use super::frames::append_message;
use super::listener::Line;

/// Both ends of a line have it.
#[derive(Clone, Default)]
pub(super) struct TestLine(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    /// What the next writes take; 0 is nothing for now. Afterwards all is taken.
    takes: VecDeque<usize>,
    is_stuck: bool,
    is_broken: bool,
    writes: Vec<Vec<u8>>,
    tries: usize,
    says: VecDeque<u8>,
}

impl TestLine {
    /// The next writes take so many bytes.
    pub(super) fn takes(&self, sizes: impl IntoIterator<Item = usize>) {
        self.0.borrow_mut().takes.extend(sizes);
    }

    /// Nothing is taken until this is taken back.
    pub(super) fn set_stuck(&self, is_stuck: bool) {
        self.0.borrow_mut().is_stuck = is_stuck;
    }

    /// Reading and writing fail.
    pub(super) fn break_off(&self) {
        self.0.borrow_mut().is_broken = true;
    }

    /// The listener says one message; a client's mask may be zero.
    pub(super) fn say(&self, first: u8, payload: &[u8]) {
        let says = &mut self.0.borrow_mut().says;
        says.extend([first, 0x80 | payload.len() as u8, 0, 0, 0, 0]);
        says.extend(payload);
    }

    /// Bytes that have not been read from it.
    pub(super) fn unheard(&self) -> usize {
        self.0.borrow().says.len()
    }

    /// What each write took, since the last time.
    pub(super) fn writes(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.0.borrow_mut().writes)
    }

    /// Calls of write, also those that took nothing.
    pub(super) fn tries(&self) -> usize {
        self.0.borrow().tries
    }

    /// What a client reads of all that was written since the last time.
    pub(super) fn messages(&self) -> Vec<Message> {
        messages(self.writes().concat())
    }
}

impl Read for TestLine {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.0.borrow_mut();
        if state.is_broken {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        match state.says.read(buffer) {
            Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
            read => read,
        }
    }
}

impl Write for TestLine {
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
        Ok(())
    }
}

impl Line for TestLine {
    fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], 1).into()
    }
}

/// One frame as it goes over the wire.
pub(super) fn framed(packet: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    append_message(&mut bytes, OpCode::Data(Data::Binary), packet);
    bytes
}

/// What a client reads; panics unless the bytes are whole messages.
fn messages(bytes: Vec<u8>) -> Vec<Message> {
    let mut reader = WebSocket::from_raw_socket(Heard(Cursor::new(bytes)), Role::Client, None);
    let mut messages = Vec::new();
    loop {
        match reader.read() {
            Ok(message) => messages.push(message),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error} after {messages:?}"),
        }
    }
    assert!(
        !matches!(reader.get_ref(), Heard(bytes) if bytes.position() < bytes.get_ref().len() as u64),
        "all is read"
    );
    messages
}

/// Bytes to read; what the reader answers is lost.
struct Heard(Cursor<Vec<u8>>);

impl Read for Heard {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer) {
            Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
            read => read,
        }
    }
}

impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
