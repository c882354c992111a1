//! Networks of a test's own: the test runs itself again in a Linux network namespace.
//!
//! Always: without the right to make a namespace the test fails; nothing of the computer's own
//! network is touched.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    reason = "several tests share it"
)]

use std::process::Command;

const IS_INSIDE: &str = "RAA_TEST_NAMESPACE";

/// Returns whether the caller runs inside the namespace. Otherwise runs the test `name` again inside
/// a new one that `setup`, a shell script, has prepared, and passes only if the test does.
pub fn is_inside(name: &str, setup: &str) -> bool {
    if std::env::var_os(IS_INSIDE).is_some() {
        return true;
    }
    let script = format!("set -e\nip link set lo up\n{setup}\nexec \"$@\"");
    // A user may do this too: the namespace gets users of its own.
    let output = Command::new("unshare")
        .args([
            "--map-root-user",
            "--net",
            "--mount",
            "bash",
            "-c",
            &script,
            "bash",
        ])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(IS_INSIDE, "1")
        .output()
        .expect("unshare of util-linux");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(
        text.contains("1 passed"),
        "no test is called {name}: {text}"
    );
    false
}
