//! The table `log`: what happened, and who did it.
//!
//! Always: bounded by age and by count, with a share for what people did that no client can take; rows of
//! any content are read, because other programs can write into the file; who has seen an entry, and that it
//! was undone, is never taken back by an older form of it.

use std::collections::BTreeSet;

use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, Row, Transaction, params, params_from_iter};
use serde_json::Value;

use crate::id::ClientId;
use crate::watch::entry::{By, Entry, Kind};

/// The columns in the order in which [`entry`] reads them.
const COLUMNS: &str = "id, at_ms, kind, ssrc, name, ended_ms, peak_dbfs, count, by, before, after, \
    seen_by, seen_at_ms, undone";
/// What goes on until something ends it.
const IS_OPEN: &str = "ended_ms IS NULL AND kind IN ('sound', 'network_bad')";

/// How much of the log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Entries of all kinds.
    pub(crate) count: u32,
    /// Entries that began before this Unix time in ms are deleted.
    pub(crate) since_ms: i64,
}

/// Which entries are asked for, the newest first. Times are Unix times in ms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Query {
    /// Entries that began at this time or later.
    pub(crate) since_ms: Option<i64>,
    /// Entries that began before this time.
    pub(crate) until_ms: Option<i64>,
    pub(crate) client: Option<ClientId>,
    /// Empty: all kinds.
    pub(crate) kinds: Vec<Kind>,
    /// Entries with smaller ids.
    pub(crate) before: Option<u64>,
    pub(crate) limit: usize,
}

impl Query {
    /// Returns whether an entry is asked for.
    pub(crate) fn matches(&self, entry: &Entry) -> bool {
        self.since_ms.is_none_or(|since| entry.at_ms >= since)
            && self.until_ms.is_none_or(|until| entry.at_ms < until)
            && self
                .client
                .is_none_or(|client| entry.client == Some(client))
            && (self.kinds.is_empty() || self.kinds.contains(&entry.kind))
            && self.before.is_none_or(|before| entry.id < before)
    }
}

/// Which sounds somebody has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Those with these ids.
    Ids(BTreeSet<u64>),
    /// All up to this id.
    Until(u64),
}

/// The most sounds that are marked as seen at once, the newest ones.
const MAX_SEEN: usize = 1000;

/// Creates the table; a part of the third version of the schema.
pub(super) fn create_table(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "CREATE TABLE log (
            id INTEGER PRIMARY KEY,
            at_ms INTEGER NOT NULL,
            kind TEXT NOT NULL,
            act INTEGER NOT NULL DEFAULT 0,
            ssrc INTEGER,
            name TEXT,
            ended_ms INTEGER,
            peak_dbfs REAL,
            count INTEGER NOT NULL DEFAULT 1,
            by TEXT,
            before TEXT,
            after TEXT,
            seen_by TEXT,
            seen_at_ms INTEGER,
            undone INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE INDEX log_by_act ON log (act);
        CREATE INDEX log_by_client ON log (ssrc, kind);
        CREATE INDEX log_by_time ON log (at_ms);",
    )
}

/// Fails if the table does not exist or lacks a column.
pub(super) fn check_table(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .prepare(&format!("SELECT {COLUMNS}, act FROM log"))
        .map(drop)
}

/// Ends what went on when the server was killed: a sound at the last time at which it is known.
pub(super) fn end_open(connection: &Connection) -> rusqlite::Result<()> {
    let sql = format!(
        "UPDATE log SET ended_ms = max(at_ms, coalesce((SELECT last_sounded_ms FROM clients
         WHERE clients.ssrc = log.ssrc), at_ms)) WHERE {IS_OPEN}"
    );
    connection.execute(&sql, []).map(drop)
}

/// Returns the largest id; 0 if there is none.
pub(super) fn last_id(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT coalesce(max(id), 0) FROM log";
    connection.query_row(sql, [], |row| row.get(0).map(i64::unsigned_abs))
}

