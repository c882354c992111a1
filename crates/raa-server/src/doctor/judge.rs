//! Turns facts into findings. Pure: every word that a doctor says about the server is decided here.

use raa_doctor::ports::Holder;
use raa_doctor::report::Finding;

use super::ask::Answer;
use super::facts::{Access, Configuration, Facts, Folder, Port, Server, Status};
use super::firewall;
use crate::store::inspect::Inspected;

pub(super) use super::machine::judge as machine;

/// Free space below which a warning is due, and below which changes will soon be refused.
const LITTLE_SPACE: u64 = 200 << 20;
const NO_SPACE: u64 = 4 << 20;

const START: &str = "systemctl start raa-server; journalctl -u raa-server says why it does not run";
const RESTART: &str = "systemctl restart raa-server";

/// Judges everything.
pub(super) fn all(facts: &Facts) -> Vec<Finding> {
    let mut checks = vec![configuration(&facts.configuration), server(&facts.server)];
    let running = running_status(&facts.server);
    checks.extend(facts.ports.iter().map(|one| port(one, &facts.server)));
    checks.push(firewall::judge(&facts.firewall, &facts.ports));
    checks.extend(machine(&facts.machine));
    checks.push(folder(&facts.folder));
    checks.push(space(&facts.folder));
    checks.push(database(&facts.folder, &facts.database));
    checks.extend(running.map(alarms).into_iter().flatten());
    checks
}

/// Judges only whether a running server works.
pub(super) fn running(answer: &Answer) -> Finding {
    const ID: &str = "server";
    match answer {
        Ok((200, _)) => Finding::ok(ID, "the server runs and plays its slots"),
        Ok((503, _)) => Finding::wrong(ID, "the engine plays no slots", RESTART),
        Ok((code, _)) => Finding::wrong(
            ID,
            format!("the answer has status {code}, so it is not an RAA server's"),
            "check http_port",
        ),
        Err(reason) => Finding::wrong(ID, format!("no server answers: {reason}"), START),
    }
}

pub(super) fn invalid_configuration(error: &str) -> Finding {
    let remedy = "mend it; raa-server --check-config shows the settings that would be in effect. Ports, \
        state and server are checked once it is valid";
    Finding::wrong("configuration", error, remedy)
}

fn configuration(configuration: &Configuration) -> Finding {
    const ID: &str = "configuration";
    let file = match &configuration.file {
        Some(path) => format!("{} is valid", path.display()),
        None => "no file, so the defaults, the environment and the options count".to_owned(),
    };
    match &configuration.warnings[..] {
        [] => Finding::ok(ID, file),
        warnings => Finding::attention(ID, file, warnings.join("; ")),
    }
}

fn server(server: &Server) -> Finding {
    const ID: &str = "server";
    match server {
        Server::AnyPort => Finding::attention(
            ID,
            "http_port is 0, so the server's port is not known",
            "give the doctor the port of the running server with --http-port",
        ),
        Server::Silent { at, reason } => {
            Finding::wrong(ID, format!("nothing answers at {at}: {reason}"), START)
        }
        Server::Foreign { at } => Finding::wrong(
            ID,
            format!("{at} is answered by another program"),
            "stop that program, or choose another http_port",
        ),
        Server::Running {
            is_healthy: false,
            status,
            ..
        } => Finding::wrong(
            ID,
            format!(
                "raa-server {} answers, but its engine plays no slots",
                status.version
            ),
            RESTART,
        ),
        Server::Running {
            status, process, ..
        } => {
            let version = &status.version;
            let pid = process
                .as_ref()
                .map_or(String::new(), |process| format!(" (pid {})", process.pid));
            let found = format!(
                "raa-server {version}{pid} has run for {} s and plays its slots",
                status.uptime_s
            );
            if version == env!("CARGO_PKG_VERSION") {
                Finding::ok(ID, found)
            } else {
                let found = format!(
                    "{found}; this program has version {}",
                    env!("CARGO_PKG_VERSION")
                );
                Finding::attention(
                    ID,
                    found,
                    format!("to run the installed version: {RESTART}"),
                )
            }
        }
    }
}

