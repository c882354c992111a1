//! The header `X-Raa-Desk`: the name that a browser gives itself, which the log keeps with its changes.
//!
//! A label and no identity: anybody can send any name. Always: checked as every name is, so that it can't
//! deceive in the list; percent-encoded UTF-8, because a header can't have other characters.

use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use raa_core::settings::Name;
use serde::Deserialize;
use utoipa::IntoParams;

use super::error::{ApiError, quoted};

/// The header of a change.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "documentation: the header is read by hand")]
pub(crate) struct DeskHeader {
    /// Name of the desk that makes the change, 1 to 64 visible characters in percent-encoded UTF-8. Without
    /// it, the address counts.
    #[param(rename = "X-Raa-Desk", min_length = 1, example = "Night%20shift")]
    desk: Option<String>,
}

/// The name of the header.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-raa-desk");

/// Returns the desk that makes a change; `None` if it gives no name. Reading changes nothing, so its header
/// is not looked at.
///
/// # Errors
/// [`ApiError`] if the name is not one.
pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Result<Option<Name>, ApiError> {
    let value = headers.get(HEADER).filter(|_| !method.is_safe());
    let Some(value) = value.map(|value| value.as_bytes()) else {
        return Ok(None);
    };
    let name = decoded(value).and_then(|text| Name::new(&text).ok());
    name.map(Some).ok_or_else(|| {
        let value = quoted(&String::from_utf8_lossy(value));
        let message = format!(
            "the header X-Raa-Desk is \"{value}\"; it must be a name of 1 to 64 visible characters in \
             percent-encoded UTF-8"
        );
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_desk", message)
    })
}

/// Decodes percent-encoded UTF-8; `None` if it is none.
fn decoded(value: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.iter();
    while let Some(&byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(*rest.next()?).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            byte if byte.is_ascii() => byte,
            _ => return None,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk(value: &[u8], method: Method) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, axum::http::HeaderValue::from_bytes(value).unwrap());
        let desk = of(&method, &headers).map_err(|error| error.message)?;
        Ok(desk.map(|name| name.as_str().to_owned()))
    }

    #[test]
    fn a_desk_is_a_percent_encoded_name() {
        for (value, name) in [
            (&b"Night%20shift"[..], "Night shift"),
            (b"%E5%A4%9C%E5%8B%A4", "夜勤"),
            (b"Desk 2", "Desk 2"),
        ] {
            assert_eq!(desk(value, Method::PATCH), Ok(Some(name.into())));
        }
        assert_eq!(of(&Method::PATCH, &HeaderMap::new()), Ok(None));
    }

    #[test]
    fn deceiving_names_are_refused() {
        for value in [
            &b""[..],
            b"%",
            b"%E5",
            b"%zz",
            b"%0A",
            b"%E2%80%8B",
            b"\xe5\xa4\x9c",
            &[b'a'; 65],
        ] {
            let message = desk(value, Method::POST).unwrap_err();
            assert!(
                message.contains("it must be a name of 1 to 64"),
                "{message}"
            );
            assert_eq!(desk(value, Method::GET), Ok(None), "reading is not refused");
        }
    }
}
