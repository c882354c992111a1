//! Reads a row of the table `clients`, whatever is in it.
//!
//! Other programs can write any value into the file, and a server that does not start for one wrong
//! row is silent for all. Always: a row without a possible SSRC is left out; any other value that can't
//! be counts as not set; both are noted, and nothing is changed in the table.

use std::time::SystemTime;

use raa_core::client::KnownClient;
use raa_core::settings::{ClientSettings, Name, SoundingFrom, Volume};
use rusqlite::Row;
use rusqlite::types::ValueRef;
use tracing::warn;

use super::times;
use crate::id::ClientId;

/// The most faults that are logged one by one.
const MAX_LINES: usize = 10;
/// Bytes of a name that are looked at; a valid one is shorter.
const MAX_NAME_BYTES: usize = 4096;

/// Values that can't be: the first ones in words, and their number.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    first: Vec<String>,
    more: usize,
}

impl Faults {
    fn note(&mut self, fault: impl FnOnce() -> String) {
        if self.first.len() < MAX_LINES {
            self.first.push(fault());
        } else {
            self.more += 1;
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.first.len() + self.more
    }

    /// Logs them.
    pub(super) fn report(&self) {
        for fault in &self.first {
            warn!("{fault}");
        }
        if self.more > 0 {
            warn!(more = self.more, "further values of the database can't be");
        }
    }
}

/// Reads one row; `None` if its SSRC can't be.
pub(super) fn known_client(
    row: &Row<'_>,
    now: SystemTime,
    faults: &mut Faults,
) -> rusqlite::Result<Option<KnownClient>> {
    let key = row.get_ref(0)?;
    let Some(ssrc) = integer(key).and_then(|ssrc| u32::try_from(ssrc).ok()) else {
        faults.note(|| {
            let key = shown(key);
            format!(
                "a row of the database was skipped and kept: its ssrc is {key}; it must be a whole \
                 number from 0 to 4294967295"
            )
        });
        return Ok(None);
    };
    let mut fields = Fields { row, ssrc, faults };
    let last_seen_ms = fields.read(5, "last_heard_ms", "a time in ms since 1970", integer)?;
    let last_sound_ms = fields.read(7, "last_sounded_ms", "a time in ms since 1970", integer)?;
    let ago = |ms: Option<i64>| ms.and_then(|ms| times::ago(ms, now));
    Ok(Some(KnownClient {
        ssrc,
        settings: ClientSettings {
            name: fields.name(1, "name")?,
            volume: fields
                .read(2, "volume", "a whole number from 0 to 200", volume)?
                .unwrap_or_default(),
            muted: fields.read(3, "muted", "0 or 1", flag)?.unwrap_or_default(),
            sounding_from: fields.read(
                6,
                "sounding_from_dbfs",
                "a number from -90 to 0",
                sounding_from,
            )?,
            // Another table says this.
            placed: false,
        },
        sender_name: fields.name(4, "sender_name")?,
        seen_before: last_seen_ms.is_some(),
        last_seen_ago: ago(last_seen_ms),
        last_sound_ago: ago(last_sound_ms),
    }))
}

/// The values of one client's row.
struct Fields<'a> {
    row: &'a Row<'a>,
    ssrc: u32,
    faults: &'a mut Faults,
}

impl Fields<'_> {
    /// Reads a value; `None` if it is not set, or not allowed, which is noted.
    fn read<T>(
        &mut self,
        column: usize,
        name: &str,
        allowed: &str,
        read: impl FnOnce(ValueRef<'_>) -> Option<T>,
    ) -> rusqlite::Result<Option<T>> {
        let value = self.row.get_ref(column)?;
        if value == ValueRef::Null {
            return Ok(None);
        }
        let read = read(value);
        if read.is_none() {
            self.note(name, value, allowed);
        }
        Ok(read)
    }

    /// Reads a name. One that can't be is repaired as far as possible.
    fn name(&mut self, column: usize, name: &str) -> rusqlite::Result<Option<Name>> {
        let value = self.row.get_ref(column)?;
        let bytes = match value {
            ValueRef::Null => return Ok(None),
            ValueRef::Text(bytes) => &bytes[..bytes.len().min(MAX_NAME_BYTES)],
            _ => &[],
        };
        let text = String::from_utf8_lossy(bytes);
        let is_empty = value == ValueRef::Text(&[]);
        if !is_empty && (Name::new(&text).is_err() || text.contains('\u{fffd}')) {
            self.note(name, value, "1 to 64 printable characters");
        }
        Ok(Name::repaired(&text))
    }

    fn note(&mut self, name: &str, value: ValueRef<'_>, allowed: &str) {
        let id = ClientId(self.ssrc);
        self.faults.note(|| {
            let value = shown(value);
            format!(
                "a value in the database was ignored and kept: {name} of client {id} is {value}; it \
                 must be {allowed}"
            )
        });
    }
}

