//! The real program with a receiver: what it sends, under which identity, and that nothing stops it.

#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use raa_core::rtcp::{self, ReceptionReport};
use tempfile::TempDir;

use support::{Client, PATIENCE, Received, Receiver, command, output};

const SECOND: Duration = Duration::from_secs(1);
/// The peak of the test tone: -12 dBFS.
const TONE_PEAK: f32 = 0.251;

fn folder() -> TempDir {
    tempfile::tempdir().expect("there is room for a folder")
}

fn ssrc_of(received: &Received) -> Option<u32> {
    match received {
        Received::Rtp { ssrc, .. } => Some(*ssrc),
        _ => None,
    }
}

#[test]
fn a_tone_arrives_with_name_and_goodbye() {
    let (folder, mut receiver) = (folder(), Receiver::new());
    let options = ["--source", "tone", "--name", "第3病棟"];
    let mut client = Client::start(folder.path(), &receiver.address(), &options);

    let named = |received: &Received| match received {
        Received::Name { ssrc, name } => Some((*ssrc, name.clone())),
        _ => None,
    };
    let (ssrc, name) = receiver.expect("a name", named);
    assert_eq!(name, "第3病棟");
    let file = fs::read_to_string(folder.path().join("raa-client.toml")).unwrap();
    assert!(file.contains(&format!("\nssrc = \"{ssrc:08x}\"")), "{file}");
    receiver.expect_tone(1000.0, TONE_PEAK);

    let received = receiver.receive_for(SECOND / 2);
    let ssrcs: Vec<u32> = received.iter().filter_map(ssrc_of).collect();
    assert!(!ssrcs.is_empty() && ssrcs.iter().all(|sender| *sender == ssrc));
    client.signal(Signal::SIGTERM);
    let signalled = Instant::now();
    assert_eq!(client.wait().code(), Some(0));
    assert!(
        signalled.elapsed() < 10 * SECOND,
        "it takes longer than 10 s to end"
    );
    let goodbye = receiver.expect("a goodbye", |received| match received {
        Received::Goodbye { ssrc } => Some(*ssrc),
        _ => None,
    });
    assert_eq!(goodbye, ssrc);
}

#[test]
fn packets_arrive_in_real_time_without_gaps() {
    let (folder, mut receiver) = (folder(), Receiver::new());
    let _client = Client::start(folder.path(), &receiver.address(), &["--source", "tone"]);
    receiver.expect("a packet", ssrc_of);
    // A busy computer lets the client or this test wait now and then, but not each time.
    let mut tries = Vec::new();
    while tries.len() < 6 {
        let began = Instant::now();
        let received = receiver.receive_for(2 * SECOND);
        let due = began.elapsed().as_millis() as usize / 20;
        let numbers: Vec<(u16, u32)> = received.iter().filter_map(numbers_of).collect();
        let has_gaps = numbers.windows(2).any(|pair| {
            let ((before, earlier), (after, later)) = (pair[0], pair[1]);
            after.wrapping_sub(before) != 1 || later.wrapping_sub(earlier) != 960
        });
        if (due - 10..=due + 10).contains(&numbers.len()) && !has_gaps {
            return;
        }
        tries.push((numbers.len(), due, has_gaps));
    }
    panic!("packets, packets that were due, and whether there were gaps: {tries:?}");
}

/// Returns a packet's sequence number and timestamp.
fn numbers_of(received: &Received) -> Option<(u16, u32)> {
    match received {
        Received::Rtp {
            sequence_number,
            timestamp,
            ..
        } => Some((*sequence_number, *timestamp)),
        _ => None,
    }
}

#[test]
fn only_the_ssrc_survives_a_restart() {
    let (folder, mut receiver) = (folder(), Receiver::new());
    let mut first_packet = || {
        let mut client = Client::start(folder.path(), &receiver.address(), &["--source", "tone"]);
        let first = receiver.expect("the first packet", |received| match received {
            Received::Rtp {
                marker,
                ssrc,
                timestamp,
                ..
            } => Some((*marker, *ssrc, *timestamp)),
            _ => None,
        });
        client.signal(Signal::SIGINT);
        assert_eq!(client.wait().code(), Some(0));
        receiver.receive_for(SECOND / 10);
        first
    };
    let (marker, ssrc, timestamp) = first_packet();
    assert!(marker, "a talkspurt begins");
    let (_, ssrc_again, timestamp_again) = first_packet();
    assert_eq!(ssrc_again, ssrc);
    assert_ne!(timestamp_again, timestamp);
}

