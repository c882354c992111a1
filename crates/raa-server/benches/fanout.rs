//! The cost per listener and frame: a shard's pass over real TCP sockets, compared with bare calls
//! of `write` with the same bytes on the same sockets in the same run.
//!
//! `cargo bench -p raa-server --bench fanout` prints both and their ratio. Always: the sockets are
//! empty before each pass, so every write is taken whole; reading them is not measured. The ratio
//! is that of the medians of alternating rounds, so that noise disturbs both alike.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use raa_server::BarePoller;
use socket2::SockRef;

const LISTENERS: [usize; 3] = [1, 100, 1000];
/// An RTP header and a frame of 64 kbit/s.
static PACKET: [u8; 12 + 160] = [0xA5; 12 + 160];
/// The server's limit of unsent bytes per socket.
const UNSENT_BYTES: u32 = 4096;
/// Writes of each kind for a ratio.
const RATIO_WRITES: usize = 100_000;
/// Pause between paced rounds: the CPU's caches are colder after a slot than in a loop.
const SLOT: Duration = Duration::from_millis(20);
/// Paced rounds of each kind.
const PACED_ROUNDS: usize = 100;

/// Both ends of the listeners' connections.
struct Sockets {
    /// The server's ends; the poller has duplicates of their descriptors.
    near: Vec<TcpStream>,
    far: Vec<TcpStream>,
    poller: BarePoller,
    framed: Vec<u8>,
}

impl Sockets {
    fn open(count: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (mut near, mut far) = (Vec::new(), Vec::new());
        for _ in 0..count {
            far.push(TcpStream::connect(address).unwrap());
            near.push(listener.accept().unwrap().0);
        }
        near.iter().for_each(tune);
        far.iter()
            .for_each(|stream| stream.set_nonblocking(true).unwrap());
        let same = near.iter().map(|stream| stream.try_clone().unwrap());
        let poller = BarePoller::new(same, &PACKET).unwrap();
        // The header of an unmasked binary message with more than 125 bytes (RFC 6455).
        let length = u16::try_from(PACKET.len()).unwrap().to_be_bytes();
        let framed = [&[0x82, 126], &length[..], &PACKET[..]].concat();
        let mut sockets = Self {
            near,
            far,
            poller,
            framed,
        };
        sockets.check();
        sockets
    }

    /// Measures the server's work for one frame, after a pause.
    fn pass_after(&mut self, pause: Duration) -> Duration {
        self.drain();
        thread::sleep(pause);
        let started = Instant::now();
        self.poller.fan_out();
        started.elapsed()
    }

    /// Measures the bare writes, after a pause.
    fn bare_after(&mut self, pause: Duration) -> Duration {
        self.drain();
        thread::sleep(pause);
        let started = Instant::now();
        for mut stream in &self.near {
            assert_eq!(stream.write(&self.framed).unwrap(), self.framed.len());
        }
        started.elapsed()
    }

    /// Reads everything that has arrived and returns the bytes of the last socket.
    fn drain(&mut self) -> Vec<u8> {
        let mut last = Vec::new();
        for stream in &mut self.far {
            last.clear();
            let read = stream.read_to_end(&mut last);
            assert_eq!(read.unwrap_err().kind(), ErrorKind::WouldBlock);
        }
        last
    }

    /// Checks that both ways send the same bytes.
    fn check(&mut self) {
        self.pass_after(Duration::ZERO);
        assert_eq!(self.drain(), self.framed);
        self.bare_after(Duration::ZERO);
        assert_eq!(self.drain(), self.framed);
    }
}

fn tune(stream: &TcpStream) {
    stream.set_nonblocking(true).unwrap();
    stream.set_nodelay(true).unwrap();
    SockRef::from(stream)
        .set_tcp_notsent_lowat(UNSENT_BYTES)
        .unwrap();
}

/// Prints the medians of both, taken in alternating rounds with a pause before each.
fn compare(sockets: &mut Sockets, rounds: usize, pause: Duration, how: &str) {
    let listeners = sockets.near.len();
    let rounds = (0..rounds).map(|_| {
        let pass = sockets.pass_after(pause);
        (pass, sockets.bare_after(pause))
    });
    let (passes, bares) = rounds.unzip();
    let per_write = |rounds| median(rounds).as_secs_f64() * 1e6 / listeners as f64;
    let (pass, bare) = (per_write(passes), per_write(bares));
    let ratio = pass / bare;
    println!(
        "{listeners:>5} listeners, {how}: {pass:.2} us per listener and frame, \
         bare write {bare:.2} us, ratio {ratio:.3}"
    );
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn fan_out(criterion: &mut Criterion) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    for listeners in LISTENERS {
        let mut sockets = Sockets::open(listeners);
        compare(
            &mut sockets,
            RATIO_WRITES / listeners,
            Duration::ZERO,
            "in a loop",
        );
        compare(&mut sockets, PACED_ROUNDS, SLOT, "slot by slot");
        let mut group = criterion.benchmark_group("fan_out");
        group.throughput(Throughput::Elements(listeners as u64));
        group.bench_function(BenchmarkId::new("pass", listeners), |bencher| {
            bencher.iter_custom(|rounds| {
                (0..rounds)
                    .map(|_| sockets.pass_after(Duration::ZERO))
                    .sum()
            });
        });
        group.bench_function(BenchmarkId::new("bare_write", listeners), |bencher| {
            bencher.iter_custom(|rounds| {
                (0..rounds)
                    .map(|_| sockets.bare_after(Duration::ZERO))
                    .sum()
            });
        });
        group.finish();
    }
}

criterion_group!(benches, fan_out);
criterion_main!(benches);
