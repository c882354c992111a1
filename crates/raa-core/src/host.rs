//! Hosts, by the addresses that datagrams come from.
//!
//! Always: an address belongs to one host, however it is written. A host with IPv6 can send from
//! every address of its /64, so the whole /64 counts as one host.

use core::net::{IpAddr, SocketAddr};

/// One host: an IPv4 address, or the first 64 bits of an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// An IPv4 address, also one that is written as IPv6 (`::ffff:192.0.2.7`).
    V4(u32),
    /// The first 64 bits of an IPv6 address.
    V6(u64),
}

impl Host {
    /// Returns the host that an IP address belongs to.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => Self::V6((address.to_bits() >> 64) as u64),
        }
    }
}

impl From<SocketAddr> for Host {
    fn from(address: SocketAddr) -> Self {
        Self::of(address.ip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_host_in_every_notation() {
        let host = |text: &str| Host::of(text.parse().unwrap());
        assert_eq!(host("192.0.2.7"), host("::ffff:192.0.2.7"));
        assert_ne!(host("192.0.2.7"), host("192.0.2.8"));
        assert_ne!(host("192.0.2.7"), host("::192.0.2.7"));
        assert_eq!(host("2001:db8:0:1::7"), host("2001:db8:0:1:ffff:ffff::1"));
        assert_ne!(host("2001:db8:0:1::7"), host("2001:db8:0:2::7"));
    }
}
