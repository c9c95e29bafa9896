//! The writer: one plan = one transaction, and between plans the housekeeping (folds, deletes, the end of a checkpoint).
//! Made by `open`, owned by the storage thread. After an error other than a full disk it does nothing more: drop it.

use super::checkpoint::{Asked, Checkpointer, FRAME_BYTES};
use super::connection::{self, Role};
use super::fault::while_doing;
use super::options::Options;
use super::pace::Pace;
use super::reader::SqliteReader;
use super::recent::Entry;
use super::reserve::Reserve;
use super::shared::Shared;
use super::shrink::Shrink;
use super::toucher::Toucher;
use super::trim::Goal;
use super::{fold, loader, ops, shrink, trim};
use crate::base::ids::PartId;
use crate::base::limits::{DELETE_SLICE_MS, FOLD_AGE_MS, FOLD_ROWS_MAX, MIB, WAL_HARD_BYTES, WAL_SOFT_BYTES};
use crate::store::plan::{BatchRow, Image, Plan};
use crate::store::seam::{StoreError, Upkeep, Writer};
use log::{info, warn};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, params};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// After so long without a commit the write-ahead log is copied back: a short one makes the next start quick, and is less to lose.
const IDLE_MS: u64 = 1_000;
/// A slice of housekeeping.
const SLICE: Duration = Duration::from_millis(DELETE_SLICE_MS);
/// How long a slice of deletes waits for its rows to be read.
const TOUCH_WAIT: Duration = Duration::from_millis(1);
/// Rows of a slice where nobody reads ahead,
const ROWS_UNTOUCHED: usize = 256;
/// ... and where whoever does is behind, but the deletes cannot wait.
const ROWS_COLD: usize = 16;
/// Deletes do not rest while less than such a part of the file is free,
const FREE_PART: i64 = 20;
/// ... or less than so many pages: several plans' worth.
const FREE_PAGES_ENOUGH: i64 = 4_096;
/// Beside plans the return of free pages rests so much longer than deletes.
const SHRINK_REST: u32 = 4;
/// Deletions that take longer are told when they are done.
const TRIM_WORTH_TELLING: Duration = Duration::from_secs(1);
/// What the write-ahead log keeps of a full disk.
const LOG_OF_FULL_DISK_BYTES: i64 = 4 * MIB as i64;
/// Room that a fold may need in the write-ahead log: two pages a row. Half of the log is made for it at most; one over more than 8,000
/// partitions may pass the bound.
const FOLD_ROW_BYTES: u64 = 2 * FRAME_BYTES;

/// The one writer of an open store.
#[derive(Debug)]
pub struct SqliteWriter {
    // Before `db`: their threads end, and their connections close, first.
    checkpointer: Checkpointer,
    toucher: Option<Toucher>,
    db: Connection,
    shared: Arc<Shared>,
    // Frames in the write-ahead log that are not known to be back in the database, as of the last transaction.
    wal_frames: Arc<AtomicU32>,
    // The checkpointer is asked at this size; it grows after a failure, so that a full disk is not hammered.
    request_at_bytes: u64,
    last_id: i64,
    fold_commits: u32,
    unfolded_commits: u32,
    unfolded_rows: usize,
    unfolded_since_ms: Option<u64>,
    trim_wanted: bool,
    trim_since: Option<Instant>,
    rows_trimmed: usize,
    // The pages in use after the last slice of deletes, while there are more of them to come.
    used_pages: Option<i64>,
    shrink: Shrink,
    // What the cache of `db` was last made for.
    cache_pages: i64,
    pace: Pace,
    last_commit_ms: Option<u64>,
    idle_checkpoint_wanted: bool,
    reserve: Reserve,
    // The reserve is looked after at the next upkeep.
    reserve_wanted: bool,
    // The disk was full, and there has not been room for the reserve since: records are refused.
    is_short: bool,
    broken: Option<StoreError>,
}

