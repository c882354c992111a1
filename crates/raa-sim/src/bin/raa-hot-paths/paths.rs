//! The paths that are counted, one function each, and what prepares their work.
//!
//! Always: every counted function is called `path_` and its name in the table, and is not inlined;
//! only work within it counts; the work is the same in every run.

use std::hint::black_box;
use std::time::{Duration, Instant};

use raa_core::codec::{Decoder, MAX_PACKET_SAMPLES, packet_samples};
use raa_core::mix::{self, Limiter};
use raa_core::red::Redundant;
use raa_core::rtcp;
use raa_core::rtp::Packet;
use raa_core::source::{Load, Scratch, Source};
use raa_core::{OPUS_PAYLOAD_TYPE, SLOT, SLOT_SAMPLES};
use raa_sim::measure::work::{
    BareLoop, PACKETS, Speakers, chord, music, red_payload, report, write_packet,
};

/// The prefix of the names of counted functions.
pub(crate) const PREFIX: &str = "path_";
/// Repetitions of a short operation, so that the cost of the call around them does not show.
const REPETITIONS: u32 = 1000;
/// Slots of the path with one source: whole rounds of the music.
const SOURCE_SLOTS: u32 = 6 * PACKETS as u32;
/// Slots of the paths with a hub: one round of the music.
const HUB_SLOTS: u32 = PACKETS as u32;
const SPEAKERS: u32 = 40;
const SILENT_CLIENTS: u32 = 100;
/// Slots until delays have settled.
const WARM_UP: u32 = 100;

/// A counted path.
#[derive(Clone, Copy)]
pub(crate) struct HotPath {
    pub name: &'static str,
    /// Operations in one run.
    pub operations: u32,
    /// The path whose cost is the unit, for a ratio.
    pub relative_to: Option<&'static str>,
}

const fn hot_path(
    name: &'static str,
    operations: u32,
    relative_to: Option<&'static str>,
) -> HotPath {
    HotPath {
        name,
        operations,
        relative_to,
    }
}

/// The paths of the table.
pub(crate) const PATHS: [HotPath; 9] = [
    hot_path("parse_rtp", REPETITIONS, None),
    hot_path("parse_red", REPETITIONS, None),
    hot_path("parse_rtcp", REPETITIONS, None),
    hot_path("take_packet", SPEAKERS * HUB_SLOTS, None),
    hot_path("mix_add", REPETITIONS, None),
    hot_path("limiter", REPETITIONS, None),
    hot_path("silent_slot", HUB_SLOTS, None),
    hot_path("source_slot", SOURCE_SLOTS, Some("bare_decode")),
    hot_path("speaking_slot", HUB_SLOTS, Some("bare_loop")),
];
/// The paths with libopus alone, which are the units of others.
pub(crate) const UNITS: [HotPath; 2] = [
    hot_path("bare_decode", SOURCE_SLOTS, None),
    hot_path("bare_loop", HUB_SLOTS, None),
];

/// Does the work of all paths once.
pub(crate) fn run() {
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
    for _ in 0..REPETITIONS {
        black_box(Packet::parse(black_box(datagram)).unwrap());
    }
}

#[inline(never)]
fn path_parse_red(payload: &[u8]) {
    for _ in 0..REPETITIONS {
        let redundant = Redundant::parse(black_box(payload)).unwrap();
        redundant
            .earlier()
            .for_each(|earlier| _ = black_box(earlier));
        black_box(redundant.payload);
    }
}

#[inline(never)]
fn path_parse_rtcp(datagram: &[u8]) {
    for _ in 0..REPETITIONS {
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
    for _ in 0..REPETITIONS {
        mix::add(&mut sum, black_box(source), 1.0, 1.0);
        black_box(&sum);
    }
}

/// Limits slots of which every other one is too loud.
#[inline(never)]
fn path_limiter(loud: &[f32; SLOT_SAMPLES]) {
    let mut limiter = Limiter::default();
    for n in 0..REPETITIONS {
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
    let mut source = FedSource::new(&music);
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
fn path_source_slot(source: &mut FedSource<'_>) {
    (0..SOURCE_SLOTS).for_each(|_| source.slot());
}

/// A source that receives one packet in every slot.
struct FedSource<'a> {
    source: Source,
    music: &'a [Vec<u8>],
    slot_start: Instant,
    sent: u32,
    scratch: Box<Scratch>,
}

impl<'a> FedSource<'a> {
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

/// A hub whose clients have spoken before and send nothing more.
fn silence() {
    let mut silent = Speakers::new(SILENT_CLIENTS as usize).unwrap();
    silent.warm_up(10);
    // Until concealment has faded out and the mix is in DTX.
    (0..WARM_UP).for_each(|_| _ = silent.play());
    assert_eq!(silent.hub.stats().active, 0);
    path_silent_slot(&mut silent);
    assert_eq!(
        silent.hub.clients(Instant::now()).count(),
        SILENT_CLIENTS as usize
    );
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
    assert_eq!(speakers.deliver(), SPEAKERS as usize);
}

#[inline(never)]
fn path_speaking_slot(speakers: &mut Speakers) {
    speakers.play();
}
