//! Capture by WASAPI as far as it goes without a sound server: on Windows, and under Wine.
//!
//! What is heard, and what happens when devices come and go, is tested with the whole program.

#![cfg(windows)]
// What cannot be unwrapped here fails the test.
#![allow(clippy::unwrap_used)]

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use raa_client::capture::{self, PcmInbox};
use raa_client::sender::Input;
use raa_client::settings::Source;
use raa_client::status::{Board, CaptureStatus};

/// Windows may take 3 s to refuse process loopback.
const LIMIT: Duration = Duration::from_secs(10);
/// One after the other: they look at times.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A capture with nobody behind it.
struct Bench {
    board: Board,
    /// Dies with the sender.
    alive: Arc<()>,
    _inbox: Receiver<Input>,
    capture: JoinHandle<()>,
    _turn: MutexGuard<'static, ()>,
}

impl Bench {
    fn new(source: &Source) -> Self {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let (sender, inbox) = sync_channel(16);
        let (board, alive) = (Board::unattended(), Arc::new(()));
        let pcm = PcmInbox::new(sender, board.clone(), Arc::downgrade(&alive));
        let mut capture = capture::open(source).unwrap();
        Self {
            board,
            alive,
            _inbox: inbox,
            capture: thread::spawn(move || _ = capture.run(&pcm)),
            _turn: turn,
        }
    }

    /// What is said first.
    fn status(&self) -> CaptureStatus {
        let start = Instant::now();
        while start.elapsed() < LIMIT {
            let CaptureStatus { path, trouble, .. } = &self.board.status().capture;
            if path.is_some() || trouble.is_some() {
                return self.board.status().capture;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("nothing is said of the capture");
    }

    /// The sender goes, and the capture after it.
    fn end(self) {
        let start = Instant::now();
        drop(self.alive);
        self.capture.join().unwrap();
        let elapsed = start.elapsed();
        assert!(elapsed < Duration::from_millis(1100), "{elapsed:?}");
    }
}

#[test]
fn it_captures_or_says_why_not_and_ends_with_the_sender() {
    let bench = Bench::new(&Source::Automatic);
    let status = bench.status();
    match (&status.path, &status.trouble) {
        (Some(path), None) => {
            assert!(path.ends_with(" loopback"), "{status:?}");
            assert!(status.format.contains(" Hz, "), "{status:?}");
        }
        (None, Some(trouble)) => {
            assert!(trouble.starts_with("endpoint loopback: "), "{status:?}");
            assert!(trouble.contains("(0x"), "{status:?}");
        }
        _ => panic!("{status:?}"),
    }
    // The best way is in use, or it is said why not.
    let is_best = status.path.as_deref() == Some("process loopback");
    let is_noted = |note: &String| note.starts_with("process loopback: ");
    assert!(is_best || status.notes.iter().any(is_noted), "{status:?}");
    bench.end();
}

#[test]
fn a_device_that_is_not_there_is_named_and_awaited() {
    let id = "{0.0.1.00000000}.{00000000-0000-0000-0000-000000000000}";
    let bench = Bench::new(&Source::Device(id.into()));
    let status = bench.status();
    let trouble = status.trouble.clone().unwrap_or_default();
    assert!(trouble.starts_with("capture device: "), "{status:?}");
    assert_eq!((status.path, status.notes), (None, Vec::new()));
    thread::sleep(Duration::from_secs(2));
    assert_eq!(bench.board.status().capture.trouble, Some(trouble));
    bench.end();
}

#[test]
fn devices_have_ids_and_names() {
    for device in capture::devices() {
        assert!(device.id.starts_with("{0.0.1."), "{device:?}");
        assert!(!device.name.is_empty(), "{device:?}");
    }
}
