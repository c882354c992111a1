//! `/api/openapi.json`: the API's description, generated from its code.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use bytes::Bytes;
use utoipa::OpenApi;

use crate::api::{clients, forget, groups, listen, log, refused, sdp, several, status, walls};
use crate::{live, metrics};

/// RAA (Remote Audio Aggregation) mixes the audio of many computers.
///
/// All paths are relative, because a proxy may add a path prefix. Every response other than 2xx is an
/// `ErrorBody`, including those to unknown paths (404) and methods (405).
#[derive(OpenApi)]
#[openapi(
    paths(
        clients::list,
        clients::read,
        sdp::describe,
        clients::change,
        clients::forget,
        several::change,
        forget::forget,
        log::read,
        log::see,
        log::undo,
        groups::read,
        groups::arrange,
        walls::forget,
        refused::refused,
        status::status,
        status::healthz,
        live::events,
        listen::listen,
        metrics::read,
        description,
    ),
    components(schemas(
        live::ChangesMessage,
        live::ClientRow,
        live::LevelsMessage,
        live::LogMessage,
        live::AllPeaksMessage,
        live::PeaksMessage,
        live::PageMessage,
        live::RefusedMessage,
        live::ServerRow
    )),
    info(title = "RAA server", license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")),
    tags(
        (name = "clients", description = "The computers that send their audio"),
        (name = "room", description = "What happened in the room, and how it is arranged"),
        (name = "listening", description = "The mix"),
        (name = "server", description = "The server itself"),
    )
)]
struct Description;

static DESCRIPTION: LazyLock<Bytes> = LazyLock::new(|| {
    Description::openapi()
        .to_pretty_json()
        .unwrap_or_default()
        .into()
});

/// Read this description (OpenAPI).
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "server",
    responses((status = 200, description = "The OpenAPI description", content_type = "application/json"))
)]
pub(super) async fn description() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DESCRIPTION.clone())
}
