//! The table `clients`: what operators have set for each client, and when it was last seen and
//! heard.
//!
//! A client is unconfigured while all of its settings are the defaults. Always: an
//! unconfigured client may be deleted to keep the table bounded; a configured one is deleted only
//! when an operator asks for it.

use std::collections::BTreeSet;
use std::time::SystemTime;

use raa_core::client::KnownClient;
use raa_core::settings::{ClientSettings, Name, SoundingFrom};
use rusqlite::{Connection, Transaction, params};

use super::room;
use super::rows::{self, Faults};
use super::times;
use crate::watch::Remembered;
use crate::watch::marks::Marks;

const IS_UNCONFIGURED: &str = "name IS NULL AND volume = 100 AND muted = 0 AND sounding_from_dbfs IS NULL \
    AND ssrc NOT IN (SELECT ssrc FROM places)";
const IS_SSRC: &str = "ssrc BETWEEN 0 AND 4294967295";
/// The columns in the order in which [`rows`] reads them.
const SELECT: &str = "SELECT ssrc, name, volume, muted, sender_name, last_heard_ms, \
    sounding_from_dbfs, last_sounded_ms FROM clients";

/// When a client was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastSeen {
    pub(crate) ssrc: u32,
    /// The name that the sender reported.
    pub(crate) sender_name: Option<Name>,
    /// The time of the client's last packet.
    pub(crate) at: SystemTime,
    /// The end of its last sound; `None` if none is known.
    pub(crate) last_sound: Option<SystemTime>,
}

/// Creates the table; the first version of the schema.
pub(super) fn create_table(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "CREATE TABLE clients (
            ssrc INTEGER PRIMARY KEY,
            name TEXT,
            volume INTEGER NOT NULL DEFAULT 100,
            muted INTEGER NOT NULL DEFAULT 0,
            sender_name TEXT,
            last_heard_ms INTEGER
        ) STRICT",
    )
}

/// Adds what a client's sound needs; the second version of the schema.
pub(super) fn add_sounding(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "ALTER TABLE clients ADD COLUMN sounding_from_dbfs REAL;
         ALTER TABLE clients ADD COLUMN last_sounded_ms INTEGER;",
    )
}

/// What the table has.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Loaded {
    /// The clients, by SSRC.
    pub(super) known: Vec<KnownClient>,
    /// What can't be, and was left out.
    pub(super) faults: Faults,
    /// What the watch remembers.
    pub(super) remembered: Remembered,
}

impl Loaded {
    /// Takes the ends of last sounds from the log, which is stored more often than the clients' times.
    pub(super) fn learn_last_sounds(&mut self, now: SystemTime) {
        for sound in &self.remembered.last_sounds {
            let ago = sound.ended_ms.and_then(|ended| times::ago(ended, now));
            let place = sound.client.map(|client| {
                self.known
                    .binary_search_by_key(&client.0, |known| known.ssrc)
            });
            if let (Some(ago), Some(Ok(place))) = (ago, place) {
                let known = &mut self.known[place].last_sound_ago;
                *known = Some(known.map_or(ago, |known| known.min(ago)));
            }
        }
    }
}

/// Returns all configured clients and the `max_unconfigured` others that were seen last, by SSRC,
/// and deletes the rest. Rows that can't be are left out, and stay in the table.
pub(super) fn load(
    connection: &Connection,
    max_unconfigured: usize,
    now: SystemTime,
) -> rusqlite::Result<Loaded> {
    // A full disk must not keep the server from reading; the rest is deleted another time.
    let _ = connection.execute(
        &format!(
            "DELETE FROM clients WHERE {IS_UNCONFIGURED} AND {IS_SSRC} AND ssrc NOT IN (
             SELECT ssrc FROM clients WHERE {IS_UNCONFIGURED} AND {IS_SSRC}
             ORDER BY last_heard_ms DESC LIMIT ?1)"
        ),
        [max_unconfigured as i64],
    );
    let mut loaded = Loaded::default();
    let mut statement = connection.prepare(SELECT)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let known = rows::known_client(row, now, &mut loaded.faults)?;
        loaded.known.extend(known);
    }
    mark_placed(connection, &mut loaded.known)?;
    Ok(loaded)
}

/// Marks the clients that have a place in a group.
fn mark_placed(connection: &Connection, known: &mut [KnownClient]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT ssrc FROM places")?;
    let placed = statement.query_map([], |row| row.get::<_, i64>(0))?;
    let placed: BTreeSet<i64> = placed.flatten().collect();
    for client in known {
        client.settings.placed = placed.contains(&client.ssrc.into());
    }
    Ok(())
}

