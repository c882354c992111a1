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

/// Returns the last sound of each client that is known. The log may have sounds of many more.
pub(super) fn last_sounds(connection: &Connection) -> rusqlite::Result<Vec<Entry>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM log WHERE id IN
         (SELECT max(id) FROM log WHERE kind = 'sound' AND ssrc IN (SELECT ssrc FROM clients) GROUP BY ssrc)"
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

/// Deletes these entries.
pub(super) fn delete(connection: &Connection, ids: &[u64]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("DELETE FROM log WHERE id = ?1")?;
    for id in ids {
        statement.execute([id.cast_signed()])?;
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

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(test)]
mod tests;
