//! What a process inherits or the system imposes: descriptors, signals, closed streams, variables, and
//! datagrams of any length.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::program::Program;
use common::sender::{ID, SSRC};
use common::{Server, client, get, status};
use nix::sys::signal::{Signal, kill};
use raa_core::rtp::Packet;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::process::Command;

/// The longest datagram of IPv4.
const LONGEST: usize = 65_507;
/// The longest datagram that the server takes.
const TAKEN: usize = 8192;

/// Returns an RTP packet of this length. Cut at [`TAKEN`] bytes it has 29 frames of Opus, each of 282
/// bytes and 2.5 ms.
fn long_packet(number: u16, len: usize) -> Vec<u8> {
    let mut payload = vec![0; len - 12];
    payload[..2].copy_from_slice(&[0xe3, 29]);
    let mut datagram = Vec::new();
    Packet {
        marker: false,
        payload_type: 111,
        sequence_number: number,
        timestamp: u32::from(number) * 3480,
        ssrc: SSRC,
        payload: &payload,
    }
    .write(&mut datagram);
    datagram
}

#[tokio::test]
async fn datagrams_that_are_too_long_are_refused() {
    let server = Server::start().await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let refused = async |count: u64| {
        let started = Instant::now();
        loop {
            let counted = status(server.http).await["refused_packets"].clone();
            if counted["too_long"] == count {
                return counted;
            }
            assert!(started.elapsed() < Duration::from_secs(10), "{counted}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    for (number, len) in (0..).zip([LONGEST, TAKEN + 1, LONGEST]) {
        let datagram = long_packet(number, len);
        socket.send_to(&datagram, server.udp).await.unwrap();
    }
    refused(3).await;
    assert_eq!(client(server.http, ID).await, Value::Null);
    for number in 3..5 {
        let datagram = long_packet(number, TAKEN);
        socket.send_to(&datagram, server.udp).await.unwrap();
    }
    common::client_when(server.http, ID, |client| !client.is_null()).await;
    refused(3).await;
    server.stop().await;
}
