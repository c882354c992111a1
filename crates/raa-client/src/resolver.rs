//! Looks the server's name up, again and again, in a thread of its own.
//!
//! A look-up may hang for half a minute; nothing waits for it.
//! Always: at most one look-up is under way and one asked for; an answer is news of the last
//! minute.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use crate::config::ServerAddress;
use crate::sender::Input;

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
    /// The answer comes by the inbox.
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

/// Looks `server` up at once and then for ever, and puts the answers into `inbox`.
///
/// # Errors
/// When the thread cannot be made.
pub fn spawn(server: ServerAddress, inbox: SyncSender<Input>) -> io::Result<Resolver> {
    let (ask, asked) = sync_channel(1);
    std::thread::Builder::new()
        .name("resolver".into())
        .spawn(move || run(&server, &inbox, &asked))?;
    Ok(Resolver(ask))
}

fn run(server: &ServerAddress, inbox: &SyncSender<Input>, asked: &Receiver<()>) {
    loop {
        let answer = look_up(server);
        let wait = if answer.is_ok() { REFRESH } else { RETRY };
        if inbox.send(Input::Resolved(answer)).is_err() {
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
