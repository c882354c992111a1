//! The way of a measuring program's datagrams to a server that is named by its host.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

use anyhow::Context as _;

/// The first address of a host's name, or the address itself.
///
/// # Errors
/// When no host is called so.
pub fn resolve(host: &str, port: u16) -> anyhow::Result<SocketAddr> {
    let addresses = (host, port).to_socket_addrs().ok();
    addresses
        .and_then(|mut all| all.next())
        .with_context(|| format!("no host is called {host}"))
}

/// A socket whose datagrams go to `to`.
///
/// # Errors
/// When the system has no socket left, or there is no way to the address.
pub fn connect(to: SocketAddr) -> anyhow::Result<UdpSocket> {
    let any: SocketAddr = if to.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any).context("cannot open a UDP socket")?;
    socket
        .connect(to)
        .with_context(|| format!("there is no way to {to}"))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_go_to_the_named_host() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = resolve("127.0.0.1", server.local_addr().unwrap().port()).unwrap();
        connect(to).unwrap().send(b"hello").unwrap();
        let mut buffer = [0; 10];
        let (len, _) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], b"hello");
    }

    #[test]
    fn a_name_that_nobody_has_is_told() {
        let error = resolve("no host has blanks", 1).unwrap_err();
        assert!(error.to_string().contains("no host has blanks"));
    }
}
