//! `PATCH /api/clients`: makes the same change to many clients at once.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::body;
use super::desk::DeskHeader;
use super::error::{ApiError, ErrorBody};
use super::forget::client_id;
use super::model::{ClientBody, ClientList};
use super::patch::{self, ClientPatch};
use super::refusals::{NotStored, RefusedBody, RefusedChange};
use super::status::ServerFigures;
use crate::connection::Requester;
use crate::control::{Author, Change, Control};
use crate::id::ClientId;
use crate::watch::Watch;

/// Longest body in bytes.
const MAX_BODY: usize = 64 * 1024;

/// A change to many clients.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documentation: the fields are read by hand")]
pub(crate) struct SeveralPatch {
    /// Their ids, 1 to 1000.
    #[schema(value_type = Vec<ClientId>, min_items = 1, max_items = 1000, example = json!(["5f0a11c2"]))]
    ids: Vec<String>,
    /// The change to each of them; without `name`, because many clients can't have one name.
    change: ClientPatch,
}

/// Clients after a change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangedClientsBody<'a> {
    /// Those that exist, sorted by id.
    clients: Vec<ClientBody<'a>>,
    /// Ids of those that do not.
    #[schema(example = json!([]))]
    not_found: Vec<ClientId>,
    /// Time of the response on the server's clock, in ms since the server started.
    #[schema(example = 734_912)]
    now_ms: i64,
}

/// Set volume, mute, or the level from which they count as sounding, of many clients at once.
///
/// Clients that do not exist are left out. When the response is 200, the change to all others is audible and
/// survives a crash or power loss; with any other response, nothing has changed.
#[utoipa::path(
    patch, path = "/api/clients", tag = "clients",
    params(DeskHeader),
    request_body(content = SeveralPatch, description = "At most 65536 bytes"),
    responses(
        (status = 200, description = "The clients after the change", body = ChangedClientsBody),
        RefusedChange,
        RefusedBody,
        NotStored,
        (status = 409, description = "As many clients as possible have settings already (`max_configured_clients`)", body = ErrorBody),
    )
)]
pub(crate) async fn change(
    State(control): State<Control>,
    State(watch): State<Watch>,
    State(figures): State<ServerFigures>,
    Extension(requester): Extension<Requester>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    body::require_json(&headers)?;
    let (ids, change) = parse(&body::read(body, MAX_BODY).await?)?;
    let author = Author::of(&requester);
    let snapshot = control.change_all(ids.clone(), change, author).await?;
    let (known, not_found): (Vec<ClientId>, Vec<ClientId>) = ids
        .into_iter()
        .partition(|id| snapshot.client(id.0).is_some());
    let changed = ChangedClientsBody {
        clients: ClientList::with(&known, &snapshot, &watch).clients,
        not_found,
        now_ms: figures.clock().ms(snapshot.taken),
    };
    Ok(Json(changed).into_response())
}

/// Returns the clients, each once, and the change.
pub(super) fn parse(body: &[u8]) -> Result<(Vec<ClientId>, Change), ApiError> {
    let value = body::parse_json(body)?;
    let fields = body::fields("the body", &value, &["ids", "change"])?;
    let mut ids: Vec<ClientId> = Vec::new();
    for id in body::ids("ids", body::field(fields, "ids"), "client ids")? {
        let id = client_id("ids", id)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let change = body::field(fields, "change");
    let Value::Object(change) = change else {
        let allowed = "a JSON object with a change";
        return Err(body::wrong_type("change", change, allowed));
    };
    if change.contains_key("name") {
        let message = "change has the field name; many clients can't have one name";
        return Err(body::unprocessable("unknown_field", message.into()));
    }
    Ok((ids, patch::change(change)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_is_named_once() {
        let body = br#"{"ids":["00000002","00000001","00000002"],"change":{"muted":true}}"#;
        let (ids, change) = parse(body).unwrap();
        assert_eq!(ids, [ClientId(2), ClientId(1)]);
        assert_eq!(change.muted, Some(true));
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        let long = format!(
            r#"{{"ids":[{}"1"],"change":{{}}}}"#,
            r#""00000001","#.repeat(1000)
        );
        for (body, message) in [
            ("[]", "the body is []; it must be a JSON object"),
            (
                "{}",
                "ids is null; it must be a list of 1 to 1000 client ids",
            ),
            (r#"{"ids":[],"change":{}}"#, "ids has 0 items; it must be"),
            (&long, "ids has 1001 items; it must be"),
            (
                r#"{"ids":["x"],"change":{}}"#,
                "an item of ids is \"x\"; it must be 8",
            ),
            (
                r#"{"ids":["00000001"]}"#,
                "change is null; it must be a JSON object",
            ),
            (
                r#"{"ids":["00000001"],"change":{"volume":201}}"#,
                "volume is 201; it must be",
            ),
            (
                r#"{"ids":["00000001"],"change":{"name":"x"}}"#,
                "change has the field name",
            ),
            (
                r#"{"ids":["00000001"],"change":{},"x":1}"#,
                "\"x\" is unknown",
            ),
        ] {
            let error = parse(body.as_bytes()).expect_err(body);
            assert_eq!(error.status.as_u16(), 422, "{body}");
            assert!(error.message.contains(message), "{body}: {}", error.message);
        }
    }
}
