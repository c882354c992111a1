//! The least lateness: how late this machine wakes a thread that does nothing but wait for its slots.
//!
//! One thread waits on each processor, because a hypervisor or a busy program takes them away one by
//! one. What such a thread misses, no server on this machine can keep.

use std::io::{self, Write as _};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use raa_core::SLOT;

const THIS_THREAD: Pid = Pid::from_raw(0);

/// Prints each slot that begins at least `least` late: its processor, the time at which it began on
/// `CLOCK_MONOTONIC`, and its lateness. Returns only with an error.
pub(crate) fn print(least: Duration) -> anyhow::Result<()> {
    let ours =
        sched_getaffinity(THIS_THREAD).context("cannot read the processors of this program")?;
    let cpus = (0..CpuSet::count()).filter(|&cpu| ours.is_set(cpu) == Ok(true));
    let (end, ended) = mpsc::channel();
    for cpu in cpus {
        let end = end.clone();
        thread::spawn(move || end.send(watch_slots(cpu, least)));
    }
    ended.recv()?
}

fn watch_slots(cpu: usize, least: Duration) -> anyhow::Result<()> {
    let mut only = CpuSet::new();
    only.set(cpu)?;
    sched_setaffinity(THIS_THREAD, &only)
        .with_context(|| format!("cannot wait on processor {cpu}"))?;
    writeln!(io::stdout(), "waiting on processor {cpu}")?;
    let mut due = Instant::now();
    loop {
        due += SLOT;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let late = due.elapsed();
        if late >= least {
            let at = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC)?);
            let line = serde_json::json!({"cpu": cpu, "at_ms": ms(at), "late_ms": ms(late)});
            writeln!(io::stdout(), "{line}")?;
            // Missed slots are skipped, as by the server.
            due += SLOT * (late.as_nanos() / SLOT.as_nanos()) as u32;
        }
    }
}

fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}
