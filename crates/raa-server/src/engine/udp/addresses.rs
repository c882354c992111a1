//! The addresses at both ends of a datagram, in the kernel's form and in Rust's.
//!
//! A computer has several addresses, and a sender believes an answer only if it comes from the
//! address that it sends to: its connected socket, its firewall and its NAT discard every other
//! one. So the kernel is asked for each datagram's destination (IP_PKTINFO, RFC 3542 section 6), and
//! a report leaves from there. Always: an IPv4 address is the same whichever family the socket has.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd as _;

use nix::errno::Errno;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg, setsockopt, sockopt};

/// Asks the kernel for the destination of every datagram.
pub(super) fn ask_for_destinations(socket: &UdpSocket, is_ipv6: bool) -> Result<(), Errno> {
    if is_ipv6 {
        // For IPv4 datagrams, too.
        setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)
    } else {
        setsockopt(socket, sockopt::Ipv4PacketInfo, &true)
    }
}

/// Returns the address of a sender; one that is mapped to IPv6 as the IPv4 address that it is.
pub(super) fn sender_of(storage: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddr::from((v4.ip(), v4.port())));
    }
    // A link-local address needs its scope.
    Some(plain(SocketAddrV6::from(*storage.as_sockaddr_in6()?)))
}

/// Returns the address of this host that an IPv4 datagram was sent to. For a broadcast that is the
/// address of the network's interface.
pub(super) fn local_v4(info: &in_pktinfo, port: u16) -> SocketAddr {
    let ip = Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes());
    (ip, port).into()
}

/// Returns the address of this host that a datagram of an IPv6 socket was sent to.
pub(super) fn local_v6(info: &in6_pktinfo, port: u16) -> SocketAddr {
    let ip = Ipv6Addr::from(info.ipi6_addr.s6_addr);
    let scope = if ip.is_unicast_link_local() {
        info.ipi6_ifindex
    } else {
        0
    };
    plain(SocketAddrV6::new(ip, port, 0, scope))
}

/// Sends a datagram to `to` from the address `from` of this host.
///
/// # Errors
/// When it cannot be sent, for example because this host no longer has the address.
pub(super) fn send_from(
    socket: &UdpSocket,
    is_ipv6: bool,
    from: SocketAddr,
    to: SocketAddr,
    datagram: &[u8],
) -> Result<(), Errno> {
    let (v4, v6);
    let control = match (is_ipv6, from) {
        (false, SocketAddr::V6(_)) => return Err(Errno::EAFNOSUPPORT),
        (false, SocketAddr::V4(from)) => {
            v4 = in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: in_addr {
                    s_addr: u32::from_ne_bytes(from.ip().octets()),
                },
                ipi_addr: in_addr { s_addr: 0 },
            };
            ControlMessage::Ipv4PacketInfo(&v4)
        }
        (true, from) => {
            v6 = in6_pktinfo {
                ipi6_addr: in6_addr {
                    s6_addr: mapped(from.ip()).octets(),
                },
                // Elsewhere the routes decide on the interface, as for every other datagram.
                ipi6_ifindex: scope_of(from),
            };
            ControlMessage::Ipv6PacketInfo(&v6)
        }
    };
    let to = SockaddrStorage::from(as_seen_by(is_ipv6, to));
    let datagram = [std::io::IoSlice::new(datagram)];
    let flags = MsgFlags::MSG_DONTWAIT;
    sendmsg(socket.as_raw_fd(), &datagram, &[control], flags, Some(&to)).map(drop)
}

/// Returns the address to send to: an IPv6 socket needs the mapped form of an IPv4 address.
pub(super) fn as_seen_by(is_ipv6: bool, to: SocketAddr) -> SocketAddr {
    match to {
        SocketAddr::V4(v4) if is_ipv6 => {
            SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0).into()
        }
        _ => to,
    }
}

fn plain(v6: SocketAddrV6) -> SocketAddr {
    match v6.ip().to_ipv4_mapped() {
        Some(v4) => SocketAddr::from((v4, v6.port())),
        None => v6.into(),
    }
}

fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

fn scope_of(address: SocketAddr) -> u32 {
    match address {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(v6) => v6.scope_id(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_addresses_keep_their_scope() {
        let of_link = SocketAddrV6::new("fe80::7".parse().unwrap(), 5000, 0, 3);
        let storage = SockaddrStorage::from(of_link);
        assert_eq!(sender_of(&storage), Some(of_link.into()));
        let mapped = SocketAddrV6::new("::ffff:192.0.2.7".parse().unwrap(), 5000, 0, 0);
        let storage = SockaddrStorage::from(mapped);
        let plain = "192.0.2.7:5000".parse().unwrap();
        assert_eq!(sender_of(&storage), Some(plain));
    }

    #[test]
    fn destinations_are_plain_addresses_of_this_host() {
        let check = |ip: &str, expected: &str| {
            let ip: Ipv6Addr = ip.parse().unwrap();
            let info = in6_pktinfo {
                ipi6_addr: in6_addr {
                    s6_addr: ip.octets(),
                },
                ipi6_ifindex: 3,
            };
            assert_eq!(local_v6(&info, 4010), expected.parse().unwrap());
        };
        check("fe80::7", "[fe80::7%3]:4010");
        check("2001:db8::7", "[2001:db8::7]:4010");
        check("::ffff:192.0.2.7", "192.0.2.7:4010");
    }
}
