//! Pages of other sites in an operator's browser: under names that point to the server (DNS
//! rebinding), and from their own origins.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::raw::{ask_from, handshake, status_of};
use common::sender::{ID, Sender};
use common::{Server, client, client_when, get, status};

const JSON: &str = "content-type: application/json\r\n";

fn patch_head(headers: &str) -> String {
    format!("PATCH /api/clients/{ID} HTTP/1.1\r\n{headers}{JSON}")
}

async fn start(change: impl FnOnce(&mut raa_server::config::Config)) -> Server {
    let dir = tempfile::tempdir().unwrap();
    Server::start_with(dir, |setup| change(&mut setup.config)).await
}

#[tokio::test]
async fn foreign_host_names_change_nothing() {
    let server = Server::start().await;
    let _sender = Sender::start(server.udp);
    client_when(server.http, ID, |client| !client.is_null()).await;
    let hosts = [
        "host: evil.example\r\n",
        "host: evil.example:4011\r\norigin: http://evil.example:4011\r\n",
        "host: 127.0.0.1.evil.example\r\n",
        "host: localhost.evil.example\r\n",
        "host: localhost\r\nhost: evil.example\r\n",
        "host: user@127.0.0.1\r\n",
        "host: \r\n",
        // Only a listed proxy may name another host.
        "host: evil.example\r\nx-forwarded-host: localhost\r\n",
    ];
    for headers in hosts {
        let answer = ask_from(1, server.http, &patch_head(headers), r#"{"volume":50}"#).await;
        assert_eq!(status_of(&answer), 403, "{headers}: {answer}");
        assert!(answer.contains("host_not_allowed"), "{headers}: {answer}");
        assert!(answer.contains("allowed_hosts"), "{headers}: {answer}");
        for path in ["/ws?mix=main", "/api/events"] {
            let answer = handshake(server.http, path, headers).await;
            assert_eq!(status_of(&answer), 403, "{path} {headers}: {answer}");
        }
        let list = format!("GET /api/clients HTTP/1.1\r\n{headers}");
        let answer = ask_from(1, server.http, &list, "").await;
        assert!(!answer.contains(ID), "{answer}");
    }
    let target =
        format!("PATCH http://evil.example/api/clients/{ID} HTTP/1.1\r\nhost: localhost\r\n{JSON}");
    let answer = ask_from(1, server.http, &target, r#"{"volume":50}"#).await;
    assert_eq!(status_of(&answer), 403, "{answer}");
    assert_eq!(client(server.http, ID).await["volume"], 100);
    let refused = &status(server.http).await["refused_requests"];
    assert_eq!(refused["host"], 4 * hosts.len() + 1, "{refused}");
    server.stop().await;
}

#[tokio::test]
async fn the_page_says_how_to_allow_a_name() {
    let server = Server::start().await;
    let page = ask_from(
        1,
        server.http,
        "GET / HTTP/1.1\r\nhost: ward.example:80\r\n",
        "",
    )
    .await;
    assert_eq!(status_of(&page), 403, "{page}");
    assert!(page.contains("text/plain; charset=utf-8"), "{page}");
    assert!(
        page.contains("allowed_hosts = [\"ward.example\"]"),
        "{page}"
    );
    server.stop().await;
    let server = start(|config| config.allowed_hosts = vec!["ward.example".parse().unwrap()]).await;
    let page = ask_from(
        1,
        server.http,
        "GET / HTTP/1.1\r\nhost: Ward.Example.:80\r\n",
        "",
    )
    .await;
    assert_eq!(status_of(&page), 200, "{page}");
    server.stop().await;
}

#[tokio::test]
async fn health_is_answered_under_any_name() {
    let server = Server::start().await;
    for head in [
        "GET /healthz HTTP/1.1\r\nhost: evil.example\r\n",
        "GET /healthz HTTP/1.1\r\nhost: \r\n",
        "GET /healthz HTTP/1.0\r\n",
        "GET /api/status HTTP/1.0\r\n",
        "GET /api/status HTTP/1.1\r\nhost: [::1]:4011\r\n",
    ] {
        let answer = ask_from(1, server.http, head, "").await;
        assert!(answer.contains(" 200 OK\r\n"), "{head}: {answer}");
    }
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let own = own.trim().to_uppercase();
    for name in [own.clone(), format!("{own}.local.:4011")] {
        let head = format!("GET /api/status HTTP/1.1\r\nhost: {name}\r\n");
        let answer = ask_from(1, server.http, &head, "").await;
        assert_eq!(status_of(&answer), 200, "{name}: {answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn pages_of_other_origins_change_nothing() {
    let allow = |config: &mut raa_server::config::Config| {
        config.allowed_origins = vec!["https://zabbix.example".parse().unwrap()];
    };
    let server = start(allow).await;
    let _sender = Sender::start(server.udp);
    client_when(server.http, ID, |client| !client.is_null()).await;
    let host = "host: 192.0.2.7:4011\r\n";
    let mut volume = 100;
    for (origin, is_allowed) in [
        ("origin: http://evil.example\r\n", false),
        ("origin: null\r\n", false),
        ("origin: http://192.0.2.7:8080\r\n", false),
        ("origin: https://zabbix.example:8443\r\n", false),
        ("origin: http://192.0.2.7:4011\r\norigin: null\r\n", false),
        ("origin: http://192.0.2.7:4011\r\n", true),
        ("origin: https://zabbix.example\r\n", true),
        ("", true),
    ] {
        let headers = format!("{host}{origin}");
        let expected = |success| if is_allowed { success } else { 403 };
        let body = format!("{{\"volume\":{}}}", volume - 1);
        let answer = ask_from(1, server.http, &patch_head(&headers), &body).await;
        assert_eq!(status_of(&answer), expected(200), "{origin}: {answer}");
        if is_allowed {
            volume -= 1;
        } else {
            assert!(answer.contains("allowed_origins"), "{answer}");
        }
        let forget = format!("POST /api/clients/forget HTTP/1.1\r\n{headers}{JSON}");
        let answer = ask_from(1, server.http, &forget, r#"{"ids":[]}"#).await;
        assert_eq!(status_of(&answer), expected(200), "{origin}: {answer}");
        let delete = format!("DELETE /api/clients/00000001 HTTP/1.1\r\n{headers}");
        let answer = ask_from(1, server.http, &delete, "").await;
        assert_eq!(status_of(&answer), expected(404), "{origin}: {answer}");
        for path in ["/ws?mix=main", "/api/events"] {
            let answer = handshake(server.http, path, &headers).await;
            assert_eq!(
                status_of(&answer),
                expected(101),
                "{path} {origin}: {answer}"
            );
        }
        // A page of another site may import player.js.
        let script = format!("GET /player.js HTTP/1.1\r\n{headers}");
        let answer = ask_from(1, server.http, &script, "").await;
        assert_eq!(status_of(&answer), 200, "{origin}: {answer}");
    }
    assert_eq!(client(server.http, ID).await["volume"], volume);
    assert_eq!(volume, 97);
    assert_eq!(status(server.http).await["refused_requests"]["origin"], 25);
    server.stop().await;
}

#[tokio::test]
async fn only_allowed_origins_read_answers() {
    let allow = |config: &mut raa_server::config::Config| {
        config.allowed_origins = vec!["https://zabbix.example".parse().unwrap()];
    };
    let server = start(allow).await;
    let granted = |answer: &str, name: &str| {
        let head = answer.to_lowercase();
        let name = format!("{name}: ");
        let mut lines = head.split("\r\n");
        lines.find_map(|line| line.strip_prefix(&name).map(str::to_owned))
    };
    let own = "access-control-allow-origin";
    for (origin, is_allowed) in [
        ("https://zabbix.example", true),
        ("https://zabbix.example:8443", false),
        ("http://evil.example", false),
        ("null", false),
    ] {
        let expected = is_allowed.then(|| origin.to_owned());
        let headers = format!("host: 192.0.2.7:4011\r\norigin: {origin}\r\n");
        for path in ["/api/clients", "/api/status", "/metrics", "/api/nothing"] {
            let head = format!("GET {path} HTTP/1.1\r\n{headers}");
            let answer = ask_from(1, server.http, &head, "").await;
            assert_eq!(granted(&answer, own), expected, "{path} {origin}: {answer}");
            let vary = answer.to_lowercase().contains("vary: origin");
            assert!(vary, "{path} {origin}: {answer}");
        }
        let ask = "access-control-request-method: PATCH\r\n\
            access-control-request-headers: content-type\r\n";
        let head = format!("OPTIONS /api/clients/{ID} HTTP/1.1\r\n{headers}{ask}");
        let answer = ask_from(1, server.http, &head, "").await;
        assert_eq!(granted(&answer, own), expected, "{origin}: {answer}");
        if is_allowed {
            let methods = granted(&answer, "access-control-allow-methods").unwrap();
            assert!(methods.contains("patch"), "{methods}");
            let fields = granted(&answer, "access-control-allow-headers").unwrap();
            assert!(fields.contains("content-type"), "{fields}");
        }
    }
    // A refusal can be read, too: nothing else tells the page why.
    let headers = "host: evil.example\r\norigin: https://zabbix.example\r\n";
    let head = format!("GET /api/status HTTP/1.1\r\n{headers}");
    let answer = ask_from(1, server.http, &head, "").await;
    assert_eq!(status_of(&answer), 403, "{answer}");
    assert!(granted(&answer, own).is_some(), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn only_allowed_origins_show_the_page() {
    let ancestors = async |server: &Server| {
        let page = get(server.http, "/").await;
        let policy = page.header("content-security-policy").to_owned();
        policy.split("; ").last().unwrap().to_owned()
    };
    let server = Server::start().await;
    assert_eq!(ancestors(&server).await, "frame-ancestors 'self'");
    server.stop().await;
    let server = start(|config| {
        let origins = ["https://zabbix.example", "http://192.0.2.7:8080"];
        config.allowed_origins = origins.map(|origin| origin.parse().unwrap()).into();
    });
    assert_eq!(
        ancestors(&server.await).await,
        "frame-ancestors 'self' https://zabbix.example http://192.0.2.7:8080"
    );
}

#[tokio::test]
async fn a_proxy_passes_on_the_host() {
    let headers =
        "host: 127.0.0.1:4011\r\nx-forwarded-host: raa.example\r\norigin: https://raa.example\r\n";
    let server = Server::start().await;
    let answer = handshake(server.http, "/ws", headers).await;
    assert_eq!(status_of(&answer), 403, "not a listed proxy: {answer}");
    server.stop().await;
    let server = start(|config| {
        config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        config.allowed_hosts = vec!["raa.example".parse().unwrap()];
    });
    let server = server.await;
    let answer = handshake(server.http, "/ws", headers).await;
    assert_eq!(status_of(&answer), 101, "{answer}");
    server.stop().await;
}
