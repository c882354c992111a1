//! The bodies, ids and query strings of requests.
//!
//! Always: a refusal has a status of the client's fault, and a sentence of bounded length that can be
//! shown.

use axum::extract::Query;
use axum::http::Uri;
use raa_core::settings::MAX_NAME_CHARS;

use super::error::ApiError;
use super::listen::MixQuery;
use super::{forget, patch};
use crate::id::ClientId;

/// The longest sentence, in characters; a body's own words are shortened in it.
const MAX_MESSAGE_CHARS: usize = 500;

/// One request; the first byte chooses its kind.
pub(crate) fn requests(bytes: &[u8]) {
    let Some((&kind, rest)) = bytes.split_first() else {
        return;
    };
    match kind % 4 {
        0 => match patch::parse(rest) {
            Ok(change) => {
                let name = change.name.flatten();
                let chars = name.map_or(1, |name| name.as_str().chars().count());
                assert!((1..=MAX_NAME_CHARS).contains(&chars));
                assert!(change.volume.is_none_or(|volume| volume.percent() <= 200));
            }
            Err(error) => check(&error),
        },
        1 => match forget::parse(rest) {
            Ok(ids) => assert!(ids.len() <= rest.len() / 8),
            Err(error) => check(&error),
        },
        2 => {
            let query = String::from_utf8_lossy(rest);
            if let Ok(uri) = Uri::try_from(format!("/ws?{query}")) {
                let _ = Query::<MixQuery>::try_from_uri(&uri);
            }
        }
        _ => {
            let text = String::from_utf8_lossy(rest);
            if let Ok(id) = text.parse::<ClientId>() {
                assert_eq!(id.to_string().parse(), Ok(id));
            }
        }
    }
}

fn check(error: &ApiError) {
    assert!(error.status.is_client_error(), "{error:?}");
    let chars = error.message.chars().count();
    assert!((1..=MAX_MESSAGE_CHARS).contains(&chars), "{error:?}");
    assert!(!error.message.chars().any(char::is_control), "{error:?}");
}
