//! Accepts connections and serves HTTP/1.1 on them, with limits.
//!
//! Uses hyper directly, because axum's own server limits neither the number of connections nor the
//! time for headers. Always: a slow or silent client takes one of a bounded number of connections of its
//! address, for a bounded time; when file descriptors run out, accepting pauses and nothing ends.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service as _;
use tracing::{debug, warn};

use super::excess::Excess;
use crate::access::Access;
use crate::connection::{Connection, PatientStream, PlaceTable, canonical};
use crate::engine::EngineHandle;
use crate::limits::places::{Full, Holder};
use crate::rate_limit::RateLimit;
use crate::refused_requests::{Reason, RefusedRequests};

/// Limit of simultaneous connections; a page that plays has two.
pub(crate) const MAX_CONNECTIONS: usize = 8192;
/// Longest wait for the headers of a request, and thus for the next request on an idle connection.
/// A reverse proxy keeps idle connections in a pool, and a request that meets the server's close
/// becomes its error 502. So the proxy must close first: nginx after 60 s, Go and Traefik after 90 s,
/// Caddy after 120 s.
const HEADER_LIMIT: Duration = Duration::from_secs(150);
/// Limit of buffered headers and body, in bytes.
const MAX_BUFFER: usize = 32 * 1024;
/// Time after which a peer that acknowledges nothing is considered gone.
const PEER_LIMIT: Duration = Duration::from_secs(20);
/// Limit of unsent bytes in the kernel: half a second of the mix. More would only be old audio for a
/// slow listener.
const UNSENT_BYTES: u32 = 4096;
/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time between two warnings.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// What accepting needs to know.
pub(crate) struct Gate {
    pub(crate) places: PlaceTable,
    pub(crate) access: Arc<Access>,
    pub(crate) refused: Arc<RefusedRequests>,
    pub(crate) engine: EngineHandle,
}

impl Gate {
    /// Gives a connection its place.
    fn admit(&self, peer: SocketAddr) -> Result<Connection, Full> {
        let holder = if self.access.is_proxy(peer.ip()) {
            Holder::Proxy
        } else {
            Holder::Direct
        };
        let closing = CancellationToken::new();
        let (place, has_closed) = self.places.enter(peer.ip(), holder, &closing)?;
        if has_closed {
            let detail = "an idle connection made room for this one";
            self.refused
                .note(Reason::ConnectionsPerAddress, peer, detail);
        }
        Ok(Connection::new(peer, place, closing))
    }
}

/// Serves until `stop`. The connections' tasks are in `tracker` and end soon afterwards.
pub(crate) async fn run(
    listener: TcpListener,
    router: Router,
    gate: Gate,
    stop: CancellationToken,
    tracker: TaskTracker,
) {
    let mut excess = Excess::new(gate.engine.clone());
    let mut warnings = RateLimit::new(1, WARN_EVERY);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => match gate.admit(canonical(peer)) {
                Ok(connection) => {
                    let stream = PatientStream::new(stream, connection.peer, gate.refused.clone());
                    let connection = Arc::new(connection);
                    tracker.spawn(serve(stream, connection, router.clone(), stop.clone()));
                }
                Err(full) => {
                    let (reason, detail) = match full {
                        Full::Address => (
                            Reason::ConnectionsPerAddress,
                            "the address has max_connections_per_address connections",
                        ),
                        Full::Server => (Reason::Connections, "all connections are taken"),
                    };
                    gate.refused.note(reason, canonical(peer), detail);
                    excess.answer(stream, full);
                }
            },
            Err(error) if is_caused_by_peer(&error) => {}
            Err(error) => {
                warn_rarely(
                    &mut warnings,
                    &format!("cannot accept connections: {error}"),
                );
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(
    stream: PatientStream,
    connection: Arc<Connection>,
    router: Router,
    stop: CancellationToken,
) {
    if let Err(error) = stream.tune(tune) {
        debug!(peer = %connection.peer, %error, "a connection was lost at once");
        return;
    }
    let closing = connection.closing.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        let answer = router.clone().call(request);
        async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_LIMIT)
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut served = pin!(served);
    // Errors come from the client: a broken connection, invalid HTTP, or missing headers.
    tokio::select! {
        _ = served.as_mut() => return,
        () = closing.cancelled() => return,
        () = stop.cancelled() => served.as_mut().graceful_shutdown(),
    }
    let _ = served.await;
}

fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    socket.set_tcp_user_timeout(Some(PEER_LIMIT))
}

fn is_caused_by_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// Warns at most once per [`WARN_EVERY`]; the field `suppressed` counts the warnings left out since
/// the last one.
fn warn_rarely(limit: &mut RateLimit, reason: &str) {
    let now = Instant::now();
    if limit.permits(now) {
        let suppressed = limit.take_suppressed(now);
        warn!(suppressed, "{reason}");
    }
}
