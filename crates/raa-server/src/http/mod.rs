//! HTTP, the topmost layer: accepts connections and routes requests to the API, the page and the
//! WebSockets.
//!
//! Always: every error is JSON (`api::error`), except for the page under a foreign name; headers,
//! connections and waiting times are bounded ([`accept`]); pages of other sites change nothing
//! ([`guard`]).

pub(crate) mod accept;
mod excess;
pub(crate) mod guard;
mod openapi;
pub(crate) mod page;
mod web;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRef, Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Uri};
use axum::middleware::{from_fn_with_state, map_response_with_state};
use axum::response::{Redirect, Response};
use axum::routing::{delete, get, post};
use tokio_util::task::TaskTracker;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::access::Access;
use crate::api::clients::SharedList;
use crate::api::error::ApiError;
use crate::api::log::LogTexts;
use crate::api::status::ServerFigures;
use crate::api::{
    clients, desk, forget, groups, listen, log, refused, sdp, several, status, walls,
};
use crate::control::Control;
use crate::engine::EngineHandle;
use crate::live::{self, Live};
use crate::metrics::{self, Metrics};
use crate::outputs::ws::fanout::Fanout;
use crate::refused_requests::RefusedRequests;
use crate::watch::Watch;
use guard::Guard;
use page::Page;

/// Allows the page its own files, WebAssembly for the decoder, and its own WebSockets. The allowed
/// origins follow, whose pages may show it in a frame.
const CONTENT_SECURITY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
    connect-src 'self' ws: wss:; img-src 'self' data:; media-src 'self' blob:; frame-ancestors 'self'";

/// How long a browser may remember what a page of an allowed origin may send.
const PREFLIGHT_AGE: Duration = Duration::from_secs(600);

/// The parts of the server that handlers can take as their state.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) engine: EngineHandle,
    pub(crate) control: Control,
    pub(crate) watch: Watch,
    pub(crate) figures: ServerFigures,
    pub(crate) live: Live,
    pub(crate) fanout: Arc<Fanout>,
    pub(crate) page: Arc<Page>,
    pub(crate) refused: Arc<RefusedRequests>,
    pub(crate) list: SharedList,
    pub(crate) log_texts: LogTexts,
    pub(crate) metrics: Metrics,
    /// The tasks of all connections, which the server waits for when it stops.
    pub(crate) connections: TaskTracker,
}

/// Lets handlers take the given fields of [`App`] as their state.
macro_rules! parts {
    ($($field:ident: $part:ty),* $(,)?) => {$(
        impl FromRef<App> for $part {
            fn from_ref(app: &App) -> Self {
                app.$field.clone()
            }
        }
    )*};
}

parts! {
    engine: EngineHandle,
    control: Control,
    watch: Watch,
    figures: ServerFigures,
    live: Live,
    fanout: Arc<Fanout>,
    page: Arc<Page>,
    refused: Arc<RefusedRequests>,
    list: SharedList,
    log_texts: LogTexts,
    metrics: Metrics,
    connections: TaskTracker,
}

/// Builds the router with all routes, which are there below `base_path`, too. A reverse proxy may strip that
/// path or not: the page's own addresses are relative.
pub(crate) fn router(app: App, guard: Guard, access: &Arc<Access>, base_path: &str) -> Router {
    let routes = routes(app, guard, access);
    if base_path.is_empty() {
        return routes;
    }
    let folder = format!("{base_path}/");
    let to_folder = Redirect::temporary(&folder);
    Router::new()
        .route(base_path, get(async move || to_folder))
        .nest(&folder, routes.clone())
        .fallback_service(routes)
}

fn routes(app: App, guard: Guard, access: &Arc<Access>) -> Router {
    let content_security = content_security(access);
    Router::new()
        .route("/api/clients", get(clients::list).patch(several::change))
        .route("/api/clients/forget", post(forget::forget))
        .route(
            "/api/clients/{id}",
            get(client).patch(clients::change).delete(clients::forget),
        )
        .route("/api/groups", get(groups::read).put(groups::arrange))
        .route("/api/log", get(log::read))
        .route("/api/log/seen", post(log::see))
        .route("/api/log/{id}/undo", post(log::undo))
        .route("/api/walls/{id}", delete(walls::forget))
        .route("/api/status", get(status::status))
        .route("/api/refused", get(refused::refused))
        .route("/api/events", get(live::events))
        .route("/api/openapi.json", get(openapi::description))
        .route("/healthz", get(status::healthz))
        .route("/metrics", get(metrics::read))
        .route("/ws", get(listen::listen))
        .fallback(web::file)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(guard, guard::check))
        .layer(other_origins(access.clone()))
        .layer(map_response_with_state(content_security, add_headers))
        .with_state(app)
}

/// Lets the pages of allowed origins read every answer, refusals included (CORS, in the Fetch standard).
fn other_origins(access: Arc<Access>) -> CorsLayer {
    let may_read = move |origin: &HeaderValue, _: &Parts| access.may_read(origin);
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(may_read))
        .allow_methods([
            Method::GET,
            Method::PATCH,
            Method::POST,
            Method::PUT,
            Method::DELETE,
        ])
        .allow_headers([CONTENT_TYPE, desk::HEADER])
        .expose_headers([RETRY_AFTER])
        .max_age(PREFLIGHT_AGE)
}

/// Both paths end with what the router takes for the id.
async fn client(
    engine: State<EngineHandle>,
    watch: State<Watch>,
    uri: Uri,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    match id {
        Ok(Path(id)) if id.ends_with(sdp::SUFFIX) => sdp::describe(engine, uri, Path(id)).await,
        id => clients::read(engine, watch, id).await,
    }
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    ApiError::method_not_allowed(&method, &uri)
}

fn content_security(access: &Access) -> HeaderValue {
    let mut text = CONTENT_SECURITY.to_owned();
    for origin in access.origins() {
        text.push(' ');
        text.push_str(&origin.to_string());
    }
    // An origin consists of characters that are allowed in a header.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(CONTENT_SECURITY))
}

async fn add_headers(
    State(content_security): State<HeaderValue>,
    mut response: Response,
) -> Response {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CONTENT_SECURITY_POLICY, content_security);
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
