//! What one `GET /metrics` costs a whole server in this process that knows a thousand clients.
//!
//! `cargo bench -p raa-server --bench scrape` prints the CPU time of all threads per scrape, above that of
//! the same time without scrapes, and how many slots were skipped. This end of the connection reads into
//! one buffer, which is part of the figure.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use common::with_server;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use raa_core::codec::{Encoder, EncoderSettings, MAX_ENCODED_LEN};
use raa_core::rtp::Packet;
use raa_core::{SLOT, SLOT_SAMPLES};

const CLIENTS: u32 = 1000;
const TURNS: usize = 5;
const SCRAPES: u32 = 20;
/// Longer than the server shows one snapshot, so that each scrape is a new text.
const EVERY: Duration = Duration::from_millis(150);

fn main() {
    with_server(false, |udp, http| {
        introduce(udp);
        measure(http);
    });
}

/// Sends packets of each client until all of them are known: a slot admits 50.
fn introduce(udp: SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
    let mut payload = [0; MAX_ENCODED_LEN];
    let len = encoder.encode(&[0.1; SLOT_SAMPLES], &mut payload).unwrap();
    let mut datagram = Vec::new();
    for number in 0..10 {
        for ssrc in 1..=CLIENTS {
            let packet = Packet {
                marker: false,
                payload_type: 111,
                sequence_number: number,
                timestamp: u32::from(number) * SLOT_SAMPLES as u32,
                ssrc,
                payload: &payload[..len],
            };
            datagram.clear();
            packet.write(&mut datagram);
            socket.send_to(&datagram, udp).unwrap();
            if ssrc % 50 == 0 {
                thread::sleep(SLOT);
            }
        }
    }
}

fn measure(http: SocketAddr) {
    let text = read(http, "/metrics");
    let known = text.matches("raa_client_info{").count();
    assert_eq!(known, CLIENTS as usize, "not all clients are known");
    println!("{} KiB, {} lines", text.len() / 1024, text.lines().count());
    let skipped = skipped_slots(http);
    let mut costs: Vec<f64> = (0..TURNS)
        .map(|_| {
            let idle = cpu_ms_of(|| {});
            let busy = cpu_ms_of(|| _ = read(http, "/metrics"));
            (busy - idle) / f64::from(SCRAPES)
        })
        .collect();
    costs.sort_by(f64::total_cmp);
    println!(
        "CPU per scrape: {:.2} ms ({:.2} to {:.2}, {TURNS} turns), {} slots skipped",
        costs[TURNS / 2],
        costs[0],
        costs[TURNS - 1],
        skipped_slots(http) - skipped
    );
}

/// CPU time of this process while `act` runs again and again, in ms.
fn cpu_ms_of(mut act: impl FnMut()) -> f64 {
    let cpu = || {
        let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
        (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1000.0
    };
    let (started, before) = (Instant::now(), cpu());
    for number in 1..=SCRAPES {
        act();
        thread::sleep((started + EVERY * number).saturating_duration_since(Instant::now()));
    }
    cpu() - before
}

fn skipped_slots(http: SocketAddr) -> u64 {
    let text = read(http, "/metrics");
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix("raa_skipped_slots_total "));
    line.unwrap().parse().unwrap()
}

fn read(http: SocketAddr, path: &str) -> String {
    let mut connection = TcpStream::connect(http).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    connection.read_to_string(&mut text).unwrap();
    text
}
