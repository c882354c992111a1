//! What signals do: two of them stop the server, and the others leave it alone.
//!
//! Always: whatever the process has inherited, SIGTERM and SIGINT stop it, and no signal that somebody
//! sends by habit, such as SIGHUP after a change of the configuration, silences it.

use std::io::{IsTerminal as _, stdout};

use anyhow::Context as _;
use nix::libc::SIGXFSZ;
use nix::sys::signal::SigSet;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Allows all signals, which a supervisor may have blocked. To be called before there are threads that
/// have copied that.
pub(crate) fn unblock() {
    // It fails for no set of signals.
    let _ = SigSet::empty().thread_set_mask();
}

/// Cancels `stop` at SIGTERM and SIGINT, and ignores others that would end the process.
///
/// # Errors
/// When the system refuses a handler.
pub(crate) fn handle(stop: &CancellationToken) -> anyhow::Result<()> {
    let mut terminate = handler(SignalKind::terminate())?;
    let mut interrupt = handler(SignalKind::interrupt())?;
    let mut hang_up = handler(SignalKind::hangup())?;
    // A handler of their own is all that they need. SIGXFSZ is how a limit for files ends a process;
    // with a handler, the write fails instead, as on a full disk.
    let ignored = [
        SignalKind::from_raw(SIGXFSZ),
        SignalKind::user_defined1(),
        SignalKind::user_defined2(),
        SignalKind::alarm(),
    ];
    let ignored: anyhow::Result<Vec<Signal>> = ignored.into_iter().map(handler).collect();
    let ignored = ignored?;
    let stop = stop.clone();
    tokio::spawn(async move {
        let _ignored = ignored;
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hang_up.recv() => if ends_with_terminal() {
                    break;
                }
            }
        }
        stop.cancel();
    });
    Ok(())
}

/// Returns whether the server writes to a terminal, which has just been closed.
fn ends_with_terminal() -> bool {
    let is_terminal = stdout().is_terminal();
    if !is_terminal {
        warn!("SIGHUP changes nothing; restart the server to read its configuration again");
    }
    is_terminal
}

fn handler(kind: SignalKind) -> anyhow::Result<Signal> {
    signal(kind).with_context(|| format!("cannot wait for signal {}", kind.as_raw_value()))
}
