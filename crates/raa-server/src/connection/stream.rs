//! A TCP stream whose peer must read what it asked for.
//!
//! Always: a peer that takes less than [`LEAST`] bytes within [`STALL_LIMIT`] while there is more for
//! it loses the connection, so what waits for it is held for a bounded time.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::refused_requests::{Reason, RefusedRequests};

/// A second more than the limit of WebSockets, whose close frame gives the reason.
const STALL_LIMIT: Duration = Duration::from_secs(11);
/// Bytes that count as progress: even the slowest network takes as many within the limit.
const LEAST: usize = 4096;

/// The stream.
pub(crate) struct PatientStream {
    inner: TcpStream,
    peer: SocketAddr,
    refused: Arc<RefusedRequests>,
    /// While something waits for the peer.
    stall: Option<Stall>,
}

struct Stall {
    limit: Pin<Box<Sleep>>,
    /// Bytes taken since the beginning.
    taken: usize,
}

impl PatientStream {
    /// Counts slow readers in `refused`.
    pub(crate) fn new(inner: TcpStream, peer: SocketAddr, refused: Arc<RefusedRequests>) -> Self {
        Self {
            inner,
            peer,
            refused,
            stall: None,
        }
    }

    /// Sets options of the socket.
    ///
    /// # Errors
    /// Those of `tune`.
    pub(crate) fn tune(&self, tune: fn(&TcpStream) -> io::Result<()>) -> io::Result<()> {
        tune(&self.inner)
    }

    /// Takes the stream out of the runtime.
    ///
    /// # Errors
    /// Those of the runtime.
    pub(crate) fn into_std(self) -> io::Result<std::net::TcpStream> {
        self.inner.into_std()
    }

    /// Takes note of the result of a write.
    fn watch(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(bytes)) => {
                if let Some(stall) = &mut self.stall {
                    stall.taken += bytes;
                    if stall.taken >= LEAST {
                        self.stall = None;
                    }
                }
                written
            }
            Poll::Ready(Err(_)) => written,
            Poll::Pending => {
                let stall = self.stall.get_or_insert_with(|| Stall {
                    limit: Box::pin(sleep(STALL_LIMIT)),
                    taken: 0,
                });
                ready!(stall.limit.as_mut().poll(cx));
                let detail = "it did not read the answer within 11 s";
                self.refused.note(Reason::SlowReader, self.peer, detail);
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncRead for PatientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for PatientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, parts);
        self.watch(cx, written)
    }

    /// Without it, each answer would be copied for each reader.
    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Everything is with the kernel.
        self.stall = None;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
