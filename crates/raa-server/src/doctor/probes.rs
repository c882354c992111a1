//! Gathers the facts. Always: only reads; each look has a time limit.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, access};
use raa_doctor::clock;
use raa_doctor::ports::{Protocol, holders};
use raa_doctor::processes::Process;
use serde_json::Value;

use super::facts::{Access, Configuration, Facts, Folder, Machine, Port, RealTime, Server, Status};
use super::{ask, firewall};
use crate::config::{Args, Config, Loaded};
use crate::engine::ENGINE_THREAD;
use crate::sockets::Sockets;
use crate::store::inspect::{Inspected, inspect};

/// The state's folder of the systemd unit.
const SERVICE_STATE: &str = "/var/lib/raa";
/// Bits in the effective capabilities of a process.
const CAP_NET_ADMIN: u64 = 12;
const CAP_SYS_NICE: u64 = 23;

/// Gathers everything.
pub(super) fn gather(args: &Args, loaded: &Loaded) -> Facts {
    let config = &loaded.config;
    let server = server(config);
    let process = match &server {
        Server::Running { process, .. } => process.clone(),
        _ => None,
    };
    let ports = ports(config);
    let folder = folder(args, loaded, process.as_ref());
    let database = match folder.access {
        Access::Missing => Inspected::Nothing,
        Access::Hidden => Inspected::Hidden,
        _ => inspect(&folder.path),
    };
    Facts {
        configuration: Configuration {
            file: loaded.file().map(Path::to_owned),
            warnings: loaded.warnings.clone(),
        },
        firewall: firewall::look(&ports),
        machine: machine(config, process.as_ref()),
        server,
        ports,
        folder,
        database,
    }
}

/// Asks whether a running server plays its slots.
pub(super) fn health(config: &Config) -> ask::Answer {
    if config.http_port == 0 {
        return Err("http_port is 0, so the port is not known".into());
    }
    let addresses = ask::addresses(config.listen_address, config.http_port);
    ask::get(&addresses, "/healthz")
}

fn server(config: &Config) -> Server {
    if config.http_port == 0 {
        return Server::AnyPort;
    }
    let addresses = ask::addresses(config.listen_address, config.http_port);
    let at = addresses
        .first()
        .map_or(String::new(), |address| format!("http://{address}/"));
    let (code, body) = match ask::get(&addresses, "/api/status") {
        Ok(answer) => answer,
        Err(reason) => return Server::Silent { at, reason },
    };
    let parsed = serde_json::from_slice(&body).ok().filter(|_| code == 200);
    let Some((status, pid)) = parsed.as_ref().and_then(status) else {
        return Server::Foreign { at };
    };
    let is_healthy = ask::get(&addresses, "/healthz").is_ok_and(|(code, _)| code == 200);
    // In a container of its own, the number is that of another process.
    let process = pid.and_then(Process::of);
    Server::Running {
        status: Box::new(status),
        is_healthy,
        process: process.filter(|process| process.name == "raa-server"),
    }
}

/// Reads the answer of `/api/status`, also that of an older server, which has no number of its process.
fn status(body: &Value) -> Option<(Status, Option<u32>)> {
    let number = |name: &str| body[name].as_u64();
    let refused = body["refused_packets"].as_object()?.values();
    let senders = body["refused_senders"].as_array().into_iter().flatten();
    let sender = |sender: &Value| {
        let text = |name: &str| sender[name].as_str().unwrap_or_default().to_owned();
        (text("address"), text("reason"))
    };
    let status = Status {
        version: body["version"].as_str()?.to_owned(),
        uptime_s: number("uptime_s")?,
        udp_port: number("udp_port")?.try_into().ok()?,
        skipped_slots: number("skipped_slots")?,
        dropped_datagrams: number("dropped_datagrams")?,
        unsent_reports: number("unsent_reports")?,
        refused_packets: refused.filter_map(Value::as_u64).sum(),
        refused_senders: senders.map(sender).collect(),
    };
    let pid = body["process"]["pid"].as_u64();
    Some((status, pid.and_then(|pid| pid.try_into().ok())))
}

