//! Lists of clients and refused senders that operators can manage, and times that are true.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use common::sender::{ID, SSRC, Sender, datagram};
use common::{
    PATIENCE, Page, Server, build, client, client_when, forget, get, patch, request, status,
};
use hyper::Method;
use raa_core::codec::{Encoder, EncoderSettings};
use raa_core::rtp::Packet;
use raa_core::settings::SoundingFrom;
use raa_server::Setup;
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::net::UdpSocket;

async fn start(change: impl FnOnce(&mut Setup)) -> Server {
    Server::start_with(tempfile::tempdir().unwrap(), change).await
}

/// Sends two packets of each stream, of which the second makes it a client.
async fn introduce(to: SocketAddr, ssrcs: impl Iterator<Item = u32>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
    for ssrc in ssrcs {
        for number in 0..2 {
            let datagram = datagram(ssrc, number, &mut encoder);
            socket.send_to(&datagram, to).await.unwrap();
        }
    }
}

/// Waits until the list of clients meets `condition`, and returns it.
async fn clients_when(to: SocketAddr, condition: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let started = Instant::now();
    loop {
        let list = get(to, "/api/clients").await.json();
        let clients = list["clients"].as_array().unwrap();
        if condition(clients) {
            return clients.clone();
        }
        assert!(started.elapsed() < PATIENCE, "timed out: {list}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn change_database(dir: &Path, sql: &str) {
    let database = Connection::open(dir.join("state/raa.sqlite")).unwrap();
    database.execute_batch(sql).unwrap();
}

fn rows(dir: &Path) -> i64 {
    let database = Connection::open(dir.join("state/raa.sqlite")).unwrap();
    let sql = "SELECT count(*) FROM clients";
    database.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn dead_rows_of_many_restarts_are_forgotten_at_once() {
    let server = start(|setup| setup.config.offline_after_s = 1).await;
    // A sender that takes a new SSRC with each of its 120 starts.
    let started = Instant::now();
    for burst in 0..4 {
        let known = async || status(server.http).await["clients"].as_u64().unwrap();
        // A slot admits only some newcomers.
        while known().await < u64::from(burst + 1) * 30 {
            introduce(server.udp, burst * 30 + 1..=burst * 30 + 30).await;
            assert!(started.elapsed() < PATIENCE, "{} are known", known().await);
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }
    let _sender = Sender::start(server.udp);
    let offline = |client: &&Value| client["status"] == "offline";
    let is_over = |clients: &[Value]| clients.iter().filter(offline).count() == 120;
    let clients = clients_when(server.http, |clients| {
        clients.len() == 121 && is_over(clients)
    })
    .await;
    patch(server.http, "00000007", r#"{"name":"Ward 7"}"#).await;
    let ids: Vec<_> = clients
        .iter()
        .map(|client| client["id"].as_str().unwrap())
        .collect();

    let reply = forget(server.http, &[&ids[..], &["0badcafe", ids[0]]].concat()).await;
    assert_eq!(reply.status, 200);
    let reply = reply.json();
    assert_eq!(reply["forgotten"].as_array().unwrap().len(), 120);
    let kept = json!([
        {"id": "0badcafe", "reason": "not_found"},
        {"id": ID, "reason": "connected"},
    ]);
    assert_eq!(reply["kept"], kept);
    let left = get(server.http, "/api/clients").await.json();
    assert_eq!(left["clients"].as_array().unwrap().len(), 1, "{left}");
    let dir = server.stop().await;
    assert_eq!(rows(dir.path()), 1, "they are not stored either");
}

#[tokio::test]
async fn requests_to_forget_are_checked() {
    let server = Server::start().await;
    let post = async |body: &str| {
        let path = "/api/clients/forget";
        request(server.http, build(Method::POST, path, body.to_owned())).await
    };
    post("{")
        .await
        .check_error(400, "invalid_json", "line 1 column");
    post(r#"{"ids":["x"]}"#).await.check_error(
        422,
        "value_out_of_range",
        "an item of ids is \"x\"; it must be 8 hexadecimal digits, or bgmtest0",
    );
    post("{}")
        .await
        .check_error(422, "wrong_type", "ids is null; it must be a list");
    let nothing = post(r#"{"ids":[]}"#).await;
    let expected = json!({"forgotten": [], "kept": []});
    assert_eq!((nothing.status.as_u16(), nothing.json()), (200, expected));
    server.stop().await;
}

#[tokio::test]
async fn unconfigured_clients_leave_by_themselves() {
    let server = Server::start().await;
    introduce(server.udp, 1..=3).await;
    clients_when(server.http, |clients| clients.len() == 3).await;
    patch(server.http, "00000003", r#"{"sounding_from_dbfs":-50}"#).await;
    let dir = server.stop().await;
    let hours = 3_600_000;
    change_database(
        dir.path(),
        &format!(
            "UPDATE clients SET last_heard_ms = last_heard_ms - {} WHERE ssrc IN (1, 3);
             UPDATE clients SET last_heard_ms = last_heard_ms - {} WHERE ssrc = 2",
            25 * hours,
            23 * hours
        ),
    );
    let dir = Server::start_with(dir, |setup| setup.config.forget_unconfigured_after_h = 0).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    clients_when(dir.http, |clients| clients.len() == 3).await;

    let server = dir.restart().await;
    let left = clients_when(server.http, |clients| clients.len() == 2).await;
    let left: Vec<_> = left
        .iter()
        .map(|client| (&client["id"], &client["configured"]))
        .collect();
    assert_eq!(
        left,
        [
            (&json!("00000002"), &json!(false)),
            (&json!("00000003"), &json!(true))
        ]
    );
    let dir = server.stop().await;
    assert_eq!(rows(dir.path()), 2, "the row has left the database, too");
}

/// Returns a packet of another payload type.
fn foreign(payload_type: u8, sequence_number: u16) -> Vec<u8> {
    let mut datagram = Vec::new();
    let packet = Packet {
        marker: false,
        payload_type,
        sequence_number,
        timestamp: u32::from(sequence_number) * 960,
        ssrc: 0x0bad_cafe,
        payload: &[7; 160],
    };
    packet.write(&mut datagram);
    datagram
}

#[tokio::test]
async fn a_sender_that_is_refused_is_visible() {
    let server = Server::start().await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for number in 0..10 {
        socket
            .send_to(&foreign(96, number), server.udp)
            .await
            .unwrap();
    }
    let mut page = Page::open(server.http).await;
    page.when(|page| page.server["refused_senders"][0]["packets"] == 10)
        .await;
    let refused = get(server.http, "/api/refused").await.json();
    let status = status(server.http).await;
    let events = &page.server["refused_senders"];
    for list in [
        events,
        &refused["refused_senders"],
        &status["refused_senders"],
    ] {
        let [sender] = &list.as_array().unwrap()[..] else {
            panic!("{list}");
        };
        let address = socket.local_addr().unwrap().to_string();
        assert_eq!(sender["address"], address, "{sender}");
        let fields = ["reason", "payload_type", "ssrc", "packets"].map(|name| sender[name].clone());
        let expected = [
            json!("payload_type"),
            json!(96),
            json!(0x0bad_cafe_u32),
            json!(10),
        ];
        assert_eq!(fields, expected);
        if list == events {
            let times = ["since_at_ms", "last_at_ms"].map(|name| sender[name].as_i64().unwrap());
            assert!(times.is_sorted() && times[1] <= page.now_ms, "{sender}");
            continue;
        }
        let [since, last] =
            ["since_ms_ago", "last_ms_ago"].map(|name| sender[name].as_u64().unwrap());
        assert!(last <= since && since < 30_000, "{sender}");
    }
    assert_eq!(
        get(server.http, "/api/clients").await.json(),
        json!({"clients": []})
    );
    server.stop().await;
}

#[tokio::test]
async fn the_sounding_level_is_a_setting() {
    let server = start(|setup| {
        setup.config.sounding_from_dbfs = SoundingFrom::new(-6.0).unwrap();
    })
    .await;
    let (to, _sender) = (server.http, Sender::start(server.udp));
    // The tone has -12 dBFS.
    let quiet = client_when(to, ID, |client| client["level"]["peak_dbfs"] == -12.0).await;
    let fields = |client: &Value| {
        ["status", "sounding_from_dbfs", "configured", "steady"].map(|name| client[name].clone())
    };
    let of_server = [json!("connected"), json!(-6.0), json!(false), json!(false)];
    assert_eq!(fields(&quiet), of_server);

    let reply = patch(to, ID, r#"{"sounding_from_dbfs":-20.5}"#).await;
    assert_eq!(reply.json()["sounding_from_dbfs"], -20.5);
    let own = client_when(to, ID, |client| client["status"] == "sounding").await;
    let of_client = [json!("sounding"), json!(-20.5), json!(true), json!(false)];
    assert_eq!(fields(&own), of_client);
    let server = server.restart().await;
    let kept = client(server.http, ID).await;
    assert_eq!(kept["sounding_from_dbfs"], -20.5, "it survives a restart");

    let reply = patch(server.http, ID, r#"{"sounding_from_dbfs":null}"#).await;
    assert_eq!(reply.json()["sounding_from_dbfs"], -60.0);
    patch(server.http, ID, r#"{"sounding_from_dbfs":-91}"#)
        .await
        .check_error(
            422,
            "value_out_of_range",
            "sounding_from_dbfs is -91; it must be a number from -90 to 0, or null",
        );
    server.stop().await;
}

#[tokio::test]
async fn times_of_a_wrong_clock_are_unknown() {
    let server = Server::start().await;
    introduce(server.udp, 1..=4).await;
    clients_when(server.http, |clients| clients.len() == 4).await;
    let dir = server.stop().await;
    change_database(
        dir.path(),
        "UPDATE clients SET last_heard_ms = last_heard_ms + 86400000,
             last_sounded_ms = last_heard_ms + 86400000 WHERE ssrc = 1;
         UPDATE clients SET last_heard_ms = 35000, last_sounded_ms = 35000 WHERE ssrc = 2;
         UPDATE clients SET last_heard_ms = 9223372036854775807, last_sounded_ms = -1 WHERE ssrc = 3;
         UPDATE log SET ended_ms = ended_ms + 86400000 WHERE ssrc = 1;
         UPDATE log SET ended_ms = 35000 WHERE ssrc = 2;
         UPDATE log SET ended_ms = -1 WHERE ssrc = 3;
         INSERT INTO clients (ssrc, volume) VALUES (5, 50);",
    );
    let server = Server::start_with(dir, |_| {}).await;
    for ssrc in 1..=3 {
        let known = client(server.http, &format!("{ssrc:08x}")).await;
        let times = ["last_packet_ms_ago", "last_sound_ms_ago", "seen_before"]
            .map(|name| known[name].clone());
        assert_eq!(times, [Value::Null, Value::Null, json!(true)], "{known}");
    }
    let known = client(server.http, "00000004").await;
    assert!(
        known["last_packet_ms_ago"]
            .as_u64()
            .is_some_and(|ago| ago < 60_000),
        "{known}"
    );
    let never = client(server.http, "00000005").await;
    assert_eq!(
        (&never["last_packet_ms_ago"], &never["seen_before"]),
        (&Value::Null, &json!(false))
    );
    server.stop().await;
}

fn last_sound(client: &Value) -> i64 {
    client["last_sound_ms_ago"]
        .as_i64()
        .unwrap_or_else(|| panic!("{client}"))
}

#[tokio::test]
async fn last_sounds_keep_their_order_over_restarts() {
    let server = Server::start().await;
    let other = "00000009";
    let sender = Sender::start(server.udp);
    client_when(server.http, ID, |client| client["status"] == "sounding").await;
    drop(sender);
    tokio::time::sleep(Duration::from_secs(1)).await;
    introduce(server.udp, 9..=9).await;
    client_when(server.http, other, |client| {
        client["last_sound_ms_ago"].is_i64()
    })
    .await;
    client_when(server.http, other, |client| client["status"] != "sounding").await;
    let mut apart = Vec::new();
    let mut ages = Vec::new();
    let mut server = server;
    for _ in 0..3 {
        for _ in 0..10 {
            let clients = clients_when(server.http, |clients| clients.len() == 2).await;
            let [second, first] = [&clients[0], &clients[1]].map(last_sound);
            apart.push(first - second);
            ages.push(second);
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        server = server.restart().await;
    }
    assert!(apart[0] > 500, "{apart:?}");
    assert!(
        apart
            .iter()
            .all(|apart_now| (apart_now - apart[0]).abs() <= 2),
        "{apart:?}"
    );
    assert!(ages.is_sorted(), "the age only grows: {ages:?}");
    server.stop().await;
}

#[tokio::test]
async fn names_that_nobody_can_see_are_refused() {
    let server = Server::start().await;
    let to = server.http;
    introduce(server.udp, [SSRC].into_iter()).await;
    client_when(to, ID, |client| !client.is_null()).await;
    for name in ["\u{200b}", "\u{3164}", "\u{202e}"] {
        let body = json!({ "name": name }).to_string();
        patch(to, ID, body).await.check_error(
            422,
            "value_out_of_range",
            "name has no visible character; it must have 1 to 64 characters, one of them visible",
        );
    }
    let body = json!({"name": "\u{202e}Ward 3\u{200b} Cafe\u{301}"}).to_string();
    assert_eq!(patch(to, ID, body).await.json()["name"], "Ward 3 Caf\u{e9}");
    patch(to, ID, r#"{"name":null,"muted":true}"#).await;
    let dir = server.stop().await;
    change_database(
        dir.path(),
        "UPDATE clients SET name = char(0x202e) || 'Ward 3', sender_name = char(0x3164)",
    );
    let server = Server::start_with(dir, |_| {}).await;
    assert_eq!(client(server.http, ID).await["name"], "Ward 3");
    assert_eq!(
        patch(server.http, ID, r#"{"name":null}"#).await.json()["name"],
        "",
        "an invisible name of the sender is none"
    );
    server.stop().await;
}
