//! The tables, their version, and the way from an older version to this one. Used by `open`.

use super::connection;
use super::open_error::OpenError;
use crate::base::ids::Uuid;
use rusqlite::{Connection, params};

/// "mnlg", in the file's header: this is a database of ours (<https://sqlite.org/pragma.html#pragma_application_id>).
const APPLICATION_ID: i64 = 0x6d6e_6c67;
/// The pages of the file.
pub(super) const PAGE_BYTES: i64 = 4096;
/// The version this program writes, in the header's user_version.
pub(super) const VERSION: i64 = 1;

/// `batch` is the log; every row is written once. `bindex`, the summary columns of `part` and `producer` are folds of it up
/// to `meta.folded_id`. Row ids go on from there, and rows are deleted only once they are folded, so no id ever comes back.
/// `bindex.run_ts` is the greatest timestamp of the partition up to this batch, `lag` how far its own is below it, and `cum`
/// counts the bytes of the partition up to and including it; all go on through deletes.
/// `trim` lists what is to be deleted in slices: the batches of a partition that end before `until`.
const TABLES: &str = "
CREATE TABLE meta(
    one INTEGER PRIMARY KEY CHECK (one = 1), cluster_id BLOB NOT NULL, folded_id INTEGER NOT NULL,
    next_part INTEGER NOT NULL, next_producer_id INTEGER NOT NULL, probes INTEGER NOT NULL
) STRICT;
CREATE TABLE batch(
    id INTEGER PRIMARY KEY, part INTEGER NOT NULL, base INTEGER NOT NULL, last INTEGER NOT NULL, max_ts INTEGER NOT NULL,
    flags INTEGER NOT NULL, pid INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, size INTEGER NOT NULL, data BLOB NOT NULL
) STRICT;
CREATE TABLE bindex(
    part INTEGER NOT NULL, base INTEGER NOT NULL, id INTEGER NOT NULL, run_ts INTEGER NOT NULL, lag INTEGER NOT NULL,
    cum INTEGER NOT NULL, PRIMARY KEY (part, base)
) STRICT, WITHOUT ROWID;
CREATE TABLE topic(
    id BLOB PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_ms INTEGER NOT NULL, configs BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE part(
    part INTEGER PRIMARY KEY, topic BLOB NOT NULL, idx INTEGER NOT NULL, log_start INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    cum INTEGER NOT NULL, cum_gone INTEGER NOT NULL, max_ts INTEGER NOT NULL, leader_epoch INTEGER NOT NULL, UNIQUE (topic, idx)
) STRICT;
CREATE TABLE producer(
    part INTEGER NOT NULL, pid INTEGER NOT NULL, epoch INTEGER NOT NULL, batches BLOB NOT NULL, PRIMARY KEY (part, pid)
) STRICT, WITHOUT ROWID;
CREATE TABLE consumer_group(
    id TEXT PRIMARY KEY, protocol_type TEXT NOT NULL, generation INTEGER NOT NULL, protocol TEXT, leader TEXT,
    state_ms INTEGER NOT NULL, members BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE group_offset(
    group_id TEXT NOT NULL, part INTEGER NOT NULL, offset INTEGER NOT NULL, leader_epoch INTEGER NOT NULL, metadata TEXT NOT NULL,
    commit_ms INTEGER NOT NULL, expire_ms INTEGER NOT NULL, PRIMARY KEY (group_id, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_offset_part ON group_offset(part);
CREATE TABLE trim(part INTEGER PRIMARY KEY, until INTEGER NOT NULL) STRICT;
";

/// Makes the tables in an empty file, or brings those of an older version up to date; refuses a newer version and a file
/// that is not ours, having written nothing.
pub(super) fn prepare(db: &Connection, birth_cluster_id: Uuid) -> Result<(), OpenError> {
    let header = |pragma: &str| -> rusqlite::Result<i64> { db.pragma_query_value(None, pragma, |row| row.get(0)) };
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (header("application_id")?, header("user_version")?) {
        (0, 0) if tables == 0 => give_birth(db, birth_cluster_id),
        (APPLICATION_ID, version) if version > VERSION => Err(OpenError::Newer(format!(
            "the database was written by a newer monolog (schema {version}, this one knows {VERSION}); start that version or restore an older backup"
        ))),
        (APPLICATION_ID, version) => upgrade(db, version),
        _ => Err(OpenError::Unusable("the database is another program's; choose another data directory".to_owned())),
    }
}

fn give_birth(db: &Connection, cluster_id: Uuid) -> Result<(), OpenError> {
    db.pragma_update(None, "page_size", PAGE_BYTES)?;
    // Makes room for incremental vacuum later; it cannot be turned on once there is a table.
    db.pragma_update(None, "auto_vacuum", 2)?;
    db.execute_batch("BEGIN IMMEDIATE")?;
    db.execute_batch(TABLES)?;
    db.execute("INSERT INTO meta VALUES (1, ?1, 0, 0, 0, 0)", params![cluster_id.0])?;
    db.pragma_update(None, "application_id", APPLICATION_ID)?;
    db.pragma_update(None, "user_version", VERSION)?;
    db.execute_batch("COMMIT")?;
    Ok(())
}

/// One arm per older version; all steps of an upgrade are one transaction.
fn upgrade(db: &Connection, version: i64) -> Result<(), OpenError> {
    match version {
        VERSION => connection::check_birth(db),
        _ => Err(OpenError::Failed(format!("no monolog ever wrote schema version {version}"))),
    }
}
