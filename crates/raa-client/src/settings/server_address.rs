//! Where a server is, as a person writes it: `HOST`, `HOST:PORT`, `[IPv6]` or `[IPv6]:PORT`.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// The port of RAA's server for sound.
pub const DEFAULT_PORT: u16 = 4010;

/// A host, by name or address, and a port; not resolved yet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ServerAddress {
    /// A name or an address without brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
}

/// Why a text is no [`ServerAddress`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing before the colon, or a blank in it.
    #[error("server is {0:?}, allowed are HOST and HOST:PORT")]
    Host(String),
    /// Not a number, or too large.
    #[error("the server's port is {0:?}, allowed are 1 to 65535")]
    Port(String),
    /// Where the address ends and the port begins cannot be told.
    #[error("server is {0:?}; IPv6 addresses stand in brackets, as in [2001:db8::7]:4010")]
    Brackets(String),
}

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, port) = split(text)?;
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(AddressError::Host(text.into()));
        }
        let port = port.map_or(Ok(DEFAULT_PORT), |port| match port.parse() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(AddressError::Port(port.into())),
        })?;
        Ok(Self {
            host: host.into(),
            port,
        })
    }
}

impl TryFrom<String> for ServerAddress {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
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

/// Host and port, which may be missing.
fn split(text: &str) -> Result<(&str, Option<&str>), AddressError> {
    let brackets = || AddressError::Brackets(text.into());
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(brackets)?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(brackets()),
        };
    }
    match text.split_once(':') {
        Some((_, port)) if port.contains(':') => Err(brackets()),
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
            "what is shown is read again"
        );
    }

    #[test]
    fn names_and_addresses_with_and_without_a_port() {
        check("raa.example", "raa.example", 4010);
        check("raa.example:5000", "raa.example", 5000);
        check("192.0.2.7:1", "192.0.2.7", 1);
        check("[::1]", "::1", 4010);
        check("[fe80::1%eth0]:65535", "fe80::1%eth0", 65535);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, said) in [
            ("", "server is \"\""),
            (":4010", "server is \":4010\""),
            ("two words", "server is \"two words\""),
            ("host:", "port is \"\""),
            ("host:0", "port is \"0\""),
            ("host:65536", "port is \"65536\""),
            ("::1", "brackets"),
            ("[::1", "brackets"),
            ("[::1]4010", "brackets"),
        ] {
            let error = text.parse::<ServerAddress>().unwrap_err().to_string();
            assert!(error.contains(said), "{text:?}: {error}");
        }
    }
}
