//! What a whole slot of the hub costs beside decoding and encoding alone, for as many sources.
//!
//! Each source has a decoder of its own on both sides, so that the caches are as cold as in the
//! server. `cargo bench -p raa-sim --bench hub`

#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use nix::time::{ClockId, clock_gettime};
use raa_core::codec::{Decoder, Encoder, EncoderSettings, MAX_ENCODED_LEN, MAX_PACKET_SAMPLES};
use raa_core::hub::{Hub, HubConfig, Origin, StreamStart};
use raa_core::rtp::Packet;
use raa_core::{OPUS_PAYLOAD_TYPE, SLOT, SLOT_SAMPLES};
use raa_sim::sound::{Piece, pieces};

const ROUNDS: usize = 15;
const SLOTS: u32 = 50;
const WARM_UP: u32 = 1500;

fn main() {
    let pieces = pieces().unwrap();
    for count in [10, 40, 300] {
        let mut bare = Bare::new(&pieces, count);
        let mut server = Server::new(&pieces, count);
        let (mut taken, mut played, mut bare_us) = (Vec::new(), Vec::new(), Vec::new());
        (0..WARM_UP).for_each(|_| _ = server.slot());
        for _ in 0..ROUNDS {
            let before = bare.run();
            let (mut take, mut play) = (Duration::ZERO, Duration::ZERO);
            for _ in 0..SLOTS {
                let (a, b) = server.slot();
                take += a;
                play += b;
            }
            let mean = (before + bare.run()) / 2;
            bare_us.push(mean.as_secs_f64() * 1e6 / f64::from(SLOTS));
            taken.push(take.as_secs_f64() / mean.as_secs_f64());
            played.push(play.as_secs_f64() / mean.as_secs_f64());
        }
        println!(
            "{count} sources: bare {} us a slot; packets taken {} times that, slots played {}",
            median(bare_us),
            median(taken),
            median(played)
        );
    }
}

struct Bare<'a> {
    pieces: &'a [Piece],
    decoders: Vec<Decoder>,
    encoder: Encoder,
    slot: usize,
}

impl<'a> Bare<'a> {
    fn new(pieces: &'a [Piece], count: usize) -> Self {
        Self {
            pieces,
            decoders: (0..count).map(|_| Decoder::new().unwrap()).collect(),
            encoder: Encoder::new(EncoderSettings::default()).unwrap(),
            slot: 0,
        }
    }

    fn run(&mut self) -> Duration {
        let mut pcm = [0.0; MAX_PACKET_SAMPLES];
        let mut out = [0; MAX_ENCODED_LEN];
        let before = cpu_time();
        for _ in 0..SLOTS {
            let mut sum = [0.0f32; SLOT_SAMPLES];
            for (n, decoder) in self.decoders.iter_mut().enumerate() {
                decoder
                    .decode(packet_of(self.pieces, n, self.slot), &mut pcm)
                    .unwrap();
                sum.iter_mut().zip(&pcm).for_each(|(sum, x)| *sum += x);
            }
            self.slot += 1;
            self.encoder.encode(&sum, &mut out).unwrap();
            black_box(&out);
        }
        cpu_time() - before
    }
}

fn packet_of(pieces: &[Piece], n: usize, slot: usize) -> &[u8] {
    let piece = &pieces[n % pieces.len()];
    &piece[(slot + 7 * n) % piece.len()]
}

struct Server<'a> {
    pieces: &'a [Piece],
    hub: Hub,
    count: usize,
    now: Instant,
    slot: usize,
    datagram: Vec<u8>,
}

impl<'a> Server<'a> {
    fn new(pieces: &'a [Piece], count: usize) -> Self {
        let now = Instant::now();
        let config = HubConfig {
            payload_types: vec![OPUS_PAYLOAD_TYPE],
            max_playout_delay: Duration::from_millis(400),
            offline_after: Duration::from_secs(5),
            max_unset_clients: 1000,
            reserved_ssrcs: Vec::new(),
            encoder: EncoderSettings::default(),
            mix_stream: StreamStart {
                ssrc: 1,
                sequence_number: 0,
                timestamp: 0,
            },
            wall_clock: SystemTime::UNIX_EPOCH,
        };
        Self {
            pieces,
            hub: Hub::new(config, now).unwrap(),
            count,
            now,
            slot: 0,
            datagram: Vec::new(),
        }
    }

    /// CPU time of taking packets, and of playing.
    fn slot(&mut self) -> (Duration, Duration) {
        let before = cpu_time();
        for n in 0..self.count {
            let packet = Packet {
                marker: false,
                payload_type: OPUS_PAYLOAD_TYPE,
                sequence_number: self.slot as u16,
                timestamp: (self.slot * SLOT_SAMPLES) as u32,
                ssrc: 0x1000 + n as u32,
                payload: packet_of(self.pieces, n, self.slot),
            };
            self.datagram.clear();
            packet.write(&mut self.datagram);
            let arrival = self.now + SLOT * n as u32 / self.count as u32;
            let _ = self
                .hub
                .handle_packet(arrival, Origin::Internal, &self.datagram);
        }
        let taken = cpu_time();
        self.slot += 1;
        self.now += SLOT;
        self.hub.handle_timeout(self.now);
        while let Some(output) = self.hub.poll_output() {
            black_box(output);
        }
        (taken - before, cpu_time() - taken)
    }
}

fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .unwrap()
        .into()
}

fn median(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let [low, median, high] = [1, 2, 3].map(|quarter| values[values.len() * quarter / 4]);
    format!("{median:.3} ({low:.3} to {high:.3})")
}
