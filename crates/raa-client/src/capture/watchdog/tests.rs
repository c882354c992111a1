//! Simulated captures on a simulated clock, and the watchdog's verdicts on them.
//!
//! Always: sound that a person may play (loud music, noise, silence) is tested, too, and is no fault.

use std::f32::consts::TAU;

use raa_core::SLOT_SAMPLES;

use super::*;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A watched capture whose clock advances with the sound.
struct Bench {
    start: Instant,
    now: Instant,
    watchdog: Watchdog,
    samples: usize,
    random: u32,
}

impl Bench {
    fn new(method: CaptureMethod) -> Self {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(start);
        watchdog.opened(start, method);
        Self {
            start,
            now: start,
            watchdog,
            samples: 0,
            random: 1,
        }
    }

    /// Delivers blocks 20 ms apart, with ticks, for `duration` or until the first fault.
    fn play(&mut self, duration: Duration, sound: Sound) -> Result<(), CaptureFault> {
        self.play_at(duration, sound, SLOT_SAMPLES)
    }

    fn play_at(
        &mut self,
        duration: Duration,
        sound: Sound,
        samples: usize,
    ) -> Result<(), CaptureFault> {
        let end = self.now + duration;
        while self.now < end {
            self.now += 20 * MS;
            let block: Vec<f32> = (0..samples).map(|_| self.sample(sound)).collect();
            self.watchdog.check_block(self.now, &block)?;
            self.tick_each_second(None)?;
        }
        Ok(())
    }

    /// Delivers nothing for `duration`, while the device's meter shows `device_peak`.
    fn pause(&mut self, duration: Duration, device_peak: Option<f32>) -> Result<(), CaptureFault> {
        let end = self.now + duration;
        while self.now < end {
            self.now += 20 * MS;
            self.tick_each_second(device_peak)?;
        }
        Ok(())
    }

    fn tick_each_second(&mut self, device_peak: Option<f32>) -> Result<(), CaptureFault> {
        let elapsed = self.now.duration_since(self.start).as_millis();
        if !elapsed.is_multiple_of(1000) {
            return Ok(());
        }
        self.watchdog.tick(self.now, device_peak)
    }

    fn reopen(&mut self, method: CaptureMethod) {
        self.watchdog.opened(self.now, method);
    }

    fn sample(&mut self, sound: Sound) -> f32 {
        self.samples += 1;
        let tone = |hz: f32| (TAU * ((self.samples as f32 * hz / 48_000.0) % 1.0)).sin();
        match sound {
            Sound::Tone(amplitude, hz) => amplitude * tone(hz),
            Sound::Square(hz) => tone(hz).signum(),
            Sound::Chord => (tone(220.0) + tone(1100.0) + tone(3300.0)).clamp(-1.0, 1.0),
            Sound::Value(value) => value,
            Sound::Noise(amplitude) => amplitude * self.random(),
        }
    }

    /// Returns white noise from -1 to 1.
    fn random(&mut self) -> f32 {
        self.random = self
            .random
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        self.random as f32 / 2_147_483_648.0 - 1.0
    }
}

#[derive(Debug, Clone, Copy)]
enum Sound {
    Tone(f32, f32),
    Square(f32),
    Chord,
    Value(f32),
    Noise(f32),
}

const SILENCE: Sound = Sound::Value(0.0);
const MUSIC: Sound = Sound::Tone(0.3, 440.0);

#[test]
fn a_sleeping_computer_is_no_fault() {
    let mut bench = Bench::new(CaptureMethod::CaptureDevice);
    assert_eq!(bench.play(MINUTE, MUSIC), Ok(()));
    // The process stands still: no block and no tick.
    bench.now += 40 * SECOND;
    assert_eq!(bench.watchdog.tick(bench.now, None), Ok(()));
    assert_eq!(bench.play(MINUTE, MUSIC), Ok(()));
    // A device that does not come back is still noticed.
    bench.now += 40 * SECOND;
    let since = bench.now;
    assert_eq!(bench.pause(MINUTE, None), Err(CaptureFault::Stopped));
    assert!(bench.now - since < 6 * SECOND, "{:?}", bench.now - since);
}

