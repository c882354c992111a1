//! The bare write: one WebSocket frame with 160 bytes of Opus to each of many TCP sockets.
//!
//! Always: frames like the server's (RTP in a binary message), every 20 ms, on sockets with the same
//! options, from one thread, with one system call each.

use std::io::{self, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use raa_core::rtp::Packet;
use raa_core::{OPUS_PAYLOAD_TYPE, SLOT, SLOT_SAMPLES};
use raa_sim::measure::cpu;
use raa_sim::measure::socket::raise_descriptor_limit;
use serde::Serialize;
use socket2::SockRef;
use tokio_tungstenite::tungstenite::accept;

/// Opus payload of a frame: 64 kbit/s.
const OPUS_BYTES: usize = 160;
/// FIN, the opcode of a binary message, and a 16-bit length (RFC 6455 section 5.2).
const FRAME_HEADER: [u8; 2] = [0x82, 126];

/// The most unsent bytes in a socket, the same as in the server.
const UNSENT_BYTES: u32 = 4096;

/// The cost of writing.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cost {
    pub listeners: u32,
    pub writes: u64,
    /// Writes that a full socket refused.
    pub refused: u64,
    /// CPU time of one write, in us.
    pub write_us: f64,
}

/// Waits for the listeners and writes to them for `seconds`.
pub(crate) fn measure(port: u16, listeners: u32, seconds: u64) -> anyhow::Result<Cost> {
    raise_descriptor_limit();
    let server = TcpListener::bind(("127.0.0.1", port))
        .with_context(|| format!("cannot open TCP port {port}"))?;
    let mut sockets = (0..listeners)
        .map(|_| accept_listener(&server))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let start = Instant::now();
    let (mut spent, mut refused, mut slot) = (Duration::ZERO, 0, 0);
    // The time is limited rather than the slots, since a slot of too many writes takes longer.
    while start.elapsed() < Duration::from_secs(seconds) {
        thread::sleep((start + SLOT * slot).saturating_duration_since(Instant::now()));
        let frame = frame(slot);
        let before = cpu::thread_time();
        for socket in &mut sockets {
            refused += u64::from(is_refused(socket.write(&frame))?);
        }
        spent += cpu::thread_time().saturating_sub(before);
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

fn accept_listener(server: &TcpListener) -> anyhow::Result<TcpStream> {
    let (stream, _) = server.accept()?;
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES)?;
    let own = stream.try_clone()?;
    accept(stream)
        .map_err(|error| anyhow::anyhow!("the handshake with a listener failed: {error}"))?;
    own.set_nonblocking(true)?;
    Ok(own)
}

/// Returns whether a write did not fit into the socket. A closed connection is an error.
fn is_refused(written: io::Result<usize>) -> anyhow::Result<bool> {
    match written {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error).context("a listener has disconnected before the end"),
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
    fn a_frame_is_one_message_with_a_packet() {
        let bytes = frame(3);
        assert_eq!(bytes.len(), 4 + 12 + OPUS_BYTES);
        let read = io::Cursor::new(bytes);
        let message = WebSocket::from_raw_socket(read, Role::Client, None).read();
        let data = message.unwrap().into_data();
        let packet = Packet::parse(&data).unwrap();
        assert_eq!((packet.timestamp, packet.payload.len()), (2880, OPUS_BYTES));
    }

    #[test]
    fn full_sockets_are_counted_and_closed_ones_fail() {
        assert!(!is_refused(Ok(3)).unwrap());
        assert!(is_refused(Err(io::ErrorKind::WouldBlock.into())).unwrap());
        assert!(is_refused(Err(io::ErrorKind::BrokenPipe.into())).is_err());
    }
}