impl SqliteWriter {
    pub(super) fn new(
        mut db: Connection,
        shared: Arc<Shared>,
        checkpointer: Checkpointer,
        wal_frames: u32,
        options: &Options,
    ) -> Result<SqliteWriter, StoreError> {
        let wal_frames = Arc::new(AtomicU32::new(wal_frames));
        let seen = Arc::clone(&wal_frames);
        db.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, frames| {
            seen.store(u32::try_from(frames).unwrap_or(0), Relaxed);
            Ok(())
        }))?;
        let (last_id, entries) = loader::load_recent(&db)?;
        let unfolded_rows = entries.len();
        shared.recent.publish(entries);
        let trim_wanted = trim::is_wanted(&db)?;
        let reserve = Reserve::at(shared.dir.reserve());
        let mut shrink = Shrink::new(options.gc_interval_ms);
        shrink.note_freed(0);
        // What an earlier process left of a full disk is not for records: deletes need it.
        let is_short = !reserve.is_held() && !reserve.has_room();
        let mut writer = SqliteWriter {
            checkpointer,
            db,
            shared,
            wal_frames,
            request_at_bytes: reserve.log_bytes(),
            last_id,
            fold_commits: options.fold_commits,
            unfolded_commits: u32::from(unfolded_rows > 0),
            unfolded_rows,
            unfolded_since_ms: (unfolded_rows > 0).then_some(0),
            trim_wanted,
            trim_since: None,
            rows_trimmed: 0,
            used_pages: None,
            toucher: None,
            shrink,
            cache_pages: connection::writer_cache_pages(0),
            pace: Pace::new(SLICE),
            last_commit_ms: None,
            idle_checkpoint_wanted: true,
            reserve,
            reserve_wanted: true,
            is_short,
            broken: None,
        };
        if is_short {
            writer.set_short(true);
        }
        Ok(writer)
    }

    /// A reader of this store, for a thread of its own.
    pub fn reader(&self) -> Result<SqliteReader, StoreError> {
        let db = connection::connect(&self.shared.dir.database(), Role::Reader).map_err(|error| StoreError::Fatal(error.to_string()))?;
        Ok(SqliteReader::new(db, Arc::clone(&self.shared)))
    }

    /// What its connections share.
    pub(super) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// The connection, to be put under pressure.
    #[cfg(test)]
    pub(super) fn db(&self) -> &Connection {
        &self.db
    }

    /// Whether the end of a checkpoint is still to be taken.
    #[cfg(test)]
    pub(super) fn is_checkpointing(&self) -> bool {
        self.checkpointer.is_at_work()
    }

    /// As on a machine that is so slow that slices are over when they begin, and that nothing is read ahead in time.
    #[cfg(test)]
    pub(super) fn slow_down(&mut self) {
        self.pace = Pace::new(Duration::ZERO);
        self.toucher = Some(Toucher::late());
    }

    /// Runs `work` as one transaction. On an error nothing of it stays; any error but a full disk breaks the writer.
    fn transaction<T>(&mut self, doing: &str, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let db = &self.db;
        let run = || {
            db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            let done = work(db)?;
            db.prepare_cached("COMMIT")?.execute([])?;
            Ok(done)
        };
        let result = run().or_else(|error| {
            // Some errors roll back by themselves (<https://sqlite.org/lang_transaction.html>).
            if !db.is_autocommit() {
                db.prepare_cached("ROLLBACK")?.execute([])?;
            }
            Err(error)
        });
        result.map_err(|error| self.note(while_doing(doing, error)))
    }

    /// Any error but a full disk is final; that one is what the reserve is for.
    fn note(&mut self, error: StoreError) -> StoreError {
        match error {
            StoreError::Full(_) => {
                self.set_short(true);
                error
            }
            StoreError::Corrupt(what) | StoreError::Fatal(what) => self.broken.insert(StoreError::Fatal(what)).clone(),
        }
    }

    /// The disk is full, or is not any more. While it is, the log is cut to what deletes need when it starts over.
    fn set_short(&mut self, is_short: bool) {
        self.is_short = is_short;
        if is_short {
            self.reserve.release();
        }
        let log_bytes = if is_short { LOG_OF_FULL_DISK_BYTES } else { -1 };
        // A pragma that answers with the value it sets, and does nothing else.
        let _ = self.db.query_row(&format!("PRAGMA journal_size_limit = {log_bytes}"), [], |_| Ok(()));
    }

    fn check_unbroken(&self) -> Result<(), StoreError> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    fn wal_bytes(&self) -> u64 {
        u64::from(self.wal_frames.load(Relaxed)) * FRAME_BYTES
    }

    /// Takes what the checkpointer says, and keeps the write-ahead log below its hard bound: `more` bytes are to come.
    fn make_room(&mut self, more: u64) -> Result<(), StoreError> {
        let passed = match self.checkpointer.take_asked() {
            Asked::Nothing => Ok(()),
            Asked::LastPass => self.last_pass(),
            Asked::Failed(error) => Err(self.note(while_doing("checkpoint", error))),
        };
        match passed {
            // Once more, into the room of the reserve.
            Err(StoreError::Full(_)) => match self.last_pass() {
                Err(StoreError::Full(_)) => self.request_at_bytes = self.wal_bytes() + WAL_SOFT_BYTES,
                passed => passed?,
            },
            passed => passed?,
        }
        // A pass that found the disk full lost nothing, and the log may still have room; here it must not.
        if self.wal_bytes() + more > WAL_HARD_BYTES { self.last_pass() } else { Ok(()) }
    }

    /// Copies what is left of the write-ahead log while no reader is inside; the next commit starts it over.
    fn last_pass(&mut self) -> Result<(), StoreError> {
        let passed = {
            let _alone = self.shared.gate.enter_alone();
            self.checkpointer.last_pass(&self.db)
        };
        if passed.map_err(|error| self.note(while_doing("checkpoint", error)))? {
            self.wal_frames.store(0, Relaxed);
            self.request_at_bytes = self.reserve.log_bytes();
        }
        Ok(())
    }

    fn request_checkpoint_if_long(&mut self) {
        self.idle_checkpoint_wanted = true;
        if self.wal_bytes() > self.request_at_bytes {
            self.checkpointer.request();
        }
    }

    fn unfolded(&self) -> Vec<Entry> {
        self.shared.recent.commits().iter().flat_map(|entries| entries.iter().copied()).collect()
    }

    fn fold_room(&self) -> u64 {
        (self.unfolded_rows as u64 * FOLD_ROW_BYTES).min(WAL_HARD_BYTES / 2)
    }

    fn is_fold_due(&self, mono_ms: u64) -> bool {
        self.unfolded_commits >= self.fold_commits
            || self.unfolded_rows >= FOLD_ROWS_MAX
            || self.unfolded_since_ms.is_some_and(|since| mono_ms >= since + FOLD_AGE_MS)
    }

    fn set_unfolded(&mut self, entries: Vec<Entry>, mono_ms: u64) {
        if !entries.is_empty() {
            self.unfolded_commits += 1;
            self.unfolded_rows += entries.len();
            self.unfolded_since_ms.get_or_insert(mono_ms);
        }
        self.shared.recent.publish(entries);
    }

    fn set_folded(&mut self) {
        self.shared.recent.clear();
        (self.unfolded_commits, self.unfolded_rows, self.unfolded_since_ms) = (0, 0, None);
    }

    fn fold_alone(&mut self) -> Result<(), StoreError> {
        self.make_room(self.fold_room())?;
        let entries = self.unfolded();
        self.transaction("fold of the index", |db| fold::fold(db, entries))?;
        self.set_folded();
        self.request_checkpoint_if_long();
        Ok(())
    }

    /// A short transaction of housekeeping between commits; `work` is told when to end.
    fn slice<T>(
        &mut self,
        doing: &str,
        mono_ms: u64,
        work: impl FnOnce(&Connection, Instant) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.make_room(WAL_SOFT_BYTES)?;
        let (begun, end) = (Instant::now(), self.pace.end_of_work());
        let (done, worked) = self.transaction(doing, |db| Ok((work(db, end)?, Instant::now())))?;
        self.pace.learn(mono_ms, begun.elapsed(), worked.elapsed());
        self.request_checkpoint_if_long();
        Ok(done)
    }

    /// Between commits: a slice of deletes, or of giving pages back, unless it is time to rest. That is over when it says.
    fn give_space_back(&mut self, mono_ms: u64) -> Result<Option<u64>, StoreError> {
        let (free, all) = shrink::pages(&self.db)?;
        self.fit_cache(free)?;
        let came = all - free - self.used_pages.unwrap_or(all - free);
        let enough = (all / FREE_PART).min(FREE_PAGES_ENOUGH).max(came);
        // What comes in must not make the file longer while there is something to delete: that cannot wait.
        let is_urgent = self.trim_wanted && free <= enough;
        let rest_until_ms = self.pace.rest_until(mono_ms).filter(|_| !is_urgent);
        let is_idle = self.last_commit_ms.is_none_or(|last| mono_ms >= last + IDLE_MS);
        match self.trim_wanted {
            _ if rest_until_ms.is_some() => {}
            // Twice what came: less would leave what is to be deleted as much as it is.
            true if !is_idle || !shrink::is_list_long(free, all) => {
                self.trim_slice(mono_ms, is_urgent.then_some(enough.min(free + 2 * came)))?
            }
            _ => self.shrink_slice(mono_ms)?,
        }
        Ok(rest_until_ms)
    }

    /// The cache is made for a list of so many free pages; elsewhere than here nobody reads it to its end.
    fn fit_cache(&mut self, free_pages: i64) -> Result<(), StoreError> {
        let pages = connection::writer_cache_pages(free_pages);
        if pages != self.cache_pages {
            connection::set_cache_pages(&self.db, pages)?;
            self.cache_pages = pages;
        }
        Ok(())
    }

    /// Deletes for as long as a slice has, and on until so many pages are free.
    fn trim_slice(&mut self, mono_ms: u64, free_pages: Option<i64>) -> Result<(), StoreError> {
        let since = *self.trim_since.get_or_insert_with(Instant::now);
        if self.toucher.is_none() {
            // Without it deletes are slower, and that is all.
            self.toucher = Toucher::start(&self.shared).ok();
        }
        let ready = match self.toucher.as_ref().map_or(ROWS_UNTOUCHED, |toucher| toucher.ready(TOUCH_WAIT)) {
            0 if free_pages.is_some() => ROWS_COLD,
            0 => {
                self.pace.rest(mono_ms, TOUCH_WAIT);
                return Ok(());
            }
            ready => ready,
        };
        // A quarter more than the last time, so that it is the time that ends a slice.
        let rows_max = ready.min(self.rows_trimmed + self.rows_trimmed / 4 + 16);
        let shared = Arc::clone(&self.shared);
        let slice = |db: &Connection, end| trim::trim_slice(db, &shared.cuts, rows_max, Goal { end, free_pages: free_pages.unwrap_or(0) });
        (self.rows_trimmed, self.trim_wanted) = self.slice("deletion of old batches", mono_ms, slice)?;
        let (free, all) = shrink::pages(&self.db)?;
        self.used_pages = self.trim_wanted.then_some(all - free);
        if let Some(toucher) = &self.toucher {
            toucher.deleted(self.rows_trimmed);
        }
        self.shrink.note_freed(mono_ms);
        if !self.trim_wanted {
            self.reserve_wanted = !self.reserve.is_held();
            self.trim_since = None;
            if since.elapsed() >= TRIM_WORTH_TELLING {
                info!("the space of deleted batches is free again after {:.1} s", since.elapsed().as_secs_f64());
            }
        }
        Ok(())
    }

    fn shrink_slice(&mut self, mono_ms: u64) -> Result<(), StoreError> {
        // On a full disk everything goes back: it may be what the reserve is made of.
        let everything = self.is_short;
        let begun = Instant::now();
        let more = self.slice("return of free pages", mono_ms, |db, end| shrink::slice(db, end, everything))?;
        // Pages that move are written twice more, and there is no hurry.
        self.pace.rest(mono_ms, begun.elapsed() * SHRINK_REST);
        self.shrink.go_on(more);
        Ok(())
    }
}

