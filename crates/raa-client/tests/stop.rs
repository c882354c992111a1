//! The end of a client. The only test in its process, whose threads it counts.

#![cfg(target_os = "linux")]

use std::fs;
use std::time::{Duration, Instant};

use raa_client::Client;
use raa_client::logging::LogLevel;
use raa_client::settings::{Programs, Settings, Source, Ssrc};
use raa_client::status::SharedStatus;
use raa_core::packetizer::Redundancy;
use raa_core::settings::Name;

const LIMIT: Duration = Duration::from_secs(60);

/// Counts the threads of this process with this name.
fn threads(name: &str) -> usize {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux lists threads");
    // The name of a thread that has just ended cannot be read.
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|found| found.trim_end() == name).count()
}

#[test]
fn waiting_for_a_stopped_client_ends_its_capture() {
    let settings = Settings {
        server: None,
        source: Source::Tone,
        name: Name::new("Tone").unwrap(),
        redundancy: Redundancy::default(),
        ssrc: Ssrc(1),
        log_level: LogLevel::default(),
        programs: Programs::default(),
        buffer_ms: 200,
        sleep_after_s: 0,
    };
    // The capture thread mostly sleeps; several attempts meet it asleep at least once.
    for _ in 0..5 {
        let client = Client::start(&settings, SharedStatus::unwatched(), |_| ()).unwrap();
        let start = Instant::now();
        while threads("capture") != 1 {
            assert!(start.elapsed() < LIMIT, "the capture thread does not start");
        }
        client.stop().wait();
        assert_eq!((threads("capture"), threads("sender")), (0, 0));
    }
}
