//! Addresses as limits count them, and ranges of addresses.
//!
//! Always: an IPv4 address is the same whether a socket shows it as IPv4 or inside IPv6.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Whom a limit counts: an IPv4 address, or an IPv6 network of /64, all of which one host may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Address(IpAddr);

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        Self(match ip.to_canonical() {
            IpAddr::V6(v6) => Ipv6Addr::from_bits(masked(v6.to_bits(), 64)).into(),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => v4.fmt(f),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

/// A range of addresses, such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

impl Network {
    /// Returns whether the address is in the range.
    pub(crate) fn contains(&self, ip: IpAddr) -> bool {
        match (self.first, ip.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(ip)) => {
                let bits = |v4: std::net::Ipv4Addr| u128::from(v4.to_bits()) << 96;
                masked(bits(ip), self.prefix) == bits(first)
            }
            (IpAddr::V6(first), IpAddr::V6(ip)) => {
                masked(ip.to_bits(), self.prefix) == first.to_bits()
            }
            _ => false,
        }
    }
}

/// The text is not an address or a range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an IP address, alone or with the length of a prefix that has no bits behind it")]
pub struct NetworkError;

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (ip, prefix) = match text.split_once('/') {
            Some((ip, prefix)) => (ip, Some(prefix)),
            None => (text, None),
        };
        let first = ip.parse::<IpAddr>().map_err(|_| NetworkError)?;
        let first = first.to_canonical();
        let longest = if first.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| NetworkError)?,
            None => longest,
        };
        let network = Self { first, prefix };
        // 10.1.2.3/8 is probably a mistake.
        if prefix <= longest && network.contains(first) {
            Ok(network)
        } else {
            Err(NetworkError)
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

fn masked(bits: u128, prefix: u8) -> u128 {
    let below = 128 - u32::from(prefix.min(128));
    bits.checked_shr(below)
        .and_then(|top| top.checked_shl(below))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn an_ipv6_host_is_its_network() {
        assert_eq!(address("2001:db8:0:1::1"), address("2001:db8:0:1:ffff::2"));
        assert_ne!(address("2001:db8:0:1::1"), address("2001:db8:0:2::1"));
        assert_eq!(address("2001:db8:0:1::1").to_string(), "2001:db8:0:1::/64");
        assert_eq!(address("::ffff:192.0.2.7"), address("192.0.2.7"));
        assert_ne!(address("192.0.2.7"), address("192.0.2.8"));
    }

    #[test]
    fn networks_contain_their_addresses_only() {
        for (network, ip, is_inside) in [
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "::ffff:192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "203.0.113.1", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "192.0.2.7", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::1", "::1", true),
        ] {
            let range: Network = network.parse().unwrap();
            let is = range.contains(ip.parse().unwrap());
            assert_eq!(is, is_inside, "{network} {ip}");
        }
    }

    #[test]
    fn mistaken_networks_are_refused() {
        for text in [
            "",
            "proxy",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "::/129",
            "2001:db8::1/64",
            "10.0.0.0/8/8",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text}");
        }
    }
}
