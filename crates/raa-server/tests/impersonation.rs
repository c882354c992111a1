//! Other hosts and other programs speak in a sender's name, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::net::Ipv4Addr;
use std::time::Duration;

use common::sender::{ID, SSRC, datagram};
use common::{Server, client, client_when, status_when};
use raa_core::codec::{Encoder, EncoderSettings};
use raa_core::rtcp::{self, Description, SenderReport};
use serde_json::{Value, json};
use tokio::net::UdpSocket;

/// A sender of a tone that says when its next packet is due.
struct Sender {
    socket: UdpSocket,
    encoder: Encoder,
    number: u32,
}

async fn socket(host: u8) -> UdpSocket {
    let host = Ipv4Addr::new(127, 0, 0, host);
    UdpSocket::bind((host, 0)).await.unwrap()
}

/// Says that the sender is called Mallory and leaves.
fn goodbye() -> Vec<u8> {
    let report = SenderReport {
        ssrc: SSRC,
        ntp: 1,
        rtp_timestamp: 0,
        packets: 1,
        octets: 1,
    };
    let description = Description {
        ssrc: SSRC,
        cname: "mallory@test",
        name: "Mallory",
        tool: "test",
    };
    let mut datagram = Vec::new();
    rtcp::write_report(&report, &description, None, &mut datagram);
    rtcp::write_goodbye(SSRC, &mut datagram);
    datagram
}

/// Sends the next packet, then copies of it and goodbyes from elsewhere.
async fn send(server: &Server, sender: &mut Sender, others: &[UdpSocket]) {
    let packet = datagram(SSRC, sender.number, &mut sender.encoder);
    sender.number += 1;
    sender.socket.send_to(&packet, server.udp).await.unwrap();
    for other in others {
        other.send_to(&packet, server.udp).await.unwrap();
        other.send_to(&goodbye(), server.udp).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
}

/// What would show that somebody has spoken for the sender.
fn identity(client: &Value) -> [Value; 5] {
    let stats = &client["stats"];
    [
        client["address"].clone(),
        client["name"].clone(),
        client["conflict"].clone(),
        stats["duplicate"].clone(),
        stats["lost"].clone(),
    ]
}

#[tokio::test]
async fn a_stream_answers_to_its_owner_alone() {
    let server = Server::start().await;
    let mut sender = Sender {
        socket: socket(1).await,
        encoder: Encoder::new(EncoderSettings::default()).unwrap(),
        number: 0,
    };
    for _ in 0..2 {
        send(&server, &mut sender, &[]).await;
    }
    client_when(server.http, ID, |client| !client.is_null()).await;
    // Another host, and another program on the sender's own.
    let others = [socket(2).await, socket(1).await];
    // It stays at home, gets another port there, and goes to another network.
    for (home, others) in [
        (None, &others[..]),
        (Some(1), &others[..]),
        (Some(3), &others[..1]),
    ] {
        if let Some(host) = home {
            sender.socket = socket(host).await;
        }
        for _ in 0..20 {
            send(&server, &mut sender, others).await;
        }
        let address = sender.socket.local_addr().unwrap().to_string();
        for _ in 0..20 {
            send(&server, &mut sender, others).await;
            let client = client(server.http, ID).await;
            assert_ne!(client["status"], "offline", "{client}");
            let expected = [json!(address), json!(""), json!(null), json!(0), json!(0)];
            assert_eq!(identity(&client), expected, "{client}");
        }
    }
    let refused = |status: &Value| status["refused_packets"]["not_owner"].as_u64();
    let all = 2 * (80 + 80 + 40);
    status_when(server.http, |status| refused(status) >= Some(all)).await;
    server.stop().await;
}