/// Returns the last sound of each client.
pub(super) fn last_sounds(connection: &Connection) -> rusqlite::Result<Vec<Entry>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM log WHERE id IN
         (SELECT max(id) FROM log WHERE kind = 'sound' AND ssrc IS NOT NULL GROUP BY ssrc)"
    );
    entries(connection, &sql, &[])
}

/// Stores entries, which may be newer forms of stored ones.
pub(super) fn put(connection: &Connection, new: &[Entry]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "INSERT INTO log (id, at_ms, kind, act, ssrc, name, ended_ms, peak_dbfs, count, by, before,
            after, seen_by, seen_at_ms, undone)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) ON CONFLICT (id)
         DO UPDATE SET kind = ?3, ended_ms = ?7, peak_dbfs = ?8, count = ?9, after = ?12,
            seen_by = coalesce(seen_by, ?13), seen_at_ms = coalesce(seen_at_ms, ?14),
            undone = max(undone, ?15)",
    )?;
    for entry in new {
        statement.execute(params![
            entry.id.cast_signed(),
            entry.at_ms,
            entry.kind.word(),
            entry.kind.is_act(),
            entry.client.map(|client| client.0),
            Some(&entry.name).filter(|name| !name.is_empty()),
            entry.ended_ms,
            entry.peak_dbfs,
            entry.count.cast_signed(),
            entry.by.as_ref().map(by_text),
            value_text(&entry.from),
            value_text(&entry.to),
            entry.seen_by.as_ref().map(by_text),
            entry.seen_at_ms,
            entry.undone,
        ])?;
    }
    Ok(())
}

/// Stores entries, and deletes those beyond the limits if there are any, all or nothing.
pub(super) fn append(
    connection: &mut Connection,
    new: &[Entry],
    limits: Option<Limits>,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    put(&transaction, new)?;
    if let Some(limits) = limits {
        trim(&transaction, limits)?;
    }
    transaction.commit()
}

/// Deletes what is too old or too much. A quarter of the entries is for what people did.
fn trim(transaction: &Transaction<'_>, limits: Limits) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM log WHERE at_ms < ?1", [limits.since_ms])?;
    let acts = limits.count / 4;
    for (is_act, most) in [(false, limits.count - acts), (true, acts)] {
        transaction.execute(
            "DELETE FROM log WHERE act = ?1 AND id <= (SELECT id FROM log WHERE act = ?1
             ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            params![is_act, most],
        )?;
    }
    Ok(())
}

/// Returns the entries that are asked for, the newest first.
pub(super) fn read(connection: &Connection, query: &Query) -> rusqlite::Result<Vec<Entry>> {
    let mut values: Vec<Sql> = Vec::new();
    let mut conditions = vec!["1".to_owned()];
    let integers = [
        ("at_ms >=", query.since_ms),
        ("at_ms <", query.until_ms),
        ("ssrc =", query.client.map(|client| client.0.into())),
        ("id <", query.before.map(u64::cast_signed)),
    ];
    for (condition, value) in integers {
        if let Some(value) = value {
            conditions.push(format!("{condition} ?"));
            values.push(value.into());
        }
    }
    if !query.kinds.is_empty() {
        let places = vec!["?"; query.kinds.len()].join(", ");
        conditions.push(format!("kind IN ({places})"));
        values.extend(
            query
                .kinds
                .iter()
                .map(|kind| Sql::from(kind.word().to_owned())),
        );
    }
    let (conditions, limit) = (conditions.join(" AND "), query.limit);
    let sql =
        format!("SELECT {COLUMNS} FROM log WHERE {conditions} ORDER BY id DESC LIMIT {limit}");
    entries(connection, &sql, &values)
}

/// Returns one entry.
pub(super) fn one(connection: &Connection, id: u64) -> rusqlite::Result<Option<Entry>> {
    let sql = format!("SELECT {COLUMNS} FROM log WHERE id = ?");
    Ok(entries(connection, &sql, &[id.cast_signed().into()])?.pop())
}

