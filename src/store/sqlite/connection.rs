//! How a connection is opened: flags, VFS and pragmas for each role, every one of them checked. Used by `open`.
//! The VFS is `unix-excl` (see `vfs`): the process takes the file for itself and keeps the WAL index on its heap, so there is no -shm file whose
//! mapping a full disk could turn into a SIGBUS (<https://sqlite.org/vfs.html>).

use super::open_error::OpenError;
use super::vfs;
use crate::store::seam::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// SQLite before this could damage the file when one connection commits while another checkpoints.
const LIBRARY_VERSION_MIN: i32 = 3_051_003;
const STATEMENTS_KEPT: usize = 64;
const READER_BUSY_MS: u64 = 1_000;
/// A larger cache would take memory for little: most of what the writer puts there, the pages of batches, it never looks at again.
const WRITER_CACHE_PAGES: i64 = 256;
const WRITER_CACHE_STEP: i64 = 16;
/// A page of the list of free pages names so many of them (<https://sqlite.org/fileformat2.html#the_freelist>).
const FREE_PAGES_LISTED: i64 = 1_022;
/// A transaction that changes more pages than this, 8 MB, hands some to the log before it commits. Of a multiple of 256 some versions
/// of SQLite see the lowest byte, and keep everything in memory.
const WRITER_SPILL_PAGES: i64 = 2_000;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Commits. Opened first: the VFS gives the file to the process only when a writable connection locks it.
    Writer,
    /// Checkpoints beside the writer.
    Checkpointer,
    /// Reads.
    Reader,
}

/// Opens a connection. The journal mode is not touched: see [`use_wal`].
pub(super) fn connect(path: &Path, role: Role) -> Result<Connection, OpenError> {
    if rusqlite::version_number() < LIBRARY_VERSION_MIN {
        return Err(OpenError::Failed(format!("SQLite {} is too old: 3.51.3 or newer is needed", rusqlite::version())));
    }
    if !vfs::register() {
        return Err(OpenError::Failed("SQLite does not take the VFS of the store".to_string()));
    }
    let access = match role {
        Role::Writer => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        Role::Checkpointer => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Role::Reader => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let db = Connection::open_with_flags_and_vfs(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX, vfs::NAME)?;
    db.busy_timeout(Duration::from_millis(if role == Role::Reader { READER_BUSY_MS } else { 0 }))?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // A connection that is dropped must not sync: after a failed fsync nothing may. An orderly end checkpoints by itself.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // FULL is 2, MEMORY is 2; a negative cache size is in KiB.
    set(&db, "synchronous", 2)?;
    set(&db, "temp_store", 2)?;
    set(&db, "mmap_size", 0)?;
    set(&db, "wal_autocheckpoint", 0)?;
    set(&db, "cell_size_check", 1)?;
    set(&db, "trusted_schema", 0)?;
    if role == Role::Writer {
        set(&db, "cache_size", WRITER_CACHE_PAGES)?;
        set(&db, "cache_spill", WRITER_SPILL_PAGES)?;
    } else {
        set(&db, "cache_size", -512)?;
    }
    Ok(db)
}

/// The pages of the writer's cache while space is given back. For each page that goes SQLite reads the list of free pages from its front,
/// and where the cache is shorter than that list, all of it from the system. In steps, and no more than a transaction may change.
pub(super) fn writer_cache_pages(free_pages: i64) -> i64 {
    let list_pages = free_pages / FREE_PAGES_LISTED;
    (WRITER_CACHE_PAGES + list_pages / WRITER_CACHE_STEP * WRITER_CACHE_STEP).min(WRITER_SPILL_PAGES)
}

/// Gives the cache of a connection so many pages; what is beyond them goes back at once.
pub(super) fn set_cache_pages(db: &Connection, pages: i64) -> Result<(), StoreError> {
    Ok(db.pragma_update(None, "cache_size", pages)?)
}

/// Turns WAL mode on, or checks that it is.
pub(super) fn use_wal(db: &Connection) -> Result<(), OpenError> {
    let mode: String = db.query_row("PRAGMA journal_mode = wal", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::Failed(format!("SQLite keeps journal_mode={mode} instead of wal")));
    }
    Ok(())
}

/// Checks what is fixed at birth.
pub(super) fn check_birth(db: &Connection) -> Result<(), OpenError> {
    check(db, "page_size", 4096)?;
    check(db, "auto_vacuum", 2)
}

fn set(db: &Connection, pragma: &str, value: i64) -> Result<(), OpenError> {
    db.pragma_update(None, pragma, value)?;
    check(db, pragma, value)
}

fn check(db: &Connection, pragma: &str, wanted: i64) -> Result<(), OpenError> {
    let value: Value = db.pragma_query_value(None, pragma, |row| row.get(0))?;
    if value != Value::Integer(wanted) {
        return Err(OpenError::Failed(format!("SQLite has {pragma}={value:?} where {wanted} was asked for")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_of_the_writer_holds_the_list_of_free_pages_and_is_bounded() {
        assert_eq!(writer_cache_pages(0), WRITER_CACHE_PAGES);
        for free in [1_000, 100_000, 1_200_000] {
            let room = writer_cache_pages(free) - free / FREE_PAGES_LISTED;
            assert!((WRITER_CACHE_PAGES - WRITER_CACHE_STEP..=WRITER_CACHE_PAGES).contains(&room), "{free}: {room}");
        }
        assert_eq!(writer_cache_pages(i64::MAX), WRITER_SPILL_PAGES);
    }

    #[test]
    fn a_transaction_waits_in_memory_until_it_has_changed_8_mb() {
        let dir = tempfile::tempdir().unwrap();
        let db = connect(&dir.path().join("a.db"), Role::Writer).unwrap();
        use_wal(&db).unwrap();
        db.execute_batch("CREATE TABLE t (data BLOB); BEGIN").unwrap();
        let log_bytes = || std::fs::metadata(dir.path().join("a.db-wal")).unwrap().len();
        let before = log_bytes();
        let insert = |pages: i64| db.execute("INSERT INTO t VALUES (randomblob(?))", [pages * 4_096]).unwrap();
        // With the cache alone it would be a page in each direction at 230, or 1,780 of 8 MiB. The VFS keeps up to 64 to itself.
        insert(1_950);
        assert_eq!(log_bytes(), before);
        insert(200);
        assert!(log_bytes() > before);
        db.execute_batch("COMMIT").unwrap();
        let kept: i64 = db.query_row("SELECT sum(length(data)) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 2_150 * 4_096);
    }
}
