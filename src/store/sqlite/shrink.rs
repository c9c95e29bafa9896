//! Gives free pages back to the file system: those beyond a tenth of the file, every so often, in short slices between
//! commits. What stays free is used first by what comes. The file gets shorter when the write-ahead log is copied back.
//! Where so much is deleted that the list of free pages becomes long, and nobody is disturbed, they go back at once: SQLite
//! looks for a page by reading the list from its front, for each page that it gives back. Called by `writer`.

use crate::store::seam::StoreError;
use rusqlite::Connection;
use std::time::Instant;

/// Fewer free pages than this are never worth the trouble.
const PAGES_MIN: i64 = 256;
/// Begins where more than one page in so many is free,
const BEGIN_AT: i64 = 10;
/// ... and ends where one in so many is: a file that was given back from is not at the limit again at once.
const END_AT: i64 = 20;

/// A list of free pages that is longer, and more than is kept anyway, is better made shorter before more is deleted: reading
/// 32 pages of it for one takes some microseconds, reading the 1,200 of 5 GB takes a millisecond.
const LIST_PAGES_MAX: i64 = 32_768;

/// When free pages are to be given back, and whether that is under way.
#[derive(Debug)]
pub(super) struct Shrink {
    interval_ms: u64,
    look_at_ms: Option<u64>,
    under_way: bool,
}

impl Shrink {
    /// Looks at the file after each interval in which something was deleted, and once after the start.
    pub(super) fn new(interval_ms: u64) -> Shrink {
        Shrink { interval_ms, look_at_ms: None, under_way: false }
    }

    /// Pages have become free, or may have.
    pub(super) fn note_freed(&mut self, mono_ms: u64) {
        self.look_at_ms.get_or_insert(mono_ms.saturating_add(self.interval_ms));
    }

    /// When to look next.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.look_at_ms
    }

    /// Whether a slice is to be run now; `at_once` where any free page is wanted back.
    pub(super) fn is_due(&mut self, db: &Connection, mono_ms: u64, at_once: bool) -> Result<bool, StoreError> {
        if at_once {
            self.under_way = pages(db)?.0 > 0;
        } else if self.look_at_ms.is_some_and(|at| mono_ms >= at) {
            self.look_at_ms = None;
            let (free, all) = pages(db)?;
            self.under_way |= free > PAGES_MIN && free * BEGIN_AT > all;
        }
        Ok(self.under_way)
    }

    /// After a slice: whether there is more to do.
    pub(super) fn go_on(&mut self, more: bool) {
        self.under_way = more;
    }
}

/// Whether the list of free pages is too long to be made longer.
pub(super) fn is_list_long(free: i64, all: i64) -> bool {
    free > LIST_PAGES_MAX && free * BEGIN_AT > all
}

/// Gives pages back until the time is over or enough is done; `everything` leaves none. Inside a transaction of the writer.
/// Returns whether there is more to do.
pub(super) fn slice(db: &Connection, end: Instant, everything: bool) -> Result<bool, StoreError> {
    let (free, all) = pages(db)?;
    // Each page that is given back is one less of both.
    let mut left = if everything { free } else { (free * END_AT - all + END_AT - 2) / (END_AT - 1) };
    if left > 0 {
        let mut give_back = db.prepare("PRAGMA incremental_vacuum")?;
        // Each row of the answer is a page.
        let mut rows = give_back.query([])?;
        while left > 0 && rows.next()?.is_some() {
            left -= 1;
            if Instant::now() >= end {
                break;
            }
        }
    }
    Ok(left > 0)
}

/// Free pages, and all pages of the file.
pub(super) fn pages(db: &Connection) -> Result<(i64, i64), StoreError> {
    let all = db.prepare_cached("PRAGMA page_count")?.query_row([], |row| row.get(0))?;
    Ok((free_pages(db)?, all))
}

/// Free pages.
pub(super) fn free_pages(db: &Connection) -> Result<i64, StoreError> {
    Ok(db.prepare_cached("PRAGMA freelist_count")?.query_row([], |row| row.get(0))?)
}
