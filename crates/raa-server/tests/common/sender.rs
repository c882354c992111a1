//! A sender of a tone.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use raa_core::SLOT_SAMPLES;
use raa_core::codec::{Encoder, EncoderSettings, MAX_ENCODED_LEN};
use raa_core::rtp::Packet;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

pub const SSRC: u32 = 0x5f0a_11c2;
pub const ID: &str = "5f0a11c2";

/// Sends 50 packets per second until it is dropped.
pub struct Sender(JoinHandle<()>);

impl Sender {
    pub fn start(to: SocketAddr) -> Self {
        Self(tokio::spawn(send(to, SSRC)))
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends two packets, of which the second makes it a client, and waits until the server knows it.
pub async fn introduce(udp: SocketAddr, http: SocketAddr) {
    let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    for number in 0..2 {
        let packet = datagram(SSRC, number, &mut encoder);
        socket.send_to(&packet, udp).await.unwrap();
    }
    super::client_when(http, ID, |client| !client.is_null()).await;
}

async fn send(to: SocketAddr, ssrc: u32) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
    let mut interval = tokio::time::interval(Duration::from_millis(20));
    for number in 0u32.. {
        interval.tick().await;
        let datagram = datagram(ssrc, number, &mut encoder);
        socket.send_to(&datagram, to).await.unwrap();
    }
}

/// Returns packet `number` of a tone of 440 Hz at -12 dBFS.
pub fn datagram(ssrc: u32, number: u32, encoder: &mut Encoder) -> Vec<u8> {
    let sample = |i: usize| (number as usize * SLOT_SAMPLES + i) as f32 / 48_000.0;
    let pcm: [f32; SLOT_SAMPLES] =
        std::array::from_fn(|i| 0.25 * (sample(i) * 440.0 * std::f32::consts::TAU).sin());
    let mut payload = [0; MAX_ENCODED_LEN];
    let len = encoder.encode(&pcm, &mut payload).unwrap();
    let mut datagram = Vec::new();
    let packet = Packet {
        marker: number == 0,
        payload_type: 111,
        sequence_number: number as u16,
        timestamp: number.wrapping_mul(SLOT_SAMPLES as u32),
        ssrc,
        payload: &payload[..len],
    };
    packet.write(&mut datagram);
    datagram
}
