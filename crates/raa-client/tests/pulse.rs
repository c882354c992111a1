//! The real program with a real PulseAudio: it sends what the default sink plays.

#![cfg(target_os = "linux")]

mod support;

use std::f32::consts::FRAC_1_SQRT_2;
use std::path::Path;
use std::time::{Duration, Instant};

use raa_core::rtcp::CaptureTrouble;
use support::pulse_server::PulseServer;
use support::{Client, Received, Receiver};

/// The peak of the played tones: a quarter of full scale.
const PEAK: f32 = 0.25;

fn start(folder: &Path, receiver: &Receiver) -> Client {
    Client::start(folder, &receiver.address(), &["--source", "pulse"])
}

/// Returns the length of an RTP packet's payload.
fn payload_len(received: &Received) -> Option<usize> {
    match received {
        Received::Rtp { payload, .. } => Some(payload.len()),
        _ => None,
    }
}

fn capture_trouble(received: &Received) -> Option<Option<CaptureTrouble>> {
    match received {
        Received::Capture { trouble } => Some(*trouble),
        _ => None,
    }
}

#[test]
fn the_default_sink_is_sent_without_silence() {
    let (folder, mut receiver) = (tempfile::tempdir().unwrap(), Receiver::new());
    let server = PulseServer::start(folder.path(), &["first"]);
    let _client = start(folder.path(), &receiver);
    for _ in 0..2 {
        let playing = server.play("first", 440.0);
        receiver.expect_tone(440.0, PEAK);
        drop(playing);
        receiver.expect("silence", |received| {
            payload_len(received).filter(|len| *len == 1)
        });
        // During this time the sink is suspended, and nothing is captured at all.
        let began = Instant::now();
        let silence = receiver.receive_for(Duration::from_millis(1700));
        let most = began.elapsed().as_millis() as usize / 400 + 2;
        let packets: Vec<_> = silence.iter().filter_map(payload_len).collect();
        assert!(packets.iter().all(|len| *len == 1), "{packets:?}");
        assert!(
            (1..=most).contains(&packets.len()),
            "{} packets, not 1 to {most}",
            packets.len()
        );
    }
}

#[test]
fn a_sound_server_without_a_cookie_is_captured() {
    let (folder, mut receiver) = (tempfile::tempdir().unwrap(), Receiver::new());
    let server = PulseServer::start_open(folder.path(), &["only"]);
    let mut command = support::command(folder.path());
    command.env("PULSE_COOKIE", "/dev/null");
    command.args(["--server", &receiver.address(), "--source", "pulse"]);
    let _client = Client::spawn(command);
    let _playing = server.play("only", 440.0);
    receiver.expect_tone(440.0, PEAK);
}

#[test]
fn the_default_sink_is_followed() {
    let (folder, mut receiver) = (tempfile::tempdir().unwrap(), Receiver::new());
    let server = PulseServer::start(folder.path(), &["first", "second"]);
    let _client = start(folder.path(), &receiver);
    // One at a time: PulseAudio moves what plays on the default sink along with it.
    for (sink, frequency_hz) in [("first", 440.0), ("second", 1500.0), ("first", 700.0)] {
        server.set_default_sink(sink);
        let _playing = server.play(sink, frequency_hz);
        receiver.expect_tone(frequency_hz, PEAK);
    }
}

#[test]
fn the_sound_server_may_come_and_go() {
    let (folder, mut receiver) = (tempfile::tempdir().unwrap(), Receiver::new());
    let mut client = start(folder.path(), &receiver);
    receiver.expect("silence", |received| {
        payload_len(received).filter(|len| *len == 1)
    });
    for frequency_hz in [440.0, 1500.0] {
        let server = PulseServer::start(folder.path(), &["first"]);
        let playing = server.play("first", frequency_hz);
        receiver.expect_tone(frequency_hz, PEAK);
        drop((playing, server));
        receiver.expect("silence", |received| {
            payload_len(received).filter(|len| *len == 1)
        });
        assert!(client.is_running());
    }
}