#[test]
fn every_sound_is_judged_correctly() {
    let check = |sound: Sound, expected: Result<(), CaptureFault>| {
        let judged = Bench::new(CaptureMethod::ProcessLoopback).play(35 * SECOND, sound);
        assert_eq!(judged, expected, "{sound:?}");
    };
    check(SILENCE, Ok(()));
    check(MUSIC, Ok(()));
    // Loud and legitimate.
    check(Sound::Chord, Ok(()));
    check(Sound::Square(50.0), Ok(()));
    check(Sound::Tone(1.0, 30.0), Ok(()));
    check(Sound::Tone(1.0, 12_000.0), Ok(()));
    check(Sound::Tone(1.0, 16_000.0), Ok(()));
    check(Sound::Tone(1.0, 23_990.0), Ok(()));
    // A mix of many programs before a limiter.
    check(Sound::Tone(8.0, 440.0), Ok(()));
    // Noise like that of rain or a fan.
    check(Sound::Noise(0.3), Ok(()));
    check(Sound::Value(0.01), Ok(()));
    // No program plays these.
    check(Sound::Noise(1.0), Err(CaptureFault::Noise));
    check(Sound::Value(-1.0), Err(CaptureFault::Stuck));
    check(Sound::Value(20.0), Err(CaptureFault::TooLoud(dbfs(20.0))));
    check(Sound::Value(f32::NAN), Err(CaptureFault::NotFinite));
    check(
        Sound::Value(f32::NEG_INFINITY),
        Err(CaptureFault::NotFinite),
    );
}

#[test]
fn one_bad_sample_is_a_fault_at_once() {
    for (bad, expected) in [
        (f32::NAN, CaptureFault::NotFinite),
        (f32::INFINITY, CaptureFault::NotFinite),
        (-100.0, CaptureFault::TooLoud(40.0)),
    ] {
        let mut bench = Bench::new(CaptureMethod::ProcessLoopback);
        bench.play(SECOND, MUSIC).unwrap();
        assert!(expected.is_in_block() && !CaptureFault::Deaf.is_in_block());
        let mut block = vec![0.1; SLOT_SAMPLES];
        block[959] = bad;
        assert_eq!(bench.watchdog.check_block(bench.now, &block), Err(expected));
        assert_eq!(
            bench.watchdog.check_block(bench.now, &block),
            Err(expected),
            "every time"
        );
    }
}

#[test]
fn intended_noise_is_interrupted_once() {
    let mut bench = Bench::new(CaptureMethod::EndpointLoopback);
    assert_eq!(
        bench.play(MINUTE, Sound::Noise(0.8)),
        Err(CaptureFault::Noise)
    );
    let elapsed = bench.now.duration_since(bench.start);
    assert!((30 * SECOND..32 * SECOND).contains(&elapsed), "{elapsed:?}");
    bench.reopen(CaptureMethod::EndpointLoopback);
    assert_eq!(
        bench.play(2 * MINUTE, Sound::Noise(0.8)),
        Ok(()),
        "so it is intended"
    );
    assert_eq!(bench.play(2 * SECOND, MUSIC), Ok(()));
    assert_eq!(
        bench.play(MINUTE, Sound::Noise(0.8)),
        Err(CaptureFault::Noise),
        "another noise"
    );
}

#[test]
fn a_rate_five_percent_off_is_a_fault() {
    let check = |samples, expected: Result<(), CaptureFault>| {
        let mut bench = Bench::new(CaptureMethod::EndpointLoopback);
        assert_eq!(
            bench.play_at(30 * SECOND, MUSIC, samples),
            expected,
            "{samples} in 20 ms"
        );
        let elapsed = bench.now.duration_since(bench.start);
        assert!(expected.is_ok() || elapsed < 11 * SECOND, "{elapsed:?}");
    };
    check(960, Ok(()));
    check(925, Ok(()));
    check(995, Ok(()));
    check(882, Err(CaptureFault::WrongRate(44_100)));
    check(1920, Err(CaptureFault::WrongRate(96_000)));
    check(1010, Err(CaptureFault::WrongRate(50_500)));
}

