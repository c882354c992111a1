//! One value of every trouble, for tests that must not miss any.

use super::*;

/// Lists a value for each variant; a variant without one does not compile.
macro_rules! one_of_each {
    ($type:ty: $($pattern:pat => $value:expr,)*) => {{
        let _ = |value: &$type| match value { $($pattern => {})* };
        vec![$($value),*]
    }};
}

/// An example of every trouble and of everything that it can contain.
pub(crate) fn troubles() -> Vec<Trouble> {
    let to = ([192, 0, 2, 7], 4010).into();
    let reason = || "1234".to_owned();
    let mut troubles = one_of_each!(Trouble:
        Trouble::NotStarted(_) => Trouble::NotStarted(reason()),
        Trouble::NoCapture(_) => Trouble::NoCapture(CaptureTrouble::Thread(reason())),
        Trouble::Capture { .. } => Trouble::Capture {
            method: CaptureMethod::ProcessLoopback,
            reason: CaptureTrouble::Thread(reason()),
        },
        Trouble::SoundServer(_) => Trouble::SoundServer(SoundServerTrouble::NoSink),
        Trouble::File { .. } => Trouble::File { path: "/tone.wav".into(), reason: reason() },
        Trouble::Muted { .. } => Trouble::Muted { device: "1234".into() },
        Trouble::TurnedDown { .. } => Trouble::TurnedDown { device: "1234".into(), db: -32 },
        Trouble::Resolve { .. } => Trouble::Resolve { server: "raa.example".into(), reason: reason() },
        Trouble::NoRoute { .. } => Trouble::NoRoute { to, reason: reason() },
        Trouble::SsrcTaken => Trouble::SsrcTaken,
        Trouble::Send { .. } => Trouble::Send { to, reason: reason() },
    );
    let method = CaptureMethod::EndpointLoopback;
    let captures = capture_troubles().into_iter();
    troubles.extend(captures.map(|reason| Trouble::Capture { method, reason }));
    troubles.extend(sound_servers().into_iter().map(Trouble::SoundServer));
    troubles
}

/// Every capture method.
pub(crate) fn methods() -> Vec<CaptureMethod> {
    one_of_each!(CaptureMethod:
        CaptureMethod::ProcessLoopback => CaptureMethod::ProcessLoopback,
        CaptureMethod::EndpointLoopback => CaptureMethod::EndpointLoopback,
        CaptureMethod::CaptureDevice => CaptureMethod::CaptureDevice,
        CaptureMethod::SinkMonitor => CaptureMethod::SinkMonitor,
    )
}

fn capture_troubles() -> Vec<CaptureTrouble> {
    let mut troubles = one_of_each!(CaptureTrouble:
        CaptureTrouble::Windows { .. } => CaptureTrouble::Windows {
            error: WindowsError::Other(String::new()),
            code: 0x8666_1234,
        },
        CaptureTrouble::Wasapi(_) => CaptureTrouble::Wasapi("1234".into()),
        CaptureTrouble::NoAnswer(_) => CaptureTrouble::NoAnswer(Duration::from_secs(3)),
        CaptureTrouble::UnknownDevice(_) => CaptureTrouble::UnknownDevice("{0.0.1}".into()),
        CaptureTrouble::NoProgram(_) => CaptureTrouble::NoProgram("1234.exe".into()),
        CaptureTrouble::Format { .. } => CaptureTrouble::Format { is_float: false, bits: 20, frame_bytes: 6 },
        CaptureTrouble::PacketLength(_) => CaptureTrouble::PacketLength(50_000),
        CaptureTrouble::Conversion(_) => CaptureTrouble::Conversion(ConversionError::Channels(0)),
        CaptureTrouble::Fault(_) => CaptureTrouble::Fault(CaptureFault::Deaf),
        CaptureTrouble::Thread(_) => CaptureTrouble::Thread("1234".into()),
    );
    troubles.push(CaptureTrouble::Format {
        is_float: true,
        bits: 64,
        frame_bytes: 16,
    });
    let code = 0x8889_0004;
    let windows = windows_errors().into_iter();
    troubles.extend(windows.map(|error| CaptureTrouble::Windows { error, code }));
    troubles.extend(faults().into_iter().map(CaptureTrouble::Fault));
    troubles.extend(conversions().into_iter().map(CaptureTrouble::Conversion));
    troubles
}

fn windows_errors() -> Vec<WindowsError> {
    one_of_each!(WindowsError:
        WindowsError::DeviceInvalidated => WindowsError::DeviceInvalidated,
        WindowsError::ResourcesInvalidated => WindowsError::ResourcesInvalidated,
        WindowsError::DeviceInUse => WindowsError::DeviceInUse,
        WindowsError::ServiceNotRunning => WindowsError::ServiceNotRunning,
        WindowsError::ServiceStopped => WindowsError::ServiceStopped,
        WindowsError::ServiceUnreachable => WindowsError::ServiceUnreachable,
        WindowsError::EndpointCreateFailed => WindowsError::EndpointCreateFailed,
        WindowsError::WrongEndpointType => WindowsError::WrongEndpointType,
        WindowsError::UnsupportedFormat => WindowsError::UnsupportedFormat,
        WindowsError::AccessDenied => WindowsError::AccessDenied,
        WindowsError::NoDevice => WindowsError::NoDevice,
        WindowsError::NotSupported => WindowsError::NotSupported,
        WindowsError::Other(_) => WindowsError::Other("1234".into()),
    )
}

fn faults() -> Vec<CaptureFault> {
    one_of_each!(CaptureFault:
        CaptureFault::NotFinite => CaptureFault::NotFinite,
        CaptureFault::TooLoud(_) => CaptureFault::TooLoud(39.7),
        CaptureFault::Noise => CaptureFault::Noise,
        CaptureFault::Stuck => CaptureFault::Stuck,
        CaptureFault::WrongRate(_) => CaptureFault::WrongRate(44_100),
        CaptureFault::Gaps(_) => CaptureFault::Gaps(30),
        CaptureFault::Stopped => CaptureFault::Stopped,
        CaptureFault::Deaf => CaptureFault::Deaf,
    )
}

fn conversions() -> Vec<ConversionError> {
    one_of_each!(ConversionError:
        ConversionError::Rate(_) => ConversionError::Rate(999),
        ConversionError::Channels(_) => ConversionError::Channels(0),
        ConversionError::Resampler { .. } => ConversionError::Resampler { rate: 44_100, reason: "1234".into() },
    )
}

fn sound_servers() -> Vec<SoundServerTrouble> {
    one_of_each!(SoundServerTrouble:
        SoundServerTrouble::NoRuntimeFolder => SoundServerTrouble::NoRuntimeFolder,
        SoundServerTrouble::Address(_) => SoundServerTrouble::Address("tcp:192.0.2.7".into()),
        SoundServerTrouble::NotRunning { .. } => SoundServerTrouble::NotRunning {
            path: "/run/user/1000/pulse/native".into(),
            reason: "1234".into(),
        },
        SoundServerTrouble::NoSink => SoundServerTrouble::NoSink,
        SoundServerTrouble::StreamEnded => SoundServerTrouble::StreamEnded,
        SoundServerTrouble::Disconnected => SoundServerTrouble::Disconnected,
        SoundServerTrouble::Denied => SoundServerTrouble::Denied,
        SoundServerTrouble::Protocol(_) => SoundServerTrouble::Protocol("1234".into()),
    )
}
