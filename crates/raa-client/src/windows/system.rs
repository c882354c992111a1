//! Which Windows this is, for diagnostics.
//!
//! `GetVersionEx` tells programs what they want to hear; the registry has the build and its
//! update, which is what a fault depends on.

use super::registry::Key;

/// The version and build, as in "Windows 10.0, build 22631.4317, 23H2".
pub(super) fn name() -> String {
    let key = Key::of_machine(r"SOFTWARE\Microsoft\Windows NT\CurrentVersion");
    let text = |value| key.text(value).ok().flatten();
    let number = |value| key.number(value).ok().flatten();
    let mut name = String::from("Windows");
    if let Some(major) = number("CurrentMajorVersionNumber") {
        let minor = number("CurrentMinorVersionNumber").unwrap_or(0);
        name += &format!(" {major}.{minor}");
    } else if let Some(before_10) = text("CurrentVersion") {
        name += &format!(" {before_10}");
    }
    if let Some(build) = text("CurrentBuildNumber") {
        name += &format!(", build {build}");
    }
    if let Some(update) = number("UBR") {
        name += &format!(".{update}");
    }
    if let Some(display) = text("DisplayVersion") {
        name += &format!(", {display}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_has_a_build() {
        let name = name();
        assert!(
            name.starts_with("Windows") && name.contains("build "),
            "{name}"
        );
    }
}
