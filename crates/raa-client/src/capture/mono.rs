//! Brings interleaved samples of any rate and any number of channels to 48 kHz mono.
//!
//! Channels are averaged, not summed: a sum of n channels can be n times as loud as full scale and
//! would clip, an average never exceeds the loudest channel, and what all channels have in common
//! keeps its level.
//!
//! Always: what comes out does not depend on how what went in was cut; no seam between two
//! pushes; from the start to a `flush` as many samples come out as the time of what went in
//! has at 48 kHz, to the sample, after hours too. NaN and infinity pass through: judging what a
//! device delivers is the watchdog's work.

use std::ops::RangeInclusive;

use raa_core::{SAMPLE_RATE, SLOT_SAMPLES};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Indexing, Resampler, SincInterpolationParameters};

/// Rates that can be converted, in Hz: more than any sound card has.
const RATES: RangeInclusive<u32> = 1000..=768_000;
/// Samples that the resampler makes at a time: 10 ms, as most devices deliver.
const CHUNK: usize = 480;

/// Why samples cannot be converted.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConversionError {
    #[error("sample rate {0} Hz is not one of 1000 to 768000 Hz")]
    Rate(u32),
    #[error("{0} channels; at least 1 is needed")]
    Channels(u16),
    #[error("cannot convert {rate} Hz: {reason}")]
    Resampler { rate: u32, reason: String },
}

/// See the module's text.
pub(super) struct Mono {
    channels: usize,
    /// `None` when the samples have 48 kHz themselves.
    resampling: Option<Resampling>,
    /// 48 kHz mono that was not taken yet.
    ready: Vec<f32>,
}

impl Mono {
    pub(super) fn new(rate: u32, channels: u16) -> Result<Self, ConversionError> {
        if !RATES.contains(&rate) {
            return Err(ConversionError::Rate(rate));
        }
        if channels == 0 {
            return Err(ConversionError::Channels(channels));
        }
        let needs_resampling = rate != SAMPLE_RATE;
        Ok(Self {
            channels: channels.into(),
            resampling: needs_resampling
                .then(|| Resampling::new(rate))
                .transpose()?,
            ready: Vec::new(),
        })
    }

    /// Takes whole frames; full scale is ±1.
    pub(super) fn push(&mut self, interleaved: &[f32]) -> Result<(), ConversionError> {
        let channels = self.channels;
        let mono = interleaved
            .chunks_exact(channels)
            .map(|frame| frame.iter().sum::<f32>() / channels as f32);
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

    /// The next whole slot, once it is there.
    pub(super) fn next_block(&mut self) -> Option<Vec<f32>> {
        (self.ready.len() >= SLOT_SAMPLES).then(|| self.ready.drain(..SLOT_SAMPLES).collect())
    }

    /// Everything that is left, to the last sample pushed; what is pushed next begins anew.
    #[cfg(any(windows, test))]
    pub(super) fn flush(&mut self) -> Result<Vec<f32>, ConversionError> {
        if let Some(resampling) = &mut self.resampling {
            resampling.finish(&mut self.ready)?;
        }
        Ok(std::mem::take(&mut self.ready))
    }

    /// Whether something waits that [`Mono::flush`] would give.
    #[cfg(any(windows, test))]
    pub(super) fn holds_something(&self) -> bool {
        let waits_within = |resampling: &Resampling| resampling.given < resampling.owed();
        !self.ready.is_empty() || self.resampling.as_ref().is_some_and(waits_within)
    }
}

/// A band-limited resampler with its delay taken off.
struct Resampling {
    rate: u32,
    resampler: Async<f32>,
    /// Mono at `rate`, not converted yet.
    input: Vec<f32>,
    /// Samples of `input` converted since the beginning.
    taken: u64,
    /// Samples given out since the beginning.
    given: u64,
    /// Samples still to come that are nothing but the resampler's delay.
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
            taken: 0,
            given: 0,
        })
    }

    /// Converts all that can be converted without knowing what comes next.
    fn process(&mut self, output: &mut Vec<f32>) -> Result<(), ConversionError> {
        while self.input.len() >= self.resampler.input_frames_next() {
            let chunk = self.next_chunk()?;
            self.given += chunk.len() as u64;
            output.extend(chunk);
        }
        Ok(())
    }

    /// Converts the rest as if silence followed, and is as new.
    #[cfg(any(windows, test))]
    fn finish(&mut self, output: &mut Vec<f32>) -> Result<(), ConversionError> {
        let owed = self.owed();
        while self.given < owed {
            let mut chunk = self.next_chunk()?;
            chunk.truncate((owed - self.given) as usize);
            self.given += chunk.len() as u64;
            output.extend(chunk);
        }
        self.input.clear();
        self.resampler.reset();
        self.delay = self.resampler.output_delay();
        (self.taken, self.given) = (0, 0);
        Ok(())
    }

    /// Samples at 48 kHz that last as long as everything pushed.
    #[cfg(any(windows, test))]
    fn owed(&self) -> u64 {
        let (pushed, rate) = (self.taken + self.input.len() as u64, u64::from(self.rate));
        (pushed * u64::from(SAMPLE_RATE) + rate / 2) / rate
    }

    /// Takes what the resampler needs, with silence where there is nothing, and gives what it
    /// makes of it, without its delay.
    fn next_chunk(&mut self) -> Result<Vec<f32>, ConversionError> {
        let frames = self.input.len().min(self.resampler.input_frames_next());
        let mut chunk = vec![0.0; CHUNK];
        self.convert(frames, &mut chunk)
            .map_err(|reason| ConversionError::Resampler {
                rate: self.rate,
                reason,
            })?;
        self.input.drain(..frames);
        self.taken += frames as u64;
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
