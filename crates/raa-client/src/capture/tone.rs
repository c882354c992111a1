//! A test tone: 1 kHz, its peaks at -12 dBFS.

use std::f32::consts::TAU;

use raa_core::level::from_dbfs;
use raa_core::{SAMPLE_RATE, SLOT_SAMPLES};
use tracing::info;

use super::pacer::Pacer;
use super::{Capture, PcmInbox, SenderEnded};

const FREQUENCY_HZ: u32 = 1000;
const PEAK_DBFS: f32 = -12.0;

/// Repeats one block, because a slot holds a whole number of periods.
pub(super) struct Tone;

impl Capture for Tone {
    fn run(&mut self, pcm: &PcmInbox) -> SenderEnded {
        info!("sending a test tone of {FREQUENCY_HZ} Hz at {PEAK_DBFS} dBFS");
        let block = block();
        let mut pacer = Pacer::new();
        loop {
            pacer.wait();
            if let Err(ended) = pcm.push(block.clone()) {
                return ended;
            }
        }
    }
}

fn block() -> Vec<f32> {
    let period = (SAMPLE_RATE / FREQUENCY_HZ) as usize;
    let sample =
        |i: usize| from_dbfs(PEAK_DBFS) * (TAU * (i % period) as f32 / period as f32).sin();
    (0..SLOT_SAMPLES).map(sample).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_join_seamlessly() {
        let block = block();
        let (first, last) = (block[0], block[SLOT_SAMPLES - 1]);
        assert_eq!(SLOT_SAMPLES % (SAMPLE_RATE / FREQUENCY_HZ) as usize, 0);
        assert!(
            (first - last - (block[1] - block[0])).abs() < 1e-3,
            "{last} {first}"
        );
    }

    #[test]
    fn the_peak_is_at_12_dbfs() {
        let peak = block().iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
        assert!((raa_core::level::dbfs(peak) - PEAK_DBFS).abs() < 0.01);
    }
}
