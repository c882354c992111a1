//! `/api/log`: what happened, for pages, people and programs; marks sounds as seen, and undoes changes.
//!
//! Always: an answer is bounded in length, and all answers that are being read are bounded together; a
//! disk that does not answer in time leaves the newest entries, which are in memory.

mod csv;
mod query;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::timeout;
use tracing::debug;
use utoipa::ToSchema;

use super::body;
use super::clients::{changed, invalid_query};
use super::desk::DeskHeader;
use super::error::{ApiError, ErrorBody, quoted};
use super::model::ChangedClientBody;
use super::refusals::{NotStored, RefusedBody, RefusedChange};
use super::status::ServerFigures;
use super::texts::Texts;
use crate::connection::Requester;
use crate::control::{Author, Control};
use crate::refused_requests::RefusedRequests;
use crate::store::log::Seen;
use crate::watch::entry::Entry;
use crate::watch::{Watch, unix_now_ms};
use query::{Format, LogQuery};

/// Longest wait for the disk.
const DISK_LIMIT: Duration = Duration::from_secs(2);
/// Longest body in bytes: 1000 ids.
const MAX_BODY: usize = 32 * 1024;

/// The answers that are being read.
#[derive(Clone)]
pub(crate) struct LogTexts(Arc<Texts>);

impl LogTexts {
    pub(crate) fn new(refused: Arc<RefusedRequests>) -> Self {
        Self(Arc::new(Texts::new(refused)))
    }

    fn response(&self, text: &[u8], content_type: &'static str, reader: SocketAddr) -> Response {
        let text = self.0.keep(text);
        self.0.response(&text, content_type, reader)
    }
}

/// Entries of the log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogBody {
    /// The entries, the newest first.
    entries: Vec<Entry>,
    /// The value of `before` for the entries that follow; null if there are none.
    #[schema(example = 612)]
    next_before: Option<u64>,
    /// Whether the disk did not answer, so that these are only the newest entries, from memory.
    from_memory: bool,
    /// The present Unix time in ms.
    #[schema(example = 1_795_920_250_123_i64)]
    now_ms: i64,
}

/// Read what happened: sounds, connections, and who changed what.
///
/// The newest entries come first. As CSV (RFC 4180, UTF-8, with a header line) times are those of RFC 3339,
/// and a text that a spreadsheet would take for a formula begins with an apostrophe.
#[utoipa::path(
    get, path = "/api/log", tag = "room", params(LogQuery),
    responses(
        (status = 200, description = "The entries", content((LogBody = "application/json"), (String = "text/csv"))),
        (status = 422, description = "A parameter is unknown, or its value is not allowed", body = ErrorBody),
    )
)]
pub(crate) async fn read(
    State(control): State<Control>,
    State(watch): State<Watch>,
    State(texts): State<LogTexts>,
    Extension(requester): Extension<Requester>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(fields) = query.map_err(|rejection| invalid_query(&rejection))?;
    let (query, format) = query::parse(&fields)?;
    let read = timeout(
        DISK_LIMIT,
        control.read_log(query.clone(), requester.address.ip()),
    )
    .await;
    let (entries, from_memory) = match read {
        Ok(Ok(entries)) => (entries, false),
        failed => {
            debug!(?failed, "the log is read from memory");
            let newest = watch.newest(usize::MAX).into_iter().rev();
            let asked = newest
                .filter(|entry| query.matches(entry))
                .take(query.limit);
            (asked.collect(), true)
        }
    };
    if format == Format::Csv {
        let text = csv::text(&entries);
        return Ok(texts.response(&text, "text/csv; charset=utf-8", requester.address));
    }
    let is_full = entries.len() == query.limit;
    let body = LogBody {
        next_before: entries.last().filter(|_| is_full).map(|entry| entry.id),
        entries,
        from_memory,
        now_ms: unix_now_ms(),
    };
    // Serialising plain structs with text keys does not fail.
    let text = serde_json::to_vec(&body).unwrap_or_default();
    Ok(texts.response(&text, "application/json", requester.address))
}

/// The sounds that are seen: either `ids` or `until`.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "documentation: the fields are read by hand")]
pub(crate) enum SeenPost {
    Some(SeenIds),
    Until(SeenUntil),
}

/// Some sounds.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documentation: the fields are read by hand")]
pub(crate) struct SeenIds {
    /// Ids of entries of the kind `sound`, 1 to 1000.
    #[schema(min_items = 1, max_items = 1000, example = json!([812]))]
    ids: Vec<u64>,
}

/// All sounds up to one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documentation: the fields are read by hand")]
pub(crate) struct SeenUntil {
    /// All sounds with ids up to this one; the newest 1000 that nobody has seen.
    #[schema(example = 812)]
    until: u64,
}

/// The sounds that are seen now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SeenBody {
    /// Ids of those that nobody had seen before.
    #[schema(example = json!([812]))]
    seen: Vec<u64>,
}

