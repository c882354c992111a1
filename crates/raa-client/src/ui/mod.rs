//! The user interface without its windows: texts, views, the settings form, diagnostics, log file.
//!
//! Always: no window and no registry, so it is tested on every system.

pub(crate) mod diagnostics;
pub(crate) mod form;
pub(crate) mod log_file;
pub(crate) mod server_test;
pub(crate) mod texts;
pub(crate) mod view;
