//! The log in a real database, in memory.

use super::*;
use crate::store::schema::{MIGRATIONS, migrate};

fn table() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    migrate(&mut connection, MIGRATIONS, |_, _| Ok(())).unwrap();
    connection
}

fn entry(id: u64, kind: Kind) -> Entry {
    Entry::new(id, id as i64 * 1000, kind)
}

fn ids(connection: &Connection, query: &Query) -> Vec<u64> {
    read(connection, query)
        .unwrap()
        .iter()
        .map(|entry| entry.id)
        .collect()
}

const ALL: Query = Query {
    since_ms: None,
    until_ms: None,
    client: None,
    kinds: Vec::new(),
    before: None,
    limit: 1000,
};

#[test]
fn entries_are_read_as_they_were_stored() {
    let mut table = table();
    let by = By::host([192, 0, 2, 7].into(), Some("夜勤"));
    let full = Entry {
        client: Some(ClientId(0xffff_ffff)),
        name: "Ward 3".into(),
        ended_ms: Some(9000),
        peak_dbfs: Some(-12.5),
        count: 4,
        by: Some(by.clone()),
        from: serde_json::json!({"muted": true, "until_ms": null}),
        to: 80.into(),
        seen_by: Some(by),
        seen_at_ms: Some(9500),
        undone: true,
        ..entry(7, Kind::Sound)
    };
    let plain = entry(8, Kind::ServerStarted);
    append(&mut table, &[full.clone(), plain.clone()], None).unwrap();
    assert_eq!(read(&table, &ALL).unwrap(), [plain, full.clone()]);
    assert_eq!(one(&table, 7).unwrap(), Some(full));
    assert_eq!(
        (one(&table, 9).unwrap(), last_id(&table).unwrap()),
        (None, 8)
    );
}

#[test]
fn queries_choose_entries() {
    let mut table = table();
    let mut all = Vec::new();
    for id in 1..=6 {
        let kind = if id % 2 == 0 {
            Kind::Sound
        } else {
            Kind::Volume
        };
        let client = Some(ClientId(id as u32 % 3));
        all.push(Entry {
            client,
            ..entry(id, kind)
        });
    }
    append(&mut table, &all, None).unwrap();
    for (query, expected) in [
        (ALL, &[6, 5, 4, 3, 2, 1][..]),
        (
            Query {
                since_ms: Some(3000),
                until_ms: Some(5000),
                ..ALL
            },
            &[4, 3],
        ),
        (
            Query {
                client: Some(ClientId(0)),
                ..ALL
            },
            &[6, 3],
        ),
        (
            Query {
                kinds: vec![Kind::Sound],
                ..ALL
            },
            &[6, 4, 2],
        ),
        (
            Query {
                before: Some(4),
                limit: 2,
                ..ALL
            },
            &[3, 2],
        ),
    ] {
        assert_eq!(ids(&table, &query), expected, "{query:?}");
        let matching = all.iter().rev().filter(|entry| query.matches(entry));
        let matching: Vec<u64> = matching.map(|entry| entry.id).take(query.limit).collect();
        assert_eq!(matching, expected, "{query:?}");
    }
}

#[test]
fn clients_cannot_displace_acts() {
    let mut table = table();
    let acts: Vec<Entry> = (1..=30).map(|id| entry(id, Kind::Muted)).collect();
    append(&mut table, &acts, None).unwrap();
    let flood: Vec<Entry> = (100..300).map(|id| entry(id, Kind::Connected)).collect();
    let limits = |count, since_ms| Some(Limits { count, since_ms });
    append(&mut table, &flood, limits(80, 0)).unwrap();
    let left = ids(&table, &ALL);
    assert_eq!(left.len(), 80);
    assert_eq!(left.iter().filter(|&&id| id <= 30).count(), 20);
    assert_eq!((left[0], left[79]), (299, 11));
    append(&mut table, &[], limits(80, 290_000)).unwrap();
    assert_eq!(ids(&table, &ALL).len(), 10);
}

