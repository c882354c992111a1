//! Entry points of the fuzz targets, which `fuzz/` calls and the tests replay on its corpora.
//!
//! Always: compiled only for fuzzing and for tests; each target accepts any bytes, and panics if an
//! invariant of the core is broken.

mod hub;
mod input;
mod packetizer;
mod parsers;
mod probation;

/// A target's name, which is also that of its corpus, and its entry point.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 7] = [
    ("rtp", parsers::rtp),
    ("rtcp", parsers::rtcp),
    ("red", parsers::red),
    ("framing", parsers::framing),
    ("probation", probation::packets),
    ("hub", hub::events),
    ("packetizer", packetizer::events),
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
    replay::replay(&TARGETS);
}
