//! One source, slot by slot: packets in, sound out.

use super::*;
use crate::SLOT;
use crate::codec::{Encoder, EncoderSettings, MAX_ENCODED_LEN};

/// A source and a sender of a tone whose packets arrive at once.
struct Bench {
    source: Source,
    encoder: Encoder,
    start: Instant,
    slot: u32,
    sequence_number: u16,
    first_timestamp: u32,
    scratch: Box<Scratch>,
}

impl Bench {
    fn new() -> Self {
        Self {
            source: Source::new(Duration::from_millis(400)).unwrap(),
            encoder: Encoder::new(EncoderSettings::default()).unwrap(),
            start: crate::any_instant(),
            slot: 0,
            sequence_number: 0,
            first_timestamp: 0,
            scratch: Box::new([0.0; MAX_PACKET_SAMPLES]),
        }
    }

    fn send(&mut self, payload: &[u8]) {
        self.send_at(self.start + SLOT * self.slot, payload);
    }

    fn send_at(&mut self, arrival: Instant, payload: &[u8]) {
        let packet = Packet {
            marker: false,
            payload_type: 111,
            sequence_number: self.sequence_number,
            timestamp: self
                .first_timestamp
                .wrapping_add(self.slot * SLOT_SAMPLES as u32),
            ssrc: 1,
            payload,
        };
        self.sequence_number += 1;
        let samples = codec::packet_samples(payload).unwrap();
        self.source.insert(arrival, &packet, samples, None);
    }

    fn send_tone(&mut self) {
        let payload = self.encode_tone();
        self.slot -= 1;
        self.send(&payload);
    }

    /// The slot's tone, and on to the next slot.
    fn encode_tone(&mut self) -> Vec<u8> {
        let pcm = std::array::from_fn(|i| {
            // A period of 48 samples, so that the sine stays exact for hours.
            let turn = ((self.slot as usize * SLOT_SAMPLES + i) % 48) as f32 / 48.0;
            0.25 * (turn * std::f32::consts::TAU).sin()
        });
        let mut payload = [0; MAX_ENCODED_LEN];
        let len = self.encoder.encode(&pcm, &mut payload).unwrap();
        self.slot += 1;
        payload[..len].to_vec()
    }

    /// The slot's samples, `None` when it is silent.
    fn play(&mut self) -> Option<[f32; SLOT_SAMPLES]> {
        let mut out = [f32::NAN; SLOT_SAMPLES];
        let due = self.start + SLOT * self.slot;
        self.slot += 1;
        self.source
            .play(due, Load::Normal, &mut self.scratch, &mut out)
            .then_some(out)
    }

    fn run_tone(&mut self, slots: usize) {
        for _ in 0..slots {
            self.send_tone();
            self.play();
        }
    }
}

fn peak(pcm: &[f32]) -> f32 {
    pcm.iter().fold(0.0, |peak, x| peak.max(x.abs()))
}

#[test]
fn concealment_fades_to_silence() {
    let mut bench = Bench::new();
    bench.run_tone(50);
    let sound: Vec<f32> = (0..10).filter_map(|_| bench.play()).flatten().collect();
    // 39 ms are left and 100 ms are concealed, which ends in the eighth slot.
    assert_eq!(sound.len(), 8 * SLOT_SAMPLES);
    assert!(peak(&sound[..2 * SLOT_SAMPLES]) > 0.2);
    assert!(peak(&sound[sound.len() - 100..]) < 0.01);
    // The largest step of a 1 kHz sine of 0.25 is 0.033.
    let step = sound
        .windows(2)
        .map(|w| (w[1] - w[0]).abs())
        .fold(0.0, f32::max);
    assert!(step < 0.05, "{step}");
}

#[test]
fn talkspurt_is_complete_from_its_first_packet() {
    let mut bench = Bench::new();
    bench.run_tone(50);
    (0..100).for_each(|_| _ = bench.play());
    bench.encoder.reset();
    let first: Vec<_> = (0..4)
        .map(|_| {
            bench.send_tone();
            bench.play()
        })
        .collect();
    assert_eq!(
        first.iter().map(Option::is_some).collect::<Vec<_>>(),
        [false, true, true, true]
    );
    let onset = [first[1].unwrap(), first[2].unwrap()].concat();
    let sounding = onset.iter().position(|x| x.abs() > 0.01).unwrap();
    assert!(
        peak(&onset[sounding..sounding + SLOT_SAMPLES / 2]) > 0.2,
        "the onset plays from its start"
    );
    assert_eq!(bench.source.stats().concealed, 0);
}

