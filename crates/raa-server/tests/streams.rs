//! The WebSockets: the mix, slot by slot, and the pushed state. And datagrams of other protocols.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::{Duration, Instant};

use common::sender::{ID, Sender};
use common::{
    PATIENCE, Page, Server, close_frame, connect, connect_with_small_window, delete, next_frame,
    next_json, patch, status, status_when,
};
use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn listener_gets_every_slot_once() {
    let server = Server::start().await;
    let mut socket = connect(server.http, "/ws?mix=main").await;
    let hello = next_json(&mut socket).await;
    let expected = json!({"mix": "main", "codec": "opus", "sample_rate": 48_000, "channels": 1,
        "frame_ms": 20, "server_version": env!("CARGO_PKG_VERSION")});
    assert_eq!(hello, expected);

    let slots_before = status(server.http).await["slots"].as_u64().unwrap();
    let mut last = next_frame(&mut socket).await;
    for _ in 0..150 {
        let frame = next_frame(&mut socket).await;
        assert_eq!(frame.sequence_number, last.sequence_number.wrapping_add(1));
        let step = frame.timestamp.wrapping_sub(last.timestamp);
        // Slots are skipped when the machine stalls, which shows in the timestamp.
        assert!(step >= 960 && step.is_multiple_of(960), "{step}");
        assert_eq!(frame.ssrc, last.ssrc);
        last = frame;
    }
    let slots = status(server.http).await["slots"].as_u64().unwrap() - slots_before;
    assert!(slots >= 150, "{slots} slots for 151 frames");
    server.stop().await;
}

#[tokio::test]
async fn silence_is_dtx_and_sound_is_not() {
    let server = Server::start().await;
    let mut socket = connect(server.http, "/ws?mix=main").await;
    next_json(&mut socket).await;
    let mut quiet = 0;
    while quiet < 10 {
        quiet = if next_frame(&mut socket).await.payload.len() <= 2 {
            quiet + 1
        } else {
            0
        };
    }
    let _sender = Sender::start(server.udp);
    let mut loud = 0;
    while loud < 10 {
        loud = if next_frame(&mut socket).await.payload.len() > 40 {
            loud + 1
        } else {
            0
        };
    }
    server.stop().await;
}

#[tokio::test]
async fn listeners_are_counted_and_get_close_frames() {
    let server = Server::start().await;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        let mut socket = connect(server.http, "/ws?mix=main").await;
        next_json(&mut socket).await;
        sockets.push(socket);
    }
    assert_eq!(status(server.http).await["listeners"], 3);
    let mut leaving = sockets.pop().unwrap();
    leaving
        .send(Message::text("messages from listeners are ignored"))
        .await
        .unwrap();
    leaving.close(None).await.unwrap();
    close_frame(&mut leaving).await;
    drop(sockets.pop());
    status_when(server.http, |status| status["listeners"] == 1).await;
    let mut events = connect(server.http, "/api/events").await;
    next_json(&mut events).await;
    let stopping = tokio::spawn(server.stop());
    for socket in [&mut sockets[0], &mut events] {
        let frame = close_frame(socket).await.expect("a goodbye");
        assert_eq!(
            (u16::from(frame.code), frame.reason.as_str()),
            (1001, "server is stopping")
        );
    }
    stopping.await.unwrap();
}

#[tokio::test]
async fn long_messages_close_the_connection() {
    let server = Server::start().await;
    let mut socket = connect(server.http, "/ws?mix=main").await;
    // The server may close before all of it is sent.
    let _ = socket.send(Message::binary(vec![0; 100_000])).await;
    close_frame(&mut socket).await;
    status_when(server.http, |status| status["listeners"] == 0).await;
    server.stop().await;
}

#[tokio::test]
async fn slow_listener_is_closed_alone() {
    let server = Server::start().await;
    let _sender = Sender::start(server.udp);
    let mut slow = connect_with_small_window(server.http, "/ws?mix=main").await;
    next_json(&mut slow).await;
    let mut good = connect(server.http, "/ws?mix=main").await;
    next_json(&mut good).await;

    let started = Instant::now();
    let mut last = next_frame(&mut good).await;
    while status(server.http).await["listeners_closed_slow"] == 0 {
        for _ in 0..10 {
            let frame = next_frame(&mut good).await;
            assert_eq!(frame.sequence_number, last.sequence_number.wrapping_add(1));
            last = frame;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "the slow listener is still connected"
        );
    }
    let status = status(server.http).await;
    assert_eq!(
        (&status["listeners"], &status["listeners_closed_slow"]),
        (&json!(1), &json!(1))
    );

    // The kernels queued only a little for it: a long queue would be old sound.
    let mut stale = 0;
    while let Some(Message::Binary(_)) = common::next(&mut slow).await {
        stale += 1;
    }
    assert!(stale < 250, "{stale} frames were queued");
    server.stop().await;
}

