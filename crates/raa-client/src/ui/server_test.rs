//! "Test": whether an address is that of an RAA server, and whether that server hears this client.
//!
//! The sound's way is UDP, which nobody answers. So the server's page is asked: its API says what
//! it is, and which clients it hears.
//! Always: ends within the given time for each step, whatever the network does; answers of any
//! size and content are taken; what was found is a value, and its words are [`super::texts`]'.

mod http;

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::http::Url;
use crate::settings::{ServerAddress, Ssrc};

/// How long a person waits for each step.
pub(crate) const LIMIT: Duration = Duration::from_secs(3);

/// The status has a few kilobytes.
const MAX_STATUS: usize = 64 * 1024;
/// A thousand clients have 600 KB.
const MAX_CLIENTS: usize = 8 * 1024 * 1024;
/// A server's version is shown up to this length.
const MAX_VERSION_CHARS: usize = 40;

/// What a test has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where sound is sent to: the addresses of the server's name.
    pub(crate) addresses: Result<Vec<SocketAddr>, NoAddress>,
    /// What the server's page says.
    pub(crate) server: Result<Server, NoServer>,
}

/// A server of RAA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// Its version.
    pub(crate) version: String,
    /// Whether it hears this client.
    pub(crate) hears: Hears,
}

/// What a server hears of this client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hears {
    /// It sounds.
    Sound,
    /// Its packets arrive and are silent.
    Silence,
    /// Nothing now, but it has been there.
    Nothing,
    /// It was never there.
    Never,
    /// The server does not say.
    Unknown,
}

/// Why a name has no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAddress {
    /// Nobody knows it, says the system.
    #[error("{0}")]
    Unknown(String),
    /// There was no answer in time.
    #[error("no answer in time")]
    TimedOut,
}

/// Why a page is not that of an RAA server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoServer {
    /// There is no such URL.
    #[error("{0:?} is no URL of a page")]
    Url(String),
    /// It begins with https://, which the test cannot speak.
    #[error("a page with https:// cannot be tested")]
    Https,
    /// The name in the URL has no address.
    #[error("the page's name has no address: {0}")]
    Address(NoAddress),
    /// Nobody listens there, or there is no way.
    #[error("{0}")]
    Unreachable(String),
    /// There was no answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// Somebody answers, with an HTTP status other than 200.
    #[error("it answers with HTTP status {0}")]
    Status(u16),
    /// Somebody answers, and it is not RAA.
    #[error("it is not an RAA server")]
    NotRaa,
}

/// Looks the server up and asks its page at the URL `page`, which ends with a slash. Takes three
/// times `limit` at most.
pub(crate) fn test(server: &ServerAddress, page: &str, ssrc: Ssrc, limit: Duration) -> Found {
    Found {
        addresses: resolve(&server.host, server.port, limit),
        server: ask(page, ssrc, limit),
    }
}

fn ask(page: &str, ssrc: Ssrc, limit: Duration) -> Result<Server, NoServer> {
    let url: Url = page.parse()?;
    let to = resolve(url.host(), url.port(), limit).map_err(NoServer::Address)?;
    let until = Instant::now() + limit;
    let status = http::get(&to, &url, "api/status", MAX_STATUS, until)?;
    let version = version(&status).ok_or(NoServer::NotRaa)?;
    // The server is one, whatever becomes of this.
    let clients = http::get(&to, &url, "api/clients", MAX_CLIENTS, until);
    let hears = clients.map_or(Hears::Unknown, |clients| hears(&clients, ssrc));
    Ok(Server { version, hears })
}

/// Only a server of RAA has all of these.
fn version(status: &[u8]) -> Option<String> {
    let status: Value = serde_json::from_slice(status).ok()?;
    let is_raa = status["listeners"].is_u64() && status["mix_cycle"].is_object();
    let version = status["version"].as_str().filter(|_| is_raa)?;
    let printable = version.chars().filter(|c| !c.is_control());
    Some(printable.take(MAX_VERSION_CHARS).collect())
}

fn hears(clients: &[u8], ssrc: Ssrc) -> Hears {
    let Ok(list) = serde_json::from_slice::<Value>(clients) else {
        return Hears::Unknown;
    };
    let Some(clients) = list["clients"].as_array() else {
        return Hears::Unknown;
    };
    let id = ssrc.to_string();
    let Some(client) = clients.iter().find(|client| client["id"] == *id) else {
        return Hears::Never;
    };
    match client["status"].as_str() {
        Some("sounding") => Hears::Sound,
        Some("connected") => Hears::Silence,
        Some("offline") => Hears::Nothing,
        _ => Hears::Unknown,
    }
}

/// The system's look-up takes as long as it likes, so it has a thread of its own, which is left
/// behind if it takes too long.
fn resolve(host: &str, port: u16, limit: Duration) -> Result<Vec<SocketAddr>, NoAddress> {
    let (answer, answered) = sync_channel(1);
    let host = host.to_owned();
    let look_up = move || {
        let addresses = (host.as_str(), port).to_socket_addrs();
        // Whoever asked may have given up.
        let _ = answer.send(addresses.map(Iterator::collect));
    };
    let unknown = |error: std::io::Error| NoAddress::Unknown(error.to_string());
    let thread = thread::Builder::new().name("look-up".into());
    thread.spawn(look_up).map_err(unknown)?;
    match answered.recv_timeout(limit) {
        Ok(addresses) => addresses.map_err(unknown),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(NoAddress::TimedOut),
    }
}

#[cfg(test)]
mod tests;
