//! What else the watch keeps: who muted a client and until when, the groups and the places in them, and
//! over a clean restart the peaks of the last ten minutes.
//!
//! Always: rows of any content are read; a value that can't be counts as not set.

use std::collections::BTreeMap;

use raa_core::settings::Name;
use rusqlite::{Connection, Transaction, params};

use super::log::by_text;
use crate::watch::entry::By;
use crate::watch::groups::{Arrangement, Group, MAX_GROUPS};
use crate::watch::marks::Marks;
use crate::watch::peaks::{Kept, SECONDS};

/// Creates columns and tables; a part of the third version of the schema.
pub(super) fn create_tables(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "ALTER TABLE clients ADD COLUMN muted_by TEXT;
         ALTER TABLE clients ADD COLUMN muted_since_ms INTEGER;
         ALTER TABLE clients ADD COLUMN muted_until_ms INTEGER;
         ALTER TABLE clients ADD COLUMN volume_by TEXT;
         ALTER TABLE clients ADD COLUMN volume_since_ms INTEGER;
         CREATE TABLE groups (id INTEGER PRIMARY KEY, place INTEGER NOT NULL, name TEXT NOT NULL) STRICT;
         CREATE TABLE places (
            ssrc INTEGER PRIMARY KEY,
            group_id INTEGER NOT NULL,
            place INTEGER NOT NULL
         ) STRICT;
         CREATE TABLE peaks (
            ssrc INTEGER PRIMARY KEY,
            end_ms INTEGER NOT NULL,
            bytes BLOB NOT NULL
         ) STRICT;",
    )
}

/// Fails if a table does not exist or lacks a column.
pub(super) fn check_tables(connection: &Connection) -> rusqlite::Result<()> {
    for sql in [MARKS, GROUPS, PLACES, PEAKS] {
        connection.prepare(sql)?;
    }
    Ok(())
}

const MARKS: &str = "SELECT ssrc, muted_by, muted_since_ms, muted_until_ms, volume_by, volume_since_ms \
    FROM clients";
const GROUPS: &str = "SELECT id, name FROM groups ORDER BY place, id";
const PLACES: &str = "SELECT ssrc, group_id FROM places ORDER BY place, ssrc";
const PEAKS: &str = "SELECT ssrc, end_ms, bytes FROM peaks";

/// Replaces the marks of a client that is in the table.
pub(super) fn save_marks(
    connection: &Connection,
    ssrc: u32,
    marks: &Marks,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "UPDATE clients SET muted_by = ?2, muted_since_ms = ?3, muted_until_ms = ?4, volume_by = ?5,
         volume_since_ms = ?6 WHERE ssrc = ?1",
    )?;
    statement.execute(params![
        ssrc,
        marks.muted_by.as_ref().map(by_text),
        marks.muted_since_ms,
        marks.muted_until_ms,
        marks.volume_by.as_ref().map(by_text),
        marks.volume_since_ms,
    ])?;
    Ok(())
}

/// Returns the marks of all clients that have any.
pub(super) fn marks(connection: &Connection) -> rusqlite::Result<Vec<(u32, Marks)>> {
    let mut statement = connection.prepare(MARKS)?;
    let mut rows = statement.query([])?;
    let mut marks = Vec::new();
    while let Some(row) = rows.next()? {
        let integer = |column| row.get::<_, Option<i64>>(column).ok().flatten();
        let by = |column| -> Option<By> {
            let text = row.get::<_, Option<String>>(column).ok().flatten();
            serde_json::from_str(&text?).ok()
        };
        let found = Marks {
            muted_by: by(1),
            muted_since_ms: integer(2),
            muted_until_ms: integer(3),
            volume_by: by(4),
            volume_since_ms: integer(5),
        };
        if let Ok(ssrc) = row.get(0)
            && found != Marks::default()
        {
            marks.push((ssrc, found));
        }
    }
    Ok(marks)
}

/// Replaces the groups. Clients with a place get a row, so that they are known after a restart.
pub(super) fn save_groups(
    transaction: &Transaction<'_>,
    arrangement: &Arrangement,
) -> rusqlite::Result<()> {
    transaction.execute_batch("DELETE FROM groups; DELETE FROM places;")?;
    let mut group_row =
        transaction.prepare("INSERT INTO groups (id, place, name) VALUES (?1, ?2, ?3)")?;
    let mut place_row =
        transaction.prepare("INSERT INTO places (ssrc, group_id, place) VALUES (?1, ?2, ?3)")?;
    let mut client_row = transaction.prepare("INSERT OR IGNORE INTO clients (ssrc) VALUES (?1)")?;
    for (place, group) in (0i64..).zip(arrangement.groups()) {
        group_row.execute(params![group.id, place, group.name.as_str()])?;
        for (place, ssrc) in (0i64..).zip(&group.clients) {
            place_row.execute(params![ssrc, group.id, place])?;
            client_row.execute([ssrc])?;
        }
    }
    Ok(())
}

