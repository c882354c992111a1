//! The store as its callers use it: its thread, its lock, and what is stored together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use raa_core::settings::{ClientSettings, Name};

use super::*;
use crate::id::ClientId;
use crate::watch::entry::Kind;
use crate::watch::groups::Group;
use crate::watch::marks::Marks;

type Opened = (Store, StoreThread, Vec<KnownClient>, Remembered);

/// Opens a store again that has ended. A process that another test begins has all files of this one for a
/// moment, and so the lock.
fn reopen(dir: &Path) -> Opened {
    for _ in 0..3000 {
        match open(dir, 1000) {
            Err(error) if format!("{error:#}").contains("in use") => {
                thread::sleep(Duration::from_millis(10));
            }
            opened => return opened.unwrap(),
        }
    }
    panic!("{} stays in use", dir.display());
}

#[test]
fn a_running_store_keeps_its_folder_locked() {
    let dir = tempfile::tempdir().unwrap();
    let (store, thread, ..) = open(dir.path(), 1000).unwrap();
    let error = open(dir.path(), 1000).err().unwrap();
    assert!(format!("{error:#}").contains("in use"), "{error:#}");
    drop(store);
    thread.join();
    reopen(dir.path());
}

#[tokio::test]
async fn abandoned_readings_are_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let (store, thread, ..) = open(dir.path(), 1000).unwrap();
    let (go_on, stuck) = std::sync::mpsc::channel::<()>();
    let (begun, has_begun) = oneshot::channel();
    let slow = tokio::spawn({
        let store = store.clone();
        let wait = move |_: &mut Connection| {
            let _ = begun.send(());
            Ok(stuck.recv().is_ok())
        };
        async move { store.call(wait).await }
    });
    has_begun.await.unwrap();
    let counted = Arc::<AtomicUsize>::default();
    for patience in [Duration::from_millis(50), Duration::from_secs(60)] {
        let counting = counted.clone();
        let reading = store.read(move |_| Ok(counting.fetch_add(1, Ordering::Relaxed)));
        let read = tokio::time::timeout(patience, reading).await;
        assert_eq!(read.is_ok(), patience > Duration::from_secs(1));
        let _ = go_on.send(());
    }
    assert!(slow.await.unwrap().unwrap());
    assert_eq!(counted.load(Ordering::Relaxed), 1);
    drop(store);
    thread.join();
}

#[tokio::test]
async fn a_deletion_is_stored_whole_and_taken_back_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (store, thread, ..) = open(dir.path(), 1000).unwrap();
    let client = |ssrc| Saved {
        ssrc,
        settings: ClientSettings {
            muted: true,
            ..ClientSettings::default()
        },
        marks: Marks::default(),
    };
    let (saved, name) = (vec![client(1), client(2)], Name::new("A").unwrap());
    store.save(saved, Vec::new()).await.unwrap();
    let group = |clients: &[u32]| {
        let clients = clients.to_vec();
        let name = name.clone();
        Arrangement::new(
            1,
            vec![Group {
                id: 1,
                name,
                clients,
            }],
        )
    };
    store.save_groups(group(&[1, 2]), Vec::new()).await.unwrap();
    let entry = |id, ssrc| Entry {
        client: Some(ClientId(ssrc)),
        ..Entry::new(id, 5, Kind::Forgotten)
    };
    let deletion = Deletion {
        ssrcs: vec![1, 2],
        groups: Some(group(&[])),
        entries: vec![entry(7, 1), entry(8, 2)],
    };
    store.delete_all(deletion).await.unwrap();
    // The second one is connected again.
    let back = store.put_back(vec![client(2)], Vec::new(), group(&[2]), vec![8]);
    back.await.unwrap();
    drop(store);
    thread.join();
    let (store, thread, known, remembered) = reopen(dir.path());
    let known: Vec<u32> = known.iter().map(|client| client.ssrc).collect();
    assert_eq!((known, &remembered.groups[0].clients), (vec![2], &vec![2]));
    let entries: Vec<u64> = remembered.recent.iter().map(|entry| entry.id).collect();
    assert_eq!(entries, [7]);
    drop(store);
    thread.join();
}
