//! All senders in one thread: four wake-ups a slot, so that it costs little.
//!
//! Always: each client has a phase and a clock of its own, and at the end it says goodbye. After
//! a stall the packets that were due go out in a burst, as from real clients. The sockets are
//! few, unless each client has a port of its own.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use raa_core::SLOT;
use raa_core::rtp::Packet;
use raa_sim::Random;
use raa_sim::measure::socket;
use raa_sim::world::sound::Piece;

use crate::args::Args;
use crate::client::Client;
use crate::histogram::{Histogram, Percentiles};
use crate::outlet::Outlet;
use crate::progress::Progress;

const SLOT_NS: u64 = SLOT.as_nanos() as u64;
/// From one wake-up to the next; a simulated network needs finer ones.
const TICK_NS: u64 = 5_000_000;
const JITTER_TICK_NS: u64 = 1_000_000;
/// New clients per slot; the server takes 50.
const STARTS_PER_SLOT: u64 = 20;
/// Every client reports by RTCP every 5 s.
const REPORT_SLOTS: u64 = 250;
/// Clients share so many sockets.
const SHARED_SOCKETS: usize = 8;
/// A packet is delayed by no more than this many times the mean.
const MOST_JITTER: f64 = 10.0;

/// How the sending went, over the whole run.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// Refused by this host's own network, or by the other host (ICMP).
    pub errors: u64,
    /// How late the wake-ups came.
    pub lateness: Percentiles,
}

/// What is sent, and by what kind of network.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub clients: u32,
    pub speaking: u32,
    /// Share of the packets that get lost.
    pub loss: f64,
    pub jitter_ms: f64,
    pub drift_ppm: f64,
    pub dtx: bool,
    /// Without RTCP: it has no place beside RTP where each client has a port of its own.
    pub audio_only: bool,
}

/// The clients and their way to the server.
pub(crate) struct Senders<'a> {
    plan: Plan,
    clients: Vec<Client<'a>>,
    /// When each client's next slot begins, and how long its slots last, in ns.
    due_ns: Vec<u64>,
    slot_ns: Vec<u64>,
    slots: Vec<u64>,
    outlets: Vec<Outlet>,
    /// What the simulated network still holds, by the time it leaves it.
    on_the_way: BinaryHeap<Reverse<(u64, u64)>>,
    held: Vec<(usize, Packet<'a>)>,
    free: Vec<usize>,
    random: Random,
    packets: u64,
}

impl Plan {
    pub(crate) fn of(args: &Args) -> Self {
        Self {
            clients: args.clients,
            speaking: args.speaking(),
            loss: args.loss / 100.0,
            jitter_ms: args.jitter,
            drift_ppm: args.drift,
            dtx: args.dtx,
            audio_only: args.ports,
        }
    }

    /// After so long the last client has begun.
    pub(crate) fn starting_time(&self) -> Duration {
        SLOT * (self.clients / STARTS_PER_SLOT as u32 + 1)
    }

    fn tick_ns(&self) -> u64 {
        if self.jitter_ms > 0.0 {
            JITTER_TICK_NS
        } else {
            TICK_NS
        }
    }

    /// Length of client `n`'s slots: the first client's clock is the slowest.
    fn slot_ns(&self, n: u32) -> u64 {
        let last = f64::from(self.clients.max(2) - 1);
        let ppm = self.drift_ppm * (2.0 * f64::from(n) / last - 1.0);
        (SLOT_NS as f64 / (1.0 + ppm / 1e6)).round() as u64
    }
}

/// The sockets of `clients` clients: a few, or one for each port from the server's on.
pub(crate) fn sockets(server: SocketAddr, args: &Args) -> anyhow::Result<Vec<UdpSocket>> {
    let count = args.clients as usize;
    let of = |n: usize| {
        let mut to = server;
        if args.ports {
            to.set_port(server.port() + n as u16);
        }
        socket::connect(to)
    };
    let sockets = if args.ports {
        count
    } else {
        count.min(SHARED_SOCKETS)
    };
    (0..sockets).map(of).collect()
}

