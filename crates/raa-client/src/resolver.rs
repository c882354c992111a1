//! Looks up the server's name repeatedly, in a thread of its own.
//!
//! A look-up may hang for half a minute; nothing waits for it.
//!
//! Always: at most one look-up is running and one requested; an answer is at most a minute old.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use crate::settings::ServerAddress;

/// The pause between look-ups; it limits how long a server that moved is sent to its old address.
const REFRESH: Duration = Duration::from_secs(60);
/// The pause after a failed look-up.
const RETRY: Duration = Duration::from_secs(5);

/// The addresses of a name in the system's order of preference.
pub(crate) type Answer = io::Result<Vec<SocketAddr>>;

/// Requests look-ups from the thread.
#[derive(Debug)]
pub(crate) struct Resolver(SyncSender<()>);

impl Resolver {
    /// Requests a look-up now; the answer is delivered like any other.
    pub(crate) fn look_up_now(&self) {
        match self.0.try_send(()) {
            // Full: it is requested already. Disconnected: the client is ending.
            Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
        }
    }

    /// Creates a resolver without a thread.
    #[cfg(test)]
    pub(crate) fn idle() -> Self {
        Self(sync_channel(1).0)
    }
}

/// Answers are no longer wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closed;

/// Starts a thread that looks up `server` until `deliver`, which may wait, no longer wants answers.
pub(crate) fn spawn(
    server: ServerAddress,
    deliver: impl FnMut(Answer) -> Result<(), Closed> + Send + 'static,
) -> io::Result<Resolver> {
    let (request, requested) = sync_channel(1);
    std::thread::Builder::new()
        .name("resolver".into())
        .spawn(move || run(&server, deliver, &requested))?;
    Ok(Resolver(request))
}

fn run(
    server: &ServerAddress,
    mut deliver: impl FnMut(Answer) -> Result<(), Closed>,
    requested: &Receiver<()>,
) {
    loop {
        let answer = look_up(server);
        let wait = if answer.is_ok() { REFRESH } else { RETRY };
        if deliver(answer) == Err(Closed) {
            return;
        }
        if requested.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

fn look_up(server: &ServerAddress) -> Answer {
    let addresses = (server.host.as_str(), server.port).to_socket_addrs()?;
    Ok(addresses.collect())
}
