//! The log: one JSON object per line on stdout.
//!
//! Each line has `time` (RFC 3339, UTC, milliseconds), `level` and `msg`, followed by the event's own
//! fields, with numbers as JSON numbers. Always: logging never waits for the reader of stdout; lines
//! that do not fit into a bounded queue, or that a full disk refuses, are counted, and a line reports
//! their number as soon as one can be written again.

mod json;
mod lines;

use std::fs::File;
use std::io::stdout;
use std::os::fd::AsFd as _;
use std::panic;
use std::process;
use std::time::Duration;

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;

use json::JsonLines;
use lines::Lines;

/// Longest wait for the last lines to be written when the process ends.
const FLUSH_LIMIT: Duration = Duration::from_millis(500);
/// Exit code after a panic, the same as for any Rust program.
const PANIC_EXIT_CODE: i32 = 101;

/// The running log. Dropping it writes the queued lines.
#[derive(Debug)]
pub(crate) struct Log(Lines);

/// Starts logging at `level` and below, for the whole process.
///
/// From now on, a panic in any thread is logged and ends the process: a server that has lost a thread
/// would look alive to its supervisor, but no longer work.
///
/// # Errors
/// When logging has been started before, or the system can't start a thread.
pub(crate) fn start(level: Level) -> anyhow::Result<Log> {
    // Without the buffer of `stdout`, so that a failed write has one line and leaves nothing behind.
    let out = File::from(stdout().as_fd().try_clone_to_owned()?);
    let lines = Lines::start(out)?;
    let layer = tracing_subscriber::fmt::layer()
        .event_format(JsonLines)
        .log_internal_errors(false)
        .with_writer(lines.clone());
    let subscriber = tracing_subscriber::registry()
        .with(layer)
        .with(filter(level));
    tracing::subscriber::set_global_default(subscriber)?;
    end_on_panic(lines.clone());
    Ok(Log(lines))
}

impl Drop for Log {
    fn drop(&mut self) {
        self.0.flush(FLUSH_LIMIT);
    }
}

/// Limits libraries to warnings and errors; their other lines are for their developers.
fn filter(level: Level) -> Targets {
    let libraries = LevelFilter::from_level(level).min(LevelFilter::WARN);
    Targets::new()
        .with_target("raa_server", level)
        .with_default(libraries)
}

fn end_on_panic(lines: Lines) {
    panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        tracing::error!(thread, "a defect stops the server: {panic}");
        lines.flush(FLUSH_LIMIT);
        process::exit(PANIC_EXIT_CODE);
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs itself again as a child process, which panics.
    #[test]
    fn a_panic_in_any_thread_ends_the_process() {
        const IS_CHILD: &str = "RAA_TEST_PANIC";
        let name = "log::tests::a_panic_in_any_thread_ends_the_process";
        if std::env::var_os(IS_CHILD).is_some() {
            let _log = start(Level::INFO).unwrap();
            let thread = std::thread::Builder::new().name("doomed".into());
            let _ = thread.spawn(|| panic!("it \"broke\"")).unwrap().join();
            unreachable!("the process survives a panic");
        }
        let mut child = process::Command::new(std::env::current_exe().unwrap());
        let child = child
            .args(["--exact", name, "--nocapture"])
            .env(IS_CHILD, "1");
        let output = child.output().unwrap();
        assert_eq!(output.status.code(), Some(PANIC_EXIT_CODE));
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with('{'))
            .expect("a log line");
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["thread"], "doomed");
        assert!(
            line["msg"].as_str().unwrap().contains("it \"broke\""),
            "{line}"
        );
        assert!(!text.contains("survives"), "{text}");
    }

    #[test]
    fn libraries_log_warnings_and_errors_only() {
        let filter = filter(Level::TRACE);
        assert!(filter.would_enable("raa_server::engine", &Level::TRACE));
        assert!(!filter.would_enable("hyper", &Level::INFO));
        assert!(filter.would_enable("hyper", &Level::WARN));
        let filter = super::filter(Level::ERROR);
        assert!(!filter.would_enable("raa_server", &Level::WARN));
        assert!(!filter.would_enable("hyper", &Level::WARN));
    }
}
