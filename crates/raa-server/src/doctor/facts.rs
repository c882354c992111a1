//! What the doctor has seen. Nothing here is judged yet.

use std::path::PathBuf;

use raa_doctor::clock::Clock;
use raa_doctor::ports::Holder;
use raa_doctor::processes::Process;
use serde_json::Value;

use crate::store::inspect::Inspected;

/// All facts.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) configuration: Configuration,
    pub(super) server: Server,
    pub(super) ports: Vec<Port>,
    pub(super) firewall: Firewall,
    pub(super) machine: Machine,
    pub(super) folder: Folder,
    pub(super) database: Inspected,
}

/// A valid configuration.
#[derive(Debug)]
pub(super) struct Configuration {
    pub(super) file: Option<PathBuf>,
    pub(super) warnings: Vec<String>,
}

/// What answers at the HTTP port.
#[derive(Debug)]
pub(super) enum Server {
    /// An RAA server.
    Running {
        status: Box<Status>,
        is_healthy: bool,
        /// Its process, if it is on this computer and can be seen.
        process: Option<Process>,
    },
    /// Something else.
    Foreign { at: String },
    /// Nothing.
    Silent { at: String, reason: String },
    /// The configuration leaves the port to the system.
    AnyPort,
}

/// The part of `/api/status` that is judged.
#[derive(Debug, Clone, Default)]
pub(super) struct Status {
    pub(super) version: String,
    pub(super) uptime_s: u64,
    pub(super) udp_port: u16,
    pub(super) skipped_slots: u64,
    pub(super) dropped_datagrams: u64,
    pub(super) unsent_reports: u64,
    /// Refused datagrams of all reasons.
    pub(super) refused_packets: u64,
    /// Address and reason of each sender that is being refused.
    pub(super) refused_senders: Vec<(String, String)>,
}

/// One of the two ports.
#[derive(Debug)]
pub(super) struct Port {
    /// Also the id of the check.
    pub(super) key: &'static str,
    /// `UDP` or `TCP`.
    pub(super) protocol: &'static str,
    pub(super) number: u16,
    pub(super) holders: Vec<Holder>,
    /// Whether it could be opened, if nobody holds it; else the reason.
    pub(super) opens: Result<(), String>,
}

/// What was seen of firewalls.
#[derive(Debug)]
pub(super) struct Firewall {
    pub(super) nft: Nft,
    /// Whether ufw is switched on in its file.
    pub(super) is_ufw_on: bool,
    /// Whether firewalld runs; then, for each port, whether its default zone opens it, if it says so.
    pub(super) firewalld: Option<Vec<Option<bool>>>,
}

/// The rules of nftables, which also has those of today's iptables.
#[derive(Debug)]
pub(super) enum Nft {
    /// Its program is not installed.
    Missing,
    /// This user may not read them.
    Hidden,
    Rules(Value),
}

/// The machine, and the rights of the server there.
#[derive(Debug)]
pub(super) struct Machine {
    /// `net.core.rmem_max`, in bytes.
    pub(super) rmem_max: Option<u64>,
    /// Whether the server may exceed it.
    pub(super) may_exceed_rmem_max: bool,
    pub(super) real_time: RealTime,
    /// The hard limit of open files, of the server if it runs.
    pub(super) max_open_files: Option<u64>,
    /// Whether rights and limits are those of the running server, not of the doctor's own process.
    pub(super) is_of_server: bool,
    pub(super) clock: Clock,
}

/// Real-time scheduling of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RealTime {
    /// The running engine has it, or does not.
    Engine(bool),
    /// A server that this user starts here would get it, or would not.
    Allowed(bool),
}

/// The state's folder.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) access: Access,
    /// Free space for the server, in bytes.
    pub(super) free_bytes: Option<u64>,
}

/// What can be done in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Access {
    /// There is none.
    Missing,
    /// This user may not look.
    Hidden,
    /// It is no folder, or can't be looked at.
    Unusable(String),
    /// The server can write into it; the text is the user.
    Writable(String),
    /// It can't; the text is the user.
    NotWritable(String),
}
