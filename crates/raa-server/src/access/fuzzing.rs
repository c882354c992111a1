//! The headers that say for whom a request speaks, and their values alone.
//!
//! Always: what was read is written and read back as the same; what a stranger writes in front of a
//! proxy's entries changes nothing; a change is allowed only to pages of allowed hosts.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};

use super::host::{Authority, Host, WebOrigin};
use super::policy::{Access, Refusal};
use super::{Address, Network};

const NAMES: [&str; 2] = ["ward3", "raa.example"];
const PAGES: [&str; 1] = ["https://zabbix.example"];
const PROXIES: [&str; 3] = ["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"];
const PEERS: [&str; 3] = ["127.0.0.1:40000", "192.0.2.1:40000", "[2001:db8::7]:40000"];
/// The headers, by a line's first byte.
const HEADERS: [&str; 6] = [
    "host",
    "origin",
    "x-forwarded-for",
    "forwarded",
    "x-forwarded-host",
    "upgrade",
];

/// One request or one value; the first byte chooses its kind.
pub(crate) fn headers(bytes: &[u8]) {
    let Some((&kind, rest)) = bytes.split_first() else {
        return;
    };
    if kind % 4 == 3 {
        return values(&String::from_utf8_lossy(rest));
    }
    let peer = PEERS[usize::from(kind % 4)].parse().expect("an address");
    let mut headers = HeaderMap::new();
    for line in rest.split(|&byte| byte == b'\n') {
        let Some((&name, value)) = line.split_first() else {
            continue;
        };
        let name = HeaderName::from_static(HEADERS[usize::from(name) % HEADERS.len()]);
        // The HTTP library refuses what can't be a value.
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    request(peer, &headers);
}

fn access() -> Access {
    fn all<T: FromStr<Err: std::fmt::Debug>>(texts: &[&str]) -> Vec<T> {
        let parse = |text: &&str| text.parse().expect("a value");
        texts.iter().map(parse).collect()
    }
    Access::new(all(&NAMES), all(&PAGES), all(&PROXIES))
}

fn request(peer: SocketAddr, headers: &HeaderMap) {
    let access = access();
    check_requester(&access, peer, headers);
    let uri = Uri::from_static("/api/clients/x");
    match access.check(peer.ip(), &Method::PATCH, &uri, headers) {
        Ok(()) => check_allowed(headers),
        Err(Refusal::Host(text)) => assert!(!text.parse::<Authority>().is_ok_and(|read| {
            matches!(read.host, Host::Ip(_)) || NAMES.contains(&read.host.to_string().as_str())
        })),
        Err(Refusal::Origin(text)) => assert!(headers.contains_key(header::ORIGIN), "{text}"),
    }
}

/// Only a proxy is believed, and of its entries no one in front of the first stranger's.
fn check_requester(access: &Access, peer: SocketAddr, headers: &HeaderMap) {
    let found = access.requester(peer, headers);
    let _ = Address::from(found.ip());
    assert_eq!(found.ip(), found.ip().to_canonical());
    if !access.is_proxy(peer.ip()) {
        assert_eq!(found, peer);
        return;
    }
    if access.is_proxy(found.ip()) {
        return;
    }
    for (name, spoofed) in [
        ("x-forwarded-for", "203.0.113.99"),
        ("forwarded", "for=203.0.113.99"),
    ] {
        if let Some(first) = headers.get(name) {
            let mut more = HeaderMap::new();
            more.append(name, HeaderValue::from_static(spoofed));
            more.append(name, first.clone());
            let others = headers.get_all(name).iter().skip(1);
            others.for_each(|value| _ = more.append(name, value.clone()));
            let mut all = headers.clone();
            all.remove(name);
            all.extend(more);
            assert_eq!(access.requester(peer, &all), found, "{all:?}");
        }
    }
}

/// Every host and every page of a request that may change something is one of the allowed ones.
fn check_allowed(headers: &HeaderMap) {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    for host in headers.get_all(header::HOST).iter().map(text) {
        assert!(is_allowed(&host), "{host}");
    }
    for origin in headers.get_all(header::ORIGIN).iter().map(text) {
        let lower = origin.to_ascii_lowercase();
        let host = lower.strip_prefix("https://");
        let host = host.or_else(|| lower.strip_prefix("http://"));
        let host = host.expect("a page's scheme");
        assert!(
            is_allowed(host) || PAGES.iter().any(|page| lower.starts_with(page)),
            "{origin}"
        );
    }
}

/// Whether a host with or without a port is allowed, found out without the parser.
fn is_allowed(text: &str) -> bool {
    let host = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let host = host.strip_suffix(':').unwrap_or(text);
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let is_ip = host.starts_with('[') && host.ends_with(']') || host.parse::<IpAddr>().is_ok();
    let is_local = host == "localhost" || host.ends_with(".localhost");
    is_ip || is_local || NAMES.contains(&host.as_str())
}

/// One value of each parser.
fn values(text: &str) {
    reads_back(text, Host::to_string);
    reads_back(text, WebOrigin::to_string);
    reads_back(text, Network::to_string);
    if let Ok(Authority { host, port }) = text.parse::<Authority>() {
        let shown = match port {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        };
        assert_eq!(shown.parse(), Ok(Authority { host, port }));
        assert!(!shown.contains(['@', '/', ' ', ',', '\\']), "{shown}");
    }
}

fn reads_back<T>(text: &str, show: impl Fn(&T) -> String)
where
    T: FromStr<Err: PartialEq + std::fmt::Debug> + PartialEq + std::fmt::Debug,
{
    if let Ok(value) = text.parse::<T>() {
        let shown = show(&value);
        assert_eq!(shown.parse().as_ref(), Ok(&value), "{text:?} {shown:?}");
    }
}
