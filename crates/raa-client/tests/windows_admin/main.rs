//! The real program as an administrator's script sees it: options, exit codes, registry, files.
//!
//! Runs on Windows and under Wine. It removes the value "raa-client" of the user's `Run` key and
//! ends the client that is running in this session.
//! Always: settings and log are in a temporary folder; only loopback addresses are used.

#![cfg(windows)]
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used)]

mod case;
mod options;
mod rollout;
mod settings;
