//! The packetizer on a simulated clock: every test says what was captured when, and reads the
//! datagrams.

use super::*;
use crate::codec::{Decoder, MAX_PACKET_SAMPLES};
use crate::hub::{Hub, HubConfig, Origin, Output};
use crate::rtcp;
use crate::{SLOT, rtp};

const START: StreamStart = StreamStart {
    ssrc: 0x5eed,
    sequence_number: 100,
    timestamp: 5000,
};
const MS: Duration = Duration::from_millis(1);
/// 1 kHz at -12 dBFS.
const TONE: f32 = 0.25;

/// One RTP packet as the network saw it.
#[derive(Debug, Clone, PartialEq)]
struct Sent {
    at: Instant,
    marker: bool,
    sequence_number: u16,
    timestamp: u32,
    payload: Vec<u8>,
}

impl Sent {
    fn is_silence(&self) -> bool {
        self.payload.len() == 1
    }
}

/// A packetizer, its capture and its network.
struct World {
    packetizer: Packetizer,
    start: Instant,
    now: Instant,
    rtp: Vec<Sent>,
    rtcp: Vec<(Instant, Vec<u8>)>,
}

impl World {
    fn new() -> Self {
        Self::starting_with(START)
    }

    fn starting_with(stream: StreamStart) -> Self {
        let config = PacketizerConfig {
            stream,
            // The fastest setting: nobody listens to hours of it.
            encoder: EncoderSettings {
                complexity: 0,
                ..EncoderSettings::default()
            },
            identity: Identity {
                cname: "raa-5eed@ward3".into(),
                name: "Ward 3".into(),
                tool: "raa-client 1".into(),
            },
            seed: 7,
            wall_clock: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_500),
        };
        let start = Instant::now();
        let packetizer = Packetizer::new(config, start).unwrap();
        Self {
            packetizer,
            start,
            now: start,
            rtp: Vec::new(),
            rtcp: Vec::new(),
        }
    }

    fn poll(&mut self) {
        while let Some(datagram) = self.packetizer.poll_transmit() {
            if rtp::is_rtcp(datagram) {
                self.rtcp.push((self.now, datagram.to_vec()));
                continue;
            }
            let packet = Packet::parse(datagram).unwrap();
            assert_eq!(
                (packet.ssrc, packet.payload_type),
                (START.ssrc, OPUS_PAYLOAD_TYPE)
            );
            self.rtp.push(Sent {
                at: self.now,
                marker: packet.marker,
                sequence_number: packet.sequence_number,
                timestamp: packet.timestamp,
                payload: packet.payload.to_vec(),
            });
        }
    }

    /// Nothing is captured until `to`; the timeouts are kept.
    fn pass_to(&mut self, to: Instant) {
        loop {
            let due = self.packetizer.poll_timeout();
            assert!(
                due > self.now || due <= to,
                "a timeout that has been served is not due again"
            );
            if due > to {
                self.now = to;
                return;
            }
            self.now = self.now.max(due);
            self.packetizer.handle_timeout(self.now);
            self.poll();
            assert!(
                self.packetizer.poll_timeout() > self.now,
                "served timeouts make progress"
            );
        }
    }

    fn pass(&mut self, time: Duration) {
        self.pass_to(self.now + time);
    }

    /// A block that took its own length to be captured.
    fn capture(&mut self, pcm: &[f32]) {
        self.pass_to(self.now + Duration::from_secs_f64(pcm.len() as f64 / 48_000.0));
        self.packetizer.push_pcm(self.now, pcm);
        self.poll();
    }

    fn capture_for(&mut self, time: Duration, mut sample: impl FnMut() -> f32) {
        for _ in 0..time.as_millis() / 10 {
            let block: [f32; 480] = std::array::from_fn(|_| sample());
            self.capture(&block);
        }
    }

    fn capture_tone(&mut self, time: Duration) {
        self.capture_for(time, tone());
    }

    fn capture_silence(&mut self, time: Duration) {
        self.capture_for(time, || 0.0);
    }

    /// How many samples after the start `now` is.
    fn elapsed(&self) -> u32 {
        crate::samples_in(self.now - self.start) as u32
    }

    #[track_caller]
    fn assert_sequence_is_contiguous(&self) {
        for pair in self.rtp.windows(2) {
            assert_eq!(
                pair[1].sequence_number,
                pair[0].sequence_number.wrapping_add(1)
            );
        }
    }

    #[track_caller]
    fn assert_timestamps_are_contiguous(&self) {
        for pair in self.rtp.windows(2) {
            assert_eq!(pair[1].timestamp.wrapping_sub(pair[0].timestamp), 960);
        }
    }
}

