//! The log file in a real folder.

use std::time::Duration;

use tempfile::TempDir;

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

    fn text(&self, name: &str) -> String {
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
    for _ in 0..2500 {
        case.log.append(&line);
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
    case.log.append("x");
    let log = case.folder.path().join("raa-client").join(LOG_NAME);
    fs::write(&log, vec![b'x'; MAX_BYTES as usize]).unwrap();
    // A folder that is not empty cannot be replaced.
    fs::create_dir_all(log.with_file_name(OLD_LOG_NAME).join("x")).unwrap();
    case.log.append("new");
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
    let log = LogFile::new(Path::new("/dev/full"));
    log.write(Instant::now(), "a lost line");
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
    let start = Instant::now();
    for number in 0..3 {
        case.log.write(start, &format!("line {number}"));
    }
    fs::remove_file(&folder).unwrap();
    case.log.write(start, "later");
    let text = case.text(LOG_NAME);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].contains("WARN 3 lines before this one"), "{text}");
    assert_eq!(lines[1], "later");
}
