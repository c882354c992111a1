//! The server's RTCP reports to senders, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::{Duration, Instant};

use common::namespace::is_inside;
use common::sender::{ID, SSRC, datagram};
use common::{PATIENCE, Server, client, client_when, status, status_when};
use raa_core::codec::{Encoder, EncoderSettings};
use raa_core::rtcp::{
    self, CaptureTrouble, Description, Item, ReceptionReport, SenderReport, TimeEcho, ntp,
};
use serde_json::{Value, json};
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// The middle of the NTP timestamp of every sender report here.
const CLOCK: u32 = 0x0102_0304;

/// A sender of a tone, with a loss of every tenth packet.
struct Sender {
    socket: UdpSocket,
    to: SocketAddr,
    encoder: Encoder,
    number: u32,
}

/// A report of the server, and when it arrived.
#[derive(Debug)]
struct Report {
    at: Instant,
    from: u32,
    report: ReceptionReport,
    reference_time: u64,
}

impl Sender {
    async fn new(host: IpAddr, port: u16) -> Self {
        Self::between((host, 0).into(), (host, port).into()).await
    }

    async fn between(from: SocketAddr, to: SocketAddr) -> Self {
        Self {
            socket: UdpSocket::bind(from).await.unwrap(),
            to,
            encoder: Encoder::new(EncoderSettings::default()).unwrap(),
            number: 0,
        }
    }

    /// Sends two packets, of which the second makes it a client.
    async fn introduce(&mut self) {
        for _ in 0..2 {
            let packet = datagram(SSRC, self.number, &mut self.encoder);
            self.socket.send_to(&packet, self.to).await.unwrap();
            self.number += 1;
        }
    }

    /// Introduces itself and asks for reports.
    async fn begin(&mut self) {
        self.introduce().await;
        self.send_report(None).await;
    }

    async fn send_report(&self, echo: Option<TimeEcho>) {
        self.socket
            .send_to(&sender_report(echo), self.to)
            .await
            .unwrap();
    }

