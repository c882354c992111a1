//! The log: plain lines for people on standard error.
//!
//! Always: state changes only, so at most about a line a second.

use serde::Deserialize;
use tracing::Level;

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What ends the client.
    Error,
    /// What keeps sound from being sent, too.
    Warn,
    /// Changes of state, too.
    #[default]
    Info,
    /// Details for those who look for a fault, too.
    Debug,
    /// Everything.
    Trace,
}

impl From<LogLevel> for Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

/// Logs from here on. Once per process; later calls change nothing.
pub fn init(level: LogLevel) {
    let log = tracing_subscriber::fmt()
        .with_max_level(Level::from(level))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    // A second call finds a log in place, which is as good.
    let _ = log.try_init();
}