/// Fails if the table does not exist or lacks a column of its first version.
pub(super) fn check_first_columns(connection: &Connection) -> rusqlite::Result<()> {
    let columns = "ssrc, name, volume, muted, sender_name, last_heard_ms";
    let sql = format!("SELECT {columns} FROM clients");
    connection.prepare(&sql).map(drop)
}

/// Fails if the table does not exist or lacks a column.
pub(super) fn check_table(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare(SELECT).map(drop)
}

/// Replaces a client's settings.
pub(super) fn save_settings(
    connection: &Connection,
    ssrc: u32,
    settings: &ClientSettings,
) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO clients (ssrc, name, volume, muted, sounding_from_dbfs)
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (ssrc)
         DO UPDATE SET name = ?2, volume = ?3, muted = ?4, sounding_from_dbfs = ?5",
        params![
            ssrc,
            settings.name.as_ref().map(Name::as_str),
            settings.volume.percent(),
            settings.muted,
            settings.sounding_from.map(SoundingFrom::dbfs),
        ],
    )?;
    Ok(())
}

/// What is stored of a client that an operator has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Saved {
    pub(crate) ssrc: u32,
    pub(crate) settings: ClientSettings,
    /// Who has set them, and until when.
    pub(crate) marks: Marks,
}

/// Replaces a client's settings and their marks.
pub(super) fn save(connection: &Connection, client: &Saved) -> rusqlite::Result<()> {
    save_settings(connection, client.ssrc, &client.settings)?;
    room::save_marks(connection, client.ssrc, &client.marks)
}

/// Deletes these clients, configured or not.
pub(super) fn delete_all(connection: &Connection, ssrcs: &[u32]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("DELETE FROM clients WHERE ssrc = ?1")?;
    for ssrc in ssrcs {
        statement.execute([ssrc])?;
    }
    Ok(())
}

/// Stores settings and times again.
pub(super) fn put_back(
    transaction: &Transaction<'_>,
    clients: &[Saved],
    seen: &[LastSeen],
) -> rusqlite::Result<()> {
    for client in clients {
        save(transaction, client)?;
    }
    upsert_last_seen(transaction, seen)
}

/// Stores when clients were last seen and deletes the unconfigured ones of `evicted`, all or
/// nothing.
pub(super) fn save_last_seen(
    connection: &mut Connection,
    seen: &[LastSeen],
    evicted: &[u32],
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    delete_unconfigured(&transaction, evicted)?;
    upsert_last_seen(&transaction, seen)?;
    transaction.commit()
}

fn delete_unconfigured(transaction: &Transaction<'_>, evicted: &[u32]) -> rusqlite::Result<()> {
    let sql = format!("DELETE FROM clients WHERE ssrc = ?1 AND {IS_UNCONFIGURED}");
    let mut statement = transaction.prepare(&sql)?;
    for ssrc in evicted {
        statement.execute([ssrc])?;
    }
    Ok(())
}