#[test]
fn keep_alives_in_silence_are_silent() {
    let mut bench = Bench::new();
    bench.run_tone(50);
    bench.send(&[0xf8]);
    (0..20).for_each(|_| _ = bench.play());
    for _ in 0..5 {
        bench.send(&[0xf8]);
        assert!((0..20).all(|_| bench.play().is_none()));
    }
    assert_eq!(bench.source.stats().concealed, 0);
}

#[test]
fn shortening_leaps_do_not_click() {
    let mut bench = Bench::new();
    bench.run_tone(50);
    // The transit time drops by 200 ms: ten packets come at once.
    for _ in 0..10 {
        bench.send_tone();
        bench.slot += 1;
    }
    bench.slot -= 10;
    let mut last = None;
    let mut largest_step = 0.0f32;
    for _ in 0..200 {
        bench.slot += 10;
        bench.send_tone();
        bench.slot -= 10;
        for x in bench.play().unwrap() {
            largest_step = largest_step.max((x - last.replace(x).unwrap_or(x)).abs());
        }
    }
    assert!((20.0..60.0).contains(&bench.source.stats().delay_ms));
    assert!(largest_step < 0.05, "{largest_step}");
    assert_eq!(bench.source.stats().concealed, 0);
}

/// Checks that a tone stays smooth while the delay changes: no step between two samples is much
/// larger than the tone's own largest.
#[track_caller]
fn check_smooth(what: &str, late_ms: impl Fn(u32) -> f64, tempo: f64, from_ms: f64, to_ms: f64) {
    let mut bench = Bench::new();
    let packets: Vec<_> = (0..1500).map(|_| bench.encode_tone()).collect();
    let mut packets = packets.iter().zip(0u32..).peekable();
    let mut last = None;
    let mut largest_step = 0.0f32;
    for slot in 0..1450 {
        let due = bench.start + SLOT * slot;
        let arrival = |n: u32| f64::from(n) * 0.02 * tempo + late_ms(n) / 1000.0;
        while let Some((payload, n)) =
            packets.next_if(|(_, n)| bench.start + Duration::from_secs_f64(arrival(*n)) <= due)
        {
            bench.slot = n;
            bench.send_at(bench.start + Duration::from_secs_f64(arrival(n)), payload);
        }
        let mut out = [0.0; SLOT_SAMPLES];
        if !bench
            .source
            .play(due, Load::Normal, &mut bench.scratch, &mut out)
        {
            out.fill(0.0);
        }
        // The tone's own attack is steeper.
        if slot > 20 {
            for x in out {
                largest_step = largest_step.max((x - last.replace(x).unwrap_or(x)).abs());
            }
        }
    }
    let stats = bench.source.stats();
    // The largest step of a 1 kHz sine of 0.25 is 0.033.
    let most = if stats.concealed == 0 { 0.036 } else { 0.05 };
    assert!(largest_step < most, "{what}: {largest_step}, {stats:?}");
    assert!(
        (from_ms..to_ms).contains(&stats.delay_ms),
        "{what}: {stats:?}"
    );
    assert!(stats.concealed <= stats.late + 5, "{what}: {stats:?}");
}

#[test]
fn delay_changes_do_not_click() {
    check_smooth("calm", |_| 0.0, 1.0, 20.0, 25.0);
    check_smooth("fast clock", |_| 0.0, 1.0 / 1.001, 20.0, 25.0);
    check_smooth("slow clock", |_| 0.0, 1.001, 20.0, 25.0);
    let storm = |n: u32| f64::from(n * 7 % 12) * f64::from(n.clamp(300, 600) - 300) / 60.0;
    check_smooth("storm", storm, 1.0, 30.0, 60.0);
}

