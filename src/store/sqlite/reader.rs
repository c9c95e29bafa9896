//! A reader of committed batches on a connection of its own. Every answer is made of slices: inside the gate, one snapshot,
//! a bounded time, everything copied out (`snapshot`). Made by the writer, owned by a cold thread.

use super::recent::Entry;
use super::shared::Shared;
use super::snapshot::{Found, Scan, Snapshot};
use crate::base::ids::PartId;
use crate::base::limits::READ_SLICE_BYTES;
use crate::store::plan::BatchRow;
use crate::store::seam::{Kept, Reader, StoreError, TimestampTarget, Volume};
use rusqlite::Connection;
use std::sync::Arc;

/// One of any number of readers.
#[derive(Debug)]
pub struct SqliteReader {
    db: Connection,
    shared: Arc<Shared>,
}

impl SqliteReader {
    pub(super) fn new(db: Connection, shared: Arc<Shared>) -> SqliteReader {
        SqliteReader { db, shared }
    }

    /// Runs `work` on a snapshot that holds at least what was committed when the unfolded entries were taken.
    fn slice<T>(&mut self, part: PartId, work: impl FnOnce(&Snapshot<'_>) -> Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        let _inside = self.shared.gate.enter();
        // Dropped, it ends without a trace: nothing was written.
        let transaction = self.db.transaction()?;
        Snapshot::of(&transaction, part)?.map(|snapshot| work(&snapshot)).transpose()
    }

    // Always taken before the snapshot: what is folded in between is then in both, never in neither.
    fn unfolded(&self, part: PartId, until: i64) -> Vec<Entry> {
        self.shared.recent.of(part, i64::MIN, until, usize::MAX)
    }
}

impl Reader for SqliteReader {
    fn read(&mut self, part: PartId, from: i64, until: i64, max_bytes: usize) -> Result<Vec<BatchRow>, StoreError> {
        let max_bytes = max_bytes.min(READ_SLICE_BYTES);
        let unfolded = self.shared.recent.of(part, from, until, max_bytes);
        Ok(self.slice(part, |snapshot| snapshot.read(from, until, max_bytes, &unfolded))?.unwrap_or_default())
    }

    fn find_timestamp(&mut self, part: PartId, from: i64, until: i64, target: TimestampTarget) -> Result<Option<BatchRow>, StoreError> {
        let mut scan = Scan { from, best: None };
        loop {
            let unfolded = self.unfolded(part, until);
            match self.slice(part, |snapshot| snapshot.find_timestamp(&mut scan, until, target, &unfolded))? {
                None | Some(Found::Nothing) => return Ok(None),
                Some(Found::Row(row)) => return Ok(Some(*row)),
                Some(Found::NotYet) => {}
            }
        }
    }

    fn retained_from(&mut self, part: PartId, from: i64, until: i64, cutoff_ms: i64, keep_bytes: i64) -> Result<Option<Kept>, StoreError> {
        let unfolded = self.unfolded(part, until);
        Ok(self.slice(part, |snapshot| snapshot.retained_from(from, until, cutoff_ms, keep_bytes, &unfolded))?.flatten())
    }

    fn volume(&self) -> Option<Volume> {
        self.shared.dir.volume().ok()
    }
}
