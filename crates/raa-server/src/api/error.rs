//! The errors of the API: a code for programs and a sentence for people.
//!
//! Always: an error is JSON, whatever went wrong; the sentence names the field, the value, and what
//! it must be.

use std::time::Duration;

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use raa_core::settings::is_hidden;
use serde::Serialize;
use utoipa::ToSchema;

use crate::control::ControlError;
use crate::store::StoreError;
use crate::websocket::HandshakeError;

/// Longest quotation from a request, in characters.
const MAX_QUOTED_CHARS: usize = 80;

/// A response other than 2xx.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// Constant for programs.
    pub(crate) code: &'static str,
    /// Sentence for people.
    pub(crate) message: String,
    /// Time after which the request may succeed.
    pub(crate) retry_after: Option<Duration>,
}

/// The body of every response other than 2xx.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// Reason of the refusal.
    pub(crate) error: ErrorDetail,
}

/// The reason of a refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorDetail {
    /// Constant for programs.
    #[schema(example = "value_out_of_range")]
    pub(crate) code: &'static str,
    /// Sentence for people. It names the field, the value, and what the value must be.
    #[schema(example = "volume is 250; it must be a whole number from 0 to 200")]
    pub(crate) message: String,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
        }
    }

    /// Adds the time after which the request may succeed.
    pub(crate) fn retry_after(self, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..self
        }
    }

    /// The requester has as many WebSockets as one may have.
    pub(crate) fn too_many_sockets() -> Self {
        let message = "this address has as many WebSockets as max_listeners_per_address in \
            raa-server.toml allows";
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_listeners_of_address",
            message,
        )
        .retry_after(Duration::from_secs(1))
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(crate) fn method_not_allowed(method: &Method, uri: &Uri) -> Self {
        let (method, path) = (quoted(method.as_str()), quoted(uri.path()));
        let message = format!("{path} does not support the method {method}");
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            message,
        )
    }

    pub(crate) fn engine_unavailable() -> Self {
        let message = "the audio engine does not respond";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "engine_unavailable",
            message,
        )
    }

    pub(crate) fn body(self) -> ErrorBody {
        ErrorBody {
            error: ErrorDetail {
                code: self.code,
                message: self.message,
            },
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.status, self.retry_after);
        let mut response = (status, Json(self.body())).into_response();
        if let Some(wait) = retry_after {
            // In whole seconds (RFC 9110 section 10.2.3).
            let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<ControlError> for ApiError {
    fn from(error: ControlError) -> Self {
        let (status, code) = match &error {
            ControlError::Unknown(_) => (StatusCode::NOT_FOUND, "not_found"),
            ControlError::Connected(_) => (StatusCode::CONFLICT, "client_connected"),
            ControlError::NotStored(StoreError::Locked(_)) => {
                (StatusCode::SERVICE_UNAVAILABLE, "store_locked")
            }
            ControlError::TooManyConfigured(_) => {
                (StatusCode::CONFLICT, "too_many_configured_clients")
            }
            ControlError::NoEntry(_) => (StatusCode::NOT_FOUND, "not_found"),
            ControlError::NotUndoable(..) => (StatusCode::UNPROCESSABLE_ENTITY, "not_undoable"),
            ControlError::Undone(_) => (StatusCode::CONFLICT, "undone"),
            ControlError::ChangedSince(_) => (StatusCode::CONFLICT, "changed_since"),
            ControlError::NoPlace(_) => (StatusCode::UNPROCESSABLE_ENTITY, "value_out_of_range"),
            ControlError::NotStored(_) => (StatusCode::INSUFFICIENT_STORAGE, "not_kept"),
            ControlError::Unavailable => return Self::engine_unavailable(),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<HandshakeError> for ApiError {
    fn from(error: HandshakeError) -> Self {
        Self::new(
            StatusCode::UPGRADE_REQUIRED,
            "websocket_required",
            error.to_string(),
        )
    }
}

/// Makes text from a request fit for a sentence: shortened, and without characters that are invisible
/// or change how the sentence reads.
pub(crate) fn quoted(text: &str) -> String {
    let mut chars = text.chars().map(|c| {
        if c.is_control() || is_hidden(c) {
            '\u{fffd}'
        } else {
            c
        }
    });
    let mut short: String = chars.by_ref().take(MAX_QUOTED_CHARS).collect();
    if chars.next().is_some() {
        short.push('\u{2026}');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_short_and_printable() {
        assert_eq!(quoted("Ward 3"), "Ward 3");
        assert_eq!(quoted("a\u{1b}\n"), "a\u{fffd}\u{fffd}");
        assert_eq!(quoted("\u{202e}3\u{200b}"), "\u{fffd}3\u{fffd}");
        assert_eq!(quoted(&"é".repeat(81)), "é".repeat(80) + "…");
        assert_eq!(quoted(&"é".repeat(80)), "é".repeat(80));
    }
}
