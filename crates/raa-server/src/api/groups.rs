//! `/api/groups`: the groups of the room and the places in them.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use raa_core::settings::Name;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::body;
use super::error::{ApiError, ErrorBody, quoted};
use super::forget::client_id;
use crate::connection::Requester;
use crate::control::{Author, Control};
use crate::id::ClientId;
use crate::watch::Watch;
use crate::watch::groups::{Arrangement, MAX_GROUPS, WantedGroup};

/// Longest body in bytes: more ids than clients can be known, and 100 names.
const MAX_BODY: usize = 1024 * 1024;

/// The groups in their order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupsBody {
    /// Number of this arrangement.
    #[schema(example = 1_795_920_250_124_u64)]
    revision: u64,
    /// The groups.
    groups: Vec<GroupBody>,
}

/// One group.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupBody {
    /// Its id, which it keeps.
    #[schema(example = 1)]
    id: u32,
    /// Its name.
    #[schema(example = "Floor 1", max_length = 64)]
    name: String,
    /// Ids of its clients in the order of their places. Some may be unknown to the server at the moment.
    #[schema(value_type = Vec<String>, example = json!(["5f0a11c2"]))]
    clients: Vec<ClientId>,
}

/// The groups as they are to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documentation: the fields are read by hand")]
pub(crate) struct GroupsPut {
    /// Number of the arrangement that is replaced.
    revision: u64,
    /// The groups in their order, at most 100.
    #[schema(max_items = 100)]
    groups: Vec<GroupPut>,
}

/// One group as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documentation: the fields are read by hand")]
pub(crate) struct GroupPut {
    /// Its id; a new group has none.
    #[schema(required = false)]
    id: Option<u32>,
    /// Its name, 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64, example = "Floor 1")]
    name: String,
    /// Ids of its clients in the order of their places. Each client has one place at most.
    #[schema(example = json!(["5f0a11c2"]))]
    clients: Vec<String>,
}

impl GroupsBody {
    fn of(arrangement: &Arrangement) -> Self {
        let groups = arrangement.groups().iter().map(|group| GroupBody {
            id: group.id,
            name: group.name.as_str().to_owned(),
            clients: group.clients.iter().copied().map(ClientId).collect(),
        });
        Self {
            revision: arrangement.revision,
            groups: groups.collect(),
        }
    }
}

/// Read the groups and the places in them.
#[utoipa::path(
    get, path = "/api/groups", tag = "room",
    responses((status = 200, description = "The groups in their order", body = GroupsBody))
)]
pub(crate) async fn read(State(watch): State<Watch>) -> Json<GroupsBody> {
    Json(GroupsBody::of(&watch.groups()))
}

