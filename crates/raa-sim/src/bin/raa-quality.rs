//! `raa-quality send IN.wav FOLDER`: what of a sound arrives over bad networks, as WAV files to score.
//! `raa-quality record URL SECONDS OUT.wav`: the mix of a server, to have such a sound.
//!
//! The sound goes through RAA's encoder, a simulated network and RAA's receiver, once for each
//! loss and redundancy; and the same packets through the simplest receiver there is, which holds
//! them for 40 ms and plays the last frame again where one is missing.
//! Always: mono, 48 kHz, 16 bit; the same losses for both; what is compared is the last of
//! several passes, when the delay has been found.

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
/// In percent.
const LOSSES: [u32; 4] = [0, 5, 10, 20];
const REDUNDANCIES: [usize; 4] = [0, 1, 2, 3];
/// The passes before the last one take at least so long.
const WARM_UP: Duration = Duration::from_secs(20);
/// What is left of the sound when its last packet is sent: 400 ms.
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
    for loss_percent in LOSSES {
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

/// From packet `from` on, by RAA's receiver.
fn received(
    packets: &[Vec<u8>],
    from: usize,
    redundancy: usize,
    link: Link,
) -> anyhow::Result<Vec<f32>> {
    let clip = Clip::of(packets.to_vec()).context("there is not enough sound")?;
    let mut sender = Sender::new(1, Arc::new(clip), Duration::ZERO, 0.0);
    sender.redundancy = redundancy;
    let mut one = OneSource::new(SEED, sender, link)?;
    one.run_for(SLOT * from as u32);
    Ok(one.record(SLOT * (packets.len() - from + TAIL_SLOTS) as u32))
}

/// From packet `from` on, by a receiver that repeats the last frame. Loss alone makes no packet
/// late, so its delay of 40 ms need not be simulated.
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
            let message = socket.next().await.context("the server has gone")??;
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
