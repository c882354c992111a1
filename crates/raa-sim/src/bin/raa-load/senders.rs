//! Sends for all clients from one thread, which wakes up four times in a slot to cost little.
//!
//! Always: each client has its own phase and clock and sends a goodbye at the end; after a stall
//! the packets that were due leave in a burst, as from real clients.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::UdpSocket;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use raa_core::rtp::Packet;
use raa_sim::Random;
use raa_sim::world::sound::Piece;

use crate::client::Client;
use crate::histogram::{Histogram, Percentiles};
use crate::outlet::Outlet;
use crate::plan::{Plan, SLOT_NS, STARTS_PER_SLOT};
use crate::progress::Progress;

/// Slots between two RTCP reports of a client: 5 s.
const REPORT_SLOTS: u64 = 250;
/// The greatest delay of a packet, as a multiple of the mean.
const MAX_JITTER: f64 = 10.0;

/// How well the sending went, over the whole run.
#[derive(Debug, Clone)]
pub(crate) struct SendReport {
    /// Datagrams that were refused by this host's own network, or by the other host (ICMP).
    pub errors: u64,
    /// The lateness of the wake-ups.
    pub lateness: Percentiles,
}

/// All clients and their sockets.
pub(crate) struct Senders<'a> {
    plan: Plan,
    clients: Vec<Client<'a>>,
    /// When each client's next slot begins, in ns since the start.
    due_ns: Vec<u64>,
    /// The length of each client's slots in ns.
    slot_ns: Vec<u64>,
    /// Slots of each client so far.
    slots: Vec<u64>,
    outlets: Vec<Outlet>,
    /// When packets leave the simulated network, in ns since the start, and their places in `held`.
    in_flight: BinaryHeap<Reverse<(u64, u64)>>,
    /// Clients and packets in the simulated network.
    held: Vec<(usize, Packet<'a>)>,
    /// Places in `held` that can be reused.
    free: Vec<usize>,
    random: Random,
    packets: u64,
}

impl<'a> Senders<'a> {
    /// Prepares the clients of `plan`. They use the connected `sockets` and the `pieces` in turn.
    pub(crate) fn new(plan: Plan, sockets: Vec<UdpSocket>, pieces: &'a [Piece]) -> Self {
        let mut random = Random::new(1);
        let clients = (0..plan.clients).map(|n| {
            let piece = (n < plan.speaking).then(|| &pieces[n as usize % pieces.len()]);
            Client::new(n, piece, plan.dtx, &mut random)
        });
        let start_ns = |n: u64| {
            let (slot, phase) = (n / STARTS_PER_SLOT, n % STARTS_PER_SLOT);
            slot * SLOT_NS + phase * SLOT_NS / STARTS_PER_SLOT
        };
        Self {
            clients: clients.collect(),
            due_ns: (0..plan.clients.into()).map(start_ns).collect(),
            slot_ns: (0..plan.clients).map(|n| plan.slot_ns(n)).collect(),
            slots: vec![0; plan.clients as usize],
            outlets: sockets.into_iter().map(Outlet::new).collect(),
            in_flight: BinaryHeap::new(),
            held: Vec::new(),
            free: Vec::new(),
            random,
            packets: 0,
            plan,
        }
    }

    /// Sends until `progress` says stop, then sends goodbyes.
    pub(crate) fn run(mut self, progress: &Progress) -> SendReport {
        let start = Instant::now();
        let mut lateness = Histogram::default();
        for tick in 0u64.. {
            if progress.stop.load(Ordering::Relaxed) {
                break;
            }
            let due_ns = self.plan.tick_ns() * tick;
            let due = start + Duration::from_nanos(due_ns);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            lateness.push(Instant::now().saturating_duration_since(due));
            self.send_due(due_ns);
            progress.packets.store(self.packets, Ordering::Relaxed);
        }
        self.send_goodbyes();
        SendReport {
            errors: self.errors(),
            lateness: lateness.percentiles(),
        }
    }

    fn errors(&self) -> u64 {
        self.outlets.iter().map(Outlet::errors).sum()
    }

    /// Sends everything that is due by `now_ns` since the start.
    fn send_due(&mut self, now_ns: u64) {
        for n in 0..self.clients.len() {
            while self.due_ns[n] <= now_ns {
                self.play_slot(n);
                self.due_ns[n] += self.slot_ns[n];
            }
        }
        while let Some(&Reverse((leaves_ns, place))) = self.in_flight.peek()
            && leaves_ns <= now_ns
        {
            self.in_flight.pop();
            let (n, packet) = self.held[place as usize];
            self.free.push(place as usize);
            self.outlet(n).push(|out| packet.write(out));
        }
        self.outlets.iter_mut().for_each(Outlet::flush);
    }

    /// Sends the packets of client `n` in its next slot.
    fn play_slot(&mut self, n: usize) {
        let slot = self.slots[n];
        self.slots[n] += 1;
        if let Some(packet) = self.clients[n].next(&mut self.random) {
            self.packets += 1;
            if !self.random.chance(self.plan.loss) {
                self.send(n, packet);
            }
        }
        // After the first audio packet, which makes the client known.
        if slot % REPORT_SLOTS == 1 && !self.plan.audio_only {
            let outlet = n % self.outlets.len();
            let client = &self.clients[n];
            self.outlets[outlet].push(|out| client.write_report(out));
        }
    }

