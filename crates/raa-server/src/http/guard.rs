//! Refuses requests that a page of another site sends, before anything else looks at them.
//!
//! Always: `/healthz` is answered under any name; a refusal says which key of the configuration
//! decides, as JSON to programs and as text to a person who opens the page.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::access::{Access, Refusal};
use crate::api::error::{ApiError, quoted};
use crate::connection::{Connection, Requester};
use crate::refused_requests::{Reason, RefusedRequests};

/// Answers a request, or refuses it by its headers `Host` and `Origin`.
pub(super) async fn check(
    State(access): State<Arc<Access>>,
    State(refused): State<Arc<RefusedRequests>>,
    Extension(connection): Extension<Arc<Connection>>,
    mut request: Request,
    next: Next,
) -> Response {
    let (peer, headers) = (connection.peer, request.headers());
    let requester = access.requester(peer, headers);
    let checked = access.check(peer.ip(), request.method(), request.uri(), headers);
    match checked {
        Err(refusal) if request.uri().path() != "/healthz" => {
            let (reason, error) = explained(&refusal);
            refused.note(reason, requester, &error.message);
            refusal_for(&request, &refusal, error)
        }
        _ => {
            request.extensions_mut().insert(Requester(requester));
            next.run(request).await
        }
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
