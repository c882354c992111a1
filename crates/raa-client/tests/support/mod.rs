//! What the tests of the real program need: a receiver that listens like a server, and the
//! program itself as a child process.
//!
//! Always: loopback and free ports only; every wait has an end; every child ends with its test.

// Each test program uses a part of this; all of it is test code, although no #[test] function.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod pulse_server;

use std::io::Read;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use raa_core::codec::{Decoder, MAX_PACKET_SAMPLES};
use raa_core::{red, rtcp, rtp};

/// How long anything may take that has to happen.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// So much of the latest sound is judged: half a second.
const JUDGED: usize = 24_000;

/// A running raa-client.
pub struct Client {
    child: Child,
}

impl Client {
    /// Starts it with the configuration file of `folder`, which is made if there is none.
    pub fn start(folder: &Path, server: &str, options: &[&str]) -> Self {
        let mut command = command(folder);
        command.args(["--server", server]).args(options);
        Self::spawn(command)
    }

    pub fn spawn(mut command: Command) -> Self {
        Self {
            child: command.spawn().expect("raa-client starts"),
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "raa-client does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program with the configuration file of `folder`, and no other setting of this computer.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raa-client"));
    command.arg("--config").arg(folder.join("raa-client.toml"));
    command
        .env_remove("PULSE_SERVER")
        .env_remove("PULSE_RUNTIME_PATH")
        .env_remove("PULSE_COOKIE");
    command.env("HOME", folder).env("XDG_RUNTIME_DIR", folder);
    command
}

/// Runs it to its end; for command lines that are wrong.
pub fn output(command: &mut Command) -> (ExitStatus, String) {
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .expect("raa-client starts");
    let mut client_errors = String::new();
    let mut stderr = child.stderr.take().unwrap();
    let mut client = Client { child };
    let status = client.wait();
    stderr.read_to_string(&mut client_errors).unwrap();
    (status, client_errors)
}

/// One datagram, understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    Rtp {
        marker: bool,
        sequence_number: u16,
        timestamp: u32,
        ssrc: u32,
        /// The packet's own frame.
        payload: Vec<u8>,
        /// How many earlier frames it carries.
        earlier: usize,
    },
    Name {
        ssrc: u32,
        name: String,
    },
    Goodbye {
        ssrc: u32,
    },
    /// The receiver's clock comes back.
    Echo {
        ssrc: u32,
        last: u32,
    },
}

/// Listens where a server would, and decodes what comes.
pub struct Receiver {
    socket: UdpSocket,
    /// Where the last datagram came from.
    sender: Option<SocketAddr>,
    decoder: Decoder,
    latest: Vec<f32>,
}

impl Receiver {
    /// On a free port.
    pub fn new() -> Self {
        Self::at("127.0.0.1:0")
    }

    pub fn at(address: &str) -> Self {
        let socket = UdpSocket::bind(address).expect("the address is free");
        Self {
            socket,
            sender: None,
            decoder: Decoder::new().unwrap(),
            latest: Vec::new(),
        }
    }

    pub fn address(&self) -> String {
        self.socket.local_addr().unwrap().to_string()
    }

    /// What one datagram says; empty when none comes in time.
    pub fn receive(&mut self, within: Duration) -> Vec<Received> {
        let mut datagram = [0; 2048];
        self.socket
            .set_read_timeout(Some(within.max(Duration::from_millis(1))))
            .unwrap();
        match self.socket.recv_from(&mut datagram) {
            Ok((len, sender)) => {
                self.sender = Some(sender);
                self.understand(&datagram[..len])
            }
            Err(_) => Vec::new(),
        }
    }

    /// Sends a datagram to where the last one came from.
    pub fn answer(&self, datagram: &[u8]) {
        let sender = self.sender.expect("somebody has sent something");
        self.socket.send_to(datagram, sender).unwrap();
    }

