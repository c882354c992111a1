//! The server test: whether an address belongs to an RAA server, and whether it receives this client.
//!
//! Sound is sent by UDP, which is not acknowledged. So the test asks the API of the server page, which
//! identifies the server and lists its clients.
//!
//! Always: each step ends within the given time, whatever the network does; responses of any size and
//! content are handled; the result is a value, which [`text`] puts into words.

mod http;
#[cfg(any(windows, test))]
pub(crate) mod text;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::http::Url;
use crate::settings::{ServerAddress, Ssrc};

/// The limit for each step while the user waits.
pub(crate) const LIMIT: Duration = Duration::from_secs(3);

/// The status has a few kilobytes.
const MAX_STATUS_BYTES: usize = 64 * 1024;
/// The list of 1,000 clients has 600 KB.
const MAX_CLIENTS_BYTES: usize = 8 * 1024 * 1024;
/// The length to which a server's version is cut.
const MAX_VERSION_CHARS: usize = 40;

/// The result of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestResult {
    /// The addresses of the server, to which sound is sent.
    pub(crate) addresses: Result<Vec<SocketAddr>, NoAddress>,
    /// The host of the page, if that is not the server's.
    pub(crate) page_host: Option<String>,
    /// The server behind the page.
    pub(crate) server: Result<RaaServer, NoServer>,
}

/// An RAA server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RaaServer {
    pub(crate) version: String,
    /// The address at which its page has answered.
    pub(crate) address: IpAddr,
    /// The state of this client on the server.
    pub(crate) client: ClientState,
}

/// The state of this client in the server's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientState {
    /// The server receives sound.
    Sounding,
    /// The server receives silence.
    Connected,
    /// The server receives nothing now, but did earlier.
    Offline,
    /// Another computer, which the server hears at this address, uses this client's number.
    Taken(IpAddr),
    /// The server hears this client's number at this address. If that is not this computer's behind a
    /// router, it is another one's.
    Elsewhere(IpAddr),
    /// The server does not know this client.
    Unlisted,
    /// The server's response does not contain it.
    Unknown,
}

/// Why a name has no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAddress {
    /// The look-up failed, with the system's explanation.
    #[error("{0}")]
    Unknown(String),
    /// The look-up took too long.
    #[error("the look-up timed out")]
    TimedOut,
}

/// Why there is no RAA server behind a page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoServer {
    /// The URL is invalid.
    #[error("{0:?} is not a valid URL of a page")]
    Url(String),
    /// The URL begins with https://, which the test does not support.
    #[error("pages with https:// cannot be tested")]
    Https,
    /// The host in the URL has no address.
    #[error("the host of the page has no address: {0}")]
    Address(NoAddress),
    /// The connection failed, with the system's explanation.
    #[error("{0}")]
    Unreachable(String),
    /// The response took too long.
    #[error("it did not respond in time")]
    TimedOut,
    /// The response has an HTTP status other than 200.
    #[error("it responds with HTTP status {0}")]
    Status(u16),
    /// The response is not RAA's.
    #[error("it is not an RAA server")]
    NotRaa,
}

/// Looks up the server and asks its page at the URL `page`. Takes up to three times `limit`.
pub(crate) fn test(server: &ServerAddress, page: &str, ssrc: Ssrc, limit: Duration) -> TestResult {
    let url = page.parse::<Url>();
    let page_host = url.as_ref().ok().map(|url| url.host().to_owned());
    TestResult {
        addresses: resolve(&server.host, server.port, limit),
        page_host: page_host.filter(|host| *host != server.host),
        server: url.and_then(|url| ask(&url, ssrc, limit)),
    }
}

fn ask(url: &Url, ssrc: Ssrc, limit: Duration) -> Result<RaaServer, NoServer> {
    let to = resolve(url.host(), url.port(), limit).map_err(NoServer::Address)?;
    let until = Instant::now() + limit;
    let (status, address) = http::get(&to, url, "api/status", MAX_STATUS_BYTES, until)?;
    let version = version(&status).ok_or(NoServer::NotRaa)?;
    // It is an RAA server even if this fails.
    let clients = http::get(&to, url, "api/clients", MAX_CLIENTS_BYTES, until);
    let client = clients.map_or(ClientState::Unknown, |(clients, _)| {
        client_state(&clients, ssrc, own_address(address))
    });
    Ok(RaaServer {
        version,
        address,
        client,
    })
}

/// Returns the version in `status`, if it has the fields of an RAA server.
fn version(status: &[u8]) -> Option<String> {
    let status: Value = serde_json::from_slice(status).ok()?;
    let is_raa = status["listeners"].is_u64() && status["mix_cycle"].is_object();
    let version = status["version"].as_str().filter(|_| is_raa)?;
    let printable = version.chars().filter(|c| !c.is_control());
    Some(printable.take(MAX_VERSION_CHARS).collect())
}

/// Returns the address from which this computer sends to `server`; `None` if there is no way.
fn own_address(server: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match server {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    // Sends nothing; any port will do.
    socket.connect((server, 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// `own` is this computer's address on the way to the server.
fn client_state(clients: &[u8], ssrc: Ssrc, own: Option<IpAddr>) -> ClientState {
    let Ok(list) = serde_json::from_slice::<Value>(clients) else {
        return ClientState::Unknown;
    };
    let Some(clients) = list["clients"].as_array() else {
        return ClientState::Unknown;
    };
    let id = ssrc.to_string();
    let Some(client) = clients.iter().find(|client| client["id"] == *id) else {
        return ClientState::Unlisted;
    };
    let address = |key: &str| client[key].as_str()?.parse::<SocketAddr>().ok();
    let heard_at = address("address").map(|address| address.ip());
    let is_conflict = address("conflict").is_some();
    match (client["status"].as_str(), heard_at, own) {
        (Some("sounding" | "connected"), Some(other), Some(own)) if other != own => {
            if is_conflict {
                ClientState::Taken(other)
            } else {
                ClientState::Elsewhere(other)
            }
        }
        (Some("sounding"), ..) => ClientState::Sounding,
        (Some("connected"), ..) => ClientState::Connected,
        (Some("offline"), ..) => ClientState::Offline,
        _ => ClientState::Unknown,
    }
}

/// Looks up a host in a thread, which is left behind if it takes too long: the system's look-up has
/// no limit.
fn resolve(host: &str, port: u16, limit: Duration) -> Result<Vec<SocketAddr>, NoAddress> {
    let (answer, answered) = sync_channel(1);
    let host = host.to_owned();
    let look_up = move || {
        let addresses = (host.as_str(), port).to_socket_addrs();
        // Fails if the caller has given up.
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
