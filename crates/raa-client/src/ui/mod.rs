//! The user interface without its windows: texts, views, the settings form, diagnostics, log file.
//!
//! Always: no window and no registry, so it is tested on every system.

#[cfg(any(windows, test))]
pub(crate) mod diagnostics;
#[cfg(any(windows, test))]
pub(crate) mod form;
#[cfg(any(windows, test))]
pub(crate) mod log_file;
pub(crate) mod server_test;
#[cfg(any(windows, test))]
pub(crate) mod texts;
#[cfg(any(windows, test))]
pub(crate) mod turn;
#[cfg(any(windows, test))]
pub(crate) mod view;
