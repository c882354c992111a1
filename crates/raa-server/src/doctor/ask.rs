//! Asks the server at the HTTP port, as a browser on this computer would.
//!
//! Always: an answer is awaited for two seconds; its body is bounded.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(2);
/// Longest body; the list of a status with thousands of senders is far shorter.
const MAX_BODY: usize = 1 << 20;

/// Status code and body of `GET path`.
pub(super) type Answer = Result<(u16, Vec<u8>), String>;

/// Returns the addresses at which a server that listens at `address` answers on this computer.
pub(super) fn addresses(address: IpAddr, port: u16) -> Vec<SocketAddr> {
    let (v4, v6) = (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
    let hosts = match address {
        IpAddr::V6(address) if address.is_unspecified() => vec![v4, v6],
        IpAddr::V4(address) if address.is_unspecified() => vec![v4],
        one => vec![one],
    };
    let with_port = |host| SocketAddr::new(host, port);
    hosts.into_iter().map(with_port).collect()
}

/// Asks at each address until one answers.
pub(super) fn get(addresses: &[SocketAddr], path: &str) -> Answer {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let mut failure = "no address".to_owned();
        for &address in addresses {
            match timeout(PATIENCE, ask(address, path)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => failure = error,
                Err(_) => return Err(format!("no answer within {} s", PATIENCE.as_secs())),
            }
        }
        Err(failure)
    })
}

async fn ask(address: SocketAddr, path: &str) -> Answer {
    let text = |error: &dyn std::error::Error| error.to_string();
    let stream = TcpStream::connect(address).await;
    let stream = TokioIo::new(stream.map_err(|error| text(&error))?);
    let (mut sender, connection) = handshake(stream).await.map_err(|error| text(&error))?;
    let connection = tokio::spawn(connection);
    let request = Request::get(path)
        .header("host", address.to_string())
        .body(Empty::<Bytes>::new())
        .map_err(|error| text(&error))?;
    let response = sender.send_request(request).await;
    let (head, body) = response.map_err(|error| text(&error))?.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await;
    connection.abort();
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    Ok((head.status.as_u16(), body.to_vec()))
}