/// Marks sounds as seen that nobody has seen, and returns them.
pub(super) fn see(
    connection: &mut Connection,
    seen: &Seen,
    by: &By,
    at_ms: i64,
) -> rusqlite::Result<Vec<Entry>> {
    let transaction = connection.transaction()?;
    let ids: Vec<i64> = match seen {
        Seen::Ids(ids) => ids
            .iter()
            .take(MAX_SEEN)
            .map(|id| id.cast_signed())
            .collect(),
        Seen::Until(last) => {
            let sql = "SELECT id FROM log WHERE kind = 'sound' AND seen_at_ms IS NULL AND id <= ?1
                ORDER BY id DESC LIMIT ?2";
            let mut statement = transaction.prepare(sql)?;
            let ids = statement.query_map(params![last.cast_signed(), MAX_SEEN as i64], |row| {
                row.get(0)
            })?;
            ids.collect::<rusqlite::Result<_>>()?
        }
    };
    let mut marked = Vec::new();
    for id in ids {
        let sql = "UPDATE log SET seen_by = ?2, seen_at_ms = ?3
            WHERE id = ?1 AND kind = 'sound' AND seen_at_ms IS NULL";
        if transaction.execute(sql, params![id, by_text(by), at_ms])? > 0 {
            marked.extend(one(&transaction, id.cast_unsigned())?);
        }
    }
    transaction.commit()?;
    Ok(marked)
}

fn entries(connection: &Connection, sql: &str, values: &[Sql]) -> rusqlite::Result<Vec<Entry>> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.extend(entry(row)?);
    }
    Ok(entries)
}

/// Reads a row; `None` if it is of no kind that this version knows.
fn entry(row: &Row<'_>) -> rusqlite::Result<Option<Entry>> {
    let text = |column| -> rusqlite::Result<Option<&str>> {
        Ok(row.get_ref(column)?.as_str_or_null().ok().flatten())
    };
    let integer = |column| -> rusqlite::Result<Option<i64>> {
        Ok(row.get_ref(column)?.as_i64_or_null().ok().flatten())
    };
    let value = |column| -> rusqlite::Result<Value> {
        Ok(text(column)?
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default())
    };
    let by = |column| -> rusqlite::Result<Option<By>> {
        Ok(text(column)?.and_then(|text| serde_json::from_str(text).ok()))
    };
    let (Some(id), Some(at_ms)) = (integer(0)?, integer(1)?) else {
        return Ok(None);
    };
    let Some(kind) = text(2)?.and_then(Kind::of) else {
        return Ok(None);
    };
    let ssrc = integer(3)?.and_then(|ssrc| u32::try_from(ssrc).ok());
    let peak_dbfs = match row.get_ref(6)? {
        ValueRef::Real(peak) if peak.is_finite() => Some(peak),
        _ => None,
    };
    Ok(Some(Entry {
        client: ssrc.map(ClientId),
        name: text(4)?.unwrap_or_default().to_owned(),
        ended_ms: integer(5)?,
        peak_dbfs,
        count: integer(7)?.map_or(1, i64::unsigned_abs),
        by: by(8)?,
        from: value(9)?,
        to: value(10)?,
        seen_by: by(11)?,
        seen_at_ms: integer(12)?,
        undone: integer(13)? == Some(1),
        ..Entry::new(id.cast_unsigned(), at_ms, kind)
    }))
}

/// Returns whoever did something as it is stored.
pub(super) fn by_text(by: &By) -> String {
    // Serialising plain structs with text keys does not fail.
    serde_json::to_string(by).unwrap_or_default()
}

fn value_text(value: &Value) -> Option<String> {
    (!value.is_null()).then(|| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::schema::{MIGRATIONS, migrate};
    use super::*;

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
            &[of(5, 1), of(6, 2), of(4, 1), entry(7, Kind::Connected)],
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
        assert_eq!(last, [5, 6]);
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
}
