//! Instructions of what the server does for every packet and every slot, against a table.
//!
//! ```text
//! cargo run --release -p raa-sim --bin raa-hot-paths              # compares; fails when dearer
//! UPDATE_GOLDEN=1 cargo run --release -p raa-sim --bin raa-hot-paths   # writes the table anew
//! ```
//!
//! It runs itself under callgrind, which counts. Always: each path is a function of its own, and
//! only what happens within it counts; the same work on every run.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context, ensure};
use raa_core::codec::{Decoder, MAX_PACKET_SAMPLES, packet_samples};
use raa_core::mix::{self, Limiter};
use raa_core::red::Redundant;
use raa_core::rtcp;
use raa_core::rtp::Packet;
use raa_core::source::{Load, Scratch, Source};
use raa_core::{OPUS_PAYLOAD_TYPE, SLOT, SLOT_SAMPLES};
use raa_sim::measure::instructions::{Cost, Table, inclusive};
use raa_sim::measure::work::{
    BareLoop, PACKETS, Speakers, chord, music, red_payload, report, write_packet,
};

/// Before the functions' names.
const PREFIX: &str = "path_";
/// Calls of what is so short that one call's own cost would be seen.
const PARSED: u32 = 1000;
/// Slots of one source: whole rounds of the music.
const SOURCE_SLOTS: u32 = 6 * PACKETS as u32;
/// Slots of many.
const HUB_SLOTS: u32 = PACKETS as u32;
const SPEAKERS: u32 = 40;
const SILENT: u32 = 100;
/// Slots until delays have settled.
const WARM_UP: u32 = 100;

