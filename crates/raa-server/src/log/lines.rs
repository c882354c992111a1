//! A thread that writes log lines from a bounded queue.
//!
//! Always: queueing a line returns at once, whatever the reader of stdout does; a write that fails
//! costs its line and nothing more; when lines are missing, a line with their number is written as
//! soon as one can be.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use super::json;

/// Length of the queue: hours of a quiet server, which logs its statistics every 5 s.
const CAPACITY: usize = 4096;

enum Item {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// A handle to the queue; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    queue: SyncSender<Item>,
    dropped: Arc<AtomicU64>,
}

impl Lines {
    /// Starts the thread, which writes to `out`.
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (queue, items) = sync_channel(CAPACITY);
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = dropped.clone();
        thread::Builder::new()
            .name("log".into())
            .spawn(move || write_all(&items, Output::new(out), &counter))?;
        Ok(Self { queue, dropped })
    }

    /// Waits until all lines queued so far are written, but no longer than `limit`.
    pub(super) fn flush(&self, limit: Duration) {
        let (done, written) = sync_channel(1);
        // A full queue means that the reader is stuck, so waiting would not help.
        if self.queue.try_send(Item::Flush(done)).is_ok() {
            let _ = written.recv_timeout(limit);
        }
    }

    fn push(&self, line: Vec<u8>) {
        if self.queue.try_send(Item::Line(line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write_all(items: &Receiver<Item>, mut out: Output<impl Write>, dropped: &AtomicU64) {
    for item in items {
        match item {
            Item::Line(line) => out.write(&line),
            // The waiting thread may have given up.
            Item::Flush(done) => _ = done.try_send(()),
        }
        let missing = dropped.swap(0, Ordering::Relaxed);
        if missing > 0 {
            out.write(json::dropped_lines(missing).as_bytes());
        }
    }
}

/// The place that lines are written to, which may refuse them for a time: a full disk, a quota.
struct Output<W> {
    out: W,
    /// Lines that could not be written and are not reported yet.
    failed: u64,
    /// Why the last of them failed.
    reason: String,
    /// A write has ended in the middle of a line.
    is_torn: bool,
}

impl<W: Write> Output<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            failed: 0,
            reason: String::new(),
            is_torn: false,
        }
    }

    /// Writes a line, after the report about the lines that are missing before it. If that fails,
    /// the line is one of them.
    fn write(&mut self, line: &[u8]) {
        let written = self.report().and_then(|()| self.put(line));
        if let Err(error) = written {
            self.failed += 1;
            self.reason = error.to_string();
        }
    }

    fn report(&mut self) -> io::Result<()> {
        if self.failed > 0 {
            let report = json::failed_lines(self.failed, &self.reason);
            self.put(report.as_bytes())?;
            self.failed = 0;
        }
        Ok(())
    }

    /// Writes bytes that end a line.
    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.out.write_all(b"\n")?;
            self.is_torn = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => {
                    rest = &rest[len..];
                    self.is_torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.out.flush()
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            lines: self,
            text: Vec::new(),
        }
    }
}

/// A line that is being built. It is queued when dropped.
pub(super) struct Line<'a> {
    lines: &'a Lines,
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
            self.lines.push(std::mem::take(&mut self.text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Condvar, Mutex};

    /// A pipe that blocks until it is opened.
    #[derive(Default)]
    struct Pipe {
        open: Mutex<bool>,
        opened: Condvar,
        written: Mutex<Vec<u8>>,
    }

    struct End(Arc<Pipe>);

    impl Write for End {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let open = self.0.open.lock().unwrap();
            drop(self.0.opened.wait_while(open, |open| !*open).unwrap());
            self.0.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stuck_reader_loses_lines_without_blocking() {
        let pipe = Arc::new(Pipe::default());
        let lines = Lines::start(End(pipe.clone())).unwrap();
        for number in 0..CAPACITY + 100 {
            writeln!(lines.make_writer(), "{number}").unwrap();
        }
        *pipe.open.lock().unwrap() = true;
        pipe.opened.notify_all();
        // The queue may still be full at first.
        let written = loop {
            lines.flush(Duration::from_secs(5));
            let written = String::from_utf8(pipe.written.lock().unwrap().clone()).unwrap();
            if written.lines().count() > CAPACITY {
                break written;
            }
        };
        assert!(written.contains("log lines were dropped"), "{written}");
        assert!(written.contains("\n100\n"), "queued lines are complete");
    }

    /// A disk of this many bytes.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

    impl Disk {
        fn grow(&self, bytes: usize) {
            self.0.lock().unwrap().1 += bytes;
        }

        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().0.clone()).unwrap()
        }
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (written, size) = &mut *self.0.lock().unwrap();
            let len = bytes.len().min(*size - written.len());
            if len == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            written.extend_from_slice(&bytes[..len]);
            Ok(len)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_costs_only_its_lines() {
        let disk = Disk::default();
        let mut out = Output::new(disk.clone());
        disk.grow(9);
        for line in ["one\n", "two\n", "three\n", "four\n"] {
            out.write(line.as_bytes());
        }
        assert_eq!(disk.text(), "one\ntwo\nt", "the disk was full in a line");
        // The report does not fit yet, so the line counts as missing, too.
        disk.grow(2);
        out.write(b"five\n");
        disk.grow(1000);
        out.write(b"six\n");
        out.write(b"seven\n");
        let text = disk.text();
        let lines: Vec<&str> = text.lines().collect();
        let [one, two, torn, torn_report, report, six, seven] = lines[..] else {
            panic!("{text}");
        };
        assert_eq!([one, two, torn, torn_report], ["one", "two", "t", "{"]);
        let report: serde_json::Value = serde_json::from_str(report).unwrap();
        assert_eq!(report["dropped"], 3, "three, four and five");
        assert!(
            report["reason"]
                .as_str()
                .is_some_and(|reason| !reason.is_empty())
        );
        assert_eq!([six, seven], ["six", "seven"]);
    }
}
