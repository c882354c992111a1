//! Sounds and their peaks are remembered, also after kill -9 and while the disk is stuck, and are seen by all desks.

use std::time::Duration;

use hyper::Method;
use nix::sys::signal::Signal;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::common::delays::Delays;
use crate::common::program::Program;
use crate::common::sender::{ID, Sender};
use crate::common::stopped_thread::StoppedThread;
use crate::common::{PATIENCE, Page, Server, client, connect, get, next_frame, next_json, patch};
use crate::{DESK, by_desk, entry_when, log};

#[tokio::test]
async fn a_sound_is_found_after_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = Program::start(dir.path()).await;
    let mut page = Page::open(program.http).await;
    let started = Instant::now();
    let sender = Sender::start(program.udp);
    sleep(Duration::from_millis(300)).await;
    drop(sender);
    page.when(|page| !page.entry("sound")["ended_ms"].is_null())
        .await;
    let sound = page.entry("sound").clone();
    let peak = sound["peak_dbfs"].as_f64().unwrap();
    assert!((peak - -12.0).abs() < 2.0, "{sound}");
    let lasted = sound["ended_ms"].as_i64().unwrap() - sound["at_ms"].as_i64().unwrap();
    let at_most = started.elapsed().as_millis() as i64;
    assert!((100..=at_most).contains(&lasted), "{sound}");
    // The page's row has the same figures.
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
    // The journal writes it by itself, within a second of a computer with time.
    let file = rusqlite::Connection::open(dir.path().join("raa.sqlite")).unwrap();
    let ended = "SELECT count(*) FROM log WHERE kind = 'sound' AND ended_ms IS NOT NULL";
    let started = Instant::now();
    while file
        .query_row(ended, [], |row| row.get::<_, u32>(0))
        .unwrap()
        == 0
    {
        assert!(started.elapsed() < PATIENCE, "the sound is not stored");
        sleep(Duration::from_millis(20)).await;
    }
    drop(file);
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
async fn a_seen_sound_is_seen_by_all_desks() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = Program::start(dir.path()).await;
    let to = program.http;
    let see = async |sounds| {
        by_desk(to, Method::POST, "/api/log/seen", &sounds)
            .await
            .json()
    };
    let mut page = Page::open(to).await;
    let sender = Sender::start(program.udp);
    page.when(|page| !page.entry("sound").is_null()).await;
    let first = page.entry("sound")["id"].clone();
    assert_eq!(see(json!({"ids": [first]})).await, json!({"seen": [first]}));
    page.when(|page| page.entry("sound")["seen_by"]["name"] == DESK)
        .await;
    page.when(|page| page.client(ID)["last_sound_seen"] == true)
        .await;
    // The end of the sound takes nothing back.
    drop(sender);
    page.when(|page| !page.entry("sound")["ended_ms"].is_null())
        .await;
    assert_eq!(page.entry("sound")["seen_by"]["name"], DESK);
    assert_eq!(see(json!({"until": first})).await, json!({"seen": []}));

    let _sender = Sender::start(program.udp);
    page.when(|page| page.entry("sound")["id"] != first).await;
    let second = page.entry("sound")["id"].clone();
    assert_eq!(
        see(json!({"until": second})).await,
        json!({"seen": [second]})
    );
    program.end(Signal::SIGKILL).await;
    let program = Program::start(dir.path()).await;
    let sounds = log(
        program.http,
        &format!("?kind=sound&before={}", second.as_u64().unwrap() + 1),
    )
    .await;
    for (sound, id) in sounds.iter().zip([second, first]) {
        assert_eq!(
            (&sound["id"], &sound["seen_by"]["name"]),
            (&id, &json!(DESK))
        );
    }
    assert_eq!(sounds.len(), 2);
}

#[tokio::test]
async fn a_stuck_disk_touches_no_sound() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::start(dir.path()).await;
    let mut page = Page::open(program.http).await;
    let stuck = StoppedThread::stop(program.pid(), "store");
    let mut listener = connect(program.http, "/ws?mix=main").await;
    next_json(&mut listener).await;
    let sender = Sender::start(program.udp);
    let delays = Delays::watch();
    let first = next_frame(&mut listener).await;
    let mut frame = first.clone();
    for _ in 0..100 {
        frame = next_frame(&mut listener).await;
    }
    let slots = frame.timestamp.wrapping_sub(first.timestamp) / 960;
    // A wait for the disk would last for ever, or for the 100 ms that some requests are given.
    let skipped_ms = 20 * u128::from(slots - 100);
    let delayed_ms = delays.total().as_millis();
    assert!(skipped_ms < 80 + delayed_ms, "{skipped_ms}, {delayed_ms}");
    // Pages get the sound and its end, because the server reads the log from memory.
    page.when(|page| page.entry("sound")["client"] == ID).await;
    let reply = get(program.http, "/api/log?kind=sound").await.json();
    assert_eq!(
        (&reply["from_memory"], &reply["entries"][0]["client"]),
        (&json!(true), &json!(ID))
    );
    drop(sender);
    page.when(|page| !page.entry("sound")["ended_ms"].is_null())
        .await;
    drop(stuck);
    entry_when(program.http, "sound", |sound| sound["client"] == ID).await;
}
