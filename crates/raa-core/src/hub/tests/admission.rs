//! Who becomes a client, and who gives way.

use super::*;
use crate::client::KnownClient;
use crate::rtcp;

const MINUTE: usize = 61 * 50;

fn host(number: u8) -> Origin {
    Origin::from(SocketAddr::from(([192, 0, 2, number], 5000)))
}

fn known(ssrc: u32) -> KnownClient {
    KnownClient {
        ssrc,
        settings: ClientSettings::default(),
        sender_name: None,
        seen_before: true,
        last_seen_ago: Some(Duration::from_hours(1)),
        last_sound_ago: None,
    }
}

impl Bench {
    fn with_rows(rows: usize) -> Self {
        let mut bench = Self::new();
        bench.hub.config.reserved_ssrcs.clear();
        bench.hub.config.max_unconfigured_clients = rows;
        bench
    }

    /// Sends this slot's packet.
    fn send_from(&mut self, from: Origin, ssrc: u32) -> Result<Accepted, Refused> {
        self.send_numbered(from, ssrc, self.slot as u16)
    }

    fn send_numbered(&mut self, from: Origin, ssrc: u32, number: u16) -> Result<Accepted, Refused> {
        let packet = Packet {
            marker: false,
            payload_type: 111,
            sequence_number: number,
            timestamp: u32::from(number) * 960,
            ssrc,
            payload: &[0xf8, 1, 2],
        };
        let mut datagram = Vec::new();
        packet.write(&mut datagram);
        self.hub.handle_packet(self.now, from, &datagram)
    }

    /// Sends two packets of a stream at once.
    fn appear(&mut self, from: Origin, ssrc: u32) -> Result<Accepted, Refused> {
        self.send_numbered(from, ssrc, 1)?;
        self.send_numbered(from, ssrc, 2)
    }

    fn rows(&self) -> Vec<u32> {
        let clients = self.hub.clients(self.now);
        clients.map(|client| client.ssrc).collect()
    }

    fn count(&self, reason: Refused) -> u64 {
        let refused = &self.hub.stats().refused;
        refused.iter().find(|(each, _)| *each == reason).unwrap().1
    }

    /// Lets these streams send for some slots.
    fn keep_sending(&mut self, streams: &[(Origin, u32)], slots: usize) {
        for _ in 0..slots {
            for &(from, ssrc) in streams {
                self.send_from(from, ssrc).unwrap();
            }
            self.play();
        }
    }
}

#[test]
fn one_packet_makes_no_client() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.send_from(FROM, SSRC),
        Ok(Accepted::First { ssrc: SSRC })
    );
    (0..100).for_each(|_| bench.play());
    assert_eq!(bench.rows(), [0; 0]);
    assert_eq!(bench.count(Refused::Unconfirmed), 1);
    // It was too long ago to be followed.
    bench.send_numbered(FROM, SSRC, 1).unwrap();
    assert_eq!(bench.rows(), [0; 0]);
}

#[test]
fn second_packet_must_follow_the_first() {
    let follows = |numbers: (u16, u16), hosts: (Origin, Origin)| {
        let mut bench = Bench::new();
        bench.send_numbered(hosts.0, SSRC, numbers.0).unwrap();
        bench.send_numbered(hosts.1, SSRC, numbers.1).unwrap();
        bench.rows() == [SSRC]
    };
    assert!(follows((7, 8), (FROM, FROM)));
    assert!(follows((7, 11), (FROM, FROM)), "three are lost");
    assert!(follows((7, 6), (FROM, FROM)), "it was overtaken");
    for number in [7, 2, 12, 4000] {
        assert!(!follows((7, number), (FROM, FROM)), "{number}");
    }
    let other_port = Origin::from(SocketAddr::from(([192, 0, 2, 7], 5002)));
    assert!(!follows((7, 8), (FROM, other_port)));
    assert!(!follows((7, 8), (FROM, host(8))));
}

#[test]
fn strays_of_others_keep_no_newcomer_out() {
    let mut bench = Bench::new();
    for n in 0..200 {
        bench.send_numbered(host(8), SSRC, n * 100).unwrap();
        bench.send_numbered(host(9), SSRC, n * 200).unwrap();
        bench.send_from(FROM, SSRC).unwrap();
        if n % 10 == 0 {
            bench.play();
        }
        if !bench.rows().is_empty() {
            break;
        }
    }
    assert_eq!(bench.view(SSRC).address, FROM.address());
}

#[test]
fn newcomers_first_packet_and_report_count() {
    let mut bench = Bench::new();
    bench.send_from(FROM, SSRC).unwrap();
    let mut report = Vec::new();
    let sender_report = rtcp::SenderReport {
        ssrc: SSRC,
        ntp: 1,
        rtp_timestamp: 2,
        packets: 3,
        octets: 4,
    };
    let description = rtcp::Description {
        ssrc: SSRC,
        cname: "a@b",
        name: "Ward 3",
        tool: "t",
    };
    rtcp::write_report(&sender_report, &description, None, &mut report);
    bench.hub.handle_packet(bench.now, FROM, &report).unwrap();
    bench.play();
    bench.send_from(FROM, SSRC).unwrap();
    let view = bench.view(SSRC);
    assert_eq!((view.name(), view.stats.received), ("Ward 3", 2));
}

