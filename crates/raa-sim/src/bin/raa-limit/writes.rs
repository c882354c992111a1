//! The bare write: one WebSocket frame of 160 bytes of Opus to each of many TCP sockets.
//!
//! Always: as the server's frames are (RTP in a binary message), every 20 ms, on the same kind of
//! socket, by one thread and one system call each.

use std::io::{self, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use raa_core::rtp::Packet;
use raa_core::{OPUS_PAYLOAD_TYPE, SLOT, SLOT_SAMPLES};
use serde::Serialize;
use socket2::SockRef;
use tokio_tungstenite::tungstenite::accept;

use crate::parts::cpu_time;

/// 64 kbit/s.
const OPUS_BYTES: usize = 160;
/// FIN and the opcode of a binary message; the length in the next 16 bits (RFC 6455 section 5.2).
const FRAME_HEADER: [u8; 2] = [0x82, 126];

/// What may wait to be sent, as the server has it.
const UNSENT_BYTES: u32 = 4096;

/// What writing cost.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cost {
    pub listeners: u32,
    pub writes: u64,
    /// Writes that a full socket refused.
    pub refused: u64,
    /// CPU time of one write, in us.
    pub write_us: f64,
}

/// Waits for the listeners and writes to them for so many seconds.
pub(crate) fn measure(port: u16, listeners: u32, seconds: u64) -> anyhow::Result<Cost> {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Where it is refused, accepting one too many says so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
    let server = TcpListener::bind(("127.0.0.1", port))
        .with_context(|| format!("cannot open TCP port {port}"))?;
    let mut sockets = (0..listeners)
        .map(|_| welcome(&server))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let start = Instant::now();
    let (mut spent, mut refused, mut slot) = (Duration::ZERO, 0, 0);
    // By the clock: more than one thread can write to take longer than their slots.
    while start.elapsed() < Duration::from_secs(seconds) {
        thread::sleep((start + SLOT * slot).saturating_duration_since(Instant::now()));
        let frame = frame(slot);
        let before = cpu_time();
        for socket in &mut sockets {
            refused += u64::from(is_refused(socket.write(&frame))?);
        }
        spent += cpu_time().saturating_sub(before);
        slot += 1;
    }
    let writes = u64::from(slot) * u64::from(listeners);
    ensure!(
        refused * 100 <= writes,
        "{refused} of {writes} writes were refused: the listeners do not keep up"
    );
    Ok(Cost {
        listeners,
        writes,
        refused,
        write_us: spent.as_secs_f64() * 1e6 / writes as f64,
    })
}

fn welcome(server: &TcpListener) -> anyhow::Result<TcpStream> {
    let (stream, _) = server.accept()?;
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES)?;
    let own = stream.try_clone()?;
    accept(stream).map_err(|error| anyhow::anyhow!("no listener: {error}"))?;
    own.set_nonblocking(true)?;
    Ok(own)
}

/// Whether a write had to be left out; a listener that has gone ends the measurement.
fn is_refused(written: io::Result<usize>) -> anyhow::Result<bool> {
    match written {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error).context("a listener has gone before the end"),
    }
}

fn frame(slot: u32) -> Vec<u8> {
    let packet = Packet {
        marker: false,
        payload_type: OPUS_PAYLOAD_TYPE,
        sequence_number: slot as u16,
        timestamp: slot.wrapping_mul(SLOT_SAMPLES as u32),
        ssrc: 1,
        payload: &[0xf8; OPUS_BYTES],
    };
    let mut message = Vec::new();
    packet.write(&mut message);
    let len = (message.len() as u16).to_be_bytes();
    [&FRAME_HEADER[..], &len, &message].concat()
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};

    use super::*;

    #[test]
    fn a_frame_is_one_message_with_a_packet_of_the_mix() {
        let bytes = frame(3);
        assert_eq!(bytes.len(), 4 + 12 + OPUS_BYTES);
        let read = io::Cursor::new(bytes);
        let message = WebSocket::from_raw_socket(read, Role::Client, None).read();
        let data = message.unwrap().into_data();
        let packet = Packet::parse(&data).unwrap();
        assert_eq!((packet.timestamp, packet.payload.len()), (2880, OPUS_BYTES));
    }

    #[test]
    fn a_full_socket_is_counted_and_a_lost_one_is_an_error() {
        assert!(!is_refused(Ok(3)).unwrap());
        assert!(is_refused(Err(io::ErrorKind::WouldBlock.into())).unwrap());
        assert!(is_refused(Err(io::ErrorKind::BrokenPipe.into())).is_err());
    }
}
