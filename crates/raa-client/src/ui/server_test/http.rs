//! One GET request, as HTTP/1.0 has it: the answer ends when the connection does.
//!
//! So little is needed that it is written here: small HTTP crates do not take a URL with an IPv6
//! address, and large ones bring more than all the rest of this program.
//! Always: ends at the given instant; an answer is not larger than it may be.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::str::FromStr;
use std::time::{Duration, Instant};

use super::NoServer;
use crate::settings::ServerAddress;

const HTTP_PORT: u16 = 80;
/// What an answer may have beside its body.
const MAX_HEAD: usize = 16 * 1024;
/// No address gets all the time: the next one may be the one that answers.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// `http://HOST[:PORT]/PATH/`, to which names are added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    server: ServerAddress,
    /// Host and port as they were written.
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
        let wrong = || NoServer::Url(text.to_owned());
        let is_allowed = |c: char| c.is_ascii_graphic() && !"?#\"<>\\".contains(c);
        let rest = text.strip_prefix("http://").ok_or_else(wrong)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut server: ServerAddress = authority.parse().map_err(|_| wrong())?;
        let has_port = authority
            .rsplit(']')
            .next()
            .is_some_and(|end| end.contains(':'));
        if !has_port {
            server.port = HTTP_PORT;
        }
        let path = match path.trim_end_matches('/') {
            "" => "/".to_owned(),
            path => format!("/{path}/"),
        };
        if !path.chars().all(is_allowed) || authority.contains(|c: char| c.is_control() || c == '@')
        {
            return Err(wrong());
        }
        Ok(Self {
            server,
            authority: authority.to_owned(),
            path,
        })
    }
}

/// The body of what is at `url` followed by `name`, from the first of these addresses that
/// takes a connection.
pub(super) fn get(
    to: &[SocketAddr],
    url: &Url,
    name: &str,
    max_body: usize,
    until: Instant,
) -> Result<Vec<u8>, NoServer> {
    let stream = connect(to, until)?;
    let request = format!(
        "GET {}{name} HTTP/1.0\r\nHost: {}\r\nAccept: application/json\r\n\
         User-Agent: raa-client/{}\r\nConnection: close\r\n\r\n",
        url.path,
        url.authority,
        env!("CARGO_PKG_VERSION")
    );
    let answer = exchange(stream, &request, MAX_HEAD + max_body, until)?;
    body(&answer)
}

fn connect(to: &[SocketAddr], until: Instant) -> Result<TcpStream, NoServer> {
    let mut error = NoServer::Unreachable("its name has no address".into());
    for address in to {
        let limit = left(until)?.min(CONNECT_LIMIT);
        match TcpStream::connect_timeout(address, limit) {
            Ok(stream) => return Ok(stream),
            Err(reason) => error = no_answer(&reason),
        }
    }
    Err(error)
}

/// Everything that is answered, `max_bytes` of it at most.
fn exchange(
    mut stream: TcpStream,
    request: &str,
    max_bytes: usize,
    until: Instant,
) -> Result<Vec<u8>, NoServer> {
    let failed = |error: io::Error| no_answer(&error);
    stream
        .set_write_timeout(Some(left(until)?))
        .map_err(failed)?;
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = Vec::new();
    let mut piece = [0; 8192];
    while answer.len() <= max_bytes {
        stream
            .set_read_timeout(Some(left(until)?))
            .map_err(failed)?;
        match stream.read(&mut piece) {
            Ok(0) => return Ok(answer),
            Ok(bytes) => answer.extend_from_slice(&piece[..bytes]),
            // A server that ends abruptly has perhaps said all; its JSON shows.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(answer),
            Err(error) => return Err(failed(error)),
        }
    }
    Err(NoServer::NotRaa)
}

/// What stands behind the head of a good answer.
fn body(answer: &[u8]) -> Result<Vec<u8>, NoServer> {
    let mut words = answer.splitn(3, |byte| byte.is_ascii_whitespace());
    let is_http = words
        .next()
        .is_some_and(|word| word.starts_with(b"HTTP/1."));
    let code = words.next().and_then(|word| str::from_utf8(word).ok());
    let code = code.filter(|_| is_http).and_then(|code| code.parse().ok());
    let end = b"\r\n\r\n";
    let head = answer.windows(end.len()).position(|bytes| bytes == end);
    match (code, head) {
        (Some(200), Some(head)) => Ok(answer[head + end.len()..].to_vec()),
        (Some(code), Some(_)) => Err(NoServer::Status(code)),
        _ => Err(NoServer::NotRaa),
    }
}

/// How much time is left; never none, which sockets do not take.
fn left(until: Instant) -> Result<Duration, NoServer> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(NoServer::TimedOut);
    }
    Ok(left)
}

fn no_answer(error: &io::Error) -> NoServer {
    match error.kind() {
        // Windows says the one and Linux the other when a time limit is over.
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => NoServer::TimedOut,
        _ => NoServer::Unreachable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_with_and_without_a_port_and_a_path() {
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
    fn what_is_no_url_of_a_page_is_refused() {
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
        ] {
            let refused = text.parse::<Url>();
            assert_eq!(refused, Err(NoServer::Url(text.into())), "{text:?}");
        }
    }

    #[test]
    fn the_body_stands_behind_the_head() {
        let check = |answer: &str, expected| assert_eq!(body(answer.as_bytes()), expected);
        check(
            "HTTP/1.0 200 OK\r\nA: b\r\n\r\nx\r\n\r\ny",
            Ok(b"x\r\n\r\ny".to_vec()),
        );
        check("HTTP/1.1 200\r\n\r\n", Ok(vec![]));
        check(
            "HTTP/1.1 404 Not Found\r\n\r\nx",
            Err(NoServer::Status(404)),
        );
        for answer in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "SSH-2.0 200 x\r\n\r\n",
            "HTTP/1.1 many x\r\n\r\n",
        ] {
            check(answer, Err(NoServer::NotRaa));
        }
    }
}
