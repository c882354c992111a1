//! All senders in one thread: four wake-ups a slot, so that it costs little.
//!
//! Always: each client has a phase of its own, its packets follow RFC 3550, and at the end it
//! says goodbye. After a stall the packets that were due go out in a burst, as from real clients.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use raa_core::rtcp::{self, Description, SenderReport};
use raa_core::rtp::Packet;
use raa_core::{OPUS_PAYLOAD_TYPE, SLOT, SLOT_SAMPLES};
use raa_sim::random::Random;

use crate::histogram::{Histogram, Percentiles};
use crate::sound::Piece;

/// SSRCs are the same in every run, so that the server's list does not grow with each.
const FIRST_SSRC: u32 = 0x10ad_0000;
/// Wake-ups per slot.
const TICKS_PER_SLOT: u64 = 4;
/// New clients per tick; the server takes 50 per slot.
const STARTS_PER_TICK: u64 = 5;
/// A silent client sends a DTX packet every 400 ms.
const KEEP_ALIVE_SLOTS: u64 = 20;
/// And the TOC of a mono full-band CELT frame of 20 ms is all of it.
const KEEP_ALIVE: &[u8] = &[0xf8];
/// Every client reports by RTCP every 5 s.
const REPORT_SLOTS: u64 = 250;

/// Whether an SSRC is one of a run's clients.
pub(crate) fn is_ours(ssrc: u32, clients: u32) -> bool {
    (FIRST_SSRC..FIRST_SSRC + clients).contains(&ssrc)
}

/// What the sending thread and the measuring one tell each other.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Ends the sending.
    pub stop: AtomicBool,
    /// Audio packets sent so far.
    pub packets: AtomicU64,
}

/// How the sending went, over the whole run.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// Refused by this host's own network, or by the other host (ICMP).
    pub errors: u64,
    /// How late the wake-ups came.
    pub lateness: Percentiles,
}

/// The clients and their way to the server.
pub(crate) struct Senders<'a> {
    socket: UdpSocket,
    clients: Vec<Client<'a>>,
    loss: f64,
    random: Random,
    datagram: Vec<u8>,
    packets: u64,
    errors: u64,
}

struct Client<'a> {
    ssrc: u32,
    name: String,
    /// `None`: it is silent.
    piece: Option<&'a Piece>,
    start_tick: u64,
    sequence_number: u16,
    timestamp: u32,
    packets: u32,
    octets: u32,
}

impl<'a> Senders<'a> {
    /// `loss` is a share; `socket` is connected to the server.
    pub(crate) fn new(
        socket: UdpSocket,
        clients: u32,
        speaking: u32,
        pieces: &'a [Piece],
        loss: f64,
    ) -> Self {
        let mut random = Random::new(1);
        let clients = (0..clients).map(|n| Client {
            ssrc: FIRST_SSRC + n,
            name: format!("Load {:03}", n + 1),
            piece: (n < speaking).then(|| &pieces[n as usize % pieces.len()]),
            start_tick: u64::from(n) / STARTS_PER_TICK * TICKS_PER_SLOT
                + u64::from(n) % TICKS_PER_SLOT,
            sequence_number: random.next_u64() as u16,
            timestamp: random.next_u64() as u32,
            packets: 0,
            octets: 0,
        });
        Self {
            socket,
            clients: clients.collect(),
            loss,
            random,
            datagram: Vec::with_capacity(1500),
            packets: 0,
            errors: 0,
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
            let due = start + Duration::from_nanos(SLOT.as_nanos() as u64 / TICKS_PER_SLOT * tick);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            lateness.push(Instant::now().saturating_duration_since(due));
            self.tick(tick);
            progress.packets.store(self.packets, Ordering::Relaxed);
        }
        self.say_goodbye();
        Sent {
            errors: self.errors,
            lateness: lateness.percentiles(),
        }
    }

    fn tick(&mut self, tick: u64) {
        for n in 0..self.clients.len() {
            let start = self.clients[n].start_tick;
            if tick >= start && (tick - start).is_multiple_of(TICKS_PER_SLOT) {
                self.slot_of(n, (tick - start) / TICKS_PER_SLOT);
            }
        }
    }

