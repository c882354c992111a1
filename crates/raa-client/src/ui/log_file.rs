//! The log of a client that runs for years without anybody looking: a file that stays small.
//!
//! One line per event, with the time in UTC. At 1 MB the file becomes the old one, in place of
//! the one before, so both together have 2 MB at most. The file is opened for each line, so that
//! another process may log to it as well and a person may delete it.
//! Always: never more than a line a second in the long run, and 20 at once; whoever logs never
//! gets an error and a full disk costs lines only.

mod rate;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

use self::rate::Rate;
use crate::logging::LogLevel;

/// The name of the log.
pub(crate) const LOG_NAME: &str = "raa-client.log";
/// The name of the log before that.
pub(crate) const OLD_LOG_NAME: &str = "raa-client.old.log";

/// How large a log becomes.
const MAX_BYTES: u64 = 1_000_000;
/// How long a line becomes, its end included.
const MAX_LINE_BYTES: usize = 4096;

/// See the module's text; a clone is another hand on the same file.
#[derive(Debug, Clone)]
pub(crate) struct LogFile(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    rate: Mutex<Rate>,
}

impl LogFile {
    /// A log at `path`; the file is made when there is a line for it.
    pub(crate) fn new(path: &Path) -> Self {
        Self(Arc::new(Shared {
            path: path.to_owned(),
            rate: Mutex::new(Rate::new(Instant::now())),
        }))
    }

    /// Logs events of this and higher levels from here on, and what makes the program panic. Once
    /// per process; later calls change nothing.
    pub(crate) fn start(&self, level: LogLevel) {
        let log = tracing_subscriber::fmt()
            .with_max_level(Level::from(level))
            .with_writer(self.clone())
            .log_internal_errors(false)
            .with_ansi(false)
            .with_target(false);
        // A second call finds a log in place, which is as good.
        if log.try_init().is_ok() {
            self.log_panics();
        }
    }

    /// The last words of the program are written whatever the rate.
    fn log_panics(&self) {
        let log = self.clone();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = std::thread::current();
            let thread = thread.name().unwrap_or("unnamed").to_owned();
            log.append(&format!(
                "{} ERROR a defect ends the client: {panic} (thread {thread})",
                timestamp()
            ));
            before(panic);
        }));
    }

    /// Writes the line if it is not one too many.
    fn write(&self, now: Instant, line: &str) {
        let admitted = {
            let mut rate = self.0.rate.lock().unwrap_or_else(PoisonError::into_inner);
            rate.admit(now)
        };
        let Some(left_out) = admitted else { return };
        if left_out > 0 {
            self.append(&format!(
                "{}  WARN {left_out} lines were left out: more than one a second",
                timestamp()
            ));
        }
        self.append(line);
    }

    fn append(&self, line: &str) {
        // There is nowhere to tell it.
        let _ = append(&self.0.path, &one_line(line));
    }
}

/// Appends one line to the file at `path`, which becomes the old one if it is full.
fn append(path: &Path, line: &str) -> io::Result<()> {
    let bytes = fs::metadata(path).map_or(0, |file| file.len());
    if bytes + line.len() as u64 > MAX_BYTES {
        let old = path.with_file_name(OLD_LOG_NAME);
        // One that cannot be renamed, because somebody reads the old one, is begun anew.
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

/// The text as one line that is not too long.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for c in text.trim_end().chars() {
        if line.len() + c.len_utf8() > MAX_LINE_BYTES - "\r\n".len() {
            break;
        }
        line.push(if c.is_control() { ' ' } else { c });
    }
    // Old editors show nothing else as lines.
    line.push_str("\r\n");
    line
}

/// Now, as the other lines have it.
fn timestamp() -> String {
    let mut text = String::new();
    // Writing to a text does not fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            log: self,
            text: Vec::new(),
        }
    }
}

/// One line in the making; it is written when dropped.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    log: &'a LogFile,
    text: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if !self.text.is_empty() {
            let text = String::from_utf8_lossy(&self.text);
            self.log.write(Instant::now(), &text);
        }
    }
}

#[cfg(test)]
mod tests;
