//! Reads profiles that callgrind has written.

use std::collections::BTreeMap;

/// Returns the instructions of each function whose name begins with `prefix`, including the
/// functions that it calls. The keys are the names without the prefix.
pub fn inclusive(profile: &str, prefix: &str) -> BTreeMap<String, u64> {
    let mut names = BTreeMap::new();
    let mut sums = BTreeMap::new();
    let mut callee = None;
    let mut is_cost = false;
    for line in profile.lines() {
        // The line after `calls=` has the inclusive cost of the calls.
        if std::mem::take(&mut is_cost) {
            let cost: u64 = line
                .split(' ')
                .nth(1)
                .and_then(|cost| cost.parse().ok())
                .unwrap_or(0);
            if let Some(name) = callee.take().and_then(|name| own_name(name, prefix)) {
                *sums.entry(name.to_owned()).or_default() += cost;
            }
        } else if let Some(text) = line.strip_prefix("cfn=") {
            callee = Some(full_name(text, &mut names));
        } else if let Some(text) = line.strip_prefix("fn=") {
            full_name(text, &mut names);
        } else {
            is_cost = line.starts_with("calls=");
        }
    }
    sums
}

/// Expands a function name: the first time it is `(17) name`, later only `(17)`.
fn full_name<'a>(text: &'a str, names: &mut BTreeMap<&'a str, &'a str>) -> &'a str {
    let Some((number, name)) = text.split_once(' ') else {
        return names.get(text).copied().unwrap_or(text);
    };
    names.insert(number, name);
    name
}

/// Returns the function's name without its module path and the compiler's suffixes.
fn own_name<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let mut parts = name.split("::");
    let own = parts.find_map(|part| part.strip_prefix(prefix))?;
    own.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_summed_inclusively() {
        let profile = "\
events: Ir
fn=(1) hot::main
12 7
cob=(2) /lib/libm.so
cfn=(3) hot::path_parse
calls=1 0
12 400
12 3
cfn=(4) hot::path_slot::h0123456789abcdef
calls=2 0
12 90000

fn=(3)
0 100
cfn=(5) hot::other
calls=10 0
0 300

fn=(6) hot::path_slot_of::{closure#0}
0 5
cfn=(3)
calls=1 0
0 500
";
        let expected = [("parse".to_owned(), 900), ("slot".to_owned(), 90_000)];
        assert_eq!(inclusive(profile, "path_"), BTreeMap::from(expected));
    }
}
