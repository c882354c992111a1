//! The HTTP side: the REST API, its description, the page, and the way to the WebSockets.
//!
//! Always: every refusal is JSON ([`error`]); bodies, headers, connections and waiting times are
//! bounded ([`serve`]).

mod clients;
pub(crate) mod error;
pub(crate) mod model;
mod openapi;
pub(crate) mod page;
pub(crate) mod patch;
pub(crate) mod serve;
pub(crate) mod status;
mod web;

use std::sync::Arc;

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, patch as patch_route};

use crate::app::App;
use crate::{events, listen};
use error::{ApiError, quoted};

/// The page needs its own files, WebAssembly for the decoder, and its own WebSockets. It may be
/// shown inside dashboards of other origins.
const CONTENT_SECURITY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
    connect-src 'self' ws: wss:; img-src 'self' data:; media-src 'self' blob:; frame-ancestors *";

/// All routes.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/api/clients", get(clients::list))
        .route(
            "/api/clients/{id}",
            patch_route(clients::change).delete(clients::forget),
        )
        .route("/api/status", get(status::status))
        .route("/api/events", get(events::events))
        .route("/api/openapi.json", get(openapi::description))
        .route("/healthz", get(status::healthz))
        .route("/ws", get(listen::listen))
        .fallback(web::file)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(map_response(add_headers))
        .with_state(app)
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    let (method, path) = (quoted(method.as_str()), quoted(uri.path()));
    let message = format!("{path} does not know the method {method}");
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        message,
    )
}

async fn add_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY),
    );
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
