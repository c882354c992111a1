//! The state that a page reports: whether it is a wall, and whether it plays.
//!
//! Always: a page's messages are bounded in length, and only four a second are looked at; the newest of
//! more counts. A wrong message changes nothing and is answered with the reason.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use raa_core::settings::Name;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::pace::text;
use crate::api::body::{self, sentence, wrong_type};
use crate::api::error::ApiError;
use crate::watch::Watch;
use crate::watch::walls::{WallReport, WallState};

/// Shortest time between two messages that are looked at.
const EVERY: Duration = Duration::from_millis(250);
/// Longest message in bytes.
const MAX_MESSAGE: usize = 1024;
/// Longest delay that a page can report, in ms.
const MAX_DELAY_MS: u32 = 60_000;

/// A message that a page may send: what it is, and whether it plays.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documentation: the fields are read by hand")]
pub(crate) struct PageMessage {
    /// Always `page`.
    #[schema(example = "page")]
    r#type: String,
    /// `wall`: nobody sits at it, so that others must know whether it plays; `desk`: it is not listed.
    #[schema(example = "wall")]
    view: String,
    /// Name of the wall, 1 to 64 characters.
    #[schema(required = false, example = "Wall north")]
    name: String,
    /// `playing`, `needs_click`, `stopped` or `no_sound`.
    #[schema(required = false, example = "playing")]
    state: String,
    /// Delay from the server's mix to the loudspeaker in ms, 0 to 60000; null if it is not known.
    #[schema(required = false, example = 84)]
    delay_ms: Option<u32>,
}

/// A message of type `refused`: a message of the page is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusedMessage {
    /// Always `refused`.
    #[schema(example = "refused")]
    r#type: &'static str,
    /// Sentence for people. It names the field, the value, and what the value must be.
    #[schema(example = "state is \"loud\"; it must be playing, needs_click, stopped or no_sound")]
    message: String,
}

/// The page of one connection. When it is dropped, its wall is gone.
#[derive(Debug)]
pub(super) struct Reporter {
    watch: Watch,
    address: IpAddr,
    wall: Option<u32>,
    /// The newest message that was not looked at.
    waiting: Option<Utf8Bytes>,
    looked: Option<Instant>,
}

impl Reporter {
    pub(super) fn new(watch: Watch, address: IpAddr) -> Self {
        Self {
            watch,
            address,
            wall: None,
            waiting: None,
            looked: None,
        }
    }

    /// Takes a message, which is looked at when it is due.
    pub(super) fn take(&mut self, message: Utf8Bytes) {
        self.waiting = Some(message);
    }

    /// Waits until a message is due, for ever if there is none.
    pub(super) async fn is_due(&self) {
        if self.waiting.is_none() {
            std::future::pending::<()>().await;
        }
        if let Some(looked) = self.looked {
            tokio::time::sleep_until(looked + EVERY).await;
        }
    }

    /// Looks at the message that is due. Returns the answer to a wrong one.
    pub(super) fn look(&mut self) -> Option<Utf8Bytes> {
        let message = self.waiting.take()?;
        self.looked = Some(Instant::now());
        let reason = match parse(&message) {
            Ok(report) => self.apply(report).err()?,
            Err(error) => error.message,
        };
        Some(text(&RefusedMessage {
            r#type: "refused",
            message: reason,
        }))
    }

    fn apply(&mut self, report: Option<WallReport>) -> Result<(), String> {
        let Some(report) = report else {
            self.leave(false);
            return Ok(());
        };
        let reported = self.watch.report_wall(self.wall, report, self.address);
        self.wall = Some(reported.map_err(|error| error.to_string())?);
        Ok(())
    }

    fn leave(&mut self, is_gone: bool) {
        if let Some(wall) = self.wall.take() {
            self.watch.end_wall(wall, is_gone);
        }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.leave(true);
    }
}

/// Reads a message; `None` if the page is no wall.
pub(super) fn parse(message: &str) -> Result<Option<WallReport>, ApiError> {
    if message.len() > MAX_MESSAGE {
        return Err(refused(format!(
            "the message is too long; it must have at most {MAX_MESSAGE} bytes"
        )));
    }
    let value: Value = serde_json::from_str(message)
        .map_err(|error| refused(format!("the message is not valid JSON: {error}")))?;
    let known = ["type", "view", "name", "state", "delay_ms"];
    let fields = body::fields("the message", &value, &known)?;
    let field = |name: &str| body::field(fields, name);
    if field("type") != "page" {
        return Err(wrong_type("type", field("type"), "page"));
    }
    match field("view").as_str() {
        Some("desk") => Ok(None),
        Some("wall") => Ok(Some(WallReport {
            name: name(field("name"))?,
            state: state(field("state"))?,
            delay_ms: delay(field("delay_ms"))?,
        })),
        _ => Err(wrong_type("view", field("view"), "wall or desk")),
    }
}

fn name(value: &Value) -> Result<Name, ApiError> {
    let text = value.as_str();
    let text = text.ok_or_else(|| wrong_type("name", value, "a text of 1 to 64 characters"))?;
    Name::new(text).map_err(|error| refused(error.to_string()))
}

fn state(value: &Value) -> Result<WallState, ApiError> {
    let allowed = "playing, needs_click, stopped or no_sound";
    let state = value.as_str().and_then(WallState::reported);
    state.ok_or_else(|| wrong_type("state", value, allowed))
}

fn delay(value: &Value) -> Result<Option<u32>, ApiError> {
    if value.is_null() {
        return Ok(None);
    }
    let allowed = "a number from 0 to 60000, or null";
    let ms = value
        .as_f64()
        .filter(|ms| (0.0..=MAX_DELAY_MS.into()).contains(ms));
    // It is in range.
    let ms = ms.ok_or_else(|| refused(sentence("delay_ms", value, allowed)))?;
    Ok(Some(ms.round() as u32))
}

fn refused(message: String) -> ApiError {
    crate::api::body::unprocessable("value_out_of_range", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_says_whether_it_plays() {
        let message =
            r#"{"type":"page","view":"wall","name":"North","state":"needs_click","delay_ms":83.6}"#;
        let report = WallReport {
            name: Name::new("North").unwrap(),
            state: WallState::NeedsClick,
            delay_ms: Some(84),
        };
        assert_eq!(parse(message), Ok(Some(report)));
        assert_eq!(parse(r#"{"type":"page","view":"desk"}"#), Ok(None));
    }

    #[test]
    fn wrong_messages_are_refused_by_name() {
        let wall = |rest: &str| format!(r#"{{"type":"page","view":"wall",{rest}}}"#);
        for (message, reason) in [
            ("x".into(), "not valid JSON"),
            ("7".into(), "the message is 7; it must be a JSON object"),
            ("{}".into(), "type is null; it must be page"),
            (
                r#"{"type":"page","view":"sofa"}"#.into(),
                "view is \"sofa\"; it must be wall or desk",
            ),
            (wall(r#""name":7"#), "name is 7; it must be a text"),
            (wall(r#""name":"\u202e""#), "name has no visible character"),
            (
                wall(r#""name":"a","state":"gone""#),
                "state is \"gone\"; it must be playing",
            ),
            (
                wall(r#""name":"a","state":"stopped","delay_ms":-1"#),
                "delay_ms is -1; it must be",
            ),
            (wall(r#""name":"a","x":1"#), "\"x\" is unknown"),
            (format!("\"{}\"", "x".repeat(1100)), "at most 1024 bytes"),
        ] {
            let error = parse(&message).expect_err(&message);
            assert!(
                error.message.contains(reason),
                "{message}: {}",
                error.message
            );
        }
    }
}
