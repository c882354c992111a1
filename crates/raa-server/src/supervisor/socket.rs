//! systemd's notification socket: where it is, and one datagram to it (sd_notify(3)).
//!
//! Always: a send never blocks the runtime, and gives up within a second; a socket that is missing or
//! wrong is an error for the log, never a reason to stop.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio::time::timeout;

/// Longest wait for a supervisor that does not take what it is sent.
const PATIENCE: Duration = Duration::from_secs(1);

/// The address in `NOTIFY_SOCKET`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotifySocket(String);

impl NotifySocket {
    /// Takes the text of the variable; nothing is opened yet.
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// Sends one datagram of lines such as `READY=1`.
    ///
    /// # Errors
    /// When the address is none that this program knows, when nobody receives there, or when the
    /// receiver's queue stays full.
    pub(super) async fn send(&self, lines: &str) -> io::Result<()> {
        // A socket for each datagram: the supervisor may have opened its own again.
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address(&self.0)?)?;
        socket.set_nonblocking(true)?;
        let socket = tokio::net::UnixDatagram::from_std(socket)?;
        let sent = timeout(PATIENCE, socket.send(lines.as_bytes())).await;
        sent.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
            .map(drop)
    }
}

/// Returns the address: a path, or a name in the abstract namespace, which begins with `@`.
fn address(text: &str) -> io::Result<SocketAddr> {
    match text.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None if text.starts_with('/') => SocketAddr::from_pathname(text),
        None => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "it must be a path that begins with / or an abstract name that begins with @",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 100];
        let len = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    }

    #[tokio::test]
    async fn lines_reach_both_kinds_of_addresses() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify").to_str().unwrap().to_owned();
        let name = format!("@raa-test-{}", std::process::id());
        for text in [path, name] {
            let receiver = UnixDatagram::bind_addr(&address(&text).unwrap()).unwrap();
            let socket = NotifySocket::new(text);
            socket.send("READY=1\nSTATUS=ok").await.unwrap();
            assert_eq!(received(&receiver), "READY=1\nSTATUS=ok");
        }
    }

    #[tokio::test]
    async fn impossible_addresses_are_errors() {
        let too_long = format!("/{}", "a".repeat(200));
        for text in ["/nowhere/notify", "relative", "vsock:2:1", "@", &too_long] {
            let sent = NotifySocket::new(text.to_owned()).send("READY=1").await;
            assert!(sent.is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_receiver_that_reads_nothing_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let _receiver = UnixDatagram::bind(&path).unwrap();
        let socket = NotifySocket::new(path.to_str().unwrap().to_owned());
        let mut sent = 0;
        let error = loop {
            match socket.send("WATCHDOG=1").await {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
            assert!(sent < 100_000, "the queue has no end");
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "after {sent}");
    }
}