/// Name, operations in a run, and the path that is its measure.
type Measured = (&'static str, u32, Option<&'static str>);
/// Name, and instructions of an operation.
type Measure = (&'static str, f64);
const MEASURED: [Measured; 9] = [
    ("parse_rtp", PARSED, None),
    ("parse_red", PARSED, None),
    ("parse_rtcp", PARSED, None),
    ("take_packet", SPEAKERS * HUB_SLOTS, None),
    ("mix_add", PARSED, None),
    ("limiter", PARSED, None),
    ("silent_slot", HUB_SLOTS, None),
    ("source_slot", SOURCE_SLOTS, Some("bare_decode")),
    ("speaking_slot", HUB_SLOTS, Some("bare_loop")),
];
const MEASURES: [Measured; 2] = [
    ("bare_decode", SOURCE_SLOTS, None),
    ("bare_loop", HUB_SLOTS, None),
];

const HEAD: &str = "\
# Instructions per operation of the release build on x86-64, counted by callgrind; paths with
# libopus in them as a multiple of libopus alone in the same run. Written by
# UPDATE_GOLDEN=1 cargo run --release -p raa-sim --bin raa-hot-paths
# With the compiler named here a path may be 5 % dearer (a ratio 1 %), with another 25 % (3 %);
# 20 instructions more are never too many.
#
# parse_*        reading one datagram
# take_packet    the hub takes one RTP packet of a connected client
# mix_add        adding one source's slot to the sum
# limiter        limiting one slot
# silent_slot    a slot of 100 connected clients who are silent
# source_slot    one source takes a packet and plays a slot, undisturbed
# speaking_slot  a slot of 40 speakers, without taking their packets, with the mix's encoder
#
";

fn main() -> anyhow::Result<ExitCode> {
    match env::args().nth(1).as_deref() {
        None => guard(),
        Some("--run") => {
            run();
            Ok(ExitCode::SUCCESS)
        }
        Some(_) => anyhow::bail!("usage: raa-hot-paths"),
    }
}

fn guard() -> anyhow::Result<ExitCode> {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/instructions.txt");
    let compiler = compiler()?;
    let (costs, measures) = measure()?;
    for (name, count) in measures {
        println!("{name:16} {count:12.1} instructions  (the measure of others)");
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
    let (text, passes) = old.judge(&costs, old.tolerance(&compiler));
    print!("{text}");
    if old.compiler != compiler {
        let theirs = &old.compiler;
        println!("The table is of {theirs}, this is {compiler}: the tolerance is wider.");
    }
    if passes {
        return Ok(ExitCode::SUCCESS);
    }
    println!("What failed costs more than {} says.", table.display());
    println!("If it has to, UPDATE_GOLDEN=1 writes the table anew.");
    Ok(ExitCode::FAILURE)
}

/// The compiler that cargo takes, as `rustc 1.95.0`.
fn compiler() -> anyhow::Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output()?;
    let said = String::from_utf8(output.stdout)?;
    let words: Vec<_> = said.split(' ').take(2).collect();
    Ok(words.join(" "))
}

/// What each path costs, and what the measures do.
fn measure() -> anyhow::Result<(Vec<Cost>, Vec<Measure>)> {
    ensure!(
        cfg!(target_arch = "x86_64"),
        "the table is of x86-64: other processors have other instructions"
    );
    let counts = inclusive(&profile()?, PREFIX);
    let each = |(name, operations, _): Measured| {
        let count = counts.get(name).filter(|&&count| count > 0);
        let count = count.with_context(|| format!("{name} is not in the profile"))?;
        Ok((name, *count as f64 / f64::from(operations)))
    };
    let measures: Vec<_> = MEASURES
        .map(each)
        .into_iter()
        .collect::<anyhow::Result<_>>()?;
    let beside = BTreeMap::from_iter(measures.iter().copied());
    let cost = |measured: Measured| {
        let (name, count) = each(measured)?;
        Ok(Cost {
            name: name.to_owned(),
            value: count / measured.2.map_or(1.0, |name| beside[name]),
            beside: measured.2.map(str::to_owned),
        })
    };
    let costs = MEASURED
        .map(cost)
        .into_iter()
        .collect::<anyhow::Result<_>>()?;
    Ok((costs, measures))
}

/// Runs this program under callgrind.
fn profile() -> anyhow::Result<String> {
    let program = env::current_exe()?;
    let out: PathBuf = program.with_extension("callgrind");
    let status = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(&program)
        .arg("--run")
        // Neither the size of the environment, which moves the stack, nor what the C library
        // chooses for this processor's vectors is to be counted.
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("GLIBC_TUNABLES", PLAIN_C_LIBRARY)
        .status()
        .context("valgrind cannot be run")?;
    ensure!(status.success(), "under valgrind: {status}");
    let profile = fs::read_to_string(&out)?;
    fs::remove_file(out)?;
    Ok(profile)
}

/// glibc's copies and sums without what only some processors have.
const PLAIN_C_LIBRARY: &str =
    "glibc.cpu.hwcaps=-AVX2,-AVX,-ERMS,-FSRM,-FMA,-AVX_Fast_Unaligned_Load";

fn run() {
    parsing();
    mixing();
    one_source();
    silence();
    speaking();
}

fn parsing() {
    let music = music(0.5).unwrap();
    let mut rtp = Vec::new();
    write_packet(1, 7, &music[7], &mut rtp);
    path_parse_rtp(&rtp);
    path_parse_red(&red_payload(&music));
    path_parse_rtcp(&report());
}

#[inline(never)]
fn path_parse_rtp(datagram: &[u8]) {
    for _ in 0..PARSED {
        black_box(Packet::parse(black_box(datagram)).unwrap());
    }
}

#[inline(never)]
fn path_parse_red(payload: &[u8]) {
    for _ in 0..PARSED {
        let redundant = Redundant::parse(black_box(payload)).unwrap();
        redundant
            .earlier()
            .for_each(|earlier| _ = black_box(earlier));
        black_box(redundant.payload);
    }
}

#[inline(never)]
fn path_parse_rtcp(datagram: &[u8]) {
    for _ in 0..PARSED {
        rtcp::parse(black_box(datagram), |item| _ = black_box(item)).unwrap();
    }
}

fn mixing() {
    let source = chord(0.5, 7);
    path_mix_add(&source);
    path_limiter(&chord(4.0, 7));
}

#[inline(never)]
fn path_mix_add(source: &[f32; SLOT_SAMPLES]) {
    let mut sum = [0.0; SLOT_SAMPLES];
    for _ in 0..PARSED {
        mix::add(&mut sum, black_box(source), 1.0, 1.0);
        black_box(&sum);
    }
}

/// Every other slot is too loud.
#[inline(never)]
fn path_limiter(loud: &[f32; SLOT_SAMPLES]) {
    let mut limiter = Limiter::default();
    for n in 0..PARSED {
        let mut pcm = *loud;
        if n % 2 == 0 {
            pcm.iter_mut().for_each(|x| *x *= 0.1);
        }
        limiter.process(black_box(&mut pcm));
        black_box(&pcm);
    }
}

fn one_source() {
    let music = music(0.5).unwrap();
    let mut decoder = Decoder::new().unwrap();
    let mut source = Fed::new(&music);
    (0..WARM_UP).for_each(|_| source.slot());
    path_bare_decode(&mut decoder, &music);
    path_source_slot(&mut source);
    let stats = source.source.stats();
    assert_eq!((stats.concealed, stats.late, stats.lost), (0, 0, 0));
}

#[inline(never)]
fn path_bare_decode(decoder: &mut Decoder, music: &[Vec<u8>]) {
    let mut out = [0.0; MAX_PACKET_SAMPLES];
    for n in 0..SOURCE_SLOTS as usize {
        decoder.decode(&music[n % PACKETS], &mut out).unwrap();
        black_box(&out);
    }
}

#[inline(never)]
fn path_source_slot(source: &mut Fed<'_>) {
    (0..SOURCE_SLOTS).for_each(|_| source.slot());
}

/// A source to which a packet comes in every slot.
struct Fed<'a> {
    source: Source,
    music: &'a [Vec<u8>],
    slot_start: Instant,
    sent: u32,
    scratch: Box<Scratch>,
}

