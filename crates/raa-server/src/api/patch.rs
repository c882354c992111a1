//! The body of `PATCH /api/clients/{id}`: read by hand, so that a refusal can name the field,
//! the value and what is allowed, which a derived parser can't.
//!
//! Always: what comes out is valid; any bytes may come in.

use axum::http::StatusCode;
use raa_core::settings::{Name, Volume};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::error::{ApiError, quoted};
use crate::control::Change;

/// What to change of a client: any of these fields. An empty object changes nothing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documentation: the fields are read by hand")]
pub(crate) struct ClientPatch {
    /// 1 to 64 characters without control characters; white space around it is cut off. `null`:
    /// what the sender calls itself.
    #[schema(required = false, min_length = 1, max_length = 64, example = "Ward 3")]
    name: Option<String>,
    /// How loud it is in the mix, in percent of its own level (amplitude): a whole number from
    /// 0 to 200.
    #[schema(required = false, minimum = 0, maximum = 200, example = 100)]
    volume: u8,
    /// Whether it is left out of the mix.
    #[schema(required = false)]
    muted: bool,
}

/// Reads and checks the body.
pub(super) fn parse(body: &[u8]) -> Result<Change, ApiError> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        let message = format!("the body is not valid JSON: {error}");
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_json", message)
    })?;
    let Value::Object(fields) = value else {
        let allowed = "a JSON object with any of the fields name, volume and muted";
        return Err(wrong_type("the body", &value, allowed));
    };
    change(&fields)
}

fn change(fields: &Map<String, Value>) -> Result<Change, ApiError> {
    let mut change = Change::default();
    for (field, value) in fields {
        match field.as_str() {
            "name" => change.name = Some(name(value)?),
            "volume" => change.volume = Some(volume(value)?),
            "muted" => {
                let muted = value.as_bool();
                let muted = muted.ok_or_else(|| wrong_type("muted", value, "true and false"))?;
                change.muted = Some(muted);
            }
            unknown => {
                let unknown = quoted(unknown);
                let message = format!(
                    "the field \"{unknown}\" is unknown, allowed are name, volume and muted"
                );
                return Err(unprocessable("unknown_field", message));
            }
        }
    }
    Ok(change)
}

fn name(value: &Value) -> Result<Option<Name>, ApiError> {
    if value.is_null() {
        return Ok(None);
    }
    let allowed = "texts of 1 to 64 characters and null";
    let text = value
        .as_str()
        .ok_or_else(|| wrong_type("name", value, allowed))?;
    let name = Name::new(text);
    name.map(Some)
        .map_err(|error| unprocessable("value_out_of_range", error.to_string()))
}

/// 100.0 is a whole number in JSON, too.
fn volume(value: &Value) -> Result<Volume, ApiError> {
    let allowed = "whole numbers from 0 to 200";
    let Some(number) = value.as_f64() else {
        return Err(wrong_type("volume", value, allowed));
    };
    // Exact wherever it matters: numbers beyond 2^53 are out of range either way.
    let whole = (number.fract() == 0.0).then_some(number as i64);
    whole
        .and_then(|percent| Volume::new(percent).ok())
        .ok_or_else(|| unprocessable("value_out_of_range", sentence("volume", value, allowed)))
}

fn wrong_type(field: &str, value: &Value, allowed: &str) -> ApiError {
    unprocessable("wrong_type", sentence(field, value, allowed))
}

fn sentence(field: &str, value: &Value, allowed: &str) -> String {
    format!(
        "{field} is {}, allowed are {allowed}",
        quoted(&value.to_string())
    )
}

fn unprocessable(code: &'static str, message: String) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(body: &str, expected: Change) {
        assert_eq!(parse(body.as_bytes()), Ok(expected), "{body}");
    }

    fn check_refused(code: &str, refusals: &[(&str, &str)]) {
        let status = if code == "invalid_json" { 400 } else { 422 };
        for (body, message) in refusals {
            let error = parse(body.as_bytes()).expect_err(body);
            assert_eq!(
                (error.status.as_u16(), error.code),
                (status, code),
                "{body}"
            );
            assert!(error.message.contains(message), "{body}: {}", error.message);
        }
    }

    #[test]
    fn any_of_the_fields_may_stand_alone() {
        let volume = |percent| Change {
            volume: Volume::new(percent).ok(),
            ..Change::default()
        };
        check("{}", Change::default());
        check(r#"{"volume":0}"#, volume(0));
        check(r#"{"volume":200}"#, volume(200));
        check(r#"{"volume":1e2}"#, volume(100));
        check(
            r#"{"muted":false}"#,
            Change {
                muted: Some(false),
                ..Change::default()
            },
        );
        check(
            r#"{"name":null}"#,
            Change {
                name: Some(None),
                ..Change::default()
            },
        );
        let all = Change {
            name: Some(Name::new("監視 3").ok()),
            volume: Volume::new(7).ok(),
            muted: Some(true),
        };
        check(r#" {"muted":true, "name":" 監視 3 ", "volume":7} "#, all);
    }

    #[test]
    fn what_is_no_json_is_refused_with_the_place() {
        let deep = "[".repeat(10_000);
        let refusals = [
            ("", "not valid JSON"),
            ("{", "line 1 column"),
            ("\u{feff}{}", "not valid JSON"),
            (&deep, "recursion"),
        ];
        check_refused("invalid_json", &refusals);
    }

    #[test]
    fn wrong_types_and_unknown_fields_are_named_with_what_is_allowed() {
        let refusals = [
            ("[1]", "the body is [1], allowed are a JSON object"),
            ("null", "the body is null"),
            (
                r#"{"volume":"loud"}"#,
                "volume is \"loud\", allowed are whole",
            ),
            (r#"{"volume":null}"#, "volume is null"),
            (r#"{"muted":1}"#, "muted is 1, allowed are true and false"),
            (r#"{"name":7}"#, "name is 7, allowed are texts"),
        ];
        check_refused("wrong_type", &refusals);
        let refusals = [(r#"{"vol":1}"#, "\"vol\" is unknown, allowed are name")];
        check_refused("unknown_field", &refusals);
    }

    #[test]
    fn values_out_of_range_are_named_with_the_range() {
        let long = format!(r#"{{"name":"{}"}}"#, "監".repeat(65));
        let refusals = [
            (
                r#"{"volume":250}"#,
                "volume is 250, allowed are whole numbers from 0 to 200",
            ),
            (r#"{"volume":-1}"#, "volume is -1, allowed are"),
            (r#"{"volume":1.5}"#, "volume is 1.5, allowed are"),
            (r#"{"volume":1e300}"#, "allowed are whole numbers"),
            (r#"{"volume":18446744073709551615}"#, "18446744073709551615"),
            (
                r#"{"name":"  "}"#,
                "name has 0 characters, allowed are 1 to 64",
            ),
            (r#"{"name":"a\nb"}"#, "control character (U+000A)"),
            (&long, "name has 65 characters"),
        ];
        check_refused("value_out_of_range", &refusals);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body: Vec<u8>) {
            if let Err(error) = parse(&body) {
                prop_assert!(error.status.is_client_error() && error.message.len() < 1000);
            }
        }

        #[test]
        fn any_number_is_a_volume_or_refused(number: f64) {
            let body = format!(r#"{{"volume":{number:e}}}"#);
            let valid = number.fract() == 0.0 && (0.0..=200.0).contains(&number);
            prop_assert_eq!(parse(body.as_bytes()).is_ok(), valid, "{}", body);
        }
    }
}
