//! What the client with a tray icon shows and writes: its texts, its settings form, its log file.
//!
//! Always: no window, no registry; so it is tested wherever the project is.

pub(crate) mod diagnostics;
pub(crate) mod log_file;
pub(crate) mod server_test;
pub(crate) mod texts;
pub(crate) mod view;
