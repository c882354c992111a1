//! What one address may take of the server, over real sockets: 127.0.0.1, 127.0.0.2 and so on are
//! different hosts.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::raw::{ask_from, closes_within, connect_from, handshake_on, head, status_of};
use common::sender::datagram;
use common::{Server, client, status, status_when};
use raa_core::codec::{Encoder, EncoderSettings};
use raa_server::config::Config;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, UdpSocket};

const HOST: &str = "host: 127.0.0.1\r\n";

async fn start(change: impl FnOnce(&mut Config)) -> Server {
    let dir = tempfile::tempdir().unwrap();
    Server::start_with(dir, |setup| change(&mut setup.config)).await
}

/// Makes `count` clients, with the SSRCs from 1 on.
async fn introduce(server: &Server, count: u32) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
    for ssrc in 1..=count {
        for number in 0..3 {
            let packet = datagram(ssrc, number, &mut encoder);
            socket.send_to(&packet, server.udp).await.unwrap();
        }
        if ssrc % 20 == 0 {
            common::client_when(server.http, &format!("{ssrc:08x}"), |client| {
                !client.is_null()
            })
            .await;
        }
    }
    common::client_when(server.http, &format!("{count:08x}"), |client| {
        !client.is_null()
    })
    .await;
}

async fn patch_from(host: u8, server: &Server, headers: &str, id: u32, body: &str) -> String {
    let head = format!(
        "PATCH /api/clients/{id:08x} HTTP/1.1\r\n{HOST}{headers}content-type: application/json\r\n"
    );
    ask_from(host, server.http, &head, body).await
}

#[tokio::test]
async fn silent_connections_of_an_address_make_room() {
    let server = start(|config| config.max_connections_per_address = 8).await;
    let mut silent = Vec::new();
    for number in 0..30 {
        let mut stream = connect_from(1, server.http).await;
        // Half of them send a part of a request, as a slowloris does.
        if number % 2 == 0 {
            stream.write_all(b"GET / HTTP/1.1\r\nx-a: ").await.unwrap();
        }
        silent.push(stream);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for stream in &mut silent[..22] {
        assert!(closes_within(stream, common::PATIENCE).await, "an old one");
    }
    let mut open = 0;
    for stream in &mut silent[22..] {
        open += usize::from(!closes_within(stream, Duration::from_millis(20)).await);
    }
    assert_eq!(open, 8);
    let get = format!("GET /api/status HTTP/1.1\r\n{HOST}");
    for host in [1, 2] {
        assert_eq!(status_of(&ask_from(host, server.http, &get, "").await), 200);
    }
    let refused = &status(server.http).await["refused_requests"];
    assert!(
        refused["connections_per_address"].as_u64() >= Some(22),
        "{refused}"
    );
    drop(silent); // or their tasks would keep the folder
    server.stop().await;
}

#[tokio::test]
async fn busy_connections_of_an_address_are_limited() {
    let server = start(|config| config.max_connections_per_address = 8).await;
    let mut busy = Vec::new();
    let body = format!(
        "PATCH /api/clients/00000001 HTTP/1.1\r\n{HOST}content-type: application/json\r\ncontent-length: 20\r\nexpect: 100-continue\r\n\r\n"
    );
    for _ in 0..8 {
        let mut stream = connect_from(1, server.http).await;
        stream.write_all(body.as_bytes()).await.unwrap();
        // A server that waits for the body says so.
        let mut answer = [0; 25];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"{").await.unwrap();
        busy.push(stream);
    }
    let get = format!("GET / HTTP/1.1\r\n{HOST}");
    let refused = ask_from(1, server.http, &get, "").await;
    assert_eq!(status_of(&refused), 429, "{refused}");
    assert!(refused.contains("max_connections_per_address"), "{refused}");
    assert!(refused.contains("retry-after: 1\r\n"), "{refused}");
    assert_eq!(status_of(&ask_from(2, server.http, &get, "").await), 200);
    let health = ask_from(
        1,
        server.http,
        "GET /healthz HTTP/1.1\r\nhost: x.example\r\n",
        "",
    )
    .await;
    assert_eq!(status_of(&health), 200, "{health}");
    drop(busy);
    server.stop().await;
}

