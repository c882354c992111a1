//! The code map of ARCHITECTURE.md names every top-level module of every crate.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

/// Returns the map's section about a crate, which ends at the paragraph about the next folder.
fn section<'a>(map: &'a str, name: &str) -> &'a str {
    let title = format!("\n`crates/{name}`:");
    let (_, section) = map
        .split_once(&title)
        .unwrap_or_else(|| panic!("no {title}"));
    let end = section.find("\n\n`").or_else(|| section.find("\n## "));
    &section[..end.unwrap_or(section.len())]
}

/// Returns the name in a line such as `pub(crate) mod name;`.
fn module(line: &str) -> Option<&str> {
    let (visibility, name) = line.strip_suffix(';')?.split_once("mod ")?;
    (visibility.is_empty() || visibility.starts_with("pub")).then_some(name)
}

#[test]
fn the_code_map_names_every_module() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let map = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let mut missing = Vec::new();
    for entry in fs::read_dir(root.join("crates")).unwrap() {
        let folder = entry.unwrap();
        let name = folder.file_name().into_string().unwrap();
        let section = section(&map, &name);
        let lib = fs::read_to_string(folder.path().join("src/lib.rs")).unwrap();
        assert!(lib.lines().any(|line| module(line).is_some()), "{name}");
        for module in lib.lines().filter_map(module) {
            if !section.contains(&format!("`{module}`")) {
                missing.push(format!("{name}: {module}"));
            }
        }
    }
    assert!(missing.is_empty(), "ARCHITECTURE.md lacks {missing:?}");
}
