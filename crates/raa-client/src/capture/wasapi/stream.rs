//! One open stream of WASAPI: packets of whatever the device has, as 48 kHz mono.
//!
//! Always: shared mode and event-driven; packets that Windows declares silent are silence, whatever
//! is in them; a stream that is dropped is stopped.

use std::time::Duration;

use ::wasapi::{
    AudioCaptureClient, AudioClient, Direction, Handle, SampleType, StreamMode, WaveFormat,
};
use raa_core::SAMPLE_RATE;

use super::super::encoding::Encoding;
use super::super::mono::{ConversionError, Mono};
use super::super::watchdog::Way;
use super::trouble::Trouble;

/// What Windows keeps for a thread that is late, in 100 ns: 200 ms. Packets are read as soon as
/// they are there, so it adds nothing to the delay. The documentation wants 0 in event-driven mode,
/// which is about 20 ms and loses sound on a busy computer; more is granted all the same.
const BUFFER_HNS: i64 = 2_000_000;

pub(super) struct Stream {
    way: Way,
    /// The device's id; `None` where there is no one device.
    id: Option<String>,
    name: String,
    format: String,
    running: Running,
    capture: AudioCaptureClient,
    event: Handle,
    encoding: Encoding,
    frame_bytes: usize,
    /// More frames than a packet can have: a second.
    max_frames: u32,
    /// The packet that is being read.
    bytes: Vec<u8>,
    samples: Vec<f32>,
    mono: Mono,
}

/// A packet that was read and is not converted yet.
pub(super) struct Packet {
    /// It does not continue the one before.
    pub(super) is_torn: bool,
}

impl Stream {
    /// What all programs but this one play. It has no format of its own (`GetMixFormat` is not
    /// implemented there) and converts into any.
    pub(super) fn process_loopback(client: AudioClient) -> Result<Self, Trouble> {
        let format = WaveFormat::new(32, 32, &SampleType::Float, SAMPLE_RATE as usize, 2, None);
        Self::start(Way::ProcessLoopback, client, &format)
    }

    /// What a playback device plays or a capture device records, in the device's own format:
    /// Windows' conversion has been seen to deliver silence from some capture devices
    /// (RustAudio/cpal issue 1200).
    pub(super) fn device(device: &::wasapi::Device) -> Result<Self, Trouble> {
        let way = match device.get_direction() {
            Direction::Render => Way::EndpointLoopback,
            Direction::Capture => Way::CaptureDevice,
        };
        let client = device.get_iaudioclient()?;
        let format = client.get_mixformat()?;
        Ok(Self {
            id: Some(device.get_id()?),
            // One without a name can be captured too.
            name: device.get_friendlyname().unwrap_or_default(),
            ..Self::start(way, client, &format)?
        })
    }

    fn start(way: Way, mut client: AudioClient, format: &WaveFormat) -> Result<Self, Trouble> {
        let mode = StreamMode::EventsShared {
            autoconvert: way == Way::ProcessLoopback,
            buffer_duration_hns: BUFFER_HNS,
        };
        let encoding = encoding(format)?;
        let (rate, channels) = (format.get_samplespersec(), format.get_nchannels());
        let mono = Mono::new(rate, channels)?;
        client.initialize_client(format, &Direction::Capture, &mode)?;
        let event = client.set_get_eventhandle()?;
        let capture = client.get_audiocaptureclient()?;
        client.start_stream()?;
        Ok(Self {
            way,
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
        })
    }

    pub(super) fn way(&self) -> Way {
        self.way
    }

    pub(super) fn device_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Empty where there is none.
    pub(super) fn device_name(&self) -> &str {
        &self.name
    }

    /// As the device delivers it, for people.
    pub(super) fn format(&self) -> &str {
        &self.format
    }

    /// Waits until there is a packet; false when `limit` has passed without one.
    pub(super) fn wait(&self, limit: Duration) -> bool {
        let limit_ms = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        self.event.wait_for_event(limit_ms).is_ok()
    }

    /// Reads the next packet, if there is one.
    pub(super) fn read(&mut self) -> Result<Option<Packet>, Trouble> {
        let waiting = self.capture.get_next_packet_size()?.unwrap_or(0);
        if waiting > self.max_frames {
            return Err(Trouble::Packet(waiting));
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
        Ok(Some(Packet {
            is_torn: info.flags.data_discontinuity,
        }))
    }

    /// Fails when the device is gone, which a stream without packets may say in no other way.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        // Process loopback has no device, and this is not implemented there.
        if self.way != Way::ProcessLoopback {
            self.running.0.get_current_padding()?;
        }
        Ok(())
    }

    /// Appends the packet that was read to what is to be given out.
    pub(super) fn convert(&mut self) -> Result<(), ConversionError> {
        self.mono.push(&self.samples)
    }

    /// The next 20 ms, once they are there.
    pub(super) fn next_block(&mut self) -> Option<Vec<f32>> {
        self.mono.next_block()
    }

    /// Whether something waits for what comes next.
    pub(super) fn holds_something(&self) -> bool {
        self.mono.holds_something()
    }

    /// All that is left: nothing comes next, or nothing that belongs to it.
    pub(super) fn flush(&mut self) -> Result<Vec<f32>, ConversionError> {
        self.mono.flush()
    }
}

/// A client that was started.
struct Running(AudioClient);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has failed cannot be stopped, and need not be.
        let _ = self.0.stop_stream();
    }
}

fn encoding(format: &WaveFormat) -> Result<Encoding, Trouble> {
    let is_float = matches!(format.get_subformat()?, SampleType::Float);
    let bits = format.get_bitspersample();
    let unknown = || {
        let kind = if is_float {
            "floating point"
        } else {
            "integers"
        };
        let frame_bytes = format.get_blockalign();
        Trouble::Format(format!(
            "{kind} of {bits} bits, {frame_bytes} bytes a frame"
        ))
    };
    let frame_bits = u32::from(bits) * u32::from(format.get_nchannels());
    let is_packed = frame_bits == format.get_blockalign() * 8;
    Encoding::of(is_float, bits)
        .filter(|_| is_packed)
        .ok_or_else(unknown)
}
