//! The address of a server as a person writes or pastes it.
//!
//! The plain forms are `HOST`, `HOST:PORT`, `IPv6`, `[IPv6]` and `[IPv6]:PORT`. People also paste the address
//! of the server's page, which has the port of the page and not the one that sound is sent to, leave
//! a colon or a slash at the end, or type with a Japanese keyboard's wide letters. All of that has
//! one meaning and is taken; everything else is refused with the part that is wrong.
//!
//! Always: `Display` writes what `FromStr` reads as the same address; a host is an IP address or a
//! name in the form that DNS knows.

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

/// The UDP port of an RAA server.
pub(crate) const DEFAULT_PORT: u16 = 4010;
/// The port of the server's page, which takes no sound.
const PAGE_PORT: &str = "4011";
/// The ports that a person may have meant at the end of an IPv6 address without brackets.
const LIKELY_PORTS: [&str; 2] = ["4010", PAGE_PORT];
/// The beginnings of a page's address.
const PAGE_SCHEMES: [&str; 4] = ["http", "https", "ws", "wss"];

/// The ASCII characters that no name has; some computers' names have an underscore.
const DENIED: AsciiDenyList = AsciiDenyList::new(true, "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~");

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
    /// The host is neither a name nor an IP address, or is missing.
    Host,
    /// The port is not a number from 1 to 65535.
    Port,
    /// An IPv6 address and a port have no brackets between them, or the brackets do not match.
    Brackets,
    /// It is the address of something other than a page.
    Scheme,
}

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text: String = text.trim().chars().map(narrow).collect();
        let (host, port) = match text.split_once("://") {
            Some((scheme, rest)) => (host_of_page(scheme, rest)?, None),
            None => host_and_port(&text)?,
        };
        let port = port.map_or(Ok(DEFAULT_PORT), |port| match port.parse() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(AddressError::Port),
        })?;
        Ok(Self { host, port })
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

/// Returns the ASCII form of a wide letter, digit or sign, as Japanese keyboards type it.
fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(c) - 0xff01 + u32::from('!')).unwrap_or(c)
        }
        '\u{3002}' | '\u{ff61}' => '.',
        c => c,
    }
}

/// Returns the host of a page's address, after its scheme. The page's port says nothing about the
/// port that sound is sent to.
fn host_of_page(scheme: &str, rest: &str) -> Result<String, AddressError> {
    let is_page = |page: &&'static str| scheme.eq_ignore_ascii_case(page);
    if !PAGE_SCHEMES.iter().any(is_page) {
        return Err(AddressError::Scheme);
    }
    let authority = before_path(rest);
    let authority = authority.rsplit('@').next().unwrap_or(authority);
    let (host, port) = split(authority)?;
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err(AddressError::Port);
    }
    Ok(host)
}

/// Returns the host, and the port if there is one. A text with a slash comes from a browser, which
/// may have left out the `http://`: then the page's port is not the one for sound.
fn host_and_port(text: &str) -> Result<(String, Option<&str>), AddressError> {
    let authority = before_path(text);
    let is_page = authority.len() < text.len();
    let (host, port) = split(authority)?;
    Ok((host, port.filter(|&port| !(is_page && port == PAGE_PORT))))
}

fn before_path(text: &str) -> &str {
    text.split(['/', '?', '#']).next().unwrap_or(text)
}

/// Returns a whole text that is an IPv6 address, which needs brackets only in front of a port. One that
/// ends like a port is refused: it is an address, but hardly the one that was meant.
fn bare_ipv6(text: &str) -> Option<String> {
    let ends_with_port = text
        .rsplit(':')
        .next()
        .is_some_and(|end| LIKELY_PORTS.contains(&end));
    ipv6(text).ok().filter(|_| !ends_with_port)
}

/// Returns the host, and the port if there is one. A colon with nothing behind it means none.
fn split(text: &str) -> Result<(String, Option<&str>), AddressError> {
    let present = |port: &&str| !port.is_empty();
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(AddressError::Brackets)?;
        let host = ipv6(host)?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port).filter(present))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(AddressError::Brackets),
        };
    }
    match text.split_once(':') {
        Some((_, port)) if port.contains(':') => match bare_ipv6(text) {
            Some(host) => Ok((host, None)),
            None => Err(AddressError::Brackets),
        },
        Some((host, port)) => Ok((name(host)?, Some(port).filter(present))),
        None => Ok((name(text)?, None)),
    }
}

/// Checks an IPv6 address, perhaps with a zone: `fe80::1%eth0`, in URLs `fe80::1%25eth0`.
fn ipv6(text: &str) -> Result<String, AddressError> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone.strip_prefix("25").unwrap_or(zone))),
        None => (text, None),
    };
    let address: Ipv6Addr = address.parse().map_err(|_| AddressError::Host)?;
    match zone {
        None => Ok(address.to_string()),
        Some(zone) if !zone.is_empty() && zone.chars().all(|c| c.is_ascii_graphic()) => {
            Ok(format!("{address}%{zone}"))
        }
        Some(_) => Err(AddressError::Host),
    }
}

