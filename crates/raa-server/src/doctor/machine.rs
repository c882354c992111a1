//! The machine and the server's rights there: the judgement.
//!
//! Rights and limits of a running server are read from its process; without one, those of the doctor's own
//! process stand for those of a server that the same user would start.

use raa_doctor::clock;
use raa_doctor::report::Finding;

use super::facts::{Machine, RealTime};
use crate::descriptors::needed_for;
use crate::engine::{QUEUED_DATAGRAM_BYTES, RECEIVE_BUFFER_BYTES};
use crate::http::accept::MAX_CONNECTIONS;

/// With fewer open files than this, not even a small room of pages finds a place.
const FEW_FILES: u64 = 128;

pub(super) fn receive_buffer(machine: &Machine) -> Finding {
    const ID: &str = "receive_buffer";
    let asked = RECEIVE_BUFFER_BYTES as u64;
    let Some(rmem_max) = machine.rmem_max else {
        return Finding::ok(
            ID,
            "net.core.rmem_max can't be read here, so the kernel's default counts",
        );
    };
    if machine.may_exceed_rmem_max && machine.is_of_server {
        return Finding::ok(
            ID,
            "the server may take what it asks for, whatever net.core.rmem_max is",
        );
    }
    if rmem_max >= asked {
        return Finding::ok(
            ID,
            format!("net.core.rmem_max is {rmem_max}; the server asks for {asked}"),
        );
    }
    // The kernel doubles what is asked for.
    let packets = 2 * rmem_max / QUEUED_DATAGRAM_BYTES as u64;
    Finding::attention(
        ID,
        format!(
            "net.core.rmem_max is {rmem_max}; the server asks for {asked}. Room for {packets} packets: with \
             100 computers that sound at once, a pause of the server of {} ms loses some",
            packets * 1000 / (100 * 50)
        ),
        format!(
            "sysctl -w net.core.rmem_max={asked}, the same in a file of /etc/sysctl.d, and restart the server"
        ),
    )
}

pub(super) fn real_time(machine: &Machine) -> Finding {
    const ID: &str = "real_time";
    let remedy = "set LimitRTPRIO=10 in the unit (raa-server.service has it), or rtprio 10 in \
        /etc/security/limits.conf, and restart the server";
    match machine.real_time {
        RealTime::Engine(true) => Finding::ok(ID, "the engine runs with real-time priority"),
        RealTime::Engine(false) => Finding::attention(
            ID,
            "the engine runs without real-time priority, so a busy computer makes it skip slots",
            remedy,
        ),
        RealTime::Allowed(true) => {
            Finding::ok(ID, "this user may start the engine with real-time priority")
        }
        RealTime::Allowed(false) => Finding::attention(
            ID,
            "no running engine is seen, and this user may not start one with real-time priority",
            remedy,
        ),
    }
}

pub(super) fn descriptors(machine: &Machine) -> Finding {
    const ID: &str = "descriptors";
    let whose = if machine.is_of_server {
        "the server"
    } else {
        "this user"
    };
    let needed = needed_for(MAX_CONNECTIONS) as u64;
    let remedy =
        format!("set LimitNOFILE={needed} in the unit (raa-server.service has more), or ulimit -n");
    match machine.max_open_files {
        None => Finding::ok(
            ID,
            format!("the limit of open files of {whose} can't be read here"),
        ),
        Some(limit) if limit >= needed => {
            let limit = if limit == u64::MAX {
                "any number of".into()
            } else {
                limit.to_string()
            };
            Finding::ok(ID, format!("{whose} may open {limit} files"))
        }
        Some(limit) => {
            let connections = limit.saturating_sub(needed - MAX_CONNECTIONS as u64);
            let found = format!(
                "{whose} may open {limit} files, which leaves room for {connections} connections instead of {MAX_CONNECTIONS}"
            );
            if limit < FEW_FILES {
                Finding::wrong(ID, found, remedy)
            } else {
                Finding::attention(ID, found, remedy)
            }
        }
    }
}

/// Returns the findings about the machine.
pub(super) fn judge(machine: &Machine) -> Vec<Finding> {
    vec![
        receive_buffer(machine),
        real_time(machine),
        descriptors(machine),
        clock::judge(machine.clock),
    ]
}