#[test]
fn pauses_do_not_count_as_slowness() {
    let mut bench = Bench::new(CaptureMethod::EndpointLoopback);
    for _ in 0..10 {
        assert_eq!(bench.play(3 * SECOND, MUSIC), Ok(()));
        assert_eq!(bench.pause(SECOND, None), Ok(()));
    }
    // Bursts after stalls do not count as speed: 60 ms at once, five times a second.
    for _ in 0..100 {
        bench.play(140 * MS, MUSIC).unwrap();
        bench.now += 60 * MS;
        for _ in 0..3 {
            assert_eq!(
                bench.watchdog.check_block(bench.now, &[0.1; SLOT_SAMPLES]),
                Ok(())
            );
        }
    }
}

#[test]
fn a_lasting_fault_is_reported_less_often() {
    let mut bench = Bench::new(CaptureMethod::CaptureDevice);
    let faults_in = |bench: &mut Bench, duration: Duration| {
        let end = bench.now + duration;
        let mut faults = 0;
        while bench.now < end {
            bench.now += SECOND;
            if bench.watchdog.tick(bench.now, None).is_err() {
                faults += 1;
                bench.reopen(CaptureMethod::CaptureDevice);
            }
        }
        faults
    };
    assert_eq!(faults_in(&mut bench, 10 * SECOND), 1);
    assert_eq!(faults_in(&mut bench, 10 * SECOND), 1);
    assert_eq!(faults_in(&mut bench, 10 * SECOND), 0);
    assert_eq!(faults_in(&mut bench, 30 * MINUTE), 6);
    assert_eq!(
        faults_in(&mut bench, 60 * MINUTE),
        6,
        "every ten minutes by now"
    );
    // After an hour without a fault it is quick again.
    bench.now += 70 * MINUTE;
    assert_eq!(faults_in(&mut bench, 20 * SECOND), 2);
}

#[test]
fn only_a_capture_device_can_stop() {
    let check = |method: CaptureMethod, expected: Result<(), CaptureFault>| {
        let mut bench = Bench::new(method);
        assert_eq!(
            bench.pause(10 * SECOND, None),
            expected,
            "{method:?} from the start"
        );
        let mut bench = Bench::new(method);
        bench.play(SECOND, MUSIC).unwrap();
        assert_eq!(
            bench.pause(3 * SECOND, None),
            Ok(()),
            "{method:?} for a moment"
        );
        assert_eq!(
            bench.pause(2 * SECOND, None),
            expected,
            "{method:?} after sound"
        );
    };
    check(CaptureMethod::CaptureDevice, Err(CaptureFault::Stopped));
    check(CaptureMethod::ProcessLoopback, Ok(()));
    check(CaptureMethod::EndpointLoopback, Ok(()));
}

/// Captures silence for `seconds`; returns the seconds in which there were faults.
fn deaf_at(method: CaptureMethod, device_peak: Option<f32>, seconds: u32) -> Vec<u32> {
    let mut bench = Bench::new(method);
    let mut faults = Vec::new();
    for second in 1..=seconds {
        bench.now += SECOND;
        bench
            .watchdog
            .check_block(bench.now, &[0.0; SLOT_SAMPLES])
            .unwrap();
        let wants = bench.watchdog.wants_device_peak(bench.now);
        if bench
            .watchdog
            .tick(bench.now, device_peak.filter(|_| wants))
            .is_err()
        {
            faults.push(second);
            bench.reopen(method);
        }
    }
    faults
}

#[test]
fn silence_while_the_device_plays_is_a_fault() {
    let check = |method: CaptureMethod, device_peak: Option<f32>, expected: &[u32]| {
        let faults = deaf_at(method, device_peak, 100);
        assert_eq!(faults, expected, "{method} {device_peak:?}");
    };
    for method in [
        CaptureMethod::ProcessLoopback,
        CaptureMethod::EndpointLoopback,
    ] {
        check(method, None, &[]);
        check(method, Some(0.0), &[]);
        check(method, Some(0.001), &[]);
        check(method, Some(0.5), &[6, 16, 36, 76]);
    }
    check(CaptureMethod::CaptureDevice, Some(0.5), &[]);
}

#[test]
fn lasting_deafness_is_reported_every_ten_minutes() {
    let faults = deaf_at(CaptureMethod::EndpointLoopback, Some(0.5), 7200);
    assert!((16..=18).contains(&faults.len()), "{faults:?}");
}

