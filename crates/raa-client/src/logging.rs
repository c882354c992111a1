//! Logging: plain lines on standard error, and the log levels.
//!
//! Always: state changes only, so about one line per second at most.

use tracing::Level;

/// The amount of logging; each level includes those above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogLevel {
    /// What ends the client.
    Error,
    /// What prevents sound from being sent.
    Warn,
    /// Changes of state.
    #[default]
    Info,
    /// Details for troubleshooting.
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

/// Starts logging; calls after the first change nothing.
#[cfg(unix)]
pub(crate) fn init(level: LogLevel) {
    let log = tracing_subscriber::fmt()
        .with_max_level(Level::from(level))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    // Fails only if logging has been started already.
    let _ = log.try_init();
}