#[test]
fn the_server_may_come_and_go() {
    let folder = folder();
    let address = Receiver::new().address();
    // The port is closed now.
    let options = ["--source", "tone"];
    let (mut client, log) = Client::start_logging(folder.path(), &address, &options);
    log.wait_for("cannot send to", 1);
    for absences in 2..=3 {
        let mut receiver = Receiver::at(&address);
        let named = |received: &Received| matches!(received, Received::Name { .. }).then_some(());
        receiver.expect("a name", named);
        receiver.expect_tone(1000.0, TONE_PEAK);
        // Trouble is logged again only once sending has worked for a second.
        log.wait_for("again", absences - 1);
        drop(receiver);
        log.wait_for("cannot send to", absences);
        assert!(client.is_running());
    }
}

/// Returns the number of earlier frames in a packet within a talkspurt.
fn earlier_of(received: &Received) -> Option<usize> {
    match received {
        Received::Rtp {
            earlier, marker, ..
        } if !marker => Some(*earlier),
        _ => None,
    }
}

/// Returns a report about the stream of `ssrc`, with this loss in 256ths and a time to echo.
fn report(ssrc: u32, fraction_lost: u8) -> Vec<u8> {
    let report = ReceptionReport {
        ssrc,
        fraction_lost,
        cumulative_lost: 40,
        highest_sequence: 1000,
        jitter: 0,
        last_sender_report: 0,
        delay_since_last_sender_report: 0,
    };
    let mut datagram = Vec::new();
    rtcp::write_receiver_report(0xface, &[report], "server@host", 5 << 16, &mut datagram);
    datagram
}

#[test]
fn reported_losses_increase_the_redundancy() {
    let (folder, mut receiver) = (folder(), Receiver::new());
    let options = ["--source", "tone", "--redundancy", "0"];
    let (_client, log) = Client::start_logging(folder.path(), &receiver.address(), &options);
    let ssrc = receiver.expect("a packet", ssrc_of);
    assert_eq!(receiver.expect("a plain packet", earlier_of), 0);

    // Reports about another stream, and truncated ones, change nothing.
    receiver.reply(&report(!ssrc, 255));
    receiver.reply(&report(ssrc, 255)[..20]);
    let earlier: Vec<_> = receiver
        .receive_for(SECOND / 2)
        .iter()
        .filter_map(earlier_of)
        .collect();
    assert!(earlier.len() > 10 && earlier.iter().all(|earlier| *earlier == 0));

    receiver.reply(&report(ssrc, 40));
    let three = |received: &Received| earlier_of(received).filter(|earlier| *earlier == 3);
    receiver.expect("three earlier frames", three);
    receiver.expect_tone(1000.0, TONE_PEAK);
    let echo = |received: &Received| match received {
        Received::Echo { ssrc, last } => Some((*ssrc, *last)),
        _ => None,
    };
    assert_eq!(receiver.expect("the clock's echo", echo), (0xface, 5));
    let (log, words) = (log.text(), "the server loses 16 % of the packets");
    assert_eq!(log.matches(words).count(), 1, "{log}");
}

#[test]
fn packets_carry_the_set_number_of_earlier_frames() {
    for (options, expected) in [(&[] as &[&str], 1), (&["--redundancy", "2"], 2)] {
        let (folder, mut receiver) = (folder(), Receiver::new());
        let options = [&["--source", "tone"], options].concat();
        let _client = Client::start(folder.path(), &receiver.address(), &options);
        let enough = |received: &Received| earlier_of(received).filter(|&n| n == expected);
        receiver.expect("earlier frames", enough);
        receiver.expect_tone(1000.0, TONE_PEAK);
    }
}

