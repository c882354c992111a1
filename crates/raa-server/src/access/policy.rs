//! Decides whether a request may be answered, by its headers `Host` and `Origin`.
//!
//! A program that is not a browser sends what it likes, so both are no passwords: they only show which
//! page a browser speaks for. Always: a request without `Origin` does not come from a page; a request
//! without `Host` does not come from a browser.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};

use super::address::Network;
use super::forwarded;
use super::host::{Authority, Host, WebOrigin};

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The names, pages and proxies that the operator allows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    /// The machine's own names, and the configured ones.
    hosts: Vec<Host>,
    origins: Vec<WebOrigin>,
    proxies: Vec<Network>,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The host is not one of the server's names; the value is as the request has it.
    Host(String),
    /// Pages of this origin may not do this.
    Origin(String),
}

impl Access {
    /// Allows these hosts in addition to addresses and `localhost`.
    pub(crate) fn new(hosts: Vec<Host>, origins: Vec<WebOrigin>, proxies: Vec<Network>) -> Self {
        Self {
            hosts,
            origins,
            proxies,
        }
    }

    /// Returns the pages of other origins that may use the server and show it in a frame.
    pub(crate) fn origins(&self) -> &[WebOrigin] {
        &self.origins
    }

    /// Returns whether pages of this origin, the value of a header `Origin`, may read what the server says.
    pub(crate) fn may_read(&self, origin: &HeaderValue) -> bool {
        let origin = origin.to_str().ok().and_then(|text| text.parse().ok());
        origin.is_some_and(|origin: WebOrigin| self.origins.contains(&origin))
    }

    /// Returns whether this is the address of a proxy that is believed.
    pub(crate) fn is_proxy(&self, ip: IpAddr) -> bool {
        self.proxies.iter().any(|proxy| proxy.contains(ip))
    }

    /// Returns the host that a request comes from, which may be behind proxies.
    pub(crate) fn requester(&self, peer: SocketAddr, headers: &HeaderMap) -> SocketAddr {
        forwarded::origin_of(peer, headers, &self.proxies)
    }

