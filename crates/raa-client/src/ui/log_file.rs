//! The log file of a client that runs unattended for years: it stays small.
//!
//! One line per event, with the time in UTC. At 1 MB the file replaces the old one, so the two never
//! exceed 2 MB. A thread of its own writes the lines, because a file on a network share may keep its
//! writer waiting for minutes, and the threads that log are those that capture and send
//! ([`writer`]).
//!
//! Always: in the long run at most one line per second, in a burst at most 20; logging never fails and
//! never waits for the file; what a full disk or a slow one costs is lines, whose number is logged
//! afterwards.

mod rate;
mod writer;

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

use self::rate::Rate;
use self::writer::Queue;
use crate::logging::LogLevel;

/// The name of the log file.
pub(crate) const LOG_NAME: &str = "raa-client.log";
/// The name of the log file before that.
pub(crate) const OLD_LOG_NAME: &str = "raa-client.old.log";

/// How long the end of the process may wait for the last lines; a crash waits as long.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// The log of this process, once it has been started.
static STARTED: OnceLock<LogFile> = OnceLock::new();

/// A log file; clones write to the same file.
#[derive(Debug, Clone)]
pub(crate) struct LogFile(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Queue,
    rate: Mutex<Rate>,
}

/// Waits until the lines logged so far are in the file of [`LogFile::start`], for up to 2 s. For the
/// end of the process.
pub(crate) fn flush() {
    if let Some(log) = STARTED.get() {
        log.0.queue.flush(FLUSH_LIMIT);
    }
}

impl LogFile {
    /// Creates a log at `path`; the file is created with the first line.
    pub(crate) fn new(path: &Path) -> Self {
        Self(Arc::new(Shared {
            queue: Queue::new(path),
            rate: Mutex::new(Rate::new(Instant::now())),
        }))
    }

    /// Starts logging events of this and higher levels, and panics; calls after the first change
    /// nothing.
    pub(crate) fn start(&self, level: LogLevel) {
        let log = tracing_subscriber::fmt()
            .with_max_level(Level::from(level))
            .with_writer(self.clone())
            .log_internal_errors(false)
            .with_ansi(false)
            .with_target(false);
        // Fails only if logging has been started already.
        if log.try_init().is_ok() {
            let _ = STARTED.set(self.clone());
            self.log_panics();
        }
    }

    /// Logs panics, at any rate.
    fn log_panics(&self) {
        let log = self.clone();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = std::thread::current();
            let thread = thread.name().unwrap_or("unnamed").to_owned();
            let time = timestamp();
            let queue = &log.0.queue;
            queue.push(format!(
                "{time} ERROR the client has crashed: {panic} (thread {thread})"
            ));
            // The process may be gone as soon as this returns.
            queue.flush(FLUSH_LIMIT);
            before(panic);
        }));
    }

    /// Writes the line unless there are too many.
    fn write(&self, now: Instant, line: &str) {
        let admitted = {
            let mut rate = self.0.rate.lock().unwrap_or_else(PoisonError::into_inner);
            rate.admit(now)
        };
        let Some(skipped) = admitted else { return };
        if skipped > 0 {
            self.0.queue.push(format!(
                "{}  WARN {skipped} lines were skipped: more than one per second",
                timestamp()
            ));
        }
        self.0.queue.push(line.to_owned());
    }
}

/// Returns the current time in the format of the other lines.
fn timestamp() -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = LogLine<'a>;

    fn make_writer(&'a self) -> LogLine<'a> {
        LogLine {
            log: self,
            text: Vec::new(),
        }
    }
}

/// A line that is written to the log on drop.
#[derive(Debug)]
pub(crate) struct LogLine<'a> {
    log: &'a LogFile,
    text: Vec<u8>,
}

impl Write for LogLine<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogLine<'_> {
    fn drop(&mut self) {
        if !self.text.is_empty() {
            let text = String::from_utf8_lossy(&self.text);
            self.log.write(Instant::now(), &text);
        }
    }
}

#[cfg(test)]
mod tests;
