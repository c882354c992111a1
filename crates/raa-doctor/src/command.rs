//! Runs another program for what only it can say.
//!
//! Always: waits for three seconds at most; a program that is missing, fails or hangs says nothing.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(3);

/// Returns whether the program succeeded and what it wrote; `None` if there is none, or if it hangs.
pub fn output(program: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    // Read meanwhile, because a full pipe would stop it.
    let mut stdout = child.stdout.take()?;
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stdout.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().ok()? {
            break status;
        }
        if started.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    };
    Some((status.success(), reader.join().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_say_what_they_write() {
        let said = output("sh", &["-c", "printf '%s' \"$LC_ALL\"; exit 3"]);
        assert_eq!(said, Some((false, "C".to_owned())));
        let long = output("sh", &["-c", "head -c 300000 /dev/zero"]);
        assert!(long.is_some_and(|(is_ok, text)| is_ok && text.len() == 300_000));
    }

    #[test]
    fn missing_and_hanging_programs_say_nothing() {
        assert_eq!(output("/nowhere/program", &[]), None);
        assert_eq!(output("sleep", &["60"]), None);
    }
}
