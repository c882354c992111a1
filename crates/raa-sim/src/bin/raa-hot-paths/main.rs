//! Counts the instructions of the work for every packet and every slot, and compares with a table.
//!
//! ```text
//! cargo run --release -p raa-sim --bin raa-hot-paths                  # compares; fails if higher
//! UPDATE_GOLDEN=1 cargo run --release -p raa-sim --bin raa-hot-paths  # rewrites the table
//! ```
//!
//! The program runs itself under callgrind, which counts the instructions.

#![allow(clippy::unwrap_used)]

mod paths;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use anyhow::{Context, ensure};
use raa_sim::measure::callgrind::inclusive;
use raa_sim::measure::instructions::{Cost, Table};

use crate::paths::{HotPath, PATHS, PREFIX, UNITS};

/// Keeps glibc from using vector instructions that only some processors have.
const PLAIN_C_LIBRARY: &str =
    "glibc.cpu.hwcaps=-AVX2,-AVX,-ERMS,-FSRM,-FMA,-AVX_Fast_Unaligned_Load";

const HEAD: &str = "\
# Instructions per operation of the release build on x86-64, counted by callgrind. Paths that
# contain libopus are given as a multiple of libopus alone in the same run. Written by
# UPDATE_GOLDEN=1 cargo run --release -p raa-sim --bin raa-hot-paths
# With the compiler named here a path may cost up to 5 % more (a ratio 1 %), with another compiler
# up to 25 % more (3 %). Up to 20 more instructions are always allowed.
#
# parse_*        parsing one datagram
# take_packet    the hub receives one RTP packet of a connected client
# mix_add        adding one source's slot to the sum
# limiter        limiting one slot
# silent_slot    a slot with 100 connected, silent clients
# source_slot    one source receives a packet and plays a slot, without loss or jitter
# speaking_slot  a slot with 40 speakers and the mix's encoder, without receiving the packets
#
";

fn main() -> anyhow::Result<ExitCode> {
    match env::args().nth(1).as_deref() {
        None => compare(),
        Some("--run") => {
            paths::run();
            Ok(ExitCode::SUCCESS)
        }
        Some(_) => anyhow::bail!("usage: raa-hot-paths"),
    }
}

/// Counts, compares with the table or rewrites it, and prints the result.
fn compare() -> anyhow::Result<ExitCode> {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/instructions.txt");
    let compiler = compiler()?;
    let (costs, units) = measure()?;
    for (name, count) in units {
        println!("{name:16} {count:12.1} instructions  (a unit of others)");
    }
    if env::var_os("UPDATE_GOLDEN").is_some() {
        let new = Table {
            compiler: compiler.clone(),
            costs: costs.clone(),
        };
        fs::write(&table, new.render(HEAD))?;
    }
    let old = fs::read_to_string(&table).with_context(|| table.display().to_string())?;
    let old = Table::parse(&old).with_context(|| format!("{} is malformed", table.display()))?;
    let (text, passes) = old.compare(&costs, old.tolerance(&compiler));
    print!("{text}");
    if old.compiler != compiler {
        let table_compiler = &old.compiler;
        println!(
            "The table was made with {table_compiler}, this is {compiler}: the tolerance is wider."
        );
    }
    if passes {
        return Ok(ExitCode::SUCCESS);
    }
    println!("The counts do not fit {}.", table.display());
    println!("If that is intended, UPDATE_GOLDEN=1 rewrites the table.");
    Ok(ExitCode::FAILURE)
}

/// Returns the compiler that cargo uses, such as `rustc 1.95.0`.
fn compiler() -> anyhow::Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output()?;
    let version = String::from_utf8(output.stdout)?;
    let words: Vec<_> = version.split(' ').take(2).collect();
    Ok(words.join(" "))
}

/// Returns the costs of all paths, and the instructions of those that are units of others.
fn measure() -> anyhow::Result<(Vec<Cost>, BTreeMap<&'static str, f64>)> {
    ensure!(
        cfg!(target_arch = "x86_64"),
        "the table is for x86-64: other processors need other instructions"
    );
    let counts = inclusive(&profile()?, PREFIX);
    let count = |path: HotPath| {
        let count = counts.get(path.name).filter(|&&count| count > 0);
        let count = count.with_context(|| format!("{} is not in the profile", path.name))?;
        anyhow::Ok(*count as f64 / f64::from(path.operations))
    };
    let units = UNITS.map(|path| anyhow::Ok((path.name, count(path)?)));
    let units: BTreeMap<_, _> = units.into_iter().collect::<anyhow::Result<_>>()?;
    let costs = PATHS.map(|path| {
        Ok(Cost {
            name: path.name.to_owned(),
            value: count(path)? / path.relative_to.map_or(1.0, |name| units[name]),
            relative_to: path.relative_to.map(str::to_owned),
        })
    });
    let costs = costs.into_iter().collect::<anyhow::Result<_>>()?;
    Ok((costs, units))
}

/// Runs this program under callgrind and returns the profile.
fn profile() -> anyhow::Result<String> {
    let program = env::current_exe()?;
    let out: PathBuf = program.with_extension("callgrind");
    let status = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(&program)
        .arg("--run")
        // The counts must depend neither on the size of the environment, which moves the stack,
        // nor on the vector instructions that the C library chooses for this processor.
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("GLIBC_TUNABLES", PLAIN_C_LIBRARY)
        .status()
        .context("cannot run valgrind")?;
    ensure!(status.success(), "under valgrind: {status}");
    let profile = fs::read_to_string(&out)?;
    fs::remove_file(out)?;
    Ok(profile)
}
