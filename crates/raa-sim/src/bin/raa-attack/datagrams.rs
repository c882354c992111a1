//! The attacks on the audio port, from one thread that wakes up every few milliseconds.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use raa_core::red;
use raa_core::rtcp::{self, Description, SenderReport};
use raa_core::rtp::Packet;
use raa_core::{OPUS_PAYLOAD_TYPE, SLOT_SAMPLES};
use raa_sim::Random;
use raa_sim::measure::work;

use crate::Counts;
use crate::args::{Args, host};

const TICK: Duration = Duration::from_millis(2);
/// Datagrams that are made up for in one tick after the thread has been away.
const MAX_BURST: u64 = 200;
/// Streams of packets that take long to decode.
const DENSE_STREAMS: u64 = 14;
/// The most that UDP over IPv4 can carry.
const LARGEST_DATAGRAM: usize = 65_507;

/// Writes datagram number `n` of an attack.
type Write<'a> = Box<dyn FnMut(u64, &mut Vec<u8>) + 'a>;

struct Attack<'a> {
    name: &'static str,
    from: SocketAddr,
    per_s: u64,
    write: Write<'a>,
}

/// Sends until `stop`, and returns how many datagrams of each attack were sent.
pub(crate) fn run(args: &Args, stop: &AtomicBool) -> anyhow::Result<Counts> {
    let sound = work::music(1.0)?;
    let mut attacks = Vec::new();
    for attack in attacks_on(args, &sound[0]) {
        let socket = UdpSocket::bind(attack.from)
            .with_context(|| format!("cannot send from {}", attack.from))?;
        socket.connect(args.audio())?;
        attacks.push((attack, socket, 0));
    }
    let start = Instant::now();
    let mut counts = Counts::new();
    let mut datagram = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let elapsed = start.elapsed();
        for (attack, socket, written) in &mut attacks {
            let due = (elapsed.as_micros() as u64 * attack.per_s) / 1_000_000;
            *written = due.saturating_sub(MAX_BURST).max(*written);
            for n in *written..due {
                datagram.clear();
                (attack.write)(n, &mut datagram);
                if socket.send(&datagram).is_ok() {
                    *counts.entry(attack.name.to_owned()).or_default() += 1;
                }
            }
            *written = due;
        }
        std::thread::sleep(TICK);
    }
    Ok(counts)
}

fn attacks_on<'a>(args: &'a Args, sound: &'a [u8]) -> Vec<Attack<'a>> {
    let mut attacks = attacks_on_streams(args, sound);
    attacks.extend(attacks_on_the_server(args, sound));
    attacks
}

/// Impersonates clients and speaks for them.
fn attacks_on_streams<'a>(args: &'a Args, sound: &'a [u8]) -> Vec<Attack<'a>> {
    let victim = move |n: u64| args.victims[n as usize % args.victims.len()];
    vec![
        // Guesses a victim's place: two packets that follow each other at each place.
        Attack {
            name: "sweep",
            from: host(1),
            per_s: 10_000,
            write: Box::new(move |n, out| {
                let (guess, second) = (n / 2, n % 2);
                let sequence_number = (guess * 2900 + second) as u16;
                let timestamp = (guess / 23 * 90_000 + second * SLOT_SAMPLES as u64) as u32;
                write_rtp(args.victims[0], sequence_number, timestamp, sound, out);
            }),
        },
        // Keeps a client that restarts from being recognised.
        Attack {
            name: "strays",
            from: host(2),
            per_s: 5000,
            write: Box::new(move |n, out| {
                write_rtp(
                    args.newcomer,
                    (n * 7919) as u16,
                    (n * 104_729) as u32,
                    sound,
                    out,
                );
            }),
        },
        // Says goodbye for the victims, from another port of their own host.
        Attack {
            name: "goodbyes",
            from: (Ipv4Addr::LOCALHOST, 0).into(),
            per_s: 100,
            write: Box::new(move |n, out| rtcp::write_goodbye(victim(n), out)),
        },
        Attack {
            name: "names",
            from: (Ipv4Addr::LOCALHOST, 0).into(),
            per_s: 100,
            write: Box::new(move |n, out| write_name(victim(n), out)),
        },
    ]
}

/// Takes the server's time and room.
fn attacks_on_the_server<'a>(args: &'a Args, sound: &'a [u8]) -> Vec<Attack<'a>> {
    let mut random = Random::new(15);
    let mut noise = Random::new(16);
    let dense = work::dense_payload(sound);
    vec![
        Attack {
            name: "dense",
            from: host(3),
            per_s: DENSE_STREAMS * 400,
            write: Box::new(move |n, out| {
                let (stream, n) = ((n % DENSE_STREAMS) as u32, (n / DENSE_STREAMS) as u32);
                let packet = Packet {
                    marker: n == 0,
                    payload_type: red::PAYLOAD_TYPE,
                    sequence_number: n as u16,
                    timestamp: n.wrapping_mul(work::DENSE_SAMPLES as u32),
                    ssrc: 0xdeae_0000 + stream,
                    payload: &dense,
                };
                packet.write(out);
            }),
        },
        // Invented clients: one packet each, and two that follow each other.
        Attack {
            name: "invented",
            from: host(4),
            per_s: 500,
            write: Box::new(move |_, out| {
                write_rtp(random.next_u64() as u32, 0, 0, sound, out);
            }),
        },
        Attack {
            name: "invented_pairs",
            from: host(5),
            per_s: 500,
            write: Box::new(move |n, out| {
                let (ssrc, second) = ((n / 2).wrapping_mul(2_654_435_761), n % 2);
                let timestamp = second as u32 * SLOT_SAMPLES as u32;
                write_rtp(ssrc as u32, second as u16, timestamp, sound, out);
            }),
        },
        Attack {
            name: "garbage",
            from: host(6),
            per_s: 5000,
            write: Box::new(move |_, out| {
                let len = noise.next_u64() % 200;
                out.extend((0..len).map(|_| noise.next_u64() as u8));
            }),
        },
        Attack {
            name: "oversized",
            from: host(7),
            per_s: 20,
            write: Box::new(move |n, out| {
                write_rtp(args.newcomer, n as u16, n as u32 * 960, sound, out);
                out.resize(LARGEST_DATAGRAM, 0);
            }),
        },
    ]
}

fn write_rtp(ssrc: u32, sequence_number: u16, timestamp: u32, payload: &[u8], out: &mut Vec<u8>) {
    let packet = Packet {
        marker: false,
        payload_type: OPUS_PAYLOAD_TYPE,
        sequence_number,
        timestamp,
        ssrc,
        payload,
    };
    packet.write(out);
}

fn write_name(ssrc: u32, out: &mut Vec<u8>) {
    let report = SenderReport {
        ssrc,
        ntp: 1 << 40,
        rtp_timestamp: 960,
        packets: 50,
        octets: 8000,
    };
    let description = Description {
        ssrc,
        cname: "nobody@nowhere",
        name: "Renamed by a stranger",
        tool: "raa-attack",
    };
    rtcp::write_report(&report, &description, None, out);
}
