//! The description of a client's stream, and a real ffmpeg that plays a copy of the stream by it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::process::Stdio;

use common::sender::{ID, Sender};
use common::{PATIENCE, Server, client_when, get};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A payload type that is not the usual one.
const PAYLOAD_TYPE: u8 = 97;

/// Sends a tone of 440 Hz as another program would.
fn tone(to: SocketAddr) -> Child {
    let payload_type = PAYLOAD_TYPE.to_string();
    let url = format!("rtp://{to}");
    let mut command = Command::new("ffmpeg");
    command.args([
        "-loglevel",
        "error",
        "-re",
        "-f",
        "lavfi",
        "-i",
        "sine=frequency=440:sample_rate=48000",
    ]);
    command.args([
        "-c:a",
        "libopus",
        "-f",
        "rtp",
        "-payload_type",
        &payload_type,
        &url,
    ]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    command.spawn().expect("the tests need the package ffmpeg")
}

/// Passes datagrams on to the server, and a copy of each to another address, as an operator's copy does.
fn copying(server: SocketAddr, copy: SocketAddr) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 2000];
        while let Ok(len) = socket.recv(&mut buffer) {
            for to in [server, copy] {
                // The player is not there yet at the beginning.
                let _ = socket.send_to(&buffer[..len], to);
            }
        }
    });
    address
}

/// Returns a port for RTP: even, and the next one is free, too.
fn even_port() -> u16 {
    let is_free = |port| UdpSocket::bind(("127.0.0.1", port)).is_ok();
    let mut ports = (20_000 + std::process::id() as u16 % 10_000 * 2..).step_by(2);
    ports
        .find(|&port| is_free(port) && is_free(port + 1))
        .unwrap()
}

/// Returns how often per second the sound of 48 kHz passes zero upwards, and its peak.
fn pitch_and_peak(pcm: &[u8]) -> (f64, i32) {
    let samples: Vec<i32> = pcm
        .as_chunks::<2>()
        .0
        .iter()
        .map(|sample| i32::from(i16::from_le_bytes(*sample)))
        .collect();
    let rises = samples
        .windows(2)
        .filter(|pair| pair[0] < 0 && pair[1] >= 0)
        .count();
    let peak = samples.iter().map(|sample| sample.abs()).max();
    (
        rises as f64 * 48_000.0 / samples.len() as f64,
        peak.unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_plays_a_copy_by_the_description() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("client.sdp");
    let server = Server::start_with(dir, |setup| {
        setup.config.payload_types = vec![111, PAYLOAD_TYPE]
    })
    .await;
    let port = even_port();
    let copy = SocketAddr::from(([127, 0, 0, 1], port));
    let _tone = tone(copying(server.udp, copy));
    let started = std::time::Instant::now();
    let id = loop {
        let list = get(server.http, "/api/clients").await.json();
        if let Some(Value::String(id)) = list["clients"].get(0).map(|client| client["id"].clone()) {
            break id;
        }
        assert!(started.elapsed() < PATIENCE);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let description = get(server.http, &format!("/api/clients/{id}.sdp?port={port}")).await;
    assert_eq!(description.status, 200, "{description:?}");
    std::fs::write(&file, &description.body).unwrap();

    let mut player = Command::new("ffmpeg");
    player.args([
        "-loglevel",
        "error",
        "-protocol_whitelist",
        "file,udp,rtp",
        "-i",
    ]);
    player
        .arg(&file)
        .args(["-t", "1", "-ac", "1", "-ar", "48000", "-f", "s16le", "-"]);
    player.stdin(Stdio::null()).kill_on_drop(true);
    let played = timeout(PATIENCE, player.output())
        .await
        .expect("sound in time")
        .unwrap();
    assert!(
        played.status.success(),
        "{}",
        String::from_utf8_lossy(&played.stderr)
    );
    let seconds = played.stdout.len() as f64 / 96_000.0;
    assert!((0.8..1.2).contains(&seconds), "{seconds} s");
    let (pitch, peak) = pitch_and_peak(&played.stdout);
    assert!((435.0..445.0).contains(&pitch), "{pitch} Hz");
    assert!((3000..6000).contains(&peak), "{peak}");
    server.stop().await;
}

#[tokio::test]
async fn the_description_follows_the_stream() {
    let server = Server::start().await;
    let sender = Sender::start(server.udp);
    client_when(server.http, ID, |client| client["status"] == "sounding").await;
    let name = r#"{"name":"第三病棟"}"#;
    assert_eq!(common::patch(server.http, ID, name).await.status, 200);
    let path = |query: &str| format!("/api/clients/{ID}.sdp{query}");
    let reply = get(server.http, &path("?address=2001:db8::7")).await;
    assert_eq!(reply.header("content-type"), "application/sdp");
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    let lines: Vec<&str> = text.split("\r\n").collect();
    for line in [
        "v=0",
        "s=第三病棟",
        "c=IN IP6 2001:db8::7",
        "m=audio 5004 RTP/AVP 111",
        "a=rtpmap:111 opus/48000/2",
    ] {
        assert!(lines.contains(&line), "{line} is missing in {text}");
    }
    get(server.http, &path("?port=0"))
        .await
        .check_error(422, "value_out_of_range", "port is");
    get(server.http, "/api/clients/0000dead.sdp")
        .await
        .check_error(404, "not_found", "0000dead");
    drop(sender);
    let server = server.restart().await;
    get(server.http, &path(""))
        .await
        .check_error(409, "no_stream", "has sent nothing");
    server.stop().await;
}

/// RAA's own clients repeat frames, in packets of another type (RFC 2198).
#[tokio::test]
async fn redundancy_is_described() {
    let server = Server::start().await;
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in 0..4_u8 {
        let header = [0x80, 63, 0, number, 0, 0, number * 4, 0, 0, 0, 0, 9];
        // One earlier frame of 960 samples and three bytes, then the new one.
        let blocks = [
            0x80 | 111,
            0x0f,
            0x00,
            0x03,
            111,
            0xf8,
            0xff,
            0xfe,
            0xf8,
            0xff,
            0xfe,
        ];
        socket
            .send_to(&[&header[..], &blocks].concat(), server.udp)
            .unwrap();
    }
    client_when(server.http, "00000009", |client| !client.is_null()).await;
    let reply = get(server.http, "/api/clients/00000009.sdp").await;
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    for line in [
        "m=audio 5004 RTP/AVP 63 111\r\n",
        "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    server.stop().await;
}
