//! The way in: from a data directory to a writer. Called by `server` at start, before anything listens.
//! The order matters: directory, process lock, scan of the write-ahead log, writer connection, and only then any other one.

use super::checkpoint::Checkpointer;
use super::connection::{self, Role};
use super::data_dir::DataDir;
use super::gate::Gate;
use super::open_error::OpenError;
use super::options::Options;
use super::recent::Recent;
use super::shared::Shared;
use super::trim::Cuts;
use super::wal_scan::Scan;
use super::writer::SqliteWriter;
use super::{schema, wal_scan};
use crate::base::ids::Uuid;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use std::path::Path;
use std::sync::Arc;

/// Opens the store in this directory; makes both where they are missing. Reads no more than what was not folded.
pub fn open(path: &Path, options: &Options) -> Result<SqliteWriter, OpenError> {
    let dir = DataDir::take(path)?;
    dir.remove_backup_dir();
    let scan = scan_wal(&dir, options)?;
    let db = match open_writer(&dir, options.birth_cluster_id) {
        Ok(db) => db,
        Err(error) => {
            if matches!(error, OpenError::Newer(_) | OpenError::Unusable(_)) {
                dir.leave_untouched();
            }
            return Err(error.at(path));
        }
    };
    open_rest(db, dir, &scan, options).map_err(|error| error.at(path))
}

fn open_rest(db: Connection, dir: DataDir, scan: &Scan, options: &Options) -> Result<SqliteWriter, OpenError> {
    let shared = Arc::new(Shared { gate: Gate::default(), recent: Recent::default(), cuts: Cuts::default(), dir });
    let checkpointer = Checkpointer::start(connection::connect(&shared.dir.database(), Role::Checkpointer)?)?;
    Ok(SqliteWriter::new(db, shared, checkpointer, scan.frames, options)?)
}

fn open_writer(dir: &DataDir, birth_cluster_id: Uuid) -> Result<Connection, OpenError> {
    let wal_was_there = dir.wal().exists();
    let db = connection::connect(&dir.database(), Role::Writer)?;
    let prepared = schema::prepare(&db, birth_cluster_id);
    if matches!(prepared, Err(OpenError::Newer(_) | OpenError::Unusable(_))) && !wal_was_there {
        // Looking into a file in WAL mode made an empty -wal; closing takes it away again.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    }
    prepared?;
    // Before the -wal is made: it takes the permissions of the database.
    dir.close_to_others()?;
    connection::use_wal(&db)?;
    // Takes the file for this process; a reader that came first would make a -shm file and let others in.
    db.execute_batch("BEGIN IMMEDIATE; ROLLBACK")?;
    dir.close_to_others()?;
    // SQLite syncs the directory when it makes a file, and takes no notice of a failure.
    dir.sync()?;
    dir.sign()?;
    Ok(db)
}

fn scan_wal(dir: &DataDir, options: &Options) -> Result<Scan, OpenError> {
    let scan = wal_scan::scan(&dir.wal()).map_err(|error| OpenError::Failed(format!("cannot read {}: {error}", dir.wal().display())))?;
    if scan.is_rotten() && !options.accept_wal_rot {
        return Err(OpenError::Failed(format!(
            "{} is damaged: frame {} is bad, and at least {} commits behind it would be lost; restore a backup, or copy the directory away before anything else is tried",
            dir.wal().display(),
            scan.frames + 1,
            scan.commits_lost
        )));
    }
    if scan.commits > 0 && !dir.has_database() {
        return Err(OpenError::Failed(format!(
            "{} holds commits but the database beside it is missing or empty; put it back",
            dir.wal().display()
        )));
    }
    Ok(scan)
}
