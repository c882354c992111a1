//! What the server is told about the capture, because silence does not say whether anybody hears.
//!
//! Always: trouble of the link is not part of it: a server that can be told needs no telling.

use raa_core::rtcp;

use super::{CaptureTrouble, SoundServerTrouble, Status, Trouble, WindowsError};

impl Status {
    /// Returns why the server may hear nothing of this computer, as RTCP reports say it.
    pub(crate) fn capture_trouble(&self) -> Option<rtcp::CaptureTrouble> {
        let muted = self.muted.then_some(rtcp::CaptureTrouble::Muted);
        self.capture.trouble.as_ref().map(reported).or(muted)
    }
}

fn reported(trouble: &Trouble) -> rtcp::CaptureTrouble {
    match trouble {
        Trouble::Muted { .. } => rtcp::CaptureTrouble::Muted,
        Trouble::TurnedDown { .. } => rtcp::CaptureTrouble::TurnedDown,
        Trouble::Capture { reason, .. } | Trouble::NoCapture(reason) => capture(reason),
        Trouble::SoundServer(reason) => sound_server(reason),
        Trouble::File { .. }
        | Trouble::NotStarted(_)
        | Trouble::Resolve { .. }
        | Trouble::NoRoute { .. }
        | Trouble::SsrcTaken
        | Trouble::Send { .. } => rtcp::CaptureTrouble::Reopening,
    }
}

fn capture(trouble: &CaptureTrouble) -> rtcp::CaptureTrouble {
    match trouble {
        CaptureTrouble::UnknownDevice(_) => rtcp::CaptureTrouble::NoDevice,
        CaptureTrouble::Windows { error, .. } => windows(error),
        CaptureTrouble::NoProgram(_)
        | CaptureTrouble::Fault(_)
        | CaptureTrouble::Wasapi(_)
        | CaptureTrouble::NoAnswer(_)
        | CaptureTrouble::Format { .. }
        | CaptureTrouble::PacketLength(_)
        | CaptureTrouble::Conversion(_)
        | CaptureTrouble::Thread(_) => rtcp::CaptureTrouble::Reopening,
    }
}

fn windows(error: &WindowsError) -> rtcp::CaptureTrouble {
    match error {
        WindowsError::NoDevice
        | WindowsError::EndpointCreateFailed
        | WindowsError::ServiceNotRunning
        | WindowsError::ServiceUnreachable => rtcp::CaptureTrouble::NoDevice,
        WindowsError::DeviceInvalidated
        | WindowsError::ResourcesInvalidated
        | WindowsError::DeviceInUse
        | WindowsError::ServiceStopped
        | WindowsError::WrongEndpointType
        | WindowsError::UnsupportedFormat
        | WindowsError::AccessDenied
        | WindowsError::NotSupported
        | WindowsError::Other(_) => rtcp::CaptureTrouble::Reopening,
    }
}

fn sound_server(trouble: &SoundServerTrouble) -> rtcp::CaptureTrouble {
    match trouble {
        SoundServerTrouble::NoRuntimeFolder
        | SoundServerTrouble::Address(_)
        | SoundServerTrouble::NotRunning { .. }
        | SoundServerTrouble::NoSink
        | SoundServerTrouble::Denied => rtcp::CaptureTrouble::NoDevice,
        SoundServerTrouble::StreamEnded
        | SoundServerTrouble::Disconnected
        | SoundServerTrouble::Protocol(_) => rtcp::CaptureTrouble::Reopening,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{CaptureFault, CaptureMethod};

    #[test]
    fn troubles_of_the_capture_are_reported_in_four_words() {
        let check = |trouble: Trouble, expected| {
            let mut status = Status::default();
            status.capture.trouble = Some(trouble);
            assert_eq!(status.capture_trouble(), Some(expected));
        };
        let device = || "Speakers".to_owned();
        let windows = |error| Trouble::Capture {
            method: CaptureMethod::EndpointLoopback,
            reason: CaptureTrouble::Windows { error, code: 1 },
        };
        let fault = Trouble::Capture {
            method: CaptureMethod::EndpointLoopback,
            reason: CaptureTrouble::Fault(CaptureFault::Stopped),
        };
        use rtcp::CaptureTrouble::{Muted, NoDevice, Reopening, TurnedDown};
        check(Trouble::Muted { device: device() }, Muted);
        let db = -30;
        check(
            Trouble::TurnedDown {
                device: device(),
                db,
            },
            TurnedDown,
        );
        check(windows(WindowsError::NoDevice), NoDevice);
        check(windows(WindowsError::DeviceInvalidated), Reopening);
        check(fault, Reopening);
        check(Trouble::SoundServer(SoundServerTrouble::NoSink), NoDevice);
        check(
            Trouble::SoundServer(SoundServerTrouble::StreamEnded),
            Reopening,
        );
    }

    #[test]
    fn a_muted_client_is_reported_and_a_link_is_not() {
        let mut status = Status::default();
        assert_eq!(status.capture_trouble(), None);
        status.link.trouble = Some(Trouble::NotStarted("no network".into()));
        assert_eq!(status.capture_trouble(), None);
        status.muted = true;
        let muted = rtcp::CaptureTrouble::Muted;
        assert_eq!(status.capture_trouble(), Some(muted));
    }
}