fn integer(value: ValueRef<'_>) -> Option<i64> {
    value.as_i64().ok()
}

fn volume(value: ValueRef<'_>) -> Option<Volume> {
    Volume::new(integer(value)?).ok()
}

/// Anything else than 1 leaves a client audible.
fn flag(value: ValueRef<'_>) -> Option<bool> {
    match integer(value)? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn sounding_from(value: ValueRef<'_>) -> Option<SoundingFrom> {
    let dbfs = match value {
        ValueRef::Integer(whole) => whole as f64,
        ValueRef::Real(dbfs) => dbfs,
        _ => return None,
    };
    SoundingFrom::new(dbfs).ok()
}

/// Returns a short and printable text of any value.
fn shown(value: ValueRef<'_>) -> String {
    const MAX_BYTES: usize = 80;
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => format!("{number:?}"),
        ValueRef::Text(text) => {
            let start = &text[..text.len().min(MAX_BYTES)];
            let more = if text.len() > MAX_BYTES { "…" } else { "" };
            let text = String::from_utf8_lossy(start);
            format!("\"{}{more}\"", text.escape_debug())
        }
        ValueRef::Blob(bytes) => format!("{} bytes", bytes.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    /// Reads a row of these values.
    fn read(values: &str) -> (Option<KnownClient>, Faults) {
        let connection = Connection::open_in_memory().unwrap();
        let mut faults = Faults::default();
        let sql = format!("SELECT {values}");
        let known = connection.query_row(&sql, [], |row| {
            known_client(row, SystemTime::now(), &mut faults)
        });
        (known.unwrap(), faults)
    }

    #[test]
    fn possible_rows_have_no_faults() {
        for values in [
            "0, NULL, 100, 0, NULL, NULL, NULL, NULL",
            "4294967295, 'Ward', 0, 1, '', 1800000000000, -90.0, 0",
            "7, '第三病棟', 200, 0, 'own', -5, -3, 9223372036854775807",
        ] {
            let (known, faults) = read(values);
            assert_eq!(
                (known.is_some(), faults),
                (true, Faults::default()),
                "{values}"
            );
        }
    }

    #[test]
    fn rows_without_a_possible_ssrc_are_left_out() {
        for ssrc in ["4294967296", "-1", "NULL", "'7'", "7.0", "x'07'"] {
            let (known, faults) = read(&format!("{ssrc}, 'x', 100, 0, NULL, NULL, NULL, NULL"));
            assert_eq!((known, faults.first.len()), (None, 1), "{ssrc}");
            assert!(
                faults.first[0].contains(ssrc.trim_matches('\''))
                    || ssrc == "x'07'"
                    || ssrc == "7.0"
            );
        }
    }

    #[test]
    fn impossible_values_count_as_not_set() {
        // Column, value, and what its line names.
        for (column, value, name) in [
            (1, "x'00ff'", "name"),
            (1, "5", "name"),
            (1, "cast(x'ff' AS TEXT)", "name"),
            (1, "'a' || char(10) || 'b'", "name"),
            (1, "replace(hex(zeroblob(500000)), '0', 'n')", "name"),
            (2, "201", "volume"),
            (2, "-1", "volume"),
            (2, "0.5", "volume"),
            (2, "9e999", "volume"),
            (2, "'loud'", "volume"),
            (3, "2", "muted"),
            (3, "'yes'", "muted"),
            (4, "char(27)", "sender_name"),
            (5, "'never'", "last_heard_ms"),
            (6, "9e999", "sounding_from_dbfs"),
            (6, "1", "sounding_from_dbfs"),
            (7, "1e300", "last_sounded_ms"),
        ] {
            let mut values = ["7", "NULL", "100", "0", "NULL", "NULL", "NULL", "NULL"];
            values[column] = value;
            let (known, faults) = read(&values.join(", "));
            let known = known.unwrap();
            assert_eq!(known.settings.volume, Volume::default(), "{value}");
            assert_eq!(
                (known.settings.muted, known.settings.sounding_from),
                (false, None)
            );
            assert_eq!(faults.first.len(), 1, "{value}: {faults:?}");
            let line = &faults.first[0];
            assert!(
                line.contains(&format!("{name} of client 00000007")),
                "{line}"
            );
            assert!(
                line.chars().count() < 400 && !line.contains(char::is_control),
                "{line}"
            );
        }
    }

    #[test]
    fn faulty_names_are_repaired() {
        let (known, faults) = read("7, 'Ward' || char(10) || ' 3', 100, 0, NULL, NULL, NULL, NULL");
        assert_eq!(known.unwrap().settings.name, Name::new("Ward 3").ok());
        assert_eq!(faults.count(), 1);
    }

    #[test]
    fn faults_stay_bounded() {
        let mut faults = Faults::default();
        (0..1000).for_each(|n| faults.note(|| n.to_string()));
        assert_eq!((faults.first.len(), faults.count()), (MAX_LINES, 1000));
    }
}