#[test]
fn in_band_fec_repairs_lost_frames() {
    let mut encoder = speech_encoder();
    let mut bench = Bench::new();
    let mut with_fec = 0;
    for n in 0..200u32 {
        let pcm: [f32; SLOT_SAMPLES] = std::array::from_fn(|i| {
            // A buzz of 160 Hz that swells and fades, which is voice enough for SILK.
            let sample = n as usize * SLOT_SAMPLES + i;
            let swell = (sample % 9600) as f32 / 9600.0;
            0.4 * swell * ((sample % 300) as f32 / 300.0 - 0.5)
        });
        let mut payload = vec![0; 1000];
        let len = encoder.encode_float_to_slice(&pcm, &mut payload).unwrap();
        let is_lost = n % 10 == 5;
        with_fec += u32::from(codec::has_fec(&payload[..len]));
        if is_lost {
            bench.sequence_number += 1;
        } else {
            bench.send(&payload[..len]);
        }
        bench.play();
    }
    assert!(with_fec > 100, "{with_fec} packets carry FEC");
    let stats = bench.source.stats();
    assert!(stats.repaired >= 8, "{stats:?}");
}

/// Creates an encoder with a foreign speech sender's settings.
fn speech_encoder() -> opusic_c::Encoder {
    use opusic_c::{Application, Bitrate, Channels, InbandFec, SampleRate, Signal};
    let mut encoder =
        opusic_c::Encoder::new(Channels::Mono, SampleRate::Hz48000, Application::Voip).unwrap();
    encoder.set_bitrate(Bitrate::Value(24_000)).unwrap();
    encoder.set_signal(Signal::Voice).unwrap();
    encoder.set_inband_fec(InbandFec::Mode1).unwrap();
    encoder.set_packet_loss(20).unwrap();
    encoder
}

#[test]
fn late_sources_shorten_in_turns() {
    const SOURCES: u32 = 48;
    let mut tone = Bench::new();
    let mut benches: Vec<Bench> = (0..SOURCES)
        .map(|n| Bench {
            first_timestamp: n.wrapping_mul(2_654_435_761),
            ..Bench::new()
        })
        .collect();
    // After the first ten seconds all of them need less delay.
    let shortened: Vec<usize> = (0..700)
        .map(|_| {
            let payload = tone.encode_tone();
            let was_shortened = |bench: &mut Bench| {
                let before = bench.source.pcm.waiting();
                bench.send(&payload);
                bench.play();
                (bench.source.pcm.waiting() - before).abs() > 60.0
            };
            benches
                .iter_mut()
                .map(was_shortened)
                .filter(|&was| was)
                .count()
        })
        .collect();
    let first = shortened.iter().skip(50).position(|&n| n > 0).unwrap() + 50;
    let at_first = &shortened[first..first + 50];
    assert!(
        at_first.iter().sum::<usize>() >= SOURCES as usize,
        "{at_first:?}"
    );
    assert!(
        at_first.iter().all(|&n| n <= SOURCES as usize / 4),
        "{at_first:?}"
    );
}

/// Memory of clients that are gone adds up over months; a row stays, and what is known of the network.
#[test]
fn a_sender_that_is_gone_holds_no_buffers() {
    let mut bench = Bench::new();
    for _ in 0..50 {
        bench.send_tone();
        bench.play();
    }
    let before = bench.source.stats();
    assert!(bench.source.voice.has_decoder() && bench.source.buffered_bytes() > 1000);
    bench.source.forget_stream();
    assert!(!bench.source.voice.has_decoder());
    assert!(
        bench.source.buffered_bytes() < 200,
        "{}",
        bench.source.buffered_bytes()
    );
    let after = bench.source.stats();
    assert_eq!(
        (after.received, after.concealed, after.target_delay_ms),
        (before.received, before.concealed, before.target_delay_ms)
    );
    // It is played again, and even a stream that nobody has prepared for does no harm.
    bench.send_tone();
    bench.play();
    bench.source.forget_stream();
    bench.source.prepare().unwrap();
    let sounded = (0..20).any(|_| {
        bench.send_tone();
        bench.play().is_some()
    });
    assert!(sounded);
}