fn running_status(server: &Server) -> Option<&Status> {
    match server {
        Server::Running { status, .. } => Some(status),
        _ => None,
    }
}

fn port(port: &Port, server: &Server) -> Finding {
    let Port {
        key,
        protocol,
        number,
        ..
    } = port;
    let at = format!("{protocol} {number}");
    if *number == 0 {
        return Finding::ok(key, format!("{protocol}: any free port"));
    }
    if let Server::Running {
        status, process, ..
    } = server
    {
        if *key == "udp_port" && status.udp_port != *number {
            let found = format!(
                "the running server has UDP {}, the configuration {number}",
                status.udp_port
            );
            return Finding::attention(
                key,
                found,
                format!("if the configuration is right: {RESTART}"),
            );
        }
        let pid = process.as_ref().map(|process| process.pid);
        let is_foreign = |holder: &&Holder| match holder {
            Holder::Process(holder) => pid.is_some_and(|pid| pid != holder.pid),
            // Another user's process whose number is not known here is taken for the server's.
            Holder::Hidden { .. } => false,
        };
        let others: Vec<&Holder> = port.holders.iter().filter(is_foreign).collect();
        return match &others[..] {
            [] => Finding::ok(key, format!("{at} is the running server's")),
            others => held(key, &at, others),
        };
    }
    match (&port.holders[..], &port.opens) {
        ([], Ok(())) => Finding::ok(key, format!("{at} is free")),
        ([], Err(error)) => Finding::wrong(
            key,
            error,
            format!("choose another {key}, or listen_address"),
        ),
        (holders, _) => held(key, &at, &holders.iter().collect::<Vec<_>>()),
    }
}

fn held(key: &'static str, at: &str, holders: &[&Holder]) -> Finding {
    let name = |holder: &&Holder| match holder {
        Holder::Process(process) => format!("{} (pid {})", process.name, process.pid),
        Holder::Hidden { uid } => format!("a program of user {uid}"),
    };
    let names: Vec<String> = holders.iter().map(name).collect();
    let is_hidden = holders
        .iter()
        .any(|holder| matches!(holder, Holder::Hidden { .. }));
    let more = if is_hidden {
        "; as root, the doctor names it"
    } else {
        ""
    };
    let found = format!("{at} is held by {}", names.join(" and "));
    Finding::wrong(
        key,
        found,
        format!("stop that program, or choose another {key}{more}"),
    )
}

fn folder(folder: &Folder) -> Finding {
    const ID: &str = "state_folder";
    let path = folder.path.display();
    match &folder.access {
        Access::Missing => Finding::ok(
            ID,
            format!("{path} does not exist yet; the server makes it"),
        ),
        Access::Hidden => Finding::attention(
            ID,
            format!("{path} can't be seen by this user"),
            "run the doctor as root",
        ),
        Access::Unusable(reason) => {
            Finding::wrong(ID, format!("{path}: {reason}"), "see --state-dir")
        }
        Access::Writable(whose) => Finding::ok(ID, format!("{whose} can write to {path}")),
        Access::NotWritable(whose) => Finding::wrong(
            ID,
            format!(
                "{whose} can't write to {path}, so every change of a name or a volume is refused"
            ),
            "give the folder to the server's user, or mount its disk for writing",
        ),
    }
}

fn space(folder: &Folder) -> Finding {
    const ID: &str = "state_space";
    let Some(free) = folder.free_bytes else {
        return Finding::ok(ID, "the free space is known once the folder can be seen");
    };
    let found = format!("{} MB free for {}", free >> 20, folder.path.display());
    match free {
        ..NO_SPACE => Finding::wrong(ID, found, "make room: changes are refused on a full disk"),
        NO_SPACE..LITTLE_SPACE => {
            Finding::attention(ID, found, "make room before the disk is full")
        }
        _ => Finding::ok(ID, found),
    }
}

