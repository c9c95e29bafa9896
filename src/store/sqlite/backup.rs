//! A consistent copy of a running store in one file, written by a thread that only reads the store. Used by `server`.
//!
//! SQLite's backup API copies pages, on the writer's own connection, between its commits. Batch rows make something gentler
//! possible: they are written once and never changed, so they are copied row by row in the short slices of any reader, while
//! the writer goes on undisturbed; and what the copy holds is what lives, without free pages. Only the small tables are read
//! at one moment, and what they say is the moment of the copy: rows that came later are left out, index rows that were
//! folded since the beginning are folded again, and what was deleted meanwhile is listed to be deleted.

use super::connection::{self, Role};
use super::fold;
use super::loader;
use super::open;
use super::options::Options;
use super::schema;
use super::shared::Shared;
use super::writer::SqliteWriter;
use crate::base::ids::Uuid;
use crate::base::limits::{BACKUP_DISK_FREE_BYTES_MIN, BACKUP_SYNC_BYTES, READ_SLICE_MS};
use crate::store::seam::{StoreError, Writer};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::park_timeout;
use std::time::{Duration, Instant};

/// The tables that are copied at one moment; all but the log and its index.
const SMALL_TABLES: [&str; 7] = ["meta", "topic", "part", "producer", "consumer_group", "group_offset", "trim"];
/// Rows of the index in one slice.
const INDEX_ROWS: usize = 4_096;
/// Rows that are folded at once.
const FOLD_ROWS: i64 = 64_000;

/// Makes copies of the store of one writer.
#[derive(Clone, Debug)]
pub struct Backup {
    store: Arc<Shared>,
}

type Row = Vec<Value>;

/// A copy that is being written.
struct Copy<'a> {
    from: Connection,
    store: &'a Shared,
    to: Connection,
    place: PathBuf,
    /// The last batch row that was looked at.
    last_id: i64,
    unsynced_bytes: usize,
    is_wanted: &'a dyn Fn() -> bool,
}

/// The small tables at one moment, in the order of [`SMALL_TABLES`].
struct Moment {
    tables: Vec<Vec<Row>>,
    folded_id: i64,
    last_id: i64,
    /// How many batch rows were there behind those copied before, where that was asked.
    rows_behind: i64,
}

impl Backup {
    /// Of the store of this writer. It holds the data directory until it is dropped.
    pub fn of(writer: &SqliteWriter) -> Backup {
        Backup { store: writer.shared() }
    }

    /// Writes a copy below the data directory. Gives the file, which has no name any more: it is gone when it is closed. One
    /// at a time. After each slice `is_wanted` is asked whether to go on.
    pub fn write(&self, is_wanted: &dyn Fn() -> bool) -> Result<(File, u64), StoreError> {
        let dir = &self.store.dir;
        let failed = |error: io::Error| StoreError::Fatal(format!("cannot make a file for the copy: {error}"));
        let place = dir.make_backup_dir().map_err(failed)?;
        let written = self.write_in(&place, is_wanted).and_then(|file| dir.open_backup(&file).map_err(failed));
        dir.remove_backup_dir();
        written
    }

    fn write_in(&self, dir: &Path, is_wanted: &dyn Fn() -> bool) -> Result<PathBuf, StoreError> {
        let place = dir.join("monolog.db");
        let from = connection::connect(&self.store.dir.database(), Role::Reader).map_err(told)?;
        let to = Connection::open(&place)?;
        // Until it is complete it is worth nothing, so nothing of it need be undone or be safe.
        to.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -2048; PRAGMA temp_store = MEMORY")?;
        schema::prepare(&to, Uuid::ZERO).map_err(told)?;
        let mut copy = Copy { from, store: &self.store, to, place: place.clone(), last_id: 0, unsynced_bytes: 0, is_wanted };
        copy.check_room(copy.live_bytes()?)?;
        copy.to.execute_batch("BEGIN")?;
        copy.write()?;
        copy.to.execute_batch("COMMIT")?;
        drop(copy);
        // By the same way as any start: what it does not take is no backup. Closing leaves one file.
        let mut writer = open::open(dir, &Options::new(Uuid::ZERO)).map_err(told)?;
        writer.load()?;
        Box::new(writer).close()?;
        Ok(place)
    }
}

