//! Logging: plain lines on standard error, and the log levels.
//!
//! Always: state changes only, so about one line per second at most; a line that cannot be written,
//! because the disk is full or the reader has gone, is counted and stops nothing.

#[cfg(any(unix, test))]
use std::io::{self, Write};
#[cfg(unix)]
use std::sync::Mutex;

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
        .with_writer(Mutex::new(Lines::new(io::stderr())))
        // It would print the error to standard error, and panic if that fails, too.
        .log_internal_errors(false)
        .with_ansi(false)
        .with_target(false);
    // Fails only if logging has been started already.
    let _ = log.try_init();
}

/// Writes whole lines; a line that fails is reported before the next one that can be written.
#[cfg(any(unix, test))]
struct Lines<W> {
    out: W,
    /// Lines that could not be written and are not reported yet.
    failed: u64,
}

#[cfg(any(unix, test))]
impl<W: Write> Lines<W> {
    fn new(out: W) -> Self {
        Self { out, failed: 0 }
    }

    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        if self.failed > 0 {
            // The line before it may have been cut off.
            let failed = self.failed;
            let report =
                format!("\n WARN {failed} log lines before this one could not be written\n");
            self.out.write_all(report.as_bytes())?;
            self.failed = 0;
        }
        self.out.write_all(line)
    }
}

#[cfg(any(unix, test))]
impl<W: Write> Write for Lines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.put(line).is_err() {
            self.failed += 1;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that is full for a time.
    #[derive(Default)]
    struct Disk {
        text: Vec<u8>,
        is_full: bool,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.is_full {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.text.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_costs_only_its_lines() {
        let mut lines = Lines::new(Disk::default());
        for (is_full, line) in [
            (false, "one"),
            (true, "two"),
            (true, "three"),
            (false, "four"),
        ] {
            lines.out.is_full = is_full;
            lines.write_all(format!("{line}\n").as_bytes()).unwrap();
        }
        let text = String::from_utf8(lines.out.text).unwrap();
        let expected = "one\n\n WARN 2 log lines before this one could not be written\nfour\n";
        assert_eq!(text, expected);
    }
}