impl<'a> Senders<'a> {
    /// `sockets` are connected to the server; clients take turns.
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
            on_the_way: BinaryHeap::new(),
            held: Vec::new(),
            free: Vec::new(),
            random,
            packets: 0,
            plan,
        }
    }

    /// Sends until it is told to stop, then says goodbye.
    pub(crate) fn run(mut self, progress: &Progress) -> Sent {
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
        self.say_goodbye();
        Sent {
            errors: self.errors(),
            lateness: lateness.percentiles(),
        }
    }

    fn errors(&self) -> u64 {
        self.outlets.iter().map(Outlet::errors).sum()
    }

    /// Sends all that is due at `now_ns` since the start.
    fn send_due(&mut self, now_ns: u64) {
        for n in 0..self.clients.len() {
            while self.due_ns[n] <= now_ns {
                self.play_slot(n);
                self.due_ns[n] += self.slot_ns[n];
            }
        }
        while let Some(&Reverse((leaves_ns, place))) = self.on_the_way.peek()
            && leaves_ns <= now_ns
        {
            self.on_the_way.pop();
            let (n, packet) = self.held[place as usize];
            self.free.push(place as usize);
            self.outlet(n).push(|out| packet.write(out));
        }
        self.outlets.iter_mut().for_each(Outlet::flush);
    }

    /// What client `n` sends in its next slot.
    fn play_slot(&mut self, n: usize) {
        let slot = self.slots[n];
        self.slots[n] += 1;
        if let Some(packet) = self.clients[n].next(&mut self.random) {
            self.packets += 1;
            if !self.random.chance(self.plan.loss) {
                self.send(n, packet);
            }
        }
        // Behind the first audio packet, which makes the client known.
        if slot % REPORT_SLOTS == 1 && !self.plan.audio_only {
            let outlet = n % self.outlets.len();
            let client = &self.clients[n];
            self.outlets[outlet].push(|out| client.write_report(out));
        }
    }

    /// Sends a packet now, or when the simulated network lets go of it.
    fn send(&mut self, n: usize, packet: Packet<'a>) {
        if self.plan.jitter_ms <= 0.0 {
            self.outlet(n).push(|out| packet.write(out));
            return;
        }
        let delay_ms = self.plan.jitter_ms * self.random.exponential().min(MOST_JITTER);
        let leaves_ns = self.due_ns[n] + (delay_ms * 1e6) as u64;
        let place = self.free.pop().unwrap_or(self.held.len());
        if place == self.held.len() {
            self.held.push((n, packet));
        } else {
            self.held[place] = (n, packet);
        }
        self.on_the_way.push(Reverse((leaves_ns, place as u64)));
    }

    fn outlet(&mut self, n: usize) -> &mut Outlet {
        let outlet = n % self.outlets.len();
        &mut self.outlets[outlet]
    }

    fn say_goodbye(&mut self) {
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

    use super::*;
    use crate::client::is_ours;

    /// Everything 9 clients, 3 of them speaking, send in `slots` slots and at the end.
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
        senders.say_goodbye();
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

    /// The packets of client `n`, whose SSRCs follow each other.
    fn of<'a>(audio: &'a [Packet<'a>], n: u32) -> Vec<&'a Packet<'a>> {
        let first = audio.iter().map(|packet| packet.ssrc).min().unwrap();
        audio
            .iter()
            .filter(|packet| packet.ssrc == first + n)
            .collect()
    }

    #[test]
    fn speakers_send_every_slot_and_the_silent_keep_alive() {
        let (packets, datagrams) = send(43, Plan::default());
        let audio = audio(&datagrams);
        assert_eq!(packets, audio.len() as u64);
        let silent = of(&audio, 8);
        assert_eq!((of(&audio, 0).len(), silent.len()), (43, 3));
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
    fn every_client_tells_its_name_and_says_goodbye() {
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
    fn what_is_lost_is_counted_as_sent() {
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
    fn jitter_delays_and_reorders_and_loses_nothing_but_what_is_still_on_the_way() {
        let plan = Plan {
            jitter_ms: 30.0,
            ..Plan::default()
        };
        let (packets, datagrams) = send(60, plan);
        let audio = audio(&datagrams);
        assert!(packets - audio.len() as u64 <= 3 * 15, "{packets}");
        let first = of(&audio, 0);
        let back = first.windows(2).filter(|pair| {
            pair[1]
                .sequence_number
                .wrapping_sub(pair[0].sequence_number)
                > 0x8000
        });
        assert!(back.count() > 5);
    }

    #[test]
    fn clocks_are_spread_around_the_right_one() {
        let plan = Plan {
            clients: 3,
            drift_ppm: 100.0,
            ..Plan::default()
        };
        let slots_ns = [0, 1, 2].map(|n| plan.slot_ns(n));
        assert_eq!(slots_ns, [20_002_000, 20_000_000, 19_998_000]);
    }
}
