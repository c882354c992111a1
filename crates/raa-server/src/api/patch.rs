//! Parses the body of `PATCH /api/clients/{id}`.
//!
//! Written by hand, because the errors of a derived parser do not name the field, the value, and
//! what it must be. Always: accepts any bytes; a parsed change is valid.

use raa_core::settings::{Name, SoundingFrom, Volume};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::body::{self, parse_json, sentence, unprocessable, wrong_type};
use super::error::{ApiError, quoted};
use crate::control::{Change, MuteEnd};

/// The change to a client: any of these fields. An empty object changes nothing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "documentation: the fields are read by hand")]
pub(crate) struct ClientPatch {
    /// New name: 1 to 64 characters without control characters; surrounding white space is
    /// removed. `null` restores the name that the sender reports.
    #[schema(required = false, min_length = 1, max_length = 64, example = "Ward 3")]
    name: Option<String>,
    /// New volume in the mix, in percent of the client's own amplitude: a whole number from 0 to
    /// 200.
    #[schema(required = false, minimum = 0, maximum = 200, example = 100)]
    volume: u8,
    /// Whether the client is left out of the mix, for everyone.
    #[schema(required = false)]
    muted: bool,
    /// With `muted`: true: seconds after which the server ends the mute, a whole number from 1 to 604800
    /// (a week). `null`, or without it: until somebody takes it back.
    #[schema(required = false, minimum = 1, maximum = 604_800, example = 900)]
    muted_for_s: Option<u32>,
    /// Peak level in dBFS from which the client counts as sounding, rounded to a tenth. `null`
    /// restores the server's setting.
    #[schema(required = false, minimum = -90, maximum = 0, example = -50)]
    sounding_from_dbfs: Option<f64>,
}

const FIELDS: &[&str] = &[
    "name",
    "volume",
    "muted",
    "muted_for_s",
    "sounding_from_dbfs",
];
/// A week.
const MAX_MUTE_S: u32 = 604_800;

/// Parses and checks the body.
///
/// # Errors
/// [`ApiError`] with status 400 if it is not JSON, else 422.
pub(super) fn parse(body: &[u8]) -> Result<Change, ApiError> {
    let value = parse_json(body)?;
    change(body::fields("the body", &value, FIELDS)?)
}

/// Reads the fields of a change.
pub(super) fn change(fields: &Map<String, Value>) -> Result<Change, ApiError> {
    let mut change = Change::default();
    for (field, value) in fields {
        match field.as_str() {
            "name" => change.name = Some(name(value)?),
            "volume" => change.volume = Some(volume(value)?),
            "muted" => {
                let muted = value.as_bool();
                let muted = muted.ok_or_else(|| wrong_type("muted", value, "true or false"))?;
                change.muted = Some(muted);
            }
            "muted_for_s" => change.mute_end = mute_end(value)?,
            "sounding_from_dbfs" => change.sounding_from = Some(sounding_from(value)?),
            unknown => return Err(body::unknown_field(unknown, FIELDS)),
        }
    }
    match fields.get("muted_for_s") {
        Some(value) if change.muted != Some(true) => {
            let value = quoted(&value.to_string());
            let message = format!(
                "muted_for_s is {value}, but muted is not true; it must come with \"muted\": true"
            );
            Err(unprocessable("value_out_of_range", message))
        }
        _ => Ok(change),
    }
}

fn mute_end(value: &Value) -> Result<MuteEnd, ApiError> {
    if value.is_null() {
        return Ok(MuteEnd::Never);
    }
    let (field, allowed) = ("muted_for_s", "a whole number from 1 to 604800, or null");
    let number = value
        .as_f64()
        .ok_or_else(|| wrong_type(field, value, allowed))?;
    // The conversion saturates.
    let whole = (number.fract() == 0.0).then_some(number as u32);
    let seconds = whole.filter(|seconds| (1..=MAX_MUTE_S).contains(seconds));
    seconds
        .map(MuteEnd::After)
        .ok_or_else(|| unprocessable("value_out_of_range", sentence(field, value, allowed)))
}

fn name(value: &Value) -> Result<Option<Name>, ApiError> {
    if value.is_null() {
        return Ok(None);
    }
    let allowed = "a text of 1 to 64 characters, or null";
    let text = value
        .as_str()
        .ok_or_else(|| wrong_type("name", value, allowed))?;
    let name = Name::new(text);
    name.map(Some)
        .map_err(|error| unprocessable("value_out_of_range", error.to_string()))
}

