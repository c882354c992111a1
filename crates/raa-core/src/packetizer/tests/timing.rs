//! Frames, sequence numbers and timestamps under irregular capture and drifting clocks.

use super::*;

#[test]
fn block_length_does_not_change_frames() {
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
fn timestamps_continue_through_a_capture_pause() {
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
        // Every packet is sent at the end of its frame, plus the delay of the capture pause.
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
fn sound_card_drift_causes_no_jump() {
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
        // After ten minutes the drift is 120 ms, more than the limits of a backlog or a loss.
        assert_eq!(world.rtp.len(), 30_000, "{ppm} ppm");
        world.assert_timestamps_are_contiguous();
        assert_eq!(world.packetizer.stats().dropped_samples, 0);
        assert_eq!(world.packetizer.stats().capture_gaps, 0);
    }
}

#[test]
fn backlog_after_a_stall_is_dropped() {
    for polled in [true, false] {
        let mut world = World::new();
        world.capture_tone(500 * MS);
        // The process stalls; then three seconds of sound arrive at once.
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
fn only_the_end_of_a_long_block_is_sent() {
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
fn late_capture_loses_only_declared_silence() {
    // The time for which capture stalls before it delivers everything at once, and the number of
    // frames lost: those declared silent in that time.
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
fn timestamps_catch_up_with_lost_capture() {
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
fn pending_audio_is_bounded_without_polling() {
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
fn nan_and_infinity_are_silence() {
    let mut world = World::new();
    world.capture_for(1000 * MS, || f32::NAN);
    world.capture_for(1000 * MS, || f32::INFINITY);
    world.capture_tone(1000 * MS);
    assert!(world.rtp.len() > 50);
    world.assert_sequence_is_contiguous();
}