/// Checks a name or an IPv4 address and returns it as DNS knows it: in lower case, and with the
/// letters of other scripts in Punycode (UTS 46).
fn name(text: &str) -> Result<String, AddressError> {
    let name: Cow<'_, str> = Uts46::new()
        .to_ascii(
            text.as_bytes(),
            DENIED,
            Hyphens::Allow,
            DnsLength::VerifyAllowRootDot,
        )
        .map_err(|_| AddressError::Host)?;
    let last = name.trim_end_matches('.').rsplit('.').next();
    let is_number = last.is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    if is_number && name.parse::<Ipv4Addr>().is_err() {
        // No top-level domain is a number: it is a mistyped IPv4 address.
        return Err(AddressError::Host);
    }
    Ok(name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, host: &str, port: u16) {
        let address: ServerAddress = text
            .parse()
            .unwrap_or_else(|error| panic!("{error:?}: {text:?}"));
        assert_eq!(
            (address.host.as_str(), address.port),
            (host, port),
            "{text:?}"
        );
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
        check("raa.example:4011", "raa.example", 4011);
        check("192.0.2.7:1", "192.0.2.7", 1);
        check("ward_3-pc", "ward_3-pc", 4010);
        check("[::1]", "::1", 4010);
        check("[fe80::1%eth0]:65535", "fe80::1%eth0", 65535);
    }

    #[test]
    fn pasted_pages_mean_their_host() {
        check("http://raa.test:4011/", "raa.test", 4010);
        check("https://raa.test/", "raa.test", 4010);
        check("HTTPS://RAA.Test", "raa.test", 4010);
        check("http://raa.test/hospital/?mix=main#top", "raa.test", 4010);
        check("http://user:secret@raa.test:8080/", "raa.test", 4010);
        check("http://[2001:db8::7]:4011/", "2001:db8::7", 4010);
        check("http://[fe80::1%25eth0]/", "fe80::1%eth0", 4010);
        check("ws://raa.test:4011/ws?mix=main", "raa.test", 4010);
        check("raa.test:4011/", "raa.test", 4010);
        check("raa.test:5000/", "raa.test", 5000);
        check("raa.test/", "raa.test", 4010);
        check("[::1]/", "::1", 4010);
    }

    #[test]
    fn slips_of_the_keyboard_keep_their_meaning() {
        check("  raa.test\t\r\n", "raa.test", 4010);
        check("\u{3000}raa.test\u{a0}", "raa.test", 4010);
        check("raa.test:", "raa.test", 4010);
        check("[::1]:", "::1", 4010);
        check("RAA.Test:5000", "raa.test", 5000);
        check("[2001:DB8::7]", "2001:db8::7", 4010);
        check("raa.test.", "raa.test.", 4010);
        check("ｒａａ．ｔｅｓｔ：５０００", "raa.test", 5000);
        check("192。0。2。7", "192.0.2.7", 4010);
    }

    #[test]
    fn an_ipv6_address_alone_needs_no_brackets() {
        check("::1", "::1", 4010);
        check(" 2001:DB8::7 ", "2001:db8::7", 4010);
        check("2001:db8:0:0:0:0:0:5000", "2001:db8::5000", 4010);
        check("fe80::1%eth0", "fe80::1%eth0", 4010);
        check("2001:db8::7/", "2001:db8::7", 4010);
    }

    #[test]
    fn names_of_other_scripts_are_looked_up_as_dns_knows_them() {
        check("監視室.test", "xn--wbtx74dlhn.test", 4010);
        check("xn--wbtx74dlhn.test", "xn--wbtx74dlhn.test", 4010);
        check("http://Bücher.example/", "xn--bcher-kva.example", 4010);
    }

    #[test]
    fn a_refusal_names_the_wrong_part() {
        for (text, error) in [
            ("", AddressError::Host),
            (" ", AddressError::Host),
            (":4010", AddressError::Host),
            ("/", AddressError::Host),
            ("http://", AddressError::Host),
            ("http:///raa", AddressError::Host),
            ("two words", AddressError::Host),
            ("raa,test", AddressError::Host),
            ("\\\\raa\\share", AddressError::Host),
            ("a..b", AddressError::Host),
            ("192.0.2.300", AddressError::Host),
            ("192.0.2", AddressError::Host),
            ("[raa.test]", AddressError::Host),
            ("[::1%]", AddressError::Host),
            ("xn--a", AddressError::Host),
            ("host:0", AddressError::Port),
            ("host:65536", AddressError::Port),
            ("host:port", AddressError::Port),
            ("http://host:port/", AddressError::Port),
            ("::1:4010", AddressError::Brackets),
            ("2001:db8::7:4011", AddressError::Brackets),
            ("2001:db8:::7", AddressError::Brackets),
            ("a:b:c", AddressError::Brackets),
            ("[::1", AddressError::Brackets),
            ("[::1]4010", AddressError::Brackets),
            ("ftp://raa.test/", AddressError::Scheme),
            ("file:///etc", AddressError::Scheme),
        ] {
            assert_eq!(text.parse::<ServerAddress>(), Err(error), "{text:?}");
        }
        let long = format!("{}.test", "a".repeat(64));
        assert_eq!(long.parse::<ServerAddress>(), Err(AddressError::Host));
    }
}