    /// Sends a packet now, or after the delay of the simulated network.
    fn send(&mut self, n: usize, packet: Packet<'a>) {
        if self.plan.jitter_ms <= 0.0 {
            self.outlet(n).push(|out| packet.write(out));
            return;
        }
        let delay_ms = self.plan.jitter_ms * self.random.exponential().min(MAX_JITTER);
        let leaves_ns = self.due_ns[n] + (delay_ms * 1e6) as u64;
        let place = self.free.pop().unwrap_or(self.held.len());
        if place == self.held.len() {
            self.held.push((n, packet));
        } else {
            self.held[place] = (n, packet);
        }
        self.in_flight.push(Reverse((leaves_ns, place as u64)));
    }

    fn outlet(&mut self, n: usize) -> &mut Outlet {
        let outlet = n % self.outlets.len();
        &mut self.outlets[outlet]
    }

    fn send_goodbyes(&mut self) {
        if self.plan.audio_only {
            return;
        }
        for n in 0..self.clients.len() {
            let outlet = n % self.outlets.len();
            let client = &self.clients[n];
            self.outlets[outlet].push(|out| client.write_goodbye(out));
        }
        self.outlets.iter_mut().for_each(Outlet::flush);
    }
}

#[cfg(test)]
mod tests {
    use raa_core::rtcp;
    use raa_sim::measure::socket;

    use super::*;
    use crate::client::is_ours;

    /// Returns the number of audio packets, and the datagrams received from 9 clients, 3 of them
    /// speaking, in `slots` slots and at the end.
    fn send(slots: u64, plan: Plan) -> (u64, Vec<Vec<u8>>) {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let to = receiver.local_addr().unwrap();
        let sockets = (0..2).map(|_| socket::connect(to).unwrap()).collect();
        let pieces = [vec![vec![0xf8, 1, 2, 3]]];
        let plan = Plan {
            clients: 9,
            speaking: 3,
            ..plan
        };
        let tick_ns = plan.tick_ns();
        let mut senders = Senders::new(plan, sockets, &pieces);
        let (mut received, mut buffer) = (Vec::new(), [0; 1500]);
        let mut drain = |received: &mut Vec<Vec<u8>>| {
            while let Ok(len) = receiver.recv(&mut buffer) {
                received.push(buffer[..len].to_vec());
            }
        };
        (0..slots * SLOT_NS / tick_ns).for_each(|tick| senders.send_due(tick * tick_ns));
        drain(&mut received);
        senders.send_goodbyes();
        drain(&mut received);
        assert_eq!(senders.errors(), 0);
        (senders.packets, received)
    }

    fn audio(datagrams: &[Vec<u8>]) -> Vec<Packet<'_>> {
        let rtp = datagrams
            .iter()
            .filter(|datagram| !raa_core::rtp::is_rtcp(datagram));
        rtp.map(|datagram| Packet::parse(datagram).unwrap())
            .collect()
    }

    /// The packets of client `n`; the SSRCs of clients are consecutive.
    fn packets_of<'a>(audio: &'a [Packet<'a>], n: u32) -> Vec<&'a Packet<'a>> {
        let first = audio.iter().map(|packet| packet.ssrc).min().unwrap();
        audio
            .iter()
            .filter(|packet| packet.ssrc == first + n)
            .collect()
    }

    #[test]
    fn silent_clients_send_only_keep_alives() {
        let (packets, datagrams) = send(43, Plan::default());
        let audio = audio(&datagrams);
        assert_eq!(packets, audio.len() as u64);
        let silent = packets_of(&audio, 8);
        assert_eq!((packets_of(&audio, 0).len(), silent.len()), (43, 3));
        let times: Vec<u32> = silent
            .iter()
            .map(|packet| packet.timestamp.wrapping_sub(silent[0].timestamp))
            .collect();
        assert_eq!(times, [0, 19_200, 38_400]);
        assert!(
            audio
                .iter()
                .all(|packet| is_ours(packet.ssrc, 9) && !is_ours(packet.ssrc + 9, 9))
        );
    }

    #[test]
    fn every_client_sends_a_name_and_a_goodbye() {
        let (_, datagrams) = send(3, Plan::default());
        let (mut names, mut goodbyes) = (0, 0);
        for datagram in datagrams
            .iter()
            .filter(|datagram| raa_core::rtp::is_rtcp(datagram))
        {
            rtcp::parse(datagram, |item| match item {
                rtcp::Item::Name { text, .. } => names += usize::from(text.starts_with(b"Load 00")),
                rtcp::Item::Goodbye { .. } => goodbyes += 1,
                _ => {}
            })
            .unwrap();
        }
        assert_eq!((names, goodbyes), (2 * 9, 9));
    }

    #[test]
    fn lost_packets_count_as_sent() {
        let plan = Plan {
            loss: 0.5,
            ..Plan::default()
        };
        let (packets, datagrams) = send(40, plan);
        let arrived = audio(&datagrams).len() as u64;
        assert!(
            packets > 120 && (packets / 4..packets * 3 / 4).contains(&arrived),
            "{arrived} of {packets}"
        );
    }

    #[test]
    fn jitter_reorders_and_loses_nothing() {
        let plan = Plan {
            jitter_ms: 30.0,
            ..Plan::default()
        };
        let (packets, datagrams) = send(60, plan);
        let audio = audio(&datagrams);
        // The last packets may still be in the simulated network.
        assert!(packets - audio.len() as u64 <= 3 * 15, "{packets}");
        let first = packets_of(&audio, 0);
        let back = first.windows(2).filter(|pair| {
            pair[1]
                .sequence_number
                .wrapping_sub(pair[0].sequence_number)
                > 0x8000
        });
        assert!(back.count() > 5);
    }
}