#[test]
fn a_sink_muted_or_turned_down_by_hand_is_reported() {
    let (folder, mut receiver) = (tempfile::tempdir().unwrap(), Receiver::new());
    let server = PulseServer::start(folder.path(), &["first", "second"]);
    let (_client, log) =
        Client::start_logging(folder.path(), &receiver.address(), &["--source", "pulse"]);
    let playing = server.play("first", 440.0);
    receiver.expect_tone(440.0, PEAK);
    for (change, trouble) in [
        ("1", Some(CaptureTrouble::Muted)),
        ("0", None),
        ("0.0316", Some(CaptureTrouble::TurnedDown)),
        ("0.112", None),
        // The lowest position of a volume control.
        ("0%", Some(CaptureTrouble::Muted)),
        ("100%", None),
    ] {
        if change.len() == 1 {
            server.set_mute("first", change == "1");
        } else {
            server.set_volume("first", change);
        }
        receiver.expect_capture_trouble(trouble);
    }
    receiver.expect_tone(440.0, PEAK);
    // Nothing plays: now the report is all that tells silence from deafness.
    drop(playing);
    server.set_mute("second", true);
    server.set_default_sink("second");
    receiver.expect_capture_trouble(Some(CaptureTrouble::Muted));
    server.set_default_sink("first");
    receiver.expect_capture_trouble(None);
    log.wait_for("first is muted in the volume control", 2);
    log.wait_for("second is muted in the volume control", 1);
    log.wait_for("first is turned down to -30 dB", 1);
    log.wait_for("first is no longer muted or turned down", 3);
}

#[test]
fn a_mute_from_before_the_start_is_reported() {
    let (folder, mut receiver) = (tempfile::tempdir().unwrap(), Receiver::new());
    let server = PulseServer::start(folder.path(), &["first"]);
    server.set_mute("first", true);
    let _client = start(folder.path(), &receiver);
    receiver.expect_capture_trouble(Some(CaptureTrouble::Muted));
    let _playing = server.play("first", 440.0);
    // The monitor lies behind the mute, so this sound is proof of nothing.
    let later = receiver.receive_for(Duration::from_secs(9));
    let troubles: Vec<_> = later.iter().filter_map(capture_trouble).collect();
    assert!(!troubles.is_empty());
    let is_muted = |trouble: &Option<_>| *trouble == Some(CaptureTrouble::Muted);
    assert!(troubles.iter().all(is_muted), "{troubles:?}");
    server.set_mute("first", false);
    receiver.expect_capture_trouble(None);
    receiver.expect_tone(440.0, PEAK);
}

#[test]
fn a_missing_sound_server_is_reported() {
    let (folder, mut receiver) = (tempfile::tempdir().unwrap(), Receiver::new());
    let _client = start(folder.path(), &receiver);
    receiver.expect_capture_trouble(Some(CaptureTrouble::NoDevice));
    let server = PulseServer::start(folder.path(), &["first"]);
    receiver.expect_capture_trouble(None);
    drop(server);
    receiver.expect_capture_trouble(Some(CaptureTrouble::NoDevice));
}

#[test]
fn surround_sinks_are_as_loud_as_stereo() {
    let (folder, mut receiver) = (tempfile::tempdir().unwrap(), Receiver::new());
    let map = "front-left,front-right,rear-left,rear-right,front-center,lfe";
    let sink = format!("first channels=6 channel_map={map}");
    let server = PulseServer::start(folder.path(), &[&sink]);
    let _client = start(folder.path(), &receiver);
    for (frequency_hz, channels, gain) in [
        (440.0, "front-left,front-right", 1.0),
        (700.0, "front-left,front-center", 0.5 + FRAC_1_SQRT_2),
        (1000.0, "rear-left,rear-right", FRAC_1_SQRT_2),
        (1300.0, "front-left,lfe", 0.5),
    ] {
        let _playing = server.play_in("first", frequency_hz, channels);
        receiver.expect_tone(frequency_hz, PEAK * gain);
    }
}
