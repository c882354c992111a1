//! Which host a request comes from if it has passed proxies (`X-Forwarded-For`, RFC 7239).
//!
//! Always: believes only what a listed proxy has written: the entries from the right end up to the
//! first address that is not one of the proxies.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};

use super::address::Network;

/// Returns the address that the proxies name, or `peer` itself unless it is one of them.
pub(super) fn origin_of(peer: SocketAddr, headers: &HeaderMap, proxies: &[Network]) -> SocketAddr {
    let is_proxy = |ip: IpAddr| proxies.iter().any(|proxy| proxy.contains(ip));
    let mut last = peer;
    if !is_proxy(peer.ip()) {
        return peer;
    }
    for entry in entries(headers).into_iter().rev() {
        let Some(address) = address(&entry) else {
            break;
        };
        last = address;
        if !is_proxy(last.ip()) {
            break;
        }
    }
    last
}

/// Returns the addresses that proxies have noted, the nearest last.
fn entries(headers: &HeaderMap) -> Vec<String> {
    const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
    let simple = items(headers, &X_FORWARDED_FOR);
    if !simple.is_empty() {
        return simple;
    }
    let for_parameter = |item: String| {
        let parameters = item.split(';').filter_map(|pair| pair.split_once('='));
        let mut found = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
        // An item without it hides the address.
        found.next().map_or_else(String::new, |(_, value)| {
            value.trim().trim_matches('"').into()
        })
    };
    let items = items(headers, &header::FORWARDED);
    items.into_iter().map(for_parameter).collect()
}

fn items(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let values = headers.get_all(name).iter();
    let texts = values.map(|value| value.to_str().unwrap_or("?"));
    texts
        .flat_map(|text| text.split(','))
        .map(|item| item.trim().to_owned())
        .collect()
}

/// Reads an address that may have a port, and brackets if it is IPv6.
fn address(text: &str) -> Option<SocketAddr> {
    let ip = text.trim_start_matches('[').trim_end_matches(']').parse();
    let address = match ip {
        Ok(ip) => SocketAddr::new(ip, 0),
        Err(_) => text.parse().ok()?,
    };
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: &str, headers: &[(&'static str, &str)], expected: &str) {
        let proxies = ["127.0.0.1", "10.0.0.0/8"].map(|text| text.parse().unwrap());
        let peer = SocketAddr::new(peer.parse().unwrap(), 50000);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let found = origin_of(peer, &map, &proxies);
        assert_eq!(found.ip().to_string(), expected, "{headers:?}");
    }

    #[test]
    fn only_listed_proxies_are_believed() {
        let spoofed = [("x-forwarded-for", "192.0.2.7")];
        check("203.0.113.1", &spoofed, "203.0.113.1");
        check("127.0.0.1", &spoofed, "192.0.2.7");
        check("127.0.0.1", &[], "127.0.0.1");
    }

    #[test]
    fn entries_before_the_first_stranger_are_ignored() {
        check(
            "127.0.0.1",
            &[("x-forwarded-for", "1.1.1.1, 192.0.2.7, 10.0.0.2")],
            "192.0.2.7",
        );
        check(
            "127.0.0.1",
            &[
                ("x-forwarded-for", "1.1.1.1"),
                ("x-forwarded-for", "192.0.2.7:5000"),
            ],
            "192.0.2.7",
        );
        check(
            "127.0.0.1",
            &[("x-forwarded-for", "192.0.2.7, unknown")],
            "127.0.0.1",
        );
        check(
            "127.0.0.1",
            &[("x-forwarded-for", "10.0.0.3, 10.0.0.2")],
            "10.0.0.3",
        );
        check(
            "127.0.0.1",
            &[("x-forwarded-for", "2001:db8::7")],
            "2001:db8::7",
        );
    }

    #[test]
    fn the_standard_header_is_read() {
        check(
            "127.0.0.1",
            &[("forwarded", "for=192.0.2.7;proto=https")],
            "192.0.2.7",
        );
        check(
            "127.0.0.1",
            &[(
                "forwarded",
                "for=1.1.1.1, proto=https;For=\"[2001:db8::7]:4711\"",
            )],
            "2001:db8::7",
        );
        check(
            "127.0.0.1",
            &[("forwarded", "for=192.0.2.7, for=_hidden")],
            "127.0.0.1",
        );
        check(
            "127.0.0.1",
            &[("forwarded", "for=192.0.2.7, proto=http")],
            "127.0.0.1",
        );
    }
}
