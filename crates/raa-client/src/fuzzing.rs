//! Entry points of the fuzz targets, which `fuzz/` calls and the tests replay on its corpora.
//!
//! Always: compiled only for fuzzing and for tests; each target accepts any bytes, and panics if an
//! invariant of the client is broken.

use crate::capture::fuzzing::wav;
#[cfg(unix)]
use crate::settings::fuzzing::toml;
use crate::settings::fuzzing::{addresses, arguments, ini};

/// A target's name, which is also that of its corpus, and its entry point.
type Target = (&'static str, fn(&[u8]));

const TARGETS: &[Target] = &[
    ("client_addresses", addresses),
    ("client_arguments", arguments),
    ("client_ini", ini),
    #[cfg(unix)]
    ("client_toml", toml),
    ("client_wav", wav),
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
