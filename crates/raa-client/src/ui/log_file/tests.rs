//! The log file in a real folder.

use std::fs;
#[cfg(target_os = "linux")]
use std::io::{BufRead as _, BufReader};

use tempfile::TempDir;

#[cfg(target_os = "linux")]
use super::writer::append;
use super::writer::{File, MAX_BYTES, MAX_LINE_BYTES, one_line};
use super::*;

struct Case {
    folder: TempDir,
    log: LogFile,
}

impl Case {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        // The folder does not exist yet.
        let log = LogFile::new(&folder.path().join("raa-client").join(LOG_NAME));
        Self { folder, log }
    }

    /// Returns the writer of the same file, without the thread.
    fn file(&self) -> File {
        let path = self.folder.path().join("raa-client").join(LOG_NAME);
        File::new(&path, Arc::default())
    }

    fn text(&self, name: &str) -> String {
        self.log.0.queue.flush(Duration::from_secs(30));
        fs::read_to_string(self.folder.path().join("raa-client").join(name)).unwrap()
    }
}

#[test]
fn an_event_is_a_line_with_its_time() {
    let case = Case::new();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(case.log.clone())
        .with_ansi(false)
        .with_target(false)
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        tracing::warn!("first\nsecond \u{1b}[31m");
    });
    let text = case.text(LOG_NAME);
    let (time, message) = text.split_once("  WARN ").unwrap();
    assert!(time.starts_with("20") && time.ends_with('Z'), "{text}");
    assert_eq!(time.as_bytes()[10], b'T');
    assert!(
        message.starts_with("first second") && message.ends_with("\r\n"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn skipped_lines_are_counted() {
    let case = Case::new();
    let start = Instant::now();
    for number in 0..100 {
        case.log.write(start, &format!("line {number}"));
    }
    case.log.write(start + Duration::from_secs(10), "later");
    let text = case.text(LOG_NAME);
    assert_eq!(text.lines().count(), 22);
    let last: Vec<_> = text.lines().skip(19).collect();
    assert_eq!((last[0], last[2]), ("line 19", "later"));
    assert!(last[1].ends_with("WARN 80 lines were skipped: more than one per second"));
}

#[test]
fn a_full_log_becomes_the_old_one() {
    let case = Case::new();
    let line = "x".repeat(999);
    let mut file = case.file();
    for _ in 0..2500 {
        file.write(&line);
    }
    let bytes = [LOG_NAME, OLD_LOG_NAME].map(|name| case.text(name).len() as u64);
    assert!(bytes[0] > 400_000 && bytes[0] <= MAX_BYTES, "{bytes:?}");
    assert!(bytes[1] > 990_000 && bytes[1] <= MAX_BYTES, "{bytes:?}");
    let folder = case.folder.path().join("raa-client");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 2);
}

#[test]
fn a_log_that_cannot_be_renamed_is_emptied() {
    let case = Case::new();
    let mut file = case.file();
    file.write("x");
    let log = case.folder.path().join("raa-client").join(LOG_NAME);
    fs::write(&log, vec![b'x'; MAX_BYTES as usize]).unwrap();
    // A folder that is not empty cannot be replaced.
    fs::create_dir_all(log.with_file_name(OLD_LOG_NAME).join("x")).unwrap();
    file.write("new");
    assert_eq!(case.text(LOG_NAME), "new\r\n");
}

#[test]
fn a_long_line_is_cut_between_characters() {
    let line = one_line(&"監".repeat(2000));
    assert!(line.len() <= MAX_LINE_BYTES && line.len() > MAX_LINE_BYTES - 4);
    assert_eq!(one_line("a\tb\n"), "a b\r\n");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_costs_only_lines() {
    let mut file = File::new(Path::new("/dev/full"), Arc::default());
    file.write("a lost line");
    assert!(append(Path::new("/dev/full"), "x").is_err());
    assert!(append(Path::new("/proc/raa/raa-client.log"), "x").is_err());
}

/// Runs itself again, as the process that panics.
#[test]
fn a_panic_is_logged() {
    const LOG: &str = "RAA_TEST_PANIC_LOG";
    if let Some(path) = std::env::var_os(LOG) {
        LogFile::new(Path::new(&path)).start(LogLevel::Info);
        tracing::debug!("too fine");
        panic!("it \"broke\"");
    }
    let case = Case::new();
    let path = case.folder.path().join("raa-client").join(LOG_NAME);
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    let name = "ui::log_file::tests::a_panic_is_logged";
    child.args(["--exact", name, "--nocapture"]).env(LOG, &path);
    assert!(!child.output().unwrap().status.success());
    let text = case.text(LOG_NAME);
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("ERROR the client has crashed"), "{text}");
    assert!(
        text.contains("it \"broke\"") && text.contains("a_panic_is_logged"),
        "{text}"
    );
}

#[test]
fn lines_that_cannot_be_written_are_counted() {
    let case = Case::new();
    let folder = case.folder.path().join("raa-client");
    // A file in the place of the folder refuses every line.
    fs::write(&folder, "").unwrap();
    let mut file = case.file();
    for number in 0..3 {
        file.write(&format!("line {number}"));
    }
    fs::remove_file(&folder).unwrap();
    file.write("later");
    let text = case.text(LOG_NAME);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].contains("WARN 3 lines before this one"), "{text}");
    assert_eq!(lines[1], "later");
}

/// A pipe without a reader, whose opening waits, stands for a share that does not answer.
#[test]
#[cfg(target_os = "linux")]
fn a_hanging_disk_keeps_no_thread_waiting() {
    const LINES: usize = 1000;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(LOG_NAME);
    let mkfifo = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(mkfifo.unwrap().success());
    let log = LogFile::new(&path);
    let (done, ended) = std::sync::mpsc::channel();
    let start = Instant::now();
    std::thread::spawn({
        let log = log.clone();
        move || {
            // Slowly enough for the rate.
            for number in 0..LINES {
                let now = start + Duration::from_secs(number as u64);
                log.write(now, &format!("line {number}"));
            }
            log.0.queue.flush(Duration::from_millis(50));
            let _ = done.send(());
        }
    });
    ended
        .recv_timeout(Duration::from_secs(30))
        .expect("logging must not wait for the file");
    // The share answers again. Its own writing end keeps the pipe open between two lines.
    let pipe = fs::File::options().read(true).write(true).open(&path);
    let mut lines = BufReader::new(pipe.unwrap()).lines().map(Result::unwrap);
    log.0.queue.flush(Duration::from_secs(30));
    log.0.queue.push("later".into());
    let lines: Vec<_> = lines.by_ref().take_while(|line| line != "later").collect();
    let (reports, lines): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.contains(" WARN "));
    let lost: usize = reports
        .iter()
        .map(|report| report.split_whitespace().nth(2).unwrap())
        .map(|lost| lost.parse::<usize>().unwrap())
        .sum();
    assert_eq!(lines[0], "line 0");
    assert!(lines.len() < 100, "the queue is bounded: {lines:?}");
    assert_eq!(lost + lines.len(), LINES, "{reports:?}");
}
