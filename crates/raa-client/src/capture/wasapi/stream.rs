//! One open WASAPI stream: packets in the device's format, converted to 48 kHz mono.
//!
//! Always: shared mode and event-driven; a packet that Windows flags as silent is silence, whatever
//! it contains; a stream stops when it is dropped.

use std::time::Duration;

use ::wasapi::{
    AudioCaptureClient, AudioClient, Direction, Handle, SampleType, StreamMode, WaveFormat,
};
use raa_core::SAMPLE_RATE;

use super::super::downmix::Layout;
use super::super::encoding::Encoding;
use super::super::mono::Mono;
use crate::status::{CaptureMethod, CaptureTrouble, ConversionError};

/// A millisecond in the unit of Windows' buffer, 100 ns. The buffer is for a late thread: packets are
/// read as soon as they arrive, so it adds no delay. The documentation asks for 0 in event-driven mode
/// (learn.microsoft.com/windows/win32/api/audioclient/nf-audioclient-iaudioclient-initialize), which
/// gives about 20 ms and loses sound on a busy computer; Windows grants more anyway. Whether 0 helps
/// against the noise of long process loopback is not known (obsproject/obs-studio pull request 9807),
/// so the setting `buffer_ms` lets people try it.
const HNS_PER_MS: i64 = 10_000;

pub(super) struct Stream {
    method: CaptureMethod,
    /// The device's id; `None` for a method without a single device.
    id: Option<String>,
    name: String,
    format: String,
    running: Running,
    capture: AudioCaptureClient,
    event: Handle,
    encoding: Encoding,
    frame_bytes: usize,
    /// One second, more than any packet holds.
    max_frames: u32,
    /// The packet being read.
    bytes: Vec<u8>,
    samples: Vec<f32>,
    mono: Mono,
    /// The device's position after the last packet, in frames.
    next_position: u64,
}

/// A packet that was read but not converted yet.
pub(super) struct Packet {
    /// It does not continue the one before.
    pub(super) follows_gap: bool,
    /// Windows does not say so, but the device's position shows that frames are missing, or the time
    /// stamp is wrong; OBS found that such a stream must be reopened (obsproject/obs-studio pull request
    /// 9672). Some drivers always do this.
    pub(super) is_suspect: bool,
}

impl Stream {
    /// Starts process loopback. It has no format of its own (`GetMixFormat` is not implemented) and
    /// converts to any.
    pub(super) fn process_loopback(
        client: AudioClient,
        buffer_ms: u8,
    ) -> Result<Self, CaptureTrouble> {
        let format = WaveFormat::new(32, 32, &SampleType::Float, SAMPLE_RATE as usize, 2, None);
        Self::start(CaptureMethod::ProcessLoopback, client, &format, buffer_ms)
    }

    /// Starts the loopback of a playback device, or a capture device, in the device's own format:
    /// Windows' conversion delivers silence from some capture devices (RustAudio/cpal issue 1200).
    pub(super) fn device(device: &::wasapi::Device, buffer_ms: u8) -> Result<Self, CaptureTrouble> {
        let method = match device.get_direction() {
            Direction::Render => CaptureMethod::EndpointLoopback,
            Direction::Capture => CaptureMethod::CaptureDevice,
        };
        let client = device.get_iaudioclient()?;
        let format = client.get_mixformat()?;
        Ok(Self {
            id: Some(device.get_id()?),
            // A device without a name can be captured, too.
            name: device.get_friendlyname().unwrap_or_default(),
            ..Self::start(method, client, &format, buffer_ms)?
        })
    }

    fn start(
        method: CaptureMethod,
        mut client: AudioClient,
        format: &WaveFormat,
        buffer_ms: u8,
    ) -> Result<Self, CaptureTrouble> {
        let mode = StreamMode::EventsShared {
            autoconvert: method == CaptureMethod::ProcessLoopback,
            buffer_duration_hns: i64::from(buffer_ms) * HNS_PER_MS,
        };
        let encoding = encoding(format)?;
        let (rate, channels) = (format.get_samplespersec(), format.get_nchannels());
        let mono = Mono::new(rate, layout(format))?;
        client.initialize_client(format, &Direction::Capture, &mode)?;
        let event = client.set_get_eventhandle()?;
        let capture = client.get_audiocaptureclient()?;
        client.start_stream()?;
        Ok(Self {
            method,
            id: None,
            name: String::new(),
            format: format!("{rate} Hz, {channels} channels, {}", encoding.name()),
            running: Running(client),
            capture,
            event,
            encoding,
            frame_bytes: format.get_blockalign() as usize,
            max_frames: rate,
            bytes: Vec::new(),
            samples: Vec::new(),
            mono,
            next_position: 0,
        })
    }

