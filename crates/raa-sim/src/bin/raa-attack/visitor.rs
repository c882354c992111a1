//! One HTTP connection of an attacker, which never waits for the server.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// A server that is too busy to accept is not waited for.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// So small that a large answer fills it.
const SLOW_BUFFER_BYTES: usize = 4096;

/// What a connection has received since the last question.
pub(crate) enum Heard {
    Nothing,
    /// The status of a response, from whose beginning on everything has been read.
    Status(String),
    Closed,
}

pub(crate) struct Visitor(TcpStream);

impl Visitor {
    /// Connects from a host. Returns `None` if the server does not accept the connection.
    pub(crate) fn connect(from: SocketAddr, to: SocketAddr, reads_slowly: bool) -> Option<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
        if reads_slowly {
            socket.set_recv_buffer_size(SLOW_BUFFER_BYTES).ok()?;
        }
        socket.bind(&from.into()).ok()?;
        socket.connect_timeout(&to.into(), CONNECT_TIMEOUT).ok()?;
        socket.set_nonblocking(true).ok()?;
        Some(Self(socket.into()))
    }

    /// Sends a request. Returns false if the connection has ended.
    pub(crate) fn ask(&mut self, request: &str) -> bool {
        self.0.write_all(request.as_bytes()).is_ok()
    }

    pub(crate) fn hear(&mut self) -> Heard {
        let mut buffer = [0; 16 * 1024];
        match self.0.read(&mut buffer) {
            Ok(0) => Heard::Closed,
            Ok(len) => String::from_utf8_lossy(&buffer[..len])
                .strip_prefix("HTTP/1.1 ")
                .and_then(|rest| rest.get(..3))
                .map_or(Heard::Nothing, |status| Heard::Status(status.to_owned())),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Heard::Nothing,
            Err(_) => Heard::Closed,
        }
    }
}
