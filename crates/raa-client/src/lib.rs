//! The RAA client: captures sound and sends it to an RAA server.
//!
//! Three threads share nothing but queues: capture and the resolver put their results into one
//! bounded inbox; the sender takes them out, and owns the packetizer and the socket. Only capture
//! and the user interface of Windows depend on the operating system.
//!
//! Always: the sender waits for nothing but its inbox; every queue has a limit; the server, its
//! address and the sound server may disappear and return at any time.

mod capture;
#[cfg(target_os = "linux")]
mod doctor;
mod files;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod link;
#[cfg(unix)]
pub mod linux;
pub mod logging;
mod reception_log;
mod resolver;
// Used on Windows only, and tested everywhere.
#[cfg_attr(not(windows), allow(dead_code))]
mod restarts;
mod sender;
pub mod settings;
pub mod status;
// Used on Windows only, except for the server test, and tested everywhere.
#[cfg_attr(not(windows), allow(dead_code))]
mod ui;
#[cfg(windows)]
pub mod windows;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::capture::PcmInbox;
use crate::link::Link;
use crate::sender::{Input, Sender};
use crate::settings::{Settings, Ssrc};
use crate::status::SharedStatus;

/// The capacity of the sender's inbox: 320 ms of sound.
const INBOX: usize = 16;

/// How long to wait for the end of a capture. One without sound notices within a second that it must
/// end; one that hangs is left behind.
const CAPTURE_ENDS_WITHIN: Duration = Duration::from_millis(1500);
/// The pause between two checks whether a capture has ended.
const CHECK_EVERY: Duration = Duration::from_millis(5);

/// A running client.
pub struct Client {
    inbox: SyncSender<Input>,
    sender: JoinHandle<()>,
    capture: JoinHandle<()>,
}

/// A client that no longer sends and whose capture is about to end.
pub struct Stopped {
    capture: JoinHandle<()>,
}

impl Client {
    /// Starts capturing and sending, and reports to `status`. Passes the SSRC to `keep` if it has to
    /// choose another one.
    ///
    /// # Errors
    /// When the source cannot be opened, or a thread or the encoder cannot be created.
    pub fn start(
        settings: &Settings,
        status: SharedStatus,
        keep: impl Fn(Ssrc) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let (inbox, inputs) = sync_channel(INBOX);
        let alive = Arc::new(());
        let pcm = PcmInbox::new(inbox.clone(), status.clone(), Arc::downgrade(&alive));
        let capture = capture::open(settings)?;
        let link = link(settings, &inbox, &status)?;
        let sender = Sender::new(settings, inputs, link, status, Box::new(keep), alive)
            .context("cannot create the encoder")?;
        let capture = capture::spawn(capture, pcm).context("cannot start the capture thread")?;
        let sender = thread::Builder::new()
            .name("sender".into())
            .spawn(move || sender.run())
            .context("cannot start the sender thread")?;
        Ok(Self {
            inbox,
            sender,
            capture,
        })
    }

    /// Sends silence instead of sound, or sound again.
    pub fn mute(&self, muted: bool) {
        // A sender that has ended sends nothing anyway.
        let _ = self.inbox.send(Input::Mute(muted));
    }

    /// Sends BYE and ends everything except the capture, which may need a moment to notice.
    pub fn stop(self) -> Stopped {
        let _ = self.inbox.send(Input::Stop);
        // A panic in the sender has been reported already.
        let _ = self.sender.join();
        Stopped {
            capture: self.capture,
        }
    }
}

impl Stopped {
    /// Returns whether the capture has ended.
    pub fn has_ended(&self) -> bool {
        self.capture.is_finished()
    }

    /// Waits for the end of the capture, for up to 1.5 s. Needed where the process ends afterwards and
    /// capture calls libraries of the operating system: a thread that is killed inside such a call may
    /// hold a lock that the end of the process needs.
    pub fn wait(self) {
        let start = Instant::now();
        while !self.has_ended() && start.elapsed() < CAPTURE_ENDS_WITHIN {
            thread::sleep(CHECK_EVERY);
        }
        if self.has_ended() {
            // Also waits for the thread's last instructions. A panic has been reported already.
            let _ = self.capture.join();
        }
    }
}

fn link(
    settings: &Settings,
    inbox: &SyncSender<Input>,
    status: &SharedStatus,
) -> anyhow::Result<Link> {
    let Some(server) = &settings.server else {
        return Ok(Link::nowhere(status.clone()));
    };
    let inbox = inbox.clone();
    let deliver = move |answer| {
        let delivered = inbox.send(Input::Resolved(answer));
        delivered.map_err(|_| resolver::Closed)
    };
    let resolver =
        resolver::spawn(server.clone(), deliver).context("cannot start the resolver thread")?;
    Ok(Link::new(server.to_string(), resolver, status.clone()))
}