#[test]
fn an_older_form_takes_nothing_back() {
    let mut table = table();
    let sound = entry(5, Kind::Sound);
    append(&mut table, &[sound.clone(), entry(6, Kind::Muted)], None).unwrap();
    let by = By::server();
    let marked = see(&mut table, &Seen::Ids([5, 6, 7].into()), &by, 9).unwrap();
    assert_eq!(marked.len(), 1);
    let ended = Entry {
        ended_ms: Some(5500),
        ..sound
    };
    append(&mut table, &[ended], None).unwrap();
    let stored = one(&table, 5).unwrap().unwrap();
    assert_eq!((stored.ended_ms, stored.seen_at_ms), (Some(5500), Some(9)));
    assert_eq!(see(&mut table, &Seen::Until(100), &by, 10).unwrap(), []);
}

#[test]
fn sounds_end_where_they_were_last_known() {
    let mut table = table();
    let sql = "INSERT INTO clients (ssrc, last_sounded_ms) VALUES (1, 7000), (2, 100)";
    table.execute(sql, []).unwrap();
    let of = |id, ssrc| Entry {
        client: Some(ClientId(ssrc)),
        ..entry(id, Kind::Sound)
    };
    append(
        &mut table,
        &[
            of(5, 1),
            of(6, 2),
            of(4, 1),
            entry(7, Kind::Connected),
            of(8, 3),
        ],
        None,
    )
    .unwrap();
    end_open(&table).unwrap();
    let ends = [4, 5, 6, 7].map(|id| one(&table, id).unwrap().unwrap().ended_ms);
    assert_eq!(ends, [Some(7000), Some(7000), Some(6000), None]);
    let last: Vec<u64> = last_sounds(&table)
        .unwrap()
        .iter()
        .map(|entry| entry.id)
        .collect();
    assert_eq!(last, [5, 6], "client 3 is not known");
}

#[test]
fn rows_of_other_programs_are_read_or_left_out() {
    let table = table();
    table
        .execute_batch(
            "INSERT INTO log (id, at_ms, kind, ssrc, by, after, count, peak_dbfs) VALUES
             (1, 5, 'of a later version', 1, NULL, NULL, 1, 0),
             (2, 5, 'sound', -1, 'nobody', '{', -3, 9e999);",
        )
        .unwrap();
    let read = read(&table, &ALL).unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!(
        (read[0].client, &read[0].by, read[0].count),
        (None, &None, 3)
    );
    assert_eq!((read[0].peak_dbfs, &read[0].to), (None, &Value::Null));
}

/// 300 computers that come, go and beep for three hours, as far as the observer lets them; with the names and
/// the desks that take the most room.
#[test]
fn the_file_stops_growing_at_its_limit() {
    const LIMIT: u32 = 4000;
    // 22 entries of each of two matters an hour.
    const HOUR: u64 = 300 * 44;
    let mut table = table();
    let name = "監".repeat(64);
    let mut sizes = Vec::new();
    for hour in 0..3 {
        for first in (hour * HOUR..(hour + 1) * HOUR).step_by(200) {
            let entries = (first..first + 200).map(|id| Entry {
                client: Some(ClientId(id as u32 % 300)),
                name: name.clone(),
                ended_ms: Some(id as i64),
                peak_dbfs: Some(-12.5),
                seen_by: Some(By::host([192, 0, 2, 7].into(), Some(&name))),
                ..entry(
                    id + 1,
                    if id % 2 == 0 {
                        Kind::Sound
                    } else {
                        Kind::Offline
                    },
                )
            });
            let limits = Limits {
                count: LIMIT - 200,
                since_ms: 0,
            };
            append(&mut table, &entries.collect::<Vec<_>>(), Some(limits)).unwrap();
        }
        let pages = |pragma| -> i64 { table.query_row(pragma, [], |row| row.get(0)).unwrap() };
        sizes.push(pages("PRAGMA page_count") * pages("PRAGMA page_size"));
        assert_eq!(last_id(&table).unwrap(), (hour + 1) * HOUR);
    }
    assert!(sizes[2] <= sizes[0] * 21 / 20, "{sizes:?}");
    assert!(sizes[2] < i64::from(LIMIT) * 1024, "{sizes:?}");
    let kept: i64 = table
        .query_row("SELECT count(*) FROM log", [], |row| row.get(0))
        .unwrap();
    assert!((2000..=i64::from(LIMIT)).contains(&kept), "{kept}");
}
