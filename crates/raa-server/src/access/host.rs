//! The values of the headers `Host` and `Origin` (RFC 9112 section 3.2, RFC 6454 section 7).
//!
//! Always: names are in lower case and have no dot at the end; a value that is not one is refused.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Longest name of a host (RFC 1035 section 2.3.4).
const MAX_NAME: usize = 253;

/// A host as a URL names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name, in lower case.
    Name(String),
    /// An IP address.
    Ip(IpAddr),
}

/// A host with the port that the URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) host: Host,
    pub(super) port: Option<u16>,
}

/// The origin of a page: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin {
    is_secure: bool,
    host: Host,
    /// The one that the scheme implies if the URL names none.
    port: u16,
}

/// The text is not the value of such a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a host or an origin")]
pub struct HostError;

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        if let Some(inside) = text.strip_prefix('[') {
            let ip = inside.strip_suffix(']').ok_or(HostError)?;
            // A link-local address may have its zone behind it.
            let ip = ip.split('%').next().unwrap_or(ip);
            let ip: Ipv6Addr = ip.parse().map_err(|_| HostError)?;
            return Ok(Self::Ip(ip.into()));
        }
        if let Ok(ip) = text.parse::<std::net::Ipv4Addr>() {
            return Ok(Self::Ip(ip.into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let labels_are_valid = name
            .split('.')
            .all(|label| !label.is_empty() && label.chars().all(is_valid));
        if name.len() > MAX_NAME || !labels_are_valid {
            return Err(HostError);
        }
        Ok(Self::Name(name.to_ascii_lowercase()))
    }
}

impl FromStr for Authority {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        // A colon inside brackets belongs to the address.
        let after_brackets = text.rfind(']').unwrap_or(0);
        let Some(colon) = text[after_brackets..].rfind(':') else {
            let host = text.parse()?;
            return Ok(Self { host, port: None });
        };
        let (host, port) = text.split_at(after_brackets + colon);
        let port = match &port[1..] {
            "" => None,
            digits if digits.bytes().all(|c| c.is_ascii_digit()) => {
                Some(digits.parse().map_err(|_| HostError)?)
            }
            _ => return Err(HostError),
        };
        let host = host.parse()?;
        Ok(Self { host, port })
    }
}

impl FromStr for WebOrigin {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let (scheme, authority) = text.split_once("://").ok_or(HostError)?;
        let is_secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("https") => true,
            _ if scheme.eq_ignore_ascii_case("http") => false,
            _ => return Err(HostError),
        };
        let Authority { host, port } = authority.parse()?;
        let port = port.unwrap_or(implied_port(is_secure));
        Ok(Self {
            is_secure,
            host,
            port,
        })
    }
}

impl WebOrigin {
    /// Returns whether a page of this origin comes from this host. The scheme may differ, because a
    /// proxy may speak TLS for the server; so a host without a port has the one of the page's scheme.
    pub(super) fn is_at(&self, authority: &Authority) -> bool {
        let port = authority.port.unwrap_or(implied_port(self.is_secure));
        self.host == authority.host && self.port == port
    }
}

fn implied_port(is_secure: bool) -> u16 {
    if is_secure { 443 } else { 80 }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == implied_port(self.is_secure) {
            return Ok(());
        }
        write!(f, ":{}", self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_as_urls_write_them() {
        for (text, host, port) in [
            ("Ward.Example", "ward.example", None),
            ("ward.example.:4011", "ward.example", Some(4011)),
            ("ward:", "ward", None),
            ("xn--bcher-kva.example", "xn--bcher-kva.example", None),
            ("192.0.2.7:80", "192.0.2.7", Some(80)),
            ("[::1]:4011", "[::1]", Some(4011)),
            ("[FE80::1%25eth0]", "[fe80::1]", None),
        ] {
            let read: Authority = text.parse().unwrap();
            assert_eq!((read.host.to_string(), read.port), (host.into(), port));
        }
    }

    #[test]
    fn other_texts_are_not_hosts() {
        for text in [
            "",
            ".",
            ":80",
            "a..b",
            "a b",
            "a/b",
            "user@a",
            "a:b",
            "a:+1",
            "a:65536",
            "::1",
            "[::1",
            "[1.2.3.4]",
            "[::1]x",
            "a,b",
            "*.a",
            "b\u{fc}cher.example",
        ] {
            assert_eq!(text.parse::<Authority>(), Err(HostError), "{text}");
        }
        let long = "a.".repeat(127);
        assert!(long[..253].parse::<Host>().is_ok());
        assert_eq!(format!("{long}a").parse::<Host>(), Err(HostError));
    }

    #[test]
    fn origins_have_the_port_of_their_scheme() {
        for (text, shown) in [
            ("https://a.example:443", "https://a.example"),
            ("HTTP://A.example:80", "http://a.example"),
            ("https://a.example:80", "https://a.example:80"),
            ("http://[::1]:4011", "http://[::1]:4011"),
        ] {
            assert_eq!(text.parse::<WebOrigin>().unwrap().to_string(), shown);
        }
        for text in [
            "null",
            "",
            "a.example",
            "ftp://a.example",
            "https://",
            "https://a.example/",
            "https://a.example/x",
            "file://",
            "*",
            "https://*",
        ] {
            assert_eq!(text.parse::<WebOrigin>(), Err(HostError), "{text}");
        }
    }

    #[test]
    fn pages_match_the_host_that_they_came_from() {
        for (origin, host, is_at) in [
            ("http://a:4011", "a:4011", true),
            ("http://a:4011", "A.:4011", true),
            ("http://a", "a", true),
            ("http://a", "a:80", true),
            ("https://a", "a", true),
            ("https://a", "a:443", true),
            ("https://a:8443", "a:8443", true),
            // Another service of the same computer.
            ("http://a:8080", "a:4011", false),
            ("http://a:8080", "a", false),
            ("http://a", "a:443", false),
            ("http://b:4011", "a:4011", false),
        ] {
            let (page, authority): (WebOrigin, Authority) =
                (origin.parse().unwrap(), host.parse().unwrap());
            assert_eq!(page.is_at(&authority), is_at, "{origin} {host}");
        }
    }
}
