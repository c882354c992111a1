//! Packets sent in silence, and the onset of sound after it.

use super::*;

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
fn libopus_dtx_is_sent_once() {
    let mut world = World::new();
    world.capture_tone(400 * MS);
    // Shorter than the gate's hangover, but libopus detects digital silence sooner.
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
    assert!(onset.marker, "the frames that were not sent were silence");
    assert_eq!(
        onset.sequence_number,
        silence[0].sequence_number.wrapping_add(1)
    );
}

#[test]
fn pauses_within_the_hangover_are_sent() {
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
fn hangover_ends_with_one_dtx_packet() {
    let mut world = World::new();
    world.capture_tone(1000 * MS);
    world.capture_silence(700 * MS);
    let lengths: Vec<_> = world.rtp.iter().map(|sent| sent.payload.len()).collect();
    // 50 frames of tone; libopus may detect silence before the gate's hangover ends.
    let silence: Vec<_> = (0..lengths.len()).filter(|&i| lengths[i] == 1).collect();
    let first = silence[0];
    assert!((55..=69).contains(&first), "{lengths:?}");
    assert_eq!(silence, (first..lengths.len()).collect::<Vec<_>>());
    let toc = world.rtp[first - 1].payload[0] & 0xfc;
    assert_eq!(world.rtp[first].payload, [toc]);
    assert!(!world.rtp[first].marker);
}

#[test]
fn keep_alives_are_sent_every_400_ms() {
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