fn tone() -> impl FnMut() -> f32 {
    let mut i = 0;
    move || {
        i += 1;
        TONE * (i as f32 * std::f32::consts::TAU / 48.0).sin()
    }
}

/// Silence with the last bit of 16 flickering, as sound cards and mixers dither it.
fn dither() -> impl FnMut() -> f32 {
    let mut state = 0x1234_5678_u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from((state >> 30) as u8 % 3).mul_add(1.0, -1.0) / 32_768.0
    }
}

#[test]
fn frames_are_the_same_whatever_the_blocks_are() {
    let frames_of = |block: usize| {
        let mut world = World::new();
        let mut tone = tone();
        let pcm: Vec<f32> = (0..48_000).map(|_| tone()).collect();
        pcm.chunks(block).for_each(|block| world.capture(block));
        world.assert_timestamps_are_contiguous();
        world
            .rtp
            .into_iter()
            .map(|sent| (sent.timestamp, sent.payload))
            .collect::<Vec<_>>()
    };
    let expected = frames_of(960);
    assert_eq!(expected.len(), 50);
    for block in [1, 7, 441, 480, 959, 961, 1024, 1440] {
        assert!(frames_of(block) == expected, "blocks of {block}");
    }
}

#[test]
fn dithered_silence_costs_only_keep_alives() {
    let mut world = World::new();
    world.capture_for(60_000 * MS, dither());
    assert_eq!(world.rtp.len(), 150, "one per 400 ms");
    assert!(world.rtp.iter().all(Sent::is_silence));
    assert!(!world.packetizer.stats().sending);
    assert!((-90.5..-90.0).contains(&world.packetizer.stats().level.peak_dbfs));
}

#[test]
fn libopus_own_dtx_is_said_once() {
    let mut world = World::new();
    world.capture_tone(400 * MS);
    // Shorter than the gate's hangover, but libopus knows digital silence sooner.
    world.capture_silence(380 * MS);
    let pause = world.rtp.split_off(20);
    let silence: Vec<_> = pause
        .iter()
        .filter(|sent| sent.payload.len() <= 2)
        .collect();
    assert_eq!(silence.len(), 1, "of {}", pause.len());
    assert!(silence[0].is_silence() && pause.last() == Some(silence[0]));
    assert!(pause.len() < 15, "{} of 19 frames were sent", pause.len());
    world.capture_tone(400 * MS);
    let onset = &world.rtp[20];
    assert!(onset.marker, "what was not sent was silence");
    assert_eq!(
        onset.sequence_number,
        silence[0].sequence_number.wrapping_add(1)
    );
}

#[test]
fn pauses_are_sent_whole_up_to_the_hangover() {
    for (pause_ms, talkspurts) in [(20, 1), (200, 1), (380, 1), (420, 2), (2000, 2)] {
        let mut world = World::new();
        world.capture_tone(200 * MS);
        world.capture_for(pause_ms * MS, dither());
        world.capture_tone(200 * MS);
        assert_eq!(
            world.packetizer.stats().talkspurts,
            talkspurts,
            "{pause_ms} ms"
        );
        let markers = world.rtp.iter().filter(|sent| sent.marker).count();
        assert_eq!(markers as u64, talkspurts, "{pause_ms} ms");
        world.assert_sequence_is_contiguous();
    }
}

#[test]
fn quiet_sound_is_sent() {
    let mut world = World::new();
    let mut tone = tone();
    let quiet = crate::level::from_dbfs(-66.0) / TONE;
    world.capture_for(2000 * MS, move || quiet * tone());
    assert_eq!(
        world.rtp.iter().filter(|sent| !sent.is_silence()).count(),
        100
    );
}