/// Mark sounds as seen, for everyone.
///
/// Entries that somebody has seen already, and those that are no sounds, stay as they are. When the response
/// is 200, the marks survive a crash or power loss.
#[utoipa::path(
    post, path = "/api/log/seen", tag = "room",
    params(DeskHeader),
    request_body(content = SeenPost, description = "At most 32768 bytes"),
    responses(
        (status = 200, description = "The sounds are seen", body = SeenBody),
        RefusedChange,
        RefusedBody,
        NotStored,
    )
)]
pub(crate) async fn see(
    State(control): State<Control>,
    Extension(requester): Extension<Requester>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SeenBody>, ApiError> {
    body::require_json(&headers)?;
    let seen = parse(&body::read(body, MAX_BODY).await?)?;
    let seen = control.see(seen, Author::of(&requester)).await?;
    Ok(Json(SeenBody { seen }))
}

/// Undo a change: give back the exact former value.
///
/// Entries of the kinds `muted`, `unmuted`, `volume`, `name` and `sounding_from` can be undone, as long as
/// nobody has changed the same again. A mute gets its old end back; if that is over, the client is not
/// muted. The content type must be `application/json`; the body is ignored.
#[utoipa::path(
    post, path = "/api/log/{id}/undo", tag = "room",
    params(
        ("id" = u64, Path, description = "Id of the entry"),
        DeskHeader,
    ),
    request_body(content = Value, content_type = "application/json", description = "Anything; it is ignored"),
    responses(
        (status = 200, description = "The client after the change", body = ChangedClientBody),
        RefusedChange,
        NotStored,
        (status = 415, description = "The content type is not application/json", body = ErrorBody),
        (status = 404, description = "There is no such entry, or its client no longer exists", body = ErrorBody),
        (status = 409, description = "It has been undone, or somebody has changed the same again", body = ErrorBody),
        (status = 422, description = "Entries of this kind can't be undone", body = ErrorBody),
    )
)]
pub(crate) async fn undo(
    State(control): State<Control>,
    State(watch): State<Watch>,
    State(figures): State<ServerFigures>,
    Extension(requester): Extension<Requester>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    body::require_json(&headers)?;
    let Path(text) = id.map_err(|reason| ApiError::not_found(reason.body_text()))?;
    let id = text.parse().map_err(|_invalid| {
        let text = quoted(&text);
        ApiError::not_found(format!("there is no entry with the id {text} in the log"))
    })?;
    let (client, snapshot) = control.undo(id, Author::of(&requester)).await?;
    changed(client, &snapshot, &watch, &figures)
}

/// Reads the parameters of `GET /api/log`, for the fuzz target.
#[cfg(any(test, fuzzing))]
pub(super) fn parse_query(
    fields: &[(String, String)],
) -> Result<crate::store::log::Query, ApiError> {
    query::parse(fields).map(|(query, _)| query)
}

pub(super) fn parse(body: &[u8]) -> Result<Seen, ApiError> {
    let value = body::parse_json(body)?;
    let fields = body::fields("the body", &value, &["ids", "until"])?;
    let mut given = fields.iter();
    match (given.next(), given.next()) {
        (Some((field, until)), None) if field == "until" => {
            entry_id("until", until).map(Seen::Until)
        }
        (Some((_, ids)), None) => {
            let ids = body::ids("ids", ids, "ids of entries")?.iter();
            let ids = ids.map(|id| entry_id("an item of ids", id));
            ids.collect::<Result<_, _>>().map(Seen::Ids)
        }
        _ => {
            let allowed = "a JSON object with one of the fields ids and until";
            Err(body::wrong_type("the body", &value, allowed))
        }
    }
}

fn entry_id(field: &str, value: &Value) -> Result<u64, ApiError> {
    let id = body::whole(value).filter(|&id| i64::try_from(id).is_ok());
    id.ok_or_else(|| body::wrong_type(field, value, "the id of an entry"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seen_sounds_are_named_or_all() {
        assert_eq!(parse(br#"{"ids":[3,1.0,3]}"#), Ok(Seen::Ids([1, 3].into())));
        assert_eq!(parse(br#"{"until":7}"#), Ok(Seen::Until(7)));
    }

    #[test]
    fn other_bodies_are_refused_by_name() {
        for (body, message) in [
            (
                "[]",
                "the body is []; it must be a JSON object with the fields ids and until",
            ),
            ("{}", "the body is {}; it must be"),
            (
                r#"{"ids":[1],"until":1}"#,
                "it must be a JSON object with one of",
            ),
            (
                r#"{"id":1}"#,
                "\"id\" is unknown; the known fields are ids and until",
            ),
            (
                r#"{"ids":[]}"#,
                "ids has 0 items; it must be a list of 1 to 1000",
            ),
            (r#"{"ids":[-1]}"#, "an item of ids is -1; it must be the id"),
            (
                r#"{"ids":[1.5]}"#,
                "an item of ids is 1.5; it must be the id",
            ),
            (r#"{"until":1e16}"#, "it must be the id of an entry"),
            (
                r#"{"until":"x"}"#,
                "until is \"x\"; it must be the id of an entry",
            ),
            (
                r#"{"until":18446744073709551615}"#,
                "it must be the id of an entry",
            ),
        ] {
            let error = parse(body.as_bytes()).expect_err(body);
            assert_eq!(error.status.as_u16(), 422, "{body}");
            assert!(error.message.contains(message), "{body}: {}", error.message);
        }
    }
}
