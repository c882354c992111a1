//! Entry points of the fuzz targets, which `fuzz/` calls and the tests replay on its corpora.
//!
//! Always: compiled only for fuzzing and for tests; each target accepts any bytes, and panics if an
//! invariant of the server is broken.

use crate::access::fuzzing::headers;
use crate::api::fuzzing::{requests, room};
use crate::config::fuzzing::config;
use crate::live::fuzzing::page_message;
use crate::outputs::ws::fuzzing::websocket;

/// A target's name, which is also that of its corpus, and its entry point.
type Target = (&'static str, fn(&[u8]));

const TARGETS: &[Target] = &[
    ("server_access", headers),
    ("server_config", config),
    ("server_page_message", page_message),
    ("server_requests", requests),
    ("server_room", room),
    ("server_websocket", websocket),
];

/// Runs a target on one input.
#[cfg(fuzzing)]
pub fn run(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = target.expect("the target is in the table");
    target(input);
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
#[test]
fn corpora_break_no_invariant() {
    replay::replay(TARGETS);
}
