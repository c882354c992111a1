//! Why nothing is captured or sent, as values.
//!
//! Display is their English text, for the log and the diagnostics; `ui::texts` translates the values.
//! The operating system's own explanation of an error is kept unchanged.
//!
//! Always: a text is a part of a sentence, without a full stop.

use std::net::SocketAddr;
use std::time::Duration;

/// A way of capturing sound; on Windows, better ones come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CaptureMethod {
    /// Windows: everything that other programs play, on any device.
    #[error("process loopback")]
    ProcessLoopback,
    /// Windows: everything that one device plays.
    #[error("endpoint loopback")]
    EndpointLoopback,
    /// Windows: what one device records.
    #[error("capture device")]
    CaptureDevice,
    /// Linux: what the default sink of the sound server plays.
    #[error("monitor of the default sink")]
    SinkMonitor,
}

/// Why nothing is captured or nothing can be sent.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Trouble {
    /// The client could not be started.
    #[error("cannot start: {0}")]
    NotStarted(String),
    /// Capturing could not even be prepared.
    #[error("cannot capture: {0}")]
    NoCapture(CaptureTrouble),
    /// The method in use captures nothing.
    #[error("{method}: {reason}")]
    Capture {
        /// The last method that was tried.
        method: CaptureMethod,
        /// Why it captures nothing.
        reason: CaptureTrouble,
    },
    /// The sound server of a Linux computer has nothing to capture.
    #[error("{0}")]
    SoundServer(SoundServerTrouble),
    /// The file can no longer be played.
    #[error("cannot play {path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why not.
        reason: String,
    },
    /// Somebody muted the device in the volume control, so its sound does not reach the capture.
    #[error("{device} is muted in the volume control of this computer")]
    Muted {
        /// The device's display name.
        device: String,
    },
    /// Somebody turned the device down in the volume control, and the capture hears it that quiet.
    #[error("{device} is turned down to {db} dB in the volume control of this computer")]
    TurnedDown {
        /// The device's display name.
        device: String,
        /// The volume in dB, at most -20.
        db: i32,
    },
    /// The server's name has no address.
    #[error("cannot resolve {server}: {reason}")]
    Resolve {
        /// The server as it was set.
        server: String,
        /// The system's explanation.
        reason: String,
    },
    /// There is no route to the server.
    #[error("no route to {to}: {reason}")]
    NoRoute {
        /// The server's address.
        to: SocketAddr,
        /// The system's explanation.
        reason: String,
    },
    /// The server hears another client with this one's SSRC, and turns this one away.
    #[error("another computer uses this client's number, so the server does not play this one")]
    SsrcTaken,
    /// The server's computer or network refuses datagrams.
    #[error("cannot send to {to}: {reason}")]
    Send {
        /// The server's address.
        to: SocketAddr,
        /// The system's explanation.
        reason: String,
    },
}

/// Why capturing is not as good as it could be, or what it waits for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CaptureNote {
    /// A better method is not in use.
    #[error("{method}: {reason}")]
    Method {
        /// The better method.
        method: CaptureMethod,
        /// Why it is not in use.
        reason: CaptureTrouble,
    },
    /// The capturing thread has an ordinary priority.
    #[error("thread priority: {0}")]
    Priority(CaptureTrouble),
    /// No stream is open, because nothing plays.
    #[error("the capture rests until something plays, so that the computer can sleep")]
    Resting,
}