fn ports(config: &Config) -> Vec<Port> {
    let port = |key, name, number, protocol, other: Config| {
        let opens = Sockets::bind(&other).map(drop);
        Port {
            key,
            protocol: name,
            number,
            holders: holders(protocol, number),
            opens: opens.map_err(|error| format!("{error:#}")),
        }
    };
    // The other port is left to the system, so that the text is about this one.
    let only = |udp_port, http_port| Config {
        udp_port,
        http_port,
        ..config.clone()
    };
    let (udp, http) = (config.udp_port, config.http_port);
    vec![
        port("udp_port", "UDP", udp, Protocol::Udp, only(udp, 0)),
        port("http_port", "TCP", http, Protocol::Tcp, only(0, http)),
    ]
}

/// Looks at the machine, and at the rights of the server's process or of this one.
pub(super) fn machine(_config: &Config, server: Option<&Process>) -> Machine {
    let own = Process::of(std::process::id());
    let process = server.or(own.as_ref());
    let has = |bit: u64| {
        let effective = process.and_then(|process| process.status_number("CapEff:", 16));
        effective.is_some_and(|effective| effective & (1 << bit) != 0)
    };
    let may_nice = || {
        let limit = getrlimit(Resource::RLIMIT_RTPRIO).map_or(0, |(soft, _)| soft);
        has(CAP_SYS_NICE) || limit >= crate::engine::PRIORITY.into()
    };
    let policy = server.and_then(|process| process.policy_of_thread(ENGINE_THREAD));
    let rmem_max = fs::read_to_string("/proc/sys/net/core/rmem_max").ok();
    Machine {
        rmem_max: rmem_max.and_then(|text| text.trim().parse().ok()),
        may_exceed_rmem_max: has(CAP_NET_ADMIN),
        real_time: match policy {
            // SCHED_FIFO and SCHED_RR.
            Some(policy) => RealTime::Engine([1, 2].contains(&policy)),
            None => RealTime::Allowed(may_nice()),
        },
        max_open_files: process.and_then(Process::max_open_files),
        is_of_server: server.is_some(),
        clock: clock::look(),
    }
}

fn folder(args: &Args, loaded: &Loaded, server: Option<&Process>) -> Folder {
    let mut path = loaded.state_dir.as_path();
    // Without an option, the state of the service is meant, if there is one.
    let is_named = args.state_dir.is_some() || std::env::var_os("STATE_DIRECTORY").is_some();
    if !is_named && !path.exists() && fs::symlink_metadata(SERVICE_STATE).is_ok() {
        path = Path::new(SERVICE_STATE);
    }
    let disk = statvfs(path).ok();
    Folder {
        path: path.to_owned(),
        access: look_at(path, server),
        free_bytes: disk.map(|disk| disk.blocks_available() * disk.fragment_size()),
    }
}

fn look_at(path: &Path, server: Option<&Process>) -> Access {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => match error.kind() {
            std::io::ErrorKind::NotFound => return Access::Missing,
            std::io::ErrorKind::PermissionDenied => return Access::Hidden,
            _ => return Access::Unusable(error.to_string()),
        },
    };
    if !metadata.is_dir() {
        return Access::Unusable("it is no folder".into());
    }
    let is_read_only = statvfs(path).is_ok_and(|disk| disk.flags().contains(FsFlags::ST_RDONLY));
    let user = server.and_then(|process| process.status_number("Uid:", 10));
    let (is_writable, whose) = match user {
        // Groups and access lists are left out: the server makes its folder for its own user alone.
        Some(user) => {
            let is_owner = user == u64::from(metadata.uid());
            let for_owner = is_owner && metadata.mode() & 0o300 == 0o300;
            let for_all = metadata.mode() & 0o003 == 0o003;
            (
                user == 0 || for_owner || for_all,
                format!("the server's user ({user})"),
            )
        }
        None => {
            let flags = AccessFlags::W_OK | AccessFlags::X_OK;
            (access(path, flags).is_ok(), "this user".to_owned())
        }
    };
    if is_writable && !is_read_only {
        Access::Writable(whose)
    } else {
        Access::NotWritable(whose)
    }
}
