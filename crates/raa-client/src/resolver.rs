//! Looks the server's name up, again and again, in a thread of its own.
//!
//! A look-up may hang for half a minute; nothing waits for it.
//! Always: at most one look-up is under way and one asked for; an answer is news of the last
//! minute.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use crate::settings::ServerAddress;

/// A server that moves to another address is found there after so long, even if the old address
/// takes packets without a word.
const REFRESH: Duration = Duration::from_secs(60);
/// How soon a look-up that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// The addresses of a name, in the order in which the system prefers them; or why there are none.
pub type Answer = Result<Vec<SocketAddr>, String>;

/// Asks the thread for a look-up before its time.
#[derive(Debug, Clone)]
pub struct Resolver(SyncSender<()>);

impl Resolver {
    /// The answer comes as every answer does.
    pub fn look_up_now(&self) {
        match self.0.try_send(()) {
            // Full: it has been asked already. Disconnected: the client is ending.
            Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
        }
    }

    /// One that nobody listens to.
    #[cfg(test)]
    pub(crate) fn unattended() -> Self {
        Self(sync_channel(1).0)
    }
}

/// Nobody waits for answers any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// Looks `server` up at once and then until nobody waits for answers, and hands each to
/// `deliver`, which may wait.
///
/// # Errors
/// When the thread cannot be made.
pub fn spawn(
    server: ServerAddress,
    deliver: impl FnMut(Answer) -> Result<(), Gone> + Send + 'static,
) -> io::Result<Resolver> {
    let (ask, asked) = sync_channel(1);
    std::thread::Builder::new()
        .name("resolver".into())
        .spawn(move || run(&server, deliver, &asked))?;
    Ok(Resolver(ask))
}

fn run(
    server: &ServerAddress,
    mut deliver: impl FnMut(Answer) -> Result<(), Gone>,
    asked: &Receiver<()>,
) {
    loop {
        let answer = look_up(server);
        let wait = if answer.is_ok() { REFRESH } else { RETRY };
        if deliver(answer) == Err(Gone) {
            return;
        }
        if asked.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

fn look_up(server: &ServerAddress) -> Answer {
    match (server.host.as_str(), server.port).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(error.to_string()),
    }
}
