//! A listener's socket after its handshake.
//!
//! Always: every kind of connection that `http::accept` makes has a variant here; one without is
//! refused with an error, never dropped in silence.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;

use super::stats::ShardGuard;
use super::transport::Transport;
use crate::connection::{Connection, PatientStream};

/// A listener's socket, and the places that it occupies while it is open.
pub(super) struct WsStream {
    socket: Socket,
    connection: Arc<Connection>,
    _shard: ShardGuard,
}

/// The kinds of connections.
pub(super) enum Socket {
    /// Plain TCP.
    Plain(TcpStream),
}

/// The reason for which a connection can't be taken out of HTTP.
#[derive(Debug, thiserror::Error)]
pub(super) enum TakeOverError {
    #[error("connections of this kind have no listener's socket")]
    UnknownKind,
    #[error("the socket can't be taken out of the runtime: {0}")]
    Runtime(#[from] io::Error),
}

impl Socket {
    /// Takes the socket out of HTTP, with the bytes that have been read past the handshake.
    ///
    /// # Errors
    /// [`TakeOverError`]; the connection is closed.
    pub(super) fn take_over(upgraded: Upgraded) -> Result<(Self, Bytes), TakeOverError> {
        let parts = upgraded
            .downcast::<TokioIo<PatientStream>>()
            .map_err(|_| TakeOverError::UnknownKind)?;
        let stream = parts.io.into_inner().into_std()?;
        Ok((Self::Plain(stream), parts.read_buf))
    }
}

impl WsStream {
    /// Keeps the connection's place on the server and `shard`'s count while the socket is open.
    pub(super) fn new(socket: Socket, connection: Arc<Connection>, shard: ShardGuard) -> Self {
        Self {
            socket,
            connection,
            _shard: shard,
        }
    }
}

impl Read for WsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.socket {
            Socket::Plain(stream) => stream.read(buffer),
        }
    }
}

impl Write for WsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.socket {
            Socket::Plain(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.socket {
            // The kernel sends what it has taken.
            Socket::Plain(_) => Ok(()),
        }
    }
}

impl Transport for WsStream {
    fn address(&self) -> SocketAddr {
        self.connection.peer
    }

    fn has_buffered_input(&self) -> bool {
        match &self.socket {
            Socket::Plain(_) => false,
        }
    }
}

impl AsFd for WsStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Plain(stream) => stream.as_fd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn unknown_kinds_of_connections_are_refused() {
        let (near, far) = tokio::io::duplex(4096);
        let request = b"GET / HTTP/1.1\r\nhost: raa.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
        let mut far = far;
        tokio::io::AsyncWriteExt::write_all(&mut far, request)
            .await
            .unwrap();
        let (upgrades, mut upgraded) = tokio::sync::mpsc::channel(1);
        let service = hyper::service::service_fn(move |mut request| {
            let upgrade = hyper::upgrade::on(&mut request);
            let upgrades = upgrades.clone();
            tokio::spawn(async move { upgrades.send(upgrade.await.unwrap()).await });
            let response = hyper::Response::builder()
                .status(101)
                .header("connection", "upgrade")
                .header("upgrade", "websocket")
                .body(axum::body::Body::empty());
            async move { response }
        });
        let serving = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(near), service)
            .with_upgrades();
        tokio::spawn(serving);
        let refused = Socket::take_over(upgraded.recv().await.unwrap());
        assert!(matches!(refused, Err(TakeOverError::UnknownKind)));
        drop(far);
    }
}
