//! Servers of all kinds, each of them a socket on this computer.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::*;

/// How long what must happen may take on a busy computer.
const PATIENCE: Duration = Duration::from_secs(20);
const SSRC: Ssrc = Ssrc(0x5f0a_11c2);
const STATUS: &str = r#"{"version":"1.2.3","listeners":0,"mix_cycle":{}}"#;

/// Starts a server that passes every request to `respond`; returns its URL.
fn serve(respond: impl Fn(&str, TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            respond(&String::from_utf8(request).unwrap(), stream);
        }
    });
    format!("http://127.0.0.1:{port}/")
}

/// Starts a server with this status and these clients; returns its URL.
fn raa(status: &'static str, clients: &'static str) -> String {
    serve(move |request, mut stream| {
        let path = request.split(' ').nth(1).unwrap();
        let (code, body) = match path {
            "/api/status" => ("200 OK", status),
            "/api/clients" => ("200 OK", clients),
            _ => ("404 Not Found", ""),
        };
        let _ = write!(stream, "HTTP/1.1 {code}\r\nX: y\r\n\r\n{body}");
    })
}

fn ask_for(page: &str) -> Result<RaaServer, NoServer> {
    ask(&page.parse()?, SSRC, PATIENCE)
}

fn found(client: ClientState) -> Result<RaaServer, NoServer> {
    Ok(RaaServer {
        version: "1.2.3".into(),
        address: "127.0.0.1".parse().unwrap(),
        client,
    })
}

#[test]
fn the_state_of_this_client_is_found() {
    let check = |clients, state| {
        assert_eq!(ask_for(&raa(STATUS, clients)), found(state), "{clients}");
    };
    let sounding = r#"{"clients":[{"id":"00000001"},{"id":"5f0a11c2","status":"sounding"}]}"#;
    check(sounding, ClientState::Sounding);
    let connected = r#"{"clients":[{"id":"5f0a11c2","status":"connected"}]}"#;
    check(connected, ClientState::Connected);
    let offline = r#"{"clients":[{"id":"5f0a11c2","status":"offline"}]}"#;
    check(offline, ClientState::Offline);
    let here = r#"{"clients":[{"id":"5f0a11c2","status":"sounding","address":"127.0.0.1:7",
        "conflict":"192.0.2.7:4000"}]}"#;
    check(here, ClientState::Sounding);
    let there = "192.0.2.7".parse().unwrap();
    let taken = r#"{"clients":[{"id":"5f0a11c2","status":"sounding","address":"192.0.2.7:4000",
        "conflict":"127.0.0.1:7"}]}"#;
    check(taken, ClientState::Taken(there));
    let elsewhere = r#"{"clients":[{"id":"5f0a11c2","status":"connected",
        "address":"192.0.2.7:4000","conflict":null}]}"#;
    check(elsewhere, ClientState::Elsewhere(there));
    let before = r#"{"clients":[{"id":"5f0a11c2","status":"offline","address":"192.0.2.7:4000"}]}"#;
    check(before, ClientState::Offline);
    check(r#"{"clients":[]}"#, ClientState::Unlisted);
    check(r#"{"clients":[7,{"id":"5f0a11c2"}]}"#, ClientState::Unknown);
    check("[]", ClientState::Unknown);
    check("", ClientState::Unknown);
}

#[test]
fn other_servers_are_not_raa() {
    for status in [
        "",
        "<html>",
        "{}",
        r#"{"version":"1"}"#,
        r#"{"version":1,"listeners":0,"mix_cycle":{}}"#,
    ] {
        assert_eq!(ask_for(&raa(status, "")), Err(NoServer::NotRaa), "{status}");
    }
    let page = raa(STATUS, "");
    assert_eq!(
        ask_for(&format!("{page}elsewhere/")),
        Err(NoServer::Status(404))
    );
    assert_eq!(ask_for("https://raa.example/"), Err(NoServer::Https));
    assert_eq!(
        ask_for("raa.example"),
        Err(NoServer::Url("raa.example".into()))
    );
}

#[test]
fn the_page_may_have_a_path() {
    let page = serve(|request, mut stream| {
        assert!(request.starts_with("GET /raa/api/"), "{request}");
        let _ = write!(stream, "HTTP/1.0 200 OK\r\n\r\n{STATUS}");
    });
    assert_eq!(ask_for(&format!("{page}raa/")), found(ClientState::Unknown));
}

#[test]
fn the_address_that_has_answered_is_named() {
    let page = raa(STATUS, "");
    let [refusing, answering] = ["[::1]:1", "127.0.0.1:0"].map(|text| {
        let mut address: SocketAddr = text.parse().unwrap();
        address.set_port(page.parse::<Url>().unwrap().port());
        address
    });
    let until = Instant::now() + PATIENCE;
    let url = page.parse().unwrap();
    let answer = http::get(&[refusing, answering], &url, "api/status", 4096, until);
    assert_eq!(answer.unwrap().1, answering.ip());
}

#[test]
fn a_page_on_another_host_is_named() {
    let server: ServerAddress = "127.0.0.2".parse().unwrap();
    let tested = test(&server, &raa(STATUS, ""), SSRC, PATIENCE);
    assert_eq!(tested.page_host.as_deref(), Some("127.0.0.1"));
    assert_eq!(tested.server.unwrap().address.to_string(), "127.0.0.1");
}

#[test]
fn a_closed_port_is_no_server() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let server: ServerAddress = free.to_string().parse().unwrap();
    let page = format!("http://{server}/");
    let tested = test(&server, &page, SSRC, PATIENCE);
    assert_eq!(tested.addresses, Ok(vec![free]));
    // Linux refuses at once; Windows tries for 2 s.
    let expected = matches!(
        tested.server,
        Err(NoServer::Unreachable(_) | NoServer::TimedOut)
    );
    assert!(expected, "{:?}", tested.server);
}

#[test]
fn an_unknown_name_has_no_address() {
    // RFC 6761: a name that never exists.
    let server: ServerAddress = "raa.invalid".parse().unwrap();
    let tested = test(&server, "http://raa.invalid:4011/", SSRC, LIMIT);
    assert!(tested.addresses.is_err());
    assert!(
        matches!(tested.server, Err(NoServer::Address(_))),
        "{:?}",
        tested.server
    );
}

#[test]
fn a_slow_server_times_out() {
    let limit = Duration::from_millis(300);
    let silent = serve(|_, stream| {
        thread::sleep(PATIENCE);
        drop(stream);
    });
    let trickling = serve(|_, mut stream| {
        while stream.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    for page in [silent, trickling] {
        let start = Instant::now();
        assert_eq!(
            ask(&page.parse().unwrap(), SSRC, limit),
            Err(NoServer::TimedOut)
        );
        assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
    }
}

#[test]
fn an_endless_response_is_cut_off() {
    let page = serve(|_, mut stream| while stream.write_all(&[b'x'; 4096]).is_ok() {});
    assert_eq!(ask_for(&page), Err(NoServer::NotRaa));
}

#[test]
fn a_version_is_cut_and_made_printable() {
    let status = |version: &str| {
        let quoted = Value::from(version);
        format!(r#"{{"version":{quoted},"listeners":0,"mix_cycle":{{}}}}"#)
    };
    let shown = |text: &str| version(status(text).as_bytes());
    assert_eq!(shown("1\u{1b}[31m\n2"), Some("1[31m2".into()));
    assert_eq!(shown(&"監".repeat(100)), Some("監".repeat(40)));
}
