//! The names of this machine, under which browsers may open the page.
//!
//! Always: read once, at the start; a file that can't be read has no names.

use std::collections::BTreeSet;
use std::fs;

use super::host::Host;

/// Returns the machine's name: alone, as mDNS announces it, with the domains that the resolver
/// searches, and as `/etc/hosts` has it.
pub(crate) fn own_names() -> Vec<Host> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    names(
        &read("/proc/sys/kernel/hostname"),
        &read("/etc/hosts"),
        &read("/etc/resolv.conf"),
    )
}

fn names(hostname: &str, hosts: &str, resolver: &str) -> Vec<Host> {
    let Ok(Host::Name(full)) = hostname.trim().parse() else {
        return Vec::new();
    };
    let short = full.split('.').next().unwrap_or(&full).to_owned();
    let domains = searched_domains(resolver).map(|domain| format!("{short}.{domain}"));
    let mut found: BTreeSet<String> = domains.collect();
    found.extend(aliases(hosts, &[&full, &short]));
    found.insert(format!("{short}.local"));
    found.insert(short);
    found.insert(full);
    let hosts = found.iter().map(|name| name.parse());
    hosts.filter_map(Result::ok).collect()
}

/// Returns all names in the lines of `/etc/hosts` that have one of `known`.
fn aliases<'a>(hosts: &'a str, known: &[&str]) -> impl Iterator<Item = String> + use<'a> {
    let known: Vec<String> = known.iter().map(ToString::to_string).collect();
    hosts.lines().flat_map(move |line| {
        let line = line.split('#').next().unwrap_or_default();
        let names = line.split_whitespace().skip(1).map(str::to_ascii_lowercase);
        let names: Vec<String> = names.collect();
        let is_own = names.iter().any(|name| known.contains(name));
        if is_own { names } else { Vec::new() }
    })
}

/// Returns the domains in the lines `search` and `domain` of `/etc/resolv.conf`.
fn searched_domains(resolver: &str) -> impl Iterator<Item = &str> {
    let lines = resolver.lines().map(str::split_whitespace);
    let lists =
        lines.filter_map(|mut words| matches!(words.next()?, "search" | "domain").then_some(words));
    let domains = lists.flatten().map(|domain| domain.trim_end_matches('.'));
    domains.filter(|domain| !domain.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hostname: &str, hosts: &str, resolver: &str, expected: &[&str]) {
        let found = names(hostname, hosts, resolver);
        let found: Vec<_> = found.iter().map(Host::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_machine_has_its_usual_names() {
        check("Ward3\n", "", "", &["ward3", "ward3.local"]);
        check(
            "ward3",
            "127.0.0.1 localhost\n127.0.1.1\tward3.hospital.example ward3 alarms # this one\n",
            "nameserver 192.0.2.1\nsearch lan hospital.example.\n",
            &[
                "alarms",
                "ward3",
                "ward3.hospital.example",
                "ward3.lan",
                "ward3.local",
            ],
        );
        check(
            "ward3.hospital.example",
            "192.0.2.9 other.example",
            "domain hospital.example",
            &["ward3", "ward3.hospital.example", "ward3.local"],
        );
    }

    #[test]
    fn unreadable_names_are_none() {
        check("", "127.0.0.1 evil.example", "search evil.example", &[]);
        check("a b", "", "", &[]);
        check("a", "127.0.0.1 a b/c", "search . ..", &["a", "a.local"]);
    }
}
