//! The real program with a real PulseAudio: it sends what the default sink plays.

#![cfg(target_os = "linux")]

mod support;

use std::path::Path;
use std::time::Duration;

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
        let silence = receiver.receive_for(Duration::from_millis(1700));
        let packets: Vec<_> = silence.iter().filter_map(payload_len).collect();
        assert!(packets.iter().all(|len| *len == 1), "{packets:?}");
        assert!(
            (3..=5).contains(&packets.len()),
            "{} packets in 1.7 s",
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
