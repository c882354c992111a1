//! The log in pages of entries, and what is sent to open pages and by them as it happens.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hyper::Method;
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Message;

use crate::common::sender::{ID, introduce};
use crate::common::{Page, Server, build, connect, get, next_json, patch, request};
use crate::log;

#[tokio::test]
async fn the_log_is_read_in_pages_and_as_csv() {
    let server = Server::start().await;
    let to = server.http;
    introduce(server.udp, to).await;
    for n in 0..5 {
        patch(to, ID, format!(r#"{{"name":"=Ward {n}"}}"#)).await;
    }
    let mut before = String::new();
    let mut names = Vec::new();
    while names.len() < 5 {
        let query = format!("/api/log?client={ID}&kind=name&limit=2{before}");
        let page = get(to, &query).await.json();
        for entry in page["entries"].as_array().unwrap() {
            names.push(entry["to"].as_str().unwrap().to_owned());
        }
        before = format!("&before={}", page["next_before"]);
    }
    assert_eq!(
        names,
        ["=Ward 4", "=Ward 3", "=Ward 2", "=Ward 1", "=Ward 0"]
    );
    let csv = get(to, "/api/log?kind=name&format=csv&limit=10000").await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let text = String::from_utf8(csv.body.to_vec()).unwrap();
    assert_eq!(text.lines().count(), 6);
    assert!(text.contains(",'=Ward 4,"), "{text}");
    get(to, "/api/log?limit=0")
        .await
        .check_error(422, "value_out_of_range", "limit is \"0\"");
    let future = log(to, "?since=2200-01-01T00:00:00Z").await;
    assert_eq!(future, Vec::<Value>::new());
    server.stop().await;
}

#[tokio::test]
async fn pages_get_ten_messages_about_the_log_a_second() {
    let server = Server::start().await;
    introduce(server.udp, server.http).await;
    let mut page = connect(server.http, "/api/events").await;
    while next_json(&mut page).await["type"] != "log" {}
    let started = Instant::now();
    for n in 1..=100 {
        patch(server.http, ID, format!(r#"{{"name":"Ward {n}"}}"#)).await;
    }
    let (mut messages, mut names) = (0, BTreeSet::new());
    while names.len() < 100 {
        let message = next_json(&mut page).await;
        if message["type"] == "log" {
            messages += 1;
            let entries = message["entries"].as_array().unwrap().iter();
            names.extend(entries.filter_map(|entry| Some(entry["to"].as_str()?.to_owned())));
        }
    }
    let tenths = started.elapsed().as_millis() / 100;
    assert!(
        messages <= tenths + 2,
        "{messages} in {tenths} tenths of a second"
    );
    server.stop().await;
}

#[tokio::test]
async fn every_desk_sees_a_wall_that_does_not_play() {
    let server = Server::start().await;
    let mut desk = Page::open(server.http).await;
    let mut wall = Page::open(server.http).await;
    let report =
        json!({"type": "page", "view": "wall", "name": "Wall north", "state": "needs_click"});
    wall.socket
        .send(Message::text(report.to_string()))
        .await
        .unwrap();
    desk.when(|page| page.server["walls"][0]["state"] == "needs_click")
        .await;
    let id = desk.server["walls"][0]["id"].clone();
    let path = format!("/api/walls/{id}");
    request(server.http, build(Method::DELETE, &path, ""))
        .await
        .check_error(409, "wall_connected", "only walls that are gone");
    let wrong = json!({"type": "page", "view": "wall", "name": "Wall north", "state": "loud"});
    wall.socket
        .send(Message::text(wrong.to_string()))
        .await
        .unwrap();
    let refused = loop {
        let message = next_json(&mut wall.socket).await;
        if message["type"] == "refused" {
            break message["message"].as_str().unwrap().to_owned();
        }
    };
    assert!(
        refused.contains("state is \"loud\"; it must be playing"),
        "{refused}"
    );
    drop(wall);
    desk.when(|page| page.server["walls"][0]["state"] == "gone")
        .await;
    assert_eq!(
        request(server.http, build(Method::DELETE, &path, ""))
            .await
            .status,
        204
    );
    desk.when(|page| page.server["walls"] == json!([])).await;
    server.stop().await;
}

#[tokio::test]
async fn a_flooding_page_is_read_slowly() {
    let server = Server::start().await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(4096).unwrap();
    let stream = socket.connect(server.http).await.unwrap();
    let url = "ws://localhost/api/events";
    let (page, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    let (mut sending, mut receiving) = page.split();
    let report = |n: u32| {
        let report = json!({"type": "page", "view": "wall", "name": format!("Wall {n}"), "state": "playing"});
        Message::text(format!("{report}{}", " ".repeat(900)))
    };
    let started = Instant::now();
    let mut sent = 0u32;
    while started.elapsed() < Duration::from_secs(1) {
        tokio::select! {
            done = sending.send(report(sent)) => {
                done.unwrap();
                sent += 1;
            }
            received = receiving.next() => drop(received.unwrap().unwrap()),
            () = sleep(Duration::from_millis(100)) => {}
        }
    }
    // One in 5 ms; what the buffers of both ends hold was not read.
    let read = started.elapsed().as_millis() as u32 / 5;
    let buffered = 1 << 20;
    assert!(sent < read + buffered / 1000, "{sent}");
    let mut desk = Page::open(server.http).await;
    desk.when(|page| page.server["walls"][0]["state"] == "playing")
        .await;
    server.stop().await;
}