#[test]
fn the_hangover_ends_with_one_word_of_silence() {
    let mut world = World::new();
    world.capture_tone(1000 * MS);
    world.capture_silence(700 * MS);
    let lengths: Vec<_> = world.rtp.iter().map(|sent| sent.payload.len()).collect();
    // 50 frames of tone; libopus may call the end of the hangover silence before the gate does.
    let silence: Vec<_> = (0..lengths.len()).filter(|&i| lengths[i] == 1).collect();
    let first = silence[0];
    assert!((55..=69).contains(&first), "{lengths:?}");
    assert_eq!(silence, (first..lengths.len()).collect::<Vec<_>>());
    let toc = world.rtp[first - 1].payload[0] & 0xfc;
    assert_eq!(world.rtp[first].payload, [toc]);
    assert!(!world.rtp[first].marker);
}

#[test]
fn keep_alives_come_every_400_ms_with_or_without_capture() {
    for captured in [true, false] {
        let mut world = World::new();
        if captured {
            world.capture_silence(10_000 * MS);
        } else {
            world.pass(10_000 * MS);
        }
        assert_eq!(world.rtp.len(), 25);
        assert_eq!(world.rtp[0].timestamp, START.timestamp);
        assert_eq!(world.rtp[0].sequence_number, START.sequence_number);
        for pair in world.rtp.windows(2) {
            assert!(pair[1].is_silence() && !pair[1].marker);
            assert_eq!(pair[1].timestamp - pair[0].timestamp, 19_200);
            let apart = pair[1].at - pair[0].at;
            assert!((399 * MS..=401 * MS).contains(&apart), "{apart:?}");
        }
        world.assert_sequence_is_contiguous();
    }
}

#[test]
fn timestamps_go_on_through_a_pause_of_capture() {
    for pause_ms in [101, 130, 399, 777, 5_000, 3_600_000] {
        let mut world = World::new();
        world.capture_tone(1005 * MS);
        let spoken = world.rtp.len();
        world.pass(pause_ms * MS);
        let sound_began = world.elapsed();
        world.capture_tone(100 * MS);
        world.assert_sequence_is_contiguous();
        let onset = world.rtp[spoken..].iter().find(|sent| sent.marker).unwrap();
        assert_eq!(
            onset.timestamp,
            START.timestamp + sound_began / 960 * 960,
            "{pause_ms} ms"
        );
        assert_eq!(world.packetizer.stats().dropped_samples, 0, "{pause_ms} ms");
        let after = world.rtp[spoken..]
            .iter()
            .filter(|sent| !sent.is_silence())
            .count();
        assert!((4..=5).contains(&after), "{pause_ms} ms: {after}");
        // Every packet is sent when its frame is over, give or take what capture's pause adds.
        for sent in &world.rtp {
            let begins = world.start + Duration::from_secs(1) * (sent.timestamp - 5000) / 48_000;
            let waited = sent.at - begins;
            assert!(
                (20 * MS..=61 * MS).contains(&waited),
                "{pause_ms} ms: {waited:?}"
            );
        }
    }
}

#[test]
fn sequence_and_timestamp_wrap() {
    let near_the_end = StreamStart {
        sequence_number: u16::MAX - 5,
        timestamp: u32::MAX - 5000,
        ..START
    };
    let mut world = World::starting_with(near_the_end);
    world.capture_tone(300 * MS);
    world.pass(1000 * MS);
    world.capture_tone(300 * MS);
    world.assert_sequence_is_contiguous();
    for pair in world.rtp.windows(2) {
        let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
        assert!(step % 960 == 0 && step <= 19_200, "{step}");
    }
    assert!(world.rtp.last().unwrap().timestamp < 100_000);
}

#[test]
fn drift_of_the_sound_card_makes_no_jump() {
    for ppm in [-200.0, 200.0] {
        let mut world = World::new();
        let mut tone = tone();
        let begin = world.now;
        for block in 1..=30_000 {
            let due = f64::from(block) * 0.02 * (1.0 + ppm / 1e6);
            world.pass_to(begin + Duration::from_secs_f64(due));
            let pcm: [f32; 960] = std::array::from_fn(|_| tone());
            world.packetizer.push_pcm(world.now, &pcm);
            world.poll();
        }
        // Ten minutes are 120 ms by then, more than what counts as a backlog or a loss.
        assert_eq!(world.rtp.len(), 30_000, "{ppm} ppm");
        world.assert_timestamps_are_contiguous();
        assert_eq!(world.packetizer.stats().dropped_samples, 0);
        assert_eq!(world.packetizer.stats().capture_gaps, 0);
    }
}