impl Copy<'_> {
    fn write(&mut self) -> Result<(), StoreError> {
        let first = self.moment(false)?;
        put(&self.to, "part", first.table("part"))?;
        // The index before the batches: of what is deleted meanwhile it may then have too much, which can be seen, and not too little.
        self.copy_index(first.folded_id)?;
        self.copy_batches(first.last_id)?;
        let caught_up = self.moment(false)?.last_id;
        self.copy_batches(caught_up)?;
        let last = loop {
            let moment = self.moment(true)?;
            let copied = self.copy_batches(moment.last_id)?;
            // Else retention was faster than we were, and the copy would have a hole.
            if copied == moment.rows_behind {
                break moment;
            }
        };
        self.fold(first.folded_id, &last)?;
        self.finish(&last)
    }

    /// One read transaction, in which the small tables are copied out.
    fn moment(&mut self, count: bool) -> Result<Moment, StoreError> {
        let _inside = self.store.gate.enter();
        let transaction = self.from.unchecked_transaction()?;
        let folded_id = transaction.query_row("SELECT folded_id FROM meta", [], |row| row.get(0))?;
        let last_id = transaction.query_row("SELECT ifnull(max(id), 0) FROM batch", [], |row| row.get(0))?;
        // Few, where most was copied before; else counting would take long.
        let from = if count { self.last_id } else { i64::MAX };
        let rows_behind = transaction.query_row("SELECT count(*) FROM batch WHERE id > ?1", [from], |row| row.get(0))?;
        let tables = SMALL_TABLES.iter().map(|table| all_rows(&transaction, &format!("SELECT * FROM {table}")));
        Ok(Moment { tables: tables.collect::<Result<_, _>>()?, folded_id, last_id, rows_behind })
    }

    fn copy_index(&mut self, folded_id: i64) -> Result<(), StoreError> {
        let mut after = (i64::MIN, i64::MIN);
        loop {
            let begun = Instant::now();
            let rows = {
                let _inside = self.store.gate.enter();
                let transaction = self.from.unchecked_transaction()?;
                let mut select = transaction.prepare_cached(
                    "SELECT part, base, id, run_ts, lag, cum FROM bindex WHERE (part, base) > (?1, ?2) ORDER BY part, base LIMIT ?3",
                )?;
                let rows = select.query_map([after.0, after.1, INDEX_ROWS as i64], |row| row.try_into())?;
                rows.collect::<Result<Vec<(i64, i64, i64, i64, i64, i64)>, _>>()?
            };
            let Some(last) = rows.last() else { return Ok(()) };
            after = (last.0, last.1);
            let mut insert = self.to.prepare_cached("INSERT INTO bindex VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
            for row in rows.iter().filter(|row| row.2 <= folded_id) {
                insert.execute(*row)?;
            }
            drop(insert);
            self.rest(begun, rows.len() * 64)?;
        }
    }

    /// Copies the batch rows behind those already copied, up to this one. Returns how many there were.
    fn copy_batches(&mut self, until: i64) -> Result<i64, StoreError> {
        let mut copied = 0;
        while self.last_id < until {
            let begun = Instant::now();
            let (rows, bytes) = self.batch_slice(until)?;
            self.last_id = match rows.last().and_then(|row| row.first()) {
                Some(Value::Integer(id)) => *id,
                _ => until,
            };
            put(&self.to, "batch", &rows)?;
            copied += rows.len() as i64;
            self.rest(begun, bytes)?;
        }
        Ok(copied)
    }

    fn batch_slice(&self, until: i64) -> Result<(Vec<Row>, usize), StoreError> {
        let end = Instant::now() + Duration::from_millis(READ_SLICE_MS);
        let _inside = self.store.gate.enter();
        let transaction = self.from.unchecked_transaction()?;
        let mut select = transaction.prepare_cached("SELECT * FROM batch WHERE id > ?1 AND id <= ?2 ORDER BY id")?;
        let columns = select.column_count();
        let mut rows = select.query([self.last_id, until])?;
        let (mut found, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let row = (0..columns).map(|column| row.get(column)).collect::<Result<Row, _>>()?;
            bytes += row.iter().map(|value| if let Value::Blob(data) = value { data.len() + 64 } else { 0 }).sum::<usize>();
            found.push(row);
            if bytes >= BACKUP_SYNC_BYTES || Instant::now() >= end {
                break;
            }
        }
        Ok((found, bytes))
    }

    /// Brings the index of the copy to where the small tables are.
    fn fold(&self, from: i64, last: &Moment) -> Result<(), StoreError> {
        // Partitions that were made meanwhile begin with nothing; all get their true rows at the end.
        let mut birth = self.to.prepare("INSERT OR IGNORE INTO part VALUES (?1, ?2, ?3, 0, 0, 0, 0, -1, 0)")?;
        for row in last.table("part") {
            birth.execute(params_from_iter(row.iter().take(3)))?;
        }
        let mut after = from;
        while after < last.folded_id {
            let until = last.folded_id.min(after + FOLD_ROWS);
            fold::fold(&self.to, loader::entries(&self.to, after, until)?)?;
            after = until;
        }
        Ok(())
    }

    fn finish(&self, last: &Moment) -> Result<(), StoreError> {
        for (table, rows) in SMALL_TABLES.iter().zip(&last.tables) {
            self.to.execute(&format!("DELETE FROM {table}"), [])?;
            put(&self.to, table, rows)?;
        }
        self.to.execute_batch(
            // What was deleted before its row was copied, and what was deleted after.
            "DELETE FROM bindex WHERE NOT EXISTS (SELECT * FROM batch WHERE batch.id = bindex.id);
             INSERT OR IGNORE INTO trim(part, until) SELECT part, log_start FROM part WHERE log_start > 0;
             INSERT OR IGNORE INTO trim(part, until)
                 SELECT DISTINCT part, 9223372036854775807 FROM bindex WHERE part NOT IN (SELECT part FROM part);",
        )?;
        Ok(())
    }

    /// After a slice: as much rest as it took work, and the disk no further behind than it can be without others feeling it.
    fn rest(&mut self, begun: Instant, bytes: usize) -> Result<(), StoreError> {
        if !(self.is_wanted)() {
            return Err(StoreError::Fatal("nobody waits for it any more".to_owned()));
        }
        self.unsynced_bytes += bytes;
        if self.unsynced_bytes >= BACKUP_SYNC_BYTES {
            self.unsynced_bytes = 0;
            let synced = self.store.dir.sync_backup(&self.place);
            synced.map_err(|error| StoreError::Fatal(format!("cannot sync the copy: {error}")))?;
            self.check_room(0)?;
        }
        park_timeout(begun.elapsed());
        Ok(())
    }

    /// A copy must not fill the disk that the broker lives on.
    fn check_room(&self, bytes: u64) -> Result<(), StoreError> {
        let free = self.store.dir.volume().map_or(u64::MAX, |disk| disk.usable_bytes);
        if free < bytes.saturating_add(BACKUP_DISK_FREE_BYTES_MIN) {
            return Err(StoreError::Full(format!("{free} bytes are free on the disk of the data directory, too little for a copy on it")));
        }
        Ok(())
    }

    fn live_bytes(&self) -> Result<u64, StoreError> {
        let (free, all) = super::shrink::pages(&self.from)?;
        Ok((all - free).unsigned_abs() * 4096)
    }
}

impl Moment {
    fn table(&self, name: &str) -> &[Row] {
        SMALL_TABLES.iter().position(|table| *table == name).map_or(&[], |at| &self.tables[at])
    }
}

fn all_rows(db: &Connection, sql: &str) -> Result<Vec<Row>, StoreError> {
    let mut select = db.prepare(sql)?;
    let columns = select.column_count();
    let rows = select.query_map([], |row| (0..columns).map(|column| row.get(column)).collect::<Result<Row, _>>())?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn put(db: &Connection, table: &str, rows: &[Row]) -> Result<(), StoreError> {
    let Some(first) = rows.first() else { return Ok(()) };
    let places = vec!["?"; first.len()].join(", ");
    let mut insert = db.prepare_cached(&format!("INSERT INTO {table} VALUES ({places})"))?;
    for row in rows {
        insert.execute(params_from_iter(row))?;
    }
    Ok(())
}

fn told(error: impl std::fmt::Display) -> StoreError {
    StoreError::Fatal(error.to_string())
}
