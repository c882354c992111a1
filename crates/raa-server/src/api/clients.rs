//! `/api/clients`: lists the clients, and lets operators change and delete them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use utoipa::IntoParams;

use super::body;
use super::desk::DeskHeader;
use super::error::{ApiError, ErrorBody, quoted};
use super::model::{ChangedClientBody, ClientBody, ClientList};
use super::patch::{self, ClientPatch};
use super::refusals::{NotStored, RefusedBody, RefusedChange};
use super::shared_body::SharedBody;
use super::status::ServerFigures;
use crate::connection::Requester;
use crate::control::{Author, Control};
use crate::engine::{EngineHandle, Snapshot};
use crate::id::ClientId;
use crate::refused_requests::RefusedRequests;
use crate::watch::Watch;

/// Longest body in bytes, many times the longest sensible one.
const MAX_BODY: usize = 16 * 1024;

/// The list of all clients as JSON.
#[derive(Clone)]
pub(crate) struct SharedList(Arc<SharedBody>);

impl SharedList {
    pub(crate) fn new(refused: Arc<RefusedRequests>, watch: Watch) -> Self {
        // Serialising plain structs with text keys does not fail.
        let json = move |snapshot: &Arc<Snapshot>| {
            serde_json::to_vec(&ClientList::of(snapshot, &watch)).unwrap_or_default()
        };
        Self(Arc::new(SharedBody::new("application/json", refused, json)))
    }
}

/// The choice of clients.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Clients with exactly this name; without it, all.
    #[param(example = "Ward 3")]
    name: Option<String>,
}

/// List the clients: those that send, and those that are remembered.
#[utoipa::path(
    get, path = "/api/clients", tag = "clients", params(ListQuery),
    responses(
        (status = 200, description = "All clients, or those with the name", body = ClientList),
        (status = 422, description = "The parameter can't be read", body = ErrorBody),
    )
)]
pub(crate) async fn list(
    State(engine): State<EngineHandle>,
    State(list): State<SharedList>,
    State(watch): State<Watch>,
    Extension(requester): Extension<Requester>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let snapshot = engine.snapshot();
    let Query(query) = query.map_err(|rejection| invalid_query(&rejection))?;
    let Some(name) = query.name else {
        return Ok(list.0.response(&snapshot, requester.address));
    };
    let named = ClientList::named(&name, &snapshot, &watch);
    Ok(Json(named).into_response())
}

/// Refuses a query that can't be read.
pub(super) fn invalid_query(rejection: &QueryRejection) -> ApiError {
    let message = format!(
        "the query is not understood: {}",
        quoted(&rejection.body_text())
    );
    body::unprocessable("invalid_query", message)
}

/// Read one client.
#[utoipa::path(
    get, path = "/api/clients/{id}", tag = "clients",
    params(("id" = ClientId, Path, description = "Client id: 8 hexadecimal digits in lower or upper case, or bgmtest0")),
    responses(
        (status = 200, description = "The client", body = ClientBody),
        (status = 404, description = "There is no such client", body = ErrorBody),
    )
)]
pub(crate) async fn read(
    State(engine): State<EngineHandle>,
    State(watch): State<Watch>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let (id, snapshot) = (client_id(id)?, engine.snapshot());
    Ok(Json(body_of(id, &snapshot, &watch)?).into_response())
}

/// Set a client's name, volume, mute, or the level from which it counts as sounding.
///
/// Fields that are left out keep their values; an empty object changes nothing. When the response
/// is 200, the change is audible within a slot of 20 ms and survives a crash or power loss; with
/// any other response, nothing has changed. The content type must be `application/json`, so that
/// pages of other origins cannot send the request from an operator's browser.
#[utoipa::path(
    patch, path = "/api/clients/{id}", tag = "clients",
    params(DeskHeader, ("id" = ClientId, Path, description = "Client id: 8 hexadecimal digits in lower or upper case, or bgmtest0")),
    request_body(content = ClientPatch, description = "At most 16384 bytes"),
    responses(
        (status = 200, description = "The client after the change", body = ChangedClientBody),
        RefusedChange,
        RefusedBody,
        NotStored,
        (status = 404, description = "There is no such client", body = ErrorBody),
        (status = 409, description = "As many clients as possible have settings already (`max_configured_clients`)", body = ErrorBody),
    )
)]
pub(crate) async fn change(
    State(control): State<Control>,
    State(watch): State<Watch>,
    State(figures): State<ServerFigures>,
    Extension(requester): Extension<Requester>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let id = client_id(id)?;
    body::require_json(&headers)?;
    let change = patch::parse(&body::read(body, MAX_BODY).await?)?;
    let snapshot = control.change(id, change, Author::of(&requester)).await?;
    changed(id, &snapshot, &watch, &figures)
}

/// Delete an offline client and its settings.
#[utoipa::path(
    delete, path = "/api/clients/{id}", tag = "clients",
    params(DeskHeader, ("id" = ClientId, Path, description = "Client id: 8 hexadecimal digits in lower or upper case, or bgmtest0")),
    responses(
        (status = 204, description = "The client is deleted"),
        RefusedChange,
        NotStored,
        (status = 404, description = "There is no such client", body = ErrorBody),
        (status = 409, description = "The client is connected", body = ErrorBody),
    )
)]
pub(crate) async fn forget(
    State(control): State<Control>,
    Extension(requester): Extension<Requester>,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    control
        .forget(client_id(id)?, Author::of(&requester))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Returns the response after a change.
pub(super) fn changed(
    id: ClientId,
    snapshot: &Snapshot,
    watch: &Watch,
    figures: &ServerFigures,
) -> Result<Response, ApiError> {
    let changed = ChangedClientBody {
        client: body_of(id, snapshot, watch)?,
        now_ms: figures.clock().ms(snapshot.taken),
    };
    Ok(Json(changed).into_response())
}

fn body_of<'a>(
    id: ClientId,
    snapshot: &'a Snapshot,
    watch: &Watch,
) -> Result<ClientBody<'a>, ApiError> {
    let client = snapshot
        .client(id.0)
        .ok_or_else(|| unknown(&id.to_string()))?;
    let age = snapshot.taken.elapsed();
    Ok(ClientBody::of(client, watch.details(client.ssrc), age))
}

pub(super) fn client_id(id: Result<Path<String>, PathRejection>) -> Result<ClientId, ApiError> {
    let Path(text) = id.map_err(|reason| ApiError::not_found(reason.body_text()))?;
    text.parse().map_err(|_| unknown(&text))
}

pub(super) fn unknown(id: &str) -> ApiError {
    ApiError::not_found(format!("there is no client with the id {}", quoted(id)))
}
