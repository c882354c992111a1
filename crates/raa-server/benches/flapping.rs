//! Measures how much the log delays the sound: 300 clients that connect, beep and leave, against 300 that stay.
//!
//! `cargo bench -p raa-server --bench flapping` runs a whole server in this process, with five open pages. In
//! turns, each client is connected all the time, or it sends three packets in every 1.5 s and is offline in
//! between; the packets are the same, and as many. A minute of that has as many comings and goings as an hour
//! in which a client is lost every 90 s. It prints how late the slots began in both, and how large the log
//! has become. Always: the log stays within its limit, or the benchmark fails.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use common::with_config;
use raa_core::codec::{Encoder, EncoderSettings, MAX_ENCODED_LEN};
use raa_core::rtp::Packet;
use raa_core::{SLOT, SLOT_SAMPLES};
use raa_server::config::Config;
use serde_json::Value;

const CLIENTS: u32 = 300;
const PAGES: usize = 5;
const TURNS: usize = 4;
/// Figures of slots are those of the last full 5 s.
const PERIOD: Duration = Duration::from_secs(5);
/// Periods of a turn that are counted. The period before them is not, because it contains the change.
const PERIODS: usize = 3;
/// Slots in which a client sends three packets.
const CYCLE: u32 = 75;
/// The smallest limit that can be configured.
const LOG_ENTRIES: u32 = 1000;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        test_music: false,
        offline_after_s: 1,
        log_entries: LOG_ENTRIES,
        ..Config::default()
    };
    with_config(config, folder.path(), measure);
    let file = folder.path().join("state/raa.sqlite");
    let kib = std::fs::metadata(file).unwrap().len() / 1024;
    println!("the state has {kib} KiB, with at most {LOG_ENTRIES} entries of the log");
}

fn measure(udp: SocketAddr, http: SocketAddr) {
    for _ in 0..PAGES {
        open_page(http);
    }
    let mut senders = Senders::new(udp);
    let mut late: [Vec<f64>; 2] = Default::default();
    for _ in 0..TURNS {
        for (place, flap) in [false, true].into_iter().enumerate() {
            senders.send_for(PERIOD * 2, flap);
            for _ in 0..PERIODS {
                let lateness = &read(http, "/api/status")["slot_lateness"];
                late[place].push(lateness["p99_ms"].as_f64().unwrap());
                senders.send_for(PERIOD, flap);
            }
        }
    }
    let [calm, flapping] = late.map(|mut late| {
        late.sort_by(f64::total_cmp);
        late[late.len() / 2]
    });
    let status = read(http, "/api/status");
    println!(
        "slots begin late by (p99, median of {} periods of 5 s): {calm:.2} ms with {CLIENTS} clients that stay, \
         {flapping:.2} ms with {CLIENTS} that flap, ratio {:.2}; {} of {} slots skipped",
        TURNS * PERIODS,
        flapping / calm,
        status["skipped_slots"],
        status["slots"],
    );
    let log = read(http, "/api/log?limit=1000");
    let entries = log["entries"].as_array().unwrap();
    let counted: u64 = entries
        .iter()
        .map(|entry| entry["count"].as_u64().unwrap())
        .sum();
    println!("{} entries count {counted} events", entries.len());
    if let Some(before) = log["next_before"].as_u64() {
        let more = read(http, &format!("/api/log?before={before}"));
        assert_eq!(
            more["entries"].as_array().unwrap().len(),
            0,
            "{LOG_ENTRIES}"
        );
    }
    assert!(counted > u64::from(CLIENTS) * 10, "nothing flapped");
}

/// The clients, which send packets of a tone.
struct Senders {
    socket: UdpSocket,
    to: SocketAddr,
    payload: Vec<u8>,
    slot: u32,
    /// The number of each client's next packet.
    numbers: Vec<u16>,
}

impl Senders {
    fn new(to: SocketAddr) -> Self {
        let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
        let mut payload = [0; MAX_ENCODED_LEN];
        let tone: [f32; SLOT_SAMPLES] = std::array::from_fn(|i| 0.25 * (i as f32 * 0.06).sin());
        let len = encoder.encode(&tone, &mut payload).unwrap();
        Self {
            socket: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(),
            to,
            payload: payload[..len].to_vec(),
            slot: 0,
            numbers: vec![0; CLIENTS as usize + 1],
        }
    }

    fn send_for(&mut self, time: Duration, flap: bool) {
        let started = Instant::now();
        let first = self.slot;
        while started.elapsed() < time {
            for ssrc in 1..=CLIENTS {
                // Each has its own place in the cycle.
                let phase = (self.slot + ssrc) % CYCLE;
                if if flap {
                    phase < 3
                } else {
                    phase.is_multiple_of(25)
                } {
                    self.send(ssrc);
                }
            }
            self.slot += 1;
            let due = started + SLOT * (self.slot - first);
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }

    fn send(&mut self, ssrc: u32) {
        let number = &mut self.numbers[ssrc as usize];
        *number = number.wrapping_add(1);
        let packet = Packet {
            marker: false,
            payload_type: 111,
            sequence_number: *number,
            timestamp: self.slot.wrapping_mul(SLOT_SAMPLES as u32),
            ssrc,
            payload: &self.payload,
        };
        let mut datagram = Vec::new();
        packet.write(&mut datagram);
        self.socket.send_to(&datagram, self.to).unwrap();
    }
}

/// Opens a page, which reads everything until the server stops.
fn open_page(http: SocketAddr) {
    let mut connection = TcpStream::connect(http).unwrap();
    let request = "GET /api/events HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    connection.write_all(request.as_bytes()).unwrap();
    thread::spawn(move || {
        let mut bytes = [0; 16 * 1024];
        while connection.read(&mut bytes).is_ok_and(|read| read > 0) {}
    });
}

fn read(http: SocketAddr, path: &str) -> Value {
    let mut connection = TcpStream::connect(http).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    connection.read_to_string(&mut text).unwrap();
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}