#[test]
fn a_backlog_after_a_stall_is_dropped() {
    for polled in [true, false] {
        let mut world = World::new();
        world.capture_tone(500 * MS);
        // The process stands still; then three seconds of sound are there at once.
        world.now += 3000 * MS;
        let before = world.rtp.len();
        let mut tone = tone();
        for _ in 0..300 {
            let block: [f32; 480] = std::array::from_fn(|_| tone());
            world.packetizer.push_pcm(world.now, &block);
            if polled {
                world.poll();
            }
        }
        world.poll();
        assert!(
            world.rtp.len() - before < 10,
            "{} packets in a burst",
            world.rtp.len() - before
        );
        world.capture_tone(1000 * MS);
        let last = world.rtp.last().unwrap();
        let ahead = i64::from(last.timestamp - START.timestamp) + 960 - i64::from(world.elapsed());
        assert!((-960..=2880).contains(&ahead), "{ahead} samples ahead");
        world.assert_sequence_is_contiguous();
    }
}

#[test]
fn one_long_block_after_a_stall_gives_its_end_only() {
    let mut world = World::new();
    world.capture_tone(500 * MS);
    world.now += 3000 * MS;
    let mut tone = tone();
    let block: Vec<f32> = (0..144_000).map(|_| tone()).collect();
    let before = world.rtp.len();
    world.packetizer.push_pcm(world.now, &block);
    world.pass(20 * MS);
    assert_eq!(world.rtp.len() - before, 10, "200 ms");
    let last = world.rtp.last().unwrap();
    assert!(last.timestamp - START.timestamp + 960 <= world.elapsed());
}

#[test]
fn capture_that_is_late_loses_nothing_that_can_arrive_in_time() {
    // How long capture stands still before it delivers all of it at once, and how many frames of
    // that are lost: those that were declared silent meanwhile.
    for (late_ms, lost) in [(20, 0), (60, 0), (90, 0), (140, 4), (190, 5)] {
        for polled in [true, false] {
            let mut world = World::new();
            world.capture_tone(400 * MS);
            let mut tone = tone();
            for _ in 0..10 {
                world.pass(late_ms * MS);
                for _ in 0..late_ms / 10 {
                    let block: [f32; 480] = std::array::from_fn(|_| tone());
                    world.packetizer.push_pcm(world.now, &block);
                    if polled {
                        world.poll();
                    }
                }
                world.poll();
                world.capture_tone(400 * MS);
            }
            let frames = (400 + 10 * (late_ms + 400)) / 20;
            let sound = world.rtp.iter().filter(|sent| !sent.is_silence()).count();
            let missing = frames as usize - sound;
            assert!(
                missing <= 10 * lost + 1,
                "{late_ms} ms, polled {polled}: {missing} missing"
            );
            world.assert_sequence_is_contiguous();
        }
    }
}

#[test]
fn lost_capture_is_made_up_for() {
    let mut world = World::new();
    world.capture_tone(100 * MS);
    // Capture loses 50 ms out of every 100 without ever pausing for long.
    for _ in 0..20 {
        world.pass(50 * MS);
        world.capture_tone(50 * MS);
    }
    let last = world.rtp.last().unwrap();
    let behind = i64::from(world.elapsed()) - i64::from(last.timestamp - START.timestamp);
    assert!(behind <= 7200 + 960, "{behind} samples behind");
}

#[test]
fn nothing_grows_while_nobody_polls() {
    let mut world = World::new();
    let mut tone = tone();
    for _ in 0..1000 {
        world.now += 10 * MS;
        let block: [f32; 480] = std::array::from_fn(|_| tone());
        world.packetizer.push_pcm(world.now, &block);
    }
    world.poll();
    assert_eq!(world.rtp.len(), MAX_PENDING / 960);
    assert_eq!(
        world.rtp.last().unwrap().timestamp + 960,
        START.timestamp + world.elapsed()
    );
}

#[test]
fn what_is_not_a_number_is_silence() {
    let mut world = World::new();
    world.capture_for(1000 * MS, || f32::NAN);
    world.capture_for(1000 * MS, || f32::INFINITY);
    world.capture_tone(1000 * MS);
    assert!(world.rtp.len() > 50);
    world.assert_sequence_is_contiguous();
}

