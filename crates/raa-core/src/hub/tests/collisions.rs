//! Several senders with one SSRC: the owner is heard, and the others are told.

use super::*;
use crate::rtcp::{self, SsrcTaken};

const OWNER: ([u8; 4], u16) = ([192, 0, 2, 7], 5000);

/// A sender with the SSRC of all, and what it was told.
struct Pc {
    from: SocketAddr,
    number: u16,
    start: u32,
    told: Vec<SsrcTaken>,
}

fn pc(from: ([u8; 4], u16), number: u16) -> Pc {
    Pc {
        from: from.into(),
        number,
        start: u32::from(number).wrapping_mul(1_000_003),
        told: Vec::new(),
    }
}

impl Bench {
    /// Lets each of them send a packet in each slot, and passes on what the hub sends.
    fn run_pcs(&mut self, slots: usize, pcs: &mut [&mut Pc]) {
        for _ in 0..slots {
            for pc in &mut *pcs {
                let mut datagram = Vec::new();
                let packet = Packet {
                    marker: false,
                    payload_type: 111,
                    sequence_number: pc.number,
                    timestamp: pc.start.wrapping_add(self.slot * 960),
                    ssrc: SSRC,
                    payload: &[0xf8, 1, 2, 3],
                };
                packet.write(&mut datagram);
                pc.number = pc.number.wrapping_add(1);
                // Many of them are refused.
                let _ = self.hub.handle_packet(self.now, pc.from.into(), &datagram);
            }
            self.play();
            for output in std::mem::take(&mut self.outputs) {
                if let Output::Send { to, datagram, .. } = output {
                    let mut pcs = pcs.iter_mut();
                    let pc = pcs.find(|pc| pc.from == to).expect("it has sent something");
                    rtcp::parse(&datagram, |item| {
                        if let rtcp::Item::SsrcTaken(taken) = item {
                            pc.told.push(taken);
                        }
                    })
                    .unwrap();
                }
            }
        }
    }
}

#[test]
fn senders_with_the_owners_ssrc_are_told() {
    let mut bench = Bench::new();
    let mut owner = pc(OWNER, 10);
    bench.run_pcs(2, &mut [&mut owner]);
    // On another host, and on the owner's: a second session, or a computer behind the same NAT.
    let mut others = [
        pc(([192, 0, 2, 8], 5000), 20_000),
        pc((OWNER.0, 6000), 40_000),
    ];
    let [a, b] = &mut others;
    bench.run_pcs(90, &mut [&mut owner, a, b]);
    assert!(
        a.told.is_empty() && b.told.is_empty(),
        "it may be a restart"
    );
    bench.run_pcs(160, &mut [&mut owner, a, b]);
    for other in &others {
        assert!((1..=5).contains(&other.told.len()), "{:?}", other.told);
        for taken in &other.told {
            assert_eq!(taken.ssrc, SSRC);
            assert!(other.number.wrapping_sub(taken.sequence_number) < 160);
        }
    }
    assert_eq!(owner.told, [], "it is heard");
    assert_eq!(bench.view(SSRC).address, Some(owner.from));
}

#[test]
fn an_owner_with_a_new_address_is_not_told() {
    let mut bench = Bench::new();
    let mut own = pc(OWNER, 10);
    bench.run_pcs(200, &mut [&mut own]);
    // Another network with the same stream, then a restart on another port, then a new lease after a
    // restart of the computer.
    own.from = ([198, 51, 100, 1], 7).into();
    bench.run_pcs(300, &mut [&mut own]);
    (own.from, own.number) = (([198, 51, 100, 1], 8).into(), 40_000);
    bench.run_pcs(300, &mut [&mut own]);
    (own.from, own.number) = (([198, 51, 100, 2], 9).into(), 20_000);
    bench.run_pcs(600, &mut [&mut own]);
    assert_eq!(own.told, []);
    assert_eq!(bench.view(SSRC).address, Some(own.from));
}

#[test]
fn a_copy_on_another_way_is_not_told() {
    let mut bench = Bench::new();
    let (mut own, mut copy) = (pc(OWNER, 10), pc(([198, 51, 100, 1], 7), 10));
    copy.start = own.start;
    bench.run_pcs(1, &mut [&mut own, &mut copy]);
    // The copy is sometimes the faster one.
    for _ in 0..100 {
        bench.run_pcs(3, &mut [&mut copy, &mut own]);
        bench.run_pcs(3, &mut [&mut own, &mut copy]);
    }
    assert!(
        own.told.is_empty() && copy.told.is_empty(),
        "{:?}",
        copy.told
    );
}

#[test]
fn many_senders_with_one_ssrc_show_a_lasting_conflict() {
    let mut bench = Bench::new();
    let mut owner = pc(OWNER, 10);
    bench.run_pcs(2, &mut [&mut owner]);
    let mut others: Vec<Pc> = (0..20)
        .map(|n| pc(([192, 0, 2, 100 + n], 5000), 1000 * u16::from(n) + 5000))
        .collect();
    let mut seen = Vec::new();
    for _ in 0..100 {
        let mut all: Vec<&mut Pc> = others.iter_mut().collect();
        all.insert(0, &mut owner);
        bench.run_pcs(1, &mut all);
        seen.extend(bench.view(SSRC).conflict);
    }
    assert!(seen.len() > 50, "it is shown");
    seen.dedup();
    assert_eq!(seen.len(), 1, "and its address does not flicker: {seen:?}");
}
