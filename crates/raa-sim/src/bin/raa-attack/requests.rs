//! The attacks on the HTTP port, each from a thread and a host of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::Counts;
use crate::args::{Args, host};
use crate::visitor::{Heard, Visitor};

const TICK: Duration = Duration::from_millis(10);

/// An attack by many connections, each of which sends its next request when the last one is
/// answered.
pub(crate) struct Attack {
    pub name: &'static str,
    host: u8,
    /// Connections that are open at once.
    connections: usize,
    /// The most connections that are opened per second.
    opened_per_s: u64,
    /// The time from an answer to the connection's next request, in ticks.
    pause_ticks: u64,
    /// The time between two reads of a connection, in ticks; 0 if it never reads.
    read_ticks: u64,
    /// Whether a connection ends with the first answer.
    leaves: bool,
    request: fn(&Args, u64) -> String,
}

/// All attacks.
pub(crate) static ATTACKS: [Attack; 8] = [
    // Takes all connections that there are, and says nothing.
    Attack {
        name: "hoard",
        connections: 9000,
        opened_per_s: 2000,
        read_ticks: 100,
        request: |_, _| String::new(),
        ..ATTACK
    },
    Attack {
        name: "changes",
        host: 11,
        connections: 200,
        request: |args, n| patch(args.victims[0], &format!("{{\"volume\":{}}}", n % 100)),
        ..ATTACK
    },
    // Makes rows that stay for ever, because they are configured.
    Attack {
        name: "invented_rows",
        host: 12,
        connections: 20,
        request: |_, n| patch(0x1000_0000 + n as u32, "{\"muted\":true}"),
        ..ATTACK
    },
    Attack {
        name: "slow_readers",
        host: 13,
        connections: 300,
        opened_per_s: 300,
        read_ticks: 0,
        request: |_, _| get("/api/clients", ""),
        ..ATTACK
    },
    // Opens and closes what others are told of.
    Attack {
        name: "listens",
        host: 14,
        connections: 5,
        opened_per_s: 20,
        leaves: true,
        request: |_, _| get("/ws", UPGRADE),
        ..ATTACK
    },
    Attack {
        name: "renames",
        host: 15,
        connections: 1,
        pause_ticks: 10,
        request: |args, n| patch(args.victims[0], &format!("{{\"name\":\"Renamed {n}\"}}")),
        ..ATTACK
    },
    // What a page of another site can send from an operator's browser.
    Attack {
        name: "foreign_hosts",
        host: 16,
        connections: 5,
        pause_ticks: 20,
        request: |args, _| {
            patch(args.victims[0], "{\"muted\":true}").replacen("127.0.0.1", "evil.example", 1)
        },
        ..ATTACK
    },
    Attack {
        name: "foreign_origins",
        host: 17,
        connections: 5,
        opened_per_s: 20,
        leaves: true,
        request: |_, n| {
            let path = if n.is_multiple_of(2) {
                "/ws"
            } else {
                "/api/events"
            };
            get(path, &format!("origin: http://evil.example\r\n{UPGRADE}"))
        },
        ..ATTACK
    },
];

const ATTACK: Attack = Attack {
    name: "",
    host: 10,
    connections: 1,
    opened_per_s: 500,
    pause_ticks: 1,
    read_ticks: 1,
    leaves: false,
    request: |_, _| String::new(),
};

const UPGRADE: &str = "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A connection, and the tick at which it sends its next request.
struct Open {
    visitor: Visitor,
    due: u64,
}

impl Attack {
    /// Attacks until `stop`. Counts what became of the connections, and the answers by status.
    pub(crate) fn run(&self, args: &Args, stop: &AtomicBool) -> anyhow::Result<Counts> {
        let mut counts = Counts::new();
        let mut open: Vec<Open> = Vec::new();
        let (mut asked, mut allowed) = (0, 0.0);
        for tick in 0u64.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            allowed += self.opened_per_s as f64 * TICK.as_secs_f64();
            while open.len() < self.connections && allowed >= 1.0 {
                allowed -= 1.0;
                match Visitor::connect(host(self.host), args.http(), self.read_ticks == 0) {
                    Some(visitor) => open.push(Open { visitor, due: tick }),
                    None => count(&mut counts, "unconnected"),
                }
            }
            allowed = allowed.min(self.opened_per_s as f64 / 10.0);
            open.retain_mut(|one| self.visit(args, one, tick, &mut asked, &mut counts));
            std::thread::sleep(TICK);
        }
        counts.insert("open_at_the_end".to_owned(), open.len() as u64);
        Ok(counts)
    }

    /// Reads what has come and sends what is due. Returns false once the connection has ended.
    fn visit(
        &self,
        args: &Args,
        one: &mut Open,
        tick: u64,
        asked: &mut u64,
        counts: &mut Counts,
    ) -> bool {
        if self.read_ticks > 0 && tick.is_multiple_of(self.read_ticks) {
            match one.visitor.hear() {
                Heard::Nothing => {}
                Heard::Closed => {
                    count(counts, "closed");
                    return false;
                }
                Heard::Status(status) => {
                    count(counts, &status);
                    one.due = tick + self.pause_ticks;
                    if self.leaves {
                        return false;
                    }
                }
            }
        }
        if tick < one.due {
            return true;
        }
        let request = (self.request)(args, *asked);
        (*asked, one.due) = (*asked + 1, u64::MAX);
        count(counts, "asked");
        one.visitor.ask(&request)
    }
}

fn count(counts: &mut Counts, name: &str) {
    *counts.entry(name.to_owned()).or_default() += 1;
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{headers}\r\n")
}

fn patch(ssrc: u32, body: &str) -> String {
    format!(
        "PATCH /api/clients/{ssrc:08x} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}
