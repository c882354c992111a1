//! The parts that both doctors need, the server's and the client's: the report, and the state of a Linux computer.
//!
//! A doctor first gathers facts, then judges them, then reports. The judgement is pure, so each of its
//! words has a test; gathering only reads. Always: nothing that a doctor looks at is changed by it; a fact
//! that can't be seen is said to be unknown, never guessed.

pub mod clock;
pub mod command;
pub mod ports;
pub mod processes;
pub mod report;
