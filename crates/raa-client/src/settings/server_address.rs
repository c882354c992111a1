//! The address of a server as a person writes it: `HOST`, `HOST:PORT`, `[IPv6]` or `[IPv6]:PORT`.
//!
//! Always: `Display` writes what `FromStr` reads as the same address.

use std::fmt;
use std::str::FromStr;

/// The UDP port of an RAA server.
pub(crate) const DEFAULT_PORT: u16 = 4010;

/// A host and a port, not resolved yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    /// A name, or an IP address without brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
}

/// The part of a text that makes it no [`ServerAddress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressError {
    /// The host is empty or contains white space.
    Host,
    /// The port is not a number from 1 to 65535.
    Port,
    /// An IPv6 address has no brackets, or they do not match.
    Brackets,
}

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, port) = split(text)?;
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(AddressError::Host);
        }
        let port = port.map_or(Ok(DEFAULT_PORT), |port| match port.parse() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(AddressError::Port),
        })?;
        Ok(Self {
            host: host.into(),
            port,
        })
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

/// Returns the host, and the port if there is one.
fn split(text: &str) -> Result<(&str, Option<&str>), AddressError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(AddressError::Brackets)?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(AddressError::Brackets),
        };
    }
    match text.split_once(':') {
        Some((_, port)) if port.contains(':') => Err(AddressError::Brackets),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((text, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, host: &str, port: u16) {
        let address: ServerAddress = text.parse().unwrap();
        assert_eq!((address.host.as_str(), address.port), (host, port));
        assert_eq!(
            address.to_string().parse(),
            Ok(address),
            "it is shown as it is read"
        );
    }

    #[test]
    fn hosts_may_have_a_port() {
        check("raa.example", "raa.example", 4010);
        check("raa.example:5000", "raa.example", 5000);
        check("192.0.2.7:1", "192.0.2.7", 1);
        check("[::1]", "::1", 4010);
        check("[fe80::1%eth0]:65535", "fe80::1%eth0", 65535);
    }

    #[test]
    fn a_refusal_names_the_wrong_part() {
        for (text, error) in [
            ("", AddressError::Host),
            (":4010", AddressError::Host),
            ("two words", AddressError::Host),
            ("host:", AddressError::Port),
            ("host:0", AddressError::Port),
            ("host:65536", AddressError::Port),
            ("::1", AddressError::Brackets),
            ("[::1", AddressError::Brackets),
            ("[::1]4010", AddressError::Brackets),
        ] {
            assert_eq!(text.parse::<ServerAddress>(), Err(error), "{text:?}");
        }
    }
}