#[test]
fn sound_resets_the_deafness_count() {
    let mut bench = Bench::new(CaptureMethod::EndpointLoopback);
    for _ in 0..100 {
        for _ in 0..4 {
            bench.now += SECOND;
            assert_eq!(bench.watchdog.tick(bench.now, Some(0.5)), Ok(()));
        }
        assert_eq!(
            bench.watchdog.check_block(bench.now, &[0.1; SLOT_SAMPLES]),
            Ok(())
        );
        assert!(!bench.watchdog.wants_device_peak(bench.now + SECOND));
    }
}

#[test]
fn only_many_gaps_are_a_fault() {
    let check = |age: Duration, every: Duration, expected: Result<(), CaptureFault>| {
        let mut bench = Bench::new(CaptureMethod::ProcessLoopback);
        bench.now += age;
        let mut ended = Ok(());
        for _ in 0..200 {
            bench.now += every;
            ended = ended.and(bench.watchdog.note_gap(bench.now));
        }
        assert_eq!(ended, expected, "at {age:?}, every {every:?}");
    };
    check(MINUTE, 10 * SECOND, Ok(()));
    check(MINUTE, SECOND, Ok(()));
    check(MINUTE, 400 * MS, Ok(()));
    check(MINUTE, 100 * MS, Err(CaptureFault::Gaps(30)));
    check(MINUTE, 10 * MS, Err(CaptureFault::Gaps(30)));
    // A driver that reports a gap before every packet.
    check(Duration::ZERO, 10 * MS, Ok(()));
}

#[test]
fn old_process_loopback_is_refreshed_in_silence() {
    let check = |method: CaptureMethod, played: Duration, paused: Duration, expected: bool| {
        let mut bench = Bench::new(method);
        bench.now = bench.start + played;
        bench
            .watchdog
            .check_block(bench.now, &[0.1; SLOT_SAMPLES])
            .unwrap();
        let due = bench.watchdog.is_refresh_due(bench.now + paused);
        assert_eq!(
            due, expected,
            "{method:?} {played:?} of sound, {paused:?} of silence"
        );
    };
    let process = CaptureMethod::ProcessLoopback;
    check(process, 300 * SECOND, 100 * SECOND, false);
    check(process, 599 * SECOND, 10 * SECOND, true);
    check(process, 700 * SECOND, 9 * SECOND, false);
    check(process, 700 * SECOND, 10 * SECOND, true);
    check(process, 3600 * SECOND, 999 * MS, false);
    check(process, 3600 * SECOND, SECOND, true);
    check(process, 100_000 * SECOND, Duration::ZERO, false);
    check(
        CaptureMethod::EndpointLoopback,
        100_000 * SECOND,
        100_000 * SECOND,
        false,
    );
    check(
        CaptureMethod::CaptureDevice,
        100_000 * SECOND,
        100_000 * SECOND,
        false,
    );
}

#[test]
fn reopening_does_not_interrupt_silence() {
    let mut bench = Bench::new(CaptureMethod::ProcessLoopback);
    bench.play(SECOND, MUSIC).unwrap();
    bench.play(20 * SECOND, SILENCE).unwrap();
    bench.reopen(CaptureMethod::ProcessLoopback);
    assert_eq!(bench.watchdog.silent_for(bench.now), 20 * SECOND);
    assert_eq!(bench.watchdog.age(bench.now), Duration::ZERO);
}

#[test]
fn music_without_pauses_is_renewed_after_an_hour() {
    let mut bench = Bench::new(CaptureMethod::ProcessLoopback);
    bench.play(SECOND, MUSIC).unwrap();
    let at = |minutes: u32| bench.start + minutes * MINUTE;
    assert!(!bench.watchdog.is_renewal_due(at(59)));
    assert!(bench.watchdog.is_renewal_due(at(60)));
    let (now, other) = (at(60), CaptureMethod::EndpointLoopback);
    bench.watchdog.opened(now, CaptureMethod::ProcessLoopback);
    assert!(!bench.watchdog.is_renewal_due(now + 59 * MINUTE));
    bench.watchdog.opened(now, other);
    assert!(!bench.watchdog.is_renewal_due(now + 60 * MINUTE));
}