/// Replace the groups and the places in them.
///
/// Clients that no group has get no place. A client with a place counts as configured. When the response is
/// 200, the change survives a crash or power loss; with any other response, nothing has changed.
#[utoipa::path(
    put, path = "/api/groups", tag = "room",
    params(("X-Raa-Desk" = Option<String>, Header, description = "Name of the desk, percent-encoded")),
    request_body(content = GroupsPut, description = "At most 1048576 bytes"),
    responses(
        (status = 200, description = "The groups after the change", body = GroupsBody),
        (status = 400, description = "The body is not valid JSON", body = ErrorBody),
        (status = 403, description = "The host is not a name of this server, or a page of another site sends this", body = ErrorBody),
        (status = 408, description = "The body did not arrive within 10 s", body = ErrorBody),
        (status = 409, description = "Somebody else has changed the groups since, or as many clients as possible have settings already", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "The content type is not application/json", body = ErrorBody),
        (status = 422, description = "A field is missing, unknown, has the wrong type, or is out of range", body = ErrorBody),
        (status = 429, description = "The address makes too many changes; the header Retry-After says when to try again", body = ErrorBody),
        (status = 503, description = "The audio engine does not respond, or another program holds the database", body = ErrorBody),
        (status = 507, description = "The change cannot be stored: the disk is full or broken", body = ErrorBody),
    )
)]
pub(crate) async fn arrange(
    State(control): State<Control>,
    Extension(requester): Extension<Requester>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<GroupsBody>, ApiError> {
    body::require_json(&headers)?;
    let (revision, groups) = parse(&body::read(body, MAX_BODY).await?)?;
    let arrangement = control
        .arrange(revision, groups, Author::of(&requester))
        .await?;
    Ok(Json(GroupsBody::of(&arrangement)))
}

fn parse(body: &[u8]) -> Result<(u64, Vec<WantedGroup>), ApiError> {
    const GROUPS: &str = "a list of at most 100 groups";
    let value = body::parse_json(body)?;
    let fields = fields("the body", &value, &["revision", "groups"])?;
    let [revision, groups] =
        ["revision", "groups"].map(|field| fields.get(field).unwrap_or(&Value::Null));
    let revision = revision.as_u64().ok_or_else(|| {
        body::wrong_type(
            "revision",
            revision,
            "the revision of the groups that are replaced",
        )
    })?;
    let list = groups
        .as_array()
        .ok_or_else(|| body::wrong_type("groups", groups, GROUPS))?;
    if list.len() > MAX_GROUPS {
        let message = format!("groups has {} items; it must be {GROUPS}", list.len());
        return Err(body::unprocessable("value_out_of_range", message));
    }
    let mut seen = Seen::default();
    let groups = list.iter().map(|value| group(value, &mut seen));
    Ok((revision, groups.collect::<Result<_, _>>()?))
}

/// What may be in one group only.
#[derive(Default)]
struct Seen {
    groups: BTreeSet<u32>,
    clients: BTreeSet<u32>,
}

fn group(value: &Value, seen: &mut Seen) -> Result<WantedGroup, ApiError> {
    let fields = fields("an item of groups", value, &["id", "name", "clients"])?;
    let field = |name: &str| fields.get(name).unwrap_or(&Value::Null);
    let id = match field("id") {
        Value::Null => None,
        id => Some(group_id(id, seen)?),
    };
    let (name, clients) = (field("name"), field("clients"));
    let name = name
        .as_str()
        .ok_or_else(|| body::wrong_type("name", name, "a text of 1 to 64 characters"))?;
    let name = Name::new(name)
        .map_err(|error| body::unprocessable("value_out_of_range", error.to_string()))?;
    let list = clients
        .as_array()
        .ok_or_else(|| body::wrong_type("clients", clients, "a list of client ids"))?;
    let mut clients = Vec::new();
    for value in list {
        let client = client_id("clients", value)?;
        if !seen.clients.insert(client.0) {
            let message = format!("clients has {client} twice; a client has one place at most");
            return Err(body::unprocessable("value_out_of_range", message));
        }
        clients.push(client.0);
    }
    Ok(WantedGroup { id, name, clients })
}

fn group_id(value: &Value, seen: &mut Seen) -> Result<u32, ApiError> {
    let allowed = "the id of a group, or absent for a new one";
    let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
    let id = id.ok_or_else(|| body::wrong_type("id", value, allowed))?;
    if seen.groups.insert(id) {
        Ok(id)
    } else {
        let message = format!("groups has the id {id} twice; each group has its own");
        Err(body::unprocessable("value_out_of_range", message))
    }
}

/// Returns the fields of an object that has no others than these.
fn fields<'a>(
    what: &str,
    value: &'a Value,
    known: &[&str],
) -> Result<&'a Map<String, Value>, ApiError> {
    let names = known.join(", ");
    let Value::Object(fields) = value else {
        let allowed = format!("a JSON object with the fields {names}");
        return Err(body::wrong_type(what, value, &allowed));
    };
    if let Some(unknown) = fields.keys().find(|field| !known.contains(&field.as_str())) {
        let unknown = quoted(unknown);
        let message = format!("the field \"{unknown}\" is unknown; the known fields are {names}");
        return Err(body::unprocessable("unknown_field", message));
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrangement_is_read_in_its_order() {
        let body = r#"{"revision":7,"groups":[{"id":2,"name":" Floor 2 ","clients":["00000009"]},
            {"name":"階段","clients":[]}]}"#;
        let (revision, groups) = parse(body.as_bytes()).unwrap();
        assert_eq!(revision, 7);
        let read: Vec<_> = groups
            .iter()
            .map(|group| (group.id, group.name.as_str(), group.clients.as_slice()))
            .collect();
        assert_eq!(read, [(Some(2), "Floor 2", &[9][..]), (None, "階段", &[])]);
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        let group = |group: &str| format!(r#"{{"revision":1,"groups":[{group}]}}"#);
        let many = vec![r#"{"name":"a","clients":[]}"#; 101].join(",");
        for (body, message) in [
            ("[]".into(), "the body is []; it must be a JSON object"),
            (
                r#"{"groups":[]}"#.into(),
                "revision is null; it must be the revision",
            ),
            (
                r#"{"revision":1}"#.into(),
                "groups is null; it must be a list of at most 100",
            ),
            (group(&many), "groups has 101 items; it must be"),
            (
                group("7"),
                "an item of groups is 7; it must be a JSON object",
            ),
            (
                group(r#"{"name":"a","clients":[],"x":1}"#),
                "\"x\" is unknown",
            ),
            (
                group(r#"{"clients":[]}"#),
                "name is null; it must be a text",
            ),
            (
                group(r#"{"name":"\u200b","clients":[]}"#),
                "name has no visible character",
            ),
            (
                group(r#"{"name":"a"}"#),
                "clients is null; it must be a list",
            ),
            (
                group(r#"{"name":"a","clients":["x"]}"#),
                "an item of clients is \"x\"",
            ),
            (
                group(r#"{"name":"a","clients":["00000001","00000001"]}"#),
                "00000001 twice",
            ),
            (
                group(r#"{"id":-1,"name":"a","clients":[]}"#),
                "id is -1; it must be the id",
            ),
            (
                group(r#"{"id":1,"name":"a","clients":[]},{"id":1,"name":"b","clients":[]}"#),
                "the id 1 twice",
            ),
        ] {
            let error = parse(body.as_bytes()).expect_err(&body);
            assert_eq!(error.status.as_u16(), 422, "{body}");
            assert!(error.message.contains(message), "{body}: {}", error.message);
        }
    }
}