fn upsert_last_seen(transaction: &Transaction<'_>, seen: &[LastSeen]) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare(
        "INSERT INTO clients (ssrc, sender_name, last_heard_ms, last_sounded_ms)
         VALUES (?1, ?2, ?3, ?4) ON CONFLICT (ssrc) DO UPDATE SET sender_name = ?2,
         last_heard_ms = ?3, last_sounded_ms = coalesce(?4, last_sounded_ms)",
    )?;
    for LastSeen {
        ssrc,
        sender_name,
        at,
        last_sound,
    } in seen
    {
        let name = sender_name.as_ref().map(Name::as_str);
        let last_sound_ms = last_sound.map(times::stored_ms);
        statement.execute(params![ssrc, name, times::stored_ms(*at), last_sound_ms])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::schema::{MIGRATIONS, migrate};
    use super::*;
    use std::fs;
    use std::time::Duration;

    use raa_core::settings::Volume;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(NOW_MS)
    }

    fn settings(name: &str, volume: i64, muted: bool) -> ClientSettings {
        ClientSettings {
            name: Name::new(name).ok(),
            volume: Volume::new(volume).unwrap(),
            muted,
            sounding_from: None,
            placed: false,
        }
    }

    fn seen(ssrc: u32, ago_s: u64) -> LastSeen {
        LastSeen {
            ssrc,
            sender_name: Name::new("own").ok(),
            at: now() - Duration::from_secs(ago_s),
            last_sound: None,
        }
    }

    fn table() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, MIGRATIONS, |_, _| Ok(())).unwrap();
        connection
    }

    fn ssrcs(connection: &Connection, max_unconfigured: usize) -> Vec<u32> {
        let loaded = load(connection, max_unconfigured, now()).unwrap();
        assert_eq!(loaded.faults, Faults::default());
        loaded.known.iter().map(|known| known.ssrc).collect()
    }

    /// One row of the released database, with the time of its last packet.
    fn known(
        ssrc: u32,
        settings: ClientSettings,
        sender_name: &str,
        last_seen_ms: u64,
    ) -> KnownClient {
        KnownClient {
            ssrc,
            settings,
            sender_name: Name::new(sender_name).ok(),
            seen_before: true,
            last_seen_ago: Some(Duration::from_millis(NOW_MS - last_seen_ms)),
            last_sound_ago: None,
        }
    }

    #[test]
    fn the_released_database_is_read_exactly() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("raa.sqlite");
        let released = include_bytes!("../../tests/fixtures/raa-schema-1.sqlite");
        fs::write(&path, released).unwrap();
        let mut connection = Connection::open(&path).unwrap();
        migrate(&mut connection, MIGRATIONS, |_, _| Ok(())).unwrap();
        let migrated = fs::read(&path).unwrap();
        let unconfigured = ClientSettings::default;
        let expected = [
            known(
                0x0000_0001,
                settings("第三病棟", 150, false),
                "監視室のパソコン",
                1_795_930_970_642,
            ),
            known(
                0x0bad_cafe,
                unconfigured(),
                "ナースステーション",
                1_795_930_974_843,
            ),
            known(0x1234_5678, unconfigured(), "", 1_795_930_974_843),
            known(0x5f0a_11c2, settings("", 100, true), "", 1_795_930_970_642),
            known(
                0x7fff_ffff,
                settings("", 0, false),
                "受付 1",
                1_795_930_972_743,
            ),
            known(
                0xb9a7_e570,
                settings("試験音楽", 20, false),
                "Test BGM (Goldberg Var.1)",
                1_795_930_975_786,
            ),
            known(0xffff_fffe, unconfigured(), "手術室２", 1_795_930_972_743),
        ];
        assert_eq!(load(&connection, 1000, now()).unwrap().known, expected);
        assert_eq!(
            fs::read(&path).unwrap(),
            migrated,
            "reading changes nothing"
        );
    }

    #[test]
    fn saved_clients_are_loaded() {
        let mut table = table();
        save_settings(&table, 7, &settings("Ward 3", 150, true)).unwrap();
        save_last_seen(&mut table, &[seen(7, 60), seen(u32::MAX, 0)], &[]).unwrap();
        let expected = [
            known(7, settings("Ward 3", 150, true), "own", NOW_MS - 60_000),
            known(u32::MAX, ClientSettings::default(), "own", NOW_MS),
        ];
        assert_eq!(load(&table, 1000, now()).unwrap().known, expected);
    }

    #[test]
    fn settings_are_replaced_and_deleted_as_a_whole() {
        let table = table();
        save_settings(&table, 7, &settings("Ward 3", 150, true)).unwrap();
        save_settings(&table, 7, &ClientSettings::default()).unwrap();
        assert_eq!(
            load(&table, 1000, now()).unwrap().known[0].settings,
            ClientSettings::default()
        );
        delete_all(&table, &[7, 8]).unwrap();
        assert_eq!(load(&table, 1000, now()).unwrap().known, []);
    }

    #[test]
    fn evicted_clients_stay_once_configured() {
        let mut table = table();
        save_last_seen(&mut table, &[seen(1, 0), seen(2, 0)], &[]).unwrap();
        save_settings(&table, 2, &settings("", 99, false)).unwrap();
        save_last_seen(&mut table, &[], &[1, 2, 3]).unwrap();
        assert_eq!(ssrcs(&table, 1000), [2]);
    }

    #[test]
    fn unconfigured_clients_stay_bounded() {
        let mut table = table();
        let all: Vec<_> = (0..20)
            .map(|ssrc| seen(ssrc, 1000 - u64::from(ssrc)))
            .collect();
        save_last_seen(&mut table, &all, &[]).unwrap();
        save_settings(&table, 0, &settings("", 100, true)).unwrap();
        assert_eq!(ssrcs(&table, 3), [0, 17, 18, 19]);
        assert_eq!(ssrcs(&table, 1000), [0, 17, 18, 19], "the rest is deleted");
    }

    #[test]
    fn impossible_rows_are_never_deleted() {
        let mut table = table();
        let sql = "INSERT INTO clients (ssrc, last_heard_ms) VALUES (4294967296, 1), (-1, 1)";
        table.execute(sql, []).unwrap();
        save_last_seen(&mut table, &[seen(7, 60), seen(8, 50)], &[]).unwrap();
        let loaded = load(&table, 1, now()).unwrap();
        assert_eq!(loaded.known.len(), 1);
        assert_eq!(loaded.faults.count(), 2);
        let count: i64 = table
            .query_row("SELECT count(*) FROM clients", [], |row| row.get(0))
            .unwrap();
        assert_eq!(count, 3);
    }
}
