//! Converts interleaved samples of any rate and any number of channels to 48 kHz mono.
//!
//! The gains of the channels are those of their [`Layout`]; a sum above full scale is limited.
//!
//! Always: the output does not depend on how the input was cut, and has no seams; from the start to
//! a `flush` it lasts exactly as long as the input, to the sample, even after hours. NaN and
//! infinity pass through: judging the input is the watchdog's task.

use std::ops::RangeInclusive;

use raa_core::{SAMPLE_RATE, SLOT_SAMPLES};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Indexing, Resampler, SincInterpolationParameters};

use super::downmix::Layout;
use super::limit::BlockLimiter;
use crate::status::ConversionError;

/// Sample rates that can be converted, in Hz: more than any sound card has.
const RATES: RangeInclusive<u32> = 1000..=768_000;
/// Samples that the resampler produces at a time: 10 ms, the packet length of most devices.
const CHUNK: usize = 480;

/// A converter to 48 kHz mono.
pub(super) struct Mono {
    layout: Layout,
    /// `None` when the input is at 48 kHz already.
    resampling: Option<Resampling>,
    /// Converted samples that have not been taken yet.
    ready: Vec<f32>,
    limiter: BlockLimiter,
}

impl Mono {
    pub(super) fn new(rate: u32, layout: Layout) -> Result<Self, ConversionError> {
        if !RATES.contains(&rate) {
            return Err(ConversionError::Rate(rate));
        }
        if layout.channels() == 0 {
            return Err(ConversionError::Channels(0));
        }
        let needs_resampling = rate != SAMPLE_RATE;
        Ok(Self {
            layout,
            resampling: needs_resampling
                .then(|| Resampling::new(rate))
                .transpose()?,
            ready: Vec::new(),
            limiter: BlockLimiter::default(),
        })
    }

    /// Takes whole frames, with full scale at ±1.
    pub(super) fn push(&mut self, interleaved: &[f32]) -> Result<(), ConversionError> {
        let frames = interleaved.chunks_exact(self.layout.channels());
        let mono = frames.map(|frame| self.layout.mix(frame));
        match &mut self.resampling {
            None => {
                self.ready.extend(mono);
                Ok(())
            }
            Some(resampling) => {
                resampling.input.extend(mono);
                resampling.process(&mut self.ready)
            }
        }
    }

    /// Returns the next complete slot.
    pub(super) fn next_block(&mut self) -> Option<Vec<f32>> {
        if self.ready.len() < SLOT_SAMPLES {
            return None;
        }
        let mut block: Vec<f32> = self.ready.drain(..SLOT_SAMPLES).collect();
        self.limiter.limit(&mut block);
        Some(block)
    }

    /// Returns the rest, to the last sample pushed, and starts again with the next push.
    #[cfg(any(windows, test))]
    pub(super) fn flush(&mut self) -> Result<Vec<f32>, ConversionError> {
        if let Some(resampling) = &mut self.resampling {
            resampling.finish(&mut self.ready)?;
        }
        let mut rest = std::mem::take(&mut self.ready);
        self.limiter.limit(&mut rest);
        self.limiter = BlockLimiter::default();
        Ok(rest)
    }

    /// Returns whether [`Mono::flush`] would return any samples.
    #[cfg(any(windows, test))]
    pub(super) fn has_rest(&self) -> bool {
        let is_behind = |resampling: &Resampling| resampling.produced < resampling.expected();
        !self.ready.is_empty() || self.resampling.as_ref().is_some_and(is_behind)
    }
}

/// A band-limited resampler that compensates for its own delay.
struct Resampling {
    rate: u32,
    resampler: Async<f32>,
    /// Mono at `rate` that has not been converted yet.
    input: Vec<f32>,
    /// Input samples converted since the start.
    consumed: u64,
    /// Output samples since the start.
    produced: u64,
    /// Samples of the resampler's delay that are still to be dropped.
    delay: usize,
}

impl Resampling {
    fn new(rate: u32) -> Result<Self, ConversionError> {
        let ratio = f64::from(SAMPLE_RATE) / f64::from(rate);
        let quality = SincInterpolationParameters::default();
        let resampler = Async::new_sinc(ratio, 1.0, &quality, CHUNK, 1, FixedAsync::Output)
            .map_err(|error| ConversionError::Resampler {
                rate,
                reason: error.to_string(),
            })?;
        Ok(Self {
            rate,
            delay: resampler.output_delay(),
            resampler,
            input: Vec::new(),
            consumed: 0,
            produced: 0,
        })
    }

    /// Converts as much as possible without the input that follows.
    fn process(&mut self, output: &mut Vec<f32>) -> Result<(), ConversionError> {
        while self.input.len() >= self.resampler.input_frames_next() {
            let chunk = self.next_chunk()?;
            self.produced += chunk.len() as u64;
            output.extend(chunk);
        }
        Ok(())
    }

    /// Converts the rest as if silence followed, and resets the resampler.
    #[cfg(any(windows, test))]
    fn finish(&mut self, output: &mut Vec<f32>) -> Result<(), ConversionError> {
        let expected = self.expected();
        while self.produced < expected {
            let mut chunk = self.next_chunk()?;
            chunk.truncate((expected - self.produced) as usize);
            self.produced += chunk.len() as u64;
            output.extend(chunk);
        }
        self.input.clear();
        self.resampler.reset();
        self.delay = self.resampler.output_delay();
        (self.consumed, self.produced) = (0, 0);
        Ok(())
    }

    /// Returns the number of output samples that last as long as the whole input.
    #[cfg(any(windows, test))]
    fn expected(&self) -> u64 {
        let (pushed, rate) = (
            self.consumed + self.input.len() as u64,
            u64::from(self.rate),
        );
        (pushed * u64::from(SAMPLE_RATE) + rate / 2) / rate
    }

    /// Converts one chunk, padding the input with silence if necessary, and drops the delay.
    fn next_chunk(&mut self) -> Result<Vec<f32>, ConversionError> {
        let frames = self.input.len().min(self.resampler.input_frames_next());
        let mut chunk = vec![0.0; CHUNK];
        self.convert(frames, &mut chunk)
            .map_err(|reason| ConversionError::Resampler {
                rate: self.rate,
                reason,
            })?;
        self.input.drain(..frames);
        self.consumed += frames as u64;
        let delay = self.delay.min(chunk.len());
        chunk.drain(..delay);
        self.delay -= delay;
        Ok(chunk)
    }

    fn convert(&mut self, frames: usize, chunk: &mut [f32]) -> Result<(), String> {
        let from = InterleavedSlice::new(&self.input, 1, self.input.len())
            .map_err(|error| error.to_string())?;
        let mut to =
            InterleavedSlice::new_mut(chunk, 1, CHUNK).map_err(|error| error.to_string())?;
        let indexing = Indexing::new().partial_len(frames);
        self.resampler
            .process_into_buffer(&from, &mut to, Some(&indexing))
            .map_err(|error| error.to_string())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