/// Why one method of Windows captures nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CaptureTrouble {
    /// Windows returned an error.
    #[error("{}", with_code(.error, *.code))]
    Windows {
        /// What it means.
        error: WindowsError,
        /// The HRESULT.
        code: u32,
    },
    /// The library for WASAPI returned an error of its own.
    #[error("{0}")]
    Wasapi(String),
    /// Windows did not answer.
    #[error("Windows did not answer within {} s", .0.as_secs())]
    NoAnswer(Duration),
    /// No device has this endpoint id.
    #[error("this computer has no device {0}")]
    UnknownDevice(String),
    /// The only program whose sound is to be captured does not run.
    #[error("{0} is not running")]
    NoProgram(String),
    /// The device's sample format is not supported.
    #[error(
        "unsupported sample format: {}, {bits} bits, {frame_bytes} bytes per frame",
        if *.is_float { "floating point" } else { "integer" }
    )]
    Format {
        /// Floating point instead of integer.
        is_float: bool,
        /// Bits per sample.
        bits: u16,
        /// Bytes per frame.
        frame_bytes: u32,
    },
    /// The device claims to hold more than a second of audio.
    #[error("it reports {0} waiting frames")]
    PacketLength(u32),
    /// Its audio cannot be converted to 48 kHz mono.
    #[error("{0}")]
    Conversion(#[from] ConversionError),
    /// It delivers without an error, but not what it should.
    #[error("{0}")]
    Fault(#[from] CaptureFault),
    /// The system refused to start a thread.
    #[error("cannot start a thread: {0}")]
    Thread(String),
}

/// What Windows' error codes mean for sound devices.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowsError {
    /// `AUDCLNT_E_DEVICE_INVALIDATED`
    #[error("the device was removed, disabled or reconfigured")]
    DeviceInvalidated,
    /// `AUDCLNT_E_RESOURCES_INVALIDATED`
    #[error("Windows took the device's resources away")]
    ResourcesInvalidated,
    /// `AUDCLNT_E_DEVICE_IN_USE`
    #[error("another program is using the device exclusively")]
    DeviceInUse,
    /// `AUDCLNT_E_SERVICE_NOT_RUNNING`
    #[error("the Windows Audio service is not running")]
    ServiceNotRunning,
    /// `RPC_E_DISCONNECTED`
    #[error("the Windows Audio service has stopped")]
    ServiceStopped,
    /// `RPC_S_SERVER_UNAVAILABLE`
    #[error("the Windows Audio service cannot be reached")]
    ServiceUnreachable,
    /// `AUDCLNT_E_ENDPOINT_CREATE_FAILED`
    #[error("the device cannot be opened; it may be unplugged")]
    EndpointCreateFailed,
    /// `AUDCLNT_E_WRONG_ENDPOINT_TYPE`
    #[error("the device cannot be captured this way")]
    WrongEndpointType,
    /// `AUDCLNT_E_UNSUPPORTED_FORMAT`
    #[error("the device refuses its own format")]
    UnsupportedFormat,
    /// `E_ACCESSDENIED`
    #[error("Windows denied access; check its privacy settings for the microphone")]
    AccessDenied,
    /// `ERROR_NOT_FOUND`, `ERROR_NO_SUCH_DEVICE`
    #[error("there is no such sound device")]
    NoDevice,
    /// `E_NOTIMPL`, `REGDB_E_CLASSNOTREG`, `ERROR_FILE_NOT_FOUND`
    #[error("this version of Windows does not support it")]
    NotSupported,
    /// Any other code, in Windows' words and language; empty when Windows has none.
    #[error("{0}")]
    Other(String),
}

/// What is wrong with a capture that reports no error.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum CaptureFault {
    /// Samples are infinite or NaN.
    #[error("it delivers samples that are not finite numbers")]
    NotFinite,
    /// The level in dBFS is louder than any mix of programs.
    #[error("it delivers samples of {0:.0} dBFS")]
    TooLoud(f32),
    /// White noise for 30 s.
    #[error("it delivers nothing but loud noise")]
    Noise,
    /// A constant other than silence for 10 s.
    #[error("it delivers the same value over and over")]
    Stuck,
    /// The rate in Hz is off by more than 5 % for 10 s.
    #[error("it delivers {0} samples per second instead of 48000")]
    WrongRate(u32),
    /// How many gaps there were within 10 s.
    #[error("it lost sound {0} times in 10 s")]
    Gaps(u32),
    /// No packet for 3 s from a device that delivers silence, too.
    #[error("it no longer delivers anything")]
    Stopped,
    /// Silence while the device's own meter shows sound.
    #[error("it delivers silence while the device plays")]
    Deaf,
}

/// Why samples cannot be converted to 48 kHz mono.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConversionError {
    /// The sample rate in Hz is not supported.
    #[error("the sample rate is {0} Hz; it must be from 1000 to 768000 Hz")]
    Rate(u32),
    /// The number of channels is not supported.
    #[error("the number of channels is {0}; it must be at least 1")]
    Channels(u16),
    /// The resampler failed.
    #[error("cannot convert from {rate} Hz: {reason}")]
    Resampler {
        /// The sample rate in Hz.
        rate: u32,
        /// The resampler's explanation.
        reason: String,
    },
}

/// Why the sound server of a Linux computer has nothing to capture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SoundServerTrouble {
    /// Nothing says where its socket is.
    #[error("XDG_RUNTIME_DIR is not set")]
    NoRuntimeFolder,
    /// `PULSE_SERVER` names no socket of this computer.
    #[error("PULSE_SERVER is {0:?}; it must be a socket of this computer, unix:PATH")]
    Address(String),
    /// Nothing accepts connections at its socket.
    #[error("no sound server at {path}: {reason}")]
    NotRunning {
        /// The socket.
        path: String,
        /// The system's explanation.
        reason: String,
    },
    /// It has no sink whose monitor could be captured.
    #[error("the sound server has no sink")]
    NoSink,
    /// It ended the capture, as when a sink disappears.
    #[error("the sound server ended the capture")]
    StreamEnded,
    /// It closed the connection.
    #[error("the connection to the sound server was lost")]
    Disconnected,
    /// It refuses this client.
    #[error("the sound server denied access (wrong cookie)")]
    Denied,
    /// Something else failed in talking to it.
    #[error("sound server: {0}")]
    Protocol(String),
}

/// The error and its code; the code alone where Windows has no words for it.
fn with_code(error: &WindowsError, code: u32) -> String {
    let words = error.to_string();
    if words.is_empty() {
        format!("0x{code:08X}")
    } else {
        format!("{words} (0x{code:08X})")
    }
}

#[cfg(test)]
pub(crate) mod samples;
