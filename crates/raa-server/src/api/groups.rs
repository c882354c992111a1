//! `/api/groups`: the groups of the room and the places in them.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use raa_core::settings::Name;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::body;
use super::desk::DeskHeader;
use super::error::{ApiError, ErrorBody};
use super::forget::client_id;
use super::refusals::{NotStored, RefusedBody, RefusedChange};
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
    #[schema(example = json!(["5f0a11c2"]))]
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
    #[schema(value_type = Vec<ClientId>, example = json!(["5f0a11c2"]))]
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
    params(DeskHeader),
    request_body(content = GroupsPut, description = "At most 1048576 bytes"),
    responses(
        (status = 200, description = "The groups after the change", body = GroupsBody),
        RefusedChange,
        RefusedBody,
        NotStored,
        (status = 409, description = "Somebody else has changed the groups since, or as many clients as possible have settings already", body = ErrorBody),
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

pub(super) fn parse(body: &[u8]) -> Result<(u64, Vec<WantedGroup>), ApiError> {
    const REVISION: &str = "the revision of the groups that are replaced";
    let value = body::parse_json(body)?;
    let fields = body::fields("the body", &value, &["revision", "groups"])?;
    let revision = body::field(fields, "revision");
    let revision =
        body::whole(revision).ok_or_else(|| body::wrong_type("revision", revision, REVISION))?;
    let allowed = format!("a list of at most {MAX_GROUPS} groups");
    let list = body::list(
        "groups",
        body::field(fields, "groups"),
        &allowed,
        MAX_GROUPS,
    )?;
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
    let fields = body::fields("an item of groups", value, &["id", "name", "clients"])?;
    let id = match body::field(fields, "id") {
        Value::Null => None,
        id => Some(group_id(id, seen)?),
    };
    let name = body::field(fields, "name");
    let name = name
        .as_str()
        .ok_or_else(|| body::wrong_type("name", name, "a text of 1 to 64 characters"))?;
    let name = Name::new(name)
        .map_err(|error| body::unprocessable("value_out_of_range", error.to_string()))?;
    let list = body::field(fields, "clients");
    let list = body::list("clients", list, "a list of client ids", usize::MAX)?;
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
    let id = body::whole(value).and_then(|id| u32::try_from(id).ok());
    let id = id.ok_or_else(|| body::wrong_type("id", value, allowed))?;
    if seen.groups.insert(id) {
        Ok(id)
    } else {
        let message = format!("groups has the id {id} twice; each group has its own");
        Err(body::unprocessable("value_out_of_range", message))
    }
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
