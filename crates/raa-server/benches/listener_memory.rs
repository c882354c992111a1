//! The cost of a listener in a whole server in this process: the growth of memory from 10 to 2,000
//! listeners, each of which receives the mix, and the CPU time of the fan-out threads.
//!
//! `cargo bench -p raa-server --bench listener_memory` prints both, and fails above the limit of
//! memory. The listeners' own ends add only their descriptors and one common buffer; the kernel's
//! buffers do not count.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

mod common;

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use common::with_server;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

const FEW: usize = 10;
const MORE: [usize; 3] = [100, 1000, 2000];
const MAX_BYTES_PER_LISTENER: usize = 16 * 1024;
/// Slots that are received before memory is measured.
const SETTLED_SLOTS: usize = 100;
const SLOT: Duration = Duration::from_millis(20);

fn main() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let bytes = with_server(true, |_, http| bytes_per_listener(http));
    assert!(
        bytes < MAX_BYTES_PER_LISTENER,
        "{bytes} bytes per listener exceed the limit of {MAX_BYTES_PER_LISTENER}"
    );
}

fn bytes_per_listener(to: SocketAddr) -> usize {
    let mut listeners = Vec::new();
    let few = resident_with(&mut listeners, FEW, to);
    let per_listener = |count, resident: usize| resident.saturating_sub(few) / (count - FEW);
    let mut bytes = 0;
    for count in MORE {
        bytes = per_listener(count, resident_with(&mut listeners, count, to));
        println!("      {bytes} bytes per listener more than {FEW}");
    }
    bytes
}

/// Returns the resident bytes of this process after `count` listeners have received for a while.
fn resident_with(listeners: &mut Vec<TcpStream>, count: usize, to: SocketAddr) -> usize {
    while listeners.len() < count {
        listeners.push(connect(to));
        // The existing listeners must not fall behind while others connect.
        if listeners.len().is_multiple_of(100) {
            receive(listeners);
        }
    }
    let (started, cpu, mut received) = (Instant::now(), fanout_cpu(), 0);
    for _ in 0..SETTLED_SLOTS {
        thread::sleep(SLOT);
        received += receive(listeners);
    }
    assert!(
        received > count * SETTLED_SLOTS * 12,
        "{received} bytes of audio"
    );
    let slots = started.elapsed().div_duration_f64(SLOT);
    let cpu_us = (fanout_cpu() - cpu).as_secs_f64() * 1e6 / (slots * count as f64);
    let resident = resident_bytes();
    println!(
        "{count:>5} listeners: {} KiB resident; fan-out {cpu_us:.2} us of CPU per listener and frame",
        resident / 1024
    );
    resident
}

/// Returns the CPU time of the fan-out threads: the first number of their `schedstat`.
fn fanout_cpu() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let used = tasks.map(|task| {
        let task = task.unwrap().path();
        let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
        let used = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
        let is_fanout = name.starts_with("fanout-");
        let nanos = is_fanout.then(|| used.split(' ').next()?.parse().ok());
        Duration::from_nanos(nanos.flatten().unwrap_or(0))
    });
    used.sum()
}

fn connect(to: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(to).unwrap();
    let request = "GET /ws?mix=main HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\n\
        upgrade: websocket\r\nsec-websocket-version: 13\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = [0; 1024];
    let read = stream.read(&mut answer).unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 101"), "no WebSocket");
    stream.set_nonblocking(true).unwrap();
    stream
}

/// Reads everything that has arrived for all listeners and returns the number of bytes.
fn receive(listeners: &mut [TcpStream]) -> usize {
    let mut buffer = [0; 16 * 1024];
    let mut received = 0;
    for listener in listeners {
        match listener.read(&mut buffer) {
            Ok(0) => panic!("a listener was closed"),
            Ok(bytes) => received += bytes,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    received
}

/// Returns the resident bytes of this process: the second number of `/proc/self/statm`, in pages.
fn resident_bytes() -> usize {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}
