//! What a client of RAA does, whatever it runs on: capture, packetize, send, for ever.
//!
//! Three threads share nothing but queues: capture and the resolver put what they have into one
//! bounded inbox, the sender takes it out and owns the packetizer and the socket. What depends on
//! the operating system is the capture alone, and the face that Windows' client has.
//!
//! Always: nothing blocks the sender but its inbox; no queue grows without a limit; the server,
//! its name and the sound server may go and come back at any time.

pub mod capture;
pub mod config;
pub mod desktop;
mod files;
mod hearing;
pub mod link;
pub mod logging;
#[cfg(unix)]
pub mod options;
pub mod resolver;
pub mod sender;
pub mod status;
#[cfg(windows)]
pub mod windows;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use anyhow::Context;

use crate::capture::PcmInbox;
use crate::config::Settings;
use crate::link::Link;
use crate::sender::{Input, Sender};
use crate::status::Board;

/// Blocks of PCM and other inputs that wait for the sender at most: 320 ms of sound.
const INBOX: usize = 16;

/// A client at work.
pub struct Client {
    inbox: SyncSender<Input>,
    sender: JoinHandle<()>,
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
        capture::spawn(capture, pcm).context("cannot start the capture's thread")?;
        let sender = std::thread::Builder::new()
            .name("sender".into())
            .spawn(move || sender.run())
            .context("cannot start the sender's thread")?;
        Ok(Self { inbox, sender })
    }

    /// Sends silence in place of sound, or sound again.
    pub fn mute(&self, muted: bool) {
        // A sender that has ended sends nothing anyway.
        let _ = self.inbox.send(Input::Mute(muted));
    }

    /// Says goodbye and ends.
    pub fn stop(self) {
        let _ = self.inbox.send(Input::Stop);
        // A sender that panicked has said so itself.
        let _ = self.sender.join();
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
