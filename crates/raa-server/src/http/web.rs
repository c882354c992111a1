//! Serves the page's files.
//!
//! Always: browsers revalidate every file and get 304 if it is unchanged, so an updated server has an
//! updated page at once.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::page::Page;
use crate::api::error::{ApiError, quoted};

/// Handles every request that matches no route.
pub(super) async fn file(
    State(page): State<Arc<Page>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let path = uri.path().trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    let Some(data) = page.read(path).await else {
        return Err(ApiError::not_found(format!(
            "there is no file {}",
            quoted(uri.path())
        )));
    };
    if method != Method::GET && method != Method::HEAD {
        return Err(ApiError::method_not_allowed(&method, &uri));
    }
    let tag = entity_tag(&data);
    let unchanged = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|known| matches(known, &tag));
    let common = [
        (ETAG, tag.as_str()),
        (CACHE_CONTROL, "no-cache"),
        // Pages of other origins import player.js; the files contain no secrets.
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    if unchanged {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    Ok((common, [(CONTENT_TYPE, content_type(path))], data).into_response())
}

fn entity_tag(data: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

/// Returns whether a browser's list of tags contains this one (RFC 9110 section 13.1.2).
fn matches(known: &str, tag: &str) -> bool {
    known
        .split(',')
        .map(str::trim)
        .any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "wasm" => "application/wasm",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        "" | "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::super::page::Embedded;
    use super::*;

    #[test]
    fn tags_are_compared_as_rfc_9110_requires() {
        let tag = entity_tag(b"x");
        assert!(matches(&tag, &tag));
        assert!(matches(&format!("\"a\", W/{tag} ,\"b\""), &tag));
        assert!(matches("*", &tag));
        assert!(!matches("\"a\"", &tag));
        assert_ne!(entity_tag(b"y"), tag);
    }

    #[test]
    fn every_embedded_file_has_a_known_type() {
        let files: Vec<_> = Embedded::iter().collect();
        assert!(files.iter().any(|path| path == "index.html"));
        for path in files {
            assert_ne!(content_type(&path), "application/octet-stream", "{path}");
        }
    }
}