#[tokio::test]
async fn stalled_listener_resumes_live() {
    let server = Server::start().await;
    let _sender = Sender::start(server.udp);
    let mut away = connect_with_small_window(server.http, "/ws?mix=main").await;
    next_json(&mut away).await;
    let mut good = connect(server.http, "/ws?mix=main").await;
    next_json(&mut good).await;
    let mut last = next_frame(&mut away).await;
    let mut live = next_frame(&mut good).await;
    // Six seconds fill all queues up to the engine's ring.
    for _ in 0..300 {
        live = next_frame(&mut good).await;
    }
    let mut jumps = 0;
    while last.sequence_number.wrapping_sub(live.sequence_number) > 0x8000 {
        let frame = next_frame(&mut away).await;
        jumps += u32::from(frame.sequence_number != last.sequence_number.wrapping_add(1));
        last = frame;
    }
    assert!(jumps > 0, "it was skipped");
    let skipped = |status: &Value| status["listener_frames_skipped"].as_u64().unwrap();
    status_when(server.http, |status| skipped(status) > 32).await;
    server.stop().await;
}

#[tokio::test]
async fn pages_receive_changes_at_once() {
    let server = Server::start().await;
    let to = server.http;
    let mut page = Page::open(to).await;
    assert!(page.clients.is_empty());
    assert_eq!(page.server["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(page.server["udp_port"], server.udp.port());

    let sender = Sender::start(server.udp);
    page.when(|page| page.levels[ID].is_array()).await;
    let pair = page.levels[ID].as_array().unwrap();
    let pair: Vec<_> = pair.iter().map(|level| level.as_f64().unwrap()).collect();
    assert!(pair.len() == 2 && pair[0] < pair[1], "{pair:?}");
    page.when(|page| page.client(ID)["status"] == "sounding")
        .await;
    assert_eq!(page.client(ID)["last_sound_at_ms"], json!(null));

    for volume in [1, 2, 3] {
        let body = format!("{{\"volume\":{volume}}}");
        let answer = patch(to, ID, body).await.json();
        // Events that are newer than the answer know the change.
        let answered_ms = answer["now_ms"].as_i64().unwrap();
        page.when(|page| page.now_ms > answered_ms).await;
        assert_eq!(page.client(ID)["volume"], volume);
    }
    let listener = connect(to, "/ws?mix=main").await;
    page.when(|page| page.server["listeners"] == 1).await;
    drop(listener);
    page.when(|page| page.server["listeners"] == 0).await;
    drop(sender);
    page.when(|page| page.client(ID)["status"] == "offline")
        .await;
    let row = page.client(ID);
    let times = ["last_sound_at_ms", "last_packet_at_ms"].map(|name| row[name].as_i64().unwrap());
    assert!(
        times.iter().all(|at| (0..=page.now_ms).contains(at)),
        "{row}"
    );
    assert_eq!(delete(to, ID).await.status, 204);
    page.when(|page| page.clients.is_empty()).await;

    // A state is sent every second even if nothing changes, and a new page begins with a new one.
    let before = page.now_ms;
    page.when(|page| page.now_ms >= before + 2000).await;
    drop(page);
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let late = Page::open(to).await;
    assert!(late.now_ms >= before + 4000, "{}", late.now_ms - before);
    server.stop().await;
}

#[tokio::test]
async fn other_protocols_on_the_audio_port_are_counted() {
    let server = Server::start().await;
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    // A STUN binding request (RFC 8489 section 5) and a DTLS handshake record (RFC 6347 section 4.1).
    let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    let dtls = [&[22, 0xfe, 0xfd][..], &[0; 20]].concat();
    for datagram in [stun, dtls] {
        socket.send_to(&datagram, server.udp).await.unwrap();
    }
    let scream = [&[1, 16, 1, 1, 0][..], &[0; 1152]].concat();
    socket.send_to(&scream, server.udp).await.unwrap();
    status_when(server.http, |status| {
        let refused = &status["refused_packets"];
        refused["not_rtp"] == 2 && refused["scream"] == 1
    })
    .await;
    server.stop().await;
}

#[tokio::test]
async fn listeners_without_a_mix_get_the_main_one() {
    let server = Server::start().await;
    let mut socket = connect(server.http, "/ws").await;
    assert_eq!(next_json(&mut socket).await["mix"], "main");
    next_frame(&mut socket).await;
    server.stop().await;
}

#[tokio::test]
async fn unknown_mixes_are_refused_by_a_close_code() {
    let server = Server::start().await;
    let long = "%E9%9F%B3".repeat(60);
    for (mix, name) in [
        ("other", "other"),
        ("", ""),
        ("main&mix=main", ""),
        (&long, "音"),
    ] {
        let mut socket = connect(server.http, &format!("/ws?mix={mix}")).await;
        let frame = close_frame(&mut socket).await.expect("a close frame");
        assert_eq!(u16::from(frame.code), 4404);
        let expected = format!("no mix is called \"{name}");
        assert!(frame.reason.starts_with(&expected), "{}", frame.reason);
    }
    status_when(server.http, |status| status["listeners"] == 0).await;
    server.stop().await;
}