    /// What client `n` sends in its slot number `slot`.
    fn slot_of(&mut self, n: usize, slot: u64) {
        let client = &mut self.clients[n];
        self.datagram.clear();
        if client.write_audio(slot, &mut self.datagram) {
            self.packets += 1;
            if !self.random.chance(self.loss) {
                self.errors += u64::from(self.socket.send(&self.datagram).is_err());
            }
        }
        // Behind the first audio packet, which makes the client known.
        if slot % REPORT_SLOTS == 1 {
            self.datagram.clear();
            self.clients[n].write_report(&mut self.datagram);
            self.errors += u64::from(self.socket.send(&self.datagram).is_err());
        }
    }

    fn say_goodbye(&mut self) {
        for client in &self.clients {
            self.datagram.clear();
            client.write_report(&mut self.datagram);
            rtcp::write_goodbye(client.ssrc, &mut self.datagram);
            self.errors += u64::from(self.socket.send(&self.datagram).is_err());
        }
    }
}

impl Client<'_> {
    /// Appends this slot's packet, if there is one.
    fn write_audio(&mut self, slot: u64, out: &mut Vec<u8>) -> bool {
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(SLOT_SAMPLES as u32);
        let payload = match self.piece {
            Some(piece) => &piece[(slot % piece.len() as u64) as usize],
            None if slot.is_multiple_of(KEEP_ALIVE_SLOTS) => KEEP_ALIVE,
            None => return false,
        };
        let packet = Packet {
            marker: slot == 0,
            payload_type: OPUS_PAYLOAD_TYPE,
            sequence_number: self.sequence_number,
            timestamp,
            ssrc: self.ssrc,
            payload,
        };
        packet.write(out);
        self.sequence_number = self.sequence_number.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
        true
    }

    fn write_report(&self, out: &mut Vec<u8>) {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let report = SenderReport {
            ssrc: self.ssrc,
            ntp: rtcp::ntp::timestamp(unix),
            rtp_timestamp: self.timestamp,
            packets: self.packets,
            octets: self.octets,
        };
        let description = Description {
            ssrc: self.ssrc,
            cname: "raa-load",
            name: &self.name,
            tool: concat!("raa-load ", env!("CARGO_PKG_VERSION")),
        };
        rtcp::write_report(&report, &description, None, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything 9 clients, 3 of them speaking, send in `slots` slots and at the end.
    fn send(slots: u64, loss: f64) -> (u64, Vec<Vec<u8>>) {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(receiver.local_addr().unwrap()).unwrap();
        let pieces = [vec![vec![0xf8, 1, 2, 3]]];
        let mut senders = Senders::new(socket, 9, 3, &pieces, loss);
        let (mut received, mut buffer) = (Vec::new(), [0; 1500]);
        let mut drain = |received: &mut Vec<Vec<u8>>| {
            while let Ok(len) = receiver.recv(&mut buffer) {
                received.push(buffer[..len].to_vec());
            }
        };
        (0..slots * TICKS_PER_SLOT).for_each(|tick| senders.tick(tick));
        drain(&mut received);
        senders.say_goodbye();
        drain(&mut received);
        assert_eq!(senders.errors, 0);
        (senders.packets, received)
    }

    fn audio(datagrams: &[Vec<u8>]) -> Vec<Packet<'_>> {
        let rtp = datagrams
            .iter()
            .filter(|datagram| !raa_core::rtp::is_rtcp(datagram));
        rtp.map(|datagram| Packet::parse(datagram).unwrap())
            .collect()
    }

    #[test]
    fn speakers_send_every_slot_and_the_silent_keep_alive() {
        let (packets, datagrams) = send(43, 0.0);
        let audio = audio(&datagrams);
        assert_eq!(packets, audio.len() as u64);
        let of = |n: u32| {
            audio
                .iter()
                .filter(move |packet| packet.ssrc == FIRST_SSRC + n)
        };
        assert_eq!((of(0).count(), of(8).count()), (43, 3));
        let times: Vec<u32> = of(8)
            .map(|packet| {
                packet
                    .timestamp
                    .wrapping_sub(of(8).next().unwrap().timestamp)
            })
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
        let (_, datagrams) = send(3, 0.0);
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
        let (packets, datagrams) = send(40, 0.5);
        let arrived = audio(&datagrams).len() as u64;
        assert!(
            packets > 120 && (packets / 4..packets * 3 / 4).contains(&arrived),
            "{arrived} of {packets}"
        );
    }
}