impl<'a> Fed<'a> {
    fn new(music: &'a [Vec<u8>]) -> Self {
        Self {
            source: Source::new(Duration::from_millis(400)).unwrap(),
            music,
            slot_start: Instant::now(),
            sent: 0,
            scratch: Box::new([0.0; MAX_PACKET_SAMPLES]),
        }
    }

    fn slot(&mut self) {
        let payload = &self.music[self.sent as usize % PACKETS];
        let packet = Packet {
            marker: self.sent == 0,
            payload_type: OPUS_PAYLOAD_TYPE,
            sequence_number: self.sent as u16,
            timestamp: self.sent * SLOT_SAMPLES as u32,
            ssrc: 1,
            payload,
        };
        let arrival = self.slot_start + Duration::from_millis(7);
        let samples = packet_samples(payload).unwrap();
        self.source.insert(arrival, &packet, samples, None);
        self.slot_start += SLOT;
        self.sent += 1;
        let mut out = [0.0; SLOT_SAMPLES];
        self.source
            .play(self.slot_start, Load::Normal, &mut self.scratch, &mut out);
        black_box(&out);
    }
}

/// They have spoken, and nothing more comes from them.
fn silence() {
    let mut silent = Speakers::new(SILENT as usize).unwrap();
    silent.warm_up(10);
    // Until all have faded and the mix's encoder says that there is nothing.
    (0..WARM_UP).for_each(|_| _ = silent.play());
    assert_eq!(silent.hub.stats().active, 0);
    path_silent_slot(&mut silent);
    assert_eq!(silent.hub.clients(Instant::now()).count(), SILENT as usize);
}

#[inline(never)]
fn path_silent_slot(silent: &mut Speakers) {
    for _ in 0..HUB_SLOTS {
        silent.play();
    }
}

fn speaking() {
    let mut bare = BareLoop::new(SPEAKERS as usize).unwrap();
    path_bare_loop(&mut bare);
    let mut speakers = Speakers::new(SPEAKERS as usize).unwrap();
    speakers.warm_up(PACKETS as u32);
    for _ in 0..HUB_SLOTS {
        speakers.write();
        path_take_packet(&mut speakers);
        path_speaking_slot(&mut speakers);
    }
    assert_eq!(speakers.hub.stats().active, SPEAKERS as usize);
}

#[inline(never)]
fn path_bare_loop(bare: &mut BareLoop) {
    for _ in 0..HUB_SLOTS {
        bare.slot().unwrap();
    }
}

#[inline(never)]
fn path_take_packet(speakers: &mut Speakers) {
    assert_eq!(speakers.take(), SPEAKERS as usize);
}

#[inline(never)]
fn path_speaking_slot(speakers: &mut Speakers) {
    speakers.play();
}