/// Returns the groups in their order.
pub(super) fn groups(connection: &Connection) -> rusqlite::Result<Vec<Group>> {
    let mut clients: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let mut statement = connection.prepare(PLACES)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let (Ok(ssrc), Ok(group)) = (row.get(0), row.get(1)) {
            clients.entry(group).or_default().push(ssrc);
        }
    }
    let mut statement = connection.prepare(GROUPS)?;
    let mut rows = statement.query([])?;
    let mut groups = Vec::new();
    while let Some(row) = rows.next()? {
        let name = row
            .get::<_, String>(1)
            .ok()
            .and_then(|name| Name::repaired(&name));
        if let (Ok(id), Some(name)) = (row.get(0), name)
            && groups.len() < MAX_GROUPS
        {
            let clients = clients.remove(&id).unwrap_or_default();
            groups.push(Group { id, name, clients });
        }
    }
    Ok(groups)
}

/// Replaces the kept peaks.
pub(super) fn save_peaks(connection: &mut Connection, peaks: &[Kept]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute("DELETE FROM peaks", [])?;
    for Kept {
        ssrc,
        end_ms,
        bytes,
    } in peaks
    {
        let sql = "INSERT INTO peaks (ssrc, end_ms, bytes) VALUES (?1, ?2, ?3)";
        transaction.execute(sql, params![ssrc, end_ms, bytes])?;
    }
    transaction.commit()
}

/// Returns the kept peaks.
pub(super) fn peaks(connection: &Connection) -> rusqlite::Result<Vec<Kept>> {
    let mut statement = connection.prepare(PEAKS)?;
    let mut rows = statement.query([])?;
    let mut peaks = Vec::new();
    while let Some(row) = rows.next()? {
        if let (Ok(ssrc), Ok(end_ms), Ok(mut bytes)) =
            (row.get(0), row.get(1), row.get::<_, Vec<u8>>(2))
        {
            let beyond = bytes.len().saturating_sub(SECONDS);
            bytes.drain(..beyond);
            peaks.push(Kept {
                ssrc,
                end_ms,
                bytes,
            });
        }
    }
    Ok(peaks)
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

    #[test]
    fn marks_are_kept() {
        let table = table();
        table
            .execute("INSERT INTO clients (ssrc) VALUES (7), (8)", [])
            .unwrap();
        let full = Marks {
            muted_by: Some(By::server()),
            muted_since_ms: Some(1),
            muted_until_ms: Some(2),
            volume_by: Some(By::host([192, 0, 2, 7].into(), None)),
            volume_since_ms: Some(3),
        };
        save_marks(&table, 7, &full).unwrap();
        save_marks(&table, 9, &full).unwrap();
        assert_eq!(marks(&table).unwrap(), [(7, full)]);
        table
            .execute(
                "UPDATE clients SET muted_by = 'nobody', volume_by = '{}'",
                [],
            )
            .unwrap();
        assert_eq!(marks(&table).unwrap()[0].1.muted_by, None);
    }

    #[test]
    fn groups_are_kept_in_their_order() {
        let mut table = table();
        let group = |id, name: &str, clients: &[u32]| Group {
            id,
            name: Name::new(name).unwrap(),
            clients: clients.into(),
        };
        let groups_of = vec![
            group(2, "B", &[9, 1]),
            group(1, "A", &[5]),
            group(7, "C", &[]),
        ];
        let transaction = table.transaction().unwrap();
        save_groups(&transaction, &Arrangement::new(1, groups_of.clone())).unwrap();
        transaction.commit().unwrap();
        assert_eq!(groups(&table).unwrap(), groups_of);
        let clients: i64 = table
            .query_row("SELECT count(*) FROM clients", [], |row| row.get(0))
            .unwrap();
        assert_eq!(clients, 3);
    }

    #[test]
    fn peaks_are_replaced() {
        let mut table = table();
        let kept = |ssrc, len| Kept {
            ssrc,
            end_ms: 5,
            bytes: vec![1; len],
        };
        save_peaks(&mut table, &[kept(1, 3), kept(2, 4)]).unwrap();
        save_peaks(&mut table, &[kept(2, 700)]).unwrap();
        assert_eq!(peaks(&table).unwrap(), [kept(2, SECONDS)]);
    }
}
