//! The server remembers what happened, who did it, and what it was told to end: over restarts and kill -9.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod acts;
mod arrangement;
#[path = "../common/mod.rs"]
mod common;
mod messages;
mod sounds;

use std::net::SocketAddr;
use std::time::Duration;

use common::{PATIENCE, Reply, build, get};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Method, Request};
use serde_json::Value;
use tokio::time::{Instant, sleep};

const DESK: &str = "夜勤 shift";

/// Sends a change as the desk `DESK` does.
async fn by_desk(to: SocketAddr, method: Method, path: &str, body: &Value) -> Reply {
    let request = build(method, path, body.to_string());
    request_as("%E5%A4%9C%E5%8B%A4%20shift", to, request).await
}

/// Sends a request with a desk's name, as the header has it.
async fn request_as(desk: &str, to: SocketAddr, mut request: Request<Full<Bytes>>) -> Reply {
    let desk = desk.parse().unwrap();
    request.headers_mut().insert("x-raa-desk", desk);
    common::request(to, request).await
}

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
