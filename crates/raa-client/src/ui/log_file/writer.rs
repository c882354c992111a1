//! The thread that writes the log file, behind a queue.
//!
//! The file is opened for each line, so that another process may write to it, too, and a person may
//! delete it. On a redirected folder, each of these calls may last as long as a time-out of the
//! network.
//!
//! Always: the queue is bounded, and putting a line in never waits; a line for which there is no place
//! is counted.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::{OLD_LOG_NAME, timestamp};

/// Lines that wait for the writer: a minute of them at the rate that the log allows.
const QUEUE: usize = 64;
/// The maximum size of a log file.
pub(super) const MAX_BYTES: u64 = 1_000_000;
/// The maximum length of a line, including its end.
pub(super) const MAX_LINE_BYTES: usize = 4096;
/// The pause between two attempts to put a flush into a full queue.
const RETRY_EVERY: Duration = Duration::from_millis(5);

/// The sending end of the queue.
#[derive(Debug)]
pub(super) struct Queue {
    sender: SyncSender<Job>,
    /// Lines that found no place and are not reported yet.
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Job {
    Line(String),
    /// Answer once everything before is in the file.
    Flush(SyncSender<()>),
}

impl Queue {
    /// Starts the thread. Without one, every line is lost.
    pub(super) fn new(path: &Path) -> Self {
        let (sender, jobs) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let mut file = File::new(path, Arc::clone(&lost));
        let run = move || file.run(&jobs);
        // A program whose log cannot be written still captures and sends.
        let _ = thread::Builder::new().name("log".into()).spawn(run);
        Self { sender, lost }
    }

    /// Puts a line in, unless the queue is full.
    pub(super) fn push(&self, line: String) {
        if self.sender.try_send(Job::Line(line)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all lines so far are written, for up to `limit`.
    pub(super) fn flush(&self, limit: Duration) {
        let start = Instant::now();
        let (sender, answer) = sync_channel(1);
        let mut job = Job::Flush(sender);
        while let Err(TrySendError::Full(refused)) = self.sender.try_send(job) {
            if start.elapsed() >= limit {
                return;
            }
            job = refused;
            thread::sleep(RETRY_EVERY);
        }
        // Without a thread, the sender of the answer is gone already.
        let _ = answer.recv_timeout(limit.saturating_sub(start.elapsed()));
    }
}

/// The file, owned by the thread.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    lost: Arc<AtomicU64>,
    /// Lines that could not be written and are not reported yet.
    failed: u64,
}

impl File {
    pub(super) fn new(path: &Path, lost: Arc<AtomicU64>) -> Self {
        let path = path.to_owned();
        let failed = 0;
        Self { path, lost, failed }
    }

    fn run(&mut self, jobs: &Receiver<Job>) {
        for job in jobs {
            match job {
                Job::Line(line) => self.write(&line),
                // A flush whose time is over is no longer waited for.
                Job::Flush(answer) => drop(answer.try_send(())),
            }
        }
    }

    /// Writes the line, and before it how many are missing.
    pub(super) fn write(&mut self, line: &str) {
        self.failed += self.lost.swap(0, Ordering::Relaxed);
        if self.failed > 0 {
            let (time, failed) = (timestamp(), self.failed);
            let report =
                format!("{time}  WARN {failed} lines before this one could not be written");
            if append(&self.path, &one_line(&report)).is_err() {
                self.failed += 1;
                return;
            }
            self.failed = 0;
        }
        if append(&self.path, &one_line(line)).is_err() {
            self.failed += 1;
        }
    }
}

/// Appends one line to the file at `path`; a full file becomes the old one first.
pub(super) fn append(path: &Path, line: &str) -> io::Result<()> {
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
pub(super) fn one_line(text: &str) -> String {
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
