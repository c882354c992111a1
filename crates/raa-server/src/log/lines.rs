//! A thread that writes log lines from a bounded queue.
//!
//! Always: queueing a line returns at once, whatever the reader of stdout does; when lines were
//! dropped, a line with their number follows the next one that is written.

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
    /// Starts the thread, which writes to `out` until a write fails.
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (queue, items) = sync_channel(CAPACITY);
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = dropped.clone();
        thread::Builder::new()
            .name("log".into())
            // When the reader of the log has gone, there is no place left to report it.
            .spawn(move || _ = write_all(&items, out, &counter))?;
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

fn write_all(items: &Receiver<Item>, mut out: impl Write, dropped: &AtomicU64) -> io::Result<()> {
    for item in items {
        match item {
            Item::Line(line) => out.write_all(&line)?,
            // The waiting thread may have given up.
            Item::Flush(done) => _ = done.try_send(()),
        }
        let missing = dropped.swap(0, Ordering::Relaxed);
        if missing > 0 {
            out.write_all(json::dropped_lines(missing).as_bytes())?;
        }
        out.flush()?;
    }
    Ok(())
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
}