#[test]
fn full_hub_refuses_more_of_one_host() {
    let mut bench = Bench::with_rows(3);
    for ssrc in 1..=3 {
        bench.appear(FROM, ssrc).unwrap();
    }
    assert_eq!(bench.appear(FROM, 4), Err(Refused::TooManyClients));
    assert_eq!(bench.rows(), [1, 2, 3]);
    // It is offline, and gives way to another one of its host.
    (0..251).for_each(|_| bench.play());
    bench.appear(FROM, 4).unwrap();
    assert_eq!(bench.rows(), [2, 3, 4]);
}

#[test]
fn configured_clients_never_give_way() {
    let mut bench = Bench::with_rows(1);
    let name = Name::new("x").ok();
    let named = ClientSettings {
        name,
        ..Default::default()
    };
    bench.configure(100, named);
    for ssrc in 1..=30 {
        bench.appear(host(ssrc as u8), ssrc).unwrap();
        assert_eq!(bench.rows(), [ssrc, 100]);
    }
    // One packet is enough for it.
    bench.send_from(FROM, 100).unwrap();
    assert_eq!(bench.view(100).status, Status::Connected);
}

#[test]
fn flooding_host_gives_way_to_every_other_host() {
    let mut bench = Bench::with_rows(20);
    for ssrc in 1..=20 {
        bench.appear(host(66), ssrc).unwrap();
    }
    for (number, ssrc) in (1..=10).zip(101..) {
        bench.play();
        bench.appear(host(number), ssrc).unwrap();
        assert_eq!(bench.view(ssrc).status, Status::Connected);
    }
    let of_flood = bench.rows().iter().filter(|&&ssrc| ssrc <= 20).count();
    assert_eq!(of_flood, 10);
    assert_eq!(bench.appear(host(66), 21), Err(Refused::TooManyClients));
}

#[test]
fn flood_wipes_no_remembered_clients() {
    let mut bench = Bench::with_rows(50);
    for ssrc in 1..=40 {
        bench.hub.restore(bench.now, known(ssrc));
    }
    for n in 0..2000 {
        let _ = bench.appear(host(66), 1000 + n);
        if n % 5 == 0 {
            bench.play();
        }
    }
    let rows = bench.rows();
    let remembered = rows.iter().filter(|&&ssrc| ssrc <= 40).count();
    assert_eq!((rows.len(), remembered), (50, 40));
    assert!(bench.count(Refused::TooManyClients) > 100);
}

#[test]
fn lasting_clients_give_way_last() {
    let mut bench = Bench::with_rows(5);
    let one_host: Vec<_> = (1..=4).map(|ssrc| (host(1), ssrc)).collect();
    bench.keep_sending(&one_host, MINUTE);
    bench.appear(host(2), 5).unwrap();
    // The first host has the most, but its clients have been there for a minute.
    bench.keep_sending(&one_host, 1);
    bench.appear(host(3), 6).unwrap();
    assert_eq!(bench.rows(), [1, 2, 3, 4, 6]);
    // A host that has none finds room even if all have.
    let mut all = one_host.clone();
    all.push((host(3), 7));
    bench.keep_sending(&one_host, 500);
    bench.keep_sending(&all, MINUTE);
    assert_eq!(bench.rows(), [1, 2, 3, 4, 7]);
    bench.appear(host(4), 8).unwrap();
    assert_eq!(bench.rows(), [2, 3, 4, 7, 8]);
}

#[test]
fn forged_hosts_move_no_lasting_client() {
    let mut bench = Bench::with_rows(20);
    bench.keep_sending(&[(FROM, SSRC)], MINUTE);
    for n in 0..2000_u32 {
        let forged = Origin::from(SocketAddr::from(([10, 0, (n >> 8) as u8, n as u8], 5000)));
        let _ = bench.appear(forged, 1000 + n);
        if n % 100 == 0 {
            bench.keep_sending(&[(FROM, SSRC)], 1);
        }
    }
    assert_eq!(bench.rows().len(), 20);
    let view = bench.view(SSRC);
    assert_eq!((view.status, view.stats.lost), (Status::Sounding, 0));
}

#[test]
fn one_host_leaves_admissions_for_others() {
    let mut bench = Bench::with_rows(1000);
    let mut admitted = 0;
    for ssrc in 1..=200 {
        admitted += u32::from(bench.appear(host(66), ssrc).is_ok());
    }
    assert!((20..=60).contains(&admitted), "{admitted}");
    for number in 1..=20 {
        bench
            .appear(host(number), 1000 + u32::from(number))
            .unwrap();
    }
    bench.play();
    // Those that were refused are admitted at their next packets.
    for number in 3..=20 {
        for ssrc in 1..=200 {
            let _ = bench.send_numbered(host(66), ssrc, number);
        }
        bench.play();
    }
    assert_eq!(bench.rows().len(), 220);
}