impl Writer for SqliteWriter {
    fn commit(&mut self, plan: &Plan, mono_ms: u64) -> Result<(), StoreError> {
        self.check_unbroken()?;
        if self.is_short && !plan.batches.is_empty() {
            return Err(StoreError::Full("commit: the disk has no room for the reserve".to_owned()));
        }
        let fold_first = plan.ops.iter().any(ops::rests_on_fold);
        let ops_bytes = plan.ops.len() as u64 * FRAME_BYTES;
        let with_this = u32::from(!plan.batches.is_empty());
        let fold_last = !fold_first && with_this > 0 && (self.unfolded_commits + 1 >= self.fold_commits || self.is_fold_due(mono_ms));
        let fold_room = if fold_first || fold_last { self.fold_room() } else { 0 };
        self.make_room(plan.batch_bytes() as u64 * 9 / 8 + ops_bytes.min(WAL_SOFT_BYTES) + fold_room)?;
        let unfolded = if fold_first || fold_last { self.unfolded() } else { Vec::new() };
        let last_id = self.last_id;
        let committed = self.transaction("commit", |db| {
            let mut unfolded = unfolded;
            if fold_first {
                fold::fold(db, std::mem::take(&mut unfolded))?;
            }
            let mut deleted = BTreeSet::new();
            plan.ops.iter().try_for_each(|op| ops::carry_out(db, op, &mut deleted))?;
            let entries = insert_batches(db, &plan.batches, &deleted, last_id)?;
            if fold_last {
                unfolded.extend(&entries);
                fold::fold(db, unfolded)?;
            }
            Ok(entries)
        });
        if let Err(StoreError::Full(_)) = &committed {
            // At once, before anybody else takes the room of the reserve: the log can start over in place then.
            match self.last_pass() {
                Ok(()) | Err(StoreError::Full(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let entries = committed?;
        self.last_id += entries.len() as i64;
        if fold_first || fold_last {
            self.set_folded();
        }
        if !fold_last {
            self.set_unfolded(entries, mono_ms);
        }
        self.trim_wanted |= fold_first;
        self.pace.note_plan();
        self.last_commit_ms = Some(mono_ms);
        self.request_checkpoint_if_long();
        Ok(())
    }

    fn load(&mut self) -> Result<Image, StoreError> {
        self.check_unbroken()?;
        loader::load(&self.db, &self.shared.recent).map_err(|error| while_doing("load", error))
    }

    fn upkeep(&mut self, mono_ms: u64) -> Result<Upkeep, StoreError> {
        self.check_unbroken()?;
        self.make_room(0)?;
        if std::mem::take(&mut self.reserve_wanted) && !self.is_short && !self.reserve.take() {
            warn!("the disk of the data directory is nearly full: there is no room for the reserve");
        }
        if self.unfolded_rows > 0 && self.is_fold_due(mono_ms) {
            self.fold_alone()?;
            return Ok(Upkeep::Again);
        }
        let shrink_due = self.shrink.is_due(&self.db, mono_ms, self.is_short)?;
        let mut rest_ms = None;
        if self.trim_wanted || shrink_due {
            rest_ms = self.give_space_back(mono_ms)?;
            if rest_ms.is_none() {
                return Ok(Upkeep::Again);
            }
        } else {
            self.fit_cache(0)?;
        }
        let idle_ms = *self.last_commit_ms.get_or_insert(mono_ms) + IDLE_MS;
        if self.idle_checkpoint_wanted && mono_ms >= idle_ms {
            self.idle_checkpoint_wanted = false;
            if self.wal_bytes() > 0 {
                self.checkpointer.request();
            }
        }
        let fold_ms = self.unfolded_since_ms.map(|since| since + FOLD_AGE_MS);
        let idle_ms = self.idle_checkpoint_wanted.then_some(idle_ms);
        // How a checkpoint ended is to be learnt also when nothing else comes.
        let checkpoint_ms = self.checkpointer.is_at_work().then_some(mono_ms + IDLE_MS);
        let next = fold_ms.into_iter().chain(rest_ms).chain(self.shrink.next_ms()).chain(idle_ms).chain(checkpoint_ms).min();
        Ok(next.map_or(Upkeep::Idle, Upkeep::At))
    }

    fn is_short(&self) -> bool {
        self.is_short
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        self.check_unbroken()?;
        if !self.reserve.is_held() {
            // What is in the log takes its room in the database first, and what was given back there is room then.
            self.last_pass()?;
            if !self.reserve.take() {
                return Err(StoreError::Full("probe: the disk has no room for the reserve and a plan".to_owned()));
            }
        }
        self.set_short(false);
        self.make_room(FRAME_BYTES)?;
        self.transaction("probe", |db| Ok(db.prepare_cached("UPDATE meta SET probes = probes + 1")?.execute([])?))?;
        Ok(())
    }

    fn close(mut self: Box<Self>) -> Result<(), StoreError> {
        self.check_unbroken()?;
        self.toucher = None;
        match self.fold_alone().and_then(|()| self.last_pass()) {
            // Everything is in the log, and stays there.
            Err(StoreError::Full(_)) => return Ok(()),
            done => done?,
        }
        // The last connection to close takes the empty log away.
        self.db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        self.shared.dir.unsign();
        Ok(())
    }
}

/// Inserts the batches sorted by partition, so that each partition's lie together; returns their entries in that order.
fn insert_batches(db: &Connection, batches: &[BatchRow], deleted: &BTreeSet<PartId>, last_id: i64) -> Result<Vec<Entry>, StoreError> {
    let mut rows: Vec<&BatchRow> = batches.iter().filter(|row| !deleted.contains(&row.part)).collect();
    // Stable: offsets stay in order.
    rows.sort_by_key(|row| row.part);
    let mut insert = db.prepare_cached(
        "INSERT INTO batch(id, part, base, last, max_ts, flags, pid, epoch, seq, size, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        let entry = Entry::new(last_id + 1 + entries.len() as i64, row);
        insert.execute(params![
            entry.id,
            row.part.0,
            row.base,
            row.last,
            row.max_ts,
            row.flags,
            row.pid,
            row.epoch,
            row.seq,
            entry.size,
            &row.data[..]
        ])?;
        entries.push(entry);
    }
    Ok(entries)
}