/// What a compound packet says: sender report, name, whether it says goodbye.
fn read_report(datagram: &[u8]) -> (rtcp::SenderReport, String, bool) {
    let (mut report, mut name, mut goodbye) = (None, String::new(), false);
    let read = |item: rtcp::Item<'_>| match item {
        rtcp::Item::SenderReport(said) => report = Some(said),
        rtcp::Item::Name { text, .. } => name = String::from_utf8(text.to_vec()).unwrap(),
        rtcp::Item::Goodbye { ssrc } => goodbye = ssrc == START.ssrc,
    };
    rtcp::parse(datagram, read).unwrap();
    (report.unwrap(), name, goodbye)
}

#[test]
fn the_first_report_follows_the_first_packet_and_says_everything() {
    let mut world = World::new();
    world.capture_tone(20 * MS);
    let (at, datagram) = world.rtcp[0].clone();
    assert_eq!((at, world.rtcp.len()), (world.rtp[0].at, 1));
    let (report, name, goodbye) = read_report(&datagram);
    assert_eq!((name.as_str(), goodbye), ("Ward 3", false));
    // 20 ms after 1,700,000,000.5 s of Unix time.
    let ntp_seconds = 1_700_000_000 + 2_208_988_800_u64;
    assert_eq!(report.ntp >> 32, ntp_seconds);
    let fraction = (report.ntp & 0xffff_ffff) as f64 / 2f64.powi(32);
    assert!((fraction - 0.52).abs() < 1e-6, "{fraction}");
    assert_eq!(report.rtp_timestamp, START.timestamp + 960);
    assert_eq!(report.packets, 1);
    assert_eq!(report.octets as usize, world.rtp[0].payload.len());
}

#[test]
fn reports_are_spread_around_five_seconds() {
    let mut world = World::new();
    world.pass(3_600_000 * MS);
    let apart: Vec<f64> = world
        .rtcp
        .windows(2)
        .map(|pair| (pair[1].0 - pair[0].0).as_secs_f64())
        .collect();
    let mean = apart.iter().sum::<f64>() / apart.len() as f64;
    assert!((4.8..5.2).contains(&mean), "{mean}");
    assert!(apart.iter().all(|s| (2.5..=7.5).contains(s)));
    assert!(apart.iter().any(|&s| s < 3.5) && apart.iter().any(|&s| s > 6.5));
    let (report, ..) = read_report(&world.rtcp.last().unwrap().1);
    let rtp_before = world
        .rtp
        .iter()
        .filter(|sent| sent.at <= world.rtcp.last().unwrap().0);
    assert_eq!(report.packets as usize, rtp_before.count());
}

#[test]
fn introducing_again_reports_at_once() {
    let mut world = World::new();
    world.packetizer.introduce_again();
    assert!(
        world.packetizer.poll_transmit().is_none(),
        "no report goes before the first packet"
    );
    world.capture_tone(1000 * MS);
    assert_eq!(world.rtcp.len(), 1);
    world.packetizer.introduce_again();
    world.poll();
    assert_eq!(world.rtcp.len(), 2);
}

#[test]
fn goodbye_ends_a_stream_that_has_begun() {
    let world = World::new();
    assert_eq!(world.packetizer.goodbye(world.now), None);
    let mut world = World::new();
    world.capture_tone(500 * MS);
    let datagram = world.packetizer.goodbye(world.now).unwrap();
    let (report, name, goodbye) = read_report(&datagram);
    assert_eq!(
        (report.packets, name.as_str(), goodbye),
        (25, "Ward 3", true)
    );
}

/// What a listener hears of a packetizer behind a hub, from the hub's first slot on.
struct Heard {
    pcm: Vec<f32>,
    concealed: u64,
    late: u64,
}