#[test]
fn a_stalled_client_does_not_stay_late() {
    let (folder, mut receiver) = (folder(), Receiver::new());
    let client = Client::start(folder.path(), &receiver.address(), &["--source", "tone"]);
    receiver.expect("a packet", ssrc_of);
    // The delay of the least late packet, by the stream's timestamps, since the first packet.
    let began = Instant::now();
    let mut first_timestamp = None;
    let mut least_late_s = |receiver: &mut Receiver| {
        let mut least = f64::INFINITY;
        let end = Instant::now() + SECOND;
        while Instant::now() < end {
            for received in receiver.receive(SECOND / 10) {
                let Received::Rtp { timestamp, .. } = received else {
                    continue;
                };
                let first = *first_timestamp.get_or_insert(timestamp);
                let sent_s = f64::from(timestamp.wrapping_sub(first)) / 48_000.0;
                least = least.min(began.elapsed().as_secs_f64() - sent_s);
            }
        }
        least
    };
    let before_s = least_late_s(&mut receiver);
    client.signal(Signal::SIGSTOP);
    // The length of the stall.
    std::thread::sleep(3 * SECOND / 2);
    client.signal(Signal::SIGCONT);
    let burst = receiver.receive_for(SECOND / 10);
    assert!(burst.len() < 40, "{} packets at once", burst.len());
    let later_s = least_late_s(&mut receiver) - before_s;
    // The stall lasted 1.5 s. The rest allows for the grid of 20 ms and for a busy computer, which delays every packet.
    assert!(later_s.abs() < 0.3, "{later_s} s later than before");
}

#[test]
fn an_unknown_server_name_does_not_end_it() {
    let folder = folder();
    let options = ["--source", "tone"];
    let (mut client, log) = Client::start_logging(folder.path(), "raa.invalid", &options);
    log.wait_for("cannot resolve raa.invalid", 1);
    assert!(client.is_running());
    client.signal(Signal::SIGTERM);
    assert_eq!(client.wait().code(), Some(0));
}

#[test]
fn a_server_is_reached_by_ipv6_or_name() {
    let mut receiver = Receiver::at("[::1]:0");
    let folder = folder();
    let _client = Client::start(folder.path(), &receiver.address(), &["--source", "tone"]);
    receiver.expect("a packet by IPv6", ssrc_of);

    let mut receiver = Receiver::new();
    let address = receiver.address().replace("127.0.0.1", "localhost");
    let _client = Client::start(folder.path(), &address, &["--source", "tone"]);
    receiver.expect("a packet by name", ssrc_of);
}

#[test]
fn a_wav_file_is_repeated() {
    let (folder, mut receiver) = (folder(), Receiver::new());
    let path = folder.path().join("tone.wav");
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 44_100,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    // 0.3 s, so the judged half second contains a repetition.
    for i in 0..13_230 {
        let x = (f64::from(i) / 44_100.0 * 400.0 * std::f64::consts::TAU).sin();
        writer.write_sample((x * 16_384.0) as i16).unwrap();
        writer.write_sample((x * 16_384.0) as i16).unwrap();
    }
    writer.finalize().unwrap();
    let options = ["--source", "file", path.to_str().unwrap()];
    let _client = Client::start(folder.path(), &receiver.address(), &options);
    receiver.expect_tone(400.0, 0.5);
}

/// Runs the program with `file` as its configuration; it must exit with `code` and these words.
#[track_caller]
fn refused(file: &str, options: &[&str], code: i32, expected: &[&str]) {
    let folder = folder();
    let path = folder.path().join("raa-client.toml");
    fs::write(path, file).expect("there is room for a file");
    let mut command: Command = command(folder.path());
    let (status, errors) = output(command.args(options));
    assert_eq!(status.code(), Some(code), "{errors}");
    for words in expected {
        assert!(errors.contains(words), "{words:?} is missing in: {errors}");
    }
}

#[test]
fn a_sound_server_elsewhere_is_refused_once() {
    let folder = folder();
    let mut command: Command = command(folder.path());
    command.env("PULSE_SERVER", "tcp:192.0.2.7");
    let (status, errors) = output(command.args(["--server", "a"]));
    assert_eq!(status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("PULSE_SERVER is \"tcp:192.0.2.7\""),
        "{errors}"
    );
}

