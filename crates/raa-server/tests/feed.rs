//! The cost of an open page: the bytes that it receives while 300 clients are connected.
//!
//! Always: bytes are counted over a window and compared with a rate, so that a slow machine, which
//! sends less, passes too.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use common::{
    PATIENCE, Page, Server, Socket, connect, connect_with_small_window, get, next_json, patch,
};
use futures_util::StreamExt as _;
use raa_core::SLOT_SAMPLES;
use raa_core::codec::{Encoder, EncoderSettings, MAX_ENCODED_LEN};
use raa_core::rtp::Packet;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout_at};
use tokio_tungstenite::tungstenite::Message;

const CLIENTS: u32 = 300;
/// Those of them that send noise below the sounding level all the time. The others are in DTX.
const HISSING: u32 = 20;
/// Slots between two packets of a client in DTX: 400 ms.
const DTX_SLOTS: u32 = 20;
const FIRST_SSRC: u32 = 0x1000_0000;
/// The largest header of a frame with a text, in bytes.
const FRAME_HEADER: usize = 10;

/// Bytes per second that an open page may receive while nothing happens.
const IDLE_LIMIT: usize = 10_000;

#[tokio::test]
async fn an_idle_page_receives_next_to_nothing() {
    let server = Server::start().await;
    let _clients = connect_all(&server).await;
    let mut page = open(server.http).await;
    let idle = bytes_per_second(&mut page, Duration::from_secs(4)).await;
    eprintln!("idle: {idle} bytes/s");
    assert!(idle < IDLE_LIMIT, "{idle} bytes/s");
    assert!(
        idle > 0,
        "a page must notice that the server is still there"
    );

    let to = server.http;
    let mut listening = JoinSet::new();
    listening.spawn(async move {
        let mut ticks = interval(Duration::from_millis(50));
        loop {
            ticks.tick().await;
            let mut listener = connect(to, "/ws?mix=main").await;
            next_json(&mut listener).await;
        }
    });
    let rate = bytes_per_second(&mut page, Duration::from_secs(3)).await;
    eprintln!("20 listeners/s come and go: {rate} bytes/s");
    assert!(rate < idle + 2000, "{rate} bytes/s");
    listening.shutdown().await;

    let mut renaming = JoinSet::new();
    renaming.spawn(async move {
        let mut ticks = interval(Duration::from_millis(100));
        for i in 0..20 {
            ticks.tick().await;
            let body = format!(r#"{{"name":"Renamed {i}"}}"#);
            let reply = patch(to, &format!("{:08x}", FIRST_SSRC + i), body).await;
            assert_eq!(reply.status, 200);
        }
    });
    let rate = bytes_per_second(&mut page, Duration::from_secs(2)).await;
    eprintln!("10 renames/s: {rate} bytes/s");
    // Each one is a changed row and an entry of the log.
    assert!(rate < idle + 8000, "{rate} bytes/s");
    renaming.join_next().await.unwrap().unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_slow_page_has_no_queue() {
    let server = Server::start().await;
    let _clients = connect_all(&server).await;
    // What the kernels take in is less than the first message, and it reads nothing yet.
    let slow = connect_with_small_window(server.http, "/api/events").await;
    let mut ready = Page::open(server.http).await;
    let first = FIRST_SSRC + HISSING;
    for i in 0..15 {
        let name = format!(r#"{{"name":"Renamed {i}"}}"#);
        let id = format!("{:08x}", first + i % 5);
        assert_eq!(patch(server.http, &id, name).await.status, 200);
        ready
            .when(|page| page.client(&id)["name"] == format!("Renamed {i}"))
            .await;
    }
    assert!(ready.states > 15, "{} messages", ready.states);
    let mut slow = Page::over(slow).await;
    let last = format!("{:08x}", first + 4);
    slow.when(|page| page.client(&last)["name"] == "Renamed 14")
        .await;
    assert!(slow.states <= 3, "{} messages were queued", slow.states);
    slow.when(|page| page.now_ms >= ready.now_ms).await;
    ready.when(|page| page.now_ms >= slow.now_ms).await;
    for i in 0..5 {
        let id = format!("{:08x}", first + i);
        assert_eq!(slow.client(&id), ready.client(&id));
    }
    assert_eq!(slow.clients.len(), CLIENTS as usize);
    server.stop().await;
}

/// Opens a page and reads its first messages, which describe all clients and what happened.
async fn open(to: SocketAddr) -> Socket {
    let mut page = connect(to, "/api/events").await;
    let first = next_json(&mut page).await;
    let clients = first["clients"].as_array().unwrap();
    assert_eq!(clients.len(), CLIENTS as usize);
    assert!(clients.iter().all(|client| client["status"] == "connected"));
    for kind in ["log", "peaks"] {
        let first = next_json(&mut page).await;
        assert_eq!(
            (&first["type"], &first["first"]),
            (&kind.into(), &true.into())
        );
    }
    page
}

/// Counts for this long, and returns the mean.
async fn bytes_per_second(page: &mut Socket, window: Duration) -> usize {
    let end = tokio::time::Instant::now() + window;
    let mut bytes = 0;
    while let Ok(message) = timeout_at(end, page.next()).await {
        if let Message::Text(text) = message.unwrap().unwrap() {
            bytes += text.len() + FRAME_HEADER;
        }
    }
    bytes / window.as_secs() as usize
}

/// Starts the senders, which send until the result is dropped, and waits until all are connected.
async fn connect_all(server: &Server) -> JoinSet<()> {
    let mut senders = JoinSet::new();
    senders.spawn(send(server.udp));
    let started = Instant::now();
    loop {
        let list = get(server.http, "/api/clients").await.json();
        let clients = list["clients"].as_array().unwrap();
        let connected = clients
            .iter()
            .filter(|client| client["status"] == "connected");
        if connected.count() == CLIENTS as usize {
            // The first figures of the quality come after two readings.
            sleep(Duration::from_secs(2)).await;
            return senders;
        }
        assert!(started.elapsed() < PATIENCE, "{} clients", clients.len());
        sleep(Duration::from_millis(100)).await;
    }
}

async fn send(to: SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
    let mut slots = interval(Duration::from_millis(20));
    for slot in 0u32.. {
        slots.tick().await;
        let noise = noise(slot, &mut encoder);
        for client in 0..CLIENTS {
            let is_due = (slot + client).is_multiple_of(DTX_SLOTS);
            let (number, payload) = match client < HISSING {
                true => (slot, noise.as_slice()),
                false if is_due => ((slot + client) / DTX_SLOTS, &noise[..1]),
                false => continue,
            };
            let mut datagram = Vec::new();
            let packet = Packet {
                marker: false,
                payload_type: 111,
                sequence_number: number as u16,
                timestamp: slot.wrapping_mul(SLOT_SAMPLES as u32),
                ssrc: FIRST_SSRC + client,
                payload,
            };
            packet.write(&mut datagram);
            socket.send_to(&datagram, to).await.unwrap();
        }
    }
}

/// Returns a frame of noise at about -75 dBFS.
fn noise(slot: u32, encoder: &mut Encoder) -> Vec<u8> {
    let random = |i: usize| {
        let mixed = (slot * SLOT_SAMPLES as u32 + i as u32).wrapping_mul(2_654_435_761);
        (mixed >> 16) as f32 / 65_536.0 - 0.5
    };
    let pcm: [f32; SLOT_SAMPLES] = std::array::from_fn(|i| 3e-4 * random(i));
    let mut payload = [0; MAX_ENCODED_LEN];
    let len = encoder.encode(&pcm, &mut payload).unwrap();
    payload[..len].to_vec()
}