#[tokio::test]
async fn websockets_of_an_address_are_limited() {
    let server = start(|config| config.max_listeners_per_address = 4).await;
    let mut open = Vec::new();
    for number in 0..6 {
        let path = ["/ws?mix=main", "/api/events"][number % 2];
        let mut stream = connect_from(1, server.http).await;
        let answer = handshake_on(&mut stream, path, HOST).await;
        let expected = if number < 4 { 101 } else { 429 };
        assert_eq!(status_of(&answer), expected, "{answer}");
        open.push(stream);
    }
    let mut other = connect_from(2, server.http).await;
    assert_eq!(status_of(&handshake_on(&mut other, "/ws", HOST).await), 101);
    // A page asks by plain HTTP why it can't connect.
    for path in ["/ws?mix=main", "/api/events"] {
        let get = format!("GET {path} HTTP/1.1\r\n{HOST}");
        let answer = ask_from(1, server.http, &get, "").await;
        assert_eq!(status_of(&answer), 429, "{answer}");
        assert!(answer.contains("max_listeners_per_address"), "{answer}");
        assert_eq!(status_of(&ask_from(2, server.http, &get, "").await), 426);
    }
    // The refused connections can still be used, and a place that is left can be taken again.
    drop(open);
    let started = std::time::Instant::now();
    loop {
        let mut stream = connect_from(1, server.http).await;
        if status_of(&handshake_on(&mut stream, "/ws", HOST).await) == 101 {
            break;
        }
        assert!(started.elapsed() < common::PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let refused = &status(server.http).await["refused_requests"];
    assert!(
        refused["connections_per_address"].as_u64() >= Some(2),
        "{refused}"
    );
    server.stop().await;
}

#[tokio::test]
async fn changes_of_an_address_are_limited() {
    let limits = |config: &mut Config| (config.changes_per_second, config.changes_burst) = (1, 20);
    let server = start(limits).await;
    introduce(&server, 1).await;
    let mut statuses = Vec::new();
    for number in 0..40 {
        let body = format!("{{\"volume\":{number}}}");
        let answer = patch_from(1, &server, "", 1, &body).await;
        if status_of(&answer) == 429 {
            assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
            assert!(answer.contains("changes_per_second"), "{answer}");
        }
        statuses.push(status_of(&answer));
    }
    let done = statuses.iter().filter(|&&status| status == 200).count();
    assert_eq!(statuses[..20], [200; 20]);
    assert!(
        done < 35 && statuses.iter().all(|status| [200, 429].contains(status)),
        "{statuses:?}"
    );
    for request in ["DELETE /api/clients/00000001", "POST /api/clients/forget"] {
        let head = format!("{request} HTTP/1.1\r\n{HOST}content-type: application/json\r\n");
        assert_eq!(
            status_of(&ask_from(1, server.http, &head, "{\"ids\":[]}").await),
            429
        );
    }
    // Reading is free, and an operator elsewhere is not affected.
    assert_ne!(client(server.http, "00000001").await["volume"], 0);
    let answer = patch_from(2, &server, "", 1, "{\"volume\":77}").await;
    assert_eq!(status_of(&answer), 200, "{answer}");
    let refused = status(server.http).await["refused_requests"]["changes_per_address"].clone();
    assert_eq!(refused, 40 - done + 2);
    server.stop().await;
}

#[tokio::test]
async fn a_listed_proxy_counts_by_its_forwarded_address() {
    let change = |config: &mut Config| {
        config.trusted_proxies = vec!["127.0.0.3".parse().unwrap()];
        (config.changes_per_second, config.changes_burst) = (1, 3);
        config.max_connections_per_address = 2;
        config.max_listeners_per_address = 1;
    };
    let server = start(change).await;
    introduce(&server, 1).await;
    for (proxy, user, expected) in [
        (3, "192.0.2.1", [200, 200, 200, 429]),
        (3, "192.0.2.2", [200, 200, 200, 429]),
        (3, "1.1.1.1, 192.0.2.3", [200, 200, 200, 429]),
        (3, "1.1.1.2, 192.0.2.3", [429; 4]),
        // It is not a listed proxy, so all its users are one.
        (2, "192.0.2.4", [200, 200, 200, 429]),
        (2, "192.0.2.5", [429; 4]),
    ] {
        let mut found = [0; 4];
        for (number, status) in found.iter_mut().enumerate() {
            let headers = format!("x-forwarded-for: {user}\r\n");
            let body = format!("{{\"volume\":{number}}}");
            *status = status_of(&patch_from(proxy, &server, &headers, 1, &body).await);
        }
        assert_eq!(found, expected, "{user} by 127.0.0.{proxy}");
    }
    let mut open = Vec::new();
    for (user, expected) in [("192.0.2.1", 101), ("192.0.2.1", 429), ("192.0.2.2", 101)] {
        let mut stream = connect_from(3, server.http).await;
        let headers = format!("{HOST}x-forwarded-for: {user}\r\n");
        let answer = handshake_on(&mut stream, "/ws", &headers).await;
        assert_eq!(status_of(&answer), expected, "{user}: {answer}");
        open.push(stream);
    }
    // The pool of a proxy may be larger than what one user has.
    for _ in 0..10 {
        let mut stream = connect_from(3, server.http).await;
        let get = format!("GET /api/status HTTP/1.1\r\n{HOST}x-forwarded-for: 192.0.2.9\r\n\r\n");
        stream.write_all(get.as_bytes()).await.unwrap();
        assert_eq!(status_of(&head(&mut stream).await), 200);
        open.push(stream);
    }
    server.stop().await;
}

#[tokio::test]
async fn configured_clients_are_limited() {
    let server = start(|config| config.max_configured_clients = 2).await;
    introduce(&server, 3).await;
    let patch = async |id, body: &str| patch_from(1, &server, "", id, body).await;
    assert_eq!(status_of(&patch(1, "{\"name\":\"a\"}").await), 200);
    assert_eq!(status_of(&patch(2, "{\"volume\":7}").await), 200);
    let refused = patch(3, "{\"muted\":true}").await;
    assert_eq!(status_of(&refused), 409, "{refused}");
    assert!(refused.contains("max_configured_clients"), "{refused}");
    assert_eq!(client(server.http, "00000003").await["muted"], false);
    // Those that have settings can change, and one that loses them makes room.
    assert_eq!(
        status_of(&patch(1, "{\"name\":\"b\",\"volume\":9}").await),
        200
    );
    assert_eq!(status_of(&patch(2, "{\"volume\":100}").await), 200);
    assert_eq!(status_of(&patch(3, "{\"muted\":true}").await), 200);
    server.stop().await;
}

/// The runtime's clock jumps over all waiting.
#[tokio::test(start_paused = true)]
async fn readers_that_do_not_read_are_disconnected() {
    let server = start(|config| config.max_connections_per_address = 100).await;
    introduce(&server, 60).await;
    let mut readers = Vec::new();
    for _ in 0..50 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut reader = socket.connect(server.http).await.unwrap();
        let get = format!("GET /api/clients HTTP/1.1\r\n{HOST}\r\n");
        reader.write_all(get.as_bytes()).await.unwrap();
        readers.push(reader);
    }
    status_when(server.http, |status| {
        status["refused_requests"]["slow_reader"] == 50
    })
    .await;
    for reader in &mut readers {
        let answer = common::raw::rest(reader).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.unwrap().parse().unwrap();
        assert!(body.len() < length, "{} of {length}", body.len());
    }
}
