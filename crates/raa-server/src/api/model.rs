//! The JSON that the API sends. Its doc comments are the API's published documentation.
//!
//! Always: numbers are finite; ages in ms are relative to the moment of the response.

mod client;
mod server;
mod words;

use std::time::{Duration, UNIX_EPOCH};

pub(crate) use client::{ChangedClientBody, ClientBody, ClientList};
pub(crate) use server::{ProcessBody, StatusBody};
pub(crate) use words::{CaptureTroubleWord, QualityWord, StatusWord, WithheldWord};

/// Rounds to one decimal, which is as fine as levels and delays are shown.
pub(crate) fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Writes a Unix time in ms as in RFC 3339.
pub(crate) fn rfc_3339(unix_ms: i64) -> String {
    // Later than the year 9999 can't be written.
    let since_1970 = Duration::from_millis(unix_ms.clamp(0, 253_402_300_799_999).unsigned_abs());
    humantime::format_rfc3339_millis(UNIX_EPOCH + since_1970).to_string()
}

fn ms(time: Duration) -> f64 {
    tenths(time.as_secs_f64() * 1000.0)
}

pub(crate) fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
