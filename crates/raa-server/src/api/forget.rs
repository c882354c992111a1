//! `POST /api/clients/forget`: deletes many clients at once.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::body;
use super::desk::DeskHeader;
use super::error::ApiError;
use super::refusals::{NotStored, RefusedBody, RefusedChange};
use crate::connection::Requester;
use crate::control::{Author, Control, Kept};
use crate::id::ClientId;

/// Longest body in bytes: more ids than clients can be known.
const MAX_BODY: usize = 512 * 1024;

/// The clients to delete.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documentation: the fields are read by hand")]
pub(crate) struct ForgetBody {
    /// Their ids.
    #[schema(value_type = Vec<ClientId>, example = json!(["5f0a11c2"]))]
    ids: Vec<String>,
}

/// What became of the clients.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ForgottenBody {
    /// Ids of the clients that were deleted, with their settings.
    #[schema(example = json!(["5f0a11c2"]))]
    forgotten: Vec<ClientId>,
    /// The others.
    kept: Vec<KeptBody>,
}

/// A client that was not deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeptBody {
    /// Its id.
    #[schema(example = "5f0a11c3")]
    id: ClientId,
    /// `connected`: only offline clients can be deleted; `not_found`: there is no such client.
    #[schema(example = "connected")]
    reason: &'static str,
}

/// Delete many offline clients and their settings at once.
///
/// Clients that are connected are kept, and so the request succeeds whatever they are doing. When
/// the response is 200, the deletion survives a crash or power loss; with any other response,
/// nothing has changed.
#[utoipa::path(
    post, path = "/api/clients/forget", tag = "clients", params(DeskHeader),
    request_body(content = ForgetBody, description = "At most 524288 bytes"),
    responses(
        (status = 200, description = "What became of the clients", body = ForgottenBody),
        RefusedChange,
        RefusedBody,
        NotStored,
    )
)]
pub(crate) async fn forget(
    State(control): State<Control>,
    Extension(requester): Extension<Requester>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ForgottenBody>, ApiError> {
    body::require_json(&headers)?;
    let ids = parse(&body::read(body, MAX_BODY).await?)?;
    let done = control.forget_offline(ids, Author::of(&requester)).await?;
    let kept = done.kept.into_iter().map(|(id, why)| KeptBody {
        id,
        reason: match why {
            Kept::Connected => "connected",
            Kept::Unknown => "not_found",
        },
    });
    Ok(Json(ForgottenBody {
        forgotten: done.forgotten,
        kept: kept.collect(),
    }))
}

pub(super) fn parse(body: &[u8]) -> Result<Vec<ClientId>, ApiError> {
    const ALLOWED: &str = "a list of client ids, each 8 hexadecimal digits or bgmtest0";
    let value = body::parse_json(body)?;
    let fields = body::fields("the body", &value, &["ids"])?;
    let ids = body::list("ids", body::field(fields, "ids"), ALLOWED, usize::MAX)?;
    ids.iter().map(|id| client_id("ids", id)).collect()
}

/// Reads an item of a list of client ids.
pub(super) fn client_id(list: &str, value: &Value) -> Result<ClientId, ApiError> {
    let (item, allowed) = (
        format!("an item of {list}"),
        "8 hexadecimal digits, or bgmtest0",
    );
    let text = value
        .as_str()
        .ok_or_else(|| body::wrong_type(&item, value, allowed))?;
    text.parse().map_err(|_invalid| {
        let message = body::sentence(&item, value, allowed);
        body::unprocessable("value_out_of_range", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_ids_is_read() {
        let ids = parse(br#"{"ids":["5F0A11C2","bgmtest0"]}"#).unwrap();
        assert_eq!(ids, [ClientId(0x5f0a_11c2), "bgmtest0".parse().unwrap()]);
        assert_eq!(parse(br#"{"ids":[]}"#).unwrap(), []);
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        for (body, status, message) in [
            ("", 400, "not valid JSON"),
            ("[]", 422, "the body is []; it must be a JSON object"),
            ("{}", 422, "ids is null; it must be a list of client ids"),
            (
                r#"{"ids":"5f0a11c2"}"#,
                422,
                "ids is \"5f0a11c2\"; it must be a list",
            ),
            (
                r#"{"ids":[7]}"#,
                422,
                "an item of ids is 7; it must be 8 hexadecimal",
            ),
            (
                r#"{"ids":["x"]}"#,
                422,
                "an item of ids is \"x\"; it must be 8",
            ),
            (r#"{"ids":[],"all":true}"#, 422, "\"all\" is unknown"),
        ] {
            let error = parse(body.as_bytes()).expect_err(body);
            assert_eq!(error.status.as_u16(), status, "{body}");
            assert!(error.message.contains(message), "{body}: {}", error.message);
        }
    }
}
