//! What a client with a face needs beside capturing and sending: its settings file, its log file,
//! its words. All of it is independent of the system that shows it.
//!
//! Always: no window, no registry; so it is tested wherever the project is.

pub mod diagnostics;
pub mod face;
pub mod ini;
pub mod ini_settings;
pub mod log_file;
pub mod options;
pub mod server_test;
pub mod texts;
