//! What a client of RAA does, whatever it runs on: capture, packetize, send, for ever.
//!
//! Three threads share nothing but queues: capture and the resolver put what they have into one
//! bounded inbox, the sender takes it out and owns the packetizer and the socket. What depends on
//! the operating system is the capture alone, and the face that Windows' client has.
//!
//! Always: nothing blocks the sender but its inbox; no queue grows without a limit; the server,
//! its name and the sound server may go and come back at any time.

pub mod capture;
mod files;
pub mod link;
pub mod logging;
mod reception_log;
pub mod resolver;
pub mod sender;
pub mod settings;
pub mod status;
pub mod ui;
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
use crate::settings::Settings;
use crate::status::Board;

/// Blocks of PCM and other inputs that wait for the sender at most: 320 ms of sound.
const INBOX: usize = 16;

/// A capture that waits for sound notices within a second that it is not needed any more; one that
/// hangs is not waited for.
const CAPTURE_ENDS_WITHIN: Duration = Duration::from_millis(1500);
const LOOK: Duration = Duration::from_millis(5);

/// A client at work.
pub struct Client {
    inbox: SyncSender<Input>,
    sender: JoinHandle<()>,
    capture: JoinHandle<()>,
}

/// A client that sends no more, and whose capture is about to end.
pub struct Stopped {
    capture: JoinHandle<()>,
}

impl Client {
    /// Sends from here on, and says on `board` how it goes.
    ///
    /// # Errors
    /// When the source cannot be opened, or a thread or the encoder cannot be made.
    pub fn start(settings: &Settings, board: Board) -> anyhow::Result<Self> {
        let (inbox, inputs) = sync_channel(INBOX);
        let alive = Arc::new(());
        let pcm = PcmInbox::new(inbox.clone(), board.clone(), Arc::downgrade(&alive));
        let capture = capture::open(&settings.source)?;
        let link = link(settings, &inbox, &board)?;
        let sender =
            Sender::new(settings, inputs, link, board, alive).context("cannot make the encoder")?;
        let capture = capture::spawn(capture, pcm).context("cannot start the capture's thread")?;
        let sender = thread::Builder::new()
            .name("sender".into())
            .spawn(move || sender.run())
            .context("cannot start the sender's thread")?;
        Ok(Self {
            inbox,
            sender,
            capture,
        })
    }

    /// Sends silence in place of sound, or sound again.
    pub fn mute(&self, muted: bool) {
        // A sender that has ended sends nothing anyway.
        let _ = self.inbox.send(Input::Mute(muted));
    }

    /// Says goodbye and ends, but for the capture, which may take a moment to notice.
    pub fn stop(self) -> Stopped {
        let _ = self.inbox.send(Input::Stop);
        // A sender that panicked has said so itself.
        let _ = self.sender.join();
        Stopped {
            capture: self.capture,
        }
    }
}

impl Stopped {
    /// Whether the capture has ended.
    pub fn has_ended(&self) -> bool {
        self.capture.is_finished()
    }

    /// Waits for the end of the capture, for at most 1.5 s. Where capture runs in libraries of the
    /// operating system, the process ends after it: cut off amid a call, it would leave a lock
    /// behind that the end of the process itself may need.
    pub fn wait(self) {
        let start = Instant::now();
        while !self.has_ended() && start.elapsed() < CAPTURE_ENDS_WITHIN {
            thread::sleep(LOOK);
        }
        if self.has_ended() {
            // The thread's very last steps. A capture that panicked has said so itself.
            let _ = self.capture.join();
        }
    }
}

fn link(settings: &Settings, inbox: &SyncSender<Input>, board: &Board) -> anyhow::Result<Link> {
    let Some(server) = &settings.server else {
        return Ok(Link::nowhere(board.clone()));
    };
    let inbox = inbox.clone();
    let deliver = move |answer| {
        let sent = inbox.send(Input::Resolved(answer));
        sent.map_err(|_| resolver::Gone)
    };
    let resolver =
        resolver::spawn(server.clone(), deliver).context("cannot start the resolver's thread")?;
    Ok(Link::new(server.to_string(), resolver, board.clone()))
}
