//! Opens the two ports before anything else starts, so that a port in use is reported at once.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use anyhow::{Context as _, anyhow};
use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tracing::warn;

use crate::config::Config;

/// Length of the kernel's queue of connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// The sockets that the server listens on.
#[derive(Debug)]
pub struct Sockets {
    /// Receives the packets of senders.
    pub udp: UdpSocket,
    /// Accepts connections to the page, the API and the mix.
    pub http: TcpListener,
}

impl Sockets {
    /// Opens the configured ports. On a system without IPv6, `::` means every IPv4 address.
    ///
    /// # Errors
    /// When a port can't be opened. The text names the key, the port, and what to do.
    pub fn bind(config: &Config) -> anyhow::Result<Self> {
        match Self::bind_to(config.listen_address, config) {
            Err(error)
                if config.listen_address == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
                    && has_no_ipv6(&error) =>
            {
                warn!("the system has no IPv6; listening on IPv4 addresses only");
                Self::bind_to(Ipv4Addr::UNSPECIFIED.into(), config)
            }
            bound => bound,
        }
    }

    fn bind_to(address: IpAddr, config: &Config) -> anyhow::Result<Self> {
        let udp = open(
            SocketAddr::new(address, config.udp_port),
            Type::DGRAM,
            Protocol::UDP,
        )
        .map_err(|error| explain(error, "udp_port", address, config.udp_port))?;
        let http = open(
            SocketAddr::new(address, config.http_port),
            Type::STREAM,
            Protocol::TCP,
        )
        .map_err(|error| explain(error, "http_port", address, config.http_port))?;
        Ok(Self {
            udp: udp.into(),
            http: http.into(),
        })
    }

    /// Returns the addresses of UDP and HTTP, with the ports that the system has chosen.
    ///
    /// # Errors
    /// When the system does not know the address of a socket.
    pub fn addresses(&self) -> anyhow::Result<(SocketAddr, SocketAddr)> {
        let unknown = "a socket does not know its address";
        Ok((
            self.udp.local_addr().context(unknown)?,
            self.http.local_addr().context(unknown)?,
        ))
    }
}

fn open(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    if kind == Type::STREAM {
        // A restarted server must not wait for connections of the previous one to time out.
        socket.set_reuse_address(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    if kind == Type::STREAM {
        socket.listen(BACKLOG)?;
    }
    Ok(socket)
}

fn explain(error: io::Error, key: &str, address: IpAddr, port: u16) -> anyhow::Error {
    let flag = key.replace('_', "-");
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "another program uses this port; stop it, or choose another port with --{flag} or {key}"
        ),
        io::ErrorKind::PermissionDenied => {
            format!(
                "ports below 1024 require privileges; choose another port with --{flag} or {key}"
            )
        }
        io::ErrorKind::AddrNotAvailable => {
            "this computer does not have that address; see listen_address".into()
        }
        _ => error.to_string(),
    };
    let at = SocketAddr::new(address, port);
    anyhow!(error).context(format!(
        "{key} is {port}, but {at} can't be opened: {advice}"
    ))
}

fn has_no_ipv6(error: &anyhow::Error) -> bool {
    let code = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::raw_os_error);
    let none = [
        Errno::EAFNOSUPPORT,
        Errno::EADDRNOTAVAIL,
        Errno::EPROTONOSUPPORT,
    ];
    code.is_some_and(|code| none.contains(&Errno::from_raw(code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            udp_port: 0,
            http_port: 0,
            ..Config::default()
        }
    }

    #[test]
    fn a_port_in_use_is_named_with_advice() {
        let first = Sockets::bind(&config()).unwrap();
        let (udp, http) = first.addresses().unwrap();
        let check = |config: Config, words: [&str; 3]| {
            let text = format!("{:#}", Sockets::bind(&config).unwrap_err());
            assert!(words.iter().all(|word| text.contains(word)), "{text}");
        };
        let taken = Config {
            udp_port: udp.port(),
            ..config()
        };
        check(
            taken,
            [
                &format!("udp_port is {}", udp.port()),
                "another program",
                "--udp-port",
            ],
        );
        let taken = Config {
            http_port: http.port(),
            ..config()
        };
        check(
            taken,
            [
                &format!("http_port is {}", http.port()),
                "another program",
                "--http-port",
            ],
        );
        let elsewhere = Config {
            listen_address: [203, 0, 113, 1].into(),
            ..config()
        };
        check(
            elsewhere,
            [
                "203.0.113.1:0",
                "does not have that address",
                "listen_address",
            ],
        );
    }

    #[test]
    fn one_socket_receives_ipv4_and_ipv6() {
        let sockets = Sockets::bind(&config()).unwrap();
        sockets.udp.set_nonblocking(false).unwrap();
        let port = sockets.udp.local_addr().unwrap().port();
        let v4 = UdpSocket::bind("127.0.0.1:0").unwrap();
        v4.send_to(b"4", (Ipv4Addr::LOCALHOST, port)).unwrap();
        let mut buffer = [0; 8];
        assert_eq!(sockets.udp.recv(&mut buffer).unwrap(), 1);
        // On a system without IPv6 there is nothing more to test.
        if let Ok(v6) = UdpSocket::bind("[::1]:0") {
            v6.send_to(b"six", (Ipv6Addr::LOCALHOST, port)).unwrap();
            assert_eq!(sockets.udp.recv(&mut buffer).unwrap(), 3);
        }
    }
}
