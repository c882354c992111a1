//! Firewalls: which ones are seen, and whether one seems to drop what goes to the two ports.
//!
//! A packet's whole way through a firewall can't be told from its rules without being one. So only three
//! things are said: a rule drops just this port; everything is dropped by default and no rule names this
//! port; neither. Always: the rules are only read; without root the doctor says that it can't see them.

use raa_doctor::command;
use raa_doctor::processes;
use raa_doctor::report::Finding;
use serde_json::Value;
use std::fs;

use super::facts::{Firewall, Nft, Port};

const ID: &str = "firewall";

/// What the rules say about a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rules {
    /// A rule without further conditions drops it.
    Drop,
    /// Everything is dropped by default, and no rule names it.
    NotNamed,
    Nothing,
}

/// Looks at the three usual firewalls.
pub(super) fn look(ports: &[Port]) -> Firewall {
    let is_running = |name: &str| processes::all().any(|process| process.name == name);
    Firewall {
        nft: nft(),
        is_ufw_on: fs::read_to_string("/etc/ufw/ufw.conf").is_ok_and(|text| is_ufw_on(&text)),
        firewalld: is_running("firewalld").then(|| ports.iter().map(is_open).collect()),
    }
}

fn nft() -> Nft {
    // It is often in a folder that only root's PATH has.
    let programs = ["nft", "/usr/sbin/nft"];
    let said = programs
        .into_iter()
        .find_map(|program| command::output(program, &["-j", "list", "ruleset"]));
    match said {
        None => Nft::Missing,
        Some((true, text)) => serde_json::from_str(&text).map_or(Nft::Hidden, Nft::Rules),
        Some((false, _)) => Nft::Hidden,
    }
}

fn is_ufw_on(text: &str) -> bool {
    text.lines()
        .any(|line| line.trim().eq_ignore_ascii_case("ENABLED=yes"))
}

fn is_open(port: &Port) -> Option<bool> {
    let query = format!("--query-port={}", named(port));
    let (is_open, text) = command::output("firewall-cmd", &[&query])?;
    match (is_open, text.trim()) {
        (true, "yes") => Some(true),
        (false, "no") => Some(false),
        _ => None,
    }
}

/// Returns `4010/udp`.
fn named(port: &Port) -> String {
    format!("{}/{}", port.number, port.protocol.to_lowercase())
}

/// Judges what was seen.
pub(super) fn judge(firewall: &Firewall, ports: &[Port]) -> Finding {
    let names: Vec<String> = ports.iter().map(named).collect();
    if let Some(open) = &firewall.firewalld {
        return firewalld(open, ports, &names);
    }
    let all = names.join(" and ");
    let open = match firewall.is_ufw_on {
        true => names
            .iter()
            .map(|name| format!("ufw allow {name}"))
            .collect::<Vec<_>>()
            .join("; "),
        false => format!("add rules that accept {all}"),
    };
    let rules = match &firewall.nft {
        Nft::Rules(rules) => rules,
        _ if firewall.is_ufw_on => {
            return Finding::attention(
                ID,
                "ufw is switched on, and its rules can't be read by this user",
                format!("run the doctor as root, or make sure that {all} are open: {open}"),
            );
        }
        Nft::Hidden => {
            return Finding::attention(
                ID,
                "neither ufw nor firewalld; the rules of nftables can't be read by this user",
                format!("run the doctor as root, or make sure that {all} are open"),
            );
        }
        Nft::Missing => return Finding::ok(ID, "none seen (no nftables, ufw or firewalld)"),
    };
    let of = |wanted| {
        let with = ports.iter().zip(&names);
        let found = with.filter(|(port, _)| of_port(rules, port) == wanted);
        found
            .map(|(_, name)| name.as_str())
            .collect::<Vec<_>>()
            .join(" and ")
    };
    let (dropped, not_named) = (of(Rules::Drop), of(Rules::NotNamed));
    if !dropped.is_empty() {
        return Finding::wrong(ID, format!("a rule drops what goes to {dropped}"), open);
    }
    if !not_named.is_empty() {
        let found =
            format!("drops by default, and no rule names {not_named}, which seems to be dropped");
        return Finding::attention(ID, found, open);
    }
    let ufw = if firewall.is_ufw_on {
        "ufw"
    } else {
        "nftables"
    };
    Finding::ok(ID, format!("{ufw}: nothing seen that drops {all}"))
}

fn firewalld(open: &[Option<bool>], ports: &[Port], names: &[String]) -> Finding {
    let closed = |wanted| {
        let with = open.iter().zip(names).filter(|(open, _)| **open == wanted);
        with.map(|(_, name)| name.as_str()).collect::<Vec<_>>()
    };
    let (shut, unknown) = (closed(Some(false)), closed(None));
    let command = |names: &[&str]| {
        let options: Vec<_> = names
            .iter()
            .map(|name| format!("--add-port={name}"))
            .collect();
        format!(
            "firewall-cmd --permanent {} && firewall-cmd --reload",
            options.join(" ")
        )
    };
    if !shut.is_empty() {
        let found = format!("firewalld does not open {}", shut.join(" and "));
        return Finding::attention(ID, found, command(&shut));
    }
    if !unknown.is_empty() || ports.is_empty() {
        let found = "firewalld runs, and does not tell this user which ports are open";
        let remedy = format!(
            "run the doctor as root, or open them: {}",
            command(&unknown)
        );
        return Finding::attention(ID, found, remedy);
    }
    Finding::ok(ID, format!("firewalld opens {}", names.join(" and ")))
}

/// Returns what all rules together say about a port.
fn of_port(rules: &Value, port: &Port) -> Rules {
    let items = rules["nftables"].as_array().map_or(&[][..], Vec::as_slice);
    let protocol = port.protocol.to_lowercase();
    let (mut drops_by_default, mut is_accepted) = (false, false);
    for item in items {
        let chain = &item["chain"];
        if chain["hook"] == "input" && chain["policy"] == "drop" {
            drops_by_default = true;
        }
        let Some(expressions) = item["rule"]["expr"].as_array() else {
            continue;
        };
        let names_port = |expression: &Value| {
            let matched = &expression["match"];
            let field = &matched["left"]["payload"];
            field["field"] == "dport"
                && (field["protocol"] == protocol.as_str() || field["protocol"] == "th")
                && matched["op"] == "=="
                && holds(&matched["right"], port.number)
        };
        if !expressions.iter().any(names_port) {
            continue;
        }
        let has = |verdict: &str| expressions.iter().any(|one| one.get(verdict).is_some());
        is_accepted |= has("accept") || has("jump") || has("goto");
        let conditions = expressions.iter().filter(|one| one.get("match").is_some());
        if (has("drop") || has("reject")) && conditions.count() == 1 {
            return Rules::Drop;
        }
    }
    if drops_by_default && !is_accepted {
        Rules::NotNamed
    } else {
        Rules::Nothing
    }
}

/// Returns whether a number, a range or a set of them has the port.
fn holds(right: &Value, port: u16) -> bool {
    let port = u64::from(port);
    if let Some(number) = right.as_u64() {
        return number == port;
    }
    if let Some([low, high]) = right["range"].as_array().map(Vec::as_slice) {
        let (low, high) = (low.as_u64(), high.as_u64());
        return low.is_some_and(|low| low <= port) && high.is_some_and(|high| port <= high);
    }
    let set = right["set"].as_array();
    set.is_some_and(|set| set.iter().any(|one| holds(one, port as u16)))
}

#[cfg(test)]
mod tests;
