//! The log file of a client that runs unattended for years: it stays small.
//!
//! One line per event, with the time in UTC. At 1 MB the file replaces the old one, so the two never
//! exceed 2 MB. The file is opened for each line, so that another process may write to it, too, and a
//! person may delete it.
//!
//! Always: in the long run at most one line per second, in a burst at most 20; logging never fails,
//! and a full disk costs only lines, whose number is logged afterwards.

mod rate;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

use self::rate::Rate;
use crate::logging::LogLevel;

/// The name of the log file.
pub(crate) const LOG_NAME: &str = "raa-client.log";
/// The name of the log file before that.
pub(crate) const OLD_LOG_NAME: &str = "raa-client.old.log";

/// The maximum size of a log file.
const MAX_BYTES: u64 = 1_000_000;
/// The maximum length of a line, including its end.
const MAX_LINE_BYTES: usize = 4096;

/// A log file; clones write to the same file.
#[derive(Debug, Clone)]
pub(crate) struct LogFile(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    rate: Mutex<Rate>,
    /// Lines that could not be written and are not reported yet.
    failed: AtomicU64,
}

impl LogFile {
    /// Creates a log at `path`; the file is created with the first line.
    pub(crate) fn new(path: &Path) -> Self {
        Self(Arc::new(Shared {
            path: path.to_owned(),
            rate: Mutex::new(Rate::new(Instant::now())),
            failed: AtomicU64::new(0),
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
            log.append(&format!(
                "{} ERROR the client has crashed: {panic} (thread {thread})",
                timestamp()
            ));
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
            self.append(&format!(
                "{}  WARN {skipped} lines were skipped: more than one per second",
                timestamp()
            ));
        }
        self.append(line);
    }

    fn append(&self, line: &str) {
        if self
            .report_failed()
            .and_then(|()| append(&self.0.path, &one_line(line)))
            .is_err()
        {
            self.0.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn report_failed(&self) -> io::Result<()> {
        let failed = self.0.failed.swap(0, Ordering::Relaxed);
        if failed == 0 {
            return Ok(());
        }
        let time = timestamp();
        let report = format!("{time}  WARN {failed} lines before this one could not be written");
        append(&self.0.path, &one_line(&report)).inspect_err(|_| {
            self.0.failed.fetch_add(failed, Ordering::Relaxed);
        })
    }
}

/// Appends one line to the file at `path`; a full file becomes the old one first.
fn append(path: &Path, line: &str) -> io::Result<()> {
    let bytes = fs::metadata(path).map_or(0, |file| file.len());
    if bytes + line.len() as u64 > MAX_BYTES {
        let old = path.with_file_name(OLD_LOG_NAME);
        // A file that cannot be renamed, because another program reads the old one, is emptied.
        fs::rename(path, old).or_else(|_| fs::write(path, ""))?;
    }
    if bytes == 0
        && let Some(folder) = path.parent()
    {
        fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(line.as_bytes())
}

/// Returns the text as one line of limited length.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for c in text.trim_end().chars() {
        if line.len() + c.len_utf8() > MAX_LINE_BYTES - "\r\n".len() {
            break;
        }
        line.push(if c.is_control() { ' ' } else { c });
    }
    // Old editors need both characters.
    line.push_str("\r\n");
    line
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
