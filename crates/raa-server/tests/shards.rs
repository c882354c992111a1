//! The threads that write the mix: asleep without listeners, ended with the server.
//!
//! The only test here looks at the process's threads, so no other server may run beside it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;

use common::{Server, close_frame, connect, next_frame, next_json};

const SLOTS: u64 = 100;

#[tokio::test]
async fn a_shard_wakes_once_a_slot_or_not_at_all_and_ends_with_the_server() {
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
    // A frame that comes during a pass is taken without sleep; frames on the way are not counted.
    let expected = slots / 2..slots + slots / 2;
    assert!(expected.contains(&woken[0]), "{woken:?} in {slots} slots");
    assert!(woken[1..].iter().all(|&woken| woken == 0), "{woken:?}");

    let stopping = tokio::spawn(server.stop());
    for listener in &mut listeners {
        let goodbye = close_frame(listener).await.expect("a goodbye");
        assert_eq!(u16::from(goodbye.code), 1001);
    }
    stopping.await.unwrap();
    assert_eq!(wake_ups(), [] as [u64; 0], "no thread is left");
}

/// How often each of the threads has gone to sleep, by their numbers.
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
