//! Queries for entries of the log.

use rusqlite::Connection;

use super::super::schema::{MIGRATIONS, migrate};
use super::{Query, append, read};
use crate::id::ClientId;
use crate::watch::entry::{Entry, Kind};

thread_local! {
    static TABLE: (Connection, Vec<Entry>) = table();
}

/// The table has entries of every kind, of some clients and of none, at times from 1970 to this century.
fn table() -> (Connection, Vec<Entry>) {
    let mut connection = Connection::open_in_memory().expect("memory");
    migrate(&mut connection, MIGRATIONS, |_, _| Ok(())).expect("an empty database");
    let kinds = Kind::ALL.iter().cycle().take(100);
    let entries = (1u64..).zip(kinds).map(|(id, &kind)| Entry {
        client: (id % 3 > 0).then_some(ClientId((id % 5) as u32)),
        ..Entry::new(id, (id as i64 - 1) * 18_000_000_000, kind)
    });
    let entries: Vec<Entry> = entries.collect();
    append(&mut connection, &entries, None).expect("entries are stored");
    (connection, entries)
}

/// The table and [`Query::matches`] choose the same entries, in the same order.
pub(crate) fn check(query: &Query) {
    TABLE.with(|(connection, entries)| {
        let matching = entries.iter().rev().filter(|entry| query.matches(entry));
        let matching: Vec<u64> = matching.map(|entry| entry.id).take(query.limit).collect();
        let found = read(connection, query).expect("any query can be asked");
        let found: Vec<u64> = found.iter().map(|entry| entry.id).collect();
        assert_eq!(found, matching, "{query:?}");
    });
}