/// Accepts 100.0 as well, which is a whole number in JSON.
fn volume(value: &Value) -> Result<Volume, ApiError> {
    let allowed = "a whole number from 0 to 200";
    let Some(number) = value.as_f64() else {
        return Err(wrong_type("volume", value, allowed));
    };
    // Exact where it matters: numbers beyond 2^53 are out of range anyway.
    let whole = (number.fract() == 0.0).then_some(number as i64);
    whole
        .and_then(|percent| Volume::new(percent).ok())
        .ok_or_else(|| unprocessable("value_out_of_range", sentence("volume", value, allowed)))
}

fn sounding_from(value: &Value) -> Result<Option<SoundingFrom>, ApiError> {
    if value.is_null() {
        return Ok(None);
    }
    let (field, allowed) = ("sounding_from_dbfs", "a number from -90 to 0, or null");
    let dbfs = value
        .as_f64()
        .ok_or_else(|| wrong_type(field, value, allowed))?;
    SoundingFrom::new(dbfs)
        .map(Some)
        .map_err(|_| unprocessable("value_out_of_range", sentence(field, value, allowed)))
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
    fn every_field_is_optional() {
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
            mute_end: MuteEnd::After(900),
            sounding_from: Some(SoundingFrom::new(-45.5).ok()),
        };
        check(
            r#"{"muted":true,"muted_for_s":null}"#,
            Change {
                muted: Some(true),
                ..Change::default()
            },
        );
        check(
            r#"{"sounding_from_dbfs":null}"#,
            Change {
                sounding_from: Some(None),
                ..Change::default()
            },
        );
        check(
            r#" {"sounding_from_dbfs":-45.5,"muted_for_s":900,"muted":true, "name":" 監視 3 ", "volume":7} "#,
            all,
        );
    }

    #[test]
    fn invalid_json_is_refused_with_its_position() {
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
    fn wrong_types_and_unknown_fields_are_named() {
        let refusals = [
            ("[1]", "the body is [1]; it must be a JSON object"),
            ("null", "the body is null"),
            (
                r#"{"volume":"loud"}"#,
                "volume is \"loud\"; it must be a whole",
            ),
            (r#"{"volume":null}"#, "volume is null"),
            (r#"{"muted":1}"#, "muted is 1; it must be true or false"),
            (r#"{"name":7}"#, "name is 7; it must be a text"),
            (
                r#"{"muted":true,"muted_for_s":"1 h"}"#,
                "muted_for_s is \"1 h\"; it must be a whole number",
            ),
            (
                r#"{"sounding_from_dbfs":"-60"}"#,
                "sounding_from_dbfs is \"-60\"; it must be a number from -90 to 0, or null",
            ),
        ];
        check_refused("wrong_type", &refusals);
        let refusals = [(
            r#"{"vol":1}"#,
            "\"vol\" is unknown; the known fields are name",
        )];
        check_refused("unknown_field", &refusals);
    }

    #[test]
    fn out_of_range_values_are_named_with_the_range() {
        let long = format!(r#"{{"name":"{}"}}"#, "監".repeat(65));
        let refusals = [
            (
                r#"{"volume":250}"#,
                "volume is 250; it must be a whole number from 0 to 200",
            ),
            (r#"{"volume":-1}"#, "volume is -1; it must be"),
            (r#"{"volume":1.5}"#, "volume is 1.5; it must be"),
            (r#"{"volume":1e300}"#, "it must be a whole number"),
            (r#"{"volume":18446744073709551615}"#, "18446744073709551615"),
            (
                r#"{"sounding_from_dbfs":-90.1}"#,
                "sounding_from_dbfs is -90.1; it must be a number from -90 to 0, or null",
            ),
            (r#"{"sounding_from_dbfs":1}"#, "sounding_from_dbfs is 1;"),
            (
                r#"{"muted":true,"muted_for_s":0}"#,
                "muted_for_s is 0; it must be a whole number from 1 to 604800, or null",
            ),
            (r#"{"muted":true,"muted_for_s":604801}"#, "is 604801; it"),
            (r#"{"muted":true,"muted_for_s":1.5}"#, "is 1.5; it must be"),
            (
                r#"{"muted":false,"muted_for_s":60}"#,
                "muted_for_s is 60, but muted is not true",
            ),
            (r#"{"muted_for_s":60}"#, "it must come with \"muted\": true"),
            (r#"{"name":"  "}"#, "name has 0 characters"),
            (r#"{"name":"a\nb"}"#, "control character (U+000A)"),
            (&long, "name has 65 characters"),
        ];
        check_refused("value_out_of_range", &refusals);
    }

    proptest! {
        #[test]
        fn any_bytes_are_accepted_or_refused(body: Vec<u8>) {
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