    /// Checks a request of the connection from `peer`.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(crate) fn check(
        &self,
        peer: IpAddr,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), Refusal> {
        let hosts = self.checked_hosts(peer, uri, headers)?;
        if is_harmless(method, headers) {
            return Ok(());
        }
        for text in headers.get_all(header::ORIGIN) {
            let text = String::from_utf8_lossy(text.as_bytes());
            let is_allowed = text.parse().is_ok_and(|origin: WebOrigin| {
                hosts.iter().any(|host| origin.is_at(host)) || self.origins.contains(&origin)
            });
            if !is_allowed {
                return Err(Refusal::Origin(text.into_owned()));
            }
        }
        Ok(())
    }

    /// Returns the hosts that the request names, all of which are allowed.
    fn checked_hosts(
        &self,
        peer: IpAddr,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Vec<Authority>, Refusal> {
        let mut texts: Vec<String> = Vec::new();
        // A request to a proxy has the host in its target (RFC 9112 section 3.2.2).
        texts.extend(uri.authority().map(|authority| authority.as_str().into()));
        let values = |name| {
            let values = headers.get_all(name).iter();
            values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        texts.extend(values(header::HOST));
        if self.is_proxy(peer) {
            for value in values(X_FORWARDED_HOST) {
                texts.extend(value.split(',').map(|host| host.trim().to_owned()));
            }
        }
        let check = |text: String| match text.parse::<Authority>() {
            Ok(authority) if self.has(&authority.host) => Ok(authority),
            _ => Err(Refusal::Host(text)),
        };
        texts.into_iter().map(check).collect()
    }

    fn has(&self, host: &Host) -> bool {
        match host {
            // No name leads here, so no page of another site has this host.
            Host::Ip(_) => true,
            Host::Name(name) => {
                name == "localhost" || name.ends_with(".localhost") || self.hosts.contains(host)
            }
        }
    }
}

/// Returns whether a page gains nothing by the request, because it can't read the answer.
fn is_harmless(method: &Method, headers: &HeaderMap) -> bool {
    (method == Method::GET || method == Method::HEAD) && !headers.contains_key(header::UPGRADE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        Access::new(
            ["ward3", "ward3.local", "raa.example"]
                .map(|name| name.parse().unwrap())
                .into(),
            vec!["https://zabbix.example".parse().unwrap()],
            vec!["127.0.0.1".parse().unwrap()],
        )
    }

    fn request(
        peer: &str,
        method: Method,
        target: &str,
        lines: &[(&str, &str)],
    ) -> Result<(), Refusal> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        access().check(
            peer.parse().unwrap(),
            &method,
            &target.parse().unwrap(),
            &headers,
        )
    }

    #[test]
    fn the_server_has_its_own_names_only() {
        for (host, is_allowed) in [
            ("192.0.2.7:4011", true),
            ("[2001:db8::7]:4011", true),
            ("localhost:4011", true),
            ("page.localhost", true),
            ("WARD3.local.:4011", true),
            ("raa.example:1", true),
            ("evil.example", false),
            ("ward3.evil.example", false),
            ("evil-ward3", false),
            ("localhost.evil.example", false),
            ("192.0.2.7.evil.example", false),
            ("user@ward3", false),
            ("", false),
        ] {
            let found = request("192.0.2.1", Method::GET, "/", &[("host", host)]);
            let expected = if is_allowed {
                Ok(())
            } else {
                Err(Refusal::Host(host.into()))
            };
            assert_eq!(found, expected, "{host}");
        }
    }

    #[test]
    fn every_named_host_must_be_allowed() {
        let refused = |found: Result<(), Refusal>| {
            assert_eq!(found, Err(Refusal::Host("evil.example".into())));
        };
        let (good, evil) = (("host", "ward3"), ("host", "evil.example"));
        refused(request("192.0.2.1", Method::GET, "/", &[good, evil]));
        refused(request(
            "192.0.2.1",
            Method::GET,
            "http://evil.example/",
            &[good],
        ));
        assert_eq!(
            request("192.0.2.1", Method::GET, "http://ward3/", &[good]),
            Ok(())
        );
        // A health check by HTTP/1.0 has none.
        assert_eq!(request("192.0.2.1", Method::GET, "/", &[]), Ok(()));
        let forwarded = ("x-forwarded-host", "raa.example, evil.example");
        refused(request("127.0.0.1", Method::GET, "/", &[good, forwarded]));
    }

    #[test]
    fn changes_come_from_own_pages_only() {
        let refused = |origin: &str| Err(Refusal::Origin(origin.into()));
        for method in [
            Method::PATCH,
            Method::POST,
            Method::DELETE,
            Method::PUT,
            Method::OPTIONS,
        ] {
            let check = |origin: &str, expected| {
                let lines = [("host", "ward3:4011"), ("origin", origin)];
                let found = request("192.0.2.1", method.clone(), "/", &lines);
                assert_eq!(found, expected, "{method} {origin}");
            };
            check("http://ward3:4011", Ok(()));
            check("https://zabbix.example", Ok(()));
            for origin in [
                "http://evil.example",
                "null",
                "http://ward3:8080",
                "https://zabbix.example.evil.example",
                "",
            ] {
                check(origin, refused(origin));
            }
            assert_eq!(
                request("192.0.2.1", method.clone(), "/", &[("host", "ward3")]),
                Ok(())
            );
            let both = [
                ("host", "ward3"),
                ("origin", "http://ward3"),
                ("origin", "null"),
            ];
            assert_eq!(
                request("192.0.2.1", method.clone(), "/", &both),
                refused("null")
            );
        }
        let lines = [("host", "ward3"), ("origin", "http://evil.example")];
        assert_eq!(
            request("192.0.2.1", Method::GET, "/player.js", &lines),
            Ok(())
        );
        let upgrade = [lines[0], lines[1], ("upgrade", "websocket")];
        let found = request("192.0.2.1", Method::GET, "/ws", &upgrade);
        assert_eq!(found, refused("http://evil.example"));
    }

    #[test]
    fn a_listed_proxy_names_the_host() {
        let lines = [
            ("host", "127.0.0.1:4011"),
            ("x-forwarded-host", "raa.example"),
            ("origin", "https://raa.example"),
        ];
        assert_eq!(request("127.0.0.1", Method::PATCH, "/", &lines), Ok(()));
        let refused = Err(Refusal::Origin("https://raa.example".into()));
        assert_eq!(request("192.0.2.1", Method::PATCH, "/", &lines), refused);
    }
}
