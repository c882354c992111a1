//! Many computers that were cloned with their settings come up at once: all have one SSRC, and each must
//! be heard with one of its own.
//!
//! The computers are the sending half of the client (`Packetizer`) with a socket each, on addresses of their
//! own; they do what `raa-client`'s sender does when it is told that its SSRC is taken.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

use common::{Server, get};
use raa_core::codec::EncoderSettings;
use raa_core::packetizer::{Identity, Packetizer, PacketizerConfig, Reception, Redundancy};
use raa_core::rtp::StreamStart;
use serde_json::Value;

const PCS: usize = 200;
const CLONED_SSRC: u32 = 0x5f0a_11c2;
/// Silence that is captured at a time; it is sent every 400 ms.
const BLOCK: Duration = Duration::from_millis(100);
/// Each must be heard within a minute, as the computers count it: a busy machine may take longer.
const MOST_BLOCKS: usize = 600;

struct Pc {
    socket: UdpSocket,
    packetizer: Packetizer,
    ssrc: u32,
    changes: usize,
}

impl Pc {
    fn new(number: usize, server: std::net::SocketAddr) -> Self {
        let host = Ipv4Addr::new(127, 0, (1 + number / 200) as u8, (1 + number % 200) as u8);
        let socket = UdpSocket::bind((host, 0)).unwrap();
        socket.connect(server).unwrap();
        socket.set_nonblocking(true).unwrap();
        let config = PacketizerConfig {
            stream: stream(CLONED_SSRC),
            encoder: EncoderSettings {
                complexity: 0,
                ..EncoderSettings::default()
            },
            redundancy: Redundancy::default(),
            identity: Identity {
                cname: format!("raa@pc{number}"),
                name: format!("PC {number}"),
                tool: "test".into(),
            },
            seed: rand::random(),
            wall_clock: SystemTime::now(),
        };
        Self {
            socket,
            packetizer: Packetizer::new(config, Instant::now()).unwrap(),
            ssrc: CLONED_SSRC,
            changes: 0,
        }
    }

    fn run(&mut self, now: Instant) {
        let mut datagram = [0; 1500];
        while let Ok(len) = self.socket.recv(&mut datagram) {
            self.packetizer
                .handle_rtcp(now, Duration::ZERO, &datagram[..len]);
        }
        if self.packetizer.is_ssrc_taken() {
            self.ssrc = rand::random();
            self.changes += 1;
            let cname = format!("raa-{:08x}", self.ssrc);
            self.packetizer.change_stream(stream(self.ssrc), cname);
        }
        self.packetizer.push_pcm(now, &[0.0; 4800]);
        while let Some(datagram) = self.packetizer.poll_transmit() {
            self.socket.send(datagram).unwrap();
        }
    }

    fn is_heard(&self) -> bool {
        self.packetizer.stats().reception == Reception::Good
    }
}

fn stream(ssrc: u32) -> StreamStart {
    StreamStart {
        ssrc,
        sequence_number: rand::random(),
        timestamp: rand::random(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cloned_computers_get_numbers_of_their_own() {
    let server = Server::start().await;
    let mut pcs: Vec<Pc> = (0..PCS).map(|number| Pc::new(number, server.udp)).collect();
    let started = Instant::now();
    let (mut next, mut blocks) = (started, 0);
    while !pcs.iter().all(Pc::is_heard) {
        let heard = pcs.iter().filter(|pc| pc.is_heard()).count();
        assert!(blocks < MOST_BLOCKS, "{heard} of {PCS} are heard");
        blocks += 1;
        for pc in &mut pcs {
            pc.run(Instant::now());
        }
        next += BLOCK;
        tokio::time::sleep_until(next.into()).await;
    }
    println!("{PCS} are heard after {:?}", started.elapsed());
    let numbers: BTreeSet<u32> = pcs.iter().map(|pc| pc.ssrc).collect();
    assert_eq!(numbers.len(), PCS, "each has a number of its own");
    let kept: Vec<&Pc> = pcs.iter().filter(|pc| pc.changes == 0).collect();
    assert_eq!(kept.len(), 1, "the first one keeps its number");
    assert!(
        pcs.iter().all(|pc| pc.changes <= 1),
        "no number changes twice"
    );
    let rows = get(server.http, "/api/clients").await.json();
    let rows: BTreeMap<&str, &Value> = rows["clients"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["id"].as_str().unwrap(), row))
        .collect();
    assert_eq!(rows.len(), PCS);
    for pc in &pcs {
        let row = rows[&*format!("{:08x}", pc.ssrc)];
        let address = pc.socket.local_addr().unwrap().to_string();
        assert_eq!(
            (&row["status"], &row["address"]),
            (&"connected".into(), &address.into())
        );
    }
    server.stop().await;
}
