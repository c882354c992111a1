//! What the client with a tray icon shows and writes: its texts, its settings form, its log file.
//!
//! Always: no window, no registry; so it is tested wherever the project is.

pub mod diagnostics;
pub mod log_file;
pub mod server_test;
pub mod texts;
pub mod view;