fn hear(world: &World, until: Instant) -> Heard {
    let mut hub = hub(world.start);
    let from = Origin::Network(([192, 0, 2, 7], 5004).into());
    let (mut decoder, mut pcm) = (Decoder::new().unwrap(), Vec::new());
    let mut sent = world.rtp.iter().peekable();
    while hub.poll_timeout() < until {
        let slot = hub.poll_timeout();
        while let Some(packet) = sent.next_if(|sent| sent.at + 2 * MS <= slot) {
            let mut datagram = Vec::new();
            let Sent {
                marker,
                sequence_number,
                timestamp,
                ref payload,
                ..
            } = *packet;
            let rtp = Packet {
                marker,
                payload_type: OPUS_PAYLOAD_TYPE,
                sequence_number,
                timestamp,
                ssrc: START.ssrc,
                payload,
            };
            rtp.write(&mut datagram);
            hub.handle_packet(packet.at + 2 * MS, from, &datagram)
                .unwrap();
        }
        hub.handle_timeout(slot);
        while let Some(output) = hub.poll_output() {
            let Output::Mix(frame) = output else { continue };
            let mut decoded = [0.0; MAX_PACKET_SAMPLES];
            let samples = decoder
                .decode(Packet::parse(&frame).unwrap().payload, &mut decoded)
                .unwrap();
            pcm.extend(&decoded[..samples]);
        }
    }
    let stats = hub.client(START.ssrc, until).unwrap().stats;
    Heard {
        pcm,
        concealed: stats.concealed,
        late: stats.late,
    }
}

fn hub(start: Instant) -> Hub {
    let config = HubConfig {
        payload_types: vec![OPUS_PAYLOAD_TYPE],
        playout_delay: 2 * SLOT,
        offline_after: Duration::from_secs(5),
        max_unset_clients: 10,
        reserved_ssrcs: Vec::new(),
        encoder: EncoderSettings::default(),
        mix_stream: StreamStart {
            ssrc: 1,
            sequence_number: 0,
            timestamp: 0,
        },
    };
    Hub::new(config, start).unwrap()
}

fn energy(pcm: &[f32]) -> f64 {
    pcm.iter().map(|&x| f64::from(x).powi(2)).sum()
}

/// Five bursts of a tone with a second of something else around each, as a hub plays them.
fn five_bursts(pause: impl Fn(&mut World)) -> Vec<f32> {
    let mut world = World::new();
    for _ in 0..5 {
        pause(&mut world);
        // Begins and ends within a frame.
        world.capture_tone(310 * MS);
    }
    pause(&mut world);
    let heard = hear(&world, world.now);
    assert_eq!((heard.concealed, heard.late), (0, 0), "a pause is no loss");
    heard.pcm
}

/// A tone has an energy of A^2/2 per sample.
fn energy_of_five_bursts() -> f64 {
    5.0 * 0.310 * 48_000.0 * f64::from(TONE).powi(2) / 2.0
}

#[test]
fn a_hub_plays_every_burst_whole_between_captured_silence() {
    let pcm = five_bursts(|world| world.capture_silence(1010 * MS));
    let ratio = energy(&pcm) / energy_of_five_bursts();
    assert!((0.97..1.03).contains(&ratio), "{ratio}");
    assert_onsets(&pcm, 5);
}

#[test]
fn a_hub_plays_every_burst_whole_when_capture_pauses_in_silence() {
    let pcm = five_bursts(|world| {
        world.capture_silence(30 * MS);
        world.pass(1007 * MS);
    });
    let ratio = energy(&pcm) / energy_of_five_bursts();
    assert!((0.97..1.03).contains(&ratio), "{ratio}");
    assert_onsets(&pcm, 5);
}

#[test]
fn a_hub_fades_out_and_conceals_nothing_when_capture_stops_dead() {
    let pcm = five_bursts(|world| world.pass(1007 * MS));
    // The hub's own fade takes up to 100 ms.
    let ratio = energy(&pcm) / energy_of_five_bursts();
    assert!((0.97..1.33).contains(&ratio), "{ratio}");
    let peak = pcm.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    assert!(
        peak < 1.2 * TONE,
        "no onset is louder than the sound: {peak}"
    );
}

/// Every burst is at its full level 10 ms after it is first heard, pre-echo aside.
#[track_caller]
fn assert_onsets(pcm: &[f32], expected: usize) {
    let mut onsets = 0;
    let mut at = 0;
    while let Some(next) = pcm[at..].iter().position(|x| x.abs() > 0.4 * TONE) {
        let onset = at + next;
        let full = energy(&pcm[onset + 480..onset + 960]) / 480.0;
        let ratio = full / (f64::from(TONE).powi(2) / 2.0);
        assert!((0.85..1.15).contains(&ratio), "{ratio} at sample {onset}");
        onsets += 1;
        at = onset + 24_000;
    }
    assert_eq!(onsets, expected);
}
