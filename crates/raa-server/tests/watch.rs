//! The server remembers what happened, who did it, and what it was told to end: over restarts and kill -9.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use common::program::Program;
use common::sender::{ID, Sender, introduce};
use common::stopped_thread::StoppedThread;
use common::{
    PATIENCE, Page, Reply, Server, build, client, client_when, connect, get, next_frame, next_json,
    patch, request,
};
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Method, Request};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Message;

/// Sends a change as a desk does.
async fn by_desk(to: SocketAddr, method: Method, path: &str, body: &Value) -> Reply {
    let mut request: Request<Full<Bytes>> = build(method, path, body.to_string());
    let desk = "%E5%A4%9C%E5%8B%A4%20shift".parse().unwrap();
    request.headers_mut().insert("x-raa-desk", desk);
    common::request(to, request).await
}

const DESK: &str = "夜勤 shift";

async fn log(to: SocketAddr, query: &str) -> Vec<Value> {
    let reply = get(to, &format!("/api/log{query}")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["entries"].as_array().unwrap().clone()
}

/// Waits until the newest entry of a kind meets a condition, and returns it.
async fn entry_when(to: SocketAddr, kind: &str, condition: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let entries = log(to, &format!("?kind={kind}&limit=1")).await;
        match entries.into_iter().next() {
            Some(entry) if condition(&entry) => return entry,
            other => assert!(started.elapsed() < PATIENCE, "timed out: {other:?}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_sound_is_found_after_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = Program::start(dir.path()).await;
    let mut page = Page::open(program.http).await;
    let sender = Sender::start(program.udp);
    sleep(Duration::from_millis(300)).await;
    drop(sender);
    page.when(|page| !page.entry("sound")["ended_ms"].is_null())
        .await;
    let sound = page.entry("sound").clone();
    let peak = sound["peak_dbfs"].as_f64().unwrap();
    assert!((peak - -12.0).abs() < 2.0, "{sound}");
    let lasted = sound["ended_ms"].as_i64().unwrap() - sound["at_ms"].as_i64().unwrap();
    assert!((100..2000).contains(&lasted), "{sound}");
    // What the row of a page says is the same.
    page.when(|page| page.client(ID)["last_sound_id"] == sound["id"])
        .await;
    let (row, epoch) = (page.client(ID), page.server["epoch_ms"].as_i64().unwrap());
    let began = row["last_sound_began_at_ms"].as_i64().unwrap() + epoch;
    assert!(
        (began - sound["at_ms"].as_i64().unwrap()).abs() < 50,
        "{row}"
    );
    assert_eq!(row["last_sound_seen"], false);

    // A client without settings may be forgotten by kill -9 in its first minute, its sound is not.
    assert_eq!(
        patch(program.http, ID, r#"{"volume":90}"#).await.status,
        200
    );
    sleep(Duration::from_millis(1500)).await;
    program.end(Signal::SIGKILL).await;
    let program = Program::start(dir.path()).await;
    let mut page = Page::open(program.http).await;
    page.when(|page| !page.log.is_empty()).await;
    let kept = page.entry("sound");
    for field in ["id", "at_ms", "ended_ms", "peak_dbfs", "client"] {
        assert_eq!(kept[field], sound[field], "{field}");
    }
    let known = client(program.http, ID).await;
    assert_eq!(known["last_sound"]["id"], sound["id"], "{known}");
    assert!(known["last_sound_at"].is_string(), "{known}");
    assert_eq!(log(program.http, "?kind=server_started").await.len(), 2);
}

#[tokio::test]
async fn every_act_survives_kill_9_with_its_author() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = Program::start(dir.path()).await;
    introduce(program.udp, program.http).await;
    let path = format!("/api/clients/{ID}");
    let body = json!({"muted": true, "muted_for_s": 900, "name": "Ward 3"});
    let reply = by_desk(program.http, Method::PATCH, &path, &body).await;
    assert_eq!(reply.json()["muted_by"]["name"], DESK, "{reply:?}");
    assert_eq!(
        patch(program.http, ID, r#"{"volume":40}"#).await.status,
        200
    );
    let revision = get(program.http, "/api/groups").await.json()["revision"].clone();
    let groups = json!({"revision": revision, "groups": [{"name": "Floor 1", "clients": [ID]}]});
    let reply = by_desk(program.http, Method::PUT, "/api/groups", &groups).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    program.end(Signal::SIGKILL).await;

    let program = Program::start(dir.path()).await;
    assert_eq!(
        log(program.http, "?kind=groups").await[0]["by"]["name"],
        DESK
    );
    let muted = &log(program.http, "?kind=muted").await[0];
    assert_eq!(
        (
            &muted["by"]["kind"],
            &muted["by"]["name"],
            &muted["from"]["muted"]
        ),
        (&json!("desk"), &json!(DESK), &json!(false))
    );
    let volume = &log(program.http, "?kind=volume").await[0];
    let values = [
        &volume["by"]["kind"],
        &volume["by"]["name"],
        &volume["from"],
        &volume["to"],
    ];
    assert_eq!(json!(values), json!(["address", "127.0.0.1", 100, 40]));
    let page = Page::open(program.http).await;
    let row = page.client(ID);
    let left = row["muted_until_ms"].as_i64().unwrap() - page.now_ms;
    assert!((800_000..=900_000).contains(&left), "{row}");
    assert_eq!(
        (&row["muted_by"]["name"], &row["volume_by"]["name"]),
        (&json!(DESK), &json!("127.0.0.1"))
    );
}

#[tokio::test]
async fn a_deletion_survives_kill_9_with_its_author() {
    let dir = tempfile::tempdir().unwrap();
    let settings = "offline_after_s = 1\nchanges_per_second = 1000\nchanges_burst = 10000\n";
    common::write(&dir.path().join(".config/raa/raa-server.toml"), settings);
    let mut program = Program::start(dir.path()).await;
    introduce(program.udp, program.http).await;
    patch(program.http, ID, r#"{"name":"Ward 3"}"#).await;
    client_when(program.http, ID, |client| client["status"] == "offline").await;
    let path = format!("/api/clients/{ID}");
    let reply = by_desk(program.http, Method::DELETE, &path, &json!(null)).await;
    assert_eq!(reply.status, 204, "{reply:?}");
    program.end(Signal::SIGKILL).await;

    let program = Program::start(dir.path()).await;
    assert_eq!(client(program.http, ID).await, Value::Null);
    let forgotten = &log(program.http, "?kind=forgotten").await[0];
    let told = ["client", "name"].map(|field| &forgotten[field]);
    assert_eq!(
        (told, &forgotten["by"]["name"]),
        ([&json!(ID), &json!("Ward 3")], &json!(DESK))
    );
}

#[tokio::test]
async fn a_mute_ends_by_itself_also_after_a_restart() {
    let server = Server::start().await;
    introduce(server.udp, server.http).await;
    let mut page = Page::open(server.http).await;
    let body = r#"{"muted":true,"muted_for_s":1}"#;
    assert_eq!(patch(server.http, ID, body).await.status, 200);
    page.when(|page| page.client(ID)["muted"] == true).await;
    page.when(|page| page.client(ID)["muted"] == false).await;
    page.when(|page| page.entry("mute_ended")["by"]["kind"] == "server")
        .await;
    assert_eq!(page.client(ID)["muted_until_ms"], Value::Null);

    assert_eq!(patch(server.http, ID, body).await.status, 200);
    let dir = server.stop().await;
    sleep(Duration::from_secs(1)).await;
    let server = Server::start_with(dir, |_| {}).await;
    client_when(server.http, ID, |client| client["muted"] == false).await;
    assert_eq!(log(server.http, "?kind=mute_ended").await.len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn undo_gives_back_the_former_value_once() {
    let server = Server::start().await;
    let to = server.http;
    introduce(server.udp, to).await;
    let undo = async |id: &Value| {
        let path = format!("/api/log/{id}/undo");
        by_desk(to, Method::POST, &path, &json!(null)).await
    };
    patch(to, ID, r#"{"volume":73}"#).await;
    sleep(Duration::from_millis(2100)).await;
    for volume in [50, 20, 3] {
        patch(to, ID, format!(r#"{{"volume":{volume}}}"#)).await;
    }
    let moved = &log(to, "?kind=volume").await;
    assert_eq!(moved.len(), 2, "a movement is one entry: {moved:?}");
    assert_eq!(
        (&moved[0]["from"], &moved[0]["to"]),
        (&json!(73), &json!(3))
    );
    let reply = undo(&moved[0]["id"]).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.json()["volume"]),
        (200, &json!(73))
    );
    undo(&moved[0]["id"])
        .await
        .check_error(409, "undone", "undone already");
    undo(&moved[1]["id"]).await;
    assert_eq!(client(to, ID).await["volume"], 100);

    patch(to, ID, r#"{"muted":true,"muted_for_s":600}"#).await;
    let until = client(to, ID).await["muted_until"].clone();
    patch(to, ID, r#"{"muted":false}"#).await;
    let unmuted = log(to, "?kind=unmuted").await[0]["id"].clone();
    patch(to, ID, r#"{"muted":true}"#).await;
    undo(&unmuted)
        .await
        .check_error(409, "changed_since", "changed again");
    patch(to, ID, r#"{"muted":false}"#).await;
    let unmuted = log(to, "?kind=unmuted&limit=2").await;
    let first = undo(&unmuted[1]["id"]).await;
    assert_eq!(first.json()["muted_until"], until, "{first:?}");
    assert!(log(to, "?kind=unmuted").await[1]["undone"] == true);

    let started = log(to, "?kind=server_started").await[0]["id"].clone();
    undo(&started)
        .await
        .check_error(422, "not_undoable", "server_started");
    undo(&json!(999))
        .await
        .check_error(404, "not_found", "no entry with the id 999");
    server.stop().await;
}

#[tokio::test]
async fn what_one_desk_has_seen_all_have() {
    let server = Server::start().await;
    let mut page = Page::open(server.http).await;
    let sender = Sender::start(server.udp);
    page.when(|page| !page.entry("sound").is_null()).await;
    let id = page.entry("sound")["id"].clone();
    let reply = by_desk(
        server.http,
        Method::POST,
        "/api/log/seen",
        &json!({"ids": [id]}),
    )
    .await;
    assert_eq!(reply.json(), json!({"seen": [id]}));
    page.when(|page| page.entry("sound")["seen_by"]["name"] == DESK)
        .await;
    page.when(|page| page.client(ID)["last_sound_seen"] == true)
        .await;
    // The end of the sound takes nothing back.
    drop(sender);
    page.when(|page| !page.entry("sound")["ended_ms"].is_null())
        .await;
    assert_eq!(page.entry("sound")["seen_by"]["name"], DESK);
    let again = by_desk(
        server.http,
        Method::POST,
        "/api/log/seen",
        &json!({"until": id}),
    )
    .await;
    assert_eq!(again.json(), json!({"seen": []}));
    let server = server.restart().await;
    let sound = &log(server.http, "?kind=sound").await[0];
    assert_eq!(sound["seen_by"]["name"], DESK);
    server.stop().await;
}

#[tokio::test]
async fn groups_and_places_are_kept() {
    let server = Server::start().await;
    let to = server.http;
    introduce(server.udp, to).await;
    let mut page = Page::open(to).await;
    let old = get(to, "/api/groups").await.json()["revision"].clone();
    let wanted = json!({"revision": old, "groups": [
        {"name": "Floor 2", "clients": []}, {"name": "一階", "clients": [ID]}]});
    let reply = by_desk(to, Method::PUT, "/api/groups", &wanted).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    page.when(|page| page.client(ID)["place"] == 0).await;
    assert_eq!(page.client(ID)["group"], 2);
    assert_eq!(
        page.server["groups"],
        json!([{"id": 1, "name": "Floor 2"}, {"id": 2, "name": "一階"}])
    );
    assert_eq!(
        page.client(ID)["configured"],
        true,
        "it keeps its place for ever"
    );
    by_desk(to, Method::PUT, "/api/groups", &wanted)
        .await
        .check_error(409, "changed_since", "the arrangement was changed");
    let unknown = json!({"revision": reply.json()["revision"], "groups": [
        {"name": "x", "clients": ["00000099"]}]});
    by_desk(to, Method::PUT, "/api/groups", &unknown)
        .await
        .check_error(422, "value_out_of_range", "clients has 00000099");
    assert_eq!(log(to, "?kind=groups").await[0]["by"]["name"], DESK);
    // More changes by the same desk stay in the entry, so that they do not push the sounds out of sight.
    for (is_desk, counts) in [(true, vec![2]), (false, vec![1, 2])] {
        let mut wanted = get(to, "/api/groups").await.json();
        wanted["groups"].as_array_mut().unwrap().reverse();
        let reply = if is_desk {
            by_desk(to, Method::PUT, "/api/groups", &wanted).await
        } else {
            let request = build(Method::PUT, "/api/groups", wanted.to_string());
            common::request(to, request).await
        };
        assert_eq!(reply.status, 200, "{reply:?}");
        let entries = log(to, "?kind=groups").await;
        let found: Vec<_> = entries
            .iter()
            .map(|entry| entry["count"].as_u64())
            .collect();
        let counts: Vec<_> = counts.into_iter().map(Some).collect();
        assert_eq!(found, counts, "by the same desk: {is_desk}");
    }

    let server = server.restart().await;
    let groups = get(server.http, "/api/groups").await.json()["groups"].clone();
    assert_eq!(groups[1], json!({"id": 2, "name": "一階", "clients": [ID]}));
    // A deleted client loses its place.
    assert_eq!(common::delete(server.http, ID).await.status, 204);
    let groups = get(server.http, "/api/groups").await.json()["groups"].clone();
    assert_eq!(groups[1]["clients"], json!([]));
    server.stop().await;
}

#[tokio::test]
async fn many_clients_are_changed_at_once() {
    let server = Server::start().await;
    let to = server.http;
    introduce(server.udp, to).await;
    let body = json!({"ids": [ID, "00000099"], "change": {"muted": true, "muted_for_s": 60}});
    let reply = by_desk(to, Method::PATCH, "/api/clients", &body)
        .await
        .json();
    assert_eq!(
        (&reply["clients"][0]["id"], &reply["clients"][0]["muted"]),
        (&json!(ID), &json!(true))
    );
    assert_eq!(reply["not_found"], json!(["00000099"]));
    patch(to, ID, r#"{"name":"Ward 3"}"#).await;
    let named = get(to, "/api/clients?name=Ward%203").await.json();
    assert_eq!(named["clients"][0]["id"], ID);
    let none = get(to, "/api/clients?name=ward").await.json();
    assert_eq!(none["clients"], json!([]));
    server.stop().await;
}

#[tokio::test]
async fn peaks_are_given_at_connect_and_after_a_restart() {
    let server = Server::start().await;
    let mut page = Page::open(server.http).await;
    let sender = Sender::start(server.udp);
    page.when(|page| page.peaks[1]["clients"][ID].is_u64())
        .await;
    let loud = page.peaks[1]["clients"][ID].as_u64().unwrap() & 127;
    assert!((107..=112).contains(&loud), "{loud}");
    drop(sender);
    let dir = server.stop().await;
    let server = Server::start_with(dir, |_| {}).await;
    let mut page = Page::open(server.http).await;
    page.when(|page| page.peaks[0]["first"] == true).await;
    let text = page.peaks[0]["clients"][ID].as_str().unwrap_or_default();
    assert!(text.len() >= 4, "{}", page.peaks[0]);
    assert!(
        page.peaks[0]["to_s"]
            .as_i64()
            .is_some_and(|to| (0..60).contains(&to))
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
async fn a_stuck_disk_touches_no_sound() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::start(dir.path()).await;
    let mut page = Page::open(program.http).await;
    let stuck = StoppedThread::stop(program.pid(), "store");
    let mut listener = connect(program.http, "/ws?mix=main").await;
    next_json(&mut listener).await;
    let _sender = Sender::start(program.udp);
    let first = next_frame(&mut listener).await;
    for n in 1..=100u16 {
        let frame = next_frame(&mut listener).await;
        assert_eq!(frame.sequence_number, first.sequence_number.wrapping_add(n));
    }
    // Pages are told of the sound, and the log is read from memory.
    page.when(|page| page.entry("sound")["client"] == ID).await;
    let reply = get(program.http, "/api/log?kind=sound").await.json();
    assert_eq!(
        (&reply["from_memory"], &reply["entries"][0]["client"]),
        (&json!(true), &json!(ID))
    );
    drop(stuck);
    entry_when(program.http, "sound", |sound| sound["client"] == ID).await;
}

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
async fn desks_without_a_readable_name_are_refused() {
    let server = Server::start().await;
    introduce(server.udp, server.http).await;
    for (desk, is_name) in [
        ("%E2%80%8B", false),
        ("%ff", false),
        ("Night%20shift", true),
    ] {
        let path = format!("/api/clients/{ID}");
        let mut request = build(Method::PATCH, &path, r#"{"volume":50}"#);
        request
            .headers_mut()
            .insert("x-raa-desk", desk.parse().unwrap());
        let reply = common::request(server.http, request).await;
        if is_name {
            assert_eq!(reply.status, 200);
        } else {
            reply.check_error(422, "invalid_desk", "it must be a name of 1 to 64");
            assert_eq!(client(server.http, ID).await["volume"], 100);
        }
    }
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
    let buffered = 1 << 20;
    assert!(sent < 200 + buffered / 1000, "{sent}");
    let mut desk = Page::open(server.http).await;
    desk.when(|page| page.server["walls"][0]["state"] == "playing")
        .await;
    server.stop().await;
}
