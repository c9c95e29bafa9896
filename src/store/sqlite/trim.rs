//! Gives space back: batches below a log start and batches of deleted topics, in short slices between commits. What is still
//! to be done stands in the table `trim`, so that a restart goes on with it. Called by `writer`, and by `toucher`, which reads
//! ahead.

use super::shrink;
use crate::store::seam::StoreError;
use rusqlite::{Connection, params};
use std::time::Instant;

/// Neighbours are trimmed together: within a commit rows are sorted by partition, so theirs share pages.
const PARTITIONS_AT_ONCE: usize = 16;

/// A partition that is being trimmed.
pub(super) struct Trim {
    part: i64,
    until: i64,
    // Whether its index ends within what was looked at.
    seen_whole: bool,
    // The first batch to keep was met.
    kept: bool,
    deleted_to: Option<i64>,
}

/// Whether there is anything to delete.
pub(super) fn is_wanted(db: &Connection) -> Result<bool, StoreError> {
    Ok(db.prepare_cached("SELECT EXISTS (SELECT * FROM trim)")?.query_row([], |row| row.get(0))?)
}

/// How far a slice of deletes is to go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goal {
    /// Not much longer than until then,
    pub(super) end: Instant,
    /// ... unless fewer pages than this are free: what comes in would make the file longer.
    pub(super) free_pages: i64,
}

impl Goal {
    fn is_reached(&self, db: &Connection) -> Result<bool, StoreError> {
        Ok(Instant::now() >= self.end && shrink::free_pages(db)? >= self.free_pages)
    }
}

/// Deletes rows until the goal is reached, at least one, inside a transaction of the writer. Up to `rows_max` are at hand; of
/// others no more go than the goal needs. Returns how many it looked at, and whether there is more to delete.
pub(super) fn trim_slice(db: &Connection, rows_max: usize, goal: Goal) -> Result<(usize, bool), StoreError> {
    let mut seen = 0;
    loop {
        seen += trim_rows(db, rows_max, goal)?;
        let more = is_wanted(db)?;
        if !more || shrink::free_pages(db)? >= goal.free_pages {
            return Ok((seen, more));
        }
    }
}

/// Deletes up to so many rows. Everything it meets is folded: operations that ask for a trim fold first.
fn trim_rows(db: &Connection, rows_max: usize, goal: Goal) -> Result<usize, StoreError> {
    let mut trims = trims(db)?;
    let mut rows = first_rows(db, &mut trims, rows_max)?;
    // In the order in which they lie in the file; each partition's offsets rise with the ids.
    rows.sort_unstable();
    let mut delete = db.prepare_cached("DELETE FROM batch WHERE id = ?1 AND last < ?2")?;
    let (mut seen, mut is_over) = (0, false);
    for (id, at, base) in rows {
        let trim = &mut trims[at];
        // A doomed batch that is missing already is no reason to keep its entry.
        trim.kept |= !trim.kept && delete.execute([id, trim.until])? == 0 && trim.until < i64::MAX;
        if !trim.kept {
            trim.deleted_to = Some(base);
        }
        seen += 1;
        is_over = goal.is_reached(db)?;
        if is_over {
            break;
        }
    }
    for trim in trims {
        if let Some(base) = trim.deleted_to {
            db.prepare_cached("DELETE FROM bindex WHERE part = ?1 AND base <= ?2")?.execute([trim.part, base])?;
        }
        if trim.kept || (trim.seen_whole && !is_over) {
            db.prepare_cached("DELETE FROM trim WHERE part = ?1")?.execute([trim.part])?;
        }
    }
    Ok(seen)
}

/// The partitions whose turn it is.
pub(super) fn trims(db: &Connection) -> Result<Vec<Trim>, StoreError> {
    let mut select = db.prepare_cached("SELECT part, until FROM trim ORDER BY part LIMIT ?1")?;
    let trims = select.query_map([PARTITIONS_AT_ONCE as i64], |row| {
        Ok(Trim { part: row.get(0)?, until: row.get(1)?, seen_whole: false, kept: false, deleted_to: None })
    })?;
    Ok(trims.collect::<Result<_, _>>()?)
}

/// The first rows of each partition that may have to go, about so many in all: row id, index in `trims`, base offset.
pub(super) fn first_rows(db: &Connection, trims: &mut [Trim], rows_max: usize) -> Result<Vec<(i64, usize, i64)>, StoreError> {
    let of_each = rows_max.div_ceil(trims.len().max(1));
    let mut select = db.prepare_cached("SELECT id, base FROM bindex WHERE part = ?1 AND base < ?2 ORDER BY base LIMIT ?3")?;
    let mut found = Vec::new();
    for (at, trim) in trims.iter_mut().enumerate() {
        let before = found.len();
        for row in select.query_map(params![trim.part, trim.until, of_each as i64], |row| Ok((row.get(0)?, at, row.get(1)?)))? {
            found.push(row?);
        }
        trim.seen_whole = found.len() - before < of_each;
    }
    Ok(found)
}
