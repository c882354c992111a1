//! Changes that a desk makes: the server keeps their author, ends mutes, and undoes changes.

use std::time::Duration;

use hyper::Method;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::common::program::Program;
use crate::common::sender::{ID, introduce};
use crate::common::{Page, Server, build, client, client_when, get, patch, write};
use crate::{DESK, by_desk, log, request_as};

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
    write(&dir.path().join(".config/raa/raa-server.toml"), settings);
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
    let muted = patch(server.http, ID, body).await.json();
    assert_eq!(muted["muted"], true, "{muted}");
    page.when(|page| page.entry("mute_ended")["by"]["kind"] == "server")
        .await;
    page.when(|page| page.client(ID)["muted"] == false).await;
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
async fn desks_without_a_readable_name_are_refused() {
    let server = Server::start().await;
    introduce(server.udp, server.http).await;
    for (desk, is_name) in [
        ("%E2%80%8B", false),
        ("%ff", false),
        ("Night%20shift", true),
    ] {
        let path = format!("/api/clients/{ID}");
        let request = build(Method::PATCH, &path, r#"{"volume":50}"#);
        let reply = request_as(desk, server.http, request).await;
        if is_name {
            assert_eq!(reply.status, 200);
        } else {
            reply.check_error(422, "invalid_desk", "it must be a name of 1 to 64");
            assert_eq!(client(server.http, ID).await["volume"], 100);
        }
    }
    server.stop().await;
}
