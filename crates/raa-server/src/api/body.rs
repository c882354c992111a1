//! The bodies of requests: how they are read, and how a value in them is refused.
//!
//! Always: a body is bounded in length and in time; a refusal names the field, the value, and what
//! it must be.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::error::{ApiError, quoted};

/// Longest wait for a body, which is so short that it normally arrives at once.
const BODY_LIMIT: Duration = Duration::from_secs(10);
/// The most ids in one request.
const MAX_IDS: usize = 1000;

/// Parses a body as JSON.
pub(crate) fn parse_json(body: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        let message = format!("the body is not valid JSON: {error}");
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_json", message)
    })
}

/// Returns the fields of an object that has no others than these.
pub(crate) fn fields<'a>(
    what: &str,
    value: &'a Value,
    known: &[&str],
) -> Result<&'a Map<String, Value>, ApiError> {
    let Value::Object(fields) = value else {
        let word = if known.len() == 1 { "field" } else { "fields" };
        let allowed = format!("a JSON object with the {word} {}", listed(known));
        return Err(wrong_type(what, value, &allowed));
    };
    match fields.keys().find(|field| !known.contains(&field.as_str())) {
        Some(unknown) => Err(unknown_field(unknown, known)),
        None => Ok(fields),
    }
}

/// Refuses a field that a body must not have.
pub(crate) fn unknown_field(field: &str, known: &[&str]) -> ApiError {
    let field = quoted(field);
    let message = match known {
        [only] => format!("the field \"{field}\" is unknown; the only field is {only}"),
        _ => {
            let names = listed(known);
            format!("the field \"{field}\" is unknown; the known fields are {names}")
        }
    };
    unprocessable("unknown_field", message)
}

/// Returns a field's value; null if there is none.
pub(crate) fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a Value {
    fields.get(name).unwrap_or(&Value::Null)
}

/// Returns a whole number. 100.0 is one as well in JSON; beyond 2^53 such a number would not be exact.
pub(crate) fn whole(value: &Value) -> Option<u64> {
    const EXACT: f64 = (1u64 << 53) as f64;
    let exact = |number: &f64| number.fract() == 0.0 && (0.0..=EXACT).contains(number);
    let from_float = || value.as_f64().filter(exact).map(|number| number as u64);
    value.as_u64().or_else(from_float)
}

/// Returns the items of a list of ids that must not be empty; `what` are their owners, as in "client ids".
pub(crate) fn ids<'a>(name: &str, value: &'a Value, what: &str) -> Result<&'a [Value], ApiError> {
    let allowed = format!("a list of 1 to {MAX_IDS} {what}");
    let list = list(name, value, &allowed, MAX_IDS)?;
    if list.is_empty() {
        return Err(wrong_count(name, 0, &allowed));
    }
    Ok(list)
}

/// Returns the items of a list of at most `most`.
pub(crate) fn list<'a>(
    name: &str,
    value: &'a Value,
    allowed: &str,
    most: usize,
) -> Result<&'a [Value], ApiError> {
    let list = value.as_array();
    let list = list.ok_or_else(|| wrong_type(name, value, allowed))?;
    if list.len() > most {
        return Err(wrong_count(name, list.len(), allowed));
    }
    Ok(list)
}

fn wrong_count(name: &str, count: usize, allowed: &str) -> ApiError {
    let message = format!("{name} has {count} items; it must be {allowed}");
    unprocessable("value_out_of_range", message)
}

/// Lists names in a sentence.
fn listed(names: &[&str]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => names.concat(),
    }
}

/// Refuses a value of the wrong type.
pub(crate) fn wrong_type(field: &str, value: &Value, allowed: &str) -> ApiError {
    unprocessable("wrong_type", sentence(field, value, allowed))
}

/// Returns the sentence that refuses a value.
pub(crate) fn sentence(field: &str, value: &Value, allowed: &str) -> String {
    format!(
        "{field} is {}; it must be {allowed}",
        quoted(&value.to_string())
    )
}

/// Refuses a body whose JSON is valid and whose content is not.
pub(crate) fn unprocessable(code: &'static str, message: String) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
}

/// Refuses other content types, which pages of other origins could send.
pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let value = headers
        .get(CONTENT_TYPE)
        .map_or("", |value| value.to_str().unwrap_or("?"));
    let essence = value.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = format!(
        "the content type is \"{}\"; it must be application/json",
        quoted(value)
    );
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        message,
    ))
}

/// Reads a body of at most `max` bytes.
pub(crate) async fn read(body: Body, max: usize) -> Result<Bytes, ApiError> {
    let read = timeout(BODY_LIMIT, to_bytes(body, max))
        .await
        .map_err(|_elapsed| {
            let message = "the body did not arrive within 10 s";
            ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", message)
        })?;
    read.map_err(|error| {
        if is_too_large(&error) {
            let message = format!("the body is too long; it must have at most {max} bytes");
            return ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message);
        }
        let message = "the body is incomplete";
        ApiError::new(StatusCode::BAD_REQUEST, "incomplete_body", message)
    })
}

fn is_too_large(error: &axum::Error) -> bool {
    use std::error::Error as _;
    error
        .source()
        .is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}
