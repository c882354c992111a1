//! Sockets of measuring programs: where a server is, and how many sockets there may be.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

use anyhow::Context as _;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Resolves a host name or address to its first address.
///
/// # Errors
/// Fails if the name is unknown.
pub fn resolve(host: &str, port: u16) -> anyhow::Result<SocketAddr> {
    let addresses = (host, port).to_socket_addrs().ok();
    addresses
        .and_then(|mut all| all.next())
        .with_context(|| format!("the host \"{host}\" is unknown"))
}

/// Opens a UDP socket that is connected to `to`.
///
/// # Errors
/// Fails if no socket can be opened or the address cannot be reached.
pub fn connect(to: SocketAddr) -> anyhow::Result<UdpSocket> {
    let any: SocketAddr = if to.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any).context("cannot open a UDP socket")?;
    socket
        .connect(to)
        .with_context(|| format!("{to} cannot be reached"))?;
    Ok(socket)
}

/// Raises the limit of open files, and so of sockets, to the highest that the system allows. The
/// usual limit is 1,024.
pub fn raise_descriptor_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // If this fails, opening one socket too many reports it.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_reach_the_named_host() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = resolve("127.0.0.1", server.local_addr().unwrap().port()).unwrap();
        connect(to).unwrap().send(b"hello").unwrap();
        let mut buffer = [0; 10];
        let (len, _) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], b"hello");
    }

    #[test]
    fn an_unknown_host_is_named() {
        let error = resolve("no host has blanks", 1).unwrap_err();
        assert!(error.to_string().contains("no host has blanks"));
    }
}
