//! The threads that write the mixes: they sleep without listeners and end with the server.
//!
//! The test inspects the threads of its process, so no other server may run in it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;

use common::{Server, close_frame, connect, next_frame, next_json};

const SLOTS: u64 = 100;

#[tokio::test]
async fn shards_wake_once_per_slot_or_not_at_all() {
    let server = Server::start().await;
    let mut listeners = Vec::new();
    for _ in 0..100 {
        let mut listener = connect(server.http, "/ws?mix=main").await;
        next_json(&mut listener).await;
        listeners.push(listener);
    }
    let before = wake_ups();
    let first = next_frame(&mut listeners[0]).await.sequence_number;
    let mut slots = 0;
    while slots < SLOTS {
        for listener in &mut listeners {
            next_frame(listener).await;
        }
        slots += 1;
    }
    let last = next_frame(&mut listeners[0]).await.sequence_number;
    let slots = u64::from(last.wrapping_sub(first));
    let woken: Vec<_> = wake_ups().iter().zip(&before).map(|(a, b)| a - b).collect();
    // A frame that arrives during a pass is taken without another sleep.
    let expected = slots / 2..slots + slots / 2;
    assert!(expected.contains(&woken[0]), "{woken:?} in {slots} slots");
    assert!(woken[1..].iter().all(|&woken| woken == 0), "{woken:?}");

    let stopping = tokio::spawn(server.stop());
    for listener in &mut listeners {
        let frame = close_frame(listener).await.expect("a close frame");
        assert_eq!(u16::from(frame.code), 1001);
    }
    stopping.await.unwrap();
    assert_eq!(wake_ups(), [] as [u64; 0], "a thread is left");
}

/// Returns how often each fan-out thread has gone to sleep, by the thread's number.
fn wake_ups() -> Vec<u64> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let mut threads: Vec<_> = tasks
        .filter_map(|task| {
            let status = fs::read_to_string(task.unwrap().path().join("status")).ok()?;
            let value = |key| status.lines().find_map(|line| line.strip_prefix(key));
            let number: u32 = value("Name:\tfanout-")?.parse().unwrap();
            let sleeps: u64 = value("voluntary_ctxt_switches:\t")?.parse().unwrap();
            Some((number, sleeps))
        })
        .collect();
    threads.sort_unstable();
    threads.into_iter().map(|(_, sleeps)| sleeps).collect()
}
