//! What the server answers senders by RTCP, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use common::sender::{ID, SSRC, datagram};
use common::{PATIENCE, Server, client, client_when, status};
use raa_core::codec::{Encoder, EncoderSettings};
use raa_core::rtcp::{self, Description, Item, ReceptionReport, SenderReport, TimeEcho, ntp};
use serde_json::json;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// The middle of the NTP timestamp of every sender report here.
const CLOCK: u32 = 0x0102_0304;

/// A sender of a tone that loses every tenth packet.
struct Sender {
    socket: UdpSocket,
    to: SocketAddr,
    encoder: Encoder,
    number: u32,
}

/// What the server said, and when.
#[derive(Debug)]
struct Answer {
    at: Instant,
    from: u32,
    report: ReceptionReport,
    reference_time: u64,
}

impl Sender {
    async fn new(host: IpAddr, port: u16) -> Self {
        Self {
            socket: UdpSocket::bind((host, 0)).await.unwrap(),
            to: (host, port).into(),
            encoder: Encoder::new(EncoderSettings::default()).unwrap(),
            number: 0,
        }
    }

    async fn report(&self, echo: Option<TimeEcho>) {
        self.socket
            .send_to(&sender_report(echo), self.to)
            .await
            .unwrap();
    }

    /// Sends sound until an answer comes.
    async fn answer(&mut self) -> Answer {
        let started = Instant::now();
        let mut buffer = [0; 1500];
        loop {
            assert!(started.elapsed() < PATIENCE, "no answer");
            let sound = datagram(SSRC, self.number, &mut self.encoder);
            if self.number % 10 != 9 {
                self.socket.send_to(&sound, self.to).await.unwrap();
            }
            self.number += 1;
            let received = self.socket.recv_from(&mut buffer);
            if let Ok(received) = timeout(Duration::from_millis(20), received).await {
                let (len, from) = received.unwrap();
                assert_eq!(from, self.to, "it comes from the audio port");
                return read(&buffer[..len]);
            }
        }
    }
}

fn sender_report(echo: Option<TimeEcho>) -> Vec<u8> {
    let report = SenderReport {
        ssrc: SSRC,
        ntp: u64::from(CLOCK) << 16,
        rtp_timestamp: 0,
        packets: 1,
        octets: 1,
    };
    let description = Description {
        ssrc: SSRC,
        cname: "raa@test",
        name: "Ward 3",
        tool: "test",
    };
    let mut datagram = Vec::new();
    rtcp::write_report(&report, &description, echo, &mut datagram);
    datagram
}

fn read(datagram: &[u8]) -> Answer {
    let (mut said, mut clock) = (None, None);
    rtcp::parse(datagram, |item| match item {
        Item::ReceptionReport { from, report } => said = Some((from, report)),
        Item::ReferenceTime { ntp, .. } => clock = Some(ntp),
        _ => {}
    })
    .unwrap();
    let (from, report) = said.unwrap();
    Answer {
        at: Instant::now(),
        from,
        report,
        reference_time: clock.unwrap(),
    }
}

#[tokio::test]
async fn a_sender_learns_how_it_is_heard_and_the_page_how_long_the_way_is() {
    let server = Server::start().await;
    let mut sender = Sender::new(Ipv4Addr::LOCALHOST.into(), server.udp.port()).await;
    let sound = datagram(SSRC, 0, &mut sender.encoder);
    sender.socket.send_to(&sound, sender.to).await.unwrap();
    sender.number = 1;
    sender.report(None).await;
    let first = sender.answer().await;
    assert_eq!(first.report.ssrc, SSRC);
    assert_eq!(first.report.last_sender_report, CLOCK);
    let before = client(server.http, ID).await;
    assert_eq!(
        (&before["round_trip_ms"], &before["capture_to_mix_ms"]),
        (&json!(null), &json!(null))
    );

    let second = sender.answer().await;
    let lost = f64::from(second.report.fraction_lost) / 256.0;
    assert!((0.08..0.12).contains(&lost), "{second:?}");
    assert!(second.report.cumulative_lost >= 10, "{second:?}");
    assert!(second.report.highest_sequence < sender.number);

    sender
        .report(Some(TimeEcho {
            ssrc: second.from,
            last: ntp::middle(second.reference_time),
            delay: ntp::short(second.at.elapsed()),
        }))
        .await;
    let heard = client_when(server.http, ID, |client| !client["round_trip_ms"].is_null()).await;
    let trip = heard["round_trip_ms"].as_f64().unwrap();
    assert!((0.0..10_000.0).contains(&trip), "{heard}");
    assert!(
        heard["capture_to_mix_ms"].as_f64() >= Some(20.0 + trip / 2.0 - 0.1),
        "{heard}"
    );
    assert_eq!(heard["quality"], "bad");
    let loss = heard["stats"]["loss_percent"].as_f64().unwrap();
    assert!((5.0..15.0).contains(&loss), "{heard}");
    assert_eq!(status(server.http).await["unsent_reports"], 0);
    server.stop().await;
}

#[tokio::test]
async fn a_forger_of_reports_gets_nothing() {
    let server = Server::start().await;
    let forger = Sender::new(Ipv4Addr::LOCALHOST.into(), server.udp.port()).await;
    // Before the client is known, and while it is.
    forger.report(None).await;
    let mut sender = Sender::new(Ipv4Addr::LOCALHOST.into(), server.udp.port()).await;
    let sound = datagram(SSRC, 0, &mut sender.encoder);
    sender.socket.send_to(&sound, sender.to).await.unwrap();
    sender.number = 1;
    for _ in 0..100 {
        forger.report(None).await;
    }
    sender.report(None).await;
    sender.answer().await;
    sender.answer().await;
    let mut buffer = [0; 1500];
    let error = forger.socket.try_recv(&mut buffer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    server.stop().await;
}

#[tokio::test]
async fn a_sender_of_ipv6_is_answered_too() {
    if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).await.is_err() {
        return; // the system has no IPv6
    }
    let server = Server::start().await;
    let mut sender = Sender::new(Ipv6Addr::LOCALHOST.into(), server.udp.port()).await;
    let sound = datagram(SSRC, 0, &mut sender.encoder);
    sender.socket.send_to(&sound, sender.to).await.unwrap();
    sender.number = 1;
    sender.report(None).await;
    assert_eq!(sender.answer().await.report.ssrc, SSRC);
    server.stop().await;
}