fn database(folder: &Folder, database: &Inspected) -> Finding {
    const ID: &str = "database";
    let file = folder.path.join("raa.sqlite");
    let file = file.display();
    match database {
        Inspected::Nothing => Finding::ok(ID, "none yet; the server makes it"),
        Inspected::Hidden => Finding::attention(
            ID,
            format!("{file} can't be read by this user"),
            "run the doctor as root",
        ),
        Inspected::Healthy { clients } => {
            Finding::ok(ID, format!("{file} is healthy; clients in it: {clients}"))
        }
        Inspected::Old { schema } => Finding::ok(
            ID,
            format!(
                "{file} is healthy; it has schema {schema}, which the next start upgrades, keeping a copy"
            ),
        ),
        Inspected::Newer(text) => Finding::wrong(ID, "a newer raa-server has written it", text),
        Inspected::NoUse(reason) => Finding::wrong(
            ID,
            format!("{file} can't be used: {reason}"),
            "stop the server and put a backup in its place; a server that starts with this file puts it aside \
             and starts without settings",
        ),
        Inspected::Unreadable(reason) => Finding::wrong(
            ID,
            format!("{file} can't be read: {reason}"),
            "mend that and restart the server; until then changes are refused",
        ),
    }
}

/// What the running server reports about itself.
fn alarms(status: &Status) -> Vec<Finding> {
    vec![
        skipped(status),
        dropped(status),
        unsent(status),
        refused(status),
    ]
}

fn skipped(status: &Status) -> Finding {
    const ID: &str = "skipped_slots";
    let skipped = status.skipped_slots;
    // A start on a busy computer skips some; that counts as a whole minute.
    let minutes = (status.uptime_s / 60).max(1);
    let found = format!(
        "{skipped} slots of 20 ms were skipped since the start, {} in a minute",
        skipped / minutes
    );
    if skipped < minutes {
        return Finding::ok(ID, found);
    }
    let remedy = "the computer stops at times: give the server real-time priority, look at slot_lateness in \
        /api/status, and at what else runs there";
    Finding::attention(ID, found, remedy)
}

fn dropped(status: &Status) -> Finding {
    const ID: &str = "dropped_datagrams";
    match status.dropped_datagrams {
        0 => Finding::ok(ID, "the kernel has dropped no packet since the start"),
        dropped => Finding::attention(
            ID,
            format!(
                "the kernel has dropped {dropped} packets since the start, because its queue was full"
            ),
            "see receive_buffer and real_time",
        ),
    }
}

fn unsent(status: &Status) -> Finding {
    const ID: &str = "unsent_reports";
    match status.unsent_reports {
        0 => Finding::ok(ID, "all reports to senders were sent"),
        unsent => Finding::attention(
            ID,
            format!("{unsent} reports to senders could not be sent since the start"),
            "check the firewall for outgoing UDP, and the routes to the senders' networks",
        ),
    }
}

fn refused(status: &Status) -> Finding {
    const ID: &str = "refused_senders";
    let (total, senders) = (status.refused_packets, &status.refused_senders);
    if senders.is_empty() {
        return Finding::ok(
            ID,
            format!("nobody is being refused; packets refused since the start: {total}"),
        );
    }
    let name = |(address, reason): &(String, String)| format!("{address} ({reason})");
    let names: Vec<String> = senders.iter().take(4).map(name).collect();
    let more = if senders.len() > 4 { ", …" } else { "" };
    Finding::attention(
        ID,
        format!(
            "{} senders are refused and not heard: {}{more}",
            senders.len(),
            names.join(", ")
        ),
        "the page lists them at its bottom, with what to do",
    )
}

#[cfg(test)]
mod tests;