    pub(super) fn method(&self) -> CaptureMethod {
        self.method
    }

    pub(super) fn device_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Returns the device's display name; empty for a method without a single device.
    pub(super) fn device_name(&self) -> &str {
        &self.name
    }

    /// Returns the device's own sample format, as in "48000 Hz, 2 channels, f32".
    pub(super) fn format(&self) -> &str {
        &self.format
    }

    /// Waits for a packet for up to `limit`; returns whether there is one.
    pub(super) fn wait(&self, limit: Duration) -> bool {
        let limit_ms = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        self.event.wait_for_event(limit_ms).is_ok()
    }

    /// Reads the next packet that is waiting.
    pub(super) fn read(&mut self) -> Result<Option<Packet>, CaptureTrouble> {
        let waiting = self.capture.get_next_packet_size()?.unwrap_or(0);
        if waiting > self.max_frames {
            return Err(CaptureTrouble::PacketLength(waiting));
        }
        self.bytes.resize(waiting as usize * self.frame_bytes, 0);
        let (frames, info) = self.capture.read_from_device(&mut self.bytes)?;
        if frames == 0 {
            return Ok(None);
        }
        let packet = &mut self.bytes[..frames as usize * self.frame_bytes];
        if info.flags.silent {
            packet.fill(0);
        }
        self.samples.clear();
        self.encoding.decode(packet, &mut self.samples);
        let is_missing_frames = self.next_position > 0 && info.index > self.next_position;
        self.next_position = info.index + u64::from(frames);
        Ok(Some(Packet {
            follows_gap: info.flags.data_discontinuity,
            is_suspect: is_missing_frames || info.flags.timestamp_error,
        }))
    }

    /// Fails when the device is gone, which a stream without packets may not report otherwise.
    pub(super) fn check(&self) -> Result<(), CaptureTrouble> {
        // Process loopback has no device and does not implement this.
        if self.method != CaptureMethod::ProcessLoopback {
            self.running.0.get_current_padding()?;
        }
        Ok(())
    }

    /// Converts the packet that was read.
    pub(super) fn convert(&mut self) -> Result<(), ConversionError> {
        self.mono.push(&self.samples)
    }

    /// Returns the next 20 ms, once they are complete.
    pub(super) fn next_block(&mut self) -> Option<Vec<f32>> {
        self.mono.next_block()
    }

    /// Returns whether [`Stream::flush`] would return any samples.
    pub(super) fn has_rest(&self) -> bool {
        self.mono.has_rest()
    }

    /// Returns the rest, before a pause or a gap.
    pub(super) fn flush(&mut self) -> Result<Vec<f32>, ConversionError> {
        self.mono.flush()
    }
}

/// A started audio client, stopped when it is dropped.
struct Running(AudioClient);

impl Drop for Running {
    fn drop(&mut self) {
        // A client that has failed cannot be stopped, and need not be.
        let _ = self.0.stop_stream();
    }
}

/// Returns the roles of the channels; a format without a mask has the usual ones.
fn layout(format: &WaveFormat) -> Layout {
    match format.get_dwchannelmask() {
        0 => Layout::of_count(format.get_nchannels()),
        mask => Layout::of_mask(format.get_nchannels(), mask),
    }
}

fn encoding(format: &WaveFormat) -> Result<Encoding, CaptureTrouble> {
    let is_float = matches!(format.get_subformat()?, SampleType::Float);
    let bits = format.get_bitspersample();
    let frame_bytes = format.get_blockalign();
    let unsupported = || CaptureTrouble::Format {
        is_float,
        bits,
        frame_bytes,
    };
    let frame_bits = u32::from(bits) * u32::from(format.get_nchannels());
    let is_packed = frame_bits == frame_bytes * 8;
    Encoding::of(is_float, bits)
        .filter(|_| is_packed)
        .ok_or_else(unsupported)
}
