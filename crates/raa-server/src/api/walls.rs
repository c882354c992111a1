//! `DELETE /api/walls/{id}`: takes a wall that is gone out of the list.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::desk::DeskHeader;
use super::error::{ApiError, ErrorBody, quoted};
use super::refusals::RefusedChange;
use crate::watch::Watch;
use crate::watch::walls::NotRemoved;

/// Take a wall that is gone out of the list.
///
/// A wall reports by the WebSocket of `/api/events` whether it plays. When that ends, it stays in the list
/// as `gone` for a day, or until a wall with its name is back.
#[utoipa::path(
    delete, path = "/api/walls/{id}", tag = "room",
    params(DeskHeader, ("id" = u32, Path, description = "Id of the wall in the events")),
    responses(
        (status = 204, description = "The wall is not listed any more"),
        RefusedChange,
        (status = 404, description = "There is no such wall", body = ErrorBody),
        (status = 409, description = "The wall is connected", body = ErrorBody),
    )
)]
pub(crate) async fn forget(
    State(watch): State<Watch>,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    let Path(text) = id.map_err(|reason| ApiError::not_found(reason.body_text()))?;
    let unknown = || ApiError::not_found(format!("there is no wall with the id {}", quoted(&text)));
    let id = text.parse().map_err(|_invalid| unknown())?;
    watch.remove_wall(id).map_err(|reason| match reason {
        NotRemoved::Unknown => unknown(),
        NotRemoved::Connected => {
            let message =
                format!("wall {id} is connected; only walls that are gone can be removed");
            ApiError::new(StatusCode::CONFLICT, "wall_connected", message)
        }
    })?;
    Ok(StatusCode::NO_CONTENT)
}
