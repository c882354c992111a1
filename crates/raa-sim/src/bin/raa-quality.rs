//! Produces WAV files of a sound that passed through bad networks, for scoring.
//!
//! `raa-quality send IN.wav FOLDER` sends a sound through RAA's encoder, a simulated network and
//! RAA's receiver, once for each loss and redundancy, and the same packets to the simplest receiver
//! possible: it holds them for 40 ms and repeats the last frame where one is missing.
//! `raa-quality record URL SECONDS OUT.wav` records the mix of a server as such a sound.
//! Always: WAV files are mono, 48 kHz, 16 bit; both receivers have the same losses; the last of
//! several passes is written, when the delay has settled.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use futures_util::StreamExt as _;
use raa_core::codec::{Decoder, Encoder, EncoderSettings, MAX_ENCODED_LEN, MAX_PACKET_SAMPLES};
use raa_core::rtp::Packet;
use raa_core::{SAMPLE_RATE, SLOT, SLOT_SAMPLES};
use raa_sim::world::link::Path as NetworkPath;
use raa_sim::{Clip, Link, OneSource, Sender};
use tokio_tungstenite::tungstenite::Message;

const SEED: u64 = 11;
/// Shares of lost packets, in percent.
const LOSSES_PERCENT: [u32; 4] = [0, 5, 10, 20];
/// Earlier frames in each packet.
const REDUNDANCIES: [usize; 4] = [0, 1, 2, 3];
/// The least duration of the passes before the last one.
const WARM_UP: Duration = Duration::from_secs(20);
/// Slots that are recorded after the last packet was sent: 400 ms.
const TAIL_SLOTS: usize = 20;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["send", wav, folder] => send(wav.as_ref(), folder.as_ref()),
        ["record", url, seconds, wav] => record(url, seconds.parse()?, wav.as_ref()),
        _ => bail!(
            "usage: raa-quality send IN.wav FOLDER, or raa-quality record URL SECONDS OUT.wav"
        ),
    }
}

/// Writes `FOLDER/raa-LOSS-REDUNDANCY.wav` and `FOLDER/fixed-LOSS.wav`.
fn send(wav: &Path, folder: &Path) -> anyhow::Result<()> {
    let packets = encode(&read(wav)?)?;
    let passes = 1 + WARM_UP
        .as_nanos()
        .div_ceil((SLOT * packets.len() as u32).as_nanos());
    let packets = vec![packets; passes as usize].concat();
    let last_pass = packets.len() - packets.len() / passes as usize;
    std::fs::create_dir_all(folder)?;
    for loss_percent in LOSSES_PERCENT {
        let link = Link {
            delay: Duration::from_millis(25),
            loss: f64::from(loss_percent) / 100.0,
            ..Link::default()
        };
        let fixed = fixed(&packets, last_pass, link)?;
        write(&folder.join(format!("fixed-{loss_percent}.wav")), &fixed)?;
        for redundancy in REDUNDANCIES {
            let raa = received(&packets, last_pass, redundancy, link)?;
            let name = format!("raa-{loss_percent}-{redundancy}.wav");
            write(&folder.join(name), &raa)?;
        }
    }
    Ok(())
}

fn encode(pcm: &[f32]) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut encoder = Encoder::new(EncoderSettings::default())?;
    let slots = pcm.as_chunks::<SLOT_SAMPLES>().0.iter();
    slots
        .map(|slot| {
            let mut packet = [0; MAX_ENCODED_LEN];
            let len = encoder.encode(slot, &mut packet)?;
            Ok(packet[..len].to_vec())
        })
        .collect()
}

/// Returns the sound from packet `from` on as RAA's receiver plays it.
fn received(
    packets: &[Vec<u8>],
    from: usize,
    redundancy: usize,
    link: Link,
) -> anyhow::Result<Vec<f32>> {
    let clip = Clip::from_packets(packets.to_vec()).context("the sound is too short")?;
    let mut sender = Sender::new(1, Arc::new(clip), Duration::ZERO, 0.0);
    sender.redundancy = redundancy;
    let mut one = OneSource::new(SEED, sender, link)?;
    one.run_for(SLOT * from as u32);
    Ok(one.record(SLOT * (packets.len() - from + TAIL_SLOTS) as u32))
}

/// Returns the sound from packet `from` on as a receiver plays it that repeats the last frame for
/// a lost one. Loss alone makes no packet late, so its delay of 40 ms need not be simulated.
fn fixed(packets: &[Vec<u8>], from: usize, link: Link) -> anyhow::Result<Vec<f32>> {
    let mut path = NetworkPath::new(link, SEED);
    let mut decoder = Decoder::new()?;
    let mut frame = [0.0; MAX_PACKET_SAMPLES];
    let mut pcm = Vec::new();
    for (n, packet) in packets.iter().enumerate() {
        if path.carry(SLOT * n as u32)[0].is_some() {
            decoder.decode(packet, &mut frame)?;
        }
        if n >= from {
            pcm.extend(&frame[..SLOT_SAMPLES]);
        }
    }
    Ok(pcm)
}

/// Records the mix at a WebSocket URL.
fn record(url: &str, seconds: u64, wav: &Path) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut decoder = Decoder::new()?;
    let mut frame = [0.0; MAX_PACKET_SAMPLES];
    let mut pcm = Vec::new();
    let end = Instant::now() + Duration::from_secs(seconds);
    runtime.block_on(async {
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await?;
        while Instant::now() < end {
            let message = socket
                .next()
                .await
                .context("the server has closed the connection")??;
            if let Message::Binary(datagram) = message {
                let packet = Packet::parse(&datagram)?;
                let samples = decoder.decode(packet.payload, &mut frame)?;
                pcm.extend(&frame[..samples]);
            }
        }
        anyhow::Ok(())
    })?;
    write(wav, &pcm)
}

fn read(wav: &Path) -> anyhow::Result<Vec<f32>> {
    let mut reader = hound::WavReader::open(wav).with_context(|| wav.display().to_string())?;
    ensure!(reader.spec() == SPEC, "a WAV must be {SPEC:?}");
    let samples = reader.samples::<i16>();
    Ok(samples
        .map(|x| x.map(|x| f32::from(x) / 32_768.0))
        .collect::<Result<_, _>>()?)
}

fn write(wav: &Path, pcm: &[f32]) -> anyhow::Result<()> {
    let mut writer = hound::WavWriter::create(wav, SPEC)?;
    for x in pcm {
        writer.write_sample((x * 32_767.0).clamp(-32_768.0, 32_767.0) as i16)?;
    }
    Ok(writer.finalize()?)
}

const SPEC: hound::WavSpec = hound::WavSpec {
    channels: 1,
    sample_rate: SAMPLE_RATE,
    bits_per_sample: 16,
    sample_format: hound::SampleFormat::Int,
};
