//! Which programs hold a port.
//!
//! `/proc/net` lists every socket; which process has it open is only visible for processes that this user
//! may look into. Always: a holder that can't be seen is still a holder.

use std::fs;

use crate::processes::{self, Process};

/// The protocol of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// Connections; only sockets that accept them count.
    Tcp,
}

/// Who has a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// This process.
    Process(Process),
    /// A process of the user with this number, which this user can't see into.
    Hidden {
        /// The number of the user.
        uid: u32,
    },
}

/// Returns the holders of a port, on any of this computer's addresses.
pub fn holders(protocol: Protocol, port: u16) -> Vec<Holder> {
    let files = match protocol {
        Protocol::Udp => ["/proc/net/udp", "/proc/net/udp6"],
        Protocol::Tcp => ["/proc/net/tcp", "/proc/net/tcp6"],
    };
    let texts = files.map(|file| fs::read_to_string(file).unwrap_or_default());
    let sockets = texts.iter().flat_map(|text| sockets(text, protocol, port));
    let mut holders: Vec<Holder> = Vec::new();
    for socket in sockets {
        let mut owners: Vec<Holder> = owners(socket.inode).map(Holder::Process).collect();
        if owners.is_empty() {
            owners.push(Holder::Hidden { uid: socket.uid });
        }
        for owner in owners {
            if !holders.contains(&owner) {
                holders.push(owner);
            }
        }
    }
    holders
}

#[derive(Debug, PartialEq, Eq)]
struct Socket {
    uid: u32,
    inode: u64,
}

/// Reads the lines about a port: address and port in hexadecimal digits, state, user, inode.
fn sockets(text: &str, protocol: Protocol, port: u16) -> Vec<Socket> {
    const LISTENS: &str = "0A";
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
        let is_bound = u16::from_str_radix(local_port, 16) == Ok(port);
        let counts = protocol == Protocol::Udp || fields.get(3) == Some(&LISTENS);
        (is_bound && counts).then_some(Socket {
            uid: fields.get(7)?.parse().ok()?,
            inode: fields.get(9)?.parse().ok()?,
        })
    };
    text.lines().filter_map(socket).collect()
}

/// Returns the processes that have this socket open and that this user may look into.
fn owners(inode: u64) -> impl Iterator<Item = Process> {
    let wanted = format!("socket:[{inode}]");
    processes::all().filter(move |process| {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", process.pid));
        descriptors.into_iter().flatten().flatten().any(|entry| {
            fs::read_link(entry.path()).is_ok_and(|link| link.as_os_str() == wanted.as_str())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream, UdpSocket};

    fn is_own(holders: &[Holder]) -> bool {
        let own = std::process::id();
        holders
            .iter()
            .any(|holder| matches!(holder, Holder::Process(process) if process.pid == own))
    }

    #[test]
    fn the_holder_of_a_port_is_named() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let socket = UdpSocket::bind(address).unwrap();
            let port = socket.local_addr().unwrap().port();
            assert!(is_own(&holders(Protocol::Udp, port)), "{address}");
            let listener = TcpListener::bind(address).unwrap();
            let port = listener.local_addr().unwrap().port();
            assert!(is_own(&holders(Protocol::Tcp, port)), "{address}");
        }
    }

    #[test]
    fn connections_hold_no_port() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let port = stream.local_addr().unwrap().port();
        assert_eq!(holders(Protocol::Tcp, port), []);
    }

    #[test]
    fn sockets_without_a_visible_process_have_a_user() {
        let text = "  sl  local_address rem_address st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode\n\
            10: 00000000000000000000000000000000:0FAA 0000:0000 07 0:0 00:0 0 994 0 31 2 x 0\n";
        let found = sockets(text, Protocol::Udp, 4010);
        assert_eq!(
            found,
            [Socket {
                uid: 994,
                inode: 31
            }]
        );
        assert_eq!(sockets(text, Protocol::Udp, 4011), []);
    }
}
