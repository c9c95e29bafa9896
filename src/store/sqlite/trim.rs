//! Gives space back: batches below a log start and batches of deleted topics, in short slices between commits. What is still
//! to be done stands in the table `trim`, so that a restart goes on with it. Called by `writer`, and by `toucher`, which reads
//! ahead.
//!
//! Free pages make a list, the latest in front, and a page is looked for from the front: where much is deleted at once, the
//! order decides what giving it back costs. Most of a large deletion goes from its middle on, and what lies first in the
//! file goes last. Then the list begins with the pages into which the end of the file is to move, and goes on with those
//! that are cut off, from the last.

use super::schema::PAGE_BYTES;
use super::shrink;
use crate::store::seam::StoreError;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Neighbours are trimmed together: within a commit rows are sorted by partition, so theirs share pages.
const PARTITIONS_AT_ONCE: usize = 16;

/// Less than this, deleted at once, needs no order.
const ORDER_BYTES_MIN: i64 = 128 << 20;
/// Deleted partitions that are looked at to know how much that is.
const PARTITIONS_WEIGHED: i64 = 256;

/// Where deleted partitions are cut: batches from this base offset on go first.
#[derive(Debug, Default)]
pub(super) struct Cuts(Mutex<BTreeMap<i64, i64>>);

/// A partition that is being trimmed.
pub(super) struct Trim {
    part: i64,
    // Batches from here on; those before it are next.
    from: i64,
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
pub(super) fn trim_slice(db: &Connection, cuts: &Cuts, rows_max: usize, goal: Goal) -> Result<(usize, bool), StoreError> {
    let mut seen = 0;
    loop {
        seen += trim_rows(db, cuts, rows_max, goal)?;
        let more = is_wanted(db)?;
        if !more || shrink::free_pages(db)? >= goal.free_pages {
            return Ok((seen, more));
        }
    }
}

/// Deletes up to so many rows. Everything it meets is folded: operations that ask for a trim fold first.
fn trim_rows(db: &Connection, cuts: &Cuts, rows_max: usize, goal: Goal) -> Result<usize, StoreError> {
    let mut trims = trims(db, cuts)?;
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
            let mut delete = db.prepare_cached("DELETE FROM bindex WHERE part = ?1 AND base >= ?2 AND base <= ?3")?;
            delete.execute([trim.part, trim.from, base])?;
        }
        let is_done = trim.kept || (trim.seen_whole && !is_over);
        if is_done && trim.from > i64::MIN {
            cuts.lock().insert(trim.part, i64::MIN);
        } else if is_done {
            cuts.lock().remove(&trim.part);
            db.prepare_cached("DELETE FROM trim WHERE part = ?1")?.execute([trim.part])?;
        }
    }
    Ok(seen)
}

/// The partitions whose turn it is.
pub(super) fn trims(db: &Connection, cuts: &Cuts) -> Result<Vec<Trim>, StoreError> {
    let mut select = db.prepare_cached("SELECT part, until FROM trim ORDER BY part LIMIT ?1")?;
    let rows = select.query_map([PARTITIONS_AT_ONCE as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut trims = Vec::new();
    for row in rows {
        let (part, until) = row?;
        let from = if until == i64::MAX { cuts.of(db, part)? } else { i64::MIN };
        trims.push(Trim { part, from, until, seen_whole: false, kept: false, deleted_to: None });
    }
    Ok(trims)
}

impl Cuts {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<i64, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where this deleted partition is cut.
    fn of(&self, db: &Connection, part: i64) -> Result<i64, StoreError> {
        let known = self.lock().get(&part).copied();
        match known {
            Some(cut) => Ok(cut),
            None => {
                let cut = cut(db, part)?;
                Ok(*self.lock().entry(part).or_insert(cut))
            }
        }
    }
}

/// Rows lie in the file about in the order of their ids. What will be left of it is as long as what lives, and a quarter.
fn cut(db: &Connection, part: i64) -> Result<i64, StoreError> {
    let deleted_bytes: i64 = db
        .prepare_cached(
            "SELECT ifnull(sum(ifnull((SELECT cum FROM bindex WHERE part = d.part ORDER BY base DESC LIMIT 1), 0)
                             - ifnull((SELECT cum FROM bindex WHERE part = d.part ORDER BY base LIMIT 1), 0)), 0)
             FROM (SELECT part FROM trim WHERE until = ?1 LIMIT ?2) d",
        )?
        .query_row([i64::MAX, PARTITIONS_WEIGHED], |row| row.get(0))?;
    if deleted_bytes < ORDER_BYTES_MIN {
        return Ok(i64::MIN);
    }
    let (free, all) = shrink::pages(db)?;
    let used_bytes = ((all - free) * PAGE_BYTES).max(deleted_bytes);
    let (first, last): (i64, i64) =
        db.query_row("SELECT ifnull((SELECT min(id) FROM batch), 0), ifnull((SELECT max(id) FROM batch), 0)", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let left = (used_bytes - deleted_bytes) as f64 * 1.25 / used_bytes as f64;
    first_base_from(db, part, first + ((last - first) as f64 * left.min(1.0)) as i64)
}

/// The first base offset of a partition whose row has this id or a higher one; offsets rise with the ids.
fn first_base_from(db: &Connection, part: i64, id: i64) -> Result<i64, StoreError> {
    let mut select = db.prepare_cached("SELECT base, id FROM bindex WHERE part = ?1 AND base >= ?2 ORDER BY base LIMIT 1")?;
    // Below `low` ids are lower, from `high` on they are not, or there are none.
    let (mut low, mut high) = (0, i64::MAX);
    while low < high {
        let middle = low + (high - low) / 2;
        let entry: Option<(i64, i64)> = select.query_row([part, middle], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match entry {
            Some((base, found)) if found < id => low = base.saturating_add(1),
            _ => high = middle,
        }
    }
    Ok(low)
}

/// The first rows of each partition that may have to go, about so many in all: row id, index in `trims`, base offset.
pub(super) fn first_rows(db: &Connection, trims: &mut [Trim], rows_max: usize) -> Result<Vec<(i64, usize, i64)>, StoreError> {
    let of_each = rows_max.div_ceil(trims.len().max(1));
    let mut select =
        db.prepare_cached("SELECT id, base FROM bindex WHERE part = ?1 AND base >= ?2 AND base < ?3 ORDER BY base LIMIT ?4")?;
    let mut found = Vec::new();
    for (at, trim) in trims.iter_mut().enumerate() {
        let before = found.len();
        for row in select.query_map(params![trim.part, trim.from, trim.until, of_each as i64], |row| Ok((row.get(0)?, at, row.get(1)?)))? {
            found.push(row?);
        }
        trim.seen_whole = found.len() - before < of_each;
    }
    Ok(found)
}
