//! Refuses requests that a page of another site sends, and those of an address that does too much,
//! before anything else looks at them.
//!
//! Always: `/healthz` is answered under any name and without a limit; a refusal says which key of the configuration
//! decides, as JSON to programs and as text to a person who opens the page.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio_util::sync::CancellationToken;

use crate::access::{Access, Address, Refusal};
use crate::api::desk;
use crate::api::error::{ApiError, quoted};
use crate::connection::{Connection, Place, PlaceTable, Requester};
use crate::limits::changes::Changes;
use crate::limits::places::Holder;
use crate::refused_requests::{Reason, RefusedRequests};

/// What the checks of a request need to know.
#[derive(Clone)]
pub(crate) struct Guard {
    access: Arc<Access>,
    refused: Arc<RefusedRequests>,
    places: PlaceTable,
    changes: Arc<Mutex<Changes>>,
}

impl Guard {
    /// Limits the changes of each address to these.
    pub(crate) fn new(
        access: Arc<Access>,
        refused: Arc<RefusedRequests>,
        places: PlaceTable,
        changes: Changes,
    ) -> Self {
        Self {
            access,
            refused,
            places,
            changes: Arc::new(Mutex::new(changes)),
        }
    }

    /// Returns who sends the request, which has a place of its own if it comes through a proxy.
    fn requester(&self, peer: SocketAddr, address: SocketAddr) -> Result<Requester, ApiError> {
        if !self.access.is_proxy(peer.ip()) {
            return Ok(Requester {
                address,
                desk: None,
                place: None,
            });
        }
        let never = CancellationToken::new();
        match self.places.enter(address.ip(), Holder::Forwarded, &never) {
            Ok((place, _)) => Ok(Requester {
                address,
                desk: None,
                place: Some(place),
            }),
            Err(_full) => {
                let message = "this address has as many requests under way as \
                    max_connections_per_address in raa-server.toml allows";
                let code = "too_many_connections_of_address";
                let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, code, message);
                self.refused
                    .note(Reason::ConnectionsPerAddress, address, &error.message);
                Err(error.retry_after(Duration::from_secs(1)))
            }
        }
    }

    /// Counts a change.
    fn count_change(&self, address: SocketAddr) -> Result<(), ApiError> {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = changes.take(Address::from(address.ip()), Instant::now());
        drop(changes);
        taken.map_err(|wait| {
            let message = "this address makes more changes than changes_per_second and \
                changes_burst in raa-server.toml allow";
            self.refused
                .note(Reason::ChangesPerAddress, address, message);
            let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_changes", message);
            error.retry_after(wait)
        })
    }
}

/// Answers a request, or refuses it: by its headers `Host` and `Origin`, or because its address does
/// too much.
pub(super) async fn check(
    State(guard): State<Guard>,
    Extension(connection): Extension<Arc<Connection>>,
    mut request: Request,
    next: Next,
) -> Response {
    let busy = Busy::new(connection.clone());
    if request.uri().path() == "/healthz" {
        return busy.until_sent(next.run(request).await, None);
    }
    let peer = connection.peer;
    let (method, headers) = (request.method(), request.headers());
    let address = guard.access.requester(peer, headers);
    let checked = guard
        .access
        .check(peer.ip(), method, request.uri(), headers);
    if let Err(refusal) = checked {
        let (reason, error) = explained(&refusal);
        guard.refused.note(reason, address, &error.message);
        return refusal_for(&request, &refusal, error);
    }
    if !method.is_safe()
        && let Err(error) = guard.count_change(address)
    {
        return error.into_response();
    }
    let desk = match desk::of(method, headers) {
        Ok(desk) => desk,
        Err(error) => return error.into_response(),
    };
    let requester = match guard.requester(peer, address) {
        Ok(requester) => Requester { desk, ..requester },
        Err(error) => return error.into_response(),
    };
    let place = requester.place.clone();
    request.extensions_mut().insert(requester);
    busy.until_sent(next.run(request).await, place)
}

/// Keeps a connection from being taken for idle.
struct Busy(Arc<Connection>);

impl Busy {
    fn new(connection: Arc<Connection>) -> Self {
        connection.place.work();
        Self(connection)
    }

    /// Ends when the whole response is with the connection; keeps `place` until then.
    fn until_sent(self, response: Response, place: Option<Place>) -> Response {
        response.map(|body| {
            Body::new(Held {
                body,
                _until_sent: (self, place),
            })
        })
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.place.rest();
    }
}

/// A body that holds something until it is sent.
struct Held<T> {
    body: Body,
    _until_sent: T,
}

impl<T: Unpin> hyper::body::Body for Held<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn explained(refusal: &Refusal) -> (Reason, ApiError) {
    let forbidden = |code, message: String| ApiError::new(StatusCode::FORBIDDEN, code, message);
    match refusal {
        Refusal::Host(host) => {
            let host = quoted(host);
            let message = format!(
                "\"{host}\" is not a name of this server; use its IP address, or add the name to \
                 allowed_hosts in raa-server.toml"
            );
            (Reason::Host, forbidden("host_not_allowed", message))
        }
        Refusal::Origin(origin) => {
            let origin = quoted(origin);
            let message = format!(
                "pages of the origin \"{origin}\" may not do this; add it to allowed_origins in \
                 raa-server.toml, or let the reverse proxy pass on the header Host"
            );
            (Reason::Origin, forbidden("origin_not_allowed", message))
        }
    }
}

fn refusal_for(request: &Request, refusal: &Refusal, error: ApiError) -> Response {
    let path = request.uri().path();
    let is_page = request.method() == Method::GET && path != "/ws" && !path.starts_with("/api/");
    match refusal {
        Refusal::Host(host) if is_page => (error.status, page(host)).into_response(),
        _ => error.into_response(),
    }
}

/// The page under a name that is not the server's, which nothing of the real page may use.
fn page(host: &str) -> String {
    let name = host.rsplit_once(':').map_or(host, |(name, _port)| name);
    let (host, name) = (quoted(host), quoted(name));
    format!(
        "RAA is here, but \"{host}\" is not one of its names.\n\n\
         Open the page by the server's IP address instead. To use this name, write into\n\
         raa-server.toml on the server, and restart it:\n\n    \
         allowed_hosts = [\"{name}\"]\n\n\
         Other names are refused, because pages of other sites could use them to act for you.\n\n\n\
         RAA は動いていますが、\"{host}\" はこのサーバーの名前として登録されていません。\n\n\
         サーバーの IP アドレスで開いてください。この名前で使うには、サーバーの raa-server.toml に\n\
         上の allowed_hosts の行を書き、再起動します。登録のない名前を拒否するのは、ほかのサイトの\n\
         ページがあなたになりすまして操作するのを防ぐためです。\n"
    )
}