    /// Everything that comes in this time.
    pub fn listen(&mut self, time: Duration) -> Vec<Received> {
        let deadline = Instant::now() + time;
        let mut received = Vec::new();
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            received.extend(self.receive(left));
        }
        received
    }

    /// Waits for something that must come.
    #[track_caller]
    pub fn expect<T>(&mut self, what: &str, find: impl Fn(&Received) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            if let Some(found) = self.receive(left).iter().find_map(&find) {
                return found;
            }
        }
        panic!("{what} does not come within {PATIENCE:?}");
    }

    /// Waits until half a second of a sine of this frequency and peak has come.
    #[track_caller]
    pub fn expect_tone(&mut self, frequency_hz: f64, peak: f32) {
        self.latest.clear();
        let deadline = Instant::now() + PATIENCE;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            self.receive(left);
            if self.latest.len() >= JUDGED && is_tone(&self.latest, frequency_hz, peak) {
                return;
            }
        }
        let (frequency_heard, rms) = (frequency_of(&self.latest), rms(&self.latest));
        panic!("no {frequency_hz} Hz, but {frequency_heard} Hz at {rms}");
    }

    fn understand(&mut self, datagram: &[u8]) -> Vec<Received> {
        if rtp::is_rtcp(datagram) {
            return understand_rtcp(datagram);
        }
        let packet = rtp::Packet::parse(datagram).expect("a client sends RTP");
        let (payload, earlier) = frames(&packet);
        let mut pcm = [0.0; MAX_PACKET_SAMPLES];
        let samples = self.decoder.decode(payload, &mut pcm).expect("it is Opus");
        assert_eq!(samples, raa_core::SLOT_SAMPLES);
        self.latest.extend(&pcm[..samples]);
        self.latest
            .drain(..self.latest.len().saturating_sub(JUDGED));
        vec![Received::Rtp {
            marker: packet.marker,
            sequence_number: packet.sequence_number,
            timestamp: packet.timestamp,
            ssrc: packet.ssrc,
            payload: payload.to_vec(),
            earlier,
        }]
    }
}

/// A packet's own frame, and how many earlier ones it carries.
fn frames<'a>(packet: &rtp::Packet<'a>) -> (&'a [u8], usize) {
    if packet.payload_type == raa_core::OPUS_PAYLOAD_TYPE {
        return (packet.payload, 0);
    }
    assert_eq!(packet.payload_type, red::PAYLOAD_TYPE);
    let redundant = red::Redundant::parse(packet.payload).expect("it is redundant audio");
    assert_eq!(redundant.payload_type, raa_core::OPUS_PAYLOAD_TYPE);
    (redundant.payload, redundant.earlier().count())
}

fn understand_rtcp(datagram: &[u8]) -> Vec<Received> {
    let mut received = Vec::new();
    rtcp::parse(datagram, |item| match item {
        rtcp::Item::Name { ssrc, text } => {
            let name = String::from_utf8(text.to_vec()).unwrap();
            received.push(Received::Name { ssrc, name });
        }
        rtcp::Item::ReferenceTimeEcho { ssrc, last, .. } => {
            received.push(Received::Echo { ssrc, last });
        }
        rtcp::Item::Goodbye { ssrc } => received.push(Received::Goodbye { ssrc }),
        _ => {}
    })
    .expect("it is RTCP");
    received
}

fn is_tone(pcm: &[f32], frequency_hz: f64, peak: f32) -> bool {
    let expected = peak / 2f32.sqrt();
    (frequency_of(pcm) - frequency_hz).abs() < 5.0 && (rms(pcm) / expected - 1.0).abs() < 0.06
}

fn rms(pcm: &[f32]) -> f32 {
    (pcm.iter().map(|x| x * x).sum::<f32>() / pcm.len().max(1) as f32).sqrt()
}

/// By its zero crossings.
fn frequency_of(pcm: &[f32]) -> f64 {
    let rises = pcm
        .windows(2)
        .filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0)
        .count();
    rises as f64 * 48_000.0 / pcm.len().max(1) as f64
}
