//! The parameters of `GET /api/log`. Pure.
//!
//! Always: a refusal names the parameter, its value, and what it must be.

use std::time::UNIX_EPOCH;

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::body::unprocessable;
use super::super::error::{ApiError, quoted};
use crate::id::ClientId;
use crate::store::log::Query;
use crate::watch::entry::Kind;

/// The most entries in one answer, as JSON and as CSV.
const MAX_JSON: usize = 1000;
const MAX_CSV: usize = 10_000;
const DEFAULT_LIMIT: usize = 100;

/// The choice of entries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documentation: the parameters are read by hand")]
pub(crate) struct LogQuery {
    /// Entries that began at this time or later: Unix time in ms, or RFC 3339 in UTC.
    #[param(
        example = "2026-11-29T02:00:00Z",
        pattern = "^[0-9]{1,15}$|^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]{1,9})?Z$"
    )]
    since: Option<String>,
    /// Entries that began before this time.
    #[param(
        example = "1795920250123",
        pattern = "^[0-9]{1,15}$|^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]{1,9})?Z$"
    )]
    until: Option<String>,
    /// Entries about this client.
    #[param(value_type = Option<ClientId>)]
    client: Option<String>,
    /// Entries of these kinds, separated by commas.
    #[param(value_type = Option<Vec<Kind>>, style = Form, explode = false, min_items = 1, example = json!(["sound", "muted"]))]
    kind: Option<String>,
    /// Entries with smaller ids: the `next_before` of the answer before.
    before: Option<u64>,
    /// The most entries, 1 to 1000; 100 by default. With `format=csv` it may be up to 10000.
    #[param(minimum = 1, maximum = 1000, example = 100)]
    limit: Option<u32>,
    /// `json`, which is the default, or `csv`.
    #[param(inline, value_type = Option<Format>, example = "json")]
    format: Option<String>,
}

/// How the entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Format {
    Json,
    Csv,
}

/// Reads the parameters.
pub(super) fn parse(fields: &[(String, String)]) -> Result<(Query, Format), ApiError> {
    let mut query = Query::default();
    let mut format = Format::Json;
    let mut limit = DEFAULT_LIMIT;
    for (field, value) in fields {
        match field.as_str() {
            "since" => query.since_ms = Some(time(field, value)?),
            "until" => query.until_ms = Some(time(field, value)?),
            "client" => {
                let allowed = "8 hexadecimal digits, or bgmtest0";
                query.client = Some(value.parse().map_err(|_| refused(field, value, allowed))?);
            }
            "kind" => query.kinds = kinds(value)?,
            "before" => {
                let before = value
                    .parse()
                    .ok()
                    .filter(|&id: &u64| i64::try_from(id).is_ok());
                let before = before.ok_or_else(|| refused(field, value, "the id of an entry"))?;
                query.before = Some(before);
            }
            "limit" => {
                let allowed = "a whole number from 1 to 1000, and to 10000 with format=csv";
                let number = value
                    .parse()
                    .ok()
                    .filter(|number| (1..=MAX_CSV).contains(number));
                limit = number.ok_or_else(|| refused(field, value, allowed))?;
            }
            "format" => {
                format = match value.as_str() {
                    "json" => Format::Json,
                    "csv" => Format::Csv,
                    _ => return Err(refused(field, value, "json or csv")),
                };
            }
            unknown => {
                let unknown = quoted(unknown);
                let message = format!(
                    "the parameter \"{unknown}\" is unknown; the known ones are since, until, client, \
                     kind, before, limit and format"
                );
                return Err(unprocessable("unknown_field", message));
            }
        }
    }
    if format == Format::Json && limit > MAX_JSON {
        let allowed = "a whole number from 1 to 1000, and to 10000 with format=csv";
        return Err(refused("limit", &limit.to_string(), allowed));
    }
    query.limit = limit;
    Ok((query, format))
}

fn time(field: &str, value: &str) -> Result<i64, ApiError> {
    let rfc_3339 = || {
        let time = humantime::parse_rfc3339(value).ok()?;
        i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
    };
    let time = value.parse().ok().or_else(rfc_3339);
    let allowed = "a Unix time in ms, or a time such as 2026-11-29T02:00:00Z";
    time.ok_or_else(|| refused(field, value, allowed))
}

fn kinds(value: &str) -> Result<Vec<Kind>, ApiError> {
    let words: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
    let mut kinds = Vec::new();
    for word in value.split(',') {
        let kind = Kind::of(word);
        let allowed = format!("some of {}, separated by commas", words.join(", "));
        let kind = kind.ok_or_else(|| refused("kind", word, &allowed))?;
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    Ok(kinds)
}

fn refused(field: &str, value: &str, allowed: &str) -> ApiError {
    let message = format!("{field} is \"{}\"; it must be {allowed}", quoted(value));
    unprocessable("value_out_of_range", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(fields: &[(&str, &str)]) -> Result<(Query, Format), ApiError> {
        let fields = fields
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        parse(&fields.collect::<Vec<_>>())
    }

    #[test]
    fn every_parameter_is_read() {
        let (query, format) = parsed(&[
            ("since", "2026-11-29T02:00:00Z"),
            ("until", "1795920250123"),
            ("client", "5F0A11C2"),
            ("kind", "sound,muted,sound"),
            ("before", "812"),
            ("limit", "10000"),
            ("format", "csv"),
        ])
        .unwrap();
        assert_eq!(format, Format::Csv);
        let expected = Query {
            since_ms: Some(1_795_917_600_000),
            until_ms: Some(1_795_920_250_123),
            client: Some(ClientId(0x5f0a_11c2)),
            kinds: vec![Kind::Sound, Kind::Muted],
            before: Some(812),
            limit: 10_000,
        };
        assert_eq!(query, expected);
        assert_eq!(parsed(&[]).unwrap().0.limit, 100);
    }

    #[test]
    fn other_values_are_refused_by_name() {
        for (field, value, message) in [
            (
                "since",
                "yesterday",
                "since is \"yesterday\"; it must be a Unix time",
            ),
            ("until", "", "until is \"\"; it must be"),
            (
                "client",
                "7",
                "client is \"7\"; it must be 8 hexadecimal digits",
            ),
            (
                "kind",
                "sound,beep",
                "kind is \"beep\"; it must be some of sound, connected",
            ),
            ("before", "-1", "before is \"-1\"; it must be the id"),
            (
                "limit",
                "0",
                "limit is \"0\"; it must be a whole number from 1 to 1000",
            ),
            ("limit", "1001", "limit is \"1001\"; it must be"),
            ("limit", "10001", "limit is \"10001\"; it must be"),
            ("format", "xml", "format is \"xml\"; it must be json or csv"),
            (
                "page",
                "1",
                "the parameter \"page\" is unknown; the known ones are since",
            ),
        ] {
            let error = parsed(&[(field, value)]).expect_err(value);
            assert_eq!(error.status.as_u16(), 422, "{field}");
            assert!(error.message.contains(message), "{}", error.message);
        }
    }
}
