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
use super::error::{ApiError, ErrorBody, quoted};
use super::forget::client_id;
use super::model::{ClientBody, ClientList};
use super::patch::{self, ClientPatch};
use super::status::ServerFigures;
use crate::connection::Requester;
use crate::control::{Author, Change, Control};
use crate::id::ClientId;
use crate::watch::Watch;

/// Longest body in bytes.
const MAX_BODY: usize = 64 * 1024;
/// The most clients in one request.
const MAX_IDS: usize = 1000;

/// A change to many clients.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documentation: the fields are read by hand")]
pub(crate) struct SeveralPatch {
    /// Their ids, 1 to 1000.
    #[schema(min_items = 1, max_items = 1000, example = json!(["5f0a11c2"]))]
    ids: Vec<String>,
    /// The change to each of them; without `name`.
    change: ClientPatch,
}

/// Clients after a change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangedClientsBody<'a> {
    /// Those that exist, sorted by id.
    clients: Vec<ClientBody<'a>>,
    /// Ids of those that do not.
    #[schema(value_type = Vec<String>, example = json!([]))]
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
    params(("X-Raa-Desk" = Option<String>, Header, description = "Name of the desk, percent-encoded")),
    request_body(content = SeveralPatch, description = "At most 65536 bytes"),
    responses(
        (status = 200, description = "The clients after the change", body = ChangedClientsBody),
        (status = 400, description = "The body is not valid JSON", body = ErrorBody),
        (status = 403, description = "The host is not a name of this server, or a page of another site sends this", body = ErrorBody),
        (status = 408, description = "The body did not arrive within 10 s", body = ErrorBody),
        (status = 409, description = "As many clients as possible have settings already (`max_configured_clients`)", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "The content type is not application/json", body = ErrorBody),
        (status = 422, description = "A field is missing, unknown, has the wrong type, or is out of range", body = ErrorBody),
        (status = 429, description = "The address makes too many changes; the header Retry-After says when to try again", body = ErrorBody),
        (status = 503, description = "The audio engine does not respond, or another program holds the database", body = ErrorBody),
        (status = 507, description = "The change cannot be stored: the disk is full or broken", body = ErrorBody),
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
fn parse(body: &[u8]) -> Result<(Vec<ClientId>, Change), ApiError> {
    const IDS: &str = "a list of 1 to 1000 client ids";
    let value = body::parse_json(body)?;
    let Value::Object(fields) = &value else {
        let allowed = "a JSON object with the fields ids and change";
        return Err(body::wrong_type("the body", &value, allowed));
    };
    let is_known = |field: &&String| ["ids", "change"].contains(&field.as_str());
    if let Some(unknown) = fields.keys().find(|field| !is_known(field)) {
        let unknown = quoted(unknown);
        let message =
            format!("the field \"{unknown}\" is unknown; the known fields are ids and change");
        return Err(body::unprocessable("unknown_field", message));
    }
    let [ids, change] = ["ids", "change"].map(|field| fields.get(field).unwrap_or(&Value::Null));
    let list = ids
        .as_array()
        .ok_or_else(|| body::wrong_type("ids", ids, IDS))?;
    if !(1..=MAX_IDS).contains(&list.len()) {
        let message = format!("ids has {} items; it must be {IDS}", list.len());
        return Err(body::unprocessable("value_out_of_range", message));
    }
    let mut ids: Vec<ClientId> = Vec::new();
    for id in list {
        let id = client_id("ids", id)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let Value::Object(change) = change else {
        return Err(body::wrong_type(
            "change",
            change,
            "a JSON object with a change",
        ));
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
