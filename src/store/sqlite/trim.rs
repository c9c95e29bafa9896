//! Gives space back: batches below a log start and batches of deleted topics, in short slices between commits. What is still
//! to be done stands in the table `trim`, so that a restart goes on with it. Called by `writer`.

use crate::base::limits::DELETE_SLICE_MS;
use crate::store::seam::StoreError;
use rusqlite::{Connection, OptionalExtension, params};
use std::time::{Duration, Instant};

/// Whether there is anything to delete.
pub(super) fn is_wanted(db: &Connection) -> Result<bool, StoreError> {
    Ok(db.prepare_cached("SELECT EXISTS (SELECT * FROM trim)")?.query_row([], |row| row.get(0))?)
}

/// Deletes for about [`DELETE_SLICE_MS`], at least one batch, inside a transaction of the writer. Everything it meets is
/// folded: operations that ask for a trim fold first.
pub(super) fn trim_slice(db: &Connection) -> Result<(), StoreError> {
    let end = Instant::now() + Duration::from_millis(DELETE_SLICE_MS);
    let next = "SELECT part, until FROM trim ORDER BY part LIMIT 1";
    while let Some((part, until)) = db.prepare_cached(next)?.query_row([], |row| row.try_into()).optional()? {
        while trim_one(db, part, until)? {
            if Instant::now() >= end {
                return Ok(());
            }
        }
        db.prepare_cached("DELETE FROM trim WHERE part = ?1")?.execute([part])?;
        if Instant::now() >= end {
            return Ok(());
        }
    }
    Ok(())
}

/// Deletes the first batch of a partition if it ends before `until`.
fn trim_one(db: &Connection, part: i64, until: i64) -> Result<bool, StoreError> {
    let first: Option<(i64, i64)> = db
        .prepare_cached("SELECT base, id FROM bindex WHERE part = ?1 ORDER BY base LIMIT 1")?
        .query_row([part], |row| row.try_into())
        .optional()?;
    let Some((base, id)) = first.filter(|(base, _)| *base < until) else { return Ok(false) };
    let deleted = db.prepare_cached("DELETE FROM batch WHERE id = ?1 AND last < ?2")?.execute([id, until])?;
    if deleted == 0 && until < i64::MAX {
        return Ok(false);
    }
    db.prepare_cached("DELETE FROM bindex WHERE part = ?1 AND base = ?2")?.execute(params![part, base])?;
    Ok(true)
}
