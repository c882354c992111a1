//! What lies at the database's path, found out before SQLite opens it.
//!
//! SQLite changes files by opening them: it applies a write-ahead log, makes an index for it, and
//! deletes what is left of a transaction. Always: only reads, and never more than the kind of the file
//! asks for; opens nothing that could block, such as a pipe.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::with_suffix;

/// The first bytes of every SQLite database.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// The header of the first page ("Database File Format", section 1.3).
const HEADER_LEN: usize = 100;
const USER_VERSION: usize = 60;
const APPLICATION_ID: usize = 68;
/// The headers of a write-ahead log and of its frames (sections 4.1 and 4.2).
const WAL_MAGICS: [u32; 2] = [0x377f_0682, 0x377f_0683];
const WAL_HEADER_LEN: usize = 32;
const WAL_FRAME_LEN: usize = 24;

/// What lies at the database's path.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing at all.
    Nothing,
    /// A file without content.
    Empty,
    /// A file that is no SQLite database.
    NoDatabase,
    /// Something that holds no data, such as "a folder".
    NoFile(&'static str),
    /// A link to something that does not exist.
    DeadLink(PathBuf),
    /// A SQLite database.
    Database(Marks),
}

/// The numbers by which a program recognises its databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    /// SQLite's `user_version`: the version of the schema.
    pub(super) version: i32,
    /// SQLite's `application_id`; this server does not set it.
    pub(super) application_id: u32,
}

/// Looks at `path` and at its write-ahead log.
pub(super) fn look(path: &Path) -> io::Result<Found> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(match fs::read_link(path) {
                Ok(target) => Found::DeadLink(target),
                Err(_not_a_link) => Found::Nothing,
            });
        }
        Err(error) => return Err(error),
    };
    if metadata.is_dir() {
        return Ok(Found::NoFile("a folder"));
    }
    if !metadata.is_file() {
        return Ok(Found::NoFile("no regular file"));
    }
    if metadata.len() == 0 {
        return Ok(Found::Empty);
    }
    let Some(mut marks) = marks_of(&mut File::open(path)?)? else {
        return Ok(Found::NoDatabase);
    };
    match File::open(with_suffix(path, "-wal")) {
        Ok(log) => marks = newest_marks(&mut BufReader::new(log))?.unwrap_or(marks),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(Found::Database(marks))
}

/// Reads the header of a database, or of its first page.
fn marks_of(page: &mut impl Read) -> io::Result<Option<Marks>> {
    let Some(header) = read_array::<HEADER_LEN>(page)? else {
        return Ok(None);
    };
    Ok(header.starts_with(MAGIC).then(|| Marks {
        version: number(&header, USER_VERSION) as i32,
        application_id: number(&header, APPLICATION_ID),
    }))
}

/// Returns the marks of the newest first page in a write-ahead log; `None` if it has none. Frames of
/// an earlier log, which have other salts, do not count.
fn newest_marks(log: &mut (impl Read + Seek)) -> io::Result<Option<Marks>> {
    let header = read_array::<WAL_HEADER_LEN>(log)?;
    let Some(header) = header.filter(|header| WAL_MAGICS.contains(&number(header, 0))) else {
        return Ok(None);
    };
    let (page_len, salts) = (number(&header, 8), &header[16..24]);
    let mut newest = None;
    while let Some(frame) = read_array::<WAL_FRAME_LEN>(log)? {
        if frame[8..16] != *salts {
            break;
        }
        let mut skip = i64::from(page_len);
        if number(&frame, 0) == 1 {
            newest = marks_of(log)?.or(newest);
            skip -= HEADER_LEN as i64;
        }
        log.seek(SeekFrom::Current(skip))?;
    }
    Ok(newest)
}

/// Reads this many bytes; `None` if there are fewer.
fn read_array<const LEN: usize>(from: &mut impl Read) -> io::Result<Option<[u8; LEN]>> {
    let mut bytes = [0; LEN];
    match from.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a big-endian number, which lies inside of the bytes.
fn number(bytes: &[u8], at: usize) -> u32 {
    bytes[at..]
        .first_chunk()
        .map_or(0, |four| u32::from_be_bytes(*four))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    fn marks(version: i32, application_id: u32) -> Marks {
        Marks {
            version,
            application_id,
        }
    }

    fn found(path: &Path) -> Marks {
        match look(path).unwrap() {
            Found::Database(marks) => marks,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn marks_are_read_from_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        assert!(matches!(look(&path).unwrap(), Found::Nothing));
        let connection = Connection::open(&path).unwrap();
        assert!(matches!(look(&path).unwrap(), Found::Empty));
        let sql = "PRAGMA user_version = -3; PRAGMA application_id = 77;";
        connection.execute_batch(sql).unwrap();
        assert_eq!(found(&path), marks(-3, 77));
    }

    #[test]
    fn marks_are_read_from_the_newest_page_of_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let connection = Connection::open(&path).unwrap();
        let set = |version: i32| {
            let sql = format!("PRAGMA user_version = {version}");
            connection.execute_batch(&sql).unwrap();
        };
        set(1);
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;
                 CREATE TABLE t (n); INSERT INTO t VALUES (zeroblob(20000));",
            )
            .unwrap();
        assert_eq!(found(&path), marks(1, 0));
        for version in [2, 3, 9] {
            set(version);
            assert_eq!(found(&path), marks(version, 0));
        }
        // After a checkpoint the next change begins the log again: old frames lie behind it.
        connection
            .query_row("PRAGMA wal_checkpoint(FULL)", [], |_| Ok(()))
            .unwrap();
        connection
            .execute_batch("INSERT INTO t VALUES (1)")
            .unwrap();
        assert_eq!(found(&path), marks(9, 0));
        set(4);
        assert_eq!(found(&path), marks(4, 0));
    }

    #[test]
    fn logs_of_any_content_are_read_without_harm() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        Connection::open(&path)
            .unwrap()
            .execute_batch("PRAGMA user_version = 2")
            .unwrap();
        for len in [0, 1, 31, 32, 55, 56, 57, 200, 5000] {
            for byte in [0, 1, 0xff] {
                fs::write(with_suffix(&path, "-wal"), vec![byte; len]).unwrap();
                assert_eq!(found(&path), marks(2, 0), "{len} bytes of {byte}");
            }
        }
    }
}