#[test]
fn mistakes_are_reported() {
    refused("", &[], 2, &["--server", "raa-client.toml"]);
    refused(
        "sorce = \"tone\"",
        &["--server", "a"],
        2,
        &["sorce", "source", "raa-client.toml"],
    );
    refused(
        "",
        &["--server", "a:0"],
        2,
        &["--server", "\"a:0\"", "1 to 65535"],
    );
    refused("", &["--server", "::1:4010"], 2, &["brackets"]);
    refused(
        "",
        &["--server", "a", "--source", "file"],
        2,
        &["file PATH"],
    );
    refused(
        "",
        &["--server", "a", "--log-level", "loud"],
        2,
        &["--log-level", "loud", "debug"],
    );
    refused(
        "",
        &["--server", "a", "--source", "file", "/no.wav"],
        1,
        &["/no.wav", "No such file"],
    );
    let folder = folder();
    let mp3 = folder.path().join("mp3.wav");
    // A WAV file around MP3.
    let header =
        b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x55\0\x02\0\x80\xbb\0\0\0\0\0\0\x04\0\x10\0data";
    fs::write(&mp3, header).expect("there is room for a file");
    refused(
        "",
        &["--server", "a", "--source", "file", mp3.to_str().unwrap()],
        1,
        &["mp3.wav", "0x0055", "PCM"],
    );
}

#[test]
fn a_full_disk_for_the_log_does_not_stop_the_sound() {
    let (folder, mut receiver) = (folder(), Receiver::new());
    let mut command = command(folder.path());
    command.args(["--server", &receiver.address(), "--source", "tone"]);
    command.stderr(fs::File::create("/dev/full").unwrap());
    let mut client = Client::spawn(command);
    receiver.expect_tone(1000.0, TONE_PEAK);
    receiver.receive_for(SECOND);
    assert!(client.is_running());
    receiver.expect_tone(1000.0, TONE_PEAK);
    client.signal(Signal::SIGTERM);
    assert_eq!(client.wait().code(), Some(0));
}

#[test]
fn a_pasted_page_address_means_its_server() {
    let (folder, receiver) = (folder(), Receiver::new());
    let pasted = format!(" {}/ ", receiver.address().to_uppercase());
    let (_client, log) = Client::start_logging(folder.path(), &pasted, &["--source", "tone"]);
    log.wait_for(&format!("sending to {}", receiver.address()), 1);
    let port = receiver.address();
    let (_, port) = port.rsplit_once(':').unwrap();
    let page = format!("http://localhost:{port}/raa/");
    let (_client, log) = Client::start_logging(folder.path(), &page, &["--source", "tone"]);
    log.wait_for(":4010", 1);
}

/// Returns the news that another sender has the SSRC of this packet.
fn ssrc_taken(packet: &Received) -> Option<Vec<u8>> {
    let Received::Rtp {
        ssrc,
        sequence_number,
        timestamp,
        ..
    } = *packet
    else {
        return None;
    };
    let taken = rtcp::SsrcTaken {
        ssrc,
        sequence_number,
        timestamp,
    };
    let mut datagram = Vec::new();
    rtcp::write_ssrc_taken(0xface, "server@host", taken, &mut datagram);
    Some(datagram)
}

#[test]
fn a_client_that_is_turned_away_takes_another_number() {
    let (folder, mut receiver) = (folder(), Receiver::new());
    let options = ["--source", "tone"];
    let (_client, log) = Client::start_logging(folder.path(), &receiver.address(), &options);
    let before = receiver.expect("a packet", ssrc_of);
    let another = |received: &Received| ssrc_of(received).filter(|ssrc| *ssrc != before);
    let started = Instant::now();
    let after = loop {
        let received = receiver.receive_for(SECOND / 2);
        if let Some(after) = received.iter().find_map(another) {
            break after;
        }
        let newest = received.iter().rev().find_map(ssrc_taken);
        receiver.reply(&newest.expect("it sends"));
        assert!(started.elapsed() < PATIENCE, "it keeps its number");
    };
    assert!(started.elapsed() > 3 * SECOND, "it must be told for 3 s");
    log.wait_for("another computer uses this client's number", 1);
    receiver.expect_tone(1000.0, TONE_PEAK);
    let line = format!("\nssrc = \"{after:08x}\"");
    let file = || fs::read_to_string(folder.path().join("raa-client.toml")).unwrap();
    while !file().contains(&line) {
        assert!(started.elapsed() < PATIENCE, "{line}: {}", file());
        std::thread::sleep(SECOND / 50);
    }
    assert_eq!(file().matches("\nssrc =").count(), 1);
}
