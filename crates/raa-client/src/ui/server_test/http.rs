//! One GET request by HTTP/1.0, whose response ends with the connection.
//!
//! Implemented here because so little is needed: small HTTP crates do not accept a URL with an IPv6
//! address, and large ones are larger than the rest of this program.
//!
//! Always: ends at the given instant; the size of a response is limited.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::str::FromStr;
use std::time::{Duration, Instant};

use super::NoServer;
use crate::settings::ServerAddress;

const HTTP_PORT: u16 = 80;
/// The limit for the head of a response.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// The limit for one address, so that time is left for the next one.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// `http://HOST[:PORT]/PATH/`, to which the names of resources are appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    server: ServerAddress,
    /// Host and port as in the original URL.
    authority: String,
    /// Begins and ends with a slash.
    path: String,
}

impl Url {
    pub(super) fn host(&self) -> &str {
        &self.server.host
    }

    pub(super) fn port(&self) -> u16 {
        self.server.port
    }
}

impl FromStr for Url {
    type Err = NoServer;

    fn from_str(text: &str) -> Result<Self, NoServer> {
        if text.starts_with("https://") {
            return Err(NoServer::Https);
        }
        let invalid = || NoServer::Url(text.to_owned());
        let is_allowed = |c: char| c.is_ascii_graphic() && !"?#\"<>\\".contains(c);
        let rest = text.strip_prefix("http://").ok_or_else(invalid)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let is_bare_ipv6 = !authority.starts_with('[') && authority.matches(':').count() > 1;
        if is_bare_ipv6 {
            return Err(invalid());
        }
        let mut server: ServerAddress = authority.parse().map_err(|_| invalid())?;
        let has_port = authority.rsplit(']').next().is_some_and(|end| {
            end.split_once(':')
                .is_some_and(|(_, port)| !port.is_empty())
        });
        if !has_port {
            server.port = HTTP_PORT;
        }
        let path = match path.trim_end_matches('/') {
            "" => "/".to_owned(),
            path => format!("/{path}/"),
        };
        if !path.chars().all(is_allowed) || authority.contains(|c: char| c.is_control() || c == '@')
        {
            return Err(invalid());
        }
        Ok(Self {
            server,
            authority: authority.to_owned(),
            path,
        })
    }
}

/// Returns the body of the resource `name` below `url`, from the first of these addresses that accepts
/// a connection, and that address.
pub(super) fn get(
    to: &[SocketAddr],
    url: &Url,
    name: &str,
    max_body_bytes: usize,
    until: Instant,
) -> Result<(Vec<u8>, IpAddr), NoServer> {
    let (stream, address) = connect(to, until)?;
    let request = format!(
        "GET {}{name} HTTP/1.0\r\nHost: {}\r\nAccept: application/json\r\n\
         User-Agent: raa-client/{}\r\nConnection: close\r\n\r\n",
        url.path,
        url.authority,
        env!("CARGO_PKG_VERSION")
    );
    let response = exchange(stream, &request, MAX_HEAD_BYTES + max_body_bytes, until)?;
    Ok((body(&response)?, address))
}

fn connect(to: &[SocketAddr], until: Instant) -> Result<(TcpStream, IpAddr), NoServer> {
    let mut error = NoServer::Unreachable("its name has no address".into());
    for address in to {
        let limit = left(until)?.min(CONNECT_LIMIT);
        match TcpStream::connect_timeout(address, limit) {
            Ok(stream) => return Ok((stream, address.ip())),
            Err(reason) => error = failure(&reason),
        }
    }
    Err(error)
}

/// Returns the whole response, which must not exceed `max_bytes`.
fn exchange(
    mut stream: TcpStream,
    request: &str,
    max_bytes: usize,
    until: Instant,
) -> Result<Vec<u8>, NoServer> {
    let failed = |error: io::Error| failure(&error);
    stream
        .set_write_timeout(Some(left(until)?))
        .map_err(failed)?;
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut response = Vec::new();
    let mut piece = [0; 8192];
    while response.len() <= max_bytes {
        stream
            .set_read_timeout(Some(left(until)?))
            .map_err(failed)?;
        match stream.read(&mut piece) {
            Ok(0) => return Ok(response),
            Ok(bytes) => response.extend_from_slice(&piece[..bytes]),
            // The response may be complete anyway; its JSON shows that.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(response),
            Err(error) => return Err(failed(error)),
        }
    }
    Err(NoServer::NotRaa)
}

/// Returns the body of a response with status 200.
fn body(response: &[u8]) -> Result<Vec<u8>, NoServer> {
    let mut words = response.splitn(3, |byte| byte.is_ascii_whitespace());
    let is_http = words
        .next()
        .is_some_and(|word| word.starts_with(b"HTTP/1."));
    let code = words.next().and_then(|word| str::from_utf8(word).ok());
    let code = code.filter(|_| is_http).and_then(|code| code.parse().ok());
    let end = b"\r\n\r\n";
    let head = response.windows(end.len()).position(|bytes| bytes == end);
    match (code, head) {
        (Some(200), Some(head)) => Ok(response[head + end.len()..].to_vec()),
        (Some(code), Some(_)) => Err(NoServer::Status(code)),
        _ => Err(NoServer::NotRaa),
    }
}

/// Returns the remaining time, which is never zero because sockets do not accept that.
fn left(until: Instant) -> Result<Duration, NoServer> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(NoServer::TimedOut);
    }
    Ok(left)
}

fn failure(error: &io::Error) -> NoServer {
    match error.kind() {
        // Windows reports a timeout as the first, Linux as the second.
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => NoServer::TimedOut,
        _ => NoServer::Unreachable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_and_path_of_a_url_are_optional() {
        let check = |text: &str, host: &str, port: u16, path: &str| {
            let url: Url = text.parse().unwrap();
            assert_eq!(
                (url.host(), url.port(), url.path.as_str()),
                (host, port, path)
            );
        };
        check("http://raa.example:4011/", "raa.example", 4011, "/");
        check("http://raa.example", "raa.example", 80, "/");
        check("http://raa.example/a/b", "raa.example", 80, "/a/b/");
        check("http://[::1]:4011/", "::1", 4011, "/");
        check("http://[::1]/", "::1", 80, "/");
    }

    #[test]
    fn invalid_urls_are_refused() {
        assert_eq!("https://a/".parse::<Url>(), Err(NoServer::Https));
        for text in [
            "",
            "a",
            "ftp://a/",
            "http://",
            "http:///",
            "http://a:0/",
            "http://a/ b",
            "http://a/?b",
            "http://a/\r\nX: y/",
            "http://a\r\nX: y/",
            "http://u@a/",
            "http://::1/",
        ] {
            let refused = text.parse::<Url>();
            assert_eq!(refused, Err(NoServer::Url(text.into())), "{text:?}");
        }
    }

    #[test]
    fn the_body_follows_the_head() {
        let check = |response: &str, expected| assert_eq!(body(response.as_bytes()), expected);
        check(
            "HTTP/1.0 200 OK\r\nA: b\r\n\r\nx\r\n\r\ny",
            Ok(b"x\r\n\r\ny".to_vec()),
        );
        check("HTTP/1.1 200\r\n\r\n", Ok(vec![]));
        check(
            "HTTP/1.1 404 Not Found\r\n\r\nx",
            Err(NoServer::Status(404)),
        );
        for response in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "SSH-2.0 200 x\r\n\r\n",
            "HTTP/1.1 many x\r\n\r\n",
        ] {
            check(response, Err(NoServer::NotRaa));
        }
    }
}