    /// Sends audio until a report arrives, and returns the report.
    async fn next_report(&mut self) -> Report {
        let started = Instant::now();
        let mut buffer = [0; 1500];
        loop {
            assert!(started.elapsed() < PATIENCE, "no report");
            let packet = datagram(SSRC, self.number, &mut self.encoder);
            if self.number % 10 != 9 {
                self.socket.send_to(&packet, self.to).await.unwrap();
            }
            self.number += 1;
            let received = self.socket.recv_from(&mut buffer);
            if let Ok(received) = timeout(Duration::from_millis(20), received).await {
                let (len, from) = received.unwrap();
                assert_eq!(from, self.to, "the report comes from the audio port");
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

fn read(datagram: &[u8]) -> Report {
    let (mut reception, mut clock) = (None, None);
    rtcp::parse(datagram, |item| match item {
        Item::ReceptionReport { from, report } => reception = Some((from, report)),
        Item::ReferenceTime { ntp, .. } => clock = Some(ntp),
        _ => {}
    })
    .unwrap();
    let (from, report) = reception.unwrap();
    Report {
        at: Instant::now(),
        from,
        report,
        reference_time: clock.unwrap(),
    }
}

#[tokio::test]
async fn reports_carry_reception_and_round_trip() {
    let server = Server::start().await;
    let mut sender = Sender::new(Ipv4Addr::LOCALHOST.into(), server.udp.port()).await;
    sender.begin().await;
    let first = sender.next_report().await;
    assert_eq!(first.report.ssrc, SSRC);
    assert_eq!(first.report.last_sender_report, CLOCK);
    let before = client(server.http, ID).await;
    assert_eq!(
        (&before["round_trip_ms"], &before["capture_to_mix_ms"]),
        (&json!(null), &json!(null))
    );

    let second = sender.next_report().await;
    let lost = f64::from(second.report.fraction_lost) / 256.0;
    assert!((0.08..0.12).contains(&lost), "{second:?}");
    assert!(second.report.cumulative_lost >= 10, "{second:?}");
    assert!(second.report.highest_sequence < sender.number);

    sender
        .send_report(Some(TimeEcho {
            ssrc: second.from,
            last: ntp::middle(second.reference_time),
            delay: ntp::short(second.at.elapsed()),
        }))
        .await;
    let measured = client_when(server.http, ID, |client| !client["round_trip_ms"].is_null()).await;
    let trip = measured["round_trip_ms"].as_f64().unwrap();
    assert!((0.0..10_000.0).contains(&trip), "{measured}");
    let capture_to_mix = measured["capture_to_mix_ms"].as_f64().unwrap();
    assert!(capture_to_mix >= 20.0 + trip / 2.0 - 0.1, "{measured}");
    assert_eq!(measured["quality"], "bad");
    let loss = measured["stats"]["loss_percent"].as_f64().unwrap();
    assert!((5.0..15.0).contains(&loss), "{measured}");
    assert_eq!(status(server.http).await["unsent_reports"], 0);
    server.stop().await;
}

#[tokio::test]
async fn forged_reports_get_no_response() {
    let server = Server::start().await;
    let forger = Sender::new(Ipv4Addr::LOCALHOST.into(), server.udp.port()).await;
    // Before the client is known, and while it is.
    forger.send_report(None).await;
    let mut sender = Sender::new(Ipv4Addr::LOCALHOST.into(), server.udp.port()).await;
    sender.introduce().await;
    for _ in 0..100 {
        forger.send_report(None).await;
    }
    sender.send_report(None).await;
    sender.next_report().await;
    sender.next_report().await;
    let mut buffer = [0; 1500];
    let error = forger.socket.try_recv(&mut buffer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    server.stop().await;
}

#[tokio::test]
async fn ipv6_senders_get_reports() {
    if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).await.is_err() {
        return; // The system has no IPv6.
    }
    let server = Server::start().await;
    let mut sender = Sender::new(Ipv6Addr::LOCALHOST.into(), server.udp.port()).await;
    sender.begin().await;
    assert_eq!(sender.next_report().await.report.ssrc, SSRC);
    server.stop().await;
}

/// Two addresses that a host has at once: the sender's, and the one of the server that it sends to.
/// Left to itself, the kernel answers from the first one.
async fn check_answer(listen: IpAddr, from: SocketAddr, server_at: SocketAddr) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_with(dir, |setup| setup.config.listen_address = listen).await;
    let mut to = server_at;
    to.set_port(server.udp.port());
    let mut sender = Sender::between(from, to).await;
    sender.begin().await;
    // The first report and the next ones; each comes from `to`.
    for _ in 0..2 {
        assert_eq!(sender.next_report().await.report.ssrc, SSRC);
    }
    assert_eq!(status(server.http).await["unsent_reports"], 0);
    server.stop().await;
}

#[tokio::test]
async fn reports_leave_from_the_ipv4_address_asked() {
    for listen in [
        IpAddr::from(Ipv6Addr::UNSPECIFIED),
        Ipv4Addr::UNSPECIFIED.into(),
    ] {
        let (from, to) = ([127, 0, 0, 1], [127, 0, 0, 2]);
        check_answer(listen, (from, 0).into(), (to, 0).into()).await;
    }
}

#[tokio::test]
async fn reports_leave_from_the_ipv6_address_asked() {
    let name = "reports_leave_from_the_ipv6_address_asked";
    let setup = "ip link add lan type veth peer name far
        ip link set far up
        ip address add 2001:db8::1/64 dev lan nodad
        ip address add 2001:db8::2/64 dev lan nodad
        ip link set lan up";
    if !is_inside(name, setup) {
        return;
    }
    let at = |host: &str| SocketAddr::new(host.parse().unwrap(), 0);
    for (from, to) in [
        ("2001:db8::1", "2001:db8::2"),
        ("2001:db8::2", "2001:db8::1"),
    ] {
        check_answer(Ipv6Addr::UNSPECIFIED.into(), at(from), at(to)).await;
    }
}

#[tokio::test]
async fn reports_leave_from_the_link_local_address_asked() {
    let name = "reports_leave_from_the_link_local_address_asked";
    // Both links have the same addresses, so that only the scope tells them apart.
    let setup = "for lan in lan1 lan2; do
            ip link add $lan type veth peer name far$lan
            ip link set far$lan up
            ip address add fe80::1/64 dev $lan nodad
            ip address add fe80::2/64 dev $lan nodad
            ip link set $lan up
        done";
    if !is_inside(name, setup) {
        return;
    }
    for lan in ["lan1", "lan2"] {
        let at = |last: u16, scope| -> SocketAddr {
            let ip = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last);
            SocketAddrV6::new(ip, 0, 0, scope).into()
        };
        let scope = nix::net::if_::if_nametoindex(lan).unwrap();
        for (from, to) in [(1, 2), (2, 1)] {
            check_answer(Ipv6Addr::UNSPECIFIED.into(), at(from, scope), at(to, scope)).await;
        }
    }
}

#[tokio::test]
async fn reports_follow_a_sender_to_another_address() {
    let server = Server::start().await;
    let at = |last: u8| SocketAddr::from(([127, 0, 0, last], server.udp.port()));
    let from = ([127, 0, 0, 1], 0).into();
    let mut sender = Sender::between(from, at(2)).await;
    sender.begin().await;
    sender.next_report().await;
    sender.to = at(3);
    sender.send_report(None).await;
    assert_eq!(sender.next_report().await.report.ssrc, SSRC);
    server.stop().await;
}

#[tokio::test]
async fn capture_trouble_reaches_the_api_while_reported() {
    let server = Server::start().await;
    let mut sender = Sender::new(Ipv4Addr::LOCALHOST.into(), server.udp.port()).await;
    sender.introduce().await;
    // A sender of an earlier version says nothing about its capture.
    sender.send_report(None).await;
    let named = client_when(server.http, ID, |client| client["name"] == "Ward 3").await;
    assert_eq!(named.get("capture_trouble"), Some(&json!(null)));
    for (trouble, word) in [
        (Some(CaptureTrouble::Muted), json!("muted")),
        (Some(CaptureTrouble::TurnedDown), json!("turned_down")),
        (None, json!(null)),
        (Some(CaptureTrouble::NoDevice), json!("no_device")),
        (Some(CaptureTrouble::Reopening), json!("reopening")),
    ] {
        let mut report = sender_report(None);
        rtcp::write_capture_trouble(SSRC, trouble, &mut report);
        sender.socket.send_to(&report, sender.to).await.unwrap();
        let shown = client_when(server.http, ID, |client| client["capture_trouble"] == word);
        assert_ne!(shown.await["status"], "offline");
    }
    let mut goodbye = sender_report(None);
    rtcp::write_capture_trouble(SSRC, Some(CaptureTrouble::Muted), &mut goodbye);
    rtcp::write_goodbye(SSRC, &mut goodbye);
    sender.socket.send_to(&goodbye, sender.to).await.unwrap();
    let offline = client_when(server.http, ID, |client| client["status"] == "offline").await;
    assert_eq!(offline["capture_trouble"], json!(null));
    server.stop().await;
}

/// Each packet comes from a second address, too, as when a client tries the second address of a name
/// or a stranger copies what it sees.
#[tokio::test]
async fn copies_from_a_second_address_take_no_reports() {
    let server = Server::start().await;
    let to = server.udp;
    let mut owner = Sender::between(([127, 0, 0, 3], 0).into(), to).await;
    let copier = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut buffer = [0; 1500];
    let mut answered = None;
    for number in 0..200 {
        let packet = datagram(SSRC, number, &mut owner.encoder);
        let mut datagrams = vec![packet];
        if number % 150 == 0 {
            datagrams.push(sender_report(None));
        }
        for datagram in datagrams {
            owner.socket.send_to(&datagram, to).await.unwrap();
            copier.send_to(&datagram, to).await.unwrap();
        }
        let received = timeout(
            Duration::from_millis(20),
            owner.socket.recv_from(&mut buffer),
        );
        if let Ok(received) = received.await {
            answered.get_or_insert(received.unwrap());
        }
    }
    let (len, from) = answered.expect("a report");
    assert_eq!((read(&buffer[..len]).report.ssrc, from), (SSRC, to));
    let taken = copier.try_recv_from(&mut buffer);
    assert_eq!(taken.map_err(|e| e.kind()), Err(ErrorKind::WouldBlock));
    let known = client_when(server.http, ID, |client| !client.is_null()).await;
    let address = owner.socket.local_addr().unwrap().to_string();
    assert_eq!(known["address"], json!(address));
    assert_eq!(known["conflict"], json!(null), "copies are no conflict");
    let counted = ["lost", "duplicate"].map(|counter| known["stats"][counter].clone());
    assert_eq!(counted, [json!(0), json!(0)], "{known}");
    let refused = |status: &Value| status["refused_packets"]["not_owner"].as_u64();
    status_when(server.http, |status| refused(status) >= Some(190)).await;
    server.stop().await;
}
