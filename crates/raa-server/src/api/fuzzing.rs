//! The bodies, ids, query strings and headers of requests.
//!
//! Always: a refusal has a status of the client's fault, and a sentence of bounded length that can be
//! shown.

use std::collections::BTreeSet;

use axum::extract::Query;
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use raa_core::settings::{MAX_NAME_CHARS, Name};

use super::error::ApiError;
use super::listen::MixQuery;
use super::{desk, forget, groups, log, patch, several};
use crate::control::Change;
use crate::id::ClientId;
use crate::store::log::{Seen, fuzzing as log_table};
use crate::watch::groups::{Arrangement, MAX_GROUPS};

/// The longest sentence, in characters; a body's own words are shortened in it.
const MAX_MESSAGE_CHARS: usize = 500;

/// One request; the first byte chooses its kind.
pub(crate) fn requests(bytes: &[u8]) {
    let Some((&kind, rest)) = bytes.split_first() else {
        return;
    };
    match kind % 4 {
        0 => match patch::parse(rest) {
            Ok(change) => check_change(change),
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

/// One request about the room as a whole; the first byte chooses its kind.
pub(crate) fn room(bytes: &[u8]) {
    let Some((&kind, rest)) = bytes.split_first() else {
        return;
    };
    let result = match kind % 5 {
        0 => check_groups(rest),
        1 => several::parse(rest).map(|(ids, change)| {
            assert!((1..=1000).contains(&ids.len()));
            let different: BTreeSet<u32> = ids.iter().map(|id| id.0).collect();
            assert_eq!(different.len(), ids.len());
            assert_eq!(change.name, None);
            check_change(change);
        }),
        2 => log::parse(rest).map(|seen| match seen {
            Seen::Ids(ids) => {
                assert!((1..=1000).contains(&ids.len()));
                assert!(ids.iter().all(|&id| i64::try_from(id).is_ok()));
            }
            Seen::Until(id) => assert!(i64::try_from(id).is_ok()),
        }),
        3 => check_query(rest),
        _ => check_desk(rest),
    };
    if let Err(error) = result {
        check(&error);
    }
}

fn check_change(change: Change) {
    check_name(change.name.flatten().as_ref());
    assert!(change.volume.is_none_or(|volume| volume.percent() <= 200));
    if let Some(seconds) = change.mute_end.seconds() {
        assert!((1..=604_800).contains(&seconds));
        assert_eq!(change.muted, Some(true));
    }
}

fn check_name(name: Option<&Name>) {
    let chars = name.map_or(1, |name| name.as_str().chars().count());
    assert!((1..=MAX_NAME_CHARS).contains(&chars));
}

/// Each client has the place that its list says.
fn check_groups(body: &[u8]) -> Result<(), ApiError> {
    let (_, wanted) = groups::parse(body)?;
    assert!(wanted.len() <= MAX_GROUPS);
    let arrangement = Arrangement::default().changed(wanted.clone());
    let clients = wanted.iter().flat_map(|group| &group.clients);
    assert_eq!(arrangement.placed().count(), clients.count());
    for (group, wanted) in arrangement.groups().iter().zip(&wanted) {
        check_name(Some(&group.name));
        for (place, &ssrc) in (0..).zip(&wanted.clients) {
            assert_eq!(arrangement.place(ssrc), Some((group.id, place)));
        }
    }
    Ok(())
}

/// The database and the memory choose the same entries.
fn check_query(text: &[u8]) -> Result<(), ApiError> {
    let text = String::from_utf8_lossy(text);
    let Ok(uri) = Uri::try_from(format!("/api/log?{text}")) else {
        return Ok(());
    };
    let Ok(Query(fields)) = Query::<Vec<(String, String)>>::try_from_uri(&uri) else {
        return Ok(());
    };
    let query = log::parse_query(&fields)?;
    assert!((1..=10_000).contains(&query.limit));
    log_table::check(&query);
    Ok(())
}

fn check_desk(value: &[u8]) -> Result<(), ApiError> {
    let Ok(value) = HeaderValue::from_bytes(value) else {
        return Ok(());
    };
    let mut headers = HeaderMap::new();
    headers.insert(desk::HEADER, value);
    assert_eq!(desk::of(&Method::GET, &headers), Ok(None));
    check_name(desk::of(&Method::PUT, &headers)?.as_ref());
    Ok(())
}

/// A refusal can be shown.
pub(crate) fn check(error: &ApiError) {
    assert!(error.status.is_client_error(), "{error:?}");
    let chars = error.message.chars().count();
    assert!((1..=MAX_MESSAGE_CHARS).contains(&chars), "{error:?}");
    assert!(!error.message.chars().any(char::is_control), "{error:?}");
}
