//! What a client of RAA does, whatever it runs on: capture, packetize, send, for ever.
//!
//! Three threads share nothing but queues: capture and the resolver put what they have into one
//! bounded inbox, the sender takes it out and owns the packetizer and the socket. What depends on
//! the operating system is the capture alone.
//!
//! Always: nothing blocks the sender but its inbox; no queue grows without a limit; the server,
//! its name and the sound server may go and come back at any time.

pub mod capture;
pub mod config;
pub mod link;
pub mod logging;
pub mod options;
pub mod resolver;
pub mod sender;

use std::sync::mpsc::{SyncSender, sync_channel};

use anyhow::Context;

use crate::config::Settings;
use crate::sender::{Input, Sender};

/// Blocks of PCM and other inputs that wait for the sender at most: 320 ms of sound.
const INBOX: usize = 16;

/// Sends until it is told to stop. `stop` gets the inbox and puts [`Input::Stop`] into it when
/// the time has come, from a thread of its own.
///
/// # Errors
/// When the source cannot be opened, or a thread or the encoder cannot be made.
pub fn run(
    settings: &Settings,
    stop: impl FnOnce(SyncSender<Input>) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    let (inbox, inputs) = sync_channel(INBOX);
    stop(inbox.clone()).context("cannot wait for signals")?;
    let capture = capture::open(&settings.source)?;
    let resolver = resolver::spawn(settings.server.clone(), inbox.clone())
        .context("cannot start the resolver's thread")?;
    let sender = Sender::new(settings, inputs, resolver).context("cannot make the encoder")?;
    capture::spawn(capture, inbox).context("cannot start the capture's thread")?;
    sender.run();
    Ok(())
}
