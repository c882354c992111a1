//! Capture by WASAPI as far as possible without a sound server: on Windows, and under Wine.
//!
//! What is captured, and what happens when devices come and go, is tested with the whole program.

#![cfg(windows)]
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used)]

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use raa_client::Client;
use raa_client::logging::LogLevel;
use raa_client::settings::{Programs, Settings, Source, Ssrc};
use raa_client::status::{
    CaptureMethod, CaptureNote, CaptureStatus, CaptureTrouble, SharedStatus, Trouble,
};
use raa_core::packetizer::Redundancy;
use raa_core::settings::Name;

/// Windows may take 3 s to refuse process loopback.
const LIMIT: Duration = Duration::from_secs(60);
/// The tests measure times, so they run one after the other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A client that captures and sends nothing.
struct Bench {
    client: Client,
    status: SharedStatus,
    _turn: MutexGuard<'static, ()>,
}

impl Bench {
    fn new(source: Source) -> Self {
        Self::with(source, Programs::All)
    }

    fn with(source: Source, programs: Programs) -> Self {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = Settings {
            server: None,
            source,
            name: Name::new("WASAPI").unwrap(),
            redundancy: Redundancy::default(),
            ssrc: Ssrc(1),
            log_level: LogLevel::default(),
            programs,
            buffer_ms: 200,
            sleep_after_s: 0,
        };
        let status = SharedStatus::unwatched();
        Self {
            client: Client::start(&settings, status.clone(), |_| ()).unwrap(),
            status,
            _turn: turn,
        }
    }

    /// Waits for the first report.
    fn capture(&self) -> CaptureStatus {
        let start = Instant::now();
        while start.elapsed() < LIMIT {
            let capture = self.status.get().capture;
            if capture.method.is_some() || capture.trouble.is_some() {
                return capture;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("nothing is reported");
    }

    /// Ends the sender, and with it the capture.
    fn end(self) {
        let start = Instant::now();
        let stopped = self.client.stop();
        while !stopped.has_ended() {
            let elapsed = start.elapsed();
            assert!(elapsed < Duration::from_millis(1100), "{elapsed:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn it_captures_or_reports_why_not() {
    let bench = Bench::new(Source::Automatic);
    let capture = bench.capture();
    let is_loopback = |method: &CaptureMethod| {
        let loopbacks = [
            CaptureMethod::ProcessLoopback,
            CaptureMethod::EndpointLoopback,
        ];
        loopbacks.contains(method)
    };
    match (&capture.method, &capture.trouble) {
        (Some(method), None) => {
            assert!(is_loopback(method), "{capture:?}");
            assert!(capture.format.contains(" Hz, "), "{capture:?}");
        }
        (None, Some(Trouble::Capture { method, reason })) => {
            assert_eq!(*method, CaptureMethod::EndpointLoopback, "{capture:?}");
            let has_code = matches!(reason, CaptureTrouble::Windows { .. });
            assert!(has_code, "{capture:?}");
        }
        _ => panic!("{capture:?}"),
    }
    // The best method is in use, or it is reported why not.
    let best = CaptureMethod::ProcessLoopback;
    let is_about_it =
        |note: &CaptureNote| matches!(note, CaptureNote::Method { method, .. } if *method == best);
    assert!(
        capture.method == Some(best) || capture.notes.iter().any(is_about_it),
        "{capture:?}"
    );
    bench.end();
}

#[test]
fn a_missing_device_is_reported_and_awaited() {
    let id = "{0.0.1.00000000}.{00000000-0000-0000-0000-000000000000}";
    let bench = Bench::new(Source::Device(id.into()));
    let capture = bench.capture();
    let method = CaptureMethod::CaptureDevice;
    assert!(
        matches!(&capture.trouble, Some(Trouble::Capture { method: failed, .. }) if *failed == method),
        "{capture:?}"
    );
    assert_eq!((capture.method, capture.notes), (None, Vec::new()));
    // Time for several attempts, which all end the same way.
    thread::sleep(Duration::from_secs(2));
    assert_eq!(bench.status.get().capture.trouble, capture.trouble);
    bench.end();
}

#[test]
fn chosen_programs_never_fall_back_to_everything() {
    let is_about_loopback = |capture: &CaptureStatus| match &capture.trouble {
        Some(Trouble::Capture { method, .. }) => *method == CaptureMethod::ProcessLoopback,
        Some(_) => false,
        None => capture.method == Some(CaptureMethod::ProcessLoopback),
    };
    for programs in [
        Programs::Only("no such program.exe".into()),
        Programs::AllBut("explorer.exe".into()),
    ] {
        let bench = Bench::with(Source::Automatic, programs.clone());
        let capture = bench.capture();
        assert!(is_about_loopback(&capture), "{programs:?}: {capture:?}");
        if let Programs::Only(name) = &programs {
            let trouble = CaptureTrouble::NoProgram(name.clone());
            let method = CaptureMethod::ProcessLoopback;
            let reason = trouble;
            assert_eq!(capture.trouble, Some(Trouble::Capture { method, reason }));
        }
        // Time for several attempts.
        thread::sleep(Duration::from_secs(2));
        let capture = bench.status.get().capture;
        assert!(is_about_loopback(&capture), "{programs:?}: {capture:?}");
        bench.end();
    }
}
